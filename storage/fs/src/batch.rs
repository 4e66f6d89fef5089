//! The groups of a batch. Where several agents only append, one sync serves all; the other groups are each
//! committed by itself, but several at a time. Order is kept where it means something, among the groups of
//! one agent and in the results.

use std::collections::HashMap;

use igor_core::format::AgentId;
use igor_core::storage::{Committed, Group, StorageError};

use crate::combine::{Answer, COMBINED_MAX, Numbered};
use crate::storage::FsStorage;
use crate::threads;

impl FsStorage {
    /// Commits each group; one result for each, in order.
    pub(crate) fn commit_batch(&self, groups: &[Group]) -> Vec<Result<Committed, StorageError>> {
        let mut lanes = lanes(groups);
        let mut answers = self.take_combined(&mut lanes);
        let each = |lane: &Lane<'_>| -> Vec<Answer> {
            lane.iter().map(|(number, group)| (*number, self.commit_group(group))).collect()
        };
        answers.extend(threads::for_each(&lanes, each).into_iter().flatten());
        answers.sort_unstable_by_key(|(number, _)| *number);
        answers.into_iter().map(|(_, result)| result).collect()
    }

    /// Commits the groups that can be combined and takes them out of the lanes.
    fn take_combined(&self, lanes: &mut Vec<Lane<'_>>) -> Vec<Answer> {
        let can_be = |lane: &Lane<'_>| match lane.as_slice() {
            [(_, group)] => self.can_be_combined(group),
            _ => false,
        };
        let (alone, rest): (Vec<_>, Vec<_>) = lanes.drain(..).partition(can_be);
        *lanes = rest;
        if alone.len() < 2 {
            lanes.extend(alone);
            return Vec::new();
        }
        self.handles.begin_round();
        let mut alone: Vec<Numbered<'_>> = alone.into_iter().flatten().collect();
        alone.sort_unstable_by(|(_, one), (_, other)| one.agent.cmp(&other.agent));
        let mut answers = Vec::with_capacity(alone.len());
        for part in alone.chunks(COMBINED_MAX) {
            let combined = self.commit_combined(part);
            answers.extend(combined.answers);
            lanes.extend(combined.left.into_iter().map(|numbered| vec![numbered]));
        }
        answers
    }
}

/// The groups of one agent, in order.
type Lane<'a> = Vec<Numbered<'a>>;

/// The groups of each agent.
fn lanes(groups: &[Group]) -> Vec<Lane<'_>> {
    let mut lanes: Vec<Lane<'_>> = Vec::new();
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
