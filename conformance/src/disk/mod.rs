//! A disk in memory whose power can be cut anywhere, under the file store's [`Vfs`]; and the enumeration
//! of all the ways in which that can go wrong. It is a model of the worst that a file system promises
//! not to exceed, not of any particular one.
//!
//! File data is durable for each 512-byte sector only once the file was synced; before that, sectors
//! survive independently of each other, of the file's length and of its name, and the sector that was
//! being written may keep any first part of what was written. A name (created, replaced or removed) is
//! durable only once its directory was synced. A failed sync of a file loses what was not durable, while
//! reading still shows it and later syncs report success, until [`VfsFile::forget_cached`]; a failed sync
//! of a directory leaves its changes pending. Locks are held by open files and end with them.
//!
//! To enumerate the power cuts of anything that works on a store, call [`enumerate`]: it repeats a
//! workload with the power cut after each of its operations and hands every image of what the disk may
//! then hold to a check. The workload says how far it got; the check opens the image and compares.

mod enumerate;
mod image;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use igor_storage_fs::vfs::{Access, FileKind, Lock, Metadata, Vfs, VfsFile};

pub(crate) use enumerate::message;
pub use enumerate::{Counts, Crash, enumerate};
pub use image::Image;

/// Bytes of a sector.
const SECTOR: usize = 512;

/// A simulated disk; clones are the same disk.
#[derive(Clone)]
pub struct SimDisk {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    unlocked: Condvar,
}

/// What goes wrong on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// From this operation on, everything fails: only an [`Image`] of the disk remains.
    PowerOff,
    /// This operation fails, and a sync loses what it was to make durable.
    Error,
    /// This operation finds no space.
    NoSpace,
    /// From this operation on, whatever needs space finds none, until [`SimDisk::free_space`].
    Full,
    /// This operation, if it is a write, writes a part and says so.
    ShortWrite,
}

/// Something that a store leaves out of what it should do, as if it were wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Omission {
    /// It does not sync directories.
    DirectorySync,
    /// It takes a failed sync for done, as one that tries it again does.
    FailedSync,
}

#[derive(Clone)]
struct State {
    /// Files and directories by number; the store's directory is number 0.
    nodes: Vec<Node>,
    operations: Vec<Operation>,
    fault: Option<(usize, Fault)>,
    next_fault: Option<(OperationKind, Fault)>,
    /// What the store above leaves out.
    omission: Option<Omission>,
    off: bool,
    full: bool,
    /// The last write: file, offset, length.
    last_write: Option<(usize, usize, usize)>,
    locks: HashMap<usize, Vec<(u64, Lock)>>,
    handles: u64,
}

/// A change that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// What it does.
    pub kind: OperationKind,
    /// To which file or directory.
    pub path: String,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {:?}", self.kind, self.path)
    }
}

/// A kind of change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OperationKind {
    /// A file is created.
    Create,
    /// A directory is created.
    CreateDir,
    /// Bytes are written.
    Write,
    /// A file is cut.
    Truncate,
    /// A file is synced.
    Sync,
    /// A file gets another name.
    Rename,
    /// A file is removed.
    Remove,
    /// A directory is synced.
    SyncDir,
    /// Rights are taken away.
    Tighten,
}

#[derive(Clone, PartialEq)]
enum Node {
    File(FileNode),
    Directory(DirectoryNode),
}

/// A file, as reading shows it and as it would be after a power cut.
#[derive(Clone, Default, PartialEq)]
struct FileNode {
    cached: Vec<u8>,
    durable: Vec<u8>,
    /// Sectors that the next sync makes durable.
    dirty: BTreeSet<usize>,
    /// Whether the next sync makes the length durable.
    resized: bool,
}

#[derive(Clone, Default, PartialEq)]
struct DirectoryNode {
    cached: BTreeMap<String, usize>,
    durable: BTreeMap<String, usize>,
}

