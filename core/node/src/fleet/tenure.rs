//! Whether the agents of a fleet may still be ticked here, as its lease asks: all are read again before it ends,
//! and after it ended none is ticked before it was read. It says what is to be read and what follows; reading is
//! somebody else's work.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use igor_core::format::AgentId;
use igor_core::lease::{Due, Lease, Moment};

use super::Seat;
use crate::custody::Tenure;

/// How soon what could not be read is read again.
const RETRY_NS: u64 = 1_000_000_000;

/// Agents about which it is to be read who holds them.
#[derive(Debug)]
pub struct Reading {
    pub(super) round: u64,
    /// Each with the epoch in which it runs.
    pub(super) agents: Vec<(Seat, AgentId, u64)>,
}

/// What came of a [`Reading`].
#[derive(Debug)]
pub struct Findings {
    pub(super) round: u64,
    pub(super) found: Vec<(Seat, Tenure)>,
}

impl Reading {
    /// Reads each of them with `read`.
    pub async fn carry_out<F: Future<Output = Tenure>>(
        self,
        read: impl Fn(AgentId, u64) -> F,
    ) -> Findings {
        let mut found = Vec::with_capacity(self.agents.len());
        for (seat, agent, epoch) in self.agents {
            found.push((seat, read(agent, epoch).await));
        }
        Findings { round: self.round, found }
    }
}

/// What is to be done after a look at the time.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// Nothing.
    Nothing,
    /// Read these.
    Read(Vec<Seat>),
    /// Let none of these tick, and read them.
    Doubt(Vec<Seat>),
}

/// What follows for an agent from what was read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing.
    GoesOn,
    /// It ticks again; for so many nanoseconds nothing had been read.
    Assured(u64),
    /// It is not ticked, for this reason, which was not told before.
    Unknown(String),
    /// It is not held here any more.
    Retires(String),
}

/// What is told of an agent that ticks again.
pub(super) fn assured(agent: &AgentId, stood_ns: u64) -> String {
    let stood = Duration::from_nanos(stood_ns);
    format!("{agent} is still held here and goes on; nobody had looked for {stood:.0?}")
}

/// What is told of an agent that is not ticked.
pub(super) fn unknown(agent: &AgentId, why: &str) -> String {
    format!("{agent} is not ticked until it can be read who holds it: {why}")
}

/// A lease, and what it means for whom.
pub(super) struct Tenancies {
    lease: Lease,
    /// The last look at the time.
    now: Option<Moment>,
    round: u64,
    is_reading: bool,
    retry_ns: u64,
    /// Who was not yet read in this round.
    unread: BTreeSet<Seat>,
    /// Who is not ticked, and whether the reason was told.
    doubted: BTreeMap<Seat, bool>,
    /// How long nothing had been read when the lease ended.
    stood_ns: u64,
}

impl Tenancies {
    pub(super) fn new(lease: Lease) -> Self {
        let (unread, doubted) = (BTreeSet::new(), BTreeMap::new());
        let (now, round, is_reading, retry_ns, stood_ns) = (None, 0, false, 0, 0);
        Self { lease, now, round, is_reading, retry_ns, unread, doubted, stood_ns }
    }

    /// An agent joins of which it was `read` then who holds it. Says whether that is too long ago for it to tick
    /// before it is read again.
    pub(super) fn join(&mut self, seat: Seat, read: Moment) -> bool {
        let stood_ns = self.now.and_then(|now| self.lease.stood(read, now));
        if let Some(stood_ns) = stood_ns {
            self.stood_ns = self.stood_ns.max(stood_ns);
            self.unread.insert(seat);
            self.doubted.insert(seat, false);
        }
        stood_ns.is_some()
    }

    /// What time it is, for a fleet of these agents.
    pub(super) fn look(&mut self, now: Moment, all: impl Iterator<Item = Seat>) -> Look {
        self.now = Some(now);
        match self.lease.look(now) {
            Some(Due::Lapse(stood_ns)) => {
                self.stood_ns = stood_ns;
                self.unread = all.collect();
                for seat in &self.unread {
                    self.doubted.entry(*seat).or_insert(false);
                }
                Look::Doubt(self.begin())
            }
            Some(Due::Renewal) => {
                self.unread = all.collect();
                Look::Read(self.begin())
            }
            None if self.is_again_due(now) => Look::Read(self.begin()),
            None => Look::Nothing,
        }
    }

    fn is_again_due(&self, now: Moment) -> bool {
        !self.is_reading && !self.unread.is_empty() && self.retry_ns <= now.monotonic_ns
    }

    fn begin(&mut self) -> Vec<Seat> {
        self.round = self.round.saturating_add(1);
        self.is_reading = !self.unread.is_empty();
        self.settle();
        self.unread.iter().copied().collect()
    }

    /// The number of the reading that was begun last; the findings of others are of no use.
    pub(super) const fn round(&self) -> u64 {
        self.round
    }

    /// What was read of one agent.
    pub(super) fn found(&mut self, seat: Seat, tenure: Tenure) -> Verdict {
        match tenure {
            Tenure::Ours => {
                self.unread.remove(&seat);
                let was_doubted = self.doubted.remove(&seat).is_some();
                if was_doubted { Verdict::Assured(self.stood_ns) } else { Verdict::GoesOn }
            }
            Tenure::Ended(why) => {
                self.unread.remove(&seat);
                Verdict::Retires(why)
            }
            Tenure::Unknown(why) => {
                // Of one that ticks on nothing is told.
                let was_told = self
                    .doubted
                    .get_mut(&seat)
                    .is_none_or(|is_told| std::mem::replace(is_told, true));
                if was_told { Verdict::GoesOn } else { Verdict::Unknown(why) }
            }
        }
    }

    /// All that was read is known.
    pub(super) fn end(&mut self, now: Moment) {
        self.is_reading = false;
        self.retry_ns = now.monotonic_ns.saturating_add(RETRY_NS);
        self.settle();
    }

    /// Renews the lease if nobody ticks who was not read; those who do not tick are read again and again.
    fn settle(&mut self) {
        if !self.is_reading && self.unread.iter().all(|seat| self.doubted.contains_key(seat)) {
            self.lease.renew();
        }
    }

    /// Forgets an agent.
    pub(super) fn forget(&mut self, seat: Seat) {
        self.unread.remove(&seat);
        self.doubted.remove(&seat);
        self.settle();
    }

    /// When to look again at the latest.
    pub(super) fn look_ns(&self) -> u64 {
        let look_ns = self.lease.look_ns();
        if self.is_reading || self.unread.is_empty() { look_ns } else { look_ns.min(self.retry_ns) }
    }
}

#[cfg(test)]
mod tests;
