//! A history as a folder of files, as every command that reads one finds it. It takes no lock and
//! changes nothing.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use igor_core::Limits;
use igor_core::format::{AgentId, HistoryFile};
use igor_node::audit::Files;

use crate::problem::Problem;

/// More bytes than any file of a history has.
const FILE_BYTES_MAX: u64 = Limits::CEILING.state_bytes_max + 4096;
/// More bytes than any audit segment has: its records are bounded when it is written.
const SEGMENT_BYTES_MAX: u64 = 1 << 30;

/// A folder with a history.
pub(crate) struct Folder {
    dir: PathBuf,
    /// The files' names, sorted.
    names: Vec<String>,
}

impl Folder {
    /// The history in `dir`, for a command of this name.
    pub(crate) fn open(dir: &Path, command: &str) -> Result<Self, Problem> {
        let attempt = |error: io::Error| {
            Problem::new(
                format_args!("read the history {}: {error}", dir.display()),
                "Give a folder that exists and can be read, such as checkpoints/history/heartbeat.",
            )
        };
        let mut names = Vec::new();
        for entry in fs::read_dir(dir).map_err(attempt)? {
            let path = entry.map_err(attempt)?.path();
            if !path.is_dir() {
                names.push(file_name(&path));
            }
        }
        names.sort();
        if names.iter().any(|name| HistoryFile::is_checkpoint(name)) {
            return Ok(Self { dir: dir.to_owned(), names });
        }
        Err(Problem::new(
            format_args!("{command} {}: the folder holds no checkpoint (*.ckpt)", dir.display()),
            "Give the folder of one agent's history, such as checkpoints/history/heartbeat.",
        ))
    }

    /// Where the current checkpoint of this history lies, if the folder is part of a data directory.
    pub(crate) fn current_checkpoint(&self) -> Option<PathBuf> {
        let dir = fs::canonicalize(&self.dir).ok()?;
        let agent = dir.file_name()?.to_str()?;
        Some(dir.parent()?.parent()?.join(format!("{agent}.checkpoint")))
    }

    /// The data directory that this history lies in, with the agent's name, if it lies in one.
    pub(crate) fn data_dir(&self) -> Option<(String, AgentId)> {
        let checkpoint = self.current_checkpoint().filter(|path| path.is_file())?;
        let agent = checkpoint.file_stem()?.to_str()?.parse().ok()?;
        Some((checkpoint.parent()?.to_str()?.to_owned(), agent))
    }

    /// The bytes of one of the files.
    pub(crate) fn bytes(&self, name: &str) -> io::Result<Vec<u8>> {
        read(&self.dir.join(name))
    }

    /// The current checkpoint with its file's name, if it is known where it lies.
    pub(crate) fn current_bytes(&self) -> io::Result<Option<(String, Vec<u8>)>> {
        let Some(path) = self.current_checkpoint() else { return Ok(None) };
        match read(&path) {
            Ok(bytes) => Ok(Some((file_name(&path), bytes))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl Files for Folder {
    fn names(&self) -> Vec<String> {
        self.names.clone()
    }

    fn read(&self, name: &str) -> Result<Vec<u8>, String> {
        self.bytes(name).map_err(|error| error.to_string())
    }

    fn current(&self) -> Result<Option<(String, Vec<u8>)>, String> {
        self.current_bytes().map_err(|error| error.to_string())
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let is_segment = path.extension().is_some_and(|extension| extension == "seg");
    let bytes_max = if is_segment { SEGMENT_BYTES_MAX } else { FILE_BYTES_MAX };
    let mut bytes = Vec::new();
    File::open(path)?.take(bytes_max).read_to_end(&mut bytes)?;
    Ok(bytes)
}
