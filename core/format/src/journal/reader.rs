//! Reads an agent's log: which segments it holds, and where it breaks off. It decides whether a break
//! is the end of what a crash left, or damage within what was durable; it repairs nothing.

use super::{Entry, EntryError, Record, SegmentOpening};
use crate::{Hash, Seq};

/// A log as far as it can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenJournal {
    /// The segments, in the order of the log.
    pub segments: Vec<OpenSegment>,
    /// What comes after them.
    pub tail: JournalTail,
}

/// A segment that is not sealed yet, as far as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenSegment {
    /// The position of its first record.
    pub first: Seq,
    /// The chain's value before it.
    pub base: Hash,
    /// The terms.
    pub opening: SegmentOpening,
    /// The bytes of each entry and the record in it.
    pub entries: Vec<(Vec<u8>, Record)>,
    /// The chain's value after the last entry.
    pub chain: Hash,
}

/// What comes after the last record that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JournalTail {
    /// Nothing.
    Whole,
    /// Records that a crash kept from becoming durable: they never happened.
    Torn {
        /// The position of the first.
        at: Seq,
    },
}

/// Reads the records of a log from position `first` on. They may be several segments one after
/// another.
///
/// A record that is damaged or out of order ends the reading. It is a torn tail, unless a later
/// entry, wherever it belongs, says that it was durable.
///
/// # Errors
/// [`EntryError::Corrupt`]: a durable record is damaged or out of order, or the first one does not
/// begin a segment.
pub fn read_journal(first: Seq, records: &[Vec<u8>]) -> Result<OpenJournal, EntryError> {
    let mut segments: Vec<OpenSegment> = Vec::new();
    let mut seq = first;
    for (index, bytes) in records.iter().enumerate() {
        let problem = match append(&mut segments, seq, bytes) {
            Ok(()) => {
                seq = Seq(seq.0.saturating_add(1));
                continue;
            }
            Err(problem) => problem,
        };
        let later = records.get(index..).unwrap_or_default().iter().skip(1);
        let was_durable = later
            .filter_map(|bytes| Entry::decode(bytes).ok())
            .any(|(entry, _)| entry.synced > seq);
        if was_durable || problem == EntryError::NoOwner {
            return Err(EntryError::Corrupt { seq, problem: Box::new(problem) });
        }
        return Ok(OpenJournal { segments, tail: JournalTail::Torn { at: seq } });
    }
    Ok(OpenJournal { segments, tail: JournalTail::Whole })
}

/// Adds a record to the segment it continues, or begins one.
fn append(segments: &mut Vec<OpenSegment>, seq: Seq, bytes: &[u8]) -> Result<(), EntryError> {
    let (entry, chain) = Entry::decode(bytes)?;
    let entry_bytes = bytes.to_vec();
    if let Some(segment) = segments.last_mut().filter(|segment| segment.chain == entry.prev) {
        if matches!(&entry.record, Record::Owner(owner) if *owner.opening != segment.opening) {
            return Err(EntryError::OtherTerms);
        }
        segment.entries.push((entry_bytes, entry.record));
        segment.chain = chain;
        return Ok(());
    }
    let opening = match &entry.record {
        Record::Owner(owner) if Entry::base(owner.opening.checkpoint) == entry.prev => {
            SegmentOpening::clone(&owner.opening)
        }
        _ => return Err(no_place(segments, entry.prev)),
    };
    let (base, entries) = (entry.prev, vec![(entry_bytes, entry.record)]);
    segments.push(OpenSegment { first: seq, base, opening, entries, chain });
    Ok(())
}

fn no_place(segments: &[OpenSegment], found: Hash) -> EntryError {
    match segments.last() {
        Some(segment) => EntryError::OtherChain { expected: segment.chain, found },
        None => EntryError::NoOwner,
    }
}
