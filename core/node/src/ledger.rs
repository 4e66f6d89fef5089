//! Builds what is written of an agent: its journal, and its checkpoints, signed and each linked to the
//! one before; and says in which order they and what goes with them are to be written. It holds the
//! agent's key and writes nothing itself; a record or a checkpoint counts only once its commit was
//! acknowledged.

mod departure;

use std::sync::Arc;

use igor_core::format::{
    AgentId, AgentKey, Carry, Epoch, Hash, Microcents, NodeKey, Price, PublicKey, Seq, Tick,
};
use igor_core::format::{AgentRecord, ExecutionLimits, Head, MeterName, Standing};
use igor_core::format::{Checkpoint, Header};
use igor_core::format::{FundError, FundId, FundRecord, FundedRecord, Funding};
use igor_core::format::{
    Predecessor, Record, RecoveredRecord, Segment, SegmentClosing, SegmentOpening,
};
use igor_core::storage::{Batch, Committed, Group, Key, Precondition, Version};

use crate::abi::ABI_VERSION;
use crate::journal::Journal;
use crate::purse::Purse;

pub(crate) use departure::Departure;

/// Under which terms an agent lives here; kept in its record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Terms {
    /// The agent's name on this node.
    pub(crate) agent: AgentId,
    /// The hash of the module's original bytes.
    pub(crate) module: Hash,
    /// The text of the manifest.
    pub(crate) manifest: Vec<u8>,
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

impl<'a> Snapshot<'a> {
    /// Of an agent that stands so.
    pub(crate) fn of(purse: &Purse, tick: Tick, state: Option<&'a [u8]>) -> Self {
        let Purse { price, budget, carry, .. } = purse;
        let state = state.unwrap_or_default();
        Self { tick, budget: *budget, carry: *carry, price: *price, state }
    }
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
    /// Where in the log the segment after it begins.
    pub(crate) journal: Seq,
    /// What that segment names as its predecessor.
    pub(crate) predecessor: Predecessor,
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

/// The most records in a segment, unless a single commit brings more.
const SEGMENT_RECORDS: usize = 4_096;
/// About the most bytes of records in a segment.
const SEGMENT_BYTES: usize = 4 << 20;
/// How many records may lie in the log behind the last checkpoint before they are trimmed.
const TRIM_RECORDS: u64 = 1_024;

/// The books of one agent.
pub(crate) struct Ledger {
    key: AgentKey,
    node: Arc<NodeKey>,
    terms: Terms,
    /// The epoch of the segment that is open, and of the checkpoint that closes it.
    epoch: Epoch,
    /// The epoch in which the agent is held here: that of every later segment.
    held: Epoch,
    standing: Standing,
    saved: Option<(Saved, Version)>,
    /// What is being written.
    pending: Option<Pending>,
    /// What is to be written once the agent may be offered.
    departing: Option<Group>,
    /// To be written with the next checkpoint, once.
    attachments: Vec<(Key, Vec<u8>)>,
    journal: Option<Journal>,
    /// Whether the journal ends with the segment that is open.
    is_last_segment: bool,
    /// Where the log begins.
    log_start: Seq,
}

/// What is being written.
enum Pending {
    /// Records up to this position.
    Records(Seq),
    /// A checkpoint, and the segment that it closes.
    Checkpoint { saved: Box<Saved>, segment: Option<Box<Segment>>, log_start: Seq },
}

/// How a checkpoint closes the open segment.
struct Sealed {
    /// A group that begins with the records that still belong in the log.
    appended: Group,
    /// The segment.
    segment: Option<Segment>,
    /// Where the log goes on.
    journal: Seq,
    /// What the next segment names as its predecessor.
    predecessor: Predecessor,
}

/// What was written.
#[derive(Debug)]
pub(crate) enum Written {
    /// Records of the journal.
    Records,
    /// The checkpoint with this hash, and the segment that it closed.
    Checkpoint(Hash, Option<Box<Segment>>),
}

impl Ledger {
    /// The books of an agent that was never saved. `attachments` are written before its first
    /// checkpoint: its identity, module and manifest.
    pub(crate) fn unborn(
        key: AgentKey,
        node: Arc<NodeKey>,
        terms: Terms,
        attachments: Vec<(Key, Vec<u8>)>,
        journal: Option<Journal>,
    ) -> Self {
        Self {
            key,
            node,
            terms,
            epoch: Epoch::default(),
            held: Epoch::default(),
            standing: Standing::Active,
            saved: None,
            pending: None,
            departing: None,
            attachments,
            journal,
            is_last_segment: false,
            log_start: Seq(0),
        }
    }

