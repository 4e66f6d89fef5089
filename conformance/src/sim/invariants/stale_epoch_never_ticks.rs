//! A node ticks an agent only in the epoch in which its disk says that it holds it: what was taken over on its disk
//! while it stood still does not go on in the epoch before. This holds whatever was done to the disk.

use std::collections::BTreeMap;

use igor_core::handoff::Holding;
use igor_node::RunEvent;

use super::Invariant;
use crate::sim::oracle::{Fact, Place, View};

/// The epoch in which each agent that runs began to.
#[derive(Default)]
pub(super) struct StaleEpochNeverTicks(BTreeMap<Place, u64>);

impl Invariant for StaleEpochNeverTicks {
    fn name(&self) -> &'static str {
        "stale_epoch_never_ticks"
    }

    fn see(&mut self, view: &View, fact: &Fact<'_>) -> Result<(), String> {
        let held = |place: &Place| match view.holds.get(place).map(|custody| &custody.holding) {
            Some(Holding::Held(epoch)) => Some(*epoch),
            _ => None,
        };
        match fact {
            Fact::Runs(place) => {
                self.0.insert(*place, held(place).unwrap_or_default());
            }
            Fact::Told(place, RunEvent::Ticked(_)) => {
                let (runs, held) = (self.0.get(place).copied().unwrap_or_default(), held(place));
                if held.is_some_and(|held| held > runs) {
                    return Err(format!("{place:?} ticks in epoch {runs}, its disk says {held:?}"));
                }
            }
            _ => {}
        }
        Ok(())
    }
}
