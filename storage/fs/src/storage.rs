//! The store: the trait's calls on files. It decides when a directory may be written to at all and when
//! the store can no longer be trusted; how a group is written is the business of `commit`.
//!
//! The calls block: file operations are synchronous on every system this runs on, and who drives the
//! store decides on which thread.

use std::collections::HashMap;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use igor_core::format::{AgentId, Hash, Seq};
use igor_core::storage::{
    Batch, Claim, Committed, Durability, Hold, Key, Scope, Storage, StorageError, Stored, Version,
};

use crate::config::FsConfig;
use crate::error::Failure;
use crate::handles::Handles;
use crate::layout;
use crate::lock;
use crate::log::{Log, LogError, Span};
use crate::redo::Redo;
use crate::redo::entry::Entries;
use crate::tree::{Content, Tree};
use crate::vfs::{Access, OsVfs, Vfs, VfsFile};

/// A store in a directory.
pub struct FsStorage {
    pub(crate) tree: Tree,
    pub(crate) value_bytes_max: u64,
    /// Whether the directories that every writer needs are there and safe.
    base: Mutex<bool>,
    agents: Mutex<HashMap<AgentId, Arc<Mutex<AgentState>>>>,
    pub(crate) redo: Redo,
    pub(crate) handles: Handles,
    /// What the redo logs of dead openers said when an agent was first read that was not taken over.
    pub(crate) left_by_the_dead: Mutex<Option<Arc<Entries>>>,
    /// The first failure that left the store in doubt.
    poison: Mutex<Option<String>>,
}

/// What this opener knows of an agent. Locked for the time of a commit.
#[derive(Default)]
pub(crate) struct AgentState {
    /// Whether everything of the agent was checked and made durable since it was opened or claimed.
    taken_over: bool,
    /// Whether the name of the log is known to be durable.
    pub(crate) has_log: bool,
    /// Whether the directory of its history exists durably.
    pub(crate) has_history: bool,
    pub(crate) log: Log,
    /// How far the log reached when this opener last made it durable, in its own file or in the redo log.
    pub(crate) settled: Option<Span>,
}

impl FsStorage {
    /// A store in `directory`, which is created when something is first written or claimed. Opening
    /// changes nothing.
    ///
    /// # Errors
    /// When `value_bytes_max` is out of range, or the current directory of a relative path is gone.
    pub fn open(directory: &Path, config: &FsConfig) -> Result<Self, StorageError> {
        let failed = Failure::of("open the store in", &directory.display().to_string());
        Self::over(Arc::new(OsVfs::new(directory).map_err(failed)?), config)
    }

    /// A store on the files of `vfs`.
    ///
    /// # Errors
    /// When `value_bytes_max` is out of range.
    pub fn over(vfs: Arc<dyn Vfs>, config: &FsConfig) -> Result<Self, StorageError> {
        if !(1..=FsConfig::VALUE_BYTES_CEILING).contains(&config.value_bytes_max) {
            return Err(StorageError::Refused {
                object: format!("value_bytes_max = {}", config.value_bytes_max),
                problem: format!("must lie between 1 and {}", FsConfig::VALUE_BYTES_CEILING),
            });
        }
        Ok(Self {
            tree: Tree { vfs },
            value_bytes_max: config.value_bytes_max,
            base: Mutex::default(),
            agents: Mutex::default(),
            redo: Redo::new(config.redo_bytes_max),
            handles: Handles::default(),
            left_by_the_dead: Mutex::default(),
            poison: Mutex::default(),
        })
    }

    /// Refuses every call after a failure that left the store in doubt.
    pub(crate) fn check_poison(&self) -> Result<(), StorageError> {
        match &*locked(&self.poison) {
            Some(cause) => Err(StorageError::Poisoned { cause: cause.clone() }),
            None => Ok(()),
        }
    }

    /// What a failed change means: if it came cleanly before anything changed, only itself; otherwise
    /// the end of this opening of the store.
    pub(crate) fn change_failed(&self, failure: Failure, nothing_changed: bool) -> StorageError {
        if nothing_changed && failure.is_clean() {
            return failure.into();
        }
        let error = failure.in_doubt();
        locked(&self.poison).get_or_insert_with(|| error.to_string());
        self.redo.leave();
        error
    }

    /// What every call says after a failure.
    pub(crate) fn poisoned(&self) -> StorageError {
        let cause = locked(&self.poison).clone();
        StorageError::Poisoned { cause: cause.unwrap_or_default() }
    }

    pub(crate) fn agent(&self, agent: &AgentId) -> Arc<Mutex<AgentState>> {
        locked(&self.agents).entry(agent.clone()).or_default().clone()
    }

    /// Creates or checks the directories that every writer needs.
    fn take_base(&self) -> Result<(), Failure> {
        let mut ready = locked(&self.base);
        if !*ready {
            self.tree.ensure_dir("")?;
            self.tree.ensure_dir(layout::OWN)?;
            *ready = true;
        }
        Ok(())
    }

