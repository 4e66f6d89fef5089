//! What a node tells the world about an agent's run. These are domain values; how they are printed
//! or encoded is the business of whoever receives them.

use std::fmt;

use igor_core::format::{AgentId, FundId, Gas, Hash, Microcents, Nanos, Price, RefusalCode, Tick};
use igor_core::transport::NodeId;

use crate::hostcall::MoveWish;
use crate::verify::Verification;

/// Something that happened to an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RunEvent {
    /// The agent is about to tick.
    Started(Started),
    /// A tick was committed.
    Ticked(Ticked),
    /// The agent logged a line.
    Logged {
        /// The tick that logged it; during a start, the last committed one.
        tick: Tick,
        /// The line, as the guest wrote it; not safe for a terminal.
        message: String,
    },
    /// A checkpoint was written.
    Checkpointed {
        /// The tick of its state.
        tick: Tick,
        /// Its content hash.
        hash: Hash,
    },
    /// No tick is run until the operator says so; this one was the last.
    Paused(Tick),
    /// Ticks are run again, after this one.
    Unpaused(Tick),
    /// Money was added to the budget.
    Granted(Granted),
    /// Money was not added to the budget.
    NotGranted(NotGranted),
    /// The agent is being sent to another node while it ticks on.
    Sending(Sending),
    /// The agent was to go to another node and stays, for this reason.
    Stayed(String),
    /// The agent came from another node and ticks here.
    Came(Came),
    /// An agent of this name was offered by another node and not taken.
    Declined(Declined),
    /// Something the operator should know; the run goes on.
    Notice(String),
    /// Something was checked by re-execution.
    Verified(Verification),
    /// The agent wants to be on another node. It says so in one tick, and again if it still wants to.
    AsksToMove {
        /// The tick, which is committed.
        tick: Tick,
        /// Where to.
        wish: MoveWish,
    },
    /// Another engine came to another result, and the agent rests here until somebody takes it to another node, or
    /// says [`Event::Distrusted`](crate::Event::Distrusted).
    MustMove {
        /// The last tick that was committed.
        tick: Tick,
        /// What differs.
        reason: String,
    },
    /// The run is over.
    Stopped(Stopped),
}

/// The circumstances in which an agent starts to tick.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Started {
    /// The agent's name on this node.
    pub agent: AgentId,
    /// The agent's DID.
    pub did: String,
    /// The engine it runs on.
    pub engine: String,
    /// The storage that keeps it.
    pub storage: String,
    /// The meter that charges it.
    pub meter: String,
    /// What a nominal second costs.
    pub price: Price,
    /// The last committed tick.
    pub tick: Tick,
    /// The budget left.
    pub budget: Microcents,
    /// Whether it continues an earlier run.
    pub continued: bool,
}

/// A committed tick.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticked {
    /// Its number.
    pub tick: Tick,
    /// Gas used, whichever meter charges.
    pub gas: Gas,
    /// What it cost.
    pub charge: Microcents,
    /// The budget left after it.
    pub budget: Microcents,
    /// How many observations it made.
    pub observations: usize,
    /// Wall-clock time it took.
    pub elapsed: Nanos,
    /// The SHA-256 of the agent's state after it.
    pub state_hash: Hash,
    /// Whether the agent has more work at once.
    pub more: bool,
}

/// Money that a running agent was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Granted {
    /// The fund record that says so.
    pub id: FundId,
    /// The last committed tick.
    pub tick: Tick,
    /// How much.
    pub amount: Microcents,
    /// The budget before.
    pub before: Microcents,
    /// The budget after.
    pub budget: Microcents,
    /// The hash of the checkpoint that holds it.
    pub checkpoint: Hash,
}

/// Money that a running agent was not given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotGranted {
    /// What the fund record would have been named.
    pub id: FundId,
    /// The last committed tick.
    pub tick: Tick,
    /// How much.
    pub amount: Microcents,
    /// Why not.
    pub reason: String,
}

/// How far an agent that is sent to another node has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sending {
    /// Bytes that were sent.
    pub done: u64,
    /// Bytes of everything that the other node lacks.
    pub total: u64,
}

/// An agent that came from another node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Came {
    /// Who held it before.
    pub source: NodeId,
    /// Its last tick there.
    pub tick: Tick,
}

/// An agent that was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declined {
    /// Who offered it.
    pub source: NodeId,
    /// Why, for programs.
    pub code: RefusalCode,
    /// Why, for people.
    pub reason: String,
}

/// The end of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stopped {
    /// Why it ended.
    pub reason: StopReason,
    /// The last committed tick.
    pub tick: Tick,
    /// The budget left.
    pub budget: Microcents,
    /// What exactly happened, if the reason alone does not say it.
    pub detail: Option<String>,
}

/// Why a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StopReason {
    /// The budget is used up.
    BudgetExhausted,
    /// Another engine came to another result than this one.
    Divergence,
    /// The node failed to carry out a guest call.
    Fault,
    /// The agent keeps something outside its state, and was not to go on then.
    HiddenState,
    /// It is at another node now.
    Migrated,
    /// It was offered to another node, which decides whether it goes on there or here.
    Offered,
    /// What is journaled cannot be repeated, so that only the operator can decide how to go on.
    RecoveryRequired,
    /// It was asked to stop.
    Signal,
    /// The storage failed or someone else wrote to the agent.
    Storage,
    /// As many ticks as were asked for are done.
    Ticks,
    /// A guest call ran past its wall-clock limit.
    Timeout,
    /// A guest call trapped.
    Trap,
}

impl StopReason {
    /// The name used in output; stable.
    pub const fn name(self) -> &'static str {
        match self {
            Self::BudgetExhausted => "budget_exhausted",
            Self::Divergence => "divergence",
            Self::Fault => "fault",
            Self::HiddenState => "hidden_state",
            Self::Migrated => "migrated",
            Self::Offered => "offered",
            Self::RecoveryRequired => "recovery_required",
            Self::Signal => "signal",
            Self::Storage => "storage",
            Self::Ticks => "ticks",
            Self::Timeout => "timeout",
            Self::Trap => "trap",
        }
    }

    /// Whether the run ended as it should.
    pub const fn is_success(self) -> bool {
        matches!(self, Self::BudgetExhausted | Self::Migrated | Self::Signal | Self::Ticks)
    }
}

impl fmt::Display for StopReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
