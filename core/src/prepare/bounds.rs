//! Bounds that come from what engines can compile, and compile fast, rather than from the limits
//! table: no configuration changes them, because a module that one engine cannot run has no meaning.

use super::PrepareError;

/// The most function types.
pub(super) const TYPES_MAX: u64 = 10_000;
/// The most imports.
pub(super) const IMPORTS_MAX: u64 = 1_000;
/// The most exports.
pub(super) const EXPORTS_MAX: u64 = 10_000;
/// The most memories.
pub(super) const MEMORIES_MAX: u64 = 1;
/// The most tables.
pub(super) const TABLES_MAX: u64 = 1;
/// The most targets of one `br_table`; wasmtime takes 65,520.
pub(super) const TARGETS_MAX: u64 = 32_768;
/// The most blocks within each other.
pub(super) const NESTING_MAX: u64 = 4_096;
/// The most loops of one function that something branches back to. Cranelift's time for them grows with
/// the square of their number, and the check at each head makes it ten times that.
pub(super) const LOOPS_MAX: u64 = 1_000;
/// The most locals and operands of one function together; wasmi takes 65,535.
pub(super) const FRAME_MAX: u64 = 32_768;
/// The most bytes of a prepared function; every engine's parser takes 7,654,321.
const PREPARED_MAX: u64 = 7_000_000;
/// How much larger than the limit for the original a prepared function may be.
const GROWTH_MAX: u64 = 8;

/// The most bytes of a prepared function, when originals may have `function_bytes_max`.
pub(super) fn prepared_function_bytes_max(function_bytes_max: u64) -> u64 {
    function_bytes_max.saturating_mul(GROWTH_MAX).min(PREPARED_MAX)
}

/// The most bytes of a prepared module, when originals may have `module_bytes_max`. What compilers emit
/// grows by a fifth.
pub(super) fn prepared_module_bytes_max(module_bytes_max: u64) -> u64 {
    module_bytes_max.saturating_mul(2).saturating_add(64 << 10)
}

/// Refuses more than `max` of something.
///
/// # Errors
/// [`PrepareError::Limit`].
pub(super) fn within(what: &'static str, found: u64, max: u64) -> Result<(), PrepareError> {
    if found > max { Err(PrepareError::Limit { what, found, max }) } else { Ok(()) }
}

/// A length as the limits count it.
pub(super) fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
