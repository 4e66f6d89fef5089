//! An agent that an attacker has, with all its keys: what it consists of, and every offer of it that can be
//! signed. It is an honest life; what is made of it is the attack's business.

use igor_core::Limits;
use igor_core::format::{
    AgentId, AgentKey, BillItem, Epoch, Hash, NodeKey, Offer, OfferTerms, Part, Prepare, PublicKey,
    TransferId, encode_node_key,
};
use igor_core::storage::{Group, Key, Precondition};
use igor_node::handoff::package::{Stock, read_part, stock};

use super::support::ATTACKER;
use crate::world::{Guest, World};

/// An agent in parts.
#[derive(Clone)]
pub(super) struct Parcel {
    pub(super) key_seed: [u8; 32],
    pub(super) prepare: Prepare,
    /// The content of each item of the bill.
    pub(super) parts: Vec<Vec<u8>>,
}

impl Parcel {
    /// An agent of this name, whose key grows from `seed`, after a few ticks.
    pub(super) fn new(name: &str, seed: u8) -> Self {
        let world = World { key_seed: [seed; 32], ..World::in_memory("wasmi") };
        // The node that it lived on is the attacker's.
        let own = encode_node_key(&NodeKey::from_seed(&[ATTACKER; 32])).to_vec();
        let own =
            Group::new("nobody".parse().expect("a name")).put(Key::Node, own, Precondition::Absent);
        for result in pollster::block_on(world.node.storage.0.commit(own.into())) {
            result.unwrap_or_else(|error| panic!("{error}"));
        }
        // No part of it is known where the counter lives.
        let mut guest = Guest { agent: name.to_owned(), ..Guest::counter() };
        guest.module.extend(b"\x00\x05\x04none");
        guest.manifest = guest.manifest.map(|text| [&text[..], b" "].concat());
        world.run(&guest, 7).unwrap_or_else(|error| panic!("{error}"));
        let storage = &*world.node.storage.0;
        let agent: AgentId = name.parse().expect("tests name their agents well");
        let stock = pollster::block_on(stock(storage, &agent, &Limits::default()));
        let Stock { expected, inventory, .. } = stock.unwrap_or_else(|error| panic!("{error}"));
        let read = |item: &BillItem| {
            pollster::block_on(read_part(storage, &agent, item)).expect("it is there")
        };
        let prepare = Prepare {
            transfer: TransferId::from_bytes([seed; 16]),
            agent: expected.agent,
            name: expected.name,
            tick: expected.tick,
            budget: expected.budget,
            price: expected.price,
            module: expected.module,
            manifest: expected.manifest,
            bill: inventory.items().to_vec(),
            more: 0,
        };
        Self { key_seed: [seed; 32], prepare, parts: inventory.items().iter().map(read).collect() }
    }

    pub(super) fn key(&self) -> AgentKey {
        AgentKey::from_seed(&self.key_seed)
    }

    /// The same agent in another attempt.
    pub(super) fn again(&self, transfer: u8) -> Self {
        let mut parcel = self.clone();
        parcel.prepare.transfer = TransferId::from_bytes([transfer; 16]);
        parcel
    }

    fn index(&self, part: Part) -> usize {
        let mut items = self.prepare.bill.iter();
        items.position(|item| item.part == part).expect("every agent has one")
    }

    /// Changes the bytes of a part and says so in the bill.
    pub(super) fn edit(&mut self, part: Part, edit: impl FnOnce(&mut Vec<u8>)) {
        let index = self.index(part);
        edit(&mut self.parts[index]);
        let bytes = &self.parts[index];
        let length = u64::try_from(bytes.len()).expect("it is small");
        self.prepare.bill[index] = BillItem { part, hash: Hash::of(bytes), bytes: length };
    }

    /// An offer of it, as its terms are.
    pub(super) fn offer(&self, source: &NodeKey, target: PublicKey, epoch: u64) -> Box<Offer> {
        self.offer_with((source, &self.key()), target, epoch, |_| {})
    }

    /// An offer of it by these keys, with its terms edited.
    pub(super) fn offer_with(
        &self,
        (source, agent): (&NodeKey, &AgentKey),
        target: PublicKey,
        epoch: u64,
        edit: impl FnOnce(&mut OfferTerms),
    ) -> Box<Offer> {
        let hash = |part| self.prepare.bill[self.index(part)].hash;
        let mut terms = OfferTerms {
            transfer: self.prepare.transfer,
            agent: agent.public_key(),
            epoch: Epoch { major: epoch, generation: 0 },
            tick: self.prepare.tick,
            budget: self.prepare.budget,
            checkpoint: hash(Part::Checkpoint),
            module: self.prepare.module,
            manifest: self.prepare.manifest,
            record: hash(Part::Record),
            source: source.public_key(),
            target,
        };
        edit(&mut terms);
        Box::new(Offer::sign(agent, source, terms).expect("the terms are sound"))
    }
}
