//! Checks of what runs here, by re-execution beside it. Two questions: does the node tell the truth
//! (a sealed segment, on another engine: state, gas and charges must be the same), and does the agent
//! carry all its state (a tick from the state before it, in a fresh instance: the state after it must
//! be the same). [`Checks`] decides what is checked when and keeps what that takes; [`Verifier`] runs
//! it. Neither stops an agent: what follows from a verdict is the driver's.

mod checks;
mod verifier;
mod window;

use std::sync::Arc;

use igor_core::format::{Gas, Hash, Nanos, Observations, SegmentClosing, Tick};

pub use checks::{CheckPlan, OnDivergence, OnHiddenState};
pub(crate) use checks::{Checks, Consequence};
pub use verifier::Verifier;

/// Something to be checked.
#[derive(Debug)]
pub enum Job {
    /// A sealed segment.
    Segment {
        /// Its records, encoded.
        entries: Vec<Vec<u8>>,
        /// The state that it began with.
        opening_state: Option<Vec<u8>>,
        /// How it ends.
        closing: SegmentClosing,
        /// The state that it ends with.
        closing_state: Vec<u8>,
    },
    /// Ticks that followed each other in one incarnation: the first one alone, then all of them.
    Ticks {
        /// What the incarnation's start observed.
        started: Arc<Observations>,
        /// The state before the first one.
        state: Vec<u8>,
        /// The ticks.
        ticks: Vec<RecordedTick>,
    },
}

/// A tick as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedTick {
    /// Its number.
    pub tick: Tick,
    /// What it observed.
    pub observations: Observations,
    /// The hash of the state after it.
    pub state: Hash,
}

/// What a check came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verification {
    /// What was checked.
    pub kind: CheckKind,
    /// The first tick.
    pub from: Tick,
    /// The last tick.
    pub to: Tick,
    /// The engine that checked it.
    pub engine: String,
    /// The verdict.
    pub verdict: Verdict,
    /// Gas that the check used; charged to nobody.
    pub gas: Gas,
    /// Wall-clock time that it took.
    pub elapsed: Nanos,
}

/// What is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CheckKind {
    /// A segment.
    Segment,
    /// One tick from the state before it.
    Tick,
    /// Ticks that follow each other, from the state before the first.
    Chain,
}

impl CheckKind {
    /// The name used in output; stable.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Segment => "segment",
            Self::Tick => "tick",
            Self::Chain => "chain",
        }
    }
}

/// A verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Everything was the same.
    Verified,
    /// Another engine came to something else, which this says.
    Divergence(String),
    /// The agent keeps something outside its state; this says how it showed.
    HiddenState(String),
    /// Nothing is known, for this reason.
    Unverified(String),
}

impl Verdict {
    /// The name used in output; stable.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Divergence(_) => "divergence",
            Self::HiddenState(_) => "hidden_state",
            Self::Unverified(_) => "unverified",
        }
    }

    /// What exactly was found, unless all was the same.
    pub fn detail(&self) -> Option<&str> {
        match self {
            Self::Verified => None,
            Self::Divergence(detail) | Self::HiddenState(detail) | Self::Unverified(detail) => {
                Some(detail)
            }
        }
    }
}
