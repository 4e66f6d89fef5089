//! A log as it was acknowledged, where its file has lost what a redo log still has. Whoever reads sees the
//! one over the other; whoever takes the agent over writes it down. Which redo logs count is decided
//! elsewhere.

use std::collections::BTreeMap;
use std::io;

use crate::log::{Log, LogError};
use crate::redo::entry::{Appends, Place};
use crate::tree::{read_exactly, to_u64, write_all};
use crate::vfs::{Lock, VfsFile};

/// A log's file with appends that are missing in it.
pub(crate) struct Patched {
    file: Box<dyn VfsFile>,
    /// The missing bytes, by where in the file they begin; none overlap.
    missing: BTreeMap<u64, Vec<u8>>,
    /// Where the last of them end.
    end: u64,
}

impl Patched {
    /// `file` with those of the `appends` that continue what is whole in it and are not themselves
    /// whole in it. What is whole stays as it is, and so does what is damaged: whoever reads it hears
    /// of that.
    pub(crate) fn over(file: Box<dyn VfsFile>, appends: &Appends) -> io::Result<Self> {
        let mut patched = Self { file, missing: BTreeMap::new(), end: 0 };
        match patched.fill(appends) {
            Err(LogError::Io(error)) => Err(error),
            Err(LogError::Corrupt(_)) | Ok(()) => Ok(patched),
        }
    }

    fn fill(&mut self, appends: &Appends) -> Result<(), LogError> {
        let mut log = Log::valid_part(self)?;
        loop {
            let span = log.span();
            let place = Place { first: span.start.seq, end: span.end };
            let Some(bytes) = appends.get(&place) else { return Ok(()) };
            let start = log.file_end();
            self.end = start.saturating_add(to_u64(bytes.len()));
            self.missing.insert(start, bytes.clone());
            log.read_more(self)?;
            if log.span() == span {
                let problem = "what a redo log says of it is no frame".to_owned();
                return Err(LogError::Corrupt(problem));
            }
        }
    }

    /// Writes what is missing into the file; whether that was anything.
    pub(crate) fn write_down(&self) -> io::Result<bool> {
        self.missing.iter().try_for_each(|(start, bytes)| write_all(&*self.file, bytes, *start))?;
        Ok(!self.missing.is_empty())
    }

    /// Copies the part of `bytes`, which begin at `start`, that lies in `buffer`, which begins at
    /// `offset`.
    fn copy(bytes: &[u8], start: u64, buffer: &mut [u8], offset: u64) {
        let index = |distance: u64| usize::try_from(distance).unwrap_or(usize::MAX);
        let source = bytes.get(index(offset.saturating_sub(start))..).unwrap_or_default();
        let target = buffer.get_mut(index(start.saturating_sub(offset))..).unwrap_or_default();
        for (to, from) in target.iter_mut().zip(source) {
            *to = *from;
        }
    }
}

impl VfsFile for Patched {
    fn size(&self) -> io::Result<u64> {
        Ok(self.file.size()?.max(self.end))
    }

    fn size_if_named(&self) -> io::Result<Option<u64>> {
        self.size().map(Some)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let rest = self.size()?.saturating_sub(offset);
        let count = usize::try_from(rest).unwrap_or(usize::MAX).min(buffer.len());
        let buffer = buffer.get_mut(..count).unwrap_or_default();
        buffer.fill(0);
        let found = read_exactly(&*self.file, count, offset)?;
        Self::copy(&found, offset, buffer, offset);
        let end = offset.saturating_add(to_u64(count));
        let before = self.missing.range(..offset).next_back();
        for (start, bytes) in before.into_iter().chain(self.missing.range(offset..end)) {
            Self::copy(bytes, *start, buffer, offset);
        }
        Ok(count)
    }

    fn write_at(&self, _: &[u8], _: u64) -> io::Result<usize> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn truncate(&self, _: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync()
    }

    fn forget_cached(&self) {
        self.file.forget_cached();
    }

    fn lock(&self, mode: Lock, wait: bool) -> io::Result<bool> {
        self.file.lock(mode, wait)
    }

    fn unlock(&self) -> io::Result<()> {
        self.file.unlock()
    }
}
