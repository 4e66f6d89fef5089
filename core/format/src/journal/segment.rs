//! The audit segment: the records of one segment with the statement that closes it, signed by the
//! agent and by the node that held it. With the module it is enough to re-execute the segment.
//!
//! Decoding and verifying are two steps: a decoded segment has a sound structure, and nothing more;
//! [`Segment::verify`] says whether its chain and its signatures hold. Neither says whether the
//! agent's module would have done the same.

use super::field::{self, FieldError};
use super::{Entry, EntryError, Record, SegmentOpening};
use crate::{AgentKey, Carry, DecodeError, Decoder, Domain, Encoder, Hash, Microcents, NodeKey};
use crate::{Signature, Tick};

/// Bytes of an encoded closing.
const CLOSING_BYTES: usize = 92;

/// How a segment ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SegmentClosing {
    /// How many records there are.
    pub records: u64,
    /// The chain's value after the last record.
    pub chain: Hash,
    /// The last committed tick.
    pub tick: Tick,
    /// The budget at the end.
    pub budget: Microcents,
    /// What is used but not yet a whole microcent.
    pub carry: Carry,
    /// The checkpoint that closes the segment.
    pub checkpoint: Hash,
}

/// A sealed segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    entries: Vec<Vec<u8>>,
    closing: SegmentClosing,
    agent_signature: Signature,
    node_signature: Signature,
}

/// What a segment says, once it is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentContents {
    /// The terms, which also are the first record.
    pub opening: SegmentOpening,
    /// What happened, in order.
    pub records: Vec<Record>,
    /// How it ends.
    pub closing: SegmentClosing,
}

