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
    pub(crate) logs: HashMap<AgentId, Log>,
    /// The number of puts so far; it makes every version a new one.
    puts: u64,
    /// How many share the store.
    pub(crate) sharers: usize,
    /// Whether someone has the store alone.
    pub(crate) exclusive: bool,
    /// The claimed agents.
    pub(crate) agents: HashSet<AgentId>,
}

/// What a log holds.
#[derive(Default, Clone)]
pub(crate) struct Log {
    /// The records before this position were trimmed.
    pub(crate) first: u64,
    /// The others.
    records: Vec<Vec<u8>>,
}

impl Log {
    /// The position behind the last record.
    pub(crate) fn length(&self) -> u64 {
        self.first + to_u64(self.records.len())
    }

    fn trim(&mut self, before: u64) {
        let count = usize::try_from(before.saturating_sub(self.first)).unwrap_or(usize::MAX);
        self.records.drain(..count.min(self.records.len()));
        self.first = self.first.max(before);
    }
}

/// A length as a position.
fn to_u64(length: usize) -> u64 {
    u64::try_from(length).expect("a length in memory fits 64 bits")
}

impl State {
    /// The same content, claimed by nobody.
    pub(crate) fn unclaimed(&self) -> Self {
        let (values, logs) = (self.values.clone(), self.logs.clone());
        Self { values, logs, puts: self.puts, ..Self::default() }
    }

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
                    self.logs.entry(group.agent.clone()).or_default().records.extend(records);
                }
                Operation::Trim { before } => {
                    self.logs.entry(group.agent.clone()).or_default().trim(before.0);
                }
            }
        }
        Ok(committed)
    }

    /// Checks all preconditions against the state before the group; a second append of a group is to
    /// continue the first, and a trim may reach to the end of the appends before it.
    fn check_preconditions(&self, group: &Group) -> Result<(), StorageError> {
        let mut length = self.logs.get(&group.agent).map_or(0, Log::length);
        let conflict = |problem| {
            Err(StorageError::Conflict { object: format!("log of {}", group.agent), problem })
        };
        for operation in &group.operations {
            match operation {
                Operation::Put { key, precondition, .. }
                | Operation::Delete { key, precondition } => self.check(key, precondition)?,
                Operation::Append { at, records } => {
                    if length != at.0 {
                        return conflict(format!("length {at} expected, found {length}"));
                    }
                    length += to_u64(records.len());
                }
                Operation::Trim { before } if before.0 > length => {
                    return conflict(format!(
                        "cannot be trimmed to {before}, its length is {length}"
                    ));
                }
                Operation::Trim { .. } => {}
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
    pub(crate) fn read_log(
        &self,
        agent: &AgentId,
        from: Seq,
        bytes_max: usize,
    ) -> Result<Vec<Vec<u8>>, StorageError> {
        let Some(log) = self.logs.get(agent) else { return Ok(Vec::new()) };
        let skip = from.0.checked_sub(log.first).ok_or_else(|| StorageError::Trimmed {
            object: format!("log of {agent}"),
            from,
            first: Seq(log.first),
        })?;
        let skip = usize::try_from(skip).unwrap_or(usize::MAX);
        let log = log.records.get(skip..).unwrap_or_default();
        let mut bytes = 0_usize;
        let mut fits = |index: usize, record: &[u8]| {
            bytes = bytes.saturating_add(record.len());
            index == 0 || bytes <= bytes_max
        };
        let records = log.iter().enumerate().take_while(|(index, record)| fits(*index, record));
        Ok(records.map(|(_, record)| record.clone()).collect())
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
                if key.agent().is_some_and(|owner| *owner != group.agent) =>
            {
                return Err(StorageError::Refused {
                    object: key.to_string(),
                    problem: format!("cannot be written by {}", group.agent),
                });
            }
            Operation::Put { key, bytes, .. } => fits(&|| key.to_string(), bytes)?,
            Operation::Delete { .. } | Operation::Trim { .. } => {}
            Operation::Append { records, .. } => {
                let object = || format!("log record of {}", group.agent);
                records.iter().try_for_each(|record| fits(&object, record))?;
            }
        }
    }
    Ok(())
}
