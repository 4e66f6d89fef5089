//! What a failed file operation means for the store: refused, out of space, clean, or the end of trust
//! in everything that is not on disk.

use std::io;

use igor_core::storage::StorageError;
use rustix::io::Errno;

use crate::vfs::Refusal;

/// A file of the store's own was not written so. Carried inside an [`io::Error`].
#[derive(Debug, thiserror::Error)]
#[error("{object}: {problem}")]
pub(crate) struct Damage {
    /// The file.
    pub(crate) object: String,
    /// What is wrong with it.
    pub(crate) problem: String,
}

impl From<Damage> for io::Error {
    fn from(damage: Damage) -> Self {
        Self::other(damage)
    }
}

/// A file operation that failed.
#[derive(Debug)]
pub(crate) struct Failure {
    /// What was attempted, on which file.
    pub(crate) attempt: String,
    /// What came of it.
    pub(crate) source: io::Error,
    /// Whether it was a sync of something that stays: what is on disk is then unknown.
    syncing: bool,
}

impl Failure {
    /// A function that turns an error of `attempt` on `object` into a failure.
    pub(crate) fn of(attempt: &str, object: &str) -> impl FnOnce(io::Error) -> Self + use<> {
        let attempt = format!("{attempt} {object}");
        move |source| Self { attempt, source, syncing: false }
    }

    /// The same for a sync, after whose failure nothing is clean.
    pub(crate) fn of_sync(object: &str) -> impl FnOnce(io::Error) -> Self + use<> {
        let attempt = format!("sync {object}");
        move |source| Self { attempt, source, syncing: true }
    }

    /// Whether the file system, before it changed anything, said no for a reason that can pass.
    pub(crate) fn is_clean(&self) -> bool {
        use io::ErrorKind as Kind;
        let denied = matches!(
            self.source.kind(),
            Kind::PermissionDenied | Kind::ReadOnlyFilesystem | Kind::CrossesDevices
        );
        let errno = Errno::from_io_error(&self.source);
        let too_many_open = matches!(errno, Some(Errno::MFILE | Errno::NFILE));
        let refused = self.refusal().is_some() || self.damage().is_some();
        let passing = self.is_lack_of_space() || refused || denied;
        !self.syncing && (passing || too_many_open)
    }

    /// The failure when it leaves the store in doubt: never "no space", which promises that the old
    /// content is intact.
    pub(crate) fn in_doubt(self) -> StorageError {
        StorageError::Io { attempt: self.attempt, source: self.source }
    }

    fn is_lack_of_space(&self) -> bool {
        matches!(self.source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
    }

    fn refusal(&self) -> Option<&Refusal> {
        self.source.get_ref().and_then(|inner| inner.downcast_ref())
    }

    fn damage(&self) -> Option<&Damage> {
        self.source.get_ref().and_then(|inner| inner.downcast_ref())
    }
}

impl From<Failure> for StorageError {
    fn from(failure: Failure) -> Self {
        if let Some(Refusal { path, problem }) = failure.refusal() {
            return Self::Refused { object: path.clone(), problem: (*problem).to_owned() };
        }
        if let Some(Damage { object, problem }) = failure.damage() {
            return Self::Corrupt { object: object.clone(), problem: problem.clone() };
        }
        if failure.is_lack_of_space() {
            return Self::NoSpace { attempt: failure.attempt };
        }
        failure.in_doubt()
    }
}
