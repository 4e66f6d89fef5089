//! What a store says of where an agent is, read together with the agent's checkpoint, and whether this node
//! may therefore tick it. It writes nothing and decides nothing: that is the business of
//! [`Handoffs`](crate::handoff::Handoffs) and of an operator.

use std::collections::BTreeSet;

use igor_core::Storage;
use igor_core::format::{AgentId, Checkpoint, CheckpointError, PublicKey, decode_identity};
use igor_core::handoff::{Custody, CustodyError, Holding};
use igor_core::storage::{Group, Key, Precondition, Scope, StorageError, Version};
use igor_core::transport::NodeId;

use crate::commit::commit_one;
use crate::handoff::Whereabouts;
use crate::open::OpenError;
use crate::survey::list_keys;

/// A custody as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptCustody {
    /// The agent that it is about.
    pub agent: PublicKey,
    /// What was decided.
    pub custody: Custody,
    /// Its version in the store.
    pub version: Version,
}

/// Why it is not known where an agent is.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CustodyProblem {
    /// What is stored is no custody.
    #[error("custody of {agent}: {error}")]
    Unreadable {
        /// The agent.
        agent: AgentId,
        /// What is wrong.
        error: CustodyError,
    },
    /// The checkpoint, which would say in which epoch the agent is held, cannot be read.
    #[error("checkpoint of {agent}: {error}")]
    Checkpoint {
        /// The agent.
        agent: AgentId,
        /// What is wrong.
        error: CheckpointError,
    },
    /// Nothing says whose the checkpoint is.
    #[error("{agent} has a checkpoint, but nothing says which agent it is")]
    Nameless {
        /// The agent.
        agent: AgentId,
    },
    /// The store failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// What this node decided about where `agent` is, with the agent that it was about. `None` if it never decided
/// anything: then it holds the agent in the epoch of its checkpoint, if there is one.
///
/// # Errors
/// When the store cannot be read, or what it holds is no custody.
pub async fn kept_custody(
    storage: &dyn Storage,
    agent: &AgentId,
) -> Result<Option<KeptCustody>, CustodyProblem> {
    let Some(stored) = storage.get(&Key::Custody(agent.clone())).await? else { return Ok(None) };
    match Custody::decode(&stored.bytes) {
        Ok((agent, custody)) => Ok(Some(KeptCustody { agent, custody, version: stored.version })),
        Err(error) => Err(CustodyProblem::Unreadable { agent: agent.clone(), error }),
    }
}

/// As [`kept_custody`], without the agent that it was about.
///
/// # Errors
/// As [`kept_custody`].
pub async fn custody(
    storage: &dyn Storage,
    agent: &AgentId,
) -> Result<Option<(Custody, Version)>, CustodyProblem> {
    let kept = kept_custody(storage, agent).await?;
    Ok(kept.map(|KeptCustody { custody, version, .. }| (custody, version)))
}

/// Where an agent is, by what was decided and by its checkpoint: one that is held is held in the higher epoch of
/// the two. `None` if there is neither.
///
/// # Errors
/// When the store cannot be read, what it holds is no custody, or nothing says which agent it is.
pub async fn whereabouts(
    storage: &dyn Storage,
    agent: &AgentId,
) -> Result<Option<Whereabouts>, CustodyProblem> {
    let name = agent.clone();
    let kept = kept_custody(storage, agent).await?;
    if let Some(KeptCustody { agent, custody, .. }) = &kept
        && !matches!(custody.holding, Holding::Held(_))
    {
        return Ok(Some(Whereabouts { agent: *agent, name, custody: custody.clone() }));
    }
    let Some(stored) = storage.get(&Key::Checkpoint(name.clone())).await? else {
        return Ok(kept.map(|KeptCustody { agent, custody, .. }| Whereabouts {
            agent,
            name,
            custody,
        }));
    };
    let checkpoint = Checkpoint::decode(&stored.bytes, u64::MAX)
        .map_err(|error| CustodyProblem::Checkpoint { agent: name.clone(), error })?;
    let epoch = checkpoint.header().epoch.major;
    if let Some(KeptCustody { agent, mut custody, .. }) = kept {
        if let Holding::Held(held) = &mut custody.holding {
            *held = epoch.max(*held);
            custody.decided = custody.decided.max(*held);
        }
        return Ok(Some(Whereabouts { agent, name, custody }));
    }
    let agent = match checkpoint.lineage() {
        Some(lineage) => lineage.public_key,
        None => identity(storage, &name).await?,
    };
    Ok(Some(Whereabouts { agent, name, custody: Custody::held(epoch) }))
}

