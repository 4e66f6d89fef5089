//! The store: a group is one line at the end of the file, written and synced under a lock. A line is there
//! when its line feed is, so a group is applied whole or not at all.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use igor_core::Storage;
use igor_core::format::{AgentId, Hash, Seq};
use igor_core::storage::{
    Batch, Claim, Committed, Durability, Group, Hold, Key, Operation, Scope, StorageError, Stored,
    Version,
};

use crate::OneFileConfig;
use crate::entry::{Change, Entry};
use crate::state::{State, length};

/// A store in one file.
pub struct OneFileStorage {
    directory: PathBuf,
    value_bytes_max: u64,
    state: Mutex<State>,
}

fn failed(attempt: &str) -> impl Fn(io::Error) -> StorageError {
    move |source| StorageError::Io { attempt: attempt.to_owned(), source }
}

impl OneFileStorage {
    /// Opens the store in `directory`, which is created if it is missing.
    pub fn open(directory: &Path, config: OneFileConfig) -> Result<Self, StorageError> {
        fs::create_dir_all(directory).map_err(failed("create the store's directory"))?;
        let (directory, value_bytes_max) = (directory.to_owned(), config.value_bytes_max);
        Ok(Self { directory, value_bytes_max, state: Mutex::default() })
    }

    fn file(&self, name: &str) -> Result<File, StorageError> {
        let mut options = File::options();
        options.read(true).write(true).create(true).truncate(false);
        options.open(self.directory.join(name)).map_err(failed("open a file of the store"))
    }

    /// The state with everything that other openers have written meanwhile.
    fn up_to_date(&self) -> Result<(File, MutexGuard<'_, State>), StorageError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cause) = state.poisoned.clone() {
            return Err(StorageError::Poisoned { cause });
        }
        let mut file = self.file("everything.jsonl")?;
        let mut new = Vec::new();
        file.seek(SeekFrom::Start(state.read)).map_err(failed("read the store"))?;
        file.read_to_end(&mut new).map_err(failed("read the store"))?;
        for line in new.split_inclusive(|byte| *byte == b'\n') {
            if line.last() != Some(&b'\n') {
                break; // Someone is still writing it, or died while doing so.
            }
            state.apply(line).ok_or_else(|| StorageError::Corrupt {
                object: "everything.jsonl".to_owned(),
                problem: format!("the line at byte {} is damaged", state.read),
            })?;
            state.read += length(line);
        }
        Ok((file, state))
    }

    fn commit_group(&self, group: &Group) -> Result<Committed, StorageError> {
        // Until the lock is dropped, nobody else writes, in this process or another.
        let lock = self.file("commit.lock")?;
        lock.lock().map_err(failed("lock the store"))?;
        let (mut file, mut state) = self.up_to_date()?;
        state.check(group, self.value_bytes_max)?;
        let mut line =
            serde_json::to_vec(&entry(group)).map_err(|error| failed("encode")(error.into()))?;
        line.push(b'\n');
        let written = file
            .set_len(state.read) // Cuts off what a writer that died has left.
            .and_then(|()| file.seek(SeekFrom::Start(state.read)))
            .and_then(|_| file.write_all(&line))
            .and_then(|()| file.sync_all());
        if let Err(error) = written {
            // Whether the line is there is unknown now: only opening the store again can tell.
            state.poisoned = Some(error.to_string());
            return Err(failed("write the store")(error));
        }
        state.read += length(&line);
        state.apply(&line).expect("what was just encoded can be decoded");
        Ok(Committed { versions: versions(group) })
    }
}

fn entry(group: &Group) -> Entry {
    let changes = group.operations.iter().map(|operation| match operation {
        Operation::Put { key, bytes, .. } => Change::Put(key.into(), bytes.clone()),
        Operation::Delete { key, .. } => Change::Delete(key.into()),
        Operation::Append { records, .. } => Change::Append(records.clone()),
        Operation::Trim { before } => Change::Trim(before.0),
    });
    Entry { agent: group.agent.to_string(), changes: changes.collect() }
}

fn versions(group: &Group) -> Vec<Version> {
    let puts = group.operations.iter().filter_map(|operation| match operation {
        Operation::Put { bytes, .. } => Some(Version::new(Hash::of(bytes).as_bytes())),
        _ => None,
    });
    puts.collect()
}

#[async_trait]
impl Storage for OneFileStorage {
    fn durability(&self) -> Durability {
        Durability::ProcessKill
    }

    fn value_bytes_max(&self) -> u64 {
        self.value_bytes_max
    }

    async fn get(&self, key: &Key) -> Result<Option<Stored>, StorageError> {
        let (_, state) = self.up_to_date()?;
        Ok(state.values.get(key).cloned())
    }

    async fn list(
        &self,
        scope: &Scope,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<Key>, StorageError> {
        let (_, state) = self.up_to_date()?;
        let keys = state.values.keys().filter(|key| scope.contains(key));
        let keys = keys.filter(|key| after.is_none_or(|after| *key > after));
        Ok(keys.take(limit).cloned().collect())
    }

    async fn log_bounds(&self, agent: &AgentId) -> Result<Range<Seq>, StorageError> {
        let (_, state) = self.up_to_date()?;
        let log = state.logs.get(agent);
        Ok(log.map_or(Seq(0)..Seq(0), |log| Seq(log.first)..Seq(log.length())))
    }

    async fn read_log(
        &self,
        agent: &AgentId,
        from: Seq,
        bytes_max: usize,
    ) -> Result<Vec<Vec<u8>>, StorageError> {
        let (_, state) = self.up_to_date()?;
        let (mut records, mut bytes) = (Vec::new(), 0);
        let Some(log) = state.logs.get(agent) else { return Ok(records) };
        let Some(skip) = from.0.checked_sub(log.first) else {
            let (object, first) = (format!("log of {agent}"), Seq(log.first));
            return Err(StorageError::Trimmed { object, from, first });
        };
        let skip = usize::try_from(skip).unwrap_or(usize::MAX);
        for record in log.records.iter().skip(skip) {
            bytes += record.len();
            if bytes > bytes_max && !records.is_empty() {
                break;
            }
            records.push(record.clone());
        }
        Ok(records)
    }

    async fn commit(&self, batch: Batch) -> Vec<Result<Committed, StorageError>> {
        batch.groups.iter().map(|group| self.commit_group(group)).collect()
    }

    async fn hold(&self, claim: &Claim) -> Result<Hold, StorageError> {
        let (object, name) = match claim {
            Claim::Agent(agent) => {
                // An agent id may be longer than a file name; its hash is not.
                (format!("agent {agent}"), format!("{}.lock", Hash::of(agent.as_str().as_bytes())))
            }
            _ => ("store".to_owned(), "store.lock".to_owned()),
        };
        let file = self.file(&name)?;
        let locked = match claim {
            Claim::StoreShared => file.try_lock_shared(),
            _ => file.try_lock(),
        };
        match locked {
            Ok(()) => Ok(Hold::new(file)),
            Err(TryLockError::WouldBlock) => {
                Err(StorageError::Held { object, holder: "another opener".to_owned() })
            }
            Err(TryLockError::Error(error)) => Err(failed("lock a claim")(error)),
        }
    }
}
