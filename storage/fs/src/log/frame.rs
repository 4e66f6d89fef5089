//! The frames of a log: one for each append, however many records it had, so that an append is either
//! there or not. Little-endian: `seq u64 | records u32 | bytes u32 | check [8] | mark`, then the records,
//! each `length u32 | bytes`, then `SHA-256 [32] | mark`. The check covers what precedes it, the SHA-256
//! all of the frame that precedes it.
//!
//! Before the first frame stands the name of the format; in a log that was trimmed another name, and behind
//! it `position u64 | check [8] | mark`: that of the first record.

use igor_core::format::Hash;

use super::LogError;
use super::stream::{MARK, Marks, Stream};
use crate::tree::to_u64;

/// How the file of a log begins from which nothing was trimmed: name, version of this format, mark.
const WHOLE: &[u8; 15] = b"igor-journal 1\xff";
/// How that of a trimmed one begins. No single damaged byte makes one of them the other.
const TRIMMED: &[u8; 15] = b"igor-trimmed 1\xff";
const TRIMMED_BYTES: u64 = 32;

const HEADER_BYTES: u64 = 25;
const TRAILER_BYTES: u64 = 33;

/// What stands at a place of a log.
pub(super) enum Parsed<T> {
    /// Nothing: the log ends here.
    End,
    /// Something that was not written completely.
    Torn,
    /// Something complete and right.
    Whole(T),
}

/// One append.
pub(super) struct Frame {
    /// Its records.
    pub(super) records: Vec<Vec<u8>>,
    /// The position behind its last record.
    pub(super) next_seq: u64,
    /// Where in the stream it ends.
    pub(super) end: u64,
}

/// Appends the frame of `records` at position `seq`.
pub(super) fn encode(out: &mut Vec<u8>, seq: u64, records: &[Vec<u8>]) {
    let start = out.len();
    let bytes: usize = records.iter().map(|record| 4 + record.len()).sum();
    out.extend_from_slice(&seq.to_le_bytes());
    out.extend_from_slice(&to_u32(records.len()).to_le_bytes());
    out.extend_from_slice(&to_u32(bytes).to_le_bytes());
    let check = check(out.get(start..).unwrap_or_default());
    out.extend_from_slice(&check);
    out.push(MARK);
    for record in records {
        out.extend_from_slice(&to_u32(record.len()).to_le_bytes());
        out.extend_from_slice(record);
    }
    let hash = Hash::of(out.get(start..).unwrap_or_default());
    out.extend_from_slice(hash.as_bytes());
    out.push(MARK);
}

/// Whether `records` fit in one frame.
pub(crate) fn fits(records: &[Vec<u8>]) -> bool {
    let bytes = records.iter().try_fold(0_usize, |sum, record| sum.checked_add(4 + record.len()));
    u32::try_from(records.len()).is_ok() && bytes.is_some_and(|bytes| u32::try_from(bytes).is_ok())
}

/// A length of which [`fits`] has made sure.
fn to_u32(length: usize) -> u32 {
    u32::try_from(length).expect("records that do not fit a frame are refused before")
}

fn check(header: &[u8]) -> [u8; 8] {
    let hash = Hash::of_parts(&[b"igor/journal-frame/1", header]);
    *hash.as_bytes().first_chunk().expect("a hash has more than eight bytes")
}

/// What stands before the frames of a log whose first record has this position.
pub(super) fn file_header(first: u64) -> Vec<u8> {
    if first == 0 {
        return WHOLE.to_vec();
    }
    let first = first.to_le_bytes();
    [&TRIMMED[..], &first, &first_check(&first), &[MARK]].concat()
}

fn first_check(first: &[u8]) -> [u8; 8] {
    let hash = Hash::of_parts(&[b"igor/journal-first/1", first]);
    *hash.as_bytes().first_chunk().expect("a hash has more than eight bytes")
}

/// What stands before the frames: the position of the first record, and where its frame begins.
pub(super) fn parse_file_header(stream: &Stream<'_>) -> Result<Parsed<(u64, u64)>, LogError> {
    if stream.length == 0 {
        return Ok(Parsed::End);
    }
    let bytes = stream.read(0, TRIMMED_BYTES)?.bytes;
    let unknown = "its first bytes are not those of a log of this version";
    if bytes.get(..14) == TRIMMED.get(..14) {
        // The file got its name when all of this was durable: nothing can be missing.
        let first = bytes.get(15..23).and_then(|first| first.first_chunk::<8>());
        let first = first.map(|first| u64::from_le_bytes(*first));
        return match first.filter(|first| *first > 0 && file_header(*first) == bytes) {
            Some(first) => Ok(Parsed::Whole((first, TRIMMED_BYTES))),
            None => Err(LogError::Corrupt(unknown.to_owned())),
        };
    }
    let marks = bytes.get(14).map_or(Marks::Missing, |byte| Marks::of(*byte));
    Ok(match verdict(bytes.get(..14) == WHOLE.get(..14), marks, unknown)? {
        Parsed::Whole(()) => Parsed::Whole((0, to_u64(WHOLE.len()))),
        Parsed::Torn => Parsed::Torn,
        Parsed::End => Parsed::End,
    })
}

