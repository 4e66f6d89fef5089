//! An operator's word that an agent is here, whatever another node may hold: the agent is held in an epoch above
//! all that this node decided about. It is outside of what a handoff promises; where two nodes that hold the
//! agent meet, the one in the lower epoch stops.

use igor_core::Storage;
use igor_core::format::AgentId;
use igor_core::handoff::{Custody, Holding};
use igor_core::storage::{Group, Key, Precondition, StorageError};
use igor_core::transport::NodeId;

use crate::commit::commit_one;
use crate::custody::{CustodyProblem, kept_custody, whereabouts};
use crate::handoff::Whereabouts;
use crate::open::{OpenError, claim};
use crate::survey::{Survey, survey};

/// What forcing an epoch came to, or would come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forced {
    /// Where the agent was until then, as far as this node knew.
    pub before: Holding,
    /// The epoch that begins.
    pub epoch: u64,
}

impl Forced {
    /// The node that may have the agent too, if it is known which.
    pub const fn other(&self) -> Option<NodeId> {
        match &self.before {
            Holding::Offered { offer, .. } | Holding::Released { offer, .. } => {
                Some(NodeId::of(&offer.terms().target))
            }
            Holding::Absent | Holding::Held(_) | Holding::Contested { .. } => None,
        }
    }
}

/// Why no epoch was forced; nothing was changed then.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ForceError {
    /// There is nothing that could go on.
    #[error("no agent {0} here")]
    NoAgent(AgentId),
    /// There is no higher epoch.
    #[error("{0} has used up all epochs")]
    Exhausted(AgentId),
    /// What is stored cannot be continued, or is in use.
    #[error(transparent)]
    Open(#[from] OpenError),
}

impl From<StorageError> for ForceError {
    fn from(error: StorageError) -> Self {
        Self::Open(error.into())
    }
}

impl From<CustodyProblem> for ForceError {
    fn from(problem: CustodyProblem) -> Self {
        Self::Open(problem.into())
    }
}

/// Makes durable that this node holds `agent` in an epoch above all that it decided about. With `is_dry_run` it
/// says which and changes nothing.
///
/// # Errors
/// When the agent is not here to go on, or is in use.
pub async fn force_epoch(
    storage: &dyn Storage,
    agent: &AgentId,
    state_bytes_max: u64,
    is_dry_run: bool,
) -> Result<Forced, ForceError> {
    let (forced, _) = plan(storage, agent, state_bytes_max).await?;
    if is_dry_run {
        return Ok(forced);
    }
    let holds = claim(storage, agent).await?;
    let (forced, Whereabouts { agent: key, custody, .. }) =
        plan(storage, agent, state_bytes_max).await?;
    let before = kept_custody(storage, agent).await?;
    let before = before.map_or(Precondition::Absent, |kept| Precondition::Matches(kept.version));
    let epoch = forced.epoch;
    let custody = Custody { decided: epoch, holding: Holding::Held(epoch), ..custody };
    let put = (Key::Custody(agent.clone()), custody.encode(&key));
    commit_one(storage, Group::new(agent.clone()).put(put.0, put.1, before)).await?;
    drop(holds);
    Ok(forced)
}

/// What is known of an agent that is here to go on, and what forcing it would come to.
async fn plan(
    storage: &dyn Storage,
    agent: &AgentId,
    state_bytes_max: u64,
) -> Result<(Forced, Whereabouts), ForceError> {
    let no_agent = || ForceError::NoAgent(agent.clone());
    let found = whereabouts(storage, agent).await?.ok_or_else(no_agent)?;
    if found.custody.holding == Holding::Absent {
        return Err(OpenError::NotHere { agent: agent.clone() }.into());
    }
    let living = survey(storage, agent, state_bytes_max).await.map_err(OpenError::from)?;
    let Survey::Living(living) = living else { return Err(no_agent()) };
    if living.key.public_key() != found.agent {
        let (agent, found) = (agent.clone(), found.agent.did());
        return Err(OpenError::CustodyOfOther { agent, found }.into());
    }
    let last = found.custody.decided.max(living.checkpoint.header().epoch.major);
    let epoch = last.checked_add(1).ok_or_else(|| ForceError::Exhausted(agent.clone()))?;
    Ok((Forced { before: found.custody.holding.clone(), epoch }, found))
}