impl Default for SimDisk {
    fn default() -> Self {
        Self::new()
    }
}

impl SimDisk {
    /// An empty disk.
    pub fn new() -> Self {
        Self::of(State {
            nodes: vec![Node::Directory(DirectoryNode::default())],
            operations: Vec::new(),
            fault: None,
            next_fault: None,
            omission: None,
            off: false,
            full: false,
            last_write: None,
            locks: HashMap::new(),
            handles: 0,
        })
    }

    fn of(state: State) -> Self {
        let state = Mutex::new(state);
        Self { shared: Arc::new(Shared { state, unlocked: Condvar::new() }) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets `fault` happen at the `number`th change from the first one ever, counted from 0.
    pub fn fail_at(&self, number: usize, fault: Fault) {
        self.state().fault = Some((number, fault));
    }

    /// Lets `fault` happen at the first change of `kind` from now on.
    pub fn fail_next(&self, kind: OperationKind, fault: Fault) {
        self.state().next_fault = Some((kind, fault));
    }

    /// Lets the store above leave something out from now on.
    pub fn omit(&self, omission: Omission) {
        self.state().omission = Some(omission);
    }

    /// Ends a lack of space.
    pub fn free_space(&self) {
        let mut state = self.state();
        state.full = false;
        state.fault = None;
    }

    /// The changes that were asked for so far, failed ones included.
    pub fn operations(&self) -> Vec<Operation> {
        self.state().operations.clone()
    }

    /// Another disk with the same content and the same things pending, but no locks and no faults: what
    /// a new process finds after the one before was killed.
    pub fn copy(&self) -> Self {
        let mut state = self.state().clone();
        state.off = false;
        state.full = false;
        state.fault = None;
        state.next_fault = None;
        state.locks = HashMap::new();
        state.operations = Vec::new();
        Self::of(state)
    }

    /// What the disk may hold after a power cut now.
    pub fn image(&self, image: Image) -> Self {
        Self::of(image::take(&self.state(), image))
    }

    /// All paths of files, in order.
    pub fn files(&self) -> Vec<String> {
        let state = self.state();
        let mut found = Vec::new();
        let mut directories = vec![(String::new(), 0)];
        while let Some((path, number)) = directories.pop() {
            let Some(Node::Directory(directory)) = state.nodes.get(number) else { continue };
            for (name, number) in &directory.cached {
                let path = if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
                match state.nodes.get(*number) {
                    Some(Node::File(_)) => found.push(path),
                    _ => directories.push((path, *number)),
                }
            }
        }
        found.sort_unstable();
        found
    }

    /// The content of a file.
    ///
    /// # Panics
    /// When there is none.
    pub fn content(&self, path: &str) -> Vec<u8> {
        let state = self.state();
        match state.find(path).map(|number| &state.nodes[number]) {
            Ok(Node::File(file)) => file.cached.clone(),
            _ => panic!("there is no file {path}"),
        }
    }

    /// All files and directories, by number.
    fn nodes(&self) -> Vec<Node> {
        self.state().nodes.clone()
    }

    /// Replaces the content of a file, durably and behind everybody's back.
    ///
    /// # Panics
    /// When there is none.
    pub fn overwrite(&self, path: &str, content: &[u8]) {
        let mut state = self.state();
        let number = state.find(path).unwrap_or_else(|_| panic!("there is no file {path}"));
        let (cached, durable) = (content.to_vec(), content.to_vec());
        state.nodes[number] = Node::File(FileNode { cached, durable, ..FileNode::default() });
    }
}

fn error(kind: io::ErrorKind, text: &str) -> io::Error {
    io::Error::new(kind, text.to_owned())
}

fn not_found() -> io::Error {
    error(io::ErrorKind::NotFound, "nothing has this name on the simulated disk")
}

/// What an operation is to do after its fault was looked up.
enum Course {
    Normal,
    /// Fail; a sync loses what was pending.
    Fail(io::Error),
    Short,
}

impl State {
    fn check_power(&self) -> io::Result<()> {
        if self.off { Err(error(io::ErrorKind::Other, "the power is off")) } else { Ok(()) }
    }

    /// Counts a change and decides what becomes of it.
    fn begin(&mut self, kind: OperationKind, path: &str) -> Course {
        use OperationKind::{Create, CreateDir, Write};
        let number = self.operations.len();
        if self.off {
            return Course::Fail(error(io::ErrorKind::Other, "the power is off"));
        }
        self.operations.push(Operation { kind, path: path.to_owned() });
        let fault = match (self.fault, self.next_fault) {
            (Some((at, fault)), _) if at == number => Some(fault),
            (_, Some((of, fault))) if of == kind => {
                self.next_fault = None;
                Some(fault)
            }
            _ => None,
        };
        let no_space = || Course::Fail(error(io::ErrorKind::StorageFull, "no space left"));
        match fault {
            Some(Fault::PowerOff) => {
                self.off = true;
                return Course::Fail(error(io::ErrorKind::Other, "the power is off"));
            }
            Some(Fault::Error) => {
                return Course::Fail(error(io::ErrorKind::Other, "input/output error"));
            }
            Some(Fault::NoSpace) => return no_space(),
            Some(Fault::Full) => self.full = true,
            Some(Fault::ShortWrite) if kind == Write => return Course::Short,
            Some(Fault::ShortWrite) | None => {}
        }
        if self.full && matches!(kind, Create | CreateDir | Write) {
            return no_space();
        }
        Course::Normal
    }

    fn find(&self, path: &str) -> io::Result<usize> {
        let mut number = 0;
        for name in path.split('/').filter(|name| !name.is_empty()) {
            let Node::Directory(directory) = &self.nodes[number] else { return Err(not_found()) };
            number = *directory.cached.get(name).ok_or_else(not_found)?;
        }
        Ok(number)
    }

    /// The directory that holds `path`, and the last part of it.
    fn place<'a>(&mut self, path: &'a str) -> io::Result<(&mut DirectoryNode, &'a str)> {
        let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
        let number = self.find(parent)?;
        match &mut self.nodes[number] {
            Node::Directory(directory) => Ok((directory, name)),
            Node::File(_) => Err(not_found()),
        }
    }

    fn add(&mut self, path: &str, node: Node) -> io::Result<usize> {
        let number = self.nodes.len();
        let (directory, name) = self.place(path)?;
        if directory.cached.contains_key(name) {
            return Err(error(io::ErrorKind::AlreadyExists, "the name is taken"));
        }
        directory.cached.insert(name.to_owned(), number);
        self.nodes.push(node);
        Ok(number)
    }

    fn file(&mut self, number: usize) -> &mut FileNode {
        match &mut self.nodes[number] {
            Node::File(file) => file,
            Node::Directory(_) => panic!("only files are opened"),
        }
    }

    /// Does `change` unless a fault decides otherwise.
    fn change<T>(
        &mut self,
        kind: OperationKind,
        path: &str,
        change: impl FnOnce(&mut Self) -> io::Result<T>,
    ) -> io::Result<T> {
        match self.begin(kind, path) {
            Course::Normal | Course::Short => change(self),
            Course::Fail(error) => Err(error),
        }
    }
}

impl FileNode {
    fn write(&mut self, bytes: &[u8], offset: usize) {
        let end = offset + bytes.len();
        if end > self.cached.len() {
            self.cached.resize(end, 0);
            self.resized = true;
        }
        self.cached[offset..end].copy_from_slice(bytes);
        self.dirty.extend(offset / SECTOR..end.div_ceil(SECTOR));
    }

