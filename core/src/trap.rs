//! Why a guest call can end without a result. The list is closed: every engine maps its own errors
//! onto it, and what does not fit is a [`NodeFault`], which is the node's failure and never the
//! guest's.

use std::fmt;

/// Why a guest call was stopped. Except for [`Trap::Cancelled`], [`Trap::Deadline`] and
/// [`Trap::EngineStack`], the same call traps in the same way on every engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Trap {
    /// A NaN was converted to an integer.
    BadConversion,
    /// An indirect call through a table element that holds no function.
    CallIndirectNull,
    /// An indirect call to a function of another signature.
    CallIndirectSignature,
    /// The node asked the call to stop.
    Cancelled,
    /// The call ran past its wall-clock limit.
    Deadline,
    /// In a replay, the guest asked for something other than what was recorded.
    Diverged,
    /// An integer was divided by zero.
    DivisionByZero,
    /// The engine's own stack ended before the stack guard did: a defect of the engine plugin.
    EngineStack,
    /// The guest called `proc_exit` with this code.
    Exit(i32),
    /// The quotient of an integer division, or a float converted to an integer, does not fit.
    IntegerOverflow,
    /// An access outside the memory.
    MemoryOutOfBounds,
    /// The observations of one tick exceeded their limit in number or bytes.
    ObservationLimit,
    /// The call used more gas than it may.
    OutOfGas,
    /// The stack guard: calls are nested too deep.
    StackGuard,
    /// An access outside a table.
    TableOutOfBounds,
    /// An `unreachable` instruction.
    Unreachable,
}

impl Trap {
    /// The name used in output and in records; stable.
    pub const fn name(self) -> &'static str {
        match self {
            Self::BadConversion => "bad_conversion",
            Self::CallIndirectNull => "call_indirect_null",
            Self::CallIndirectSignature => "call_indirect_signature",
            Self::Cancelled => "cancelled",
            Self::Deadline => "deadline",
            Self::Diverged => "diverged",
            Self::DivisionByZero => "division_by_zero",
            Self::EngineStack => "engine_stack",
            Self::Exit(_) => "exit",
            Self::IntegerOverflow => "integer_overflow",
            Self::MemoryOutOfBounds => "memory_out_of_bounds",
            Self::ObservationLimit => "observation_limit",
            Self::OutOfGas => "out_of_gas",
            Self::StackGuard => "stack_guard",
            Self::TableOutOfBounds => "table_out_of_bounds",
            Self::Unreachable => "unreachable",
        }
    }

    /// Whether the same call traps like this on every engine and every machine.
    pub const fn is_deterministic(self) -> bool {
        !matches!(self, Self::Cancelled | Self::Deadline | Self::EngineStack)
    }
}

impl fmt::Display for Trap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadConversion => f.write_str("converted a NaN to an integer"),
            Self::CallIndirectNull => f.write_str("indirect call through an empty table element"),
            Self::CallIndirectSignature => f.write_str("indirect call with another signature"),
            Self::Cancelled => f.write_str("stopped by the node"),
            Self::Deadline => f.write_str("ran past the wall-clock limit"),
            Self::Diverged => f.write_str("asked for something other than what was recorded"),
            Self::DivisionByZero => f.write_str("integer divided by zero"),
            Self::EngineStack => f.write_str("engine stack ended before the stack guard"),
            Self::Exit(code) => write!(f, "called proc_exit({code})"),
            Self::IntegerOverflow => f.write_str("integer result does not fit"),
            Self::MemoryOutOfBounds => f.write_str("memory access out of bounds"),
            Self::ObservationLimit => f.write_str("observations of one tick exceeded their limit"),
            Self::OutOfGas => f.write_str("used more gas than one call may"),
            Self::StackGuard => f.write_str("calls nested too deep"),
            Self::TableOutOfBounds => f.write_str("table access out of bounds"),
            Self::Unreachable => f.write_str("executed `unreachable`"),
        }
    }
}

/// The node, not the guest, failed to carry out a call: no memory to grant, a call that the
/// instance cannot serve, or an error of the engine that fits no [`Trap`]. The call's effects on
/// the instance are unknown and the tick is discarded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NodeFault {
    /// The arguments do not fit the export's signature.
    #[error("call export {export:?}: the arguments do not fit its signature")]
    Arguments {
        /// The export that was called.
        export: String,
    },
    /// The instance trapped earlier and serves no more calls.
    #[error("call export {export:?}: the instance trapped earlier and must be dropped")]
    Dead {
        /// The export that was called.
        export: String,
    },
    /// The engine failed in a way that is not the guest's doing.
    #[error("engine failed: {0}")]
    Engine(String),
    /// The machine had no memory for a growth that the limits allow.
    #[error("no memory left on this machine for the guest to grow")]
    OutOfMemory,
    /// The module exports no function of this name.
    #[error("the module exports no function {export:?}")]
    NoExport {
        /// The export that was called.
        export: String,
    },
}

/// Why a guest call has no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The guest's doing.
    #[error("{0}")]
    Trap(Trap),
    /// The node's doing.
    #[error(transparent)]
    Node(#[from] NodeFault),
}

impl From<Trap> for CallError {
    fn from(trap: Trap) -> Self {
        Self::Trap(trap)
    }
}
