//! What the operator wants of the agents in a store: read when a node starts, written when something
//! else is wanted. It starts and stops nothing.

use igor_core::Storage;
use igor_core::format::{AgentId, Wish, WishError};
use igor_core::storage::{Group, Key, Precondition, Scope, StorageError};

use crate::survey::list_keys;

/// Why it is not known what is wanted of an agent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WishProblem {
    /// What is stored is no wish.
    #[error("wish for {agent}: {error}")]
    Unreadable {
        /// The agent.
        agent: AgentId,
        /// What is wrong.
        error: WishError,
    },
    /// The store failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// The agents that the store holds, in order.
///
/// # Errors
/// When the store cannot be read.
pub async fn agents(storage: &dyn Storage) -> Result<Vec<AgentId>, StorageError> {
    let keys = list_keys(storage, &Scope::Checkpoints).await?;
    let agent = |key: Key| match key {
        Key::Checkpoint(agent) => Some(agent),
        _ => None,
    };
    Ok(keys.into_iter().filter_map(agent).collect())
}

/// What is wanted of `agent`, if anything was ever said.
///
/// # Errors
/// When the store cannot be read, or what it holds is no wish.
pub async fn wish(storage: &dyn Storage, agent: &AgentId) -> Result<Option<Wish>, WishProblem> {
    let Some(stored) = storage.get(&Key::Wish(agent.clone())).await? else { return Ok(None) };
    let wish = Wish::decode(&stored.bytes);
    Ok(Some(wish.map_err(|error| WishProblem::Unreadable { agent: agent.clone(), error })?))
}

/// Writes down what is wanted of these agents, no two of them the same; one result for each, in order.
pub async fn set_wishes(
    storage: &dyn Storage,
    wishes: &[(AgentId, Wish)],
) -> Vec<Result<(), StorageError>> {
    let groups = wishes.iter().map(|(agent, wish)| {
        let key = Key::Wish(agent.clone());
        Group::new(agent.clone()).put(key, wish.encode(), Precondition::Always)
    });
    let results = storage.commit(igor_core::storage::Batch { groups: groups.collect() }).await;
    results.into_iter().map(|result| result.map(|_| ())).collect()
}
