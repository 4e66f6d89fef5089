//! What a redo log says: which bytes were appended where to whose log. A record of a redo log is one
//! append, little-endian: `length of the agent's id u8 | id | position of the first record of its log u64 |
//! offset in the stream u64 | position u64`, then the bytes as they stand in the file. It knows nothing of
//! what is found there, nor whose redo log it reads.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use igor_core::format::AgentId;

use crate::log::{Append, Log, LogError, Position};
use crate::vfs::VfsFile;

/// Where in a log something was appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    /// The position of the log's first record: a trim makes another file of it.
    pub(crate) first: u64,
    /// Where the valid part ended.
    pub(crate) end: Position,
}

/// The appends to one log, as they stand in its file, marks included.
pub(crate) type Appends = BTreeMap<Place, Vec<u8>>;

/// The appends to the logs of several agents.
pub(crate) type Entries = BTreeMap<AgentId, Appends>;

/// The record of `append` to the log of `agent`, which is `log`.
pub(crate) fn encode(agent: &AgentId, log: &Log, append: &Append) -> Vec<u8> {
    let id = agent.as_str().as_bytes();
    let length = u8::try_from(id.len()).expect("an agent id has at most 200 bytes");
    let span = log.span();
    let mut out = Vec::with_capacity(1 + id.len() + 24 + append.bytes.len());
    out.push(length);
    out.extend_from_slice(id);
    for number in [span.start.seq, span.end.offset, span.end.seq] {
        out.extend_from_slice(&number.to_le_bytes());
    }
    out.extend_from_slice(&append.bytes);
    out
}

/// What a record says; `None` if it says nothing of that kind.
fn decode(record: &[u8]) -> Option<(AgentId, Place, Vec<u8>)> {
    let (length, rest) = record.split_first()?;
    let (id, mut rest) = rest.split_at_checked(usize::from(*length))?;
    let agent = str::from_utf8(id).ok()?.parse().ok()?;
    let mut numbers = [0; 3];
    for number in &mut numbers {
        let (bytes, behind) = rest.split_first_chunk::<8>()?;
        *number = u64::from_le_bytes(*bytes);
        rest = behind;
    }
    let [first, offset, seq] = numbers;
    let place = Place { first, end: Position { offset, seq } };
    Some((agent, place, rest.to_vec()))
}

/// Adds what the redo log in `file` says of the agents that are `wanted`.
pub(crate) fn read(
    file: &dyn VfsFile,
    wanted: impl Fn(&AgentId) -> bool,
    entries: &mut Entries,
) -> Result<(), LogError> {
    // What is not whole was not acknowledged, and nothing behind it. Whether anything whole stands there
    // is no question to ask: the bytes of the logs may look like it.
    let log = Log::valid_part(file)?;
    log.visit(file, log.bounds().start, |records| {
        for record in &records {
            let Some((agent, place, bytes)) = decode(record) else {
                let problem = "a record of it is not of this version".to_owned();
                return Err(LogError::Corrupt(problem));
            };
            if wanted(&agent) {
                entries.entry(agent).or_default().insert(place, bytes);
            }
        }
        Ok(ControlFlow::Continue(()))
    })
}

#[cfg(test)]
mod tests {
    use igor_core::format::Seq;

    use super::*;

    fn example() -> (AgentId, Log, Append) {
        let (log, _) = Log::beginning_at(Seq(7));
        let append = log.encode(&[vec![3; 700]]);
        ("a.b".parse().expect("an agent id"), log, append)
    }

    #[test]
    fn an_append_reads_back_with_its_place() {
        let (agent, log, append) = example();
        let place = Place { first: 7, end: Position { offset: 32, seq: 7 } };
        let record = encode(&agent, &log, &append);
        assert_eq!(decode(&record), Some((agent, place, append.bytes)));
    }

    #[test]
    fn what_is_no_append_is_refused() {
        let (agent, log, append) = example();
        let record = encode(&agent, &log, &append);
        for length in 0..28 {
            assert_eq!(decode(&record[..length]), None, "{length} bytes");
        }
        for (at, wrong) in [(0, 0), (0, 255), (1, b'.'), (2, b'/'), (1, 0xff)] {
            let mut record = record.clone();
            record[at] = wrong;
            assert_eq!(decode(&record), None, "byte {at} is {wrong}");
        }
    }
}
