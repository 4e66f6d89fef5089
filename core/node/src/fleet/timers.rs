//! The timers of many agents: one each, the earliest first. Setting one anew replaces it. It reads no
//! clock.

use std::collections::{BTreeSet, HashMap};

use super::Seat;

/// The timers that are set.
#[derive(Default)]
pub(super) struct Timers {
    by_time: BTreeSet<(u64, Seat)>,
    by_seat: HashMap<Seat, u64>,
}

impl Timers {
    /// Sets an agent's only timer; the end of time means none.
    pub(super) fn set(&mut self, seat: Seat, at_ns: u64) {
        self.clear(seat);
        if at_ns != u64::MAX {
            self.by_seat.insert(seat, at_ns);
            self.by_time.insert((at_ns, seat));
        }
    }

    /// Takes an agent's timer away.
    pub(super) fn clear(&mut self, seat: Seat) {
        if let Some(at_ns) = self.by_seat.remove(&seat) {
            self.by_time.remove(&(at_ns, seat));
        }
    }

    /// When the earliest is due.
    pub(super) fn next_ns(&self) -> Option<u64> {
        self.by_time.first().map(|(at_ns, _)| *at_ns)
    }

    /// Takes the earliest if it is due.
    pub(super) fn pop_due(&mut self, now_ns: u64) -> Option<Seat> {
        let (_, seat) = *self.by_time.first().filter(|(at_ns, _)| *at_ns <= now_ns)?;
        self.clear(seat);
        Some(seat)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_fire_in_order_of_time_and_once() {
        let mut timers = Timers::default();
        for (seat, at_ns) in [(1, 30), (2, 10), (3, 20), (1, 5), (4, u64::MAX), (3, 40)] {
            timers.set(Seat(seat), at_ns);
        }
        timers.clear(Seat(2));
        assert_eq!(timers.next_ns(), Some(5));
        assert_eq!(timers.pop_due(4), None);
        assert_eq!(timers.pop_due(50), Some(Seat(1)));
        assert_eq!(timers.pop_due(50), Some(Seat(3)));
        assert_eq!((timers.pop_due(u64::MAX), timers.next_ns()), (None, None));
    }
}
