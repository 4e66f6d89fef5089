//! What is recorded is what happened: the agents of these worlds count their ticks, so the state after a tick is
//! that tick's number, in what is told, in every checkpoint, and wherever a run goes on.

use std::collections::BTreeMap;

use igor_core::format::{Checkpoint, Hash, Tick};
use igor_core::storage::Key;
use igor_node::RunEvent;

use super::Invariant;
use crate::sim::oracle::{Fact, Place, View};

#[derive(Default)]
pub(super) struct JournalMatchesState {
    /// The last tick that each run told of.
    last: BTreeMap<Place, Tick>,
}

impl Invariant for JournalMatchesState {
    fn name(&self) -> &'static str {
        "journal_matches_state"
    }

    fn see(&mut self, _: &View, fact: &Fact<'_>) -> Result<(), String> {
        match fact {
            Fact::Told(place, RunEvent::Started(started)) => {
                self.last.insert(*place, started.tick);
            }
            Fact::Told(place, RunEvent::Ticked(ticked)) => {
                let tick = ticked.tick;
                let before = self.last.insert(*place, tick);
                if before.is_some_and(|before| before.0 + 1 != tick.0) {
                    return Err(format!("{place:?} ticks {tick} after {before:?}"));
                }
                if ticked.state_hash != Hash::of(&tick.0.to_le_bytes()) {
                    return Err(format!("{place:?} is in another state after tick {tick}"));
                }
            }
            Fact::Kept(place, Key::Checkpoint(_), bytes) => {
                let checkpoint = Checkpoint::decode(bytes, u64::MAX);
                let checkpoint = checkpoint.map_err(|error| error.to_string())?;
                let tick = checkpoint.header().tick;
                if checkpoint.state() != tick.0.to_le_bytes() {
                    return Err(format!("{place:?} saves another state at tick {tick}"));
                }
            }
            _ => {}
        }
        Ok(())
    }
}
