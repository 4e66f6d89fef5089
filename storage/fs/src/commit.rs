//! How a group is written: everything new first into temporary files that are synced, then, one
//! operation after the other, what makes it visible, each durable before the next. So a crash leaves a
//! prefix of the group, and most of what can fail fails before anything has changed.

use std::io;
use std::thread::{self, Scope};

use igor_core::format::{AgentId, Seq};
use igor_core::storage::{Committed, Group, Key, Operation, Precondition, StorageError, Version};

use crate::beside::{Beside, LARGE};
use crate::error::Failure;
use crate::layout;
use crate::lock;
use crate::log::{Log, frame};
use crate::storage::{AgentState, FsStorage, locked, version};
use crate::tree::{to_u64, write_all};
use crate::trim::TrimError;
use crate::vfs::{VfsFile, parent};

/// Temporary files that one group has open at a time between writing and syncing.
const OPEN_MAX: usize = 16;

/// A group on its way to the disk.
pub(crate) struct Writing<'a> {
    pub(crate) agent: &'a AgentId,
    /// For each operation, the synced temporary file that a put becomes, or the log by a trim.
    pub(crate) temporaries: Vec<Option<String>>,
    /// The trimmed logs, by the number of the operation.
    pub(crate) trimmed: Vec<(usize, Log)>,
    /// Whether anything of the group is visible.
    changed: bool,
}

impl FsStorage {
    /// Checks one group and writes it.
    pub(crate) fn commit_group(&self, group: &Group) -> Result<Committed, StorageError> {
        self.check_poison()?;
        self.check_values(group)?;
        let state = self.agent(&group.agent);
        let mut state = locked(&state);
        // Another thread may have failed while this one waited.
        self.check_poison()?;
        let clean = |failure| self.change_failed(failure, true);
        let _agent = self.lock_agent(&group.agent, &mut state).map_err(clean)?;
        let _shared = self.lock_shared(group).map_err(clean)?;
        self.check_preconditions(group, &mut state)?;
        self.make_places(group, &mut state).map_err(clean)?;

        let temporaries = vec![None; group.operations.len()];
        let trimmed = Vec::new();
        let mut writing = Writing { agent: &group.agent, temporaries, trimmed, changed: false };
        let (versions, staged, checked) = thread::scope(|scope| {
            let checks = large_matches(group).map(|(key, size, precondition)| {
                Beside::start(scope, size, move || self.check(key, precondition))
            });
            let checks: Vec<_> = checks.collect();
            let versions = start_hashing(scope, group);
            let staged = self.stage(group, &mut writing);
            let checked = checks.into_iter().try_for_each(Beside::wait);
            (wait_for_versions(versions), staged, checked)
        });
        if let Err(failure) = staged {
            return Err(self.abandon(writing, failure));
        }
        if let Err(error) = checked {
            return Err(self.discard(&writing).map_or_else(|failure| failure, |()| error));
        }
        match self.stage_trims(group, &mut writing, &state.log) {
            Err(TrimError::Failed(failure)) => return Err(self.abandon(writing, failure)),
            Err(TrimError::Unreadable(error)) => {
                let error = self.log_error(&group.agent, error);
                return Err(self.discard(&writing).map_or_else(|failure| failure, |()| error));
            }
            Ok(()) => {}
        }
        for (index, operation) in group.operations.iter().enumerate() {
            if let Err(failure) = self.apply(operation, index, &mut writing, &mut state) {
                return Err(self.abandon(writing, failure));
            }
        }
        Ok(Committed { versions })
    }

