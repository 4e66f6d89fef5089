//! What a node can send in place of an agent, with no keys, with the agent's and with all of them. Each is
//! refused with its code before anything is written.

use conformance::world::{Guest, Past, amount};
use igor_core::format::RefusalCode as Code;
use igor_core::format::{
    AgentKey, Checkpoint, Epoch, Hash, Header, Inheritance, InheritanceTerms, Lineage, Microcents,
    NodeKey, Part, Predecessor, Price, PublicKey, RefusalCode, Tick,
};

use crate::support::{Delivery, Site, agent_key};

/// An honest life on its way, and what it can be made into.
pub(crate) struct Case {
    pub(crate) honest: Delivery,
    pub(crate) past: Past,
}

/// What is done to it.
pub(crate) type Attack = fn(&Case) -> Delivery;

pub(crate) fn case() -> (Guest, Case) {
    let guest = Guest::counter();
    let mut from = Site::new(1, "wasmtime", false);
    from.world.node.price = Price::per_second(amount("100"));
    from.world.run(&guest, 12).unwrap();
    (guest.clone(), Case { honest: from.deliver(&guest), past: from.world.past(&guest) })
}

impl Case {
    /// The last checkpoint with these bytes changed, by somebody without a key.
    fn patched(&self, at: usize, bytes: &[u8]) -> Delivery {
        let mut delivery = self.honest.clone();
        let mut checkpoint = delivery.parts[&Part::Checkpoint].clone();
        checkpoint[at..at + bytes.len()].copy_from_slice(bytes);
        assert_ne!(checkpoint, delivery.parts[&Part::Checkpoint], "nothing was changed");
        delivery.replace_last(checkpoint);
        delivery
    }

    /// The last checkpoint signed again with another header or state, and the segment before it.
    fn forged(&self, edit: impl FnOnce(&mut Header, &mut Vec<u8>)) -> Delivery {
        let mut past = self.past.clone();
        past.forge_last_checkpoint(edit);
        self.honest.forged(&past)
    }

    /// Without its first checkpoint, as if it had come with the second one from a node that knows no history.
    fn inherited_late(&self) -> Delivery {
        let mut delivery = self.without(self.history()[0]);
        let bytes = &delivery.parts[&self.history()[1]];
        let header = *Checkpoint::decode(bytes, u64::MAX).unwrap().header();
        let (one, other) = (NodeKey::from_seed(&[1; 32]), NodeKey::from_seed(&[9; 32]));
        let terms = InheritanceTerms {
            agent: agent_key().public_key(),
            epoch: Epoch { major: 1, generation: 0 },
            tick: header.tick,
            budget: header.budget,
            checkpoint: Hash::of(bytes),
            module: header.code_hash,
            manifest: Hash::ZERO,
            source: other.public_key(),
            target: one.public_key(),
        };
        let inheritance = Inheritance::sign(&agent_key(), &one, terms).unwrap();
        delivery.parts.insert(Part::Certificate(1), inheritance.encode());
        delivery
    }

    pub(crate) fn without(&self, part: Part) -> Delivery {
        let mut delivery = self.honest.clone();
        delivery.parts.remove(&part).expect("it was there");
        delivery
    }

    pub(crate) fn with_record(
        &self,
        edit: impl FnOnce(&mut igor_core::format::AgentRecord),
    ) -> Delivery {
        let mut delivery = self.honest.clone();
        delivery.edit_record(edit);
        delivery
    }

    /// The last checkpoint signed by the agent after another one than it follows, and nothing else.
    fn after(&self, prev: Hash) -> Delivery {
        let last = self.last();
        let forged = Checkpoint::sign(&agent_key(), *last.header(), prev, last.state().to_vec());
        let mut delivery = self.honest.clone();
        delivery.replace_last(forged.encode());
        delivery
    }

    fn last(&self) -> Checkpoint {
        Checkpoint::decode(&self.honest.parts[&Part::Checkpoint], u64::MAX).unwrap()
    }

    fn history(&self) -> Vec<Part> {
        let parts = self.honest.parts.keys().copied();
        parts.filter(|part| matches!(part, Part::History(..))).collect()
    }

    pub(crate) fn segments(&self) -> Vec<Part> {
        let parts = self.honest.parts.keys().copied();
        parts.filter(|part| matches!(part, Part::Segment(..))).collect()
    }

