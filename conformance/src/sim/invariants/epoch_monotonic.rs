//! An agent's epoch never falls: neither along its checkpoints, nor in what one node has decided about it.

use std::collections::BTreeMap;

use igor_core::format::Checkpoint;
use igor_core::storage::Key;

use super::Invariant;
use crate::sim::oracle::{Fact, Place, View};

#[derive(Default)]
pub(super) struct EpochMonotonic {
    decided: BTreeMap<Place, u64>,
    /// The epoch of the last checkpoint, by agent.
    reached: BTreeMap<usize, u64>,
}

impl Invariant for EpochMonotonic {
    fn name(&self) -> &'static str {
        "epoch_monotonic"
    }

    fn see(&mut self, view: &View, fact: &Fact<'_>) -> Result<(), String> {
        match fact {
            Fact::Holds(place, custody) if !view.doubled.contains(&place.1) => {
                let before = self.decided.insert(*place, custody.decided).unwrap_or(0);
                if custody.decided < before {
                    let decided = custody.decided;
                    return Err(format!("{place:?} decided on epoch {decided} after {before}"));
                }
            }
            Fact::Kept((node, agent), Key::Checkpoint(_), bytes)
                if !view.doubled.contains(agent) =>
            {
                let checkpoint = Checkpoint::decode(bytes, u64::MAX);
                let epoch = checkpoint.map_err(|error| error.to_string())?.header().epoch.major;
                let before = self.reached.insert(*agent, epoch).unwrap_or(0);
                if epoch < before {
                    return Err(format!(
                        "node {node} writes a checkpoint of agent {agent} in epoch {epoch} after {before}"
                    ));
                }
            }
            _ => {}
        }
        Ok(())
    }
}
