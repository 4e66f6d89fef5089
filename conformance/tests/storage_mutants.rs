//! Stores with one known fault each, to show that the storage suite sees the fault. The faults are put
//! around the file operations of the file store or around the store itself. The last test shows that the
//! same cases do not object to the store without a fault.

use std::collections::HashMap;
use std::io;
use std::ops::Range;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use conformance::Case;
use conformance::disk::SimDisk;
use conformance::mutants::{assert_caught, failed_cases};
use conformance::storage::{Opened, StorageFixture, cases};
use igor_core::Storage;
use igor_core::format::{AgentId, Seq};
use igor_core::storage::{
    Batch, Claim, Committed, Durability, Group, Hold, Key, Operation, Precondition, Scope,
    StorageError, Stored,
};
use igor_storage_fs::vfs::{Access, Lock, Metadata, OsVfs, Vfs, VfsFile};
use igor_storage_fs::{FsConfig, FsStorage};
use tempfile::TempDir;

/// A fault, and the case that is about it.
const FAULTS: [(Fault, &str); 22] = [
    (Fault::SkipsFileSync, "power_cuts_lose_nothing_acknowledged"),
    (Fault::SkipsDirectorySync, "power_cuts_lose_nothing_acknowledged"),
    (Fault::SkipsDirectorySync, "what_a_successor_found_survives_a_power_cut"),
    (Fault::ReplacesByCopying, "power_cuts_lose_nothing_acknowledged"),
    (Fault::NeverCutsTornAppends, "power_cuts_lose_nothing_acknowledged"),
    (Fault::SkipsRedoSync, "appends_together_lose_nothing_acknowledged"),
    (Fault::OverlooksRedoLogs, "appends_together_lose_nothing_acknowledged"),
    (Fault::SkipsFileSync, "what_a_successor_found_of_appends_together_survives"),
    (Fault::RetriesFailedSync, "a_failed_sync_is_not_retried"),
    (Fault::LocksNothing, "racing_increments_lose_none"),
    (Fault::IgnoresPreconditions, "a_put_follows_its_precondition"),
    (Fault::AppliesHalfOfAFailedGroup, "a_failed_precondition_spoils_its_whole_group"),
    (Fault::FailsGroupsTogether, "a_failed_group_leaves_the_others"),
    (Fault::AppendsAnywhere, "an_append_needs_the_length_of_the_log"),
    (Fault::AppendsAnywhere, "a_stale_holder_cannot_append"),
    (Fault::TrimsOneTooMany, "a_trim_loses_no_record_that_stays"),
    (Fault::TrimsOneTooMany, "trims_and_appends_in_any_order_keep_the_rest"),
    (Fault::CountsFromTheTrim, "a_trimmed_log_keeps_its_positions"),
    (Fault::ReadsWhatItReadBefore, "two_openers_see_one_store"),
    (Fault::HoldsForEverybody, "claims_exclude_as_their_kinds_say"),
    (Fault::ForgetsPoison, "any_failed_operation_poisons_the_store"),
    (Fault::ListsOneKeyTooMany, "pages_add_up_to_the_whole"),
];

/// What is wrong with a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    /// Syncing a file does nothing.
    SkipsFileSync,
    /// Syncing a directory does nothing.
    SkipsDirectorySync,
    /// A value is copied over the old one instead of taking its place.
    ReplacesByCopying,
    /// What a torn append left stays behind the end of the log.
    NeverCutsTornAppends,
    /// Appends of several agents are acknowledged before their redo log is synced.
    SkipsRedoSync,
    /// The redo logs of others are not found.
    OverlooksRedoLogs,
    /// A failed sync is done once more, which succeeds.
    RetriesFailedSync,
    /// Locks on files exclude nobody.
    LocksNothing,
    /// Every precondition holds.
    IgnoresPreconditions,
    /// Of a group with a failed precondition, the first operation is applied.
    AppliesHalfOfAFailedGroup,
    /// If one group of a batch fails, none of the others is applied.
    FailsGroupsTogether,
    /// An append goes to the end, wherever that is.
    AppendsAnywhere,
    /// A trim also takes the first record that is to stay.
    TrimsOneTooMany,
    /// After a trim, positions begin with zero again.
    CountsFromTheTrim,
    /// A value that was read once is never read again.
    ReadsWhatItReadBefore,
    /// Every claim is granted.
    HoldsForEverybody,
    /// A poisoned store opens itself again.
    ForgetsPoison,
    /// A page may have one key more than asked for.
    ListsOneKeyTooMany,
}

