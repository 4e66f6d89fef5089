//! What makes an agent this node's, as one group to be written, and its first run here. What is written
//! comes in an order such that a crash leaves an agent that is not here: that it is here is written last.

use igor_core::format::{AgentId, AgentRecord, Head, PublicKey, encode_identity};
use igor_core::gas::CancelFlag;
use igor_core::handoff::Custody;
use igor_core::storage::{Committed, Group, Key, Precondition, StorageError, Version};

use super::Complete;
use super::examine::{Footing, Granted};
use super::part::key_of;
use crate::commit::unanswered;
use crate::driver::Plan;
use crate::launch::{Fitted, LaunchError, Launched, Node, assemble};
use crate::open::{Means, go_on_from, recorded_terms};
use crate::survey::{Living, Repair};
use crate::tail::LogEnd;

/// An agent that is this node's now, and has not run here yet.
pub struct Taken {
    complete: Complete,
    checkpoint: Version,
}

impl Complete {
    /// The agent's name.
    pub const fn agent(&self) -> &AgentId {
        &self.expected.name
    }

    /// Everything that makes the agent that of the node `me`, with this custody.
    pub fn group(&self, me: PublicKey, custody: &Custody) -> Group {
        let agent = self.agent().clone();
        let mut group = Group::new(agent.clone());
        if !self.known.has_identity {
            let identity = encode_identity(&self.key).to_vec();
            group = group.put(Key::Identity(agent.clone()), identity, Precondition::Absent);
        }
        for (item, bytes) in &self.news {
            group = group.put(key_of(item, &agent), bytes.clone(), Precondition::Always);
        }
        let (epoch, certificate) = &self.certificate;
        let key = Key::Certificate(agent.clone(), *epoch);
        group = group.put(key, certificate.clone(), Precondition::Always);
        let record = self.record_here(me).encode();
        group = group.put(Key::Record(agent.clone()), record, Precondition::Always);
        if self.known.log_start < self.known.log_end {
            group = group.trim(self.known.log_end);
        }
        let before = match &self.known.checkpoint {
            Some((_, version)) => Precondition::Matches(version.clone()),
            None => Precondition::Absent,
        };
        let checkpoint = Key::Checkpoint(agent.clone());
        let held = Precondition::Matches(self.custody.clone());
        group.put(checkpoint, self.checkpoint.encode(), before).put(
            Key::Custody(agent),
            custody.encode(&self.expected.agent),
            held,
        )
    }

    /// The record as this node keeps it: the log is this node's own.
    fn record_here(&self, me: PublicKey) -> AgentRecord {
        let current = Head { journal: self.known.log_end, ..self.record.current };
        let holder = Some(*me.as_bytes());
        AgentRecord { holder, current, previous: None, ..self.record.clone() }
    }

    /// The agent, once its group was committed.
    ///
    /// # Errors
    /// When the store did not say what it wrote.
    pub fn taken(self, committed: &Committed) -> Result<Taken, StorageError> {
        // The checkpoint is the put before the last one.
        let version = committed.versions.iter().rev().nth(1).cloned();
        let checkpoint = version.ok_or_else(unanswered)?;
        Ok(Taken { complete: self, checkpoint })
    }
}

impl Taken {
    /// The agent's name.
    pub const fn agent(&self) -> &AgentId {
        self.complete.agent()
    }

    /// Gets the agent ready to run. Nothing is compiled or read again but this node's own key. `cancel`
    /// stops its running guest call.
    ///
    /// # Errors
    /// When the node has no key.
    pub async fn launch(
        self,
        node: &Node,
        plan: Plan,
        cancel: CancelFlag,
    ) -> Result<Launched, LaunchError> {
        let Self { complete, checkpoint: version } = self;
        let Complete { known, footing, key, record, checkpoint, place, receipts, holds, .. } =
            complete;
        let Footing { granted, checked, program } = footing;
        let Granted { manifest, meter, limits, .. } = granted;
        let terms = recorded_terms(&record, manifest);
        let end = LogEnd {
            next: known.log_end,
            predecessor: record.current.predecessor,
            open: None,
            is_torn: false,
            aside: None,
        };
        let fitted = Fitted {
            checked,
            program,
            meter,
            meter_name: record.meter.as_str().to_owned(),
            limits,
        };
        let living = Living {
            key,
            checkpoint,
            place,
            version: Some(version),
            record: Some(record),
            repair: Repair::None,
            receipts,
        };
        let storage = &*node.storage.0;
        let means = Means { mode: node.mode, entropy: &*node.entropy };
        let opened = go_on_from(storage, terms, (living, end), Vec::new(), means, holds).await?;
        Ok(assemble(node, opened, fitted, plan, cancel))
    }
}
