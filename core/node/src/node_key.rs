//! The node's own key, which signs what its agents' journals are sealed with: read from the store, or
//! made when an agent is first opened in it. Its public half is the NodeId.

use std::sync::Arc;

use igor_core::clock::EntropyError;
use igor_core::format::{AgentId, NodeKey, NodeKeyError, decode_node_key, encode_node_key};
use igor_core::storage::{Group, Key, Precondition, StorageError};
use igor_core::{Entropy, Storage};
use zeroize::Zeroizing;

use crate::commit::commit_one;

/// Why there is no node key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NodeKeyProblem {
    /// None could be made.
    #[error("make a key for this node: {0}")]
    Entropy(#[from] EntropyError),
    /// What is stored is none.
    #[error(transparent)]
    Key(#[from] NodeKeyError),
    /// The store failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// The key of the node that this store belongs to. One that has none gets one, written by `agent`,
/// which must be claimed.
pub(crate) async fn node_key(
    storage: &dyn Storage,
    agent: &AgentId,
    entropy: &dyn Entropy,
) -> Result<Arc<NodeKey>, NodeKeyProblem> {
    if let Some(key) = read(storage).await? {
        return Ok(key);
    }
    let mut seed = Zeroizing::new([0; 32]);
    entropy.fill(&mut *seed)?;
    let bytes = encode_node_key(&NodeKey::from_seed(&seed)).to_vec();
    let group = Group::new(agent.clone()).put(Key::Node, bytes, Precondition::Absent);
    match commit_one(storage, group).await {
        // Another agent's process was quicker.
        Ok(_) | Err(StorageError::Conflict { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    read(storage).await?.ok_or_else(|| {
        let object = Key::Node.to_string();
        let problem = "it vanished after it was written".to_owned();
        StorageError::Corrupt { object, problem }.into()
    })
}

/// The key of the node that this store belongs to, made if there is none; `agent` is whose name it is written
/// under.
///
/// # Errors
/// When it cannot be read or made.
pub async fn own_key(
    storage: &dyn Storage,
    agent: &AgentId,
    entropy: &dyn Entropy,
) -> Result<Arc<NodeKey>, NodeKeyProblem> {
    node_key(storage, agent, entropy).await
}

async fn read(storage: &dyn Storage) -> Result<Option<Arc<NodeKey>>, NodeKeyProblem> {
    let Some(stored) = storage.get(&Key::Node).await? else { return Ok(None) };
    let bytes = Zeroizing::new(stored.bytes);
    Ok(Some(Arc::new(decode_node_key(&bytes)?)))
}
