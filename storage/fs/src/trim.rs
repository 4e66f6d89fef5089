//! How a log is trimmed: what stays of it is written to a new file, which is put in place of the old one when
//! it is the operation's turn. A crash leaves one or the other. Whether a log may be trimmed is decided
//! before.

use std::ops::ControlFlow;

use igor_core::format::Seq;
use igor_core::storage::{Group, Operation};

use crate::commit::Writing;
use crate::error::Failure;
use crate::layout;
use crate::log::{Log, LogError};
use crate::storage::FsStorage;
use crate::vfs::{Access, VfsFile};

/// Why what stays of a log could not be written.
pub(crate) enum TrimError {
    /// The writing failed.
    Failed(Failure),
    /// The log cannot be read.
    Unreadable(LogError),
}

impl From<Failure> for TrimError {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<LogError> for TrimError {
    fn from(error: LogError) -> Self {
        Self::Unreadable(error)
    }
}

impl FsStorage {
    /// Writes and syncs, under temporary names, the file that each trim of the group puts in place of
    /// the log's. `log` is caught up with.
    pub(crate) fn stage_trims(
        &self,
        group: &Group,
        writing: &mut Writing<'_>,
        log: &Log,
    ) -> Result<(), TrimError> {
        let mut first = log.bounds().start;
        let mut appends: Vec<(Seq, &[Vec<u8>])> = Vec::new();
        for (index, operation) in group.operations.iter().enumerate() {
            match operation {
                Operation::Append { at, records } => appends.push((*at, records)),
                Operation::Trim { before } if *before > first => {
                    let path = layout::temporary(writing.agent, index);
                    let file = self.tree.create_temporary(&path)?;
                    if let Some(temporary) = writing.temporaries.get_mut(index) {
                        *temporary = Some(path.clone());
                    }
                    let object =
                        format!("what stays of a log to {}", self.tree.vfs.describe(&path));
                    let mut new = New::create(*before, &*file, object)?;
                    if *before < log.bounds().end {
                        let old = layout::journal(writing.agent);
                        let opened = self.tree.vfs.open(&old, Access::Read);
                        let old = opened.map_err(LogError::Io)?;
                        log.visit(&*old, *before, |records| {
                            new.append(&records)?;
                            Ok::<_, TrimError>(ControlFlow::Continue(()))
                        })?;
                    }
                    for (at, records) in &appends {
                        let gone = before.0.saturating_sub(at.0);
                        let gone = usize::try_from(gone).unwrap_or(usize::MAX);
                        new.append(records.get(gone..).unwrap_or_default())?;
                    }
                    writing.trimmed.push((index, new.finish()?));
                    first = *before;
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// The new file of a log, being written.
struct New<'a> {
    log: Log,
    file: &'a dyn VfsFile,
    object: String,
}

impl<'a> New<'a> {
    fn create(first: Seq, file: &'a dyn VfsFile, object: String) -> Result<Self, Failure> {
        let (log, header) = Log::beginning_at(first);
        header.write(file).map_err(Failure::of("write", &object))?;
        Ok(Self { log, file, object })
    }

    fn append(&mut self, records: &[Vec<u8>]) -> Result<(), Failure> {
        if records.is_empty() {
            return Ok(());
        }
        let append = self.log.encode(records);
        append.write(self.file).map_err(Failure::of("write", &self.object))?;
        self.log.appended(&append);
        Ok(())
    }

    fn finish(self) -> Result<Log, Failure> {
        // Not `of_sync`: a failure leaves nothing in doubt, as nobody sees a temporary file.
        self.file.sync().map_err(Failure::of("sync", &self.object))?;
        Ok(self.log)
    }
}