    /// The same life under another manifest, as the sender's record and announcement have it.
    pub(crate) fn under_manifest(&self, text: &str) -> Delivery {
        let mut delivery = self.with_record(|record| record.manifest = Hash::of(text.as_bytes()));
        delivery.parts.insert(Part::Manifest, text.as_bytes().to_vec());
        delivery.expected.manifest = Hash::of(text.as_bytes());
        delivery
    }

    /// The same life, every segment of it lived under another manifest.
    pub(crate) fn lived_under(&self, text: &str) -> Delivery {
        let mut past = self.past.clone();
        let mut before = None;
        for name in past.segments() {
            past.forge(&name, |forgery| {
                forgery.opening.manifest = text.as_bytes().to_vec();
                if let Some(hash) = before {
                    forgery.opening.predecessor = Predecessor::Segment(hash);
                }
            });
            before = Some(past.read_segment(&name).closing.hash());
        }
        let forged = self.honest.forged(&past);
        Case { honest: forged, past }.under_manifest(text)
    }
}

/// Where a checkpoint of version 4 has what.
const BUDGET: usize = 1;
const PRICE: usize = 9;
const TICK: usize = 17;
const CODE: usize = 25;
const MAJOR: usize = 57;
const GENERATION: usize = 65;
const EXPIRY: usize = 73;
const PREV: usize = 81;
const KEY: usize = 113;
const SIGNATURE: usize = 145;
const STATE: usize = 209;

/// The order of the group that Ed25519 signatures are made in, little-endian.
const ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

/// A signature's other half plus the group's order, which a lax check takes for the same signature.
fn malleable(case: &Case) -> Delivery {
    let last = case.last();
    let Lineage { signature, .. } = *last.lineage().unwrap();
    let mut other = *signature.as_bytes();
    let mut carry = 0_u16;
    for (byte, order) in other[32..].iter_mut().zip(ORDER) {
        carry += u16::from(*byte) + u16::from(order);
        [*byte, _] = carry.to_le_bytes();
        carry >>= 8;
    }
    case.patched(SIGNATURE, &other)
}

/// A key of small order, under which a lax check takes this signature of anything.
fn small_order(case: &Case) -> Delivery {
    let mut identity = [0; 32];
    identity[0] = 1;
    let mut delivery = case.patched(SIGNATURE, &[identity, [0; 32]].concat());
    let mut bytes = delivery.parts[&Part::Checkpoint].clone();
    bytes[KEY..KEY + 32].copy_from_slice(&identity);
    delivery.replace_last(bytes.clone());
    let agent = PublicKey::from_bytes(identity);
    delivery.expected.agent = agent;
    delivery.edit_record(|record| record.public_key = agent);
    delivery.parts.retain(|part, _| !matches!(part, Part::History(..) | Part::Segment(..)));
    delivery.parts.insert(Part::History(delivery.expected.tick, 0), bytes);
    delivery
}

pub(crate) fn one_more(amount: Microcents) -> Microcents {
    amount.checked_add(Microcents::new(1).unwrap()).unwrap()
}

/// What can be done without any key: every byte of the last checkpoint is under the agent's signature.
const WITHOUT_KEYS: &[(&str, Attack, Code)] = &[
    ("budget", |case| case.patched(BUDGET, &[9]), Code::Signature),
    ("price", |case| case.patched(PRICE, &[9]), Code::Signature),
    ("tick", |case| case.patched(TICK, &[9]), Code::Signature),
    ("module", |case| case.patched(CODE, &[9]), Code::Hash),
    ("epoch", |case| case.patched(MAJOR, &[9]), Code::Signature),
    ("generation", |case| case.patched(GENERATION, &[9]), Code::Signature),
    ("lease", |case| case.patched(EXPIRY, &[9]), Code::Signature),
    ("prev", |case| case.patched(PREV, &[9; 2]), Code::Signature),
    (
        "key",
        |case| case.patched(KEY, AgentKey::from_seed(&[9; 32]).public_key().as_bytes()),
        Code::Signature,
    ),
    ("signature", |case| case.patched(SIGNATURE, &[9; 2]), Code::Signature),
    ("no signature", |case| case.patched(SIGNATURE, &[0; 64]), Code::Signature),
    ("state", |case| case.patched(STATE, &[9]), Code::Signature),
    ("version 3", |case| case.patched(0, &[3]), Code::Signature),
    ("version 5", |case| case.patched(0, &[5]), Code::Lineage),
    ("negative budget", |case| case.patched(BUDGET, &[0xff; 8]), Code::Lineage),
    ("malleable signature", malleable, Code::Signature),
    ("small-order key", small_order, Code::Signature),
];