    fn truncate(&mut self, size: usize) {
        self.cached.truncate(size);
        self.resized = true;
        self.dirty.retain(|sector| sector * SECTOR < size);
    }

    fn sync(&mut self) {
        self.durable = self.survivor(self.resized, |_| usize::MAX);
        self.lose_pending();
    }

    fn lose_pending(&mut self) {
        self.dirty.clear();
        self.resized = false;
    }

    /// The content if the new length is durable or not, and of each dirty sector as many bytes as
    /// `kept` says.
    fn survivor(&self, new_length: bool, mut kept: impl FnMut(usize) -> usize) -> Vec<u8> {
        let mut content = self.durable.clone();
        if new_length {
            content.resize(self.cached.len(), 0);
        }
        for sector in &self.dirty {
            let start = sector * SECTOR;
            let end = (start + SECTOR).min(start.saturating_add(kept(*sector)));
            let end = end.min(content.len()).min(self.cached.len());
            if start < end {
                content[start..end].copy_from_slice(&self.cached[start..end]);
            }
        }
        content
    }
}

impl SimDisk {
    fn opened(&self, number: usize, path: &str) -> Box<dyn VfsFile> {
        let mut state = self.state();
        state.handles += 1;
        let handle = state.handles;
        Box::new(SimFile { disk: self.clone(), number, path: path.to_owned(), handle })
    }
}

impl Vfs for SimDisk {
    fn describe(&self, path: &str) -> String {
        format!("disk:/{path}")
    }

