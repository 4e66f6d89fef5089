//! The disk of a node, and the store on it: either files on a simulated disk, or values in memory of which a cut
//! leaves any first part of each group, as the storage trait allows. What is to go wrong with the next write is
//! said before it; what became durable is told after it.

use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use igor_core::Storage;
use igor_core::format::{AgentId, Seq};
use igor_core::storage::{
    Batch, Claim, Committed, Durability, Group, Hold, Key, Operation, Scope, StorageError, Stored,
};
use igor_storage_fs::{FsConfig, FsStorage};
use igor_storage_memory::MemoryStorage;

use super::mutant::{self, Mutant};
use super::swarm::index;
use crate::Rng;
use crate::disk::{Fault, Image, SimDisk};

const VALUE_BYTES_MAX: u64 = 64 << 20;
/// About how many operations of the disk a commit takes.
const OPERATIONS: u64 = 16;

/// A node's disk.
pub(super) enum Disk {
    Plain(MemoryStorage),
    Files(SimDisk),
}

/// What happens at a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fate {
    /// It is done.
    Done,
    /// The power is cut before it.
    CutBefore,
    /// The power is cut while it is done; where, this number says.
    CutWithin(u64),
    /// The power is cut after it, before anybody hears of it.
    CutAfter,
    /// The disk fails while it is done; where, this number says.
    Fails(u64),
    /// There is no space for it.
    Full,
}

impl Disk {
    pub(super) fn new(on_files: bool) -> Self {
        if on_files {
            Self::Files(SimDisk::new())
        } else {
            Self::Plain(MemoryStorage::unnamed(VALUE_BYTES_MAX))
        }
    }

    /// Another disk with the same content.
    pub(super) fn copy(&self) -> Self {
        match self {
            Self::Plain(store) => Self::Plain(store.copy()),
            Self::Files(disk) => Self::Files(disk.copy()),
        }
    }

    /// What the disk holds once the power was cut.
    pub(super) fn cut(&self, rng: &mut Rng) -> Self {
        match self {
            Self::Plain(store) => Self::Plain(store.copy()),
            Self::Files(disk) => {
                let image = match rng.below(4) {
                    0 => Image::Nothing,
                    1 => Image::Everything,
                    2 => Image::NamesAndLengths,
                    _ => Image::Random(rng.next_u64()),
                };
                Self::Files(disk.image(image))
            }
        }
    }

    /// The store on this disk, opened anew.
    pub(super) fn open(&self, mutant: Option<Mutant>) -> Store {
        let inner: Arc<dyn Storage> = match self {
            Self::Plain(store) => Arc::new(store.shared()),
            Self::Files(disk) => {
                if let Some(omission) = mutant.and_then(Mutant::omission) {
                    disk.omit(omission);
                }
                let store = FsStorage::over(Arc::new(disk.clone()), &FsConfig::default());
                Arc::new(store.unwrap_or_else(|error| panic!("open a store: {error}")))
            }
        };
        let (plain, files) = match self {
            Self::Plain(store) => (Some(store.shared()), None),
            Self::Files(disk) => (None, Some(disk.clone())),
        };
        Store { inner, plain, files, mutant, state: Mutex::default() }
    }
}

/// An opened store.
pub(super) struct Store {
    inner: Arc<dyn Storage>,
    plain: Option<MemoryStorage>,
    files: Option<SimDisk>,
    mutant: Option<Mutant>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    fate: Option<Fate>,
    is_cut: bool,
    poison: Option<String>,
    kept: Vec<(Key, Vec<u8>)>,
    /// What the disk held before the last write, if a mutant acknowledges that one too early.
    before: Option<MemoryStorage>,
}

impl Store {
    /// Decides about the next write.
    pub(super) fn decide(&self, fate: Fate) {
        self.state().fate = Some(fate);
    }

    /// Whether the power was cut.
    pub(super) fn is_cut(&self) -> bool {
        self.state().is_cut
    }

    /// Whether the store must be opened again.
    pub(super) fn is_poisoned(&self) -> bool {
        self.state().poison.is_some()
    }

    /// What has become durable since this was last asked.
    pub(super) fn take_kept(&self) -> Vec<(Key, Vec<u8>)> {
        std::mem::take(&mut self.state().kept)
    }

