//! Removes a stopped agent from a store: what makes it an agent of this node, and on request what proves
//! its life. It touches neither module nor manifest, which other agents may share.

use igor_core::Storage;
use igor_core::format::AgentId;
use igor_core::storage::{Group, Key, Precondition, Scope, StorageError};

use crate::commit::commit_one;
use crate::open::claim;
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
/// can be resumed, unless `with_history`. `None` if there is nothing of such an agent.
///
/// # Errors
/// When the agent is in use or the store fails.
pub async fn remove(
    storage: &dyn Storage,
    agent: &AgentId,
    with_history: bool,
) -> Result<Option<Removed>, StorageError> {
    let holds = claim(storage, agent).await?;
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
        for scope in [Scope::Segments, Scope::Funds, Scope::History] {
            keys.extend(list_keys(storage, &scope(agent.clone())).await?);
        }
        keys.push(Key::Identity(agent.clone()));
    }
    let (mut group, mut values) = (Group::new(agent.clone()), 0);
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
