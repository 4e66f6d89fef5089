//! The closed set of storage keys. A key says what a value is, not where it lies.

use std::fmt;

use igor_format::{AgentId, Hash, Seq, Tick};

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
    /// A segment of an agent's audit, by the tick and number of the checkpoint that closes it.
    Segment(AgentId, Tick, u32),
    /// What was said of an agent's segments that were removed.
    Summary(AgentId),
    /// A signed fund record, by its id.
    Fund(AgentId, [u8; 16]),
    /// The offer under which an agent was taken, by the epoch that began with it.
    Certificate(AgentId, u64),
    /// A log that was set aside because it belongs to another line of the agent's life, by a position.
    Aside(AgentId, Seq),
    /// What the operator wants of an agent on this node.
    Wish(AgentId),
    /// What this node has decided about where an agent is. It may outlive everything else of the agent.
    Custody(AgentId),
    /// A module, by the SHA-256 of its original bytes.
    Module(Hash),
    /// A manifest, by the SHA-256 of its text.
    Manifest(Hash),
    /// The node's private key.
    Node,
}

impl Key {
    /// The agent that the value belongs to, and whose groups alone may write it; content by hash and
    /// the node's key belong to nobody.
    pub fn agent(&self) -> Option<&AgentId> {
        match self {
            Self::Checkpoint(agent)
            | Self::Identity(agent)
            | Self::Receipts(agent)
            | Self::Record(agent)
            | Self::History(agent, ..)
            | Self::Segment(agent, ..)
            | Self::Summary(agent)
            | Self::Fund(agent, _)
            | Self::Certificate(agent, _)
            | Self::Aside(agent, _)
            | Self::Wish(agent)
            | Self::Custody(agent) => Some(agent),
            Self::Module(_) | Self::Manifest(_) | Self::Node => None,
        }
    }
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
            Self::Segment(agent, tick, 0) => write!(f, "segment of {agent} at tick {tick}"),
            Self::Segment(agent, tick, copy) => {
                write!(f, "segment of {agent} at tick {tick}, number {copy}")
            }
            Self::Summary(agent) => write!(f, "summary of the history of {agent}"),
            Self::Fund(agent, id) => {
                write!(f, "fund record ")?;
                id.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
                write!(f, " of {agent}")
            }
            Self::Certificate(agent, epoch) => {
                write!(f, "certificate of {agent} for epoch {epoch}")
            }
            Self::Aside(agent, seq) => write!(f, "log of {agent} set aside at record {seq}"),
            Self::Wish(agent) => write!(f, "wish for {agent}"),
            Self::Custody(agent) => write!(f, "custody of {agent}"),
            Self::Module(hash) => write!(f, "module {hash}"),
            Self::Manifest(hash) => write!(f, "manifest {hash}"),
            Self::Node => write!(f, "key of the node"),
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
    /// The audit segments of one agent.
    Segments(AgentId),
    /// The fund records of one agent.
    Funds(AgentId),
    /// The certificates of one agent.
    Certificates(AgentId),
    /// The custody of every agent that this node has decided about.
    Custodies,
    /// The logs of one agent that were set aside.
    Asides(AgentId),
}

impl Scope {
    /// Whether `key` belongs to this scope.
    pub fn contains(&self, key: &Key) -> bool {
        match (self, key) {
            (Self::Checkpoints, Key::Checkpoint(_)) => true,
            (Self::History(agent), Key::History(of, ..)) => agent == of,
            (Self::Segments(agent), Key::Segment(of, ..)) => agent == of,
            (Self::Funds(agent), Key::Fund(of, _)) => agent == of,
            (Self::Certificates(agent), Key::Certificate(of, _)) => agent == of,
            (Self::Custodies, Key::Custody(_)) => true,
            (Self::Asides(agent), Key::Aside(of, _)) => agent == of,
            _ => false,
        }
    }
}
