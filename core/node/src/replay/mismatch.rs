//! How a re-execution differed from its record. Only values; who is told, and what follows, is the
//! business of whoever asked for the re-execution.

use igor_core::format::{Carry, Gas, Hash, Microcents, Tick};
use igor_core::observe::Divergence;

/// The first difference between a record and its re-execution.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("tick {tick}: {difference}")]
pub struct Mismatch {
    /// The tick in which it was met; for a start, the last one committed before.
    pub tick: Tick,
    /// What differs.
    pub difference: Difference,
}

/// What differs between a record and its re-execution.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Difference {
    /// The guest saw or sent something else.
    #[error(transparent)]
    Observation(#[from] Divergence),
    /// The operation ended in another way.
    #[error("expected {expected}, got {got}")]
    Outcome {
        /// How it ended according to the record.
        expected: String,
        /// How it ended now.
        got: String,
    },
    /// The agent said otherwise whether it has more work.
    #[error("the record says that the agent has {} work, it has {}", word(*.expected), word(!*.expected))]
    More {
        /// What the record says.
        expected: bool,
    },
    /// The state is another one.
    #[error("state: expected {expected}, got {got}{}", at_byte(*.first_byte))]
    State {
        /// The hash in the record.
        expected: Hash,
        /// The hash of the state now.
        got: Hash,
        /// The first byte that differs, where the recorded state itself is known.
        first_byte: Option<usize>,
    },
    /// Another amount of gas was used.
    #[error("gas: expected {expected}, got {got}")]
    Gas {
        /// The gas in the record.
        expected: Gas,
        /// The gas used now.
        got: Gas,
    },
    /// The charge does not follow from the usage.
    #[error("charge: {recorded} microcents were charged, {due} are due", recorded = .recorded.get(), due = .due.get())]
    Charge {
        /// What was charged.
        recorded: Microcents,
        /// What the meter says.
        due: Microcents,
    },
    /// The records do not add up to how the segment ends.
    #[error("the segment ends with {what} {stated}, its records lead to {reached}")]
    Closing {
        /// What differs.
        what: &'static str,
        /// What the closing states.
        stated: String,
        /// What the records lead to.
        reached: String,
    },
    /// A record stands where it cannot.
    #[error("a record {kind} {problem}")]
    Order {
        /// The kind of record.
        kind: &'static str,
        /// Why it cannot stand there.
        problem: String,
    },
}

impl Difference {
    /// The name used in output; stable.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Observation(_) => "observation",
            Self::Outcome { .. } => "outcome",
            Self::More { .. } => "more",
            Self::State { .. } => "state",
            Self::Gas { .. } => "gas",
            Self::Charge { .. } => "charge",
            Self::Closing { .. } => "closing",
            Self::Order { .. } => "order",
        }
    }

    /// The index of the observation, if one differs.
    pub const fn observation(&self) -> Option<usize> {
        match self {
            Self::Observation(divergence) => Some(divergence.index),
            _ => None,
        }
    }

    /// The first byte at which the states differ, if that is known.
    pub const fn first_byte(&self) -> Option<usize> {
        match self {
            Self::State { first_byte, .. } => *first_byte,
            _ => None,
        }
    }

    pub(super) fn closing(
        what: &'static str,
        stated: impl ToString,
        reached: impl ToString,
    ) -> Self {
        Self::Closing { what, stated: stated.to_string(), reached: reached.to_string() }
    }
}

/// Compares what a closing states with what was reached.
pub(super) fn same<T: PartialEq + ToString>(
    what: &'static str,
    stated: T,
    reached: T,
) -> Result<(), Difference> {
    if stated == reached { Ok(()) } else { Err(Difference::closing(what, stated, reached)) }
}

/// A carry as a number.
pub(super) fn carry(carry: Carry) -> u32 {
    carry.get()
}

/// Where two states differ first.
pub fn first_difference(expected: &[u8], got: &[u8]) -> Option<usize> {
    let common = expected.iter().zip(got).position(|(expected, got)| expected != got);
    common.or_else(|| (expected.len() != got.len()).then(|| expected.len().min(got.len())))
}

fn word(more: bool) -> &'static str {
    if more { "more" } else { "no more" }
}

fn at_byte(byte: Option<usize>) -> String {
    byte.map_or(String::new(), |byte| format!(", the first difference is at byte {byte}"))
}