    /// The books of an agent whose last checkpoint is `saved`, stored as `version`, and which is held here in
    /// the epoch `held`.
    pub(crate) fn continued(
        key: AgentKey,
        node: Arc<NodeKey>,
        terms: Terms,
        (saved, version): (Saved, Version),
        attachments: Vec<(Key, Vec<u8>)>,
        journal: Option<Journal>,
        held: Epoch,
    ) -> Self {
        let log_start = saved.journal;
        let saved = Some((saved, version));
        let unborn = Self::unborn(key, node, terms, attachments, journal);
        Self { epoch: held, held, saved, log_start, ..unborn }
    }

    /// The same books, whose open segment was begun in this epoch.
    pub(crate) fn within(mut self, epoch: Epoch) -> Self {
        self.epoch = epoch;
        self
    }

    /// The same books, whose journal ends with the segment that is open.
    pub(crate) fn without_further_segments(mut self) -> Self {
        self.is_last_segment = true;
        self
    }

    /// The agent's name on this node.
    pub(crate) const fn agent(&self) -> &AgentId {
        &self.terms.agent
    }

    /// The agent's public key.
    pub(crate) fn public_key(&self) -> PublicKey {
        self.key.public_key()
    }

    /// The epoch in which the agent is held here.
    pub(crate) const fn held_in(&self) -> u64 {
        self.held.major
    }

    /// Whether no checkpoint was ever written.
    pub(crate) fn is_unborn(&self) -> bool {
        self.saved.is_none()
    }

    /// Whether something is being written.
    pub(crate) const fn is_writing(&self) -> bool {
        self.pending.is_some()
    }

    /// Marks the agent as one that only the operator can set going again; kept with the next
    /// checkpoint.
    pub(crate) fn halt(&mut self, tick: Tick, reason: String) {
        self.standing = Standing::RecoveryRequired { tick, reason };
    }

    /// Opens a segment of the journal, if there is one and none is open.
    pub(crate) fn open_segment(&mut self, tick: Tick, purse: &Purse) {
        if self.journal.as_ref().is_some_and(|journal| !journal.is_open()) {
            let opening = self.opening(tick, purse.price, (purse.budget, purse.carry));
            if let (Some(journal), Some(opening)) = (&mut self.journal, opening) {
                journal.open(opening);
            }
        }
    }

    /// Leaves a segment behind in which nothing happened but a start that cost less than a microcent.
    pub(crate) fn abandon_segment(&mut self) {
        if let Some(journal) = &mut self.journal {
            journal.abandon();
        }
        self.epoch = self.held;
    }

    /// States again who holds the agent, as a process that continues the open segment does.
    pub(crate) fn own(&mut self, opening: SegmentOpening) {
        if let Some(journal) = &mut self.journal {
            journal.own(opening);
        }
    }

    /// Adds a record to the open segment, if there is a journal.
    pub(crate) fn write(&mut self, record: impl FnOnce() -> Record) {
        if let Some(journal) = &mut self.journal {
            journal.write(record());
        }
    }

    /// The position behind everything written so far; what depends on it may be shown once
    /// [`Ledger::synced`] has reached it.
    pub(crate) fn position(&self) -> Seq {
        self.journal.as_ref().map_or(Seq(0), Journal::next)
    }

    /// How far the journal is durable.
    pub(crate) fn synced(&self) -> Seq {
        self.journal.as_ref().map_or(Seq(0), Journal::synced)
    }

    /// How many records are not durable yet.
    pub(crate) fn backlog(&self) -> u64 {
        self.position().0.saturating_sub(self.synced().0)
    }

    /// Whether more happened in the open segment than a start.
    pub(crate) fn has_news(&self) -> bool {
        self.journal.as_ref().is_some_and(Journal::has_news)
    }

    /// Whether the open segment is so large that a checkpoint should close it.
    pub(crate) fn is_segment_full(&self) -> bool {
        let (records, bytes) = self.journal.as_ref().map_or((0, 0), Journal::size);
        records >= SEGMENT_RECORDS || bytes >= SEGMENT_BYTES
    }

    /// The batch that appends the records that are not yet on their way.
    pub(crate) fn append(&mut self) -> Option<Batch> {
        let appendix = self.journal.as_mut()?.hand_over()?;
        self.pending = Some(Pending::Records(appendix.end()));
        let group = Group::new(self.terms.agent.clone()).append(appendix.at, appendix.records);
        Some(group.into())
    }

