//! What a store holds, and the rules by which a group changes it. It knows nothing of openers, threads
//! or names.

use std::collections::{BTreeMap, HashMap, HashSet};

use igor_core::format::{AgentId, Seq};
use igor_core::storage::{
    Committed, Group, Key, Operation, Precondition, StorageError, Stored, Version,
};

/// The content of one store.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) values: BTreeMap<Key, Stored>,
    pub(crate) logs: HashMap<AgentId, Vec<Vec<u8>>>,
    /// The number of puts so far; it makes every version a new one.
    puts: u64,
    /// How many share the store.
    pub(crate) sharers: usize,
    /// Whether someone has the store alone.
    pub(crate) exclusive: bool,
    /// The claimed agents.
    pub(crate) agents: HashSet<AgentId>,
}

impl State {
    /// Checks a group and applies it.
    pub(crate) fn commit(&mut self, group: Group, max: u64) -> Result<Committed, StorageError> {
        check_sizes(&group, max)?;
        self.check_preconditions(&group)?;
        let mut committed = Committed::default();
        for operation in group.operations {
            match operation {
                Operation::Put { key, bytes, .. } => {
                    self.puts += 1;
                    let version = Version::new(&self.puts.to_le_bytes());
                    committed.versions.push(version.clone());
                    self.values.insert(key, Stored { bytes, version });
                }
                Operation::Delete { key, .. } => {
                    self.values.remove(&key);
                }
                Operation::Append { records, .. } => {
                    self.logs.entry(group.agent.clone()).or_default().extend(records);
                }
            }
        }
        Ok(committed)
    }

    /// Checks all preconditions against the state before the group; a second append of a group is to
    /// continue the first.
    fn check_preconditions(&self, group: &Group) -> Result<(), StorageError> {
        let mut length = self.logs.get(&group.agent).map_or(0, Vec::len);
        for operation in &group.operations {
            match operation {
                Operation::Put { key, precondition, .. }
                | Operation::Delete { key, precondition } => self.check(key, precondition)?,
                Operation::Append { at, records } => {
                    if u64::try_from(length) != Ok(at.0) {
                        return Err(StorageError::Conflict {
                            object: format!("log of {}", group.agent),
                            problem: format!("length {at} expected, found {length}"),
                        });
                    }
                    length += records.len();
                }
            }
        }
        Ok(())
    }

    fn check(&self, key: &Key, precondition: &Precondition) -> Result<(), StorageError> {
        let problem = match (precondition, self.values.get(key)) {
            (Precondition::Always, _) | (Precondition::Absent, None) => return Ok(()),
            (Precondition::Absent, Some(_)) => "expected to be absent, but is there",
            (Precondition::Matches(_), None) => "expected to be there, but is absent",
            (Precondition::Matches(version), Some(stored)) if stored.version == *version => {
                return Ok(());
            }
            (Precondition::Matches(_), Some(_)) => "has another version than expected",
        };
        Err(StorageError::Conflict { object: key.to_string(), problem: problem.to_owned() })
    }

    /// Records of a log from `from`, until `bytes_max` is reached.
    pub(crate) fn read_log(&self, agent: &AgentId, from: Seq, bytes_max: usize) -> Vec<Vec<u8>> {
        let from = usize::try_from(from.0).unwrap_or(usize::MAX);
        let log = self.logs.get(agent).map_or(&[][..], |log| log.get(from..).unwrap_or_default());
        let mut bytes = 0_usize;
        let mut fits = |index: usize, record: &[u8]| {
            bytes = bytes.saturating_add(record.len());
            index == 0 || bytes <= bytes_max
        };
        let records = log.iter().enumerate().take_while(|(index, record)| fits(*index, record));
        records.map(|(_, record)| record.clone()).collect()
    }
}

/// Refuses keys of other agents, and values and records that are too large.
fn check_sizes(group: &Group, max: u64) -> Result<(), StorageError> {
    let fits = |object: &dyn Fn() -> String, bytes: &[u8]| match u64::try_from(bytes.len()) {
        Ok(bytes) if bytes > max => Err(StorageError::TooLarge { object: object(), bytes, max }),
        _ => Ok(()),
    };
    for operation in &group.operations {
        match operation {
            Operation::Put { key, .. } | Operation::Delete { key, .. }
                if owner(key).is_some_and(|owner| *owner != group.agent) =>
            {
                return Err(StorageError::Refused {
                    object: key.to_string(),
                    problem: format!("cannot be written by {}", group.agent),
                });
            }
            Operation::Put { key, bytes, .. } => fits(&|| key.to_string(), bytes)?,
            Operation::Delete { .. } => {}
            Operation::Append { records, .. } => {
                let object = || format!("log record of {}", group.agent);
                records.iter().try_for_each(|record| fits(&object, record))?;
            }
        }
    }
    Ok(())
}

/// The agent that `key` belongs to; content by hash belongs to nobody.
fn owner(key: &Key) -> Option<&AgentId> {
    match key {
        Key::Checkpoint(agent)
        | Key::Identity(agent)
        | Key::Receipts(agent)
        | Key::Record(agent)
        | Key::History(agent, ..)
        | Key::Fund(agent, _) => Some(agent),
        Key::Module(_) | Key::Manifest(_) => None,
    }
}
