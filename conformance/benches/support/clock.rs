//! The machine's clock for benchmarks, which time real work.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use igor_core::Clock;

/// The machine's clock.
pub(crate) struct OsClock(Instant);

impl OsClock {
    /// A clock that starts now.
    pub(crate) fn new() -> Self {
        Self(Instant::now())
    }
}

impl Clock for OsClock {
    fn unix_ns(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
    }

    fn monotonic_ns(&self) -> u64 {
        u64::try_from(self.0.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}
