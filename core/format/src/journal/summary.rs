//! The summary of collected segments: what a node and its agent state of audit segments that were
//! removed to make room. It keeps the links, the ticks and the sums; what happened in between can no
//! longer be re-executed.

use super::field::{self, FieldError};
use super::{Record, SegmentClosing, SegmentContents};
use crate::{AgentKey, DecodeError, Decoder, Domain, Encoder, Hash, Microcents, NodeKey};
use crate::{Predecessor, PublicKey, Signature, SignatureError, Tick};

/// Bytes of the smallest collected segment: one that does not name its predecessor.
const SEGMENT_BYTES_MIN: usize = 157;
/// Bytes of the largest.
const SEGMENT_BYTES_MAX: usize = 189;

/// What is kept of a segment that was removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CollectedSegment {
    /// The checkpoint that it began with.
    pub opening_checkpoint: Hash,
    /// The first tick that it could hold: the one after the opening's.
    pub first_tick: Tick,
    /// How it ended.
    pub closing: SegmentClosing,
    /// The budget at its beginning.
    pub opening_budget: Microcents,
    /// What was added to the budget.
    pub funded: Microcents,
    /// What was charged, with what was given up at a recovery.
    pub charged: Microcents,
    /// What it named as its predecessor.
    pub predecessor: Predecessor,
}

/// A signed list of collected segments; [`SegmentSummary::verify`] says whether its signatures hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentSummary {
    agent: PublicKey,
    node: PublicKey,
    segments: Vec<CollectedSegment>,
    agent_signature: Signature,
    node_signature: Signature,
}

/// Why bytes are no summary, or a summary proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SummaryError {
    /// Something else lies here, or a later version of it.
    #[error("read segment summary: it does not begin with igor/summary/1")]
    NotASummary,
    /// It ends early or goes on after its end.
    #[error("read segment summary: {0}")]
    Malformed(#[from] DecodeError),
    /// A field of a segment is unsound.
    #[error("read segment summary: segment {index}: {problem}")]
    Segment {
        /// Which, counted from 0.
        index: u32,
        /// What is wrong with it.
        problem: FieldError,
    },
    /// It is another agent's.
    #[error("segment summary: it is of {} instead of {}", found.did(), expected.did())]
    OtherAgent {
        /// Whose it should be.
        expected: PublicKey,
        /// Whose it is.
        found: PublicKey,
    },
    /// The agent did not sign.
    #[error("segment summary: the agent's signature is invalid")]
    AgentSignature,
    /// The node did not sign.
    #[error("segment summary: the node's signature is invalid")]
    NodeSignature,
}

impl CollectedSegment {
    /// What is kept of a segment; `None` if its sums are no amounts.
    pub fn of(segment: &SegmentContents) -> Option<Self> {
        let SegmentContents { opening, records, closing } = segment;
        let (mut funded, mut charged) = (Microcents::ZERO, Microcents::ZERO);
        for record in records {
            match record {
                Record::Started(record) => charged = charged.checked_add(record.charge)?,
                Record::Tick(record) => charged = charged.checked_add(record.charge)?,
                Record::TickFailed(record) => charged = charged.checked_add(record.charge)?,
                Record::Recovered(record) => charged = charged.checked_add(record.charges)?,
                Record::Funded(record) => funded = funded.checked_add(record.amount)?,
                Record::Owner(_) | Record::TickPart(_) | Record::EffectOutcome(_) => {}
            }
        }
        Some(Self {
            opening_checkpoint: opening.checkpoint,
            first_tick: Tick(opening.tick.0.checked_add(1)?),
            closing: *closing,
            opening_budget: opening.budget,
            funded,
            charged,
            predecessor: opening.predecessor,
        })
    }

    fn encode(&self, encoder: &mut Encoder) {
        encoder.raw(self.opening_checkpoint.as_bytes()).u64(self.first_tick.0);
        self.closing.encode(encoder);
        encoder.i64(self.opening_budget.get()).i64(self.funded.get()).i64(self.charged.get());
        self.predecessor.encode(encoder);
    }

