//! The operating system's files. Every step below the store's directory is opened without following
//! links, so that nothing outside it can be reached, whatever someone puts there meanwhile.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Dir, FileType, FlockOperation, Mode, OFlags};
use rustix::io::{Errno, retry_on_intr};

use super::{Access, FileKind, Lock, Metadata, Refusal, Vfs, VfsFile};

/// The files below one directory of the operating system.
#[derive(Debug)]
pub struct OsVfs {
    root: PathBuf,
}

impl OsVfs {
    /// The files below `root`, which need not exist yet. `root` itself may be a symbolic link: whoever
    /// runs the program chose it.
    ///
    /// # Errors
    /// When `root` is relative and the current directory cannot be determined.
    pub fn new(root: &Path) -> io::Result<Self> {
        Ok(Self { root: std::path::absolute(root)? })
    }

    fn open_root(&self) -> io::Result<OwnedFd> {
        rustix::fs::open(&self.root, DIRECTORY, Mode::empty()).map_err(|errno| match errno {
            Errno::NOTDIR => {
                Refusal { path: self.describe(""), problem: "is not a directory" }.into()
            }
            errno => errno.into(),
        })
    }

    fn open_dir(&self, path: &str) -> io::Result<OwnedFd> {
        let mut directory = self.open_root()?;
        let mut end = 0;
        for name in path.split('/').filter(|name| !name.is_empty()) {
            end += name.len() + usize::from(end > 0);
            let flags = DIRECTORY | OFlags::NOFOLLOW;
            let next = rustix::fs::openat(&directory, name, flags, Mode::empty());
            directory =
                next.map_err(|errno| self.refusal(errno, path.get(..end).unwrap_or(path)))?;
        }
        Ok(directory)
    }

    /// The directory that holds `path`, and the last part of `path`.
    fn open_parent<'a>(&self, path: &'a str) -> io::Result<(OwnedFd, &'a str)> {
        let (directory, name) = path.rsplit_once('/').unwrap_or(("", path));
        Ok((self.open_dir(directory)?, name))
    }

    /// Says in words that a link or a wrong kind of file stood at `path`.
    fn refusal(&self, errno: Errno, path: &str) -> io::Error {
        if !matches!(errno, Errno::LOOP | Errno::NOTDIR | Errno::MLINK | Errno::NXIO) {
            return errno.into();
        }
        let problem = match self.metadata(path) {
            Ok(Metadata { kind: FileKind::Link, .. }) => LINK,
            Ok(Metadata { kind: FileKind::File, .. }) => "is a file where a directory belongs",
            _ => NOT_REGULAR,
        };
        Refusal { path: self.describe(path), problem }.into()
    }
}

const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
const LINK: &str = "is a symbolic link, which is never followed here";
const NOT_REGULAR: &str = "is not a regular file";
const OWNER_ONLY_FILE: Mode = Mode::RUSR.union(Mode::WUSR);
const OWNER_ONLY_DIR: Mode = Mode::RWXU;

impl Vfs for OsVfs {
    fn describe(&self, path: &str) -> String {
        if path.is_empty() { self.root.clone() } else { self.root.join(path) }.display().to_string()
    }