/// Why bytes are no segment, or a segment proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SegmentError {
    /// Something else lies here, or a later version of it.
    #[error("read audit segment: it does not begin with igor/segment/1")]
    NotASegment,
    /// It ends early or goes on after its end.
    #[error("read audit segment: {0}")]
    Malformed(#[from] DecodeError),
    /// A field of the closing is unsound.
    #[error("read audit segment: closing: {0}")]
    Closing(#[from] FieldError),
    /// The closing states another number of records than there are.
    #[error("read audit segment: {found} records, its closing states {stated}")]
    Count {
        /// What the closing states.
        stated: u64,
        /// How many there are.
        found: u64,
    },
    /// A record is none, or not in its place.
    #[error("audit segment: record {index}: {problem}")]
    Entry {
        /// Which, counted from 0.
        index: u64,
        /// What is wrong with it.
        problem: EntryError,
    },
    /// The closing names another end of the chain than the records have.
    #[error("audit segment: the records end in {found}, its closing states {stated}")]
    Chain {
        /// What the closing states.
        stated: Hash,
        /// The chain's value after the last record.
        found: Hash,
    },
    /// The agent that the opening names did not sign.
    #[error("audit segment: the agent's signature is invalid")]
    AgentSignature,
    /// The node that the opening names did not sign.
    #[error("audit segment: the node's signature is invalid")]
    NodeSignature,
}

impl SegmentClosing {
    /// The hash by which the segment is known: of the closing, which covers every record through the
    /// chain, and not of the signatures.
    pub fn hash(&self) -> Hash {
        Hash::of_parts(&[Domain::Segment.tag(), self.message().as_bytes()])
    }

    /// What is signed, after the domain's tag.
    fn message(&self) -> Encoder {
        let mut encoder = Encoder::with_capacity(CLOSING_BYTES);
        self.encode(&mut encoder);
        encoder
    }

    pub(super) fn encode(&self, encoder: &mut Encoder) {
        encoder.u64(self.records).raw(self.chain.as_bytes());
        encoder.u64(self.tick.0).i64(self.budget.get()).u32(self.carry.get());
        encoder.raw(self.checkpoint.as_bytes());
    }

    pub(super) fn decode(decoder: &mut Decoder<'_>) -> Result<Self, FieldError> {
        Ok(Self {
            records: decoder.u64(),
            chain: Hash::from_bytes(decoder.array()),
            tick: Tick(decoder.u64()),
            budget: field::amount(decoder)?,
            carry: field::carry(decoder)?,
            checkpoint: Hash::from_bytes(decoder.array()),
        })
    }
}

impl Segment {
    /// Signs the entries of a segment. That `closing` is theirs is the caller's statement;
    /// [`Segment::verify`] checks it.
    pub fn seal(
        agent: &AgentKey,
        node: &NodeKey,
        entries: Vec<Vec<u8>>,
        closing: SegmentClosing,
    ) -> Self {
        let message = closing.message();
        Self {
            entries,
            closing,
            agent_signature: agent.sign(Domain::Segment, message.as_bytes()),
            node_signature: node.sign(Domain::Segment, message.as_bytes()),
        }
    }

    /// How the segment says that it ends.
    pub const fn closing(&self) -> &SegmentClosing {
        &self.closing
    }

    /// The encoded entries.
    pub fn entries(&self) -> &[Vec<u8>] {
        &self.entries
    }

    /// The segment's bytes.
    ///
    /// # Panics
    /// If an entry has 4 GiB or more, which no limit allows.
    pub fn encode(&self) -> Vec<u8> {
        let entries = self.entries.iter().map(|entry| entry.len().saturating_add(4));
        let entries_bytes = entries.fold(0_usize, usize::saturating_add);
        let mut encoder = Encoder::with_capacity(entries_bytes.saturating_add(256));
        encoder.raw(Domain::Segment.tag());
        encoder.u64(count(&self.entries));
        for entry in &self.entries {
            encoder.bytes(entry);
        }
        self.closing.encode(&mut encoder);
        encoder.raw(self.agent_signature.as_bytes()).raw(self.node_signature.as_bytes());
        encoder.into_bytes()
    }

    /// Reads a segment. The entries and the signatures are not looked at. The number of entries is
    /// believed only as far as the bytes reach.
    ///
    /// # Errors
    /// [`SegmentError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, SegmentError> {
        let content = bytes.strip_prefix(Domain::Segment.tag()).ok_or(SegmentError::NotASegment)?;
        let mut decoder = Decoder::new(content);
        let found = decoder.u64();
        let capacity = usize::try_from(found).unwrap_or(usize::MAX);
        if capacity > decoder.remaining() / (4 + Entry::BYTES_MIN) {
            return Err(DecodeError::ShortRead.into());
        }
        let mut entries = Vec::with_capacity(capacity);
        for _ in 0..found {
            let entry = decoder.bytes();
            decoder.status()?;
            entries.push(entry.to_vec());
        }
        let closing = SegmentClosing::decode(&mut decoder);
        let agent_signature = Signature::from_bytes(decoder.array());
        let node_signature = Signature::from_bytes(decoder.array());
        decoder.finish()?;
        let closing = closing?;
        if closing.records != found {
            return Err(SegmentError::Count { stated: closing.records, found });
        }
        Ok(Self { entries, closing, agent_signature, node_signature })
    }

    /// Checks the number of records, their chain, that the terms stay the same, and both signatures.
    ///
    /// # Errors
    /// [`SegmentError`].
    pub fn verify(&self) -> Result<SegmentContents, SegmentError> {
        let closing = self.closing;
        let found = count(&self.entries);
        if closing.records != found {
            return Err(SegmentError::Count { stated: closing.records, found });
        }
        let (opening, records) = self.read_entries()?;
        let message = closing.message();
        opening
            .agent
            .verify(Domain::Segment, message.as_bytes(), &self.agent_signature)
            .map_err(|_| SegmentError::AgentSignature)?;
        opening
            .node
            .verify(Domain::Segment, message.as_bytes(), &self.node_signature)
            .map_err(|_| SegmentError::NodeSignature)?;
        Ok(SegmentContents { opening, records, closing })
    }

    /// Follows the chain from its base to the value in the closing.
    fn read_entries(&self) -> Result<(SegmentOpening, Vec<Record>), SegmentError> {
        let mut records = Vec::with_capacity(self.entries.len());
        let mut terms: Option<(SegmentOpening, Hash)> = None;
        for (index, bytes) in (0..).zip(&self.entries) {
            let problem = |problem| SegmentError::Entry { index, problem };
            let (entry, chain) = Entry::decode(bytes).map_err(problem)?;
            terms = Some(follow(terms, &entry, chain).map_err(problem)?);
            records.push(entry.record);
        }
        let no_owner = SegmentError::Entry { index: 0, problem: EntryError::NoOwner };
        let (opening, found) = terms.ok_or(no_owner)?;
        if found != self.closing.chain {
            return Err(SegmentError::Chain { stated: self.closing.chain, found });
        }
        Ok((opening, records))
    }
}

/// The terms of a segment and the chain's value after `entry`, given those before it.
fn follow(
    terms: Option<(SegmentOpening, Hash)>,
    entry: &Entry,
    chain: Hash,
) -> Result<(SegmentOpening, Hash), EntryError> {
    let found = entry.prev;
    match (terms, &entry.record) {
        (Some((_, expected)), _) if expected != found => {
            Err(EntryError::OtherChain { expected, found })
        }
        (Some((opening, _)), Record::Owner(owner)) if *owner.opening != opening => {
            Err(EntryError::OtherTerms)
        }
        (Some((opening, _)), _) => Ok((opening, chain)),
        (None, Record::Owner(owner)) if Entry::base(owner.opening.checkpoint) == found => {
            Ok((SegmentOpening::clone(&owner.opening), chain))
        }
        (None, _) => Err(EntryError::NoOwner),
    }
}

fn count(entries: &[Vec<u8>]) -> u64 {
    u64::try_from(entries.len()).unwrap_or(u64::MAX)
}