/// Another tick, or another module, than is announced in the name of the file and the announcement.
const WITH_THE_AGENTS_KEY: &[(&str, Attack, Code)] = &[
    (
        "budget raised",
        |case| case.forged(|header, _| header.budget = one_more(header.budget)),
        Code::Replay,
    ),
    (
        "money from nowhere",
        |case| case.forged(|header, _| header.budget = Microcents::MAX),
        Code::Lineage,
    ),
    (
        "price raised",
        |case| case.forged(|header, _| header.price = Price::per_second(Microcents::MAX)),
        Code::Replay,
    ),
    ("another state", |case| case.forged(|_, state| state.push(0)), Code::Replay),
    (
        "another module",
        |case| case.forged(|header, _| header.code_hash = Hash::of(b"other")),
        Code::Hash,
    ),
    ("a tick that was not", |case| case.forged(|header, _| header.tick = Tick(13)), Code::Lineage),
    (
        "a lower epoch after",
        |case| {
            let mut past = case.past.clone();
            past.forge_last_checkpoint(|header, _| header.epoch.major = 2);
            let name = past.last_segment();
            past.forge(&name, |forgery| forgery.opening.epoch.major = 2);
            let mut delivery = case.honest.forged(&past);
            let last = Checkpoint::decode(&delivery.parts[&Part::Checkpoint], u64::MAX).unwrap();
            let header = *case.last().header();
            let lower = Checkpoint::sign(&agent_key(), header, last.hash(), Vec::new()).encode();
            delivery.parts.insert(Part::History(header.tick, 1), lower.clone());
            delivery.replace_last(lower);
            delivery
        },
        Code::Lineage,
    ),
    ("a chain that begins here", |case| case.after(Hash::ZERO), Code::Lineage),
    ("a chain after nothing known", |case| case.after(Hash::of(b"nothing")), Code::Lineage),
    (
        "a chain after an earlier one",
        |case| {
            let earlier = case.history()[1];
            case.after(Hash::of(&case.honest.parts[&earlier]))
        },
        Code::Lineage,
    ),
    (
        "a fork beside the last",
        |case| {
            let last = case.last();
            let prev = last.lineage().unwrap().prev;
            let header = Header { budget: Microcents::ZERO, ..*last.header() };
            let fork = Checkpoint::sign(&agent_key(), header, prev, last.state().to_vec());
            let mut delivery = case.honest.clone();
            delivery.parts.insert(Part::History(header.tick, 1), fork.encode());
            delivery
        },
        Code::Lineage,
    ),
    (
        "one checkpoint more than the current one",
        |case| {
            let last = case.last();
            let header = Header { tick: Tick(13), ..*last.header() };
            let more = Checkpoint::sign(&agent_key(), header, last.hash(), Vec::new());
            let mut delivery = case.honest.clone();
            delivery.parts.insert(Part::History(Tick(13), 0), more.encode());
            delivery
        },
        Code::Lineage,
    ),
    (
        "an earlier one as the current one",
        |case| {
            let mut delivery = case.honest.clone();
            let last = delivery.last_place();
            let kept = delivery.parts[&last].clone();
            let earlier = delivery.parts[&case.history()[2]].clone();
            delivery.replace_last(earlier);
            delivery.parts.insert(last, kept);
            delivery
        },
        Code::Lineage,
    ),
    (
        "a past checkpoint in another's place",
        |case| {
            let mut delivery = case.honest.clone();
            let moved = delivery.parts.remove(&case.history()[1]).unwrap();
            delivery.parts.insert(Part::History(Tick(4), 7), moved);
            delivery
        },
        Code::Lineage,
    ),
    (
        "the life of another agent",
        |case| {
            let mut from = Site::new(3, "wasmi", false);
            from.world.key_seed = [8; 32];
            from.world.run(&Guest::counter(), 3).unwrap();
            let mut delivery = from.deliver(&Guest::counter());
            delivery.expected.agent = case.honest.expected.agent;
            delivery.edit_record(|record| record.public_key = case.honest.expected.agent);
            delivery
        },
        Code::Signature,
    ),
    (
        "another agent's record",
        |case| {
            case.with_record(|record| {
                record.public_key = AgentKey::from_seed(&[8; 32]).public_key()
            })
        },
        Code::Hash,
    ),
];