    /// What is under a key, whatever happened.
    pub(super) fn peek(&self, key: &Key) -> Option<Vec<u8>> {
        pollster::block_on(self.inner.get(key)).ok().flatten().map(|stored| stored.bytes)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn check(&self) -> Result<(), StorageError> {
        let state = self.state();
        let cause = if state.is_cut { Some("the power is off".to_owned()) } else { None };
        match cause.or_else(|| state.poison.clone()) {
            Some(cause) => Err(StorageError::Poisoned { cause }),
            None => Ok(()),
        }
    }

    /// What the disk holds although more was acknowledged.
    pub(super) fn take_before(&self) -> Option<Disk> {
        self.state().before.take().map(Disk::Plain)
    }

    async fn write(&self, batch: Batch) -> Vec<Result<Committed, StorageError>> {
        if self.mutant == Some(Mutant::AcknowledgesBeforeSync) {
            self.state().before = self.plain.as_ref().map(MemoryStorage::copy);
        }
        let puts: Vec<Vec<(Key, Vec<u8>)>> = batch.groups.iter().map(puts).collect();
        let results = self.inner.commit(batch).await;
        let mut state = self.state();
        for (puts, _) in puts.into_iter().zip(&results).filter(|(_, result)| result.is_ok()) {
            state.kept.extend(puts);
        }
        results
    }

    /// Does a write up to some point only.
    async fn write_some(&self, batch: Batch, point: u64) {
        if let Some(disk) = &self.files {
            let at = disk.operations().len() + index(point % OPERATIONS);
            let is_poison = self.state().poison.is_some();
            disk.fail_at(at, if is_poison { Fault::Error } else { Fault::PowerOff });
            self.inner.commit(batch).await;
            return;
        }
        for mut group in batch.groups {
            let length = group.operations.len() + 1;
            let kept = index(point) % length;
            group.operations.truncate(kept);
            self.inner.commit(group.into()).await;
        }
    }
}

/// The values that a group puts.
pub(super) fn puts(group: &Group) -> Vec<(Key, Vec<u8>)> {
    let put = |operation: &Operation| match operation {
        Operation::Put { key, bytes, .. } => Some((key.clone(), bytes.clone())),
        _ => None,
    };
    group.operations.iter().filter_map(put).collect()
}

#[async_trait]
impl Storage for Store {
    fn durability(&self) -> Durability {
        Durability::PowerLoss
    }

    fn value_bytes_max(&self) -> u64 {
        self.inner.value_bytes_max()
    }

    async fn get(&self, key: &Key) -> Result<Option<Stored>, StorageError> {
        self.check()?;
        self.inner.get(key).await
    }

    async fn list(
        &self,
        scope: &Scope,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<Key>, StorageError> {
        self.check()?;
        self.inner.list(scope, after, limit).await
    }

    async fn log_bounds(&self, agent: &AgentId) -> Result<Range<Seq>, StorageError> {
        self.check()?;
        self.inner.log_bounds(agent).await
    }

    async fn read_log(
        &self,
        agent: &AgentId,
        from: Seq,
        bytes_max: usize,
    ) -> Result<Vec<Vec<u8>>, StorageError> {
        self.check()?;
        self.inner.read_log(agent, from, bytes_max).await
    }

    async fn commit(&self, batch: Batch) -> Vec<Result<Committed, StorageError>> {
        let count = batch.groups.len();
        let refuse = |error: &dyn Fn() -> StorageError| (0..count).map(|_| Err(error())).collect();
        if let Err(StorageError::Poisoned { cause }) = self.check() {
            return refuse(&|| StorageError::Poisoned { cause: cause.clone() });
        }
        let fate = self.state().fate.take().unwrap_or(Fate::Done);
        let off = || StorageError::Poisoned { cause: "the power is off".to_owned() };
        match fate {
            Fate::Done => self.write(mutant::reorder(self.mutant, batch)).await,
            Fate::Full => refuse(&|| StorageError::NoSpace { attempt: "write".to_owned() }),
            Fate::CutBefore => {
                self.state().is_cut = true;
                refuse(&off)
            }
            Fate::CutWithin(point) => {
                self.write_some(mutant::reorder(self.mutant, batch), point).await;
                self.state().is_cut = true;
                refuse(&off)
            }
            Fate::CutAfter => {
                self.write(batch).await;
                self.state().is_cut = true;
                refuse(&off)
            }
            Fate::Fails(point) => {
                let cause = "a write failed".to_owned();
                self.state().poison = Some(cause.clone());
                self.write_some(batch, point).await;
                refuse(&|| StorageError::Poisoned { cause: cause.clone() })
            }
        }
    }

    async fn hold(&self, claim: &Claim) -> Result<Hold, StorageError> {
        self.check()?;
        self.inner.hold(claim).await
    }
}
