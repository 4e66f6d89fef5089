//! The audit segment: the records of one segment with the statement that closes it, signed by the
//! agent and by the node that held it. With the module it is enough to re-execute the segment.

use crate::key::Signature;
use crate::{Carry, Hash, Microcents, Tick};

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

/// Why bytes are no segment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SegmentError {
    /// Something else lies here, or a later version of it.
    #[error("read audit segment: it does not begin with igor/segment/1")]
    NotASegment,
}
