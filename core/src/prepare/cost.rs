//! The cost table, version 1: what each operator is charged. It knows operators only; where the
//! charges are made is the business of `body::blocks`, and `docs/spec/metering.md` states both.

use wasmparser::Operator;

/// Stack-guard slots per unit of gas at entry.
const SLOTS_PER_GAS: u64 = 16;
/// Charged per call of an imported function, besides the call operator itself; the node adds what
/// depends on lengths.
pub(super) const HOSTCALL: u64 = 100;
/// An operator like any other.
const PLAIN: u64 = 1;
/// A load: one that misses every cache takes hundreds of times as long as an addition.
const LOAD: u64 = 16;
/// A float operator that takes a hundred times as long where a value is denormal.
const DENORMAL: u64 = 4;
/// A reference to a function, which compiled code asks the engine for.
const REF_FUNC: u64 = 10;
/// An operator whose work depends on a length, besides that length.
const BULK: u64 = 20;
/// A growth, besides what it grows by. It is dear on every engine, and wasmi keeps native stack for each
/// growth until the guest call ends: the price bounds how many there are.
const GROWTH: u64 = 10_000;

/// Bytes moved or filled per unit of gas, as a shift.
pub(super) const BYTES_PER_GAS_SHIFT: u32 = 3;
/// Gas per page by which a memory is to grow.
pub(super) const GAS_PER_PAGE: u32 = 1024;

/// How the run-time length of an operator, the value on top of its operands, is charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Length {
    /// Bytes of a memory.
    Bytes,
    /// Pages by which a memory grows.
    Pages,
    /// Elements of a table.
    Elements,
}

/// What entering a function costs whose frame weighs `slots`: at least 2.
pub(super) fn entry(slots: u64) -> u64 {
    1 + slots / SLOTS_PER_GAS
}

/// What one execution of `op` costs, run-time lengths apart.
pub(super) fn of(op: &Operator<'_>) -> u64 {
    match op {
        Operator::Nop
        | Operator::Drop
        | Operator::Block { .. }
        | Operator::Loop { .. }
        | Operator::Else
        | Operator::End
        | Operator::Return
        | Operator::Unreachable => 0,
        Operator::I32Load { .. }
        | Operator::I32Load8S { .. }
        | Operator::I32Load8U { .. }
        | Operator::I32Load16S { .. }
        | Operator::I32Load16U { .. }
        | Operator::I64Load { .. }
        | Operator::I64Load8S { .. }
        | Operator::I64Load8U { .. }
        | Operator::I64Load16S { .. }
        | Operator::I64Load16U { .. }
        | Operator::I64Load32S { .. }
        | Operator::I64Load32U { .. }
        | Operator::F32Load { .. }
        | Operator::F64Load { .. } => LOAD,
        Operator::F32Mul
        | Operator::F32Div
        | Operator::F32Sqrt
        | Operator::F64Mul
        | Operator::F64Div
        | Operator::F64Sqrt
        | Operator::F32DemoteF64
        | Operator::F64PromoteF32 => DENORMAL,
        Operator::RefFunc { .. } => REF_FUNC,
        Operator::MemoryGrow { .. } | Operator::TableGrow { .. } => GROWTH,
        op if length(op).is_some() => BULK,
        _ => PLAIN,
    }
}

/// How the length operand of `op` is charged, if it has one.
pub(super) fn length(op: &Operator<'_>) -> Option<Length> {
    match op {
        Operator::MemoryCopy { .. } | Operator::MemoryFill { .. } | Operator::MemoryInit { .. } => {
            Some(Length::Bytes)
        }
        Operator::MemoryGrow { .. } => Some(Length::Pages),
        Operator::TableCopy { .. }
        | Operator::TableFill { .. }
        | Operator::TableGrow { .. }
        | Operator::TableInit { .. } => Some(Length::Elements),
        _ => None,
    }
}