/// A directory, and a faulty store in it.
struct Faulty {
    fault: Fault,
    directory: Arc<TempDir>,
}

impl Faulty {
    fn new(fault: Fault) -> Self {
        let directory = tempfile::tempdir().expect("temporary files can be made");
        Self { fault, directory: Arc::new(directory) }
    }

    fn over(&self, vfs: Arc<dyn Vfs>) -> Arc<dyn Storage> {
        let vfs = Arc::new(FaultyVfs { fault: self.fault, vfs });
        let open = move || -> Arc<dyn Storage> {
            let config = FsConfig { value_bytes_max: 1 << 20, ..FsConfig::default() };
            Arc::new(FsStorage::over(vfs.clone(), &config).expect("the configuration is valid"))
        };
        let store = Mutex::new(open());
        let open = Box::new(open);
        Arc::new(FaultyStore { fault: self.fault, store, open, read: Mutex::default() })
    }
}

impl StorageFixture for Faulty {
    fn open(&self) -> Opened {
        let vfs = OsVfs::new(self.directory.path()).expect("the path is absolute");
        Opened { storage: self.over(Arc::new(vfs)), guard: Box::new(self.directory.clone()) }
    }

    fn on_disk(&self, disk: &SimDisk) -> Option<Arc<dyn Storage>> {
        Some(self.over(Arc::new(disk.clone())))
    }
}

struct FaultyVfs {
    fault: Fault,
    vfs: Arc<dyn Vfs>,
}

impl FaultyVfs {
    fn file(&self, file: Box<dyn VfsFile>, path: &str) -> Box<dyn VfsFile> {
        Box::new(FaultyFile { fault: self.fault, is_redo: path.contains("/.redo/"), file })
    }
}

impl Vfs for FaultyVfs {
    fn describe(&self, path: &str) -> String {
        self.vfs.describe(path)
    }

    fn open(&self, path: &str, access: Access) -> io::Result<Box<dyn VfsFile>> {
        self.vfs.open(path, access).map(|file| self.file(file, path))
    }

    fn create_new(&self, path: &str) -> io::Result<Box<dyn VfsFile>> {
        self.vfs.create_new(path).map(|file| self.file(file, path))
    }

    fn create_dir(&self, path: &str) -> io::Result<()> {
        self.vfs.create_dir(path)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        if self.fault != Fault::ReplacesByCopying {
            return self.vfs.rename(from, to);
        }
        let source = self.vfs.open(from, Access::Read)?;
        let mut bytes = vec![0; usize::try_from(source.size()?).expect("it fits in memory")];
        source.read_at(&mut bytes, 0)?;
        let target = match self.vfs.open(to, Access::ReadWrite) {
            Err(_) => self.vfs.create_new(to)?,
            Ok(target) => target,
        };
        target.truncate(0)?;
        target.write_at(&bytes, 0)?;
        target.sync()?;
        self.vfs.remove(from)
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        self.vfs.remove(path)
    }

    fn sync_dir(&self, path: &str) -> io::Result<()> {
        match self.fault {
            Fault::SkipsDirectorySync => Ok(()),
            Fault::RetriesFailedSync => {
                self.vfs.sync_dir(path).or_else(|_| self.vfs.sync_dir(path))
            }
            _ => self.vfs.sync_dir(path),
        }
    }

