//! Appends to the logs of many agents with one sync: each is written to its own log, and all of them
//! together to the redo log, which is synced. Which groups of a batch can go this way is decided here; a
//! group that cannot, or need not, is left to `commit`.

use std::sync::MutexGuard;

use igor_core::format::AgentId;
use igor_core::storage::{Committed, Group, Operation, StorageError};

use crate::error::Failure;
use crate::handles::{Files, KEPT_MAX};
use crate::layout;
use crate::lock;
use crate::log::Append;
use crate::redo::{RedoError, entry};
use crate::storage::{AgentState, FsStorage, locked};
use crate::vfs::{Access, Lock};

/// Groups that are combined at most; the files of each are open meanwhile.
pub(crate) const COMBINED_MAX: usize = KEPT_MAX;

/// Bytes of an append that is combined at most: a larger one costs more to write twice than to sync.
const BYTES_MAX: usize = 256 << 10;

/// A group of a batch with its number.
pub(crate) type Numbered<'a> = (usize, &'a Group);

/// What came of the group of that number.
pub(crate) type Answer = (usize, Result<Committed, StorageError>);

/// What came of groups that were to be combined.
#[derive(Default)]
pub(crate) struct Combined<'a> {
    pub(crate) answers: Vec<Answer>,
    /// Those of which nothing was written and that are to be committed one by one.
    pub(crate) left: Vec<Numbered<'a>>,
}

/// An append that is whole in its log but not durable. It holds the agent's commit lock.
struct Written {
    append: Append,
    /// What the redo log is to say of it.
    record: Vec<u8>,
    /// Where the log ended before.
    end: u64,
    files: Files,
}

impl Written {
    /// Whether nothing of it is left.
    fn take_back(&self) -> bool {
        self.files.log.truncate(self.end).and_then(|()| self.files.log.sync()).is_ok()
    }
}

/// The groups that were written, with what is known of their agents.
type InFlight<'s, 'a> = Vec<(Numbered<'a>, MutexGuard<'s, AgentState>, Written)>;

impl FsStorage {
    /// Whether a group is one append of an agent whose log was settled by this opener, as far as can be
    /// said without looking at the log. More than one append is not: a later one must not be durable
    /// before an earlier one.
    pub(crate) fn can_be_combined(&self, group: &Group) -> bool {
        let [Operation::Append { records, .. }] = group.operations.as_slice() else { return false };
        let bytes = records.iter().fold(0, |sum: usize, record| sum.saturating_add(record.len()));
        let fits = !records.is_empty() && bytes <= BYTES_MAX && records.len() <= BYTES_MAX;
        fits && locked(&self.agent(&group.agent)).settled.is_some()
    }

