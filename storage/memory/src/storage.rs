//! The store: the trait's calls on a map that all openers of one name share. It cannot fail, so it is
//! never poisoned.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use igor_core::format::{AgentId, Seq};
use igor_core::storage::{
    Batch, Claim, Committed, Durability, Hold, Key, Scope, Storage, StorageError, Stored,
};

use crate::state::State;

/// The stores of this process, by name. They stay until the process ends, as what was written to them
/// is to survive its opener.
static NAMED: LazyLock<Mutex<HashMap<String, Arc<Mutex<State>>>>> = LazyLock::new(Mutex::default);

/// A store in memory.
pub struct MemoryStorage {
    state: Arc<Mutex<State>>,
    value_bytes_max: u64,
}

impl MemoryStorage {
    /// The store that all openers of `name` in this process share.
    pub fn named(name: &str, value_bytes_max: u64) -> Self {
        let state = locked(&NAMED).entry(name.to_owned()).or_default().clone();
        Self { state, value_bytes_max }
    }

    /// A store that nobody else can open.
    pub fn unnamed(value_bytes_max: u64) -> Self {
        Self { state: Arc::default(), value_bytes_max }
    }

    /// Another opener of the same store.
    pub fn shared(&self) -> Self {
        Self { state: Arc::clone(&self.state), value_bytes_max: self.value_bytes_max }
    }

    /// Another store with the same content as this one has now, unnamed and claimed by nobody.
    pub fn copy(&self) -> Self {
        let state = locked(&self.state).unclaimed();
        Self { state: Arc::new(Mutex::new(state)), value_bytes_max: self.value_bytes_max }
    }
}

/// Locks a mutex; nothing that is done under one can panic halfway.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait]
impl Storage for MemoryStorage {
    fn durability(&self) -> Durability {
        Durability::Process
    }

    fn value_bytes_max(&self) -> u64 {
        self.value_bytes_max
    }

    async fn get(&self, key: &Key) -> Result<Option<Stored>, StorageError> {
        Ok(locked(&self.state).values.get(key).cloned())
    }

    async fn list(
        &self,
        scope: &Scope,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<Key>, StorageError> {
        let state = locked(&self.state);
        let keys = state.values.keys().filter(|key| scope.contains(key));
        let keys = keys.filter(|key| after.is_none_or(|after| *key > after));
        Ok(keys.take(limit).cloned().collect())
    }

    async fn log_bounds(&self, agent: &AgentId) -> Result<Range<Seq>, StorageError> {
        let state = locked(&self.state);
        let log = state.logs.get(agent);
        Ok(log.map_or(Seq(0)..Seq(0), |log| Seq(log.first)..Seq(log.length())))
    }

    async fn read_log(
        &self,
        agent: &AgentId,
        from: Seq,
        bytes_max: usize,
    ) -> Result<Vec<Vec<u8>>, StorageError> {
        locked(&self.state).read_log(agent, from, bytes_max)
    }

    async fn commit(&self, batch: Batch) -> Vec<Result<Committed, StorageError>> {
        let mut state = locked(&self.state);
        let groups = batch.groups.into_iter();
        groups.map(|group| state.commit(group, self.value_bytes_max)).collect()
    }

    async fn hold(&self, claim: &Claim) -> Result<Hold, StorageError> {
        let mut state = locked(&self.state);
        let (free, object) = match claim {
            Claim::StoreExclusive => (!state.exclusive && state.sharers == 0, "store".to_owned()),
            Claim::StoreShared => (!state.exclusive, "store".to_owned()),
            Claim::Agent(agent) => (!state.agents.contains(agent), format!("agent {agent}")),
        };
        if !free {
            let holder = format!("process {}", std::process::id());
            return Err(StorageError::Held { object, holder });
        }
        match claim {
            Claim::StoreExclusive => state.exclusive = true,
            Claim::StoreShared => state.sharers += 1,
            Claim::Agent(agent) => {
                state.agents.insert(agent.clone());
            }
        }
        Ok(Hold::new(Held { state: self.state.clone(), claim: claim.clone() }))
    }
}

/// A claim that ends with this.
struct Held {
    state: Arc<Mutex<State>>,
    claim: Claim,
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut state = locked(&self.state);
        match &self.claim {
            Claim::StoreExclusive => state.exclusive = false,
            Claim::StoreShared => state.sharers -= 1,
            Claim::Agent(agent) => {
                state.agents.remove(agent);
            }
        }
    }
}
