//! The few file operations that the store is made of, so that a test can put a simulated disk under it
//! and cut its power anywhere. It is not a general file system: paths are relative to the store's
//! directory and UTF-8, and nothing follows a symbolic link.

mod os;

use std::io;

pub use os::OsVfs;

/// The file operations under the store. A path is relative to the store's directory, its parts joined
/// by `/`; the empty path is that directory itself.
///
/// What the store relies on, as on a disk that keeps what it acknowledged: synced data stays; bytes
/// outside a write are untouched; a part of a file that was never written reads as zeros; a rename is
/// atomic. Nothing else is durable before its `sync`, not even a file's name.
pub trait Vfs: Send + Sync {
    /// What to call `path` in a message.
    fn describe(&self, path: &str) -> String;

    /// Opens an existing regular file.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] if there is none, a [`Refusal`] if it is something else.
    fn open(&self, path: &str, access: Access) -> io::Result<Box<dyn VfsFile>>;

    /// Creates an empty file that only its owner can read, for writing.
    ///
    /// # Errors
    /// [`io::ErrorKind::AlreadyExists`] if there is anything of that name.
    fn create_new(&self, path: &str) -> io::Result<Box<dyn VfsFile>>;

    /// Creates a directory that only its owner can enter; for the store's own directory its missing
    /// parents too, durably.
    ///
    /// # Errors
    /// [`io::ErrorKind::AlreadyExists`] if there is anything of that name.
    fn create_dir(&self, path: &str) -> io::Result<()>;

    /// Gives a file another name, replacing what has it.
    ///
    /// # Errors
    /// When the file system refuses.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file, or a symbolic link and not what it names.
    ///
    /// # Errors
    /// When the file system refuses, or nothing has that name.
    fn remove(&self, path: &str) -> io::Result<()>;

    /// Makes the names in a directory durable.
    ///
    /// # Errors
    /// When the file system refuses; the names are then unknown.
    fn sync_dir(&self, path: &str) -> io::Result<()>;

    /// The names in a directory that are UTF-8, in no particular order.
    ///
    /// # Errors
    /// When it cannot be read.
    fn list(&self, path: &str) -> io::Result<Vec<String>>;

    /// What `path` is, without following a link.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] if nothing has that name.
    fn metadata(&self, path: &str) -> io::Result<Metadata>;

    /// Takes all rights of others away from a file or directory.
    ///
    /// # Errors
    /// When the file system refuses.
    fn tighten(&self, path: &str) -> io::Result<()>;
}

/// An open file.
pub trait VfsFile: Send + Sync {
    /// Its size in bytes.
    ///
    /// # Errors
    /// When the file system refuses.
    fn size(&self) -> io::Result<u64>;

    /// Its size in bytes while it has a name; `None` once it was removed or another file took its place.
    ///
    /// # Errors
    /// When the file system refuses.
    fn size_if_named(&self) -> io::Result<Option<u64>>;

    /// Reads up to `buffer.len()` bytes from `offset`; 0 only at the end.
    ///
    /// # Errors
    /// When the file system refuses.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Writes some of `bytes` at `offset` and says how many.
    ///
    /// # Errors
    /// When the file system refuses; what of it was written is then unknown.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize>;

    /// Cuts the file to `size` bytes.
    ///
    /// # Errors
    /// When the file system refuses.
    fn truncate(&self, size: u64) -> io::Result<()>;

    /// Makes content and size durable. After an error nothing is known of what was not synced before,
    /// and a second call would only seem to succeed.
    ///
    /// # Errors
    /// When the file system refuses.
    fn sync(&self) -> io::Result<()>;

    /// Lets later reads come from the medium, where that can be asked for.
    fn forget_cached(&self);

    /// Locks the file against other openers of it, in this process and others, until it is unlocked or
    /// closed.
    /// `false` if another has it and `wait` is not given.
    ///
    /// # Errors
    /// When the file system refuses.
    fn lock(&self, mode: Lock, wait: bool) -> io::Result<bool>;

    /// Ends the lock.
    ///
    /// # Errors
    /// When the file system refuses; the lock may last until the file is closed then.
    fn unlock(&self) -> io::Result<()>;
}

/// What a file is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Reading only.
    Read,
    /// Reading and writing.
    ReadWrite,
}

/// How a file is locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lock {
    /// Beside others who share it.
    Shared,
    /// Alone.
    Exclusive,
}

/// What has a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metadata {
    /// What it is.
    pub kind: FileKind,
    /// Whether it belongs to the user that this process runs as.
    pub own: bool,
    /// Whether anyone but its owner has a right to it.
    pub loose: bool,
}

/// A kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Link,
    /// Something else: a pipe, a socket, a device.
    Other,
}

/// What stands at a path is not what may stand there. Carried inside an [`io::Error`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {problem}")]
pub struct Refusal {
    /// The path, as [`Vfs::describe`] gives it.
    pub path: String,
    /// What is wrong with it.
    pub problem: &'static str,
}

impl From<Refusal> for io::Error {
    fn from(refusal: Refusal) -> Self {
        Self::other(refusal)
    }
}

/// The path of the directory that holds `path`.
pub(crate) fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(directory, _)| directory)
}
