//! Under which terms a segment begins: everything that decides what re-executing it brings. It is
//! stated by the node that holds the agent and signed, with all that follows, when the segment is
//! sealed.

use super::field::{self, FieldError};
use crate::{Carry, Decoder, Encoder, Epoch, ExecutionLimits, Hash, MeterName, Microcents, Price};
use crate::{PublicKey, Tick};

/// More bytes than the fields of fixed size and the meter's name have together.
const FIXED_BYTES_MAX: usize = 448;

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

impl SegmentOpening {
    /// At least as many bytes as the encoding has.
    pub(super) const fn encoded_bytes_max(&self) -> usize {
        self.manifest.len().saturating_add(FIXED_BYTES_MAX)
    }

    pub(super) fn encode(&self, encoder: &mut Encoder) {
        encoder.raw(self.agent.as_bytes()).raw(self.node.as_bytes());
        encoder.u64(self.epoch.major).u64(self.epoch.generation);
        encoder.raw(self.module.as_bytes()).bytes(&self.manifest);
        self.limits.encode(encoder);
        encoder.u32(self.preparation_version).u32(self.cost_table_version).u32(self.abi_version);
        encoder.str(self.meter.as_str()).i64(self.price.microcents().get());
        encoder.u64(self.tick.0).i64(self.budget.get()).u32(self.carry.get());
        encoder.raw(self.checkpoint.as_bytes());
        self.predecessor.encode(encoder);
    }

    pub(super) fn decode(decoder: &mut Decoder<'_>) -> Result<Self, FieldError> {
        Ok(Self {
            agent: PublicKey::from_bytes(decoder.array()),
            node: PublicKey::from_bytes(decoder.array()),
            epoch: Epoch { major: decoder.u64(), generation: decoder.u64() },
            module: Hash::from_bytes(decoder.array()),
            manifest: decoder.bytes().to_vec(),
            limits: ExecutionLimits::decode(decoder),
            preparation_version: decoder.u32(),
            cost_table_version: decoder.u32(),
            abi_version: decoder.u32(),
            meter: MeterName::new(decoder.str()).map_err(|_| FieldError::Meter)?,
            price: Price::per_second(field::amount(decoder)?),
            tick: Tick(decoder.u64()),
            budget: field::amount(decoder)?,
            carry: field::carry(decoder)?,
            checkpoint: Hash::from_bytes(decoder.array()),
            predecessor: Predecessor::decode(decoder)?,
        })
    }
}
