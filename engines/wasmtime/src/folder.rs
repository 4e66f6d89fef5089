//! Files that only this user can have written: folders and files opened by descriptor, one name at a
//! time, never through a symbolic link, and refused if they belong to someone else or are open to
//! others. It knows nothing of what is kept in them.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use crate::error::CacheError;

/// An open folder.
#[derive(Debug)]
pub(crate) struct Folder {
    descriptor: OwnedFd,
    name: String,
}

/// What a folder holds under one name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Item {
    /// When it was last written, in nanoseconds since 1970.
    pub(crate) written_ns: i128,
    /// Its name.
    pub(crate) name: String,
    /// Its size.
    pub(crate) bytes: u64,
}

impl Folder {
    /// Opens the folder `name` in `parent`, or nothing if there is none.
    pub(crate) fn open(parent: &Path, name: &str) -> Result<Option<Self>, CacheError> {
        Self::open_at(CWD, parent.join(name).as_os_str(), name)
    }

    /// Opens the private folder `name`, or nothing if there is none.
    pub(crate) fn private(&self, name: &str) -> Result<Option<Self>, CacheError> {
        let Some(folder) = Self::open_at(&self.descriptor, name, name)? else { return Ok(None) };
        let stat =
            rustix::fs::fstat(&folder.descriptor).map_err(CacheError::io("examine", name))?;
        refuse_open_to_others(&stat, name)?;
        Ok(Some(folder))
    }

    /// Opens the private folder `name`, making it if there is none.
    pub(crate) fn private_or_new(&self, name: &str) -> Result<Self, CacheError> {
        match rustix::fs::mkdirat(&self.descriptor, name, Mode::RWXU) {
            Ok(()) => self.sync()?,
            Err(Errno::EXIST) => {}
            Err(error) => return Err(CacheError::io("create folder", name)(error)),
        }
        let vanished = || CacheError::io("open folder", name)(Errno::NOENT);
        self.private(name)?.ok_or_else(vanished)
    }

    fn open_at(
        parent: impl AsFd,
        path: impl rustix::path::Arg,
        name: &str,
    ) -> Result<Option<Self>, CacheError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let descriptor = match rustix::fs::openat(parent, path, flags, Mode::empty()) {
            Ok(descriptor) => descriptor,
            Err(Errno::NOENT) => return Ok(None),
            Err(Errno::LOOP | Errno::NOTDIR) => {
                return Err(foreign(name, "it is not a folder of its own"));
            }
            Err(error) => return Err(CacheError::io("open folder", name)(error)),
        };
        let stat = rustix::fs::fstat(&descriptor).map_err(CacheError::io("examine", name))?;
        refuse_foreign(&stat, name)?;
        Ok(Some(Self { descriptor, name: name.to_owned() }))
    }

    /// Reads the private file `name`, or nothing if there is none or it has more than `bytes_max`.
    pub(crate) fn read(&self, name: &str, bytes_max: u64) -> Result<Option<Vec<u8>>, CacheError> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let descriptor = match rustix::fs::openat(&self.descriptor, name, flags, Mode::empty()) {
            Ok(descriptor) => descriptor,
            Err(Errno::NOENT) => return Ok(None),
            Err(Errno::LOOP) => return Err(foreign(name, "it is a symbolic link")),
            Err(error) => return Err(CacheError::io("open", name)(error)),
        };
        let stat = rustix::fs::fstat(&descriptor).map_err(CacheError::io("examine", name))?;
        refuse_foreign(&stat, name)?;
        refuse_open_to_others(&stat, name)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(foreign(name, "it is not a regular file"));
        }
        let mut content = Vec::new();
        let limit = bytes_max.saturating_add(1);
        let read = File::from(descriptor).take(limit).read_to_end(&mut content);
        let read = read.map_err(CacheError::io("read", name))?;
        Ok(u64::try_from(read).is_ok_and(|read| read <= bytes_max).then_some(content))
    }

    /// Writes the new private file `name`, which must not exist.
    pub(crate) fn create(
        &self,
        name: &str,
        parts: &[&[u8]],
        durable: bool,
    ) -> Result<(), CacheError> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let mode = Mode::RUSR | Mode::WUSR;
        let descriptor = rustix::fs::openat(&self.descriptor, name, flags, mode)
            .map_err(CacheError::io("create", name))?;
        let mut file = File::from(descriptor);
        let mut written = parts.iter().try_for_each(|part| file.write_all(part));
        if durable {
            written = written.and_then(|()| file.sync_all());
        }
        written.map_err(|error| {
            self.remove(name);
            CacheError::io("write", name)(error)
        })
    }

    /// Gives the file `from` the name `to`, replacing what had it.
    pub(crate) fn rename(&self, from: &str, to: &str) -> Result<(), CacheError> {
        rustix::fs::renameat(&self.descriptor, from, &self.descriptor, to)
            .map_err(CacheError::io("rename", from))
    }

    /// Gives the file `from` the second name `to`, unless something has it already.
    pub(crate) fn link(&self, from: &str, to: &str) -> Result<(), CacheError> {
        let flags = AtFlags::empty();
        match rustix::fs::linkat(&self.descriptor, from, &self.descriptor, to, flags) {
            Ok(()) | Err(Errno::EXIST) => Ok(()),
            Err(error) => Err(CacheError::io("link", to)(error)),
        }
    }

    /// Removes the file `name`; what cannot be removed stays.
    pub(crate) fn remove(&self, name: &str) {
        if let Err(error) = rustix::fs::unlinkat(&self.descriptor, name, AtFlags::empty()) {
            tracing::debug!(file = name, %error, "a file of the code cache stays");
        }
    }

    /// Makes the folder's names durable.
    pub(crate) fn sync(&self) -> Result<(), CacheError> {
        rustix::fs::fsync(&self.descriptor).map_err(CacheError::io("sync folder", &self.name))
    }

    /// The files in the folder, the oldest first.
    pub(crate) fn items(&self) -> Result<Vec<Item>, CacheError> {
        let listing =
            Dir::read_from(&self.descriptor).map_err(CacheError::io("list folder", &self.name))?;
        let mut items = Vec::new();
        for entry in listing {
            let entry = entry.map_err(CacheError::io("list folder", &self.name))?;
            let Ok(name) = entry.file_name().to_str() else { continue };
            let stat = rustix::fs::statat(&self.descriptor, name, AtFlags::SYMLINK_NOFOLLOW);
            // Another process may have removed it since.
            let Ok(stat) = stat else { continue };
            if FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
                items.push(item(name, &stat));
            }
        }
        items.sort();
        Ok(items)
    }
}

