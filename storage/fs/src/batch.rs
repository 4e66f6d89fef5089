//! The groups of a batch, each committed by itself but several at a time: a commit waits for syncs most of
//! its time, and the file system makes one of many that come together. Order is kept where it means
//! something, among the groups of one agent and in the results.

use std::collections::HashMap;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, Builder};

use igor_core::format::AgentId;
use igor_core::storage::{Committed, Group, StorageError};

use crate::storage::FsStorage;

/// Threads that commit groups of one batch. More of them wait for the same syncs, but cost their start.
const THREADS_MAX: usize = 16;

/// What came of the group of that number.
type Answer = (usize, Result<Committed, StorageError>);

impl FsStorage {
    /// Commits each group; one result for each, in order.
    pub(crate) fn commit_batch(&self, groups: &[Group]) -> Vec<Result<Committed, StorageError>> {
        let lanes = lanes(groups);
        let next = AtomicUsize::new(0);
        let work = || self.commit_lanes(&lanes, &next);
        let mut answers = thread::scope(|scope| {
            let helpers = (1..lanes.len().min(THREADS_MAX)).map_while(|_| {
                // Where there is no thread to be had, those that are there do more.
                Builder::new().spawn_scoped(scope, work).ok()
            });
            let helpers: Vec<_> = helpers.collect();
            let mut answers = work();
            for helper in helpers {
                answers.extend(helper.join().unwrap_or_else(|panic| resume_unwind(panic)));
            }
            answers
        });
        answers.sort_unstable_by_key(|(number, _)| *number);
        answers.into_iter().map(|(_, result)| result).collect()
    }

    /// Commits the groups of one lane after the other, as long as there are any that nobody has taken.
    fn commit_lanes(&self, lanes: &[Vec<(usize, &Group)>], next: &AtomicUsize) -> Vec<Answer> {
        let mut answers = Vec::new();
        while let Some(lane) = lanes.get(next.fetch_add(1, Ordering::Relaxed)) {
            for (number, group) in lane {
                answers.push((*number, self.commit_group(group)));
            }
        }
        answers
    }
}

/// The groups of each agent with their numbers, in order.
fn lanes(groups: &[Group]) -> Vec<Vec<(usize, &Group)>> {
    let mut lanes: Vec<Vec<(usize, &Group)>> = Vec::new();
    let mut of: HashMap<&AgentId, usize> = HashMap::new();
    for (number, group) in groups.iter().enumerate() {
        let lane = *of.entry(&group.agent).or_insert(lanes.len());
        match lanes.get_mut(lane) {
            Some(lane) => lane.push((number, group)),
            None => lanes.push(vec![(number, group)]),
        }
    }
    lanes
}
