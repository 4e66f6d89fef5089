//! How a mutant takes an agent in: without looking at what it takes.

use igor_core::format::{Checkpoint, Hash, Header, Microcents, Part, encode_identity};
use igor_core::handoff::VerifiedOffer;
use igor_core::storage::{Group, Key, Precondition};

use super::station::{Bulk, Stage, Up};
use super::world::World;

impl World {
    /// Makes an agent ready to be taken as it was announced, or with what came last and more money.
    pub(super) fn take_raw(&mut self, up: &mut Up, offer: &VerifiedOffer, last: Option<&Bulk>) {
        let transfer = offer.terms().transfer;
        let Some(incoming) = up.incoming.get_mut(&transfer) else { return };
        if !matches!(incoming.stage, Stage::Staged(_)) {
            return;
        }
        let agent = &self.agents[incoming.agent];
        let name = || agent.name.clone();
        let part =
            |part| last.and_then(|bulk| find(bulk, part)).or_else(|| find(&incoming.bulk, part));
        let identity = encode_identity(&agent.key()).to_vec();
        let mut group =
            Group::new(name()).put(Key::Identity(name()), identity, Precondition::Always);
        let record = part(Part::Record).unwrap_or_default();
        let mut checkpoint = part(Part::Checkpoint).unwrap_or_default();
        if last.is_some()
            && let Ok(honest) = Checkpoint::decode(&checkpoint, u64::MAX)
        {
            let more = honest.header().budget.get() + 1_000;
            let budget = Microcents::new(more).unwrap_or(Microcents::MAX);
            let header = Header { budget, ..*honest.header() };
            let prev = honest.lineage().map_or(Hash::ZERO, |lineage| lineage.prev);
            let state = honest.state().to_vec();
            checkpoint = Checkpoint::sign(&agent.key(), header, prev, state).encode();
        }
        group = group.put(Key::Record(name()), record, Precondition::Always).put(
            Key::Checkpoint(name()),
            checkpoint,
            Precondition::Always,
        );
        incoming.stage = Stage::Raw(Box::new(group));
    }
}

fn find(bulk: &Bulk, part: Part) -> Option<Vec<u8>> {
    let items = bulk.stock.inventory.items().iter();
    let found = items.zip(&bulk.parts).find(|(item, _)| item.part == part);
    found.map(|(_, bytes)| bytes.clone())
}
