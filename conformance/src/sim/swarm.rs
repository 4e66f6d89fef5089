//! What kind of world a seed makes: how many nodes and agents there are, what goes wrong and how often. Each
//! kind of trouble is absent in some worlds, so that none hides another, and every range is wide. What happens in
//! the world is drawn elsewhere.

use std::time::Duration;

use igor_core::format::Price;
use igor_core::handoff::Schedule;
use igor_core::lease::LeaseTerms;

use crate::Rng;

pub(super) const MILLISECOND: u64 = 1_000_000;
pub(super) const SECOND: u64 = 1_000 * MILLISECOND;

/// The kind of a world.
#[derive(Debug, Clone)]
pub(super) struct Swarm {
    pub(super) nodes: usize,
    pub(super) agents: usize,
    /// Whether nodes keep their stores in files on simulated disks, or in a simpler store.
    pub(super) on_files: bool,
    pub(super) network: Network,
    pub(super) disk: Disk,
    /// How often power is cut by itself: the mean time between, if ever.
    pub(super) power_cut_ns: Option<u64>,
    /// How long a node stays down at most.
    pub(super) down_max_ns: u64,
    /// How far a wall clock may be off.
    pub(super) skew_max_ns: i64,
    pub(super) tick_ns: u64,
    pub(super) checkpoint_ns: u64,
    /// How long a guest call takes at most.
    pub(super) call_max_ns: u64,
    /// The mean time between an operator's acts.
    pub(super) operator_ns: u64,
    /// For how much longer than the lease what was read of who holds the agents is relied on.
    pub(super) lease_grace: Duration,
    /// How long that is relied on: mostly long enough for what a node waits for, and shorter than what its wall clock
    /// may jump.
    pub(super) lease: Duration,
    pub(super) schedule: Schedule,
    pub(super) prices: Vec<Price>,
    /// What agents begin with.
    pub(super) budget: i64,
    /// Whether somebody sends again what was sent long ago.
    pub(super) is_replayed: bool,
    /// Whether disks are put back as they were long ago, or are written by others while their node stands still.
    pub(super) is_restored: bool,
    /// The step of a handoff at which the power is cut for certain: its number among all such points.
    pub(super) forced: u64,
}

/// What the network does, in thousandths of the messages.
#[derive(Debug, Clone)]
pub(super) struct Network {
    pub(super) lost: u64,
    pub(super) doubled: u64,
    /// Of streams that break off.
    pub(super) reset: u64,
    pub(super) delay_ns: u64,
    /// The mean time between partitions, if there are any.
    pub(super) partition_ns: Option<u64>,
    pub(super) parted_max_ns: u64,
}

/// What disks do, in thousandths of the commits.
#[derive(Debug, Clone)]
pub(super) struct Disk {
    /// The power is cut at a commit.
    pub(super) cut: u64,
    /// The disk fails, and what it holds is in doubt.
    pub(super) failing: u64,
    /// There is no space.
    pub(super) full: u64,
    /// How long a commit takes at most.
    pub(super) sync_max_ns: u64,
}

impl Swarm {
    /// The world of this seed.
    pub(super) fn draw(seed: u64, rng: &mut Rng) -> Self {
        let nodes = index(rng.between(2, 5));
        let prices = (0..nodes).map(|_| price(rng.between(20, 200))).collect();
        Self {
            nodes,
            agents: index(rng.between(1, 3)),
            on_files: seed % 25 == 7,
            network: Network::draw(rng),
            disk: Disk::draw(rng),
            power_cut_ns: maybe(rng, |rng| rng.between(5, 120) * SECOND),
            down_max_ns: rng.between(0, 60) * SECOND,
            skew_max_ns: i64::try_from(rng.between(0, 300) * SECOND).unwrap_or_default(),
            tick_ns: scaled(rng, 50 * MILLISECOND, 6),
            checkpoint_ns: scaled(rng, 500 * MILLISECOND, 6),
            call_max_ns: scaled(rng, MILLISECOND, 8),
            operator_ns: scaled(rng, 300 * MILLISECOND, 5),
            lease_grace: Duration::from_millis(rng.between(0, 10_000)),
            lease: Duration::from_millis(scaled(rng, 100, 9)),
            schedule: schedule(rng),
            prices,
            budget: if rng.chance(100) { rng.between(2_000, 20_000) } else { 50_000_000 }
                .try_into()
                .unwrap_or(i64::MAX),
            is_replayed: rng.chance(300),
            is_restored: seed % 8 == 3,
            forced: seed,
        }
    }

    /// How long what was read is relied on.
    pub(super) fn lease(&self) -> LeaseTerms {
        let terms = LeaseTerms::new(self.lease, self.lease_grace);
        terms.expect("a duration of more than nothing")
    }

    /// When a lease that was renewed now has ended for certain, in nanoseconds from now.
    pub(super) fn lapse_ns(&self) -> u64 {
        let all = self.lease.saturating_add(self.lease_grace);
        u64::try_from(all.as_nanos()).unwrap_or(u64::MAX).saturating_add(MILLISECOND)
    }

    /// The same world without trouble.
    pub(super) fn heal(&mut self) {
        self.network = Network {
            lost: 0,
            doubled: 0,
            reset: 0,
            delay_ns: MILLISECOND,
            partition_ns: None,
            parted_max_ns: 0,
        };
        self.disk = Disk { cut: 0, failing: 0, full: 0, sync_max_ns: 5 * MILLISECOND };
        self.power_cut_ns = None;
        self.is_replayed = false;
        self.is_restored = false;
        self.call_max_ns = self.call_max_ns.min(100 * MILLISECOND);
    }
}

impl Network {
    fn draw(rng: &mut Rng) -> Self {
        Self {
            lost: often(rng, 300),
            doubled: often(rng, 500),
            reset: often(rng, 50),
            delay_ns: scaled(rng, MILLISECOND, 11),
            partition_ns: maybe(rng, |rng| rng.between(2, 60) * SECOND),
            parted_max_ns: rng.between(2, 60) * SECOND,
        }
    }
}

impl Disk {
    fn draw(rng: &mut Rng) -> Self {
        Self {
            cut: often(rng, 100),
            failing: often(rng, 20),
            full: often(rng, 50),
            sync_max_ns: scaled(rng, MILLISECOND, 12),
        }
    }
}

/// In two of three worlds up to so many of a thousand, in the others none.
fn often(rng: &mut Rng, at_most: u64) -> u64 {
    if rng.below(3) == 0 { 0 } else { rng.between(0, at_most) }
}

fn maybe<T>(rng: &mut Rng, draw: impl FnOnce(&mut Rng) -> T) -> Option<T> {
    (rng.below(2) == 0).then(|| draw(rng))
}

/// Some times `least`, up to 2 to the power of `doublings`, all sizes alike.
fn scaled(rng: &mut Rng, least: u64, doublings: u64) -> u64 {
    let power = least << rng.between(0, doublings - 1);
    rng.between(power, power * 2)
}

fn schedule(rng: &mut Rng) -> Schedule {
    if rng.below(2) == 0 {
        return Schedule::default();
    }
    Schedule {
        prepare_ns: rng.between(2, 60) * SECOND,
        ask_ns: rng.between(100, 2_000) * MILLISECOND,
        ask_max_ns: rng.between(2, 10) * SECOND,
        offers_max: u32::try_from(rng.between(1, 8)).unwrap_or(u32::MAX),
    }
}

fn price(units: u64) -> Price {
    Price::per_second(crate::world::amount(&units.to_string()))
}

pub(super) fn index(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