    fn list(&self, path: &str) -> io::Result<Vec<String>> {
        match self.fault {
            Fault::OverlooksRedoLogs if path.ends_with("/.redo") => Ok(Vec::new()),
            _ => self.vfs.list(path),
        }
    }

    fn metadata(&self, path: &str) -> io::Result<Metadata> {
        self.vfs.metadata(path)
    }

    fn tighten(&self, path: &str) -> io::Result<()> {
        self.vfs.tighten(path)
    }
}

struct FaultyFile {
    fault: Fault,
    is_redo: bool,
    file: Box<dyn VfsFile>,
}

impl VfsFile for FaultyFile {
    fn size(&self) -> io::Result<u64> {
        self.file.size()
    }

    fn size_if_named(&self) -> io::Result<Option<u64>> {
        self.file.size_if_named()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        self.file.write_at(bytes, offset)
    }

    fn truncate(&self, size: u64) -> io::Result<()> {
        match self.fault {
            Fault::NeverCutsTornAppends => Ok(()),
            _ => self.file.truncate(size),
        }
    }

    fn sync(&self) -> io::Result<()> {
        match self.fault {
            Fault::SkipsFileSync => Ok(()),
            Fault::SkipsRedoSync if self.is_redo => Ok(()),
            Fault::RetriesFailedSync => self.file.sync().or_else(|_| self.file.sync()),
            _ => self.file.sync(),
        }
    }

    fn forget_cached(&self) {
        self.file.forget_cached();
    }

    fn lock(&self, mode: Lock, wait: bool) -> io::Result<bool> {
        match self.fault {
            Fault::LocksNothing => Ok(true),
            _ => self.file.lock(mode, wait),
        }
    }

    fn unlock(&self) -> io::Result<()> {
        self.file.unlock()
    }
}

const UNPOISONED: &str = "nothing panics under the lock";

struct FaultyStore {
    fault: Fault,
    store: Mutex<Arc<dyn Storage>>,
    open: Box<dyn Fn() -> Arc<dyn Storage> + Send + Sync>,
    read: Mutex<HashMap<Key, Option<Stored>>>,
}

impl FaultyStore {
    fn store(&self) -> Arc<dyn Storage> {
        self.store.lock().expect(UNPOISONED).clone()
    }

    /// Takes note of an answer; a store that forgets poison is opened again after any failure.
    fn answered<T>(&self, answer: Result<T, StorageError>) -> Result<T, StorageError> {
        if self.fault == Fault::ForgetsPoison && answer.is_err() {
            *self.store.lock().expect(UNPOISONED) = (self.open)();
        }
        answer
    }

    /// The group as a store with this fault takes it.
    async fn falsified(&self, mut group: Group) -> Group {
        let bounds = self.store().log_bounds(&group.agent).await.unwrap_or(Seq(0)..Seq(0));
        let mut end = bounds.end.0;
        for operation in &mut group.operations {
            match operation {
                Operation::Put { precondition, .. } | Operation::Delete { precondition, .. }
                    if self.fault == Fault::IgnoresPreconditions =>
                {
                    *precondition = Precondition::Always;
                }
                Operation::Append { at, records } if self.fault == Fault::AppendsAnywhere => {
                    *at = Seq(end);
                    end += u64::try_from(records.len()).expect("few records");
                }
                Operation::Trim { before } if self.fault == Fault::TrimsOneTooMany => {
                    before.0 = (before.0 + 1).min(end);
                }
                Operation::Append { at: position, .. } | Operation::Trim { before: position }
                    if self.fault == Fault::CountsFromTheTrim =>
                {
                    position.0 = position.0.saturating_add(bounds.start.0);
                }
                _ => {}
            }
        }
        group
    }
}

#[async_trait]
impl Storage for FaultyStore {
    fn durability(&self) -> Durability {
        self.store().durability()
    }

    fn value_bytes_max(&self) -> u64 {
        self.store().value_bytes_max()
    }

