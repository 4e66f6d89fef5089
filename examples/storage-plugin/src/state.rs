//! What the lines of the file add up to, and the rules by which a group may become one more.

use std::collections::{BTreeMap, HashMap};

use igor_core::format::{AgentId, Hash, Seq};
use igor_core::storage::{Group, Key, Operation, Precondition, StorageError, Stored, Version};

use crate::entry::{Change, Entry};

/// Everything that was read so far.
#[derive(Default)]
pub struct State {
    /// Bytes of the file that are read and applied.
    pub read: u64,
    pub values: BTreeMap<Key, Stored>,
    pub logs: HashMap<AgentId, Log>,
    /// Why the store can no longer be trusted.
    pub poisoned: Option<String>,
}

/// The log of one agent.
#[derive(Default)]
pub struct Log {
    /// The position of the first record that is left.
    pub first: u64,
    pub records: Vec<Vec<u8>>,
}

impl Log {
    /// The position behind the last record.
    pub fn length(&self) -> u64 {
        self.first + length(&self.records)
    }

    fn trim(&mut self, before: u64) {
        let count = usize::try_from(before.saturating_sub(self.first)).unwrap_or(usize::MAX);
        self.records.drain(..count.min(self.records.len()));
        self.first = self.first.max(before);
    }
}

/// The length of something in memory.
pub fn length<T>(items: &[T]) -> u64 {
    u64::try_from(items.len()).expect("a length in memory fits 64 bits")
}

impl State {
    /// Applies one line; `None` if it is not one of this store.
    pub fn apply(&mut self, line: &[u8]) -> Option<()> {
        let entry: Entry = serde_json::from_slice(line).ok()?;
        let agent: AgentId = entry.agent.parse().ok()?;
        for change in entry.changes {
            match change {
                Change::Put(name, bytes) => {
                    let version = Version::new(Hash::of(&bytes).as_bytes());
                    self.values.insert(name.key()?, Stored { bytes, version });
                }
                Change::Delete(name) => drop(self.values.remove(&name.key()?)),
                Change::Append(records) => {
                    self.logs.entry(agent.clone()).or_default().records.extend(records);
                }
                Change::Trim(before) => {
                    self.logs.entry(agent.clone()).or_default().trim(before);
                }
            }
        }
        Some(())
    }

    /// Checks everything that can be wrong with a group, against the state before it, and changes
    /// nothing.
    pub fn check(&self, group: &Group, max: u64) -> Result<(), StorageError> {
        let conflict = |object: String, problem: &str| {
            Err(StorageError::Conflict { object, problem: problem.to_owned() })
        };
        let fits = |object: String, bytes: &[u8]| match u64::try_from(bytes.len()) {
            Ok(bytes) if bytes > max => Err(StorageError::TooLarge { object, bytes, max }),
            _ => Ok(()),
        };
        let mut end = self.logs.get(&group.agent).map_or(0, Log::length);
        for operation in &group.operations {
            match operation {
                Operation::Put { key, precondition, .. }
                | Operation::Delete { key, precondition } => {
                    if key.agent().is_some_and(|owner| *owner != group.agent) {
                        let problem = format!("cannot be written by {}", group.agent);
                        return Err(StorageError::Refused { object: key.to_string(), problem });
                    }
                    if let Operation::Put { bytes, .. } = operation {
                        fits(key.to_string(), bytes)?;
                    }
                    match (precondition, self.values.get(key)) {
                        (Precondition::Always, _) | (Precondition::Absent, None) => {}
                        (Precondition::Matches(version), Some(stored))
                            if stored.version == *version => {}
                        (_, None) => return conflict(key.to_string(), "is absent"),
                        (_, Some(_)) => return conflict(key.to_string(), "has another version"),
                    }
                }
                Operation::Append { at: Seq(at), records } => {
                    for record in records {
                        fits(format!("log record of {}", group.agent), record)?;
                    }
                    if end != *at {
                        let problem = format!("length {at} expected, found {end}");
                        return conflict(format!("log of {}", group.agent), &problem);
                    }
                    end += length(records);
                }
                Operation::Trim { before: Seq(before) } => {
                    if *before > end {
                        let problem = format!("cannot be trimmed to {before}, its length is {end}");
                        return conflict(format!("log of {}", group.agent), &problem);
                    }
                }
            }
        }
        Ok(())
    }
}
