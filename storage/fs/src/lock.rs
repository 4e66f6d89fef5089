//! Claims: locks on files that the operating system frees when their holder ends, however it ends. The
//! file also says who holds it, for the message to whoever comes second; nothing is decided by that.

use std::process;

use igor_core::storage::{Claim, Hold, StorageError};
use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};

use crate::error::Failure;
use crate::layout;
use crate::tree::{Tree, read_exactly, write_all};
use crate::vfs::{Lock, VfsFile};

/// Claims `claim`; the file it needs is created in a directory that exists.
pub(crate) fn hold(tree: &Tree, claim: &Claim) -> Result<Result<Hold, StorageError>, Failure> {
    let (path, mode) = match claim {
        Claim::StoreExclusive => (layout::STORE_LOCK.to_owned(), Lock::Exclusive),
        Claim::StoreShared => (layout::STORE_LOCK.to_owned(), Lock::Shared),
        Claim::Agent(agent) => (layout::agent_lock(agent), Lock::Exclusive),
    };
    let file = tree.open_or_create(&path)?;
    if !file.lock(mode, false).map_err(Failure::of("lock", &tree.vfs.describe(&path)))? {
        let object = match claim {
            Claim::Agent(agent) => format!("agent {agent}"),
            Claim::StoreExclusive | Claim::StoreShared => {
                format!("store {}", tree.vfs.describe(""))
            }
        };
        return Ok(Err(StorageError::Held { object, holder: holder(&*file) }));
    }
    Ok(Ok(Hold::new(Held::by_this_process(file, mode))))
}

/// Locks `path` until the returned file is closed, waiting for a short-lived holder.
pub(crate) fn wait_for(tree: &Tree, path: &str) -> Result<Box<dyn VfsFile>, Failure> {
    let file = tree.open_or_create(path)?;
    file.lock(Lock::Exclusive, true).map_err(Failure::of("lock", &tree.vfs.describe(path)))?;
    Ok(file)
}

/// A locked file that names this process.
struct Held {
    file: Box<dyn VfsFile>,
    name: Vec<u8>,
}

impl Held {
    fn by_this_process(file: Box<dyn VfsFile>, mode: Lock) -> Self {
        let name = process::id().to_string().into_bytes();
        // A sharer leaves the name of another one alone, so that whoever is turned away from an agent
        // changes nothing. Naming is a courtesy: its failing must not take the lock away.
        if matches!(mode, Lock::Exclusive) || alive(&named(&*file)).is_none() {
            let _ = file.truncate(0).and_then(|()| write_all(&*file, &name, 0));
        }
        Self { file, name }
    }
}

impl Drop for Held {
    /// Takes the name away first, so that it never stands for someone else who still shares the lock.
    fn drop(&mut self) {
        if named(&*self.file) == self.name {
            let _ = self.file.truncate(0);
        }
    }
}

/// What the lock's file says, at most as much as a process id is long.
fn named(file: &dyn VfsFile) -> Vec<u8> {
    read_exactly(file, 20, 0).unwrap_or_default()
}

/// Who holds a lock, as far as its file tells truly: a process that was killed leaves its id behind.
fn holder(file: &dyn VfsFile) -> String {
    alive(&named(file))
        .map_or("another process".to_owned(), |pid| format!("process {}", pid.as_raw_nonzero()))
}

/// The process of that id, if there is one.
fn alive(name: &[u8]) -> Option<Pid> {
    let number: Option<u32> = str::from_utf8(name).ok().and_then(|text| text.parse().ok());
    let number = number.and_then(|number| i32::try_from(number).ok());
    number.and_then(Pid::from_raw).filter(|pid| {
        // Not being allowed to signal it means that it is there.
        test_kill_process(*pid) != Err(Errno::SRCH)
    })
}
