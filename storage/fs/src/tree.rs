//! The directory tree as the store wants it: directories that exist durably, files that are its own and
//! closed to others. It knows agents' places but nothing of commits or logs.

use std::io;
use std::sync::Arc;

use igor_core::format::AgentId;

use crate::error::Failure;
use crate::layout;
use crate::vfs::{Access, FileKind, Refusal, Vfs, VfsFile, parent};

/// The store's directory.
#[derive(Clone)]
pub(crate) struct Tree {
    pub(crate) vfs: Arc<dyn Vfs>,
}

impl Tree {
    /// The content of a file, unless it has more than `max` bytes.
    pub(crate) fn read(&self, path: &str, max: u64) -> Result<Content, Failure> {
        let failed = |source| Failure::of("read", &self.vfs.describe(path))(source);
        let file = match self.vfs.open(path, Access::Read) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Content::Absent),
            opened => opened.map_err(failed)?,
        };
        let size = file.size().map_err(failed)?;
        if size > max {
            return Ok(Content::TooLarge(size));
        }
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        Ok(Content::Bytes(read_exactly(&*file, size, 0).map_err(failed)?))
    }

    /// Whether anything has this name.
    pub(crate) fn exists(&self, path: &str) -> Result<bool, Failure> {
        match self.vfs.metadata(path) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(Failure::of("look at", &self.vfs.describe(path))(error)),
        }
    }

    /// The names in a directory; none if it does not exist.
    pub(crate) fn names(&self, path: &str) -> Result<Vec<String>, Failure> {
        match self.vfs.list(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            names => names.map_err(Failure::of("list", &self.vfs.describe(path))),
        }
    }

    /// Creates a directory if it is missing and makes its name durable either way: whoever created it
    /// may have died before doing so.
    pub(crate) fn ensure_dir(&self, path: &str) -> Result<(), Failure> {
        match self.vfs.create_dir(path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                self.secure(path, FileKind::Directory)?;
            }
            Err(error) => {
                return Err(Failure::of("create directory", &self.vfs.describe(path))(error));
            }
        }
        if path.is_empty() { Ok(()) } else { self.sync_dir(parent(path)) }
    }

    /// Makes the names in a directory durable.
    pub(crate) fn sync_dir(&self, path: &str) -> Result<(), Failure> {
        self.vfs.sync_dir(path).map_err(Failure::of_sync(&self.vfs.describe(path)))
    }

    /// Opens a file for reading and writing; creates it if it is missing.
    pub(crate) fn open_or_create(&self, path: &str) -> Result<Box<dyn VfsFile>, Failure> {
        loop {
            match self.vfs.open(path, Access::ReadWrite) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                opened => {
                    return opened.map_err(Failure::of("open", &self.vfs.describe(path)));
                }
            }
            match self.vfs.create_new(path) {
                // Another process was quicker.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                created => {
                    return created.map_err(Failure::of("create", &self.vfs.describe(path)));
                }
            }
        }
    }

    /// Creates a file for a commit. Whatever has its name is left over from a commit that died, as
    /// the caller holds the agent's commit lock.
    pub(crate) fn create_temporary(&self, path: &str) -> Result<Box<dyn VfsFile>, Failure> {
        match self.vfs.create_new(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                self.remove(path)?;
                self.vfs.create_new(path)
            }
            created => created,
        }
        .map_err(Failure::of("create", &self.vfs.describe(path)))
    }

    /// Removes a file.
    pub(crate) fn remove(&self, path: &str) -> Result<(), Failure> {
        self.vfs.remove(path).map_err(Failure::of("remove", &self.vfs.describe(path)))
    }

    /// Checks and closes to others whatever belongs to `agent`, removes what dead commits left, and
    /// makes durable what a process that died may have left half done. The caller holds the agent's
    /// commit lock.
    pub(crate) fn take_over(&self, agent: &AgentId) -> Result<(), Failure> {
        for path in layout::top_files(agent) {
            self.secure_if_present(&path, FileKind::File)?;
        }
        self.sync_dir("")?;
        self.secure_if_present(layout::NODE, FileKind::File)?;
        let own = layout::agent_dir(agent);
        for name in self.names(&own)? {
            let path = format!("{own}/{name}");
            if name.starts_with(layout::TEMPORARY) {
                self.remove(&path)?;
            } else {
                self.secure(&path, FileKind::File)?;
            }
        }
        self.sync_dir(&own)?;
        for shared in [layout::MODULES, layout::MANIFESTS] {
            if self.secure_if_present(shared, FileKind::Directory)? {
                self.sync_dir(shared)?;
            }
        }
        if self.secure_if_present(layout::CUSTODIES, FileKind::Directory)? {
            self.secure_if_present(&layout::custody(agent), FileKind::File)?;
            self.sync_dir(layout::CUSTODIES)?;
        }
        if self.secure_if_present(layout::HISTORY, FileKind::Directory)? {
            let history = layout::history_dir(agent);
            if self.secure_if_present(&history, FileKind::Directory)? {
                for name in self.names(&history)? {
                    self.secure(&format!("{history}/{name}"), FileKind::File)?;
                }
                self.sync_dir(&history)?;
            }
        }
        Ok(())
    }

    fn secure_if_present(&self, path: &str, kind: FileKind) -> Result<bool, Failure> {
        let exists = self.exists(path)?;
        if exists {
            self.secure(path, kind)?;
        }
        Ok(exists)
    }

    /// Refuses what is not this user's own or not of this kind, and closes it to others.
    pub(crate) fn secure(&self, path: &str, kind: FileKind) -> Result<(), Failure> {
        let object = self.vfs.describe(path);
        let found = self.vfs.metadata(path).map_err(Failure::of("look at", &object))?;
        let problem = match (found.kind, kind) {
            (FileKind::Link, _) => "is a symbolic link, which is never followed here",
            (found, expected) if found != expected => match expected {
                FileKind::Directory => "is not a directory",
                _ => "is not a regular file",
            },
            _ if !found.own => "belongs to another user",
            _ if found.loose => {
                self.vfs.tighten(path).map_err(Failure::of("restrict", &object))?;
                tracing::warn!(path = object, "others had rights to this; they have none now");
                return Ok(());
            }
            _ => return Ok(()),
        };
        let refusal = Refusal { path: object.clone(), problem };
        Err(Failure::of("use", &object)(refusal.into()))
    }
}

/// What reading a file gave.
pub(crate) enum Content {
    /// There is no such file.
    Absent,
    /// It has so many bytes that it was not read.
    TooLarge(u64),
    /// All of it.
    Bytes(Vec<u8>),
}

/// Reads `size` bytes from `offset`, or fewer if the file ends before.
pub(crate) fn read_exactly(file: &dyn VfsFile, size: usize, offset: u64) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; size];
    let mut filled = 0;
    while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        let position = offset.checked_add(to_u64(filled)).ok_or(io::ErrorKind::FileTooLarge)?;
        match file.read_at(rest, position)? {
            0 => break,
            read => filled += read,
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}

/// Writes all of `bytes` at `offset`.
pub(crate) fn write_all(file: &dyn VfsFile, bytes: &[u8], offset: u64) -> io::Result<()> {
    let mut written = 0;
    while let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
        let position = offset.checked_add(to_u64(written)).ok_or(io::ErrorKind::FileTooLarge)?;
        match file.write_at(rest, position)? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            count => written += count,
        }
    }
    Ok(())
}

/// A length as a file offset.
pub(crate) fn to_u64(length: usize) -> u64 {
    u64::try_from(length).expect("a length in memory fits 64 bits")
}
