//! What happens to an agent, one record for each event that a re-execution must meet again. Fields
//! are what was, not what should be: whether a charge follows from the usage, or a state from the
//! observations, is for the verifier to find out.

mod codec;

use super::{FieldError, ObservationKind, Observations, SegmentOpening};
use crate::{Epoch, FundId, Gas, Hash, Microcents, Nanos, Tick};

/// One event of an agent's life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// A node holds the agent under these terms: the first record of a segment, and repeated by each
    /// process that continues the segment.
    Owner(OwnerRecord),
    /// The instance was started.
    Started(StartedRecord),
    /// A tick was committed.
    Tick(TickRecord),
    /// A tick has come to an effect, which is about to be carried out.
    TickPart(TickPart),
    /// What became of the effect.
    EffectOutcome(EffectOutcome),
    /// A start or a tick failed: what it did is discarded, what it cost is not.
    TickFailed(TickFailedRecord),
    /// Budget was added.
    Funded(FundedRecord),
    /// The operator gave up records that could not be recovered.
    Recovered(RecoveredRecord),
}

/// See [`Record::Owner`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnerRecord {
    /// The terms.
    pub opening: Box<SegmentOpening>,
}

/// See [`Record::Started`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartedRecord {
    /// Gas that the start calls used.
    pub gas: Gas,
    /// Wall-clock time that they took.
    pub elapsed: Nanos,
    /// What they cost.
    pub charge: Microcents,
    /// The SHA-256 of the state after them: the opening checkpoint's, or the first one of an agent
    /// that had never run.
    pub state: Hash,
    /// What they observed.
    pub observations: Observations,
}

/// See [`Record::Tick`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TickRecord {
    /// Its number.
    pub tick: Tick,
    /// Whether the agent said that it has more work.
    pub more: bool,
    /// Gas used.
    pub gas: Gas,
    /// Wall-clock time taken.
    pub elapsed: Nanos,
    /// What it cost.
    pub charge: Microcents,
    /// The SHA-256 of the state after it.
    pub state: Hash,
    /// What it observed.
    pub observations: Observations,
}

/// See [`Record::TickPart`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TickPart {
    /// The tick's number.
    pub tick: Tick,
    /// What kind of effect.
    pub kind: ObservationKind,
    /// The key by which a repetition of the effect is known.
    pub idempotency_key: [u8; 32],
    /// What is asked for, as its kind encodes it.
    pub request: Vec<u8>,
    /// What the tick observed so far.
    pub observations: Observations,
}

/// See [`Record::EffectOutcome`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EffectOutcome {
    /// The tick's number.
    pub tick: Tick,
    /// The key of the effect.
    pub idempotency_key: [u8; 32],
    /// What came back, as its kind encodes it.
    pub response: Vec<u8>,
}

/// What failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailedOperation {
    /// The start of the instance.
    Start,
    /// The tick of this number.
    Tick(Tick),
}

/// See [`Record::TickFailed`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TickFailedRecord {
    /// What failed.
    pub operation: FailedOperation,
    /// How, as the name that output uses: `budget_exhausted`, the name of a trap, or `state`; 1 to 64
    /// printable ASCII characters.
    pub reason: String,
    /// Whether the wall clock or the operator cut it short, so that no re-execution need end there.
    pub is_cut: bool,
    /// Gas used.
    pub gas: Gas,
    /// Wall-clock time taken.
    pub elapsed: Nanos,
    /// What it cost.
    pub charge: Microcents,
    /// What it observed.
    pub observations: Observations,
}

/// See [`Record::Funded`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FundedRecord {
    /// What was added; never zero.
    pub amount: Microcents,
    /// The name of the fund record.
    pub id: FundId,
}

/// See [`Record::Recovered`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecoveredRecord {
    /// The epoch that begins.
    pub epoch: Epoch,
    /// The tick to whose state the agent returned.
    pub tick: Tick,
    /// The last tick that is given up; equal to `tick` if none is.
    pub discarded_to: Tick,
    /// What was charged by records that are given up and, being damaged or behind damage, are not in
    /// this segment; it stays charged, as do the charges of those that are.
    pub charges: Microcents,
    /// Why, in words; of more than 1,024 bytes only the first are kept.
    pub reason: String,
}

/// Why bytes are no record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// It is of a kind that this version does not know.
    #[error("kind {0} is not known")]
    UnknownKind(u8),
    /// One of its fields is unsound, or it ends elsewhere.
    #[error("{0}")]
    Field(#[from] FieldError),
    /// Nothing would be added.
    #[error("a funding cannot add nothing")]
    NothingFunded,
}
