//! The files of agents that append together again and again, kept open in between: opening them anew costs
//! more than the append. Whether a file that was kept is still the one of that name is for its user to ask.

use std::collections::HashMap;
use std::sync::Mutex;

use igor_core::format::AgentId;

use crate::storage::locked;
use crate::vfs::VfsFile;

/// What an append of an agent needs. Closing it frees the agent for commits of others.
pub(crate) struct Files {
    /// The commit lock's.
    pub(crate) commits: Box<dyn VfsFile>,
    /// The log's.
    pub(crate) log: Box<dyn VfsFile>,
}

/// The files of some agents, none of them locked.
#[derive(Default)]
pub(crate) struct Handles(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    round: u64,
    files: HashMap<AgentId, (u64, Files)>,
}

/// Agents whose files are kept at most, so that a process with the usual limit of 1024 open files has
/// enough left.
pub(crate) const KEPT_MAX: usize = 160;
/// Files that were not used for so many batches are closed.
const ROUNDS_MAX: u64 = 16;

impl Handles {
    /// Takes note that a batch begins.
    pub(crate) fn begin_round(&self) {
        let mut kept = locked(&self.0);
        kept.round = kept.round.wrapping_add(1);
        let round = kept.round;
        kept.files.retain(|_, (used, _)| round.wrapping_sub(*used) <= ROUNDS_MAX);
    }

    /// Hands out what is kept of an agent.
    pub(crate) fn take(&self, agent: &AgentId) -> Option<Files> {
        locked(&self.0).files.remove(agent).map(|(_, files)| files)
    }

    /// Keeps the files of an agent, if the lock can be given up and there is room.
    pub(crate) fn keep(&self, agent: &AgentId, files: Files) {
        if files.commits.unlock().is_err() {
            return;
        }
        let mut kept = locked(&self.0);
        if kept.files.len() < KEPT_MAX {
            let round = kept.round;
            kept.files.insert(agent.clone(), (round, files));
        }
    }
}
