//! Where an audit finds the files of a history. What a name means is igor-format's business; nothing
//! here opens a file.

use std::collections::BTreeMap;

use igor_core::Storage;
use igor_core::format::{AgentId, Checkpoint, CheckpointFacts, FundId, Hash, HistoryFile, Seq};
use igor_core::storage::{Key, Scope, StorageError};

use crate::open::stored_module;
use crate::survey::list_keys;
use crate::tail::read_from;

/// The files of one history. Each is read once or twice, one at a time.
pub trait Files {
    /// The names of the files in the history.
    fn names(&self) -> Vec<String>;

    /// The bytes of one of them.
    ///
    /// # Errors
    /// Why it cannot be read, in words.
    fn read(&self, name: &str) -> Result<Vec<u8>, String>;

    /// The agent's current checkpoint, with a name for it, if it is known where it lies.
    ///
    /// # Errors
    /// Why it cannot be read, in words.
    fn current(&self) -> Result<Option<(String, Vec<u8>)>, String>;
}

/// A history in memory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Copied {
    /// The files by name.
    pub files: BTreeMap<String, Vec<u8>>,
    /// The current checkpoint.
    pub current: Option<Vec<u8>>,
    /// The agent's log from a position on, which may begin before the current checkpoint.
    pub log: Option<(Seq, Vec<Vec<u8>>)>,
    /// The module that is kept with the agent.
    pub module: Option<Vec<u8>>,
}

impl Files for Copied {
    fn names(&self) -> Vec<String> {
        self.files.keys().cloned().collect()
    }

    fn read(&self, name: &str) -> Result<Vec<u8>, String> {
        self.files.get(name).cloned().ok_or_else(|| "there is no such file".to_owned())
    }

    fn current(&self) -> Result<Option<(String, Vec<u8>)>, String> {
        Ok(self.current.clone().map(|bytes| ("the current checkpoint".to_owned(), bytes)))
    }
}

/// The records of an agent's log with the position of the first, which may lie before its current
/// checkpoint; nothing for an empty log. It claims nothing and changes nothing.
///
/// # Errors
/// When the store fails.
pub async fn open_log(
    storage: &dyn Storage,
    agent: &AgentId,
) -> Result<Option<(Seq, Vec<Vec<u8>>)>, StorageError> {
    let bounds = storage.log_bounds(agent).await?;
    let records = read_from(storage, agent, bounds.start, bounds.end).await?;
    Ok((!records.is_empty()).then_some((bounds.start, records)))
}

/// Copies what a store holds of an agent's life. It claims nothing and changes nothing, so an agent
/// that is running may be ahead of some of what is copied.
///
/// # Errors
/// When the store fails.
pub async fn copy(storage: &dyn Storage, agent: &AgentId) -> Result<Copied, StorageError> {
    let mut copied = Copied {
        log: open_log(storage, agent).await?,
        module: stored_module(storage, agent).await?,
        ..Copied::default()
    };
    let scopes = [
        Scope::History(agent.clone()),
        Scope::Segments(agent.clone()),
        Scope::Funds(agent.clone()),
        Scope::Certificates(agent.clone()),
    ];
    let mut keys = vec![Key::Summary(agent.clone())];
    for scope in scopes {
        keys.extend(list_keys(storage, &scope).await?);
    }
    for key in keys {
        let Some(name) = file_name(&key) else { continue };
        if let Some(stored) = storage.get(&key).await? {
            copied.files.insert(name.to_string(), stored.bytes);
        }
    }
    let current = storage.get(&Key::Checkpoint(agent.clone())).await?;
    copied.current = current.map(|stored| stored.bytes);
    Ok(copied)
}

fn file_name(key: &Key) -> Option<HistoryFile> {
    match key {
        Key::History(_, tick, copy) => Some(HistoryFile::Checkpoint { tick: *tick, copy: *copy }),
        Key::Segment(_, tick, copy) => Some(HistoryFile::Segment { tick: *tick, copy: *copy }),
        Key::Certificate(_, epoch) => Some(HistoryFile::Certificate { epoch: *epoch }),
        Key::Summary(_) => Some(HistoryFile::Summary),
        Key::Fund(_, id) => Some(HistoryFile::Fund(FundId::from_bytes(*id))),
        _ => None,
    }
}

/// The bytes of the checkpoint with this hash among `files`, whatever its name.
pub(super) fn checkpoint(files: &dyn Files, facts: &CheckpointFacts) -> Option<Checkpoint> {
    let bytes = if facts.archived {
        files.read(&facts.file).ok()?
    } else {
        files.current().ok().flatten().map(|(_, bytes)| bytes)?
    };
    if Hash::of(&bytes) != facts.hash {
        return None;
    }
    Checkpoint::decode(&bytes, u64::MAX).ok()
}
