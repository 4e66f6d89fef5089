//! The timers of many agents: one each, the earliest first. Setting one anew replaces it. It reads no
//! clock.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;

/// The timers that are set, each for what has one.
#[derive(Debug)]
pub(crate) struct Timers<K> {
    by_time: BTreeSet<(u64, K)>,
    by_owner: HashMap<K, u64>,
}

impl<K> Default for Timers<K> {
    fn default() -> Self {
        Self { by_time: BTreeSet::new(), by_owner: HashMap::new() }
    }
}

impl<K: Copy + Ord + Hash> Timers<K> {
    /// Sets the only timer of `owner`; the end of time means none.
    pub(crate) fn set(&mut self, owner: K, at_ns: u64) {
        self.clear(owner);
        if at_ns != u64::MAX {
            self.by_owner.insert(owner, at_ns);
            self.by_time.insert((at_ns, owner));
        }
    }

    /// Takes the timer of `owner` away.
    pub(crate) fn clear(&mut self, owner: K) {
        if let Some(at_ns) = self.by_owner.remove(&owner) {
            self.by_time.remove(&(at_ns, owner));
        }
    }

    /// When the earliest is due.
    pub(crate) fn next_ns(&self) -> Option<u64> {
        self.by_time.first().map(|(at_ns, _)| *at_ns)
    }

    /// Takes the earliest if it is due.
    pub(crate) fn pop_due(&mut self, now_ns: u64) -> Option<K> {
        let (_, owner) = *self.by_time.first().filter(|(at_ns, _)| *at_ns <= now_ns)?;
        self.clear(owner);
        Some(owner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_fire_in_order_of_time_and_once() {
        let mut timers = Timers::default();
        for (seat, at_ns) in [(1, 30), (2, 10), (3, 20), (1, 5), (4, u64::MAX), (3, 40)] {
            timers.set(seat, at_ns);
        }
        timers.clear(2);
        assert_eq!(timers.next_ns(), Some(5));
        assert_eq!(timers.pop_due(4), None);
        assert_eq!(timers.pop_due(50), Some(1));
        assert_eq!(timers.pop_due(50), Some(3));
        assert_eq!((timers.pop_due(u64::MAX), timers.next_ns()), (None, None));
    }
}