    fn decode(decoder: &mut Decoder<'_>) -> Result<Self, FieldError> {
        Ok(Self {
            opening_checkpoint: Hash::from_bytes(decoder.array()),
            first_tick: Tick(decoder.u64()),
            closing: SegmentClosing::decode(decoder)?,
            opening_budget: field::amount(decoder)?,
            funded: field::amount(decoder)?,
            charged: field::amount(decoder)?,
            predecessor: Predecessor::decode(decoder)?,
        })
    }
}

impl SegmentSummary {
    /// States that these segments were removed, in the order of their lives.
    ///
    /// # Panics
    /// If there are 2^32 segments or more, which no memory holds.
    pub fn sign(agent: &AgentKey, node: &NodeKey, segments: Vec<CollectedSegment>) -> Self {
        let (agent_key, node_key) = (agent.public_key(), node.public_key());
        let message = message(&agent_key, &node_key, &segments);
        Self {
            agent: agent_key,
            node: node_key,
            segments,
            agent_signature: agent.sign(Domain::Summary, message.as_bytes()),
            node_signature: node.sign(Domain::Summary, message.as_bytes()),
        }
    }

    /// The agent whose segments they were.
    pub const fn agent(&self) -> PublicKey {
        self.agent
    }

    /// The node that removed them.
    pub const fn node(&self) -> PublicKey {
        self.node
    }

    /// The segments, in the order of their lives.
    pub fn segments(&self) -> &[CollectedSegment] {
        &self.segments
    }

    /// The summary's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let message = message(&self.agent, &self.node, &self.segments);
        let mut encoder = Encoder::with_capacity(message.as_bytes().len().saturating_add(160));
        encoder.raw(Domain::Summary.tag()).raw(message.as_bytes());
        encoder.raw(self.agent_signature.as_bytes()).raw(self.node_signature.as_bytes());
        encoder.into_bytes()
    }

    /// Reads a summary. The signatures are not looked at. The number of segments is believed only as
    /// far as the bytes reach.
    ///
    /// # Errors
    /// [`SummaryError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, SummaryError> {
        let content = bytes.strip_prefix(Domain::Summary.tag()).ok_or(SummaryError::NotASummary)?;
        let mut decoder = Decoder::new(content);
        let agent = PublicKey::from_bytes(decoder.array());
        let node = PublicKey::from_bytes(decoder.array());
        let count = decoder.u32();
        let capacity = usize::try_from(count).unwrap_or(usize::MAX);
        if capacity > decoder.remaining() / SEGMENT_BYTES_MIN {
            return Err(DecodeError::ShortRead.into());
        }
        let mut segments = Vec::with_capacity(capacity);
        for index in 0..count {
            let segment = CollectedSegment::decode(&mut decoder);
            decoder.status()?;
            segments.push(segment.map_err(|problem| SummaryError::Segment { index, problem })?);
        }
        let agent_signature = Signature::from_bytes(decoder.array());
        let node_signature = Signature::from_bytes(decoder.array());
        decoder.finish()?;
        Ok(Self { agent, node, segments, agent_signature, node_signature })
    }

    /// Checks that the summary is this agent's, and both signatures.
    ///
    /// # Errors
    /// [`SummaryError`].
    pub fn verify(&self, agent: &PublicKey) -> Result<(), SummaryError> {
        if self.agent != *agent {
            return Err(SummaryError::OtherAgent { expected: *agent, found: self.agent });
        }
        let message = message(&self.agent, &self.node, &self.segments);
        let check = |key: &PublicKey, signature| -> Result<(), SignatureError> {
            key.verify(Domain::Summary, message.as_bytes(), signature)
        };
        check(&self.agent, &self.agent_signature).map_err(|_| SummaryError::AgentSignature)?;
        check(&self.node, &self.node_signature).map_err(|_| SummaryError::NodeSignature)
    }
}

/// What is signed, after the domain's tag.
fn message(agent: &PublicKey, node: &PublicKey, segments: &[CollectedSegment]) -> Encoder {
    let segments_bytes = segments.len().saturating_mul(SEGMENT_BYTES_MAX);
    let mut encoder = Encoder::with_capacity(segments_bytes.saturating_add(68));
    encoder.raw(agent.as_bytes()).raw(node.as_bytes());
    encoder.u32(u32::try_from(segments.len()).expect("fewer segments than 2^32"));
    for segment in segments {
        segment.encode(&mut encoder);
    }
    encoder
}