    /// The batch that writes a checkpoint of `snapshot`; `None` if the last one says the same.
    /// `is_final` says that no incarnation follows it, `is_forced` that no segment may stay open.
    pub(crate) fn save(
        &mut self,
        snapshot: &Snapshot<'_>,
        is_final: bool,
        is_forced: bool,
    ) -> Option<Batch> {
        let checkpoint = self.sign(snapshot);
        let content = Content::of(&checkpoint);
        let is_same = self.saved.as_ref().is_some_and(|(saved, _)| saved.content == content);
        let has_news = self.journal.as_ref().is_some_and(Journal::has_news);
        let must_close = is_forced && self.journal.as_ref().is_some_and(Journal::is_open);
        if is_same && !has_news && !must_close && self.standing == Standing::Active {
            return None;
        }
        Some(self.group(&checkpoint, content, snapshot.carry, None, is_final).into())
    }

    /// The batch that writes a checkpoint of `snapshot`, whose budget was raised by `amount`, with
    /// the signed record that says so.
    ///
    /// # Errors
    /// When the amount is nothing.
    pub(crate) fn fund(
        &mut self,
        snapshot: &Snapshot<'_>,
        budget_before: Microcents,
        amount: Microcents,
        id: FundId,
    ) -> Result<Batch, FundError> {
        let before = self.saved.as_ref().map_or(Hash::ZERO, |(saved, _)| saved.checkpoint);
        let checkpoint = self.sign(snapshot);
        let funding = Funding { before, after: checkpoint.hash(), amount, id };
        let record = FundRecord::sign(&self.key, funding)?;
        let opening = self.opening(snapshot.tick, snapshot.price, (budget_before, snapshot.carry));
        if let (Some(journal), Some(opening)) = (&mut self.journal, opening) {
            journal.open(opening);
            journal.write(Record::Funded(FundedRecord { amount, id }));
        }
        let content = Content::of(&checkpoint);
        let fund = Some((id, record));
        Ok(self.group(&checkpoint, content, snapshot.carry, fund, true).into())
    }

    /// Takes back what [`Ledger::fund`] has built, of which nothing was written.
    pub(crate) fn withdraw(&mut self) {
        if let Some(journal) = &mut self.journal {
            journal.withdraw();
        }
    }

    /// The batch that ends the open segment, or one of its own, with a recovery, and writes a checkpoint
    /// of `snapshot` in the epoch that begins. `before` is what the budget and the carry were.
    pub(crate) fn recover(
        &mut self,
        snapshot: &Snapshot<'_>,
        before: (Microcents, Carry),
        record: RecoveredRecord,
    ) -> Batch {
        let opening = self.opening(snapshot.tick, snapshot.price, before);
        (self.epoch, self.held) = (record.epoch, record.epoch);
        if let (Some(journal), Some(opening)) = (&mut self.journal, opening) {
            if !journal.is_open() {
                journal.open(opening);
            }
            journal.conclude(Record::Recovered(record));
        }
        let checkpoint = self.sign(snapshot);
        let content = Content::of(&checkpoint);
        self.group(&checkpoint, content, snapshot.carry, None, true).into()
    }

    /// Takes what was built last as written.
    ///
    /// # Panics
    /// If nothing was built: an acknowledgement without a write would falsify the books.
    pub(crate) fn committed(&mut self, committed: &Committed) -> Written {
        match self.pending.take().expect("a commit follows a write") {
            Pending::Records(end) => {
                if let Some(journal) = &mut self.journal {
                    journal.appended(end);
                }
                Written::Records
            }
            Pending::Checkpoint { saved, segment, log_start } => {
                if let (Some(journal), Some(segment)) = (&mut self.journal, &segment) {
                    journal.sealed(segment.closing().hash(), saved.journal);
                }
                if self.is_last_segment {
                    self.journal = None;
                }
                self.epoch = self.held;
                self.log_start = log_start;
                self.attachments.clear();
                let hash = saved.checkpoint;
                let version = committed.versions.last().cloned();
                self.saved = Some((*saved, version.expect("a save puts the checkpoint last")));
                Written::Checkpoint(hash, segment)
            }
        }
    }

    /// Takes what was built last as not written.
    pub(crate) fn refused(&mut self) {
        (self.pending, self.departing) = (None, None);
        if let Some(journal) = &mut self.journal {
            journal.take_back();
        }
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
        Checkpoint::sign(&self.key, header, self.last(), snapshot.state.to_vec())
    }

    /// The hash of the last checkpoint.
    fn last(&self) -> Hash {
        self.saved.as_ref().map_or(Hash::ZERO, |(saved, _)| saved.checkpoint)
    }

    /// The terms of a segment that begins now.
    fn opening(
        &self,
        tick: Tick,
        price: Price,
        (budget, carry): (Microcents, Carry),
    ) -> Option<SegmentOpening> {
        let journal = self.journal.as_ref()?;
        let terms = self.terms.clone();
        Some(SegmentOpening {
            agent: self.key.public_key(),
            node: journal.node(),
            epoch: self.epoch,
            module: terms.module,
            manifest: terms.manifest,
            limits: terms.limits,
            preparation_version: terms.preparation_version,
            cost_table_version: terms.cost_table_version,
            abi_version: ABI_VERSION,
            meter: terms.meter,
            price,
            tick,
            budget,
            carry,
            checkpoint: self.last(),
            predecessor: journal.predecessor,
        })
    }

