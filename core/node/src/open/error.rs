//! Why an agent cannot be opened. Every message names the agent; the way out is the caller's to add.

use igor_core::format::{AgentId, AgentRecordError, Did, Hash, Microcents, Tick};
use igor_core::storage::StorageError;
use igor_core::transport::NodeId;

use crate::custody::CustodyProblem;
use crate::node_key::NodeKeyProblem;
use crate::survey::SurveyError;
use crate::tail::JournalError;

/// Why an agent cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The journal cannot be continued.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The node has no key.
    #[error(transparent)]
    NodeKey(#[from] NodeKeyProblem),
    /// It is not known where the agent is.
    #[error(transparent)]
    Custody(#[from] CustodyProblem),
    /// It was offered, and what became of the offer is not known.
    #[error("{agent} was offered to the node {target}, which has not answered yet")]
    Offered {
        /// The agent.
        agent: AgentId,
        /// Who to.
        target: NodeId,
    },
    /// It was given away.
    #[error("{agent} was given to the node {target}")]
    Released {
        /// The agent.
        agent: AgentId,
        /// Who to.
        target: NodeId,
    },
    /// Another node holds it as well.
    #[error("{agent} is held here in epoch {held}, and by another node in epoch {seen}")]
    Contested {
        /// The agent.
        agent: AgentId,
        /// The epoch in which it was held here.
        held: u64,
        /// The epoch of the other node.
        seen: u64,
    },
    /// It is not here, whatever is stored of it.
    #[error("{agent} is not here: what is stored of it was left behind, or never came completely")]
    NotHere {
        /// The agent.
        agent: AgentId,
    },
    /// What was decided is about another agent of this name.
    #[error("custody of {agent} is about another agent, {found}")]
    CustodyOfOther {
        /// The agent.
        agent: AgentId,
        /// Whose it is.
        found: Did,
    },
    /// Only the operator can set it going again.
    #[error("{agent} was stopped at tick {tick} and is not to go on by itself: {reason}")]
    RecoveryRequired {
        /// The agent.
        agent: AgentId,
        /// The tick at which it was stopped.
        tick: Tick,
        /// Why.
        reason: String,
    },
    /// The agent exists under another budget.
    #[error("{agent} exists and was created with a budget of {initial}, not {asked}")]
    OtherBudget {
        /// The agent.
        agent: AgentId,
        /// What was asked for.
        asked: Microcents,
        /// What it was created with, or "an unknown amount".
        initial: String,
    },
    /// The agent exists under another manifest.
    #[error("{agent} exists under the manifest {kept}, not {asked}")]
    OtherManifest {
        /// The agent.
        agent: AgentId,
        /// The hash of the manifest asked for.
        asked: Hash,
        /// The hash of the manifest it lives under.
        kept: Hash,
    },
    /// The agent exists under another meter.
    #[error("{agent} exists and is charged by meter {kept:?}, not {asked:?}")]
    OtherMeter {
        /// The agent.
        agent: AgentId,
        /// The meter asked for.
        asked: String,
        /// The meter that charges it.
        kept: String,
    },
    /// The agent exists with another module.
    #[error("{agent} exists with the module {kept}, not {asked}")]
    OtherModule {
        /// The agent.
        agent: AgentId,
        /// The hash of the module asked for.
        asked: Hash,
        /// The hash of the module in its checkpoint.
        kept: Hash,
    },
    /// The agent was prepared by a version that this program does not have.
    #[error(
        "{agent} needs version {} of preparation with cost table {}, this igor has {} with {}",
        needed.0, needed.1, available.0, available.1
    )]
    OtherPreparation {
        /// The agent.
        agent: AgentId,
        /// The versions of preparation and cost table in its record.
        needed: (u32, u32),
        /// The versions of this program.
        available: (u32, u32),
    },
    /// The meter's name cannot be recorded.
    #[error(transparent)]
    MeterName(#[from] AgentRecordError),
    /// The store failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// What is stored cannot be continued.
    #[error(transparent)]
    Survey(#[from] SurveyError),
}
