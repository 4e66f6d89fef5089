//! What a commit writes. Only the shape: whether a group may be applied is the store's to decide.

use igor_format::{AgentId, Seq};

use super::Version;
use super::key::Key;

/// Groups to be written at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    /// The groups; no two of the same agent.
    pub groups: Vec<Group>,
}

impl From<Group> for Batch {
    fn from(group: Group) -> Self {
        Self { groups: vec![group] }
    }
}

/// What one agent writes at one moment, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The agent that writes.
    pub agent: AgentId,
    /// The operations, in order.
    pub operations: Vec<Operation>,
}

impl Group {
    /// An empty group of `agent`.
    pub fn new(agent: AgentId) -> Self {
        Self { agent, operations: Vec::new() }
    }

    /// Adds a put.
    pub fn put(mut self, key: Key, bytes: Vec<u8>, precondition: Precondition) -> Self {
        self.operations.push(Operation::Put { key, bytes, precondition });
        self
    }

    /// Adds a delete.
    pub fn delete(mut self, key: Key, precondition: Precondition) -> Self {
        self.operations.push(Operation::Delete { key, precondition });
        self
    }

    /// Adds an append to the agent's log.
    pub fn append(mut self, at: Seq, records: Vec<Vec<u8>>) -> Self {
        self.operations.push(Operation::Append { at, records });
        self
    }

    /// Adds a trim of the agent's log.
    pub fn trim(mut self, before: Seq) -> Self {
        self.operations.push(Operation::Trim { before });
        self
    }
}

/// One operation of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// Writes a value.
    Put {
        /// Where.
        key: Key,
        /// The value.
        bytes: Vec<u8>,
        /// What must hold before the group.
        precondition: Precondition,
    },
    /// Removes a value; removing an absent one succeeds.
    Delete {
        /// Which.
        key: Key,
        /// What must hold before the group.
        precondition: Precondition,
    },
    /// Appends records to the agent's log.
    Append {
        /// The position of the first record: the log's length before the group.
        at: Seq,
        /// The records, in order.
        records: Vec<Vec<u8>>,
    },
    /// Forgets the first records of the agent's log; the others keep their positions.
    Trim {
        /// The position of the first record that stays: at most the log's length at this operation.
        before: Seq,
    },
}

/// What must hold for a key before its group is applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Precondition {
    /// Nothing.
    Always,
    /// There is no value.
    Absent,
    /// The value has this version.
    Matches(Version),
}
