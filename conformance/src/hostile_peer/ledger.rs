//! A store that notes down what is written to it, so that an attack that changes anything durable is seen,
//! whatever it changes. It keeps nothing itself.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use igor_core::Storage;
use igor_core::format::{AgentId, Seq};
use igor_core::storage::{
    Batch, Claim, Committed, Durability, Hold, Key, Operation, Scope, StorageError, Stored,
};

/// Notes down what is written.
pub(super) struct Ledger {
    store: Arc<dyn Storage>,
    written: Mutex<BTreeSet<Entry>>,
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Entry {
    /// A value was put or deleted.
    Value(Key),
    /// An agent's log was written.
    Log(AgentId),
}

impl Entry {
    /// Who it belongs to.
    pub(super) fn agent(&self) -> Option<&AgentId> {
        match self {
            Self::Value(key) => key.agent(),
            Self::Log(agent) => Some(agent),
        }
    }
}

impl Ledger {
    pub(super) fn new(store: Arc<dyn Storage>) -> Self {
        Self { store, written: Mutex::default() }
    }

    /// Everything that was written since this was asked last.
    pub(super) fn written(&self) -> BTreeSet<Entry> {
        std::mem::take(&mut *self.written.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl Storage for Ledger {
    fn durability(&self) -> Durability {
        self.store.durability()
    }

    fn value_bytes_max(&self) -> u64 {
        self.store.value_bytes_max()
    }

    async fn get(&self, key: &Key) -> Result<Option<Stored>, StorageError> {
        self.store.get(key).await
    }

    async fn list(
        &self,
        scope: &Scope,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<Key>, StorageError> {
        self.store.list(scope, after, limit).await
    }

    async fn log_bounds(&self, agent: &AgentId) -> Result<Range<Seq>, StorageError> {
        self.store.log_bounds(agent).await
    }

    async fn read_log(
        &self,
        agent: &AgentId,
        from: Seq,
        bytes_max: usize,
    ) -> Result<Vec<Vec<u8>>, StorageError> {
        self.store.read_log(agent, from, bytes_max).await
    }

    async fn commit(&self, batch: Batch) -> Vec<Result<Committed, StorageError>> {
        let mut entries = Vec::new();
        for group in &batch.groups {
            entries.extend(group.operations.iter().map(|operation| match operation {
                Operation::Put { key, .. } | Operation::Delete { key, .. } => {
                    Entry::Value(key.clone())
                }
                _ => Entry::Log(group.agent.clone()),
            }));
        }
        self.written.lock().unwrap_or_else(PoisonError::into_inner).extend(entries);
        self.store.commit(batch).await
    }

    async fn hold(&self, claim: &Claim) -> Result<Hold, StorageError> {
        self.store.hold(claim).await
    }
}
