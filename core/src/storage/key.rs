//! The closed set of storage keys. A key says what a value is, not where it lies.

use std::fmt;

use igor_format::{AgentId, Hash, Tick};

/// The name of a value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// An agent's current checkpoint.
    Checkpoint(AgentId),
    /// An agent's signing key.
    Identity(AgentId),
    /// An agent's receipts, as the original's research node wrote them.
    Receipts(AgentId),
    /// An agent's record: what its checkpoint cannot hold.
    Record(AgentId),
    /// A past checkpoint, by tick and by its number among the checkpoints of that tick.
    History(AgentId, Tick, u32),
    /// A signed fund record, by its id.
    Fund(AgentId, [u8; 16]),
    /// A module, by the SHA-256 of its original bytes.
    Module(Hash),
    /// A manifest, by the SHA-256 of its text.
    Manifest(Hash),
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Checkpoint(agent) => write!(f, "checkpoint of {agent}"),
            Self::Identity(agent) => write!(f, "identity of {agent}"),
            Self::Receipts(agent) => write!(f, "receipts of {agent}"),
            Self::Record(agent) => write!(f, "agent record of {agent}"),
            Self::History(agent, tick, 0) => write!(f, "history of {agent} at tick {tick}"),
            Self::History(agent, tick, copy) => {
                write!(f, "history of {agent} at tick {tick}, number {copy}")
            }
            Self::Fund(agent, id) => {
                write!(f, "fund record ")?;
                id.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
                write!(f, " of {agent}")
            }
            Self::Module(hash) => write!(f, "module {hash}"),
            Self::Manifest(hash) => write!(f, "manifest {hash}"),
        }
    }
}

/// A set of keys that can be listed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Scope {
    /// The current checkpoint of every agent.
    Checkpoints,
    /// The past checkpoints of one agent.
    History(AgentId),
    /// The fund records of one agent.
    Funds(AgentId),
}

impl Scope {
    /// Whether `key` belongs to this scope.
    pub fn contains(&self, key: &Key) -> bool {
        match (self, key) {
            (Self::Checkpoints, Key::Checkpoint(_)) => true,
            (Self::History(agent), Key::History(of, ..)) => agent == of,
            (Self::Funds(agent), Key::Fund(of, _)) => agent == of,
            _ => false,
        }
    }
}
