//! Builds an agent's checkpoints: signs them, links each to the one before, and says in which order
//! they and what goes with them are to be written. It holds the agent's key and writes nothing
//! itself; a checkpoint counts only once its commit was acknowledged.

use igor_core::format::{
    AgentId, AgentKey, Carry, Epoch, Hash, Microcents, Price, PublicKey, Seq, Tick,
};
use igor_core::format::{AgentRecord, ExecutionLimits, Head, MeterName, Predecessor, Standing};
use igor_core::format::{Checkpoint, Header};
use igor_core::format::{FundError, FundId, FundRecord, Funding};
use igor_core::storage::{Batch, Committed, Group, Key, Precondition, Version};

/// Under which terms an agent lives here; kept in its record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Terms {
    /// The agent's name on this node.
    pub(crate) agent: AgentId,
    /// The hash of the module's original bytes.
    pub(crate) module: Hash,
    /// The hash of the manifest's text.
    pub(crate) manifest: Hash,
    /// The meter that charges it.
    pub(crate) meter: MeterName,
    /// The version of the preparation its module goes through.
    pub(crate) preparation_version: u32,
    /// The version of the cost table its gas is counted by.
    pub(crate) cost_table_version: u32,
    /// The limits it runs under.
    pub(crate) limits: ExecutionLimits,
    /// What it was given at its creation, if that is known.
    pub(crate) initial_budget: Option<Microcents>,
}

/// What a checkpoint is to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Snapshot<'a> {
    /// The last committed tick.
    pub(crate) tick: Tick,
    /// The budget left.
    pub(crate) budget: Microcents,
    /// What is used but not yet a whole microcent.
    pub(crate) carry: Carry,
    /// What a nominal second costs.
    pub(crate) price: Price,
    /// The agent's state.
    pub(crate) state: &'a [u8],
}

/// A checkpoint that is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Saved {
    pub(crate) checkpoint: Hash,
    pub(crate) carry: Carry,
    /// What must be unchanged for another save to be pointless.
    pub(crate) content: Content,
    /// Its place among the past checkpoints.
    pub(crate) place: (Tick, u32),
}

/// What distinguishes checkpoints that are worth writing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Content {
    tick: Tick,
    budget: Microcents,
    price: Price,
    epoch: Epoch,
    state: Hash,
}

impl Content {
    pub(crate) fn of(checkpoint: &Checkpoint) -> Self {
        let Header { budget, price, tick, epoch, .. } = *checkpoint.header();
        Self { tick, budget, price, epoch, state: Hash::of(checkpoint.state()) }
    }
}

/// The books of one agent.
pub struct Ledger {
    key: AgentKey,
    terms: Terms,
    epoch: Epoch,
    saved: Option<(Saved, Version)>,
    /// Being written.
    pending: Option<Saved>,
    /// To be written with the next checkpoint, once.
    attachments: Vec<(Key, Vec<u8>)>,
}

impl Ledger {
    /// The books of an agent that was never saved. `attachments` are written before its first
    /// checkpoint: its identity, module and manifest.
    pub(crate) fn unborn(key: AgentKey, terms: Terms, attachments: Vec<(Key, Vec<u8>)>) -> Self {
        let epoch = Epoch::default();
        Self { key, terms, epoch, saved: None, pending: None, attachments }
    }

    /// The books of an agent whose last checkpoint is `saved`, stored as `version`.
    pub(crate) fn continued(
        key: AgentKey,
        terms: Terms,
        saved: Saved,
        version: Version,
        attachments: Vec<(Key, Vec<u8>)>,
    ) -> Self {
        let epoch = saved.content.epoch;
        Self { key, terms, epoch, saved: Some((saved, version)), pending: None, attachments }
    }

    /// The agent's public key.
    pub fn public_key(&self) -> PublicKey {
        self.key.public_key()
    }

    /// Whether no checkpoint was ever written.
    pub(crate) fn is_unborn(&self) -> bool {
        self.saved.is_none()
    }

    /// The batch that writes a checkpoint of `snapshot`; `None` if the last one says the same.
    pub(crate) fn save(&mut self, snapshot: &Snapshot<'_>) -> Option<Batch> {
        let checkpoint = self.sign(snapshot);
        let content = Content::of(&checkpoint);
        if self.saved.as_ref().is_some_and(|(saved, _)| saved.content == content) {
            return None;
        }
        Some(self.write(&checkpoint, content, snapshot.carry, None).into())
    }

