//! Removes a stopped agent from a store: what makes it an agent of this node, and on request what proves
//! its life. It touches neither module nor manifest, which other agents may share.

use igor_core::Storage;
use igor_core::format::AgentId;
use igor_core::handoff::{Custody, Holding};
use igor_core::storage::{Group, Key, Precondition, Scope};
use igor_core::transport::NodeId;

use crate::commit::commit_one;
use crate::custody::{KeptCustody, kept_custody};
use crate::open::{OpenError, claim};
use crate::survey::list_keys;

/// What was removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Removed {
    /// How many values.
    pub values: usize,
    /// Whether the history and the identity are gone as well, and with them the agent for good.
    pub with_history: bool,
}

/// Removes what a node runs `agent` from. The history and the identity stay, so that a past checkpoint
/// can be resumed, unless `with_history`; what was decided about where the agent is stays in any case. `None`
/// if there is nothing of such an agent.
///
/// # Errors
/// When the agent is in use, another node has not answered yet whether it takes it, or the store fails.
pub async fn remove(
    storage: &dyn Storage,
    agent: &AgentId,
    with_history: bool,
) -> Result<Option<Removed>, OpenError> {
    let holds = claim(storage, agent).await?;
    let (mut group, mut values) = (Group::new(agent.clone()), 0);
    if let Some(KeptCustody { agent: key, custody, version }) = kept_custody(storage, agent).await?
        && let Some(custody) = without(agent, custody)?
    {
        let matches = Precondition::Matches(version);
        group = group.put(Key::Custody(agent.clone()), custody.encode(&key), matches);
    }
    // A crash leaves a prefix: without its checkpoint nothing is run any more.
    let mut keys = vec![
        Key::Wish(agent.clone()),
        Key::Checkpoint(agent.clone()),
        Key::Record(agent.clone()),
        Key::Receipts(agent.clone()),
    ];
    keys.extend(list_keys(storage, &Scope::Asides(agent.clone())).await?);
    if with_history {
        keys.push(Key::Summary(agent.clone()));
        for scope in [Scope::Segments, Scope::Funds, Scope::Certificates, Scope::History] {
            keys.extend(list_keys(storage, &scope(agent.clone())).await?);
        }
        keys.push(Key::Identity(agent.clone()));
    }
    for key in keys {
        if storage.get(&key).await?.is_some() {
            group = group.delete(key, Precondition::Always);
            values += 1;
        }
    }
    let bounds = storage.log_bounds(agent).await?;
    if bounds.start < bounds.end {
        group = group.trim(bounds.end);
    }
    if group.operations.is_empty() {
        return Ok(None);
    }
    commit_one(storage, group).await?;
    drop(holds);
    Ok(Some(Removed { values, with_history }))
}

/// What is decided about an agent that is removed, if that differs from what was.
fn without(agent: &AgentId, custody: Custody) -> Result<Option<Custody>, OpenError> {
    match &custody.holding {
        Holding::Absent | Holding::Released { .. } => Ok(None),
        Holding::Held(_) | Holding::Contested { .. } => {
            Ok(Some(Custody { holding: Holding::Absent, ..custody }))
        }
        Holding::Offered { offer, .. } => {
            let target = NodeId::of(&offer.terms().target);
            Err(OpenError::Offered { agent: agent.clone(), target })
        }
    }
}
