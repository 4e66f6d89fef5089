//! Why an agent is not taken: what was found, with its figures, and the code under which the other node
//! learns of it. A refusal changes nothing and accuses nobody.

use igor_core::format::{
    AgentId, AgentRecordError, ManifestError, Part, Price, PublicKey, RefusalCode, SealedKeyError,
    Tick,
};
use igor_core::plugin::BuildError;
use igor_core::storage::StorageError;

use super::InventoryError;
use crate::audit::{Gap, Refuted};
use crate::program::LoadError;
use crate::wire::NoRoom;

/// Why an agent is not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Its manifest forbids that it moves.
    #[error("its manifest forbids that it moves")]
    Policy,
    /// This node asks for more than the manifest allows.
    #[error("a second costs {asked} units here, its manifest allows {max}")]
    Price {
        /// What this node asks for.
        asked: Price,
        /// What the manifest allows.
        max: Price,
    },
    /// It may use more memory than this node gives.
    #[error("it may use {asked} bytes of memory, this node gives at most {given}")]
    Memory {
        /// What it may use, in bytes.
        asked: u64,
        /// What this node gives.
        given: u64,
    },
    /// It lives under a limit that is higher than this node's.
    #[error("it lives under a {row} of {asked}, this node gives at most {given}")]
    Limit {
        /// The row of the limits table.
        row: &'static str,
        /// The agent's.
        asked: u64,
        /// This node's.
        given: u64,
    },
    /// The list of what it consists of cannot be.
    #[error("it consists of {0}")]
    Inventory(#[from] InventoryError),
    /// A part is larger than this node allows.
    #[error("the {part} has {bytes} bytes, at most {max} are allowed")]
    TooLarge {
        /// Which.
        part: Part,
        /// Its size.
        bytes: u64,
        /// The limit.
        max: u64,
    },
    /// A part is not the one that was announced.
    #[error("the {0} is not the one that was announced")]
    Hash(Part),
    /// A part was not announced where it must be, or where it must not.
    #[error("the {part} {problem}")]
    Part {
        /// Which.
        part: Part,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Two statements about the agent differ.
    #[error("{what} was announced as {announced}, but is {found}")]
    Differs {
        /// What.
        what: &'static str,
        /// What was announced.
        announced: String,
        /// What is there.
        found: String,
    },
    /// A signature does not hold, or is that of another key.
    #[error("{file}: {problem}")]
    Signature {
        /// What is signed.
        file: String,
        /// What is wrong.
        problem: String,
    },
    /// The history is none that can be lived.
    #[error("{file}: {problem}")]
    Lineage {
        /// Where.
        file: String,
        /// What is wrong.
        problem: String,
    },
    /// This node has a past checkpoint of the agent that does not lie in its history.
    #[error("this node has {file} of it, which its history does not hold")]
    Fork {
        /// The name of the checkpoint in the history.
        file: String,
    },
    /// The last segment comes out otherwise here, or contradicts what is around it.
    #[error("what it did last does not hold: {0}")]
    Refuted(Box<Refuted>),
    /// The last segment cannot be run again here, and this node takes nothing unproven.
    #[error("what it did last cannot be proven here: {0}")]
    Unproven(Gap),
    /// This node knows a later state of the agent.
    #[error("this node knows it at tick {here}; what arrives is of tick {arriving}")]
    Stale {
        /// The tick that is known here.
        here: Tick,
        /// The tick that arrives.
        arriving: Tick,
    },
    /// The offer is of a node that did not hold the agent.
    #[error("the node {source_node} offers it, but by its history {held_by} held it")]
    NotHolder {
        /// The node that offers it.
        source_node: PublicKey,
        /// The node that sealed what happened last, or was given the agent.
        held_by: PublicKey,
    },
    /// The offer begins an epoch that the agent has reached already.
    #[error("the offer begins epoch {offered}, its history has reached epoch {reached}")]
    Epoch {
        /// The epoch of the offer.
        offered: u64,
        /// The epoch of the checkpoint, or a later one that a certificate began.
        reached: u64,
    },
    /// This node holds the agent, has offered it, or does not know whether it may.
    #[error("this node holds it, or has not been told yet that another one does")]
    Held,
    /// Another agent has the name on this node.
    #[error("the name {name} is that of another agent here, {}", owner.did())]
    NameTaken {
        /// The name.
        name: AgentId,
        /// Whose it is.
        owner: PublicKey,
    },
    /// The manifest cannot be read.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The module does not fit this node.
    #[error(transparent)]
    Module(#[from] LoadError),
    /// The record cannot be read.
    #[error(transparent)]
    Record(#[from] AgentRecordError),
    /// It was prepared by a version that this program does not have.
    #[error(
        "it needs version {} of preparation with cost table {}, this igor has {} with {}",
        needed.0, needed.1, available.0, available.1
    )]
    Preparation {
        /// The versions in its record.
        needed: (u32, u32),
        /// The versions of this program.
        available: (u32, u32),
    },
    /// The meter that charges it is not known here.
    #[error(transparent)]
    Meter(#[from] BuildError),
    /// It was stopped, and is not to go on by itself.
    #[error("it was stopped at tick {tick} and is not to go on by itself: {reason}")]
    Halted {
        /// The tick.
        tick: Tick,
        /// Why.
        reason: String,
    },
    /// The agent's key cannot be opened.
    #[error(transparent)]
    Key(#[from] SealedKeyError),
    /// There is no room for it at present.
    #[error(transparent)]
    NoRoom(#[from] NoRoom),
    /// This node failed while it looked at it.
    #[error("this node failed while it looked at it")]
    Failed,
    /// This node's store failed, or somebody else uses the agent in it.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl Refusal {
    /// The code under which the other node learns of it.
    pub const fn code(&self) -> RefusalCode {
        match self {
            Self::Policy => RefusalCode::Policy,
            Self::Price { .. } => RefusalCode::Price,
            Self::Memory { .. } | Self::Module(LoadError::Memory { .. }) => RefusalCode::Memory,
            Self::Module(LoadError::Capabilities(_)) => RefusalCode::Capability,
            Self::Limit { .. }
            | Self::Inventory(_)
            | Self::TooLarge { .. }
            | Self::Manifest(ManifestError::TooLarge { .. }) => RefusalCode::Size,
            Self::Hash(_) | Self::Part { .. } | Self::Differs { .. } => RefusalCode::Hash,
            Self::Signature { .. } | Self::Key(_) => RefusalCode::Signature,
            Self::NoRoom(_) => RefusalCode::Busy,
            Self::Lineage { .. } | Self::Fork { .. } | Self::NotHolder { .. } => {
                RefusalCode::Lineage
            }
            Self::Refuted(_) | Self::Unproven(_) => RefusalCode::Replay,
            Self::Stale { .. } | Self::Epoch { .. } => RefusalCode::Stale,
            Self::Held | Self::Storage(StorageError::Held { .. }) => RefusalCode::Held,
            Self::NameTaken { .. } => RefusalCode::NameTaken,
            Self::Failed | Self::Module(LoadError::Engine(_)) | Self::Storage(_) => {
                RefusalCode::Internal
            }
            Self::Manifest(_)
            | Self::Module(_)
            | Self::Record(_)
            | Self::Preparation { .. }
            | Self::Meter(_)
            | Self::Halted { .. } => RefusalCode::Unsupported,
        }
    }
}
