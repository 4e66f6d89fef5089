//! The redo log of one opener: what was appended to many agents' logs at one moment, in one file that is
//! synced once, so that those logs need not be. It is a log in the format of any other; a record of it is
//! one append. Every append is also in its own log's file, whole but not yet durable there, and only who
//! finds a dead opener's redo log reads it. That is the business of `mend`, not of this file.

pub(crate) mod entry;
mod mend;
mod overlay;

use std::collections::BTreeSet;
use std::io;
use std::sync::Mutex;

use igor_core::format::AgentId;

use crate::error::Failure;
use crate::layout;
use crate::lock;
use crate::log::Log;
use crate::storage::locked;
use crate::threads;
use crate::tree::Tree;
use crate::vfs::{Access, Lock, VfsFile};

/// An opener's redo log, once it has one.
pub(crate) struct Redo {
    bytes_max: u64,
    /// Held while the file is made, and never together with a commit lock.
    making: Mutex<()>,
    own: Mutex<Own>,
    /// The agents with appends in it that their logs may have lost after a power cut.
    unsynced: Mutex<BTreeSet<AgentId>>,
}

enum Own {
    /// None was needed yet.
    None,
    Open(Open),
    /// It is left to whoever takes over.
    Left,
}

/// The file, locked as long as it is open.
struct Open {
    number: u32,
    file: Box<dyn VfsFile>,
    log: Log,
}

/// Why appends are not in the redo log.
pub(crate) enum RedoError {
    /// The writing failed, and nothing is left of it.
    TakenBack(Failure),
    /// Something failed, and whether they are in it is unknown.
    InDoubt(Failure),
    /// The opener has failed before.
    Left,
}

impl Redo {
    pub(crate) fn new(bytes_max: u64) -> Self {
        let (making, own) = (Mutex::default(), Mutex::new(Own::None));
        Self { bytes_max, making, own, unsynced: Mutex::default() }
    }

    /// Makes the file unless it is there. Its name is durable then.
    pub(crate) fn make(&self, tree: &Tree) -> Result<(), Failure> {
        let _making = locked(&self.making);
        if !matches!(&*locked(&self.own), Own::None) {
            return Ok(());
        }
        tree.ensure_dir(layout::REDO)?;
        // Nobody takes a file for that of a dead opener before it is locked.
        let _apart = lock::wait_for(tree, layout::REDO_LOCK)?;
        let open = Self::create(tree)?;
        tree.sync_dir(layout::REDO)?;
        let mut own = locked(&self.own);
        if matches!(&*own, Own::None) {
            *own = Own::Open(open);
        }
        Ok(())
    }

    fn create(tree: &Tree) -> Result<Open, Failure> {
        let mut number = 0;
        loop {
            let path = layout::redo_log(number);
            let object = tree.vfs.describe(&path);
            match tree.vfs.create_new(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
                created => {
                    let file = created.map_err(Failure::of("create", &object))?;
                    let locked = file.lock(Lock::Exclusive, false);
                    locked.map_err(Failure::of("lock", &object))?;
                    return Ok(Open { number, file, log: Log::default() });
                }
            }
        }
    }

    /// Makes durable that `records` were appended to the logs of `agents`, whose files have them.
    pub(crate) fn append(
        &self,
        tree: &Tree,
        records: &[Vec<u8>],
        agents: impl Iterator<Item = AgentId>,
    ) -> Result<(), RedoError> {
        let mut own = locked(&self.own);
        let Own::Open(Open { number, file, log }) = &mut *own else { return Err(RedoError::Left) };
        let object = tree.vfs.describe(&layout::redo_log(*number));
        if log.file_end() >= self.bytes_max {
            self.empty(tree, &**file).map_err(RedoError::InDoubt)?;
            *log = Log::default();
        }
        let end = log.file_end();
        let append = log.encode(records);
        if let Err(error) = append.write(&**file) {
            let failure = Failure::of("append to", &object)(error);
            return Err(match file.truncate(end).and_then(|()| file.sync()) {
                Ok(()) => RedoError::TakenBack(failure),
                Err(_) => RedoError::InDoubt(failure),
            });
        }
        // After a failure it is left as it is: whoever finds it must not see less than what may be
        // durable.
        file.sync().map_err(Failure::of_sync(&object)).map_err(RedoError::InDoubt)?;
        log.appended(&append);
        locked(&self.unsynced).extend(agents);
        Ok(())
    }

    /// Empties the file after everything in it was made durable where it belongs.
    fn empty(&self, tree: &Tree, file: &dyn VfsFile) -> Result<(), Failure> {
        self.sync_logs(tree)?;
        let object = tree.vfs.describe(layout::REDO);
        file.truncate(0).map_err(Failure::of("empty a redo log in", &object))?;
        file.sync().map_err(Failure::of_sync(&object))
    }

    fn sync_logs(&self, tree: &Tree) -> Result<(), Failure> {
        let agents = std::mem::take(&mut *locked(&self.unsynced));
        if agents.len() <= threads::THREADS_MAX {
            // In order, so that whoever repeats it meets the same operations.
            return agents.iter().try_for_each(|agent| sync_log(tree, agent));
        }
        let agents: Vec<_> = agents.into_iter().collect();
        threads::for_each(&agents, |agent| sync_log(tree, agent)).into_iter().collect()
    }

    /// Takes note that the agent's log is durable by itself. The caller holds its commit lock.
    pub(crate) fn is_synced(&self, agent: &AgentId) {
        locked(&self.unsynced).remove(agent);
    }

    /// The number of the opener's own file.
    pub(crate) fn number(&self) -> Option<u32> {
        match &*locked(&self.own) {
            Own::Open(open) => Some(open.number),
            Own::None | Own::Left => None,
        }
    }

    /// Leaves the file to whoever takes over, as its owner is in doubt about what is durable.
    pub(crate) fn leave(&self) {
        *locked(&self.own) = Own::Left;
    }

    /// Removes the file when the opener ends, if everything in it can be made durable where it belongs.
    pub(crate) fn finish(&self, tree: &Tree) {
        let mut own = locked(&self.own);
        if let Own::Open(open) = &*own {
            let path = layout::redo_log(open.number);
            // Where this fails the file stays, and is that of a dead opener.
            let _ = self
                .sync_logs(tree)
                .and_then(|()| tree.remove(&path))
                .and_then(|()| tree.sync_dir(layout::REDO));
        }
        *own = Own::Left;
    }
}

fn sync_log(tree: &Tree, agent: &AgentId) -> Result<(), Failure> {
    let path = layout::journal(agent);
    let object = tree.vfs.describe(&path);
    let file = match tree.vfs.open(&path, Access::ReadWrite) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        opened => opened.map_err(Failure::of("open", &object))?,
    };
    file.sync().map_err(Failure::of_sync(&object))?;
    // It may have come in place of the log a moment ago, by a trim that is not durable yet.
    tree.sync_dir(&layout::agent_dir(agent))
}
