//! Preparation under random bytes: it never panics, gives the same each time, and what it makes can
//! be neither mistaken for an original nor larger than it says. What it makes computes is judged by
//! [`super::differential`].

use igor_core::Limits;
use igor_core::prepare::{PrepareError, prepare};

/// Preparation did something it must not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Misprepared {
    /// What it made is accepted once more, as if a guest could bring its own gas counter.
    #[error("prepared, the module is an original once more: {0:?}")]
    AcceptedAgain(Option<PrepareError>),
    /// The same bytes gave something else.
    #[error("prepared a second time, the module is another")]
    Different,
    /// What it made is too large.
    #[error("prepared, a module of {original} bytes has {prepared}")]
    Grown {
        /// Bytes of the original.
        original: usize,
        /// Bytes of what it was made into.
        prepared: usize,
    },
}

/// Prepares `bytes`; whether they were accepted.
///
/// # Errors
/// When preparation did something it must not.
pub fn check(bytes: &[u8]) -> Result<bool, Misprepared> {
    let limits = Limits::default();
    let (first, second) = (prepare(bytes, &limits), prepare(bytes, &limits));
    let (first, second) = match (first, second) {
        (Ok(first), Ok(second)) => (first, second),
        (Err(first), Err(second)) if first == second => return Ok(false),
        _ => return Err(Misprepared::Different),
    };
    if first.bytes() != second.bytes() || first.prepared_hash() != second.prepared_hash() {
        return Err(Misprepared::Different);
    }
    let (original, prepared) = (bytes.len(), first.bytes().len());
    // Twice the most that a module may have, and what small ones begin with.
    let most = limits.module_bytes_max.saturating_mul(2).saturating_add(64 << 10);
    if u64::try_from(prepared).unwrap_or(u64::MAX) > most {
        return Err(Misprepared::Grown { original, prepared });
    }
    match prepare(first.bytes(), &limits) {
        Err(PrepareError::Reserved { .. } | PrepareError::Limit { .. }) => Ok(true),
        other => Err(Misprepared::AcceptedAgain(other.err())),
    }
}
