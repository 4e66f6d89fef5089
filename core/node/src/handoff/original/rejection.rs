//! Why an agent of the original is not taken, in the original's words: its senders tell by parts of these
//! texts whether to try again. And the answer that says so.

use igor_core::format::migrate::{AgentStarted, MigrateError, MigrateMessage};
use igor_core::format::{
    AgentIdError, CheckpointError, IdentityError, InheritanceError, ManifestError, RefusalCode,
};

use crate::handoff::package::{InventoryError, Refusal};
use crate::program::LoadError;

/// Why an agent is not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Rejection {
    /// The message cannot be read.
    #[error(transparent)]
    Message(#[from] MigrateError),
    /// Its name can name no agent.
    #[error(transparent)]
    Name(#[from] AgentIdError),
    /// The hash of the module is missing, or has not 32 bytes.
    #[error("WASM hash missing or invalid length")]
    HashLength,
    /// The module is not the one of the hash.
    #[error("WASM binary hash mismatch")]
    Hash,
    /// There is no checkpoint in it.
    #[error("checkpoint missing")]
    CheckpointMissing,
    /// The checkpoint cannot be read.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// There is no identity to go on with.
    #[error("agent identity missing: the checkpoint cannot be continued without its key")]
    IdentityMissing,
    /// The identity cannot be read.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// It is larger than this node allows.
    #[error("the agent consists of {0}")]
    TooMuch(#[from] InventoryError),
    /// How it came cannot be certified.
    #[error(transparent)]
    Uncertified(#[from] InheritanceError),
    /// Its epoch leaves no room, or is made up.
    #[error("major version {0} is out of range")]
    MajorVersion(u64),
    /// There is nothing to replay, and this node takes nothing unproven.
    #[error("replay verification failed: {0}")]
    Unproven(String),
    /// The last tick comes out otherwise here.
    #[error("replay divergence at tick {tick}, first diff byte {byte}")]
    Divergence {
        /// The tick.
        tick: u64,
        /// The first byte of the state that differs.
        byte: usize,
    },
    /// What speaks against any agent.
    #[error("{}", words(.0))]
    Refusal(#[from] Refusal),
    /// This node does not take it now, whatever it is.
    #[error("{reason}")]
    Turned {
        /// Why, for programs.
        code: RefusalCode,
        /// Why, for people.
        reason: String,
    },
}

impl Rejection {
    /// The same for programs, as it is told here; the sender learns the text only.
    pub const fn code(&self) -> RefusalCode {
        match self {
            Self::HashLength | Self::Hash => RefusalCode::Hash,
            Self::CheckpointMissing | Self::Checkpoint(_) => RefusalCode::Lineage,
            Self::Identity(_) => RefusalCode::Signature,
            Self::TooMuch(_) | Self::Message(MigrateError::TooLarge { .. }) => RefusalCode::Size,
            Self::MajorVersion(_) => RefusalCode::Stale,
            Self::Unproven(_) | Self::Divergence { .. } => RefusalCode::Replay,
            Self::Refusal(refusal) => refusal.code(),
            Self::Turned { code, .. } => *code,
            Self::Message(_) | Self::Name(_) | Self::IdentityMissing | Self::Uncertified(_) => {
                RefusalCode::Unsupported
            }
        }
    }
}

/// A refusal in the original's words, where it has any.
fn words(refusal: &Refusal) -> String {
    match refusal {
        Refusal::Policy => "agent migration policy disabled".to_owned(),
        Refusal::Price { asked, max } => {
            let (asked, max) = (asked.microcents().get(), max.microcents().get());
            format!("node price {asked} exceeds agent max {max}")
        }
        Refusal::Memory { asked, given } | Refusal::Module(LoadError::Memory { asked, given }) => {
            format!("agent requires {asked} bytes memory, node provides {given}")
        }
        Refusal::Module(LoadError::Capabilities(missing)) => {
            let missing = missing.join(" ");
            format!("capability check failed: node cannot satisfy capabilities: [{missing}]")
        }
        Refusal::Manifest(error) => invalid_manifest(error),
        Refusal::Unproven(_) | Refusal::Refuted(_) => {
            format!("replay verification failed: {refusal}")
        }
        other => other.to_string(),
    }
}

fn invalid_manifest(error: &ManifestError) -> String {
    format!("invalid manifest: {error}")
}

/// The answer of the node `node`, as it goes over the stream; `agent` is the name in the message, empty if
/// that could not be read.
pub fn answer(agent: &str, node: &str, taken: Result<(), &Rejection>) -> Vec<u8> {
    let error = taken.err().map(ToString::to_string).unwrap_or_default();
    let started = AgentStarted {
        agent_id: agent.to_owned(),
        node_id: node.to_owned(),
        success: taken.is_ok(),
        error,
    };
    started.to_json_line().into_bytes()
}