    /// Locks the agent against commits of others until the returned file is closed. The first time, it
    /// also checks everything of the agent that is there and forgets what it knew.
    pub(crate) fn lock_agent(
        &self,
        agent: &AgentId,
        state: &mut AgentState,
    ) -> Result<Box<dyn VfsFile>, Failure> {
        if state.taken_over {
            return lock::wait_for(&self.tree, &layout::commit_lock(agent));
        }
        self.take_base()?;
        self.mend_after_the_dead()?;
        self.tree.ensure_dir(&layout::agent_dir(agent))?;
        drop(self.handles.take(agent));
        let lock = lock::wait_for(&self.tree, &layout::commit_lock(agent))?;
        self.tree.take_over(agent)?;
        self.settle_log(agent)?;
        *state = AgentState { taken_over: true, ..AgentState::default() };
        Ok(lock)
    }

    /// The value of `key` with its version.
    pub(crate) fn read_value(&self, key: &Key) -> Result<Option<Stored>, StorageError> {
        match self.tree.read(&layout::path(key), self.value_bytes_max)? {
            Content::Absent => Ok(None),
            Content::TooLarge(bytes) => {
                let object = key.to_string();
                Err(StorageError::TooLarge { object, bytes, max: self.value_bytes_max })
            }
            Content::Bytes(bytes) => Ok(Some(Stored { version: version(&bytes), bytes })),
        }
    }

    /// Opens the agent's log and reads what is new in it; `None` if it has none.
    pub(crate) fn caught_up(
        &self,
        agent: &AgentId,
        state: &mut AgentState,
    ) -> Result<Option<Box<dyn VfsFile>>, StorageError> {
        let path = layout::journal(agent);
        let file = match self.tree.vfs.open(&path, Access::Read) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                state.log = Log::default();
                return Ok(None);
            }
            opened => opened.map_err(Failure::of("open", &self.tree.vfs.describe(&path)))?,
        };
        let file = match state.taken_over {
            true => file,
            false => self.as_acknowledged(agent, file)?,
        };
        state.log.catch_up(&*file).map_err(|error| self.log_error(agent, error))?;
        Ok(Some(file))
    }

    pub(crate) fn log_error(&self, agent: &AgentId, error: LogError) -> StorageError {
        let path = self.tree.vfs.describe(&layout::journal(agent));
        match error {
            LogError::Io(source) => Failure::of("read", &path)(source).into(),
            LogError::Corrupt(problem) => {
                StorageError::Corrupt { object: format!("log of {agent} ({path})"), problem }
            }
        }
    }
}

/// A value's version: equal content, equal version, in every opener and process.
pub(crate) fn version(bytes: &[u8]) -> Version {
    Version::new(Hash::of(bytes).as_bytes())
}

/// Locks a mutex of this store. What they guard is only ever replaced as a whole, so that a thread that
/// panicked cannot have left half of it.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for FsStorage {
    fn drop(&mut self) {
        self.redo.finish(&self.tree);
    }
}

#[async_trait]
impl Storage for FsStorage {
    fn durability(&self) -> Durability {
        Durability::PowerLoss
    }

    fn value_bytes_max(&self) -> u64 {
        self.value_bytes_max
    }

    async fn get(&self, key: &Key) -> Result<Option<Stored>, StorageError> {
        self.check_poison()?;
        self.read_value(key)
    }

    async fn list(
        &self,
        scope: &Scope,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<Key>, StorageError> {
        self.check_poison()?;
        let names = self.tree.names(&layout::scope_dir(scope))?;
        let mut keys: Vec<_> = names.iter().filter_map(|name| layout::key(scope, name)).collect();
        keys.retain(|key| after.is_none_or(|after| key > after));
        keys.sort_unstable();
        keys.truncate(limit);
        Ok(keys)
    }

    async fn log_bounds(&self, agent: &AgentId) -> Result<Range<Seq>, StorageError> {
        self.check_poison()?;
        let state = self.agent(agent);
        let mut state = locked(&state);
        self.caught_up(agent, &mut state)?;
        Ok(state.log.bounds())
    }

    async fn read_log(
        &self,
        agent: &AgentId,
        from: Seq,
        bytes_max: usize,
    ) -> Result<Vec<Vec<u8>>, StorageError> {
        self.check_poison()?;
        let state = self.agent(agent);
        let mut state = locked(&state);
        let Some(file) = self.caught_up(agent, &mut state)? else { return Ok(Vec::new()) };
        let first = state.log.bounds().start;
        if from < first {
            return Err(StorageError::Trimmed { object: format!("log of {agent}"), from, first });
        }
        state.log.read(&*file, from, bytes_max).map_err(|error| self.log_error(agent, error))
    }

    async fn commit(&self, batch: Batch) -> Vec<Result<Committed, StorageError>> {
        self.commit_batch(&batch.groups)
    }

    async fn hold(&self, claim: &Claim) -> Result<Hold, StorageError> {
        self.check_poison()?;
        let held = self.take_base().and_then(|()| {
            if let Claim::Agent(agent) = claim {
                // Whoever held it before may have died in the middle of a commit.
                let state = self.agent(agent);
                let mut state = locked(&state);
                state.taken_over = false;
                drop(self.lock_agent(agent, &mut state)?);
            }
            lock::hold(&self.tree, claim)
        });
        held.map_err(|failure| self.change_failed(failure, true))?
    }
}