    fn open(&self, path: &str, _access: Access) -> io::Result<Box<dyn VfsFile>> {
        let number = {
            let state = self.state();
            state.check_power()?;
            let number = state.find(path)?;
            if matches!(state.nodes[number], Node::Directory(_)) {
                return Err(error(io::ErrorKind::IsADirectory, "is a directory"));
            }
            number
        };
        Ok(self.opened(number, path))
    }

    fn create_new(&self, path: &str) -> io::Result<Box<dyn VfsFile>> {
        let file = Node::File(FileNode::default());
        let number =
            self.state().change(OperationKind::Create, path, |state| state.add(path, file))?;
        Ok(self.opened(number, path))
    }

    fn create_dir(&self, path: &str) -> io::Result<()> {
        let mut state = self.state();
        state.check_power()?;
        if state.find(path).is_ok() {
            return Err(error(io::ErrorKind::AlreadyExists, "the name is taken"));
        }
        let directory = Node::Directory(DirectoryNode::default());
        state.change(OperationKind::CreateDir, path, |state| state.add(path, directory))?;
        Ok(())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.state().change(OperationKind::Rename, to, |state| {
            let number = state.find(from)?;
            let (directory, name) = state.place(to)?;
            directory.cached.insert(name.to_owned(), number);
            let (directory, name) = state.place(from)?;
            directory.cached.remove(name);
            Ok(())
        })
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        let mut state = self.state();
        state.check_power()?;
        state.find(path)?;
        state.change(OperationKind::Remove, path, |state| {
            let (directory, name) = state.place(path)?;
            directory.cached.remove(name).map(drop).ok_or_else(not_found)
        })
    }

    fn sync_dir(&self, path: &str) -> io::Result<()> {
        if self.state().omission == Some(Omission::DirectorySync) {
            return Ok(());
        }
        self.state().change(OperationKind::SyncDir, path, |state| {
            let number = state.find(path)?;
            if let Node::Directory(directory) = &mut state.nodes[number] {
                directory.durable = directory.cached.clone();
            }
            Ok(())
        })
    }

    fn list(&self, path: &str) -> io::Result<Vec<String>> {
        let state = self.state();
        state.check_power()?;
        match &state.nodes[state.find(path)?] {
            Node::Directory(directory) => Ok(directory.cached.keys().cloned().collect()),
            Node::File(_) => Err(error(io::ErrorKind::NotADirectory, "is a file")),
        }
    }

    fn metadata(&self, path: &str) -> io::Result<Metadata> {
        let state = self.state();
        state.check_power()?;
        let kind = match &state.nodes[state.find(path)?] {
            Node::Directory(_) => FileKind::Directory,
            Node::File(_) => FileKind::File,
        };
        Ok(Metadata { kind, own: true, loose: false })
    }