    /// The batch that writes a checkpoint of `snapshot`, whose budget was raised by `amount`, with
    /// the signed record that says so.
    ///
    /// # Errors
    /// When the amount is nothing.
    pub(crate) fn fund(
        &mut self,
        snapshot: &Snapshot<'_>,
        amount: Microcents,
        id: FundId,
    ) -> Result<Batch, FundError> {
        let before = self.saved.as_ref().map_or(Hash::ZERO, |(saved, _)| saved.checkpoint);
        let checkpoint = self.sign(snapshot);
        let funding = Funding { before, after: checkpoint.hash(), amount, id };
        let record = FundRecord::sign(&self.key, funding)?;
        let content = Content::of(&checkpoint);
        Ok(self.write(&checkpoint, content, snapshot.carry, Some((id, record))).into())
    }

    /// Takes the last built checkpoint as written; returns its hash.
    ///
    /// # Panics
    /// If none was built: an acknowledgement without a save would falsify the books.
    pub(crate) fn committed(&mut self, committed: &Committed) -> Hash {
        let pending = self.pending.take().expect("a commit follows a save");
        let version = committed.versions.last().cloned();
        let hash = pending.checkpoint;
        self.saved = Some((pending, version.expect("a save puts the checkpoint last")));
        self.attachments.clear();
        hash
    }

    fn sign(&self, snapshot: &Snapshot<'_>) -> Checkpoint {
        let header = Header {
            budget: snapshot.budget,
            price: snapshot.price,
            tick: snapshot.tick,
            code_hash: self.terms.module,
            epoch: self.epoch,
            lease_expiry_ns: 0,
        };
        let prev = self.saved.as_ref().map_or(Hash::ZERO, |(saved, _)| saved.checkpoint);
        Checkpoint::sign(&self.key, header, prev, snapshot.state.to_vec())
    }

    /// The order matters: what is written first must do no harm alone. The record knows the carry of
    /// the checkpoint before as well; a fund record allows only the checkpoint it names; a history
    /// entry that is one step ahead is adopted as the checkpoint it is.
    fn write(
        &mut self,
        checkpoint: &Checkpoint,
        content: Content,
        carry: Carry,
        fund: Option<(FundId, FundRecord)>,
    ) -> Group {
        let agent = self.terms.agent.clone();
        let tick = content.tick;
        let place = match &self.saved {
            Some((Saved { place: (last, copy), .. }, _)) if *last == tick => (tick, copy + 1),
            _ => (tick, 0),
        };
        let saved = Saved { checkpoint: checkpoint.hash(), carry, content, place };
        let precondition = match &self.saved {
            Some((_, version)) => Precondition::Matches(version.clone()),
            None => Precondition::Absent,
        };
        let mut group = Group::new(agent.clone());
        for (key, bytes) in &self.attachments {
            group = group.put(key.clone(), bytes.clone(), Precondition::Always);
        }
        if let Some((id, record)) = fund {
            let key = Key::Fund(agent.clone(), *id.as_bytes());
            group = group.put(key, record.encode(), Precondition::Absent);
        }
        let record = self.record(&saved).encode();
        let bytes = checkpoint.encode();
        let history = Key::History(agent.clone(), place.0, place.1);
        self.pending = Some(saved);
        group
            .put(Key::Record(agent.clone()), record, Precondition::Always)
            .put(history, bytes.clone(), Precondition::Absent)
            .put(Key::Checkpoint(agent), bytes, precondition)
    }

    fn record(&self, saved: &Saved) -> AgentRecord {
        let head = |saved: &Saved| Head {
            checkpoint: saved.checkpoint,
            carry: saved.carry,
            journal: Seq(0),
            predecessor: Predecessor::NotJournaled,
        };
        let terms = self.terms.clone();
        AgentRecord {
            agent_id: terms.agent,
            public_key: self.key.public_key(),
            module: terms.module,
            manifest: terms.manifest,
            meter: terms.meter,
            preparation_version: terms.preparation_version,
            cost_table_version: terms.cost_table_version,
            limits: terms.limits,
            initial_budget: terms.initial_budget,
            holder: None,
            current: head(saved),
            previous: self.saved.as_ref().map(|(saved, _)| head(saved)),
            standing: Standing::Active,
        }
    }
}