    async fn get(&self, key: &Key) -> Result<Option<Stored>, StorageError> {
        if self.fault == Fault::ReadsWhatItReadBefore
            && let Some(found) = self.read.lock().expect(UNPOISONED).get(key)
        {
            return Ok(found.clone());
        }
        let found = self.answered(self.store().get(key).await)?;
        self.read.lock().expect(UNPOISONED).insert(key.clone(), found.clone());
        Ok(found)
    }

    async fn list(
        &self,
        scope: &Scope,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<Key>, StorageError> {
        let more = usize::from(self.fault == Fault::ListsOneKeyTooMany);
        self.answered(self.store().list(scope, after, limit.saturating_add(more)).await)
    }

    async fn log_bounds(&self, agent: &AgentId) -> Result<Range<Seq>, StorageError> {
        let bounds = self.answered(self.store().log_bounds(agent).await)?;
        Ok(match self.fault {
            Fault::CountsFromTheTrim => Seq(0)..Seq(bounds.end.0 - bounds.start.0),
            _ => bounds,
        })
    }

    async fn read_log(
        &self,
        agent: &AgentId,
        from: Seq,
        bytes_max: usize,
    ) -> Result<Vec<Vec<u8>>, StorageError> {
        let skipped = match self.fault {
            Fault::CountsFromTheTrim => self.store().log_bounds(agent).await?.start.0,
            _ => 0,
        };
        let from = Seq(from.0.saturating_add(skipped));
        self.answered(self.store().read_log(agent, from, bytes_max).await)
    }

    async fn commit(&self, batch: Batch) -> Vec<Result<Committed, StorageError>> {
        if !matches!(self.fault, Fault::FailsGroupsTogether | Fault::AppliesHalfOfAFailedGroup) {
            let mut groups = Vec::new();
            for group in batch.groups {
                groups.push(self.falsified(group).await);
            }
            let answers = self.store().commit(Batch { groups }).await;
            return answers.into_iter().map(|answer| self.answered(answer)).collect();
        }
        let mut results: Vec<Result<Committed, StorageError>> = Vec::new();
        for group in batch.groups {
            if self.fault == Fault::FailsGroupsTogether && results.iter().any(Result::is_err) {
                let (object, problem) = (group.agent.to_string(), "another failed".to_owned());
                results.push(Err(StorageError::Conflict { object, problem }));
                continue;
            }
            let first = Group {
                operations: group.operations.iter().take(1).cloned().collect(),
                ..group.clone()
            };
            let mut answer = self.store().commit(Batch::from(group)).await;
            let answer = self.answered(answer.pop().expect("one group has one result"));
            if answer.is_err() && self.fault == Fault::AppliesHalfOfAFailedGroup {
                // Whether that first part can be applied does not matter.
                let _ = self.store().commit(Batch::from(first)).await;
            }
            results.push(answer);
        }
        results
    }

    async fn hold(&self, claim: &Claim) -> Result<Hold, StorageError> {
        if self.fault == Fault::HoldsForEverybody {
            return Ok(Hold::new(()));
        }
        self.answered(self.store().hold(claim).await)
    }
}

fn the_case(name: &str) -> Vec<Case<dyn StorageFixture>> {
    cases().into_iter().filter(|case| case.name == name).collect()
}

fn make(fault: Fault) -> Box<dyn StorageFixture> {
    Box::new(Faulty::new(fault))
}

#[test]
fn every_fault_is_caught_by_the_case_about_it() {
    for (fault, case) in FAULTS {
        assert_caught(&format!("{fault:?}"), case, &the_case(case), || make(fault));
        println!("{fault:?} is caught by {case}");
    }
}

#[test]
fn the_same_cases_pass_without_a_fault() {
    for (_, case) in FAULTS {
        let failed = failed_cases(&the_case(case), || make(Fault::None));
        assert!(failed.is_empty(), "{case} fails on a store without a fault");
    }
}
