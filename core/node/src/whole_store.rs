//! A store that this process claims as a whole: nobody else may use it, and who claims to share it
//! within the process shares that claim. It keeps nothing itself and changes no other call.

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use igor_core::Storage;
use igor_core::format::{AgentId, Seq};
use igor_core::storage::{
    Batch, Claim, Committed, Durability, Hold, Key, Scope, StorageError, Stored,
};

/// The store, claimed.
struct WholeStore {
    inner: Arc<dyn Storage>,
    hold: Arc<Hold>,
}

/// Claims the whole of `storage` for as long as what is returned, or a claim made through it, lives.
///
/// # Errors
/// [`StorageError::Held`] if anybody else uses it.
pub async fn claim_whole(storage: Arc<dyn Storage>) -> Result<Arc<dyn Storage>, StorageError> {
    let hold = Arc::new(storage.hold(&Claim::StoreExclusive).await?);
    Ok(Arc::new(WholeStore { inner: storage, hold }))
}

#[async_trait]
impl Storage for WholeStore {
    fn durability(&self) -> Durability {
        self.inner.durability()
    }

    fn value_bytes_max(&self) -> u64 {
        self.inner.value_bytes_max()
    }

    async fn get(&self, key: &Key) -> Result<Option<Stored>, StorageError> {
        self.inner.get(key).await
    }

    async fn list(
        &self,
        scope: &Scope,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<Key>, StorageError> {
        self.inner.list(scope, after, limit).await
    }

    async fn log_bounds(&self, agent: &AgentId) -> Result<Range<Seq>, StorageError> {
        self.inner.log_bounds(agent).await
    }

    async fn read_log(
        &self,
        agent: &AgentId,
        from: Seq,
        bytes_max: usize,
    ) -> Result<Vec<Vec<u8>>, StorageError> {
        self.inner.read_log(agent, from, bytes_max).await
    }

    async fn commit(&self, batch: Batch) -> Vec<Result<Committed, StorageError>> {
        self.inner.commit(batch).await
    }

    async fn hold(&self, claim: &Claim) -> Result<Hold, StorageError> {
        match claim {
            Claim::StoreShared => Ok(Hold::new(Arc::clone(&self.hold))),
            other => self.inner.hold(other).await,
        }
    }
}