pub(crate) const LEFT_OUT: &[(&str, Attack, Code)] = &[
    ("the first checkpoint", |case| case.without(case.history()[0]), Code::Lineage),
    ("the first checkpoint, explained", Case::inherited_late, Code::Lineage),
    ("a checkpoint between", |case| case.without(case.history()[1]), Code::Lineage),
    ("the last checkpoint", |case| case.without(case.honest.last_place()), Code::Lineage),
    ("the current checkpoint", |case| case.without(Part::Checkpoint), Code::Hash),
    ("the record", |case| case.without(Part::Record), Code::Hash),
    ("the module", |case| case.without(Part::Module), Code::Hash),
    ("the manifest", |case| case.without(Part::Manifest), Code::Hash),
    ("a segment between", |case| case.without(case.segments()[1]), Code::Lineage),
    (
        "every segment",
        |case| {
            let mut delivery = case.honest.clone();
            delivery.parts.retain(|part, _| !matches!(part, Part::Segment(..)));
            delivery.edit_record(|record| record.current.predecessor = Predecessor::NotJournaled);
            delivery
        },
        Code::Replay,
    ),
];

/// What the refusal of an attack says, where its code alone could have another cause.
const REASONS: &[(&str, &str)] = &[
    ("a budget that is announced", "its budget was announced"),
    ("a chain after an earlier one", "fork"),
    ("a chain after nothing known", "broken link"),
    ("a chain that begins here", "fork"),
    ("a charge forgotten", "0 microcents were charged"),
    ("a checkpoint between", "broken link"),
    ("a fork beside the last", "fork"),
    ("a lower epoch after", "the epoch falls from 2.0 to 0.0"),
    ("a module that is none, everywhere", "its module was announced"),
    ("a name that is a path", "path separator"),
    ("a past checkpoint in another's place", "not named after its content"),
    ("a remainder at its beginning", "the segment states carry"),
    ("a segment between", "missing segment"),
    ("a tick that was not", "not named after its content"),
    ("an earlier one as the current one", "one checkpoint ahead"),
    ("another state", "state: expected"),
    ("budget raised", "the segment ends with budget"),
    ("every segment", "not journaled"),
    ("manifest widened", "another manifest"),
    ("money from nowhere", "without a fund record"),
    ("one checkpoint more than the current one", "one checkpoint ahead"),
    ("other limits", "other limits"),
    ("price raised", "the segment states price"),
    ("the first checkpoint", "truncated head"),
    ("the first checkpoint, explained", "begins where the agent came from"),
    ("the last checkpoint", "does not end with the checkpoint"),
    ("the life of another agent", "instead of"),
    ("the module of another agent, everywhere", "its module was announced"),
];

/// Sends what each attack makes of an honest life; it is refused under its code and nothing is written.
pub(crate) fn refused(attacks: &[(&str, Attack, RefusalCode)]) {
    let (guest, case) = case();
    for engine in ["wasmtime", "wasmi"] {
        let to = Site::new(2, engine, false);
        let before = to.everything(&guest);
        for (name, attack, code) in attacks {
            let refusal = to.examine(&attack(&case)).map(|_| ()).expect_err(name);
            assert_eq!(refusal.code(), *code, "{engine}, {name}: {refusal}");
            let says = REASONS.iter().find(|(of, _)| of == name).map_or("", |(_, says)| says);
            assert!(refusal.to_string().contains(says), "{engine}, {name}: {refusal}");
            assert_eq!(to.everything(&guest), before, "{engine}, {name}: something was written");
        }
        to.examine(&case.honest).map(|_| ()).expect("the honest one is taken after all that");
    }
}

#[test]
fn a_checkpoint_that_is_changed_without_the_agents_key_is_refused() {
    refused(WITHOUT_KEYS);
}

#[test]
fn a_life_that_is_forged_with_the_agents_key_is_refused() {
    refused(WITH_THE_AGENTS_KEY);
}

#[test]
fn a_life_that_lacks_a_part_is_refused() {
    refused(LEFT_OUT);
}