    fn open(&self, path: &str, access: Access) -> io::Result<Box<dyn VfsFile>> {
        let (directory, name) = self.open_parent(path)?;
        let access = match access {
            Access::Read => OFlags::RDONLY,
            Access::ReadWrite => OFlags::RDWR,
        };
        // Without NONBLOCK the opening of a pipe would wait for its other end.
        let flags = access | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&directory, name, flags, Mode::empty())
            .map_err(|errno| self.refusal(errno, path))?;
        let file = File::from(file);
        if !file.metadata()?.is_file() {
            return Err(Refusal { path: self.describe(path), problem: NOT_REGULAR }.into());
        }
        Ok(Box::new(OsFile(file)))
    }

    fn create_new(&self, path: &str) -> io::Result<Box<dyn VfsFile>> {
        let (directory, name) = self.open_parent(path)?;
        let flags =
            OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&directory, name, flags, OWNER_ONLY_FILE)?;
        // A strange umask may have taken rights from the owner.
        rustix::fs::fchmod(&file, OWNER_ONLY_FILE)?;
        Ok(Box::new(OsFile(File::from(file))))
    }

    fn create_dir(&self, path: &str) -> io::Result<()> {
        if path.is_empty() {
            return create_durably(&self.root);
        }
        let (directory, name) = self.open_parent(path)?;
        rustix::fs::mkdirat(&directory, name, OWNER_ONLY_DIR)?;
        Ok(rustix::fs::fchmod(self.open_dir(path)?, OWNER_ONLY_DIR)?)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let (from_directory, from_name) = self.open_parent(from)?;
        let (to_directory, to_name) = self.open_parent(to)?;
        Ok(rustix::fs::renameat(&from_directory, from_name, &to_directory, to_name)?)
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        let (directory, name) = self.open_parent(path)?;
        Ok(rustix::fs::unlinkat(&directory, name, AtFlags::empty())?)
    }

    fn sync_dir(&self, path: &str) -> io::Result<()> {
        File::from(self.open_dir(path)?).sync_all()
    }

    fn list(&self, path: &str) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in Dir::new(self.open_dir(path)?)? {
            let entry = entry?;
            match entry.file_name().to_str() {
                Ok("." | "..") | Err(_) => {}
                Ok(name) => names.push(name.to_owned()),
            }
        }
        Ok(names)
    }

    fn metadata(&self, path: &str) -> io::Result<Metadata> {
        let stat = if path.is_empty() {
            rustix::fs::fstat(self.open_root()?)?
        } else {
            let (directory, name) = self.open_parent(path)?;
            rustix::fs::statat(&directory, name, AtFlags::SYMLINK_NOFOLLOW)?
        };
        let kind = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => FileKind::File,
            FileType::Directory => FileKind::Directory,
            FileType::Symlink => FileKind::Link,
            _ => FileKind::Other,
        };
        let mode = Mode::from_raw_mode(stat.st_mode);
        Ok(Metadata {
            kind,
            own: stat.st_uid == rustix::process::geteuid().as_raw(),
            loose: mode.intersects(Mode::RWXG | Mode::RWXO),
        })
    }

    fn tighten(&self, path: &str) -> io::Result<()> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = if path.is_empty() {
            self.open_root()?
        } else {
            let (directory, name) = self.open_parent(path)?;
            rustix::fs::openat(&directory, name, flags, Mode::empty())
                .map_err(|errno| self.refusal(errno, path))?
        };
        let mode = Mode::from_raw_mode(rustix::fs::fstat(&file)?.st_mode);
        Ok(rustix::fs::fchmod(&file, mode.difference(Mode::RWXG | Mode::RWXO))?)
    }
}

/// Creates a directory and its missing parents. The parent of each is synced; so is that of the
/// directory itself if it is there already, because whoever made it may have died before that.
fn create_durably(root: &Path) -> io::Result<()> {
    let parent = root.parent();
    let made = match DirBuilder::new().mode(0o700).create(root) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            create_durably(parent.ok_or(error)?).or_else(|error| match error.kind() {
                io::ErrorKind::AlreadyExists => Ok(()),
                _ => Err(error),
            })?;
            DirBuilder::new().mode(0o700).create(root)
        }
        made => made,
    };
    if made.is_ok() {
        fs::set_permissions(root, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
    }
    match parent.map(File::open) {
        Some(Ok(parent)) => parent.sync_all()?,
        Some(Err(error)) if made.is_ok() => return Err(error),
        // The directory is there, and its parent is none of ours: it may well be unreadable.
        Some(Err(_)) | None => {}
    }
    made
}

struct OsFile(File);

impl VfsFile for OsFile {
    fn size(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn size_if_named(&self) -> io::Result<Option<u64>> {
        let metadata = self.0.metadata()?;
        Ok((metadata.nlink() > 0).then_some(metadata.len()))
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        retry(|| self.0.read_at(buffer, offset))
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        retry(|| self.0.write_at(bytes, offset))
    }

    fn truncate(&self, size: u64) -> io::Result<()> {
        self.0.set_len(size)
    }

    fn sync(&self) -> io::Result<()> {
        // Content and size, also of a file that was cut; times are nothing to wait for.
        self.0.sync_data()
    }

    fn forget_cached(&self) {
        // Where a failed sync has marked pages clean, reading must not find them: what counts is the
        // medium. A wish, not a command, so there is nothing to report.
        #[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
        let _ = rustix::fs::fadvise(&self.0, 0, None, rustix::fs::Advice::DontNeed);
    }

    fn lock(&self, mode: Lock, wait: bool) -> io::Result<bool> {
        let operation = match (mode, wait) {
            (Lock::Shared, true) => FlockOperation::LockShared,
            (Lock::Shared, false) => FlockOperation::NonBlockingLockShared,
            (Lock::Exclusive, true) => FlockOperation::LockExclusive,
            (Lock::Exclusive, false) => FlockOperation::NonBlockingLockExclusive,
        };
        match retry_on_intr(|| rustix::fs::flock(&self.0, operation)) {
            Ok(()) => Ok(true),
            Err(Errno::WOULDBLOCK) => Ok(false),
            Err(errno) => Err(errno.into()),
        }
    }

    fn unlock(&self) -> io::Result<()> {
        Ok(retry_on_intr(|| rustix::fs::flock(&self.0, FlockOperation::Unlock))?)
    }
}

fn retry<T>(mut operation: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match operation() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
