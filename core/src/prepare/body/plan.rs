//! The outcome of the walk over one body: a list of edits by position. It decides nothing and writes
//! nothing.

use wasmparser::ValType;

use super::super::cost::Length;

/// The least weight of a frame, in stack-guard slots.
const FRAME_MIN: u64 = 16;
/// What a frame weighs besides its locals, operands and operators.
const FRAME_OVERHEAD: u64 = 8;
/// Operators that weigh one slot. A compiling engine may keep the result of any of them in the frame
/// for a later use, although no local or operand holds it.
const OPERATORS_PER_SLOT: u64 = 32;
/// The heaviest leaf function that goes unguarded.
const LEAF_MAX: u64 = 64;

/// What to do with one function body.
#[derive(Debug)]
pub(in super::super) struct Plan {
    /// Charged at entry, before the check: the entry itself and the first block.
    pub(super) entry_gas: u64,
    /// The frame, as the stack guard sees it.
    pub(super) frame: Frame,
    /// The types of the results.
    pub(super) results: Vec<ValType>,
    /// The number of parameters and locals.
    pub(super) locals: u32,
    /// Position of the first operator.
    pub(super) start: usize,
    /// Position of the last operator, which is the function's `end`.
    pub(super) end: usize,
    /// The edits, sorted by position.
    pub(super) edits: Vec<Edit>,
}

impl Plan {
    /// The plan for a body without control flow, whose edits are none.
    pub(in super::super) fn straight(
        entry_gas: u64,
        frame: Frame,
        results: Vec<ValType>,
        locals: u32,
        body: std::ops::Range<usize>,
    ) -> Self {
        let (start, end) = (body.start, body.end);
        Self { entry_gas, frame, results, locals, start, end, edits: Vec::new() }
    }
}

/// The size of a function's frame.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Frame {
    /// Parameters and locals.
    pub(in super::super) locals: u64,
    /// The greatest height of the operand stack.
    pub(in super::super) height: u64,
    /// The number of operators.
    pub(in super::super) operators: u64,
    /// Whether the function calls no other.
    pub(in super::super) leaf: bool,
}

impl Frame {
    /// Its weight in slots.
    pub(in super::super) fn weight(self) -> u64 {
        (self.locals + self.height + FRAME_OVERHEAD + self.operators / OPERATORS_PER_SLOT)
            .max(FRAME_MIN)
    }

    /// What the stack guard takes at entry and gives back at exit; `None` for a light leaf.
    pub(in super::super) fn guard(self) -> Option<i32> {
        let weight = self.weight();
        let exempt = self.leaf && weight <= LEAF_MAX;
        (!exempt).then(|| i32::try_from(weight).unwrap_or(i32::MAX))
    }
}

/// One change of a body.
#[derive(Debug)]
pub(super) struct Edit {
    /// Where, counted from the first byte of the body.
    pub(super) at: usize,
    /// How many of the original bytes it replaces.
    pub(super) replaces: usize,
    /// What is written there.
    pub(super) what: What,
}

/// What an edit writes.
#[derive(Debug)]
pub(super) enum What {
    /// A call of a guest function or import, with its new index.
    Call(u32),
    /// Makes the float on top of the operands canonical.
    Canonical(Float),
    /// Charges a block.
    Charge {
        /// The charge.
        gas: u64,
        /// Whether the local copy of the counter is current.
        fresh: bool,
    },
    /// Charges the length on top of the operands, and checks.
    Length(Length),
    /// Charges the head of a loop, and checks; the locals are the floats that the loop assigns.
    Loop {
        /// The charge.
        gas: u64,
        /// Whether the local copy of the counter is current, wherever the head is reached from.
        fresh: bool,
        /// The float locals with their types.
        floats: Vec<(u32, ValType)>,
    },
    /// A reference to a function, with its new index.
    RefFunc(u32),
    /// A return out of this many open blocks.
    Return(u32),
}

/// A float type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Float {
    /// 32 bits.
    F32,
    /// 64 bits.
    F64,
}
