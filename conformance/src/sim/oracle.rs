//! Who sees everything that happens in a world, and says when something must not happen. It keeps what several
//! invariants ask for; each invariant keeps the rest, in a file of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use igor_core::format::Verdict;
use igor_core::handoff::{Custody, Holding, Message, VerifiedOffer};
use igor_core::storage::Key;
use igor_node::RunEvent;

use super::invariants::{self, Invariant};

/// An agent on a node, both by number.
pub(super) type Place = (usize, usize);

/// Something that happened.
#[derive(Debug)]
pub(super) enum Fact<'a> {
    /// A node told something of an agent's run.
    Told(Place, &'a RunEvent),
    /// A node began to run an agent.
    Runs(Place),
    /// A node no longer runs an agent.
    Rests(Place),
    /// A value became durable.
    Kept(Place, &'a Key, &'a [u8]),
    /// What a node has durably decided about an agent.
    Holds(Place, &'a Custody),
    /// A node sent a message about an agent.
    Sent(Place, &'a Message),
    /// A node answered an offer.
    Answered(Place, &'a VerifiedOffer, Verdict),
    /// A node is down.
    Down(usize),
    /// So many of something wait at a node.
    Waiting(usize, &'static str, usize),
}

/// What is known of the world.
#[derive(Debug, Default)]
pub(super) struct View {
    /// What is durable, of every agent on every node where anything is.
    pub(super) holds: BTreeMap<Place, Custody>,
    /// What runs.
    pub(super) runs: BTreeSet<Place>,
    /// The agents of which a disk was put back as it was long ago: nobody can promise that there is one of them.
    pub(super) doubled: BTreeSet<usize>,
}

impl View {
    /// Whether a node durably holds an agent.
    pub(super) fn is_held(&self, place: Place) -> bool {
        self.holds.get(&place).is_some_and(|custody| matches!(custody.holding, Holding::Held(_)))
    }

    /// The nodes that durably hold an agent.
    pub(super) fn holders(&self, agent: usize) -> Vec<usize> {
        let held = self.holds.keys().filter(|place| place.1 == agent && self.is_held(**place));
        held.map(|place| place.0).collect()
    }
}

/// What must not have happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The invariant that does not hold.
    pub invariant: &'static str,
    /// What happened.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.invariant, self.what)
    }
}

/// Sees everything.
pub(super) struct Oracle {
    pub(super) view: View,
    invariants: Vec<Box<dyn Invariant>>,
    violation: Option<Violation>,
}

impl Oracle {
    /// Of a world whose agents begin with this budget.
    pub(super) fn new(budget: i64) -> Self {
        Self { view: View::default(), invariants: invariants::all(budget), violation: None }
    }

    /// Takes note of what happened.
    pub(super) fn see(&mut self, fact: &Fact<'_>) {
        self.update(fact);
        for invariant in &mut self.invariants {
            if let Err(what) = invariant.see(&self.view, fact) {
                let invariant = invariant.name();
                self.violation.get_or_insert(Violation { invariant, what });
            }
        }
    }

    /// Says that something must not have happened.
    pub(super) fn object(&mut self, invariant: &'static str, what: String) {
        self.violation.get_or_insert(Violation { invariant, what });
    }

    /// What must not have happened, if anything.
    pub(super) const fn violation(&self) -> Option<&Violation> {
        self.violation.as_ref()
    }

    fn update(&mut self, fact: &Fact<'_>) {
        let View { holds, runs, .. } = &mut self.view;
        match fact {
            Fact::Runs(place) => drop(runs.insert(*place)),
            Fact::Rests(place) => drop(runs.remove(place)),
            Fact::Down(node) => runs.retain(|place| place.0 != *node),
            Fact::Holds(place, custody) => drop(holds.insert(*place, (*custody).clone())),
            _ => {}
        }
    }
}
