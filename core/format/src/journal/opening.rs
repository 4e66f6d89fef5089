//! Under which terms a segment begins: everything that decides what re-executing it brings. It is
//! stated by the node that holds the agent and signed, with all that follows, when the segment is
//! sealed.

use crate::{Carry, Epoch, ExecutionLimits, Hash, MeterName, Microcents, Price, PublicKey, Tick};

/// The terms of a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentOpening {
    /// The agent.
    pub agent: PublicKey,
    /// The node that holds it, by its NodeId.
    pub node: PublicKey,
    /// The epoch in which it holds it.
    pub epoch: Epoch,
    /// The hash of the module's original bytes.
    pub module: Hash,
    /// The text of the manifest in force.
    pub manifest: Vec<u8>,
    /// The limits of execution in force.
    pub limits: ExecutionLimits,
    /// The version of the preparation that the module goes through.
    pub preparation_version: u32,
    /// The version of the cost table that gas is counted by.
    pub cost_table_version: u32,
    /// The version of the agent ABI.
    pub abi_version: u32,
    /// The meter that charges.
    pub meter: MeterName,
    /// What a nominal second costs.
    pub price: Price,
    /// The last committed tick.
    pub tick: Tick,
    /// The budget at the beginning.
    pub budget: Microcents,
    /// What was used before but is not yet a whole microcent.
    pub carry: Carry,
    /// The checkpoint that the segment begins with; [`Hash::ZERO`] for an agent that has never run.
    pub checkpoint: Hash,
    /// What the journal holds of the time before.
    pub predecessor: Predecessor,
}

/// What the journal holds of the time before a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Predecessor {
    /// Nothing happened before: the agent begins here.
    Genesis,
    /// The node states that what lies between the checkpoint before and this one was not journaled.
    NotJournaled,
    /// The segment with this hash, see [`SegmentClosing::hash`](crate::SegmentClosing::hash).
    Segment(Hash),
}