    /// Commits groups of different agents, in the order of those.
    pub(crate) fn commit_combined<'a>(&self, groups: &[Numbered<'a>]) -> Combined<'a> {
        if let Err(failure) = self.redo.make(&self.tree) {
            if failure.is_clean() {
                return Combined { answers: Vec::new(), left: groups.to_vec() };
            }
            let error = self.change_failed(failure, true);
            return self.refused(groups.iter().copied(), error);
        }
        // All of them before any commit lock: whoever holds one waits for none of these.
        let states: Vec<_> = groups.iter().map(|(_, group)| self.agent(&group.agent)).collect();
        let states: Vec<_> = states.iter().map(|state| locked(state)).collect();
        let mut combined = Combined::default();
        let mut written = InFlight::new();
        for ((number, group), mut state) in groups.iter().copied().zip(states) {
            match self.write_unsynced(group, &mut state) {
                Ok(Some(one)) => written.push(((number, group), state, one)),
                Ok(None) => combined.left.push((number, group)),
                Err(error) => combined.answers.push((number, Err(error))),
            }
        }
        let more = self.make_durable(written);
        combined.answers.extend(more.answers);
        combined.left.extend(more.left);
        combined
    }

    /// Writes the append of a group to its log; nothing if the group is to go the other way.
    fn write_unsynced(
        &self,
        group: &Group,
        state: &mut AgentState,
    ) -> Result<Option<Written>, StorageError> {
        // Another group, or another thread, may have failed meanwhile.
        self.check_poison()?;
        self.check_values(group)?;
        let [Operation::Append { at, records }] = group.operations.as_slice() else {
            return Ok(None);
        };
        let Some((files, size, is_known)) = self.lock_files(&group.agent) else { return Ok(None) };
        let log = &mut state.log;
        // In a file that this opener appended to, what it made durable stays as it is: only another size
        // says something new.
        if !is_known || state.settled != Some(log.span()) || size != log.file_end() {
            log.catch_up(&*files.log).map_err(|error| self.log_error(&group.agent, error))?;
        }
        Self::check_length(&group.agent, *at, log.bounds().end)?;
        // What others appended is perhaps durable nowhere but in their redo log. And remains of a torn
        // append are cut off durably before anything is appended.
        if state.settled != Some(log.span()) || size != log.file_end() {
            return Ok(None);
        }
        let end = log.file_end();
        let append = log.encode(records);
        let record = entry::encode(&group.agent, log, &append);
        let written = append.write(&*files.log);
        let written_down = Written { append, record, end, files };
        match written {
            Ok(()) => Ok(Some(written_down)),
            Err(error) => {
                let object = self.tree.vfs.describe(&layout::journal(&group.agent));
                let failure = Failure::of("append to", &object)(error);
                Err(self.change_failed(failure, written_down.take_back()))
            }
        }
    }

    /// The agent's files with its commit lock, the size of its log, and whether its log is the file that
    /// it was at the last append of this kind. `None` if something stands in the way: it does so the other
    /// way too, and is said then.
    fn lock_files(&self, agent: &AgentId) -> Option<(Files, u64, bool)> {
        if let Some(files) = self.handles.take(agent) {
            files.commits.lock(Lock::Exclusive, true).ok()?;
            let is_locked = files.commits.size_if_named().ok()?.is_some();
            if let (true, Some(size)) = (is_locked, files.log.size_if_named().ok()?) {
                return Some((files, size, true));
            }
        }
        let commits = lock::wait_for(&self.tree, &layout::commit_lock(agent)).ok()?;
        let log = self.tree.vfs.open(&layout::journal(agent), Access::ReadWrite).ok()?;
        let size = log.size().ok()?;
        Some((Files { commits, log }, size, false))
    }

    /// Makes appends durable that are whole in their logs.
    fn make_durable<'a>(&self, mut written: InFlight<'_, 'a>) -> Combined<'a> {
        let mut combined = Combined::default();
        let numbers = |written: &InFlight<'_, 'a>| -> Vec<Numbered<'a>> {
            written.iter().map(|(numbered, ..)| *numbered).collect()
        };
        if let Err(error) = self.check_poison() {
            return self.refused(numbers(&written).into_iter(), error);
        }
        let records: Vec<_> =
            written.iter_mut().map(|(.., one)| std::mem::take(&mut one.record)).collect();
        if records.is_empty() {
            return combined;
        }
        let agents = written.iter().map(|((_, group), ..)| group.agent.clone());
        match self.redo.append(&self.tree, &records, agents) {
            Ok(()) => {
                for ((number, group), mut state, one) in written {
                    state.log.appended(&one.append);
                    state.settled = Some(state.log.span());
                    self.handles.keep(&group.agent, one.files);
                    combined.answers.push((number, Ok(Committed::default())));
                }
                combined
            }
            Err(RedoError::TakenBack(failure)) => {
                let left = numbers(&written);
                if failure.is_clean() && written.iter().all(|(.., one)| one.take_back()) {
                    combined.left = left;
                    return combined;
                }
                self.refused(left.into_iter(), self.change_failed(failure, false))
            }
            Err(RedoError::InDoubt(failure)) => {
                let error = self.change_failed(failure, false);
                self.refused(numbers(&written).into_iter(), error)
            }
            Err(RedoError::Left) => {
                let error = self.poisoned();
                self.refused(numbers(&written).into_iter(), error)
            }
        }
    }

    /// The error of each group when one failure is that of all: the first is told what it was.
    fn refused<'a>(
        &self,
        groups: impl Iterator<Item = Numbered<'a>>,
        error: StorageError,
    ) -> Combined<'a> {
        let mut error = Some(error);
        let answers = groups
            .map(|(number, _)| (number, Err(error.take().unwrap_or_else(|| self.poisoned()))));
        Combined { answers: answers.collect(), left: Vec::new() }
    }
}
