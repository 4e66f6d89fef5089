//! Where the control socket of a directory lies: in the user's runtime directory, with its path written
//! down below `.igor/`, so that who knows the directory finds the process. Only the user may enter.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use igor_core::format::{AgentId, Hash};

use crate::problem::Problem;

/// Where the path is written down, below the data directory.
const NOTE: &str = ".igor/.control";
/// More bytes than any path of a socket has.
const NOTE_BYTES_MAX: u64 = 4_096;
/// Hexadecimal digits of the directory's hash in the socket's name.
const NAME_DIGITS: usize = 16;

/// The socket that a node on `dir` listens at, and the note that leads to it; both are gone when this
/// is dropped.
pub(crate) struct Address {
    socket: PathBuf,
    note: PathBuf,
}

impl Address {
    /// Makes room for the socket of the node on `dir`, which is claimed, or of the process that runs one agent
    /// there, and notes where it is.
    pub(crate) fn take(dir: &Path, agent: Option<&AgentId>) -> Result<Self, Problem> {
        let failed = |what: &Path, error: io::Error| {
            Problem::new(
                format_args!("make the control socket {}: {error}", what.display()),
                "Set XDG_RUNTIME_DIR to a folder that only you can write to.",
            )
        };
        let folder = runtime_folder();
        private_folder(&folder).map_err(|error| failed(&folder, error))?;
        let full = fs::canonicalize(dir).map_err(|error| failed(dir, error))?;
        let mut whose = full.as_os_str().as_encoded_bytes().to_vec();
        if let Some(agent) = agent {
            whose.push(0);
            whose.extend(agent.as_str().bytes());
        }
        let hash = Hash::of(&whose).to_string();
        let name: String = hash.chars().take(NAME_DIGITS).collect();
        let socket = folder.join(format!("{name}.sock"));
        remove_socket(&socket).map_err(|error| failed(&socket, error))?;
        let note = dir.join(note_of(agent));
        let text = socket.as_os_str().as_encoded_bytes();
        fs::write(&note, text).map_err(|error| failed(&note, error))?;
        Ok(Self { socket, note })
    }

    /// The path of the socket.
    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }

    /// Lets only the user connect.
    pub(crate) fn close_to_others(&self) -> io::Result<()> {
        fs::set_permissions(&self.socket, Permissions::from_mode(0o600))
    }
}

impl Drop for Address {
    fn drop(&mut self) {
        let _ = remove_socket(&self.socket);
        let _ = fs::remove_file(&self.note);
    }
}

/// The name of the note.
fn note_of(agent: Option<&AgentId>) -> String {
    agent.map_or_else(|| NOTE.to_owned(), |agent| format!("{NOTE}-{agent}"))
}

/// The socket of the node that runs on `dir`, or of the process that runs one agent there, as far as the note
/// says.
pub(crate) fn noted(dir: &Path, agent: Option<&AgentId>) -> Option<PathBuf> {
    let bytes = crate::agent::read(&dir.join(note_of(agent)), NOTE_BYTES_MAX).ok()?;
    Some(PathBuf::from(String::from_utf8(bytes).ok()?))
}

fn runtime_folder() -> PathBuf {
    match std::env::var_os("XDG_RUNTIME_DIR") {
        Some(folder) if Path::new(&folder).is_absolute() => PathBuf::from(folder).join("igor"),
        _ => {
            let user = rustix::process::getuid().as_raw();
            std::env::temp_dir().join(format!("igor-{user}"))
        }
    }
}

/// Makes the folder, or makes sure that it is the user's alone.
fn private_folder(folder: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        made => return made,
    }
    let found = fs::symlink_metadata(folder)?;
    let is_own = found.uid() == rustix::process::getuid().as_raw();
    if found.is_dir() && is_own && found.mode() & 0o077 == 0 {
        return Ok(());
    }
    Err(io::Error::other("the folder is there, but others may use it"))
}

/// Removes a socket that a process before left behind, and nothing else.
fn remove_socket(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_socket() => fs::remove_file(path),
        Ok(_) => Err(io::Error::other("something else than a socket lies there")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_others_may_use_is_refused() {
        let place = tempfile::tempdir().expect("a folder can be made");
        let folder = place.path().join("igor");
        private_folder(&folder).expect("it is made");
        private_folder(&folder).expect("it is there");
        fs::set_permissions(&folder, Permissions::from_mode(0o750)).expect("changed");
        assert!(private_folder(&folder).is_err());
        let link = place.path().join("link");
        std::os::unix::fs::symlink(place.path(), &link).expect("linked");
        assert!(private_folder(&link).is_err());
    }

    #[test]
    fn only_a_socket_is_removed() {
        let place = tempfile::tempdir().expect("a folder can be made");
        let path = place.path().join("x.sock");
        remove_socket(&path).expect("nothing is there");
        fs::write(&path, b"precious").expect("written");
        assert!(remove_socket(&path).is_err());
        fs::remove_file(&path).expect("removed");
        let listener = std::os::unix::net::UnixListener::bind(&path).expect("bound");
        drop(listener);
        remove_socket(&path).expect("a socket is removed");
        assert!(!path.exists());
    }
}
