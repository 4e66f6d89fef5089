//! S1: at most one node can commit a tick of an agent. No two disks say at the same time that their node holds it,
//! and no two nodes run it.

use super::Invariant;
use crate::sim::oracle::{Fact, View};

pub(super) struct SingleActive;

impl Invariant for SingleActive {
    fn name(&self) -> &'static str {
        "single_active"
    }

    fn see(&mut self, view: &View, fact: &Fact<'_>) -> Result<(), String> {
        let (Fact::Holds(place, _) | Fact::Runs(place) | Fact::Told(place, _)) = fact else {
            return Ok(());
        };
        let agent = place.1;
        if view.doubled.contains(&agent) {
            return Ok(());
        }
        let holders = view.holders(agent);
        if holders.len() > 1 {
            return Err(format!("the disks of nodes {holders:?} say that they hold agent {agent}"));
        }
        let runs = view.runs.iter().filter(|place| place.1 == agent).map(|place| place.0);
        let runs: Vec<_> = runs.collect();
        if runs.len() > 1 {
            return Err(format!("nodes {runs:?} run agent {agent}"));
        }
        Ok(())
    }
}
