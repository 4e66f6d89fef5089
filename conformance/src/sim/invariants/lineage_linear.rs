//! S3: an agent's lineage never forks. No two checkpoints that name the same one before them ever reach a disk.

use std::collections::BTreeMap;

use igor_core::format::{Checkpoint, Hash};
use igor_core::storage::Key;

use super::Invariant;
use crate::sim::oracle::{Fact, View};

#[derive(Default)]
pub(super) struct LineageLinear {
    /// What follows a checkpoint, by agent.
    next: BTreeMap<(usize, Hash), Hash>,
}

impl Invariant for LineageLinear {
    fn name(&self) -> &'static str {
        "lineage_linear"
    }

    fn see(&mut self, view: &View, fact: &Fact<'_>) -> Result<(), String> {
        let Fact::Kept((node, agent), Key::Checkpoint(_), bytes) = fact else { return Ok(()) };
        if view.doubled.contains(agent) {
            return Ok(());
        }
        let checkpoint = Checkpoint::decode(bytes, u64::MAX).map_err(|error| error.to_string())?;
        let prev = checkpoint.lineage().map_or(Hash::ZERO, |lineage| lineage.prev);
        let hash = Hash::of(bytes);
        let known = *self.next.entry((*agent, prev)).or_insert(hash);
        if known != hash {
            return Err(format!(
                "node {node} writes checkpoint {hash} of agent {agent}, but {known} follows {prev}"
            ));
        }
        Ok(())
    }
}
