//! The network between the nodes: what becomes of a message that is sent now. It carries nothing itself, and does
//! not know what is in a message.

use std::collections::BTreeSet;

use super::swarm::{Network, index};
use crate::Rng;

/// The network of a world.
#[derive(Debug)]
pub(super) struct Net {
    rng: Rng,
    nodes: usize,
    /// From which node to which nothing gets through.
    cut: BTreeSet<(usize, usize)>,
}

/// What becomes of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Course {
    /// It arrives after these times.
    Arrives(Vec<u64>),
    /// It does not arrive.
    Lost,
    /// The stream that it is on breaks off in the middle of it, which its receiver sees after this time.
    Breaks(u64),
}

impl Net {
    pub(super) const fn new(rng: Rng, nodes: usize) -> Self {
        Self { rng, nodes, cut: BTreeSet::new() }
    }

    /// Decides what becomes of a message.
    pub(super) fn send(&mut self, network: &Network, from: usize, to: usize) -> Course {
        if self.cut.contains(&(from, to)) || self.rng.chance(network.lost) {
            return Course::Lost;
        }
        let first = self.rng.exponential(network.delay_ns);
        if self.rng.chance(network.reset) {
            return Course::Breaks(first);
        }
        let mut arrivals = vec![first];
        while arrivals.len() < 4 && self.rng.chance(network.doubled) {
            arrivals.push(self.rng.exponential(network.delay_ns.saturating_mul(3)));
        }
        Course::Arrives(arrivals)
    }

    /// Parts the nodes in some way; says how.
    pub(super) fn part(&mut self) -> String {
        self.cut.clear();
        let below = u64::try_from(self.nodes).unwrap_or(u64::MAX);
        let alone = index(self.rng.below(below));
        let is_alone = |node: usize| node == alone;
        let split: Vec<bool> = (0..self.nodes).map(|_| self.rng.below(2) == 0).collect();
        let (is_random, is_one_way) = (self.rng.below(2) == 0, self.rng.below(3) == 0);
        for (from, to) in self.pairs() {
            let (from_side, to_side) =
                if is_random { (split[from], split[to]) } else { (is_alone(from), is_alone(to)) };
            if from_side != to_side && (from_side || !is_one_way) {
                self.cut.insert((from, to));
            }
        }
        format!("{:?}", self.cut)
    }

    /// Lets everything through again.
    pub(super) fn join(&mut self) {
        self.cut.clear();
    }

    fn pairs(&self) -> Vec<(usize, usize)> {
        let nodes = self.nodes;
        (0..nodes).flat_map(|from| (0..nodes).map(move |to| (from, to))).collect()
    }
}
