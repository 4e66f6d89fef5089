//! Where time and randomness come from. Nothing in this crate or in igor-node reads the operating
//! system's clock or random generator; whoever composes a node hands these in, so that a test or a
//! simulator can decide what time it is.

/// A source of time.
pub trait Clock: Send + Sync {
    /// Wall-clock time in nanoseconds since 1970-01-01T00:00:00Z; may jump either way.
    fn unix_ns(&self) -> i64;

    /// Nanoseconds since some fixed moment; never decreases.
    fn monotonic_ns(&self) -> u64;
}

/// The random source failed; nothing was written that may be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("read from the random source: {0}")]
pub struct EntropyError(pub String);

/// A source of cryptographically strong random bytes.
pub trait Entropy: Send + Sync {
    /// Fills `out`.
    ///
    /// # Errors
    /// When the source cannot deliver; `out` is then of no use.
    fn fill(&self, out: &mut [u8]) -> Result<(), EntropyError>;
}