    /// Refuses keys of other agents, and values and records that are too large.
    pub(crate) fn check_values(&self, group: &Group) -> Result<(), StorageError> {
        let max = self.value_bytes_max;
        let fits = |object: &dyn Fn() -> String, bytes: usize| match to_u64(bytes) {
            bytes if bytes > max => Err(StorageError::TooLarge { object: object(), bytes, max }),
            _ => Ok(()),
        };
        for operation in &group.operations {
            match operation {
                Operation::Put { key, .. } | Operation::Delete { key, .. }
                    if key.agent().is_some_and(|owner| *owner != group.agent) =>
                {
                    return Err(StorageError::Refused {
                        object: key.to_string(),
                        problem: format!("cannot be written by {}", group.agent),
                    });
                }
                Operation::Put { key, bytes, .. } => fits(&|| key.to_string(), bytes.len())?,
                Operation::Delete { .. } | Operation::Trim { .. } => {}
                Operation::Append { records, .. } => {
                    let object = || format!("log record of {}", group.agent);
                    records.iter().try_for_each(|record| fits(&object, record.len()))?;
                    if !frame::fits(records) {
                        let bytes = records.iter().map(|record| to_u64(record.len())).sum();
                        let object = format!("append to the log of {}", group.agent);
                        return Err(StorageError::TooLarge { object, bytes, max: u32::MAX.into() });
                    }
                }
            }
        }
        Ok(())
    }

    /// Locks the content that agents share, if the group touches it.
    fn lock_shared(&self, group: &Group) -> Result<Option<Box<dyn VfsFile>>, Failure> {
        let shares = keys(group).any(|key| key.agent().is_none());
        shares.then(|| lock::wait_for(&self.tree, layout::SHARED_LOCK)).transpose()
    }

    /// Checks the preconditions against the state before the group; a second append of a group is to
    /// continue the first, and a trim may reach to the end of the appends before it. Those of
    /// [`large_matches`] are checked while the new values are written.
    fn check_preconditions(
        &self,
        group: &Group,
        state: &mut AgentState,
    ) -> Result<(), StorageError> {
        let mut end = None;
        for operation in &group.operations {
            let is_of_log = matches!(operation, Operation::Append { .. } | Operation::Trim { .. });
            if is_of_log && end.is_none() {
                self.caught_up(&group.agent, state)?;
            }
            let length = end.unwrap_or(state.log.bounds().end);
            match operation {
                Operation::Put { bytes, precondition, .. } if is_large(bytes, precondition) => {}
                Operation::Put { key, precondition, .. }
                | Operation::Delete { key, precondition } => self.check(key, precondition)?,
                Operation::Append { at, records } => {
                    Self::check_length(&group.agent, *at, length)?;
                    end = Some(Seq(length.0.saturating_add(to_u64(records.len()))));
                }
                Operation::Trim { before } if *before > length => {
                    let object = format!("log of {}", group.agent);
                    let problem = format!("cannot be trimmed to {before}, its length is {length}");
                    return Err(StorageError::Conflict { object, problem });
                }
                Operation::Trim { .. } => end = Some(length),
            }
        }
        Ok(())
    }

    /// Refuses an append that expects another length of the log.
    pub(crate) fn check_length(agent: &AgentId, at: Seq, found: Seq) -> Result<(), StorageError> {
        if at == found {
            return Ok(());
        }
        let problem = format!("length {at} expected, found {found}");
        Err(StorageError::Conflict { object: format!("log of {agent}"), problem })
    }

    fn check(&self, key: &Key, precondition: &Precondition) -> Result<(), StorageError> {
        let conflict = |problem: &str| {
            Err(StorageError::Conflict { object: key.to_string(), problem: problem.to_owned() })
        };
        match precondition {
            Precondition::Always => Ok(()),
            Precondition::Absent => match self.tree.exists(&layout::path(key))? {
                true => conflict("expected to be absent, but is there"),
                false => Ok(()),
            },
            Precondition::Matches(expected) => match self.read_value(key)? {
                Some(stored) if stored.version == *expected => Ok(()),
                Some(_) => conflict("has another version than expected"),
                None => conflict("expected to be there, but is absent"),
            },
        }
    }