    fn tighten(&self, path: &str) -> io::Result<()> {
        self.state().change(OperationKind::Tighten, path, |_| Ok(()))
    }
}

/// An open file of a simulated disk.
struct SimFile {
    disk: SimDisk,
    number: usize,
    path: String,
    handle: u64,
}

impl VfsFile for SimFile {
    fn size(&self) -> io::Result<u64> {
        let mut state = self.disk.state();
        state.check_power()?;
        Ok(u64::try_from(state.file(self.number).cached.len()).expect("a length fits"))
    }

    fn size_if_named(&self) -> io::Result<Option<u64>> {
        let mut state = self.disk.state();
        state.check_power()?;
        let is_named = state.find(&self.path).is_ok_and(|found| found == self.number);
        let size = state.file(self.number).cached.len();
        Ok(is_named.then(|| u64::try_from(size).expect("a length fits")))
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut state = self.disk.state();
        state.check_power()?;
        let content = &state.file(self.number).cached;
        let rest = content.get(position(offset)?..).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let offset = position(offset)?;
        let mut state = self.disk.state();
        let bytes = match state.begin(OperationKind::Write, &self.path) {
            Course::Normal => bytes,
            Course::Short => &bytes[..bytes.len().div_ceil(2)],
            Course::Fail(error) => {
                // What a failed write leaves is unknown: here, half of it.
                if !state.off {
                    state.file(self.number).write(&bytes[..bytes.len() / 2], offset);
                }
                return Err(error);
            }
        };
        state.file(self.number).write(bytes, offset);
        state.last_write = Some((self.number, offset, bytes.len()));
        Ok(bytes.len())
    }

    fn truncate(&self, size: u64) -> io::Result<()> {
        let size = position(size)?;
        self.disk.state().change(OperationKind::Truncate, &self.path, |state| {
            state.file(self.number).truncate(size);
            Ok(())
        })
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.disk.state();
        match state.begin(OperationKind::Sync, &self.path) {
            Course::Normal | Course::Short => {
                state.file(self.number).sync();
                Ok(())
            }
            Course::Fail(error) => {
                if !state.off {
                    state.file(self.number).lose_pending();
                    if state.omission == Some(Omission::FailedSync) {
                        return Ok(());
                    }
                }
                Err(error)
            }
        }
    }

    fn forget_cached(&self) {
        let mut state = self.disk.state();
        let file = state.file(self.number);
        if file.dirty.is_empty() && !file.resized {
            file.cached = file.durable.clone();
        }
    }

    fn lock(&self, mode: Lock, wait: bool) -> io::Result<bool> {
        let mut state = self.disk.state();
        loop {
            state.check_power()?;
            let holders = state.locks.entry(self.number).or_default();
            let free = match mode {
                Lock::Shared => holders.iter().all(|(_, held)| *held == Lock::Shared),
                Lock::Exclusive => holders.is_empty(),
            };
            if free {
                holders.push((self.handle, mode));
                return Ok(true);
            }
            if !wait {
                return Ok(false);
            }
            let waited = self.disk.shared.unlocked.wait(state);
            state = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn unlock(&self) -> io::Result<()> {
        let mut state = self.disk.state();
        if let Some(holders) = state.locks.get_mut(&self.number) {
            holders.retain(|(handle, _)| *handle != self.handle);
        }
        self.disk.shared.unlocked.notify_all();
        Ok(())
    }
}

impl Drop for SimFile {
    fn drop(&mut self) {
        self.unlock().expect("a lock in memory can always be given up");
    }
}

fn position(offset: u64) -> io::Result<usize> {
    usize::try_from(offset).map_err(|_| io::ErrorKind::FileTooLarge.into())
}

#[cfg(test)]
mod tests;
