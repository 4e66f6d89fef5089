//! What is done about the redo logs of others. Before anyone writes for an agent, those of dead openers
//! are applied to every log they name, and removed; whoever only reads sees them applied and changes
//! nothing. An opener is dead when its file is not locked any more.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use igor_core::format::AgentId;

use crate::error::{Damage, Failure};
use crate::layout;
use crate::lock;
use crate::log::LogError;
use crate::redo::entry::{self, Appends, Entries};
use crate::redo::overlay::Patched;
use crate::storage::{FsStorage, locked};
use crate::vfs::{Access, FileKind, Lock, VfsFile};

impl FsStorage {
    /// Applies and removes the redo logs of dead openers. The caller holds no commit lock: those of all
    /// agents that they name are waited for.
    pub(crate) fn mend_after_the_dead(&self) -> Result<(), Failure> {
        if !self.redo_logs()?.is_empty() {
            self.mend_apart()?;
        }
        // Nothing is left to be read over any log, and nothing comes before the next power cut.
        *locked(&self.left_by_the_dead) = Some(Arc::default());
        Ok(())
    }

    fn mend_apart(&self) -> Result<(), Failure> {
        let _apart = lock::wait_for(&self.tree, layout::REDO_LOCK)?;
        let (mut dead, mut entries) = (Vec::new(), Entries::new());
        for number in self.redo_logs()? {
            let path = layout::redo_log(number);
            let Some(file) = self.open_if_there(&path, Access::ReadWrite)? else { continue };
            let free = file.lock(Lock::Exclusive, false);
            if free.map_err(Failure::of("lock", &self.tree.vfs.describe(&path)))? {
                self.tree.secure(&path, FileKind::File)?;
                self.read_redo(&path, &*file, |_| true, &mut entries)?;
                dead.push((path, file));
            }
        }
        for (agent, appends) in &entries {
            if self.tree.exists(&layout::journal(agent))? {
                let _commits = lock::wait_for(&self.tree, &layout::commit_lock(agent))?;
                self.settle(agent, appends)?;
            }
        }
        if dead.is_empty() {
            return Ok(());
        }
        for (path, _locked) in &dead {
            self.tree.remove(path)?;
        }
        self.tree.sync_dir(layout::REDO)
    }

    /// Makes the agent's log durable as it was acknowledged, by whomever. The caller holds its commit
    /// lock.
    pub(crate) fn settle_log(&self, agent: &AgentId) -> Result<(), Failure> {
        let own = self.redo.number();
        let mut entries = Entries::new();
        for number in self.redo_logs()?.into_iter().filter(|number| Some(*number) != own) {
            let path = layout::redo_log(number);
            let Some(file) = self.open_if_there(&path, Access::Read)? else { continue };
            // Its owner lives and may be emptying it: what cannot be read is in the logs then.
            match entry::read(&*file, |named| named == agent, &mut entries) {
                Err(LogError::Io(error)) => {
                    return Err(Failure::of("read", &self.tree.vfs.describe(&path))(error));
                }
                Err(LogError::Corrupt(_)) | Ok(()) => {}
            }
        }
        self.settle(agent, entries.get(agent).unwrap_or(&Appends::new()))
    }

    /// Makes durable what a process that died may have appended, forgets what a failed sync may have
    /// left in memory only, and writes what the log then lacks of `appends`: from here on, what is read
    /// is on the medium, and everything acknowledged is read.
    fn settle(&self, agent: &AgentId, appends: &Appends) -> Result<(), Failure> {
        let path = layout::journal(agent);
        let Some(file) = self.open_if_there(&path, Access::ReadWrite)? else { return Ok(()) };
        let object = self.tree.vfs.describe(&path);
        file.sync().map_err(Failure::of_sync(&object))?;
        file.forget_cached();
        if appends.is_empty() {
            return Ok(());
        }
        let patched = Patched::over(file, appends).map_err(Failure::of("read", &object))?;
        // A failure leaves what is there to be mended again.
        if patched.write_down().map_err(Failure::of("mend", &object))? {
            patched.sync().map_err(Failure::of_sync(&object))?;
        }
        Ok(())
    }

    /// `file`, which is the agent's log, with what it lacks of what dead openers had acknowledged when
    /// this one first asked. No power cut comes later than that and leaves this process alive.
    pub(crate) fn as_acknowledged(
        &self,
        agent: &AgentId,
        file: Box<dyn VfsFile>,
    ) -> Result<Box<dyn VfsFile>, Failure> {
        let entries = {
            let mut known = locked(&self.left_by_the_dead);
            match &*known {
                Some(entries) => entries.clone(),
                None => known.insert(Arc::new(self.read_the_dead()?)).clone(),
            }
        };
        let Some(appends) = entries.get(agent) else { return Ok(file) };
        let object = self.tree.vfs.describe(&layout::journal(agent));
        let patched = Patched::over(file, appends).map_err(Failure::of("read", &object))?;
        Ok(Box::new(patched))
    }

    fn read_the_dead(&self) -> Result<Entries, Failure> {
        let mut entries = BTreeMap::new();
        if self.redo_logs()?.is_empty() {
            return Ok(entries);
        }
        let apart = self.open_if_there(layout::REDO_LOCK, Access::Read)?;
        if let Some(apart) = &apart {
            let object = self.tree.vfs.describe(layout::REDO_LOCK);
            apart.lock(Lock::Shared, true).map_err(Failure::of("lock", &object))?;
        }
        for number in self.redo_logs()? {
            let path = layout::redo_log(number);
            let Some(file) = self.open_if_there(&path, Access::Read)? else { continue };
            let free = file.lock(Lock::Shared, false);
            if free.map_err(Failure::of("lock", &self.tree.vfs.describe(&path)))? {
                self.read_redo(&path, &*file, |_| true, &mut entries)?;
            }
        }
        Ok(entries)
    }

    fn read_redo(
        &self,
        path: &str,
        file: &dyn VfsFile,
        wanted: impl Fn(&AgentId) -> bool,
        entries: &mut Entries,
    ) -> Result<(), Failure> {
        let path = self.tree.vfs.describe(path);
        entry::read(file, wanted, entries).map_err(|error| {
            let source = match error {
                LogError::Io(source) => source,
                LogError::Corrupt(problem) => {
                    Damage { object: format!("redo log {path}"), problem }.into()
                }
            };
            Failure::of("read", &path)(source)
        })
    }

    /// The numbers of all redo logs, in order.
    fn redo_logs(&self) -> Result<Vec<u32>, Failure> {
        let names = self.tree.names(layout::REDO)?;
        let mut numbers: Vec<_> = names.iter().filter_map(|n| layout::redo_number(n)).collect();
        numbers.sort_unstable();
        Ok(numbers)
    }

    fn open_if_there(
        &self,
        path: &str,
        access: Access,
    ) -> Result<Option<Box<dyn VfsFile>>, Failure> {
        match self.tree.vfs.open(path, access) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            opened => opened.map(Some).map_err(Failure::of("open", &self.tree.vfs.describe(path))),
        }
    }
}