async fn identity(storage: &dyn Storage, agent: &AgentId) -> Result<PublicKey, CustodyProblem> {
    let stored = storage.get(&Key::Identity(agent.clone())).await?;
    let key = stored.and_then(|stored| decode_identity(&stored.bytes).ok());
    let nameless = || CustodyProblem::Nameless { agent: agent.clone() };
    Ok(key.ok_or_else(nameless)?.public_key())
}

/// The names of all agents that are here or that something was decided about, in order.
///
/// # Errors
/// When the store cannot be read.
pub async fn known_agents(storage: &dyn Storage) -> Result<Vec<AgentId>, StorageError> {
    let mut keys = list_keys(storage, &Scope::Checkpoints).await?;
    keys.extend(list_keys(storage, &Scope::Custodies).await?);
    let names: BTreeSet<_> = keys.iter().filter_map(Key::agent).cloned().collect();
    Ok(names.into_iter().collect())
}

/// What was decided about an agent that this node may tick.
///
/// # Errors
/// When it may not.
pub(crate) async fn held(
    storage: &dyn Storage,
    agent: &AgentId,
) -> Result<Option<KeptCustody>, OpenError> {
    let kept = kept_custody(storage, agent).await?;
    let Some(KeptCustody { custody, .. }) = &kept else { return Ok(None) };
    let agent = agent.clone();
    match &custody.holding {
        Holding::Held(_) => Ok(kept),
        Holding::Absent => Err(OpenError::NotHere { agent }),
        Holding::Offered { offer, .. } => {
            Err(OpenError::Offered { agent, target: NodeId::of(&offer.terms().target) })
        }
        Holding::Released { offer, .. } => {
            Err(OpenError::Released { agent, target: NodeId::of(&offer.terms().target) })
        }
        Holding::Contested { held, seen } => {
            Err(OpenError::Contested { agent, held: *held, seen: *seen })
        }
    }
}

/// Whether an agent that ticks here is still held here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tenure {
    /// It is.
    Ours,
    /// It is not, for this reason.
    Ended(String),
    /// It could not be read, for this reason.
    Unknown(String),
}

/// Whether `agent`, which ticks here in this epoch, is still held here.
pub async fn tenure(storage: &dyn Storage, agent: &AgentId, epoch: u64) -> Tenure {
    let holding = match custody(storage, agent).await {
        // Nothing was ever decided about it.
        Ok(None) => return Tenure::Ours,
        Ok(Some((custody, _))) => custody.holding,
        Err(problem) => return Tenure::Unknown(problem.to_string()),
    };
    Tenure::Ended(match holding {
        Holding::Held(held) if held <= epoch => return Tenure::Ours,
        Holding::Held(held) => {
            format!("it ran here in epoch {epoch}, and epoch {held} has begun since")
        }
        Holding::Offered { offer, .. } | Holding::Released { offer, .. } => {
            let target = NodeId::of(&offer.terms().target);
            format!("it ran here in epoch {epoch}, and was offered to {target} since")
        }
        Holding::Contested { seen, .. } => {
            format!("it ran here in epoch {epoch}, and another node has it in epoch {seen}")
        }
        Holding::Absent => format!("it ran here in epoch {epoch}, and is not held here any more"),
    })
}

/// Writes down where an agent is.
///
/// # Errors
/// When the store refuses or fails; also when it would set down an agent as absent that is here.
pub(crate) async fn set_custody(
    storage: &dyn Storage,
    whereabouts: &Whereabouts,
) -> Result<(), StorageError> {
    let Whereabouts { agent, name, custody } = whereabouts;
    let key = Key::Custody(name.clone());
    let stored = storage.get(&key).await?;
    let precondition = match stored {
        Some(stored) => Precondition::Matches(stored.version),
        None if custody.holding == Holding::Absent
            && storage.get(&Key::Checkpoint(name.clone())).await?.is_some() =>
        {
            let problem = "the agent is here".to_owned();
            return Err(StorageError::Conflict { object: key.to_string(), problem });
        }
        None => Precondition::Absent,
    };
    let group = Group::new(name.clone()).put(key, custody.encode(agent), precondition);
    commit_one(storage, group).await?;
    Ok(())
}