    /// The order matters: what is written first must do no harm alone. Records only continue the
    /// journal. The agent record knows the checkpoint before as well; a fund record and a segment
    /// allow only the checkpoint they name; a history entry that is one step ahead is adopted as the
    /// checkpoint it is; and the log is trimmed only behind what is in force.
    fn group(
        &mut self,
        checkpoint: &Checkpoint,
        content: Content,
        carry: Carry,
        fund: Option<(FundId, FundRecord)>,
        is_final: bool,
    ) -> Group {
        let agent = self.terms.agent.clone();
        let tick = content.tick;
        let place = match &self.saved {
            Some((Saved { place: (last, copy), .. }, _)) if *last == tick => (tick, copy + 1),
            _ => (tick, 0),
        };
        let precondition = match &self.saved {
            Some((_, version)) => Precondition::Matches(version.clone()),
            None => Precondition::Absent,
        };
        let hash = checkpoint.hash();
        let Sealed { appended: mut group, segment, journal, predecessor } =
            self.seal(hash, &content, carry);
        let saved = Saved { checkpoint: hash, carry, content, place, journal, predecessor };
        for (key, bytes) in &self.attachments {
            group = group.put(key.clone(), bytes.clone(), Precondition::Always);
        }
        if let Some((id, record)) = fund {
            let key = Key::Fund(agent.clone(), *id.as_bytes());
            group = group.put(key, record.encode(), Precondition::Absent);
        }
        let record = self.record(&saved).encode();
        group = group.put(Key::Record(agent.clone()), record, Precondition::Always);
        if let Some(segment) = &segment {
            let key = Key::Segment(agent.clone(), place.0, place.1);
            group = group.put(key, segment.encode(), Precondition::Always);
        }
        let bytes = checkpoint.encode();
        let history = Key::History(agent.clone(), place.0, place.1);
        group = group.put(history, bytes.clone(), Precondition::Absent).put(
            Key::Checkpoint(agent),
            bytes,
            precondition,
        );
        let behind = journal.0.saturating_sub(self.log_start.0);
        let is_trimmed = behind >= TRIM_RECORDS || (is_final && behind > 0);
        if is_trimmed {
            group = group.trim(journal);
        }
        let log_start = if is_trimmed { journal } else { self.log_start };
        let (saved, segment) = (Box::new(saved), segment.map(Box::new));
        self.pending = Some(Pending::Checkpoint { saved, segment, log_start });
        group
    }

    /// Seals the open segment, if there is one, as closed by this checkpoint.
    fn seal(&mut self, checkpoint: Hash, content: &Content, carry: Carry) -> Sealed {
        let mut appended = Group::new(self.terms.agent.clone());
        let Some(open) = &mut self.journal else {
            let (journal, predecessor) = (self.log_start, Predecessor::NotJournaled);
            return Sealed { appended, segment: None, journal, predecessor };
        };
        if !open.is_unlogged()
            && let Some(appendix) = open.hand_over()
        {
            appended = appended.append(appendix.at, appendix.records);
        }
        let Content { tick, budget, .. } = *content;
        let (records, chain) = (0, Hash::ZERO);
        let closing = SegmentClosing { records, chain, tick, budget, carry, checkpoint };
        let segment = open.seal(&self.key, closing);
        let sealed = |segment: &Segment| Predecessor::Segment(segment.closing().hash());
        let predecessor = segment.as_ref().map_or(open.predecessor, sealed);
        Sealed { appended, segment, journal: open.next_start(), predecessor }
    }

    fn record(&self, saved: &Saved) -> AgentRecord {
        let head = |saved: &Saved| Head {
            checkpoint: saved.checkpoint,
            carry: saved.carry,
            journal: saved.journal,
            predecessor: saved.predecessor,
        };
        let terms = self.terms.clone();
        AgentRecord {
            agent_id: terms.agent,
            public_key: self.key.public_key(),
            module: terms.module,
            manifest: Hash::of(&terms.manifest),
            meter: terms.meter,
            preparation_version: terms.preparation_version,
            cost_table_version: terms.cost_table_version,
            limits: terms.limits,
            initial_budget: terms.initial_budget,
            holder: Some(*self.node.public_key().as_bytes()),
            current: head(saved),
            previous: self.saved.as_ref().map(|(saved, _)| head(saved)),
            standing: self.standing.clone(),
        }
    }
}
