//! Nodes with one known fault each, made by a store that does not do what it was asked for, to show that
//! the enumeration sees the fault. Faults of the store itself are the storage suite's.

use std::ops::Range;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use igor_core::Storage;
use igor_core::format::{AgentId, Seq};
use igor_core::storage::{
    Batch, Claim, Committed, Durability, Group, Hold, Key, Operation, Scope, StorageError, Stored,
};

/// What is wrong with a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing.
    None,
    /// It takes records as written that are written with the next ones.
    ShowsTooEarly,
    /// It sees no journal when it starts, and goes on from the checkpoint.
    ForgetsTheJournal,
    /// It trims the log before the checkpoint is in its place.
    TrimsFirst,
    /// It charges again what it repeats.
    ChargesTwice,
}

/// A store between the node and the real one.
pub(crate) struct Faulty {
    storage: Arc<dyn Storage>,
    fault: Fault,
    /// Appends that were acknowledged and are yet to be done.
    owed: Mutex<Vec<Operation>>,
}

impl Faulty {
    pub(crate) fn new(storage: Arc<dyn Storage>, fault: Fault) -> Self {
        Self { storage, fault, owed: Mutex::default() }
    }

    /// What is done instead of `group`, one after the other.
    fn instead(&self, group: Group) -> Vec<Group> {
        let Group { agent, operations } = group;
        let is_append = |operation: &Operation| matches!(operation, Operation::Append { .. });
        let is_trim = |operation: &Operation| matches!(operation, Operation::Trim { .. });
        let parts = match self.fault {
            Fault::ShowsTooEarly => {
                let mut owed = self.owed.lock().unwrap();
                let is_records = operations.iter().all(is_append);
                let (now, later) =
                    if is_records { (Vec::new(), operations) } else { (operations, Vec::new()) };
                [std::mem::replace(&mut *owed, later), now]
            }
            Fault::TrimsFirst => {
                let early = |operation: &Operation| is_append(operation) || is_trim(operation);
                let (first, rest) = operations.into_iter().partition(early);
                [first, rest]
            }
            _ => [operations, Vec::new()],
        };
        let parts = parts.into_iter().filter(|operations| !operations.is_empty());
        parts.map(|operations| Group { agent: agent.clone(), operations }).collect()
    }
}

#[async_trait]
impl Storage for Faulty {
    fn durability(&self) -> Durability {
        self.storage.durability()
    }

    fn value_bytes_max(&self) -> u64 {
        self.storage.value_bytes_max()
    }

    async fn get(&self, key: &Key) -> Result<Option<Stored>, StorageError> {
        self.storage.get(key).await
    }

    async fn list(
        &self,
        scope: &Scope,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<Key>, StorageError> {
        self.storage.list(scope, after, limit).await
    }

    async fn log_bounds(&self, agent: &AgentId) -> Result<Range<Seq>, StorageError> {
        self.storage.log_bounds(agent).await
    }

    async fn read_log(
        &self,
        agent: &AgentId,
        from: Seq,
        bytes_max: usize,
    ) -> Result<Vec<Vec<u8>>, StorageError> {
        if self.fault == Fault::ForgetsTheJournal {
            return Ok(Vec::new());
        }
        self.storage.read_log(agent, from, bytes_max).await
    }

    async fn commit(&self, batch: Batch) -> Vec<Result<Committed, StorageError>> {
        let mut results = Vec::new();
        for group in batch.groups {
            let mut result = Ok(Committed::default());
            for group in self.instead(group) {
                if result.is_ok() {
                    result = self.storage.commit(group.into()).await.pop().unwrap();
                }
            }
            results.push(result);
        }
        results
    }

    async fn hold(&self, claim: &Claim) -> Result<Hold, StorageError> {
        self.storage.hold(claim).await
    }
}
