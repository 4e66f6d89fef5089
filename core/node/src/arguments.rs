//! The arguments of an import call, read by position. Signatures are checked when a module is
//! loaded, so a missing or mistyped argument cannot occur; it reads as zero rather than panicking.

use igor_core::engine::Value;

/// The arguments of one import call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arguments<'a>(pub(crate) &'a [Value]);

impl Arguments<'_> {
    /// The i64 at `index`.
    pub(crate) fn i64(self, index: usize) -> i64 {
        match self.0.get(index) {
            Some(Value::I64(value)) => *value,
            _ => 0,
        }
    }

    /// The i32 at `index`, as the unsigned number that pointers and lengths are.
    pub(crate) fn u32(self, index: usize) -> u32 {
        match self.0.get(index) {
            Some(Value::I32(value)) => value.cast_unsigned(),
            _ => 0,
        }
    }
}