    /// Makes sure of the directories that the group's values go to.
    fn make_places(&self, group: &Group, state: &mut AgentState) -> Result<(), Failure> {
        for operation in &group.operations {
            match operation {
                Operation::Put {
                    key:
                        Key::History(..)
                        | Key::Segment(..)
                        | Key::Summary(_)
                        | Key::Fund(..)
                        | Key::Certificate(..),
                    ..
                } if !state.has_history => {
                    self.tree.ensure_dir(layout::HISTORY)?;
                    self.tree.ensure_dir(&layout::history_dir(&group.agent))?;
                    state.has_history = true;
                }
                Operation::Put { key: Key::Module(_), .. } => {
                    self.tree.ensure_dir(layout::MODULES)?;
                }
                Operation::Put { key: Key::Manifest(_), .. } => {
                    self.tree.ensure_dir(layout::MANIFESTS)?;
                }
                Operation::Put { key: Key::Custody(_), .. } => {
                    self.tree.ensure_dir(layout::CUSTODIES)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Writes and syncs all new values under temporary names.
    fn stage(&self, group: &Group, writing: &mut Writing<'_>) -> Result<(), Failure> {
        let mut open = Vec::new();
        for (index, operation) in group.operations.iter().enumerate() {
            let Operation::Put { key, bytes, .. } = operation else { continue };
            if self.is_there_already(key, bytes)? {
                continue;
            }
            let path = layout::temporary(writing.agent, index);
            let file = self.tree.create_temporary(&path)?;
            if let Some(temporary) = writing.temporaries.get_mut(index) {
                *temporary = Some(path.clone());
            }
            let object = format!("{key} to {}", self.tree.vfs.describe(&path));
            write_all(&*file, bytes, 0).map_err(Failure::of("write", &object))?;
            open.push((object, file));
            if open.len() == OPEN_MAX {
                self.sync_all(&mut open)?;
            }
        }
        self.sync_all(&mut open)
    }

    fn sync_all(&self, open: &mut Vec<(String, Box<dyn VfsFile>)>) -> Result<(), Failure> {
        // Not `of_sync`: a failure leaves nothing in doubt, as nobody sees a temporary file.
        open.drain(..)
            .try_for_each(|(object, file)| file.sync().map_err(Failure::of("sync", &object)))
    }

    /// Whether this content, named by its hash, need not be written again. Its name is made durable
    /// all the same: another process may have died before it did so.
    fn is_there_already(&self, key: &Key, bytes: &[u8]) -> Result<bool, Failure> {
        if !matches!(key, Key::Module(_) | Key::Manifest(_)) {
            return Ok(false);
        }
        let path = layout::path(key);
        match self.tree.read(&path, self.value_bytes_max)? {
            crate::tree::Content::Bytes(present) if present == bytes => {
                self.tree.sync_dir(parent(&path))?;
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// Makes one operation visible and durable.
    fn apply(
        &self,
        operation: &Operation,
        index: usize,
        writing: &mut Writing<'_>,
        state: &mut AgentState,
    ) -> Result<(), Failure> {
        match operation {
            Operation::Put { key, .. } => self.put_in_place(&layout::path(key), index, writing),
            Operation::Delete { key, .. } => {
                let path = layout::path(key);
                match self.tree.vfs.remove(&path) {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
                    removed => {
                        removed.map_err(Failure::of("remove", &self.tree.vfs.describe(&path)))?;
                    }
                }
                writing.changed = true;
                self.tree.sync_dir(parent(&path))
            }
            Operation::Append { records, .. } => self.append(records, writing, state),
            Operation::Trim { .. } => {
                self.put_in_place(&layout::journal(writing.agent), index, writing)?;
                if let Some(at) = writing.trimmed.iter().position(|(of, _)| *of == index) {
                    state.log = writing.trimmed.swap_remove(at).1;
                    drop(self.handles.take(writing.agent));
                    self.settled(writing.agent, state);
                }
                Ok(())
            }
        }
    }

    /// Gives the temporary file of an operation, if it has one, its name.
    fn put_in_place(
        &self,
        path: &str,
        index: usize,
        writing: &mut Writing<'_>,
    ) -> Result<(), Failure> {
        let Some(place) = writing.temporaries.get_mut(index) else { return Ok(()) };
        let Some(temporary) = place.take() else { return Ok(()) };
        if let Err(error) = self.tree.vfs.rename(&temporary, path) {
            *place = Some(temporary);
            return Err(Failure::of("put in place", &self.tree.vfs.describe(path))(error));
        }
        writing.changed = true;
        self.tree.sync_dir(parent(path))
    }

    /// Appends to the log, after cutting off durably what a torn append may have left there.
    fn append(
        &self,
        records: &[Vec<u8>],
        writing: &mut Writing<'_>,
        state: &mut AgentState,
    ) -> Result<(), Failure> {
        if records.is_empty() {
            return Ok(());
        }
        let path = layout::journal(writing.agent);
        let object = self.tree.vfs.describe(&path);
        let file = self.tree.open_or_create(&path)?;
        let end = state.log.file_end();
        if file.size().map_err(Failure::of("look at", &object))? > end {
            file.truncate(end).map_err(Failure::of("cut", &object))?;
            file.sync().map_err(Failure::of_sync(&object))?;
        }
        let append = state.log.encode(records);
        if let Err(error) = append.write(&*file) {
            // Nothing of it may come back; if that cannot be made sure of, the group is in doubt.
            writing.changed |= file.truncate(end).and_then(|()| file.sync()).is_err();
            return Err(Failure::of("append to", &object)(error));
        }
        writing.changed = true;
        if let Err(error) = file.sync() {
            // Its remains in memory must not pass for a record when the store is opened again.
            let _ = file.truncate(end);
            return Err(Failure::of_sync(&object)(error));
        }
        state.log.appended(&append);
        if !state.has_log {
            self.tree.sync_dir(parent(&path))?;
            state.has_log = true;
        }
        self.settled(writing.agent, state);
        Ok(())
    }

    /// Takes note that the agent's log is durable as far as it reaches, its name included.
    fn settled(&self, agent: &AgentId, state: &mut AgentState) {
        state.settled = Some(state.log.span());
        self.redo.is_synced(agent);
    }

    /// Ends a group that failed: cleanly, if nothing has changed and its temporary files can go.
    fn abandon(&self, writing: Writing<'_>, failure: Failure) -> StorageError {
        let mut nothing_changed = !writing.changed;
        if nothing_changed && failure.is_clean() {
            nothing_changed = self.remove_temporaries(&writing).is_ok();
        }
        self.change_failed(failure, nothing_changed)
    }

    /// Ends a group whose preconditions turned out not to hold.
    fn discard(&self, writing: &Writing<'_>) -> Result<(), StorageError> {
        self.remove_temporaries(writing).map_err(|failure| self.change_failed(failure, false))
    }

    fn remove_temporaries(&self, writing: &Writing<'_>) -> Result<(), Failure> {
        writing.temporaries.iter().flatten().try_for_each(|path| self.tree.remove(path))
    }
}

/// Whether a precondition means reading so much that it is better done beside the writing. The size of
/// the value that is there is taken to be that of the new one.
fn is_large(bytes: &[u8], precondition: &Precondition) -> bool {
    bytes.len() >= LARGE && matches!(precondition, Precondition::Matches(_))
}

/// The keys, sizes and preconditions of those puts.
fn large_matches(group: &Group) -> impl Iterator<Item = (&Key, usize, &Precondition)> {
    group.operations.iter().filter_map(|operation| match operation {
        Operation::Put { key, bytes, precondition } if is_large(bytes, precondition) => {
            Some((key, bytes.len(), precondition))
        }
        _ => None,
    })
}

/// Starts to compute the versions of all puts; `None` is the one before once more, as a checkpoint and
/// its history entry are the same bytes.
fn start_hashing<'scope>(
    scope: &'scope Scope<'scope, '_>,
    group: &'scope Group,
) -> Vec<Option<Beside<'scope, Version>>> {
    let mut last: Option<&[u8]> = None;
    let puts = group.operations.iter().filter_map(|operation| match operation {
        Operation::Put { bytes, .. } => Some(bytes.as_slice()),
        Operation::Delete { .. } | Operation::Append { .. } | Operation::Trim { .. } => None,
    });
    puts.map(|bytes| {
        let same = last.replace(bytes) == Some(bytes);
        (!same).then(|| Beside::start(scope, bytes.len(), move || version(bytes)))
    })
    .collect()
}

fn wait_for_versions(started: Vec<Option<Beside<'_, Version>>>) -> Vec<Version> {
    let mut versions: Vec<Version> = Vec::with_capacity(started.len());
    for version in started {
        let version = version.map(Beside::wait).or_else(|| versions.last().cloned());
        versions.extend(version);
    }
    versions
}

fn keys(group: &Group) -> impl Iterator<Item = &Key> {
    group.operations.iter().filter_map(|operation| match operation {
        Operation::Put { key, .. } | Operation::Delete { key, .. } => Some(key),
        Operation::Append { .. } | Operation::Trim { .. } => None,
    })
}
