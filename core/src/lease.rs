//! A node's lease: for how long what a node last read of who holds its agents may be relied on. It is a hint for
//! the node itself, by which one that stood still knows that it did; it keeps nobody away from an agent. What does
//! is the epoch, which the store and the target of a handoff check.
//!
//! Nothing here reads a clock. The time is taken on two clocks at once, because the monotonic one of some systems
//! stands still while the machine sleeps; a wall clock that jumps makes a node ask once more than it had to.

use std::time::Duration;

use crate::Clock;

/// How long a lease lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaseTerms {
    duration_ns: u64,
    grace_ns: u64,
}

impl LeaseTerms {
    /// Terms of this duration, which is renewed at its half, with so much `grace` at its end. `None` for a duration
    /// of nothing, which means that there is no lease.
    pub fn new(duration: Duration, grace: Duration) -> Option<Self> {
        let ns = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        (!duration.is_zero()).then(|| Self { duration_ns: ns(duration), grace_ns: ns(grace) })
    }

    /// From one renewal to the next.
    const fn renewal_ns(self) -> u64 {
        self.duration_ns / 2
    }

    /// From a renewal to the end of the grace.
    const fn lapse_ns(self) -> u64 {
        self.duration_ns.saturating_add(self.grace_ns)
    }
}

/// A point in time, on both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// As [`Clock::monotonic_ns`].
    pub monotonic_ns: u64,
    /// As [`Clock::unix_ns`].
    pub unix_ns: i64,
}

impl Moment {
    /// Now.
    pub fn of(clock: &dyn Clock) -> Self {
        Self { monotonic_ns: clock.monotonic_ns(), unix_ns: clock.unix_ns() }
    }

    /// How much later than `earlier` this is, in nanoseconds, on the clock on which it is more.
    fn since(self, earlier: Self) -> u64 {
        let monotonic_ns = self.monotonic_ns.saturating_sub(earlier.monotonic_ns);
        let unix_ns = self.unix_ns.saturating_sub(earlier.unix_ns);
        monotonic_ns.max(u64::try_from(unix_ns).unwrap_or_default())
    }
}

/// What a lease asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// It is to be read who holds the agents, while they go on.
    Renewal,
    /// No agent may be ticked until it was read who holds it: nothing was read for so many nanoseconds.
    Lapse(u64),
}

/// The lease of a node.
#[derive(Debug, Clone)]
pub struct Lease {
    terms: LeaseTerms,
    /// When what was read last was asked for.
    renewed: Moment,
    /// When the reading began that is under way.
    asked: Option<Moment>,
}

impl Lease {
    /// A lease that begins now.
    pub const fn new(terms: LeaseTerms, now: Moment) -> Self {
        Self { terms, renewed: now, asked: None }
    }

    /// What is to be done now, if anything. A reading is then under way, in the place of any other: it is answered
    /// by [`Lease::renew`], and by nothing if it came to nothing.
    pub fn look(&mut self, now: Moment) -> Option<Due> {
        let stood_ns = now.since(self.asked.unwrap_or(self.renewed));
        if stood_ns > self.terms.lapse_ns() {
            self.asked = Some(now);
            return Some(Due::Lapse(now.since(self.renewed)));
        }
        let is_due = now.since(self.renewed) >= self.terms.renewal_ns();
        if self.asked.is_none() && is_due {
            self.asked = Some(now);
            return Some(Due::Renewal);
        }
        None
    }

    /// For how many nanoseconds nothing was read of what was `read` then, if it may not be relied on any more.
    pub fn stood(&self, read: Moment, now: Moment) -> Option<u64> {
        Some(now.since(read)).filter(|stood_ns| *stood_ns > self.terms.lapse_ns())
    }

    /// What was asked for last is read.
    pub fn renew(&mut self) {
        if let Some(asked) = self.asked.take() {
            self.renewed = asked;
        }
    }

    /// When to look again at the latest, on the monotonic clock.
    pub fn look_ns(&self) -> u64 {
        let (from, after_ns) = match self.asked {
            Some(asked) => (asked, self.terms.lapse_ns().saturating_add(1)),
            None => (self.renewed, self.terms.renewal_ns()),
        };
        from.monotonic_ns.saturating_add(after_ns)
    }
}

#[cfg(test)]
mod tests;
