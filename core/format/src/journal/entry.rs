//! One entry of a journal: a record, the value of the chain that it continues, and a checksum. An
//! entry says nothing about where it lies; the log does.
//!
//! The checksum is the beginning of the hash that the next entry names, so that an entry is hashed
//! once: it is written while an agent ticks.

use super::{Record, RecordError};
use crate::{DecodeError, Decoder, Encoder, Hash, Seq};

/// The only version there is.
const VERSION: u8 = 1;
/// What the first value of a chain is hashed from, before the checkpoint's hash.
const BASE_TAG: &[u8] = b"igor/journal/1\0";
/// Bytes before the body: version, kind, chain value and position.
const HEAD_BYTES: usize = 42;
/// Bytes of the checksum.
const CHECKSUM_BYTES: usize = 8;

/// A record in its place in the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The chain's value before this entry: that of the entry before, or [`Entry::base`].
    pub prev: Hash,
    /// How many records of this log the writer knew to be durable.
    pub synced: Seq,
    /// What happened.
    pub record: Record,
}

/// Why bytes are no entry, or entries are no journal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EntryError {
    /// It ends early.
    #[error("read journal entry: {0}")]
    Malformed(#[from] DecodeError),
    /// A later igor wrote it.
    #[error("read journal entry: version {0} is not supported, only {VERSION} is")]
    UnsupportedVersion(u8),
    /// The bytes are not those that were written.
    #[error("read journal entry: the checksum does not match, the entry is damaged")]
    Checksum,
    /// The record is none.
    #[error("read journal entry: {0}")]
    Record(#[from] RecordError),
    /// It follows another entry than the one before it.
    #[error("a journal entry follows {found} instead of {expected}")]
    OtherChain {
        /// The chain's value after the entry before.
        expected: Hash,
        /// The value it names.
        found: Hash,
    },
    /// A segment does not begin with an owner's entry at the base of its checkpoint.
    #[error("the first journal entry does not begin a segment")]
    NoOwner,
    /// An owner's entry within a segment states other terms than the first one.
    #[error("a journal entry changes the terms of its segment")]
    OtherTerms,
    /// Within what was known to be durable, something is damaged or missing.
    #[error("journal record {seq} is damaged: {problem}")]
    Corrupt {
        /// Where.
        seq: Seq,
        /// How.
        problem: Box<EntryError>,
    },
}

impl Entry {
    /// Bytes of an entry without a body; none is shorter.
    pub(super) const BYTES_MIN: usize = HEAD_BYTES + CHECKSUM_BYTES;

    /// The chain's value before the first entry of a segment that begins with this checkpoint.
    pub fn base(checkpoint: Hash) -> Hash {
        Hash::of_parts(&[BASE_TAG, checkpoint.as_bytes()])
    }

    /// The entry's bytes and the chain's value after it.
    ///
    /// # Panics
    /// If the record has a part of 4 GiB or more, which no limit allows.
    pub fn encode(&self) -> (Vec<u8>, Hash) {
        let rest_bytes = self.record.body_bytes_max().saturating_add(CHECKSUM_BYTES);
        let mut encoder = Encoder::with_capacity(HEAD_BYTES.saturating_add(rest_bytes));
        encoder.u8(VERSION).u8(self.record.kind()).raw(self.prev.as_bytes()).u64(self.synced.0);
        self.record.encode_body(&mut encoder);
        let chain = Hash::of(encoder.as_bytes());
        encoder.raw(checksum(&chain));
        (encoder.into_bytes(), chain)
    }

    /// Reads an entry; returns it with the chain's value after it.
    ///
    /// # Errors
    /// [`EntryError`], other than those about its place in a journal.
    pub fn decode(bytes: &[u8]) -> Result<(Self, Hash), EntryError> {
        match bytes.first() {
            Some(&VERSION) => {}
            Some(other) => return Err(EntryError::UnsupportedVersion(*other)),
            None => return Err(DecodeError::ShortRead.into()),
        }
        let (content, found) =
            bytes.split_last_chunk::<CHECKSUM_BYTES>().ok_or(DecodeError::ShortRead)?;
        let (head, body) = content.split_at_checked(HEAD_BYTES).ok_or(DecodeError::ShortRead)?;
        let chain = Hash::of(content);
        if checksum(&chain) != found {
            return Err(EntryError::Checksum);
        }
        let mut decoder = Decoder::new(head);
        let (_, kind) = (decoder.u8(), decoder.u8());
        let (prev, synced) = (Hash::from_bytes(decoder.array()), Seq(decoder.u64()));
        let record = Record::decode_body(kind, body)?;
        Ok((Self { prev, synced, record }, chain))
    }
}

fn checksum(chain: &Hash) -> &[u8] {
    chain.as_bytes().first_chunk::<CHECKSUM_BYTES>().map_or(&[], |bytes| bytes)
}
