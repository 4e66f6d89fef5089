//! The clock of a node: the world's time, and a wall clock that is off by as much as the world says.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use igor_core::Clock;

/// The start of time: 2023-11-14T22:13:20Z.
const START_UNIX_NS: i64 = 1_700_000_000_000_000_000;

/// The clock of one node.
#[derive(Debug, Default)]
pub(super) struct NodeClock {
    now_ns: AtomicU64,
    skew_ns: AtomicI64,
}

impl NodeClock {
    /// Lets it be this late.
    pub(super) fn set(&self, now_ns: u64) {
        self.now_ns.store(now_ns, Ordering::Relaxed);
    }

    /// Lets the wall clock be off by this much.
    pub(super) fn skew(&self, skew_ns: i64) {
        self.skew_ns.store(skew_ns, Ordering::Relaxed);
    }
}

impl Clock for NodeClock {
    fn unix_ns(&self) -> i64 {
        let start = START_UNIX_NS.saturating_add(self.skew_ns.load(Ordering::Relaxed));
        start.saturating_add_unsigned(self.monotonic_ns())
    }

    fn monotonic_ns(&self) -> u64 {
        self.now_ns.load(Ordering::Relaxed)
    }
}
