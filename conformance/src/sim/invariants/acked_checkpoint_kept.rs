//! S2: what was told of an agent's life is never lost. Wherever the agent goes on, it goes on from the last tick
//! and the last checkpoint that somebody heard of, or from a later one.

use std::collections::BTreeMap;

use igor_core::format::Tick;
use igor_node::RunEvent;

use super::Invariant;
use crate::sim::oracle::{Fact, View};

#[derive(Default)]
pub(super) struct AckedCheckpointKept {
    /// The last tick that was told of, by agent.
    told: BTreeMap<usize, Tick>,
}

impl Invariant for AckedCheckpointKept {
    fn name(&self) -> &'static str {
        "acked_checkpoint_kept"
    }

    fn see(&mut self, view: &View, fact: &Fact<'_>) -> Result<(), String> {
        let Fact::Told((node, agent), event) = fact else { return Ok(()) };
        if view.doubled.contains(agent) {
            return Ok(());
        }
        let told = self.told.entry(*agent).or_default();
        match event {
            RunEvent::Ticked(ticked) => *told = ticked.tick.max(*told),
            RunEvent::Checkpointed { tick, .. } => *told = *tick.max(told),
            RunEvent::Started(started) if started.tick < *told => {
                return Err(format!(
                    "node {node} goes on with agent {agent} from tick {}, tick {told} was told of",
                    started.tick
                ));
            }
            _ => {}
        }
        Ok(())
    }
}
