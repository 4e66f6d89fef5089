//! The operating system's clock and random generator, for the node to be composed with. Nothing else
//! in the program asks for either.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use igor_core::clock::{Clock, Entropy, EntropyError};

/// The machine's clocks.
#[derive(Debug)]
pub(crate) struct OsClock {
    start: Instant,
}

impl OsClock {
    /// A clock whose monotonic time starts now.
    pub(crate) fn new() -> Self {
        Self { start: Instant::now() }
    }
}

impl Clock for OsClock {
    fn unix_ns(&self) -> i64 {
        match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_nanos()).unwrap_or(i64::MAX),
            Err(before) => i64::try_from(before.duration().as_nanos()).map_or(i64::MIN, |ns| -ns),
        }
    }

    fn monotonic_ns(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

/// The machine's random generator.
#[derive(Debug)]
pub(crate) struct OsEntropy;

impl Entropy for OsEntropy {
    fn fill(&self, out: &mut [u8]) -> Result<(), EntropyError> {
        getrandom::fill(out).map_err(|error| EntropyError(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_goes_on_and_is_of_this_century() {
        let clock = OsClock::new();
        let (first, second) = (clock.monotonic_ns(), clock.monotonic_ns());
        assert!(first <= second);
        assert!(clock.unix_ns() > 1_700_000_000_000_000_000);
    }

    #[test]
    fn random_bytes_differ() {
        let (mut one, mut other) = ([0; 32], [0; 32]);
        OsEntropy.fill(&mut one).expect("the generator works");
        OsEntropy.fill(&mut other).expect("the generator works");
        assert_ne!(one, other);
    }
}