fn item(name: &str, stat: &Stat) -> Item {
    let seconds = i128::from(stat.st_mtime);
    Item {
        written_ns: seconds * 1_000_000_000 + i128::from(stat.st_mtime_nsec),
        name: name.to_owned(),
        bytes: u64::try_from(stat.st_size).unwrap_or(0),
    }
}

fn refuse_foreign(stat: &Stat, name: &str) -> Result<(), CacheError> {
    if stat.st_uid == rustix::process::geteuid().as_raw() {
        Ok(())
    } else {
        Err(foreign(name, "it belongs to another user"))
    }
}

fn refuse_open_to_others(stat: &Stat, name: &str) -> Result<(), CacheError> {
    if Mode::from_raw_mode(stat.st_mode).intersects(Mode::RWXG | Mode::RWXO) {
        Err(foreign(name, "it is open to other users"))
    } else {
        Ok(())
    }
}

fn foreign(name: &str, problem: &'static str) -> CacheError {
    CacheError::Foreign { object: name.to_owned(), problem }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn folder() -> (tempfile::TempDir, Folder) {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("top")).unwrap();
        let folder = Folder::open(directory.path(), "top").unwrap().unwrap();
        (directory, folder)
    }

    fn is_foreign<T>(result: Result<T, CacheError>) -> bool {
        matches!(result, Err(CacheError::Foreign { .. }))
    }

    #[test]
    fn what_is_created_is_private_and_reads_back() {
        let (directory, folder) = folder();
        let inner = folder.private_or_new("inner").unwrap();
        inner.create("file", &[b"ab", b"c"], true).unwrap();
        assert_eq!(inner.read("file", 3).unwrap().unwrap(), b"abc");
        assert_eq!(inner.read("file", 2).unwrap(), None);
        assert_eq!(inner.read("other", 2).unwrap(), None);
        let mode = |path: &str| {
            let metadata = std::fs::metadata(directory.path().join(path)).unwrap();
            metadata.permissions().mode() & 0o777
        };
        assert_eq!(mode("top/inner"), 0o700);
        assert_eq!(mode("top/inner/file"), 0o600);
    }

    #[test]
    fn symbolic_links_and_what_is_open_to_others_are_refused() {
        let (directory, folder) = folder();
        let inner = folder.private_or_new("inner").unwrap();
        inner.create("file", &[b"abc"], false).unwrap();
        let path = directory.path().join("top");
        symlink(path.join("inner"), path.join("linked")).unwrap();
        symlink(path.join("inner/file"), path.join("inner/linked")).unwrap();
        assert!(is_foreign(folder.private("linked")));
        assert!(is_foreign(inner.read("linked", 9)));
        assert!(is_foreign(Folder::open(&path, "linked")));

        let loosen = |path: &str, mode| {
            let permissions = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(directory.path().join(path), permissions).unwrap();
        };
        loosen("top/inner/file", 0o640);
        assert!(is_foreign(inner.read("file", 9)));
        loosen("top/inner", 0o701);
        assert!(is_foreign(folder.private("inner")));
    }

    #[test]
    fn what_is_no_regular_file_is_refused_without_waiting() {
        let (directory, folder) = folder();
        let inner = folder.private_or_new("inner").unwrap();
        let pipe = directory.path().join("top/inner/pipe");
        rustix::fs::mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        assert!(is_foreign(inner.read("pipe", 9)));
    }

    #[test]
    fn another_owner_is_refused() {
        let (_directory, folder) = folder();
        let mut stat = rustix::fs::fstat(&folder.descriptor).unwrap();
        assert!(refuse_foreign(&stat, "top").is_ok());
        stat.st_uid += 1;
        assert!(is_foreign(refuse_foreign(&stat, "top")));
    }

    #[test]
    fn items_come_oldest_first() {
        let (_directory, folder) = folder();
        for name in ["c", "a", "b"] {
            folder.create(name, &[name.as_bytes()], false).unwrap();
        }
        let items = folder.items().unwrap();
        assert_eq!(items.len(), 3);
        assert!(items.windows(2).all(|pair| pair[0].written_ns <= pair[1].written_ns));
    }
}