/// What stands at `offset` of the stream, where record `seq` is due.
pub(super) fn parse(stream: &Stream<'_>, offset: u64, seq: u64) -> Result<Parsed<Frame>, LogError> {
    if offset >= stream.length {
        return Ok(Parsed::End);
    }
    let damaged = format!("record {seq} is damaged");
    let header = stream.read(offset, HEADER_BYTES)?;
    let end_mark = header.bytes.get(24).map_or(Marks::Missing, |byte| Marks::of(*byte));
    let fields = fields(&header.bytes);
    match verdict(fields.is_some(), header.marks.max(end_mark), &damaged)? {
        Parsed::Whole(()) => {}
        Parsed::End => return Ok(Parsed::End),
        Parsed::Torn => return Ok(Parsed::Torn),
    }
    let Some(Fields { seq: found, records, bytes }) = fields else { return Ok(Parsed::Torn) };
    if found != seq {
        return Err(LogError::Corrupt(format!("record {found} stands where {seq} is due")));
    }
    let total = HEADER_BYTES + u64::from(bytes) + TRAILER_BYTES;
    if stream.length - offset < total {
        return Ok(Parsed::Torn);
    }
    let mut part = stream.read(offset, total)?;
    let end_mark = part.bytes.pop().map_or(Marks::Missing, Marks::of);
    let body = part.bytes.split_last_chunk::<32>();
    // A mark inside the frame may be zero without harm, so the one of its header is put back.
    let matches = body.is_some_and(|(content, hash)| {
        let (header, payload) = content.split_at_checked(24).unwrap_or((content, &[]));
        let payload = payload.get(1..).unwrap_or_default();
        Hash::of_parts(&[header, &[MARK], payload]).as_bytes() == hash
    });
    if let Parsed::Torn = verdict(matches, part.marks.max(end_mark), &damaged)? {
        return Ok(Parsed::Torn);
    }
    let payload = body.and_then(|(content, _)| content.get(25..)).unwrap_or_default();
    let records = split(payload, records).ok_or(LogError::Corrupt(damaged))?;
    let next_seq = seq.saturating_add(to_u64(records.len()));
    Ok(Parsed::Whole(Frame { records, next_seq, end: offset + total }))
}

/// What to think of bytes that match their checksum or not, between marks.
fn verdict(matches: bool, marks: Marks, damaged: &str) -> Result<Parsed<()>, LogError> {
    match marks {
        Marks::Damaged => Err(LogError::Corrupt(damaged.to_owned())),
        _ if matches => Ok(Parsed::Whole(())),
        Marks::Missing => Ok(Parsed::Torn),
        Marks::Stand => Err(LogError::Corrupt(damaged.to_owned())),
    }
}

struct Fields {
    seq: u64,
    records: u32,
    bytes: u32,
}

/// The fields of a frame's header, if their check is right.
fn fields(header: &[u8]) -> Option<Fields> {
    let (content, rest) = header.split_first_chunk::<16>()?;
    if rest.first_chunk() != Some(&check(content)) {
        return None;
    }
    let (seq, rest) = content.split_first_chunk::<8>()?;
    let (records, bytes) = rest.split_first_chunk::<4>()?;
    Some(Fields {
        seq: u64::from_le_bytes(*seq),
        records: u32::from_le_bytes(*records),
        bytes: u32::from_le_bytes(*bytes.first_chunk()?),
    })
}

/// The records of a frame, if there are `count` of them and nothing else.
fn split(mut payload: &[u8], count: u32) -> Option<Vec<Vec<u8>>> {
    let mut records = Vec::new();
    for _ in 0..count {
        let (length, rest) = payload.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        let (record, rest) = rest.split_at_checked(length)?;
        records.push(record.to_vec());
        payload = rest;
    }
    payload.is_empty().then_some(records)
}

/// Whether a complete frame of a later record stands behind `offset`, where something is incomplete.
pub(super) fn any_behind(stream: &Stream<'_>, offset: u64, seq: u64) -> Result<bool, LogError> {
    let header = stream.read(offset, HEADER_BYTES)?;
    // If the incomplete frame says where it ends, only what follows it is behind it: its records may
    // hold anything, even other logs.
    let mut at = match fields(&header.bytes) {
        Some(fields) => offset + HEADER_BYTES + u64::from(fields.bytes) + TRAILER_BYTES,
        None => offset + 1,
    };
    while at < stream.length {
        let window = stream.read(at, WINDOW)?;
        for (skip, candidate) in (0..).zip(window.bytes.windows(25)) {
            if candidate.last() != Some(&MARK) {
                continue;
            }
            let found = fields(candidate).filter(|fields| fields.seq > seq);
            if let Some(Fields { seq: found, .. }) = found
                && matches!(parse(stream, at + skip, found), Ok(Parsed::Whole(_)))
            {
                return Ok(true);
            }
        }
        at += WINDOW - (HEADER_BYTES - 1);
    }
    Ok(false)
}

/// How much is looked through at a time.
const WINDOW: u64 = 64 << 10;
