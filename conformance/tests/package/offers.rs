//! The last step: an agent that was announced, checked and staged comes with an offer and with what it did
//! since. What does not go together with what was announced, or with itself, is refused, and the agent is
//! not here then.

use conformance::world::Guest;
use igor_core::format::RefusalCode as Code;
use igor_core::format::{
    AgentKey, Checkpoint, Epoch, Hash, Header, Microcents, OfferTerms, Part, PublicKey,
    RefusalCode, Tick,
};
use igor_core::handoff::{Custody, VerifiedOffer};
use igor_core::storage::Key;
use igor_node::handoff::package::Refusal;

use crate::support::{Delivery, Site, agent_key, name};

/// An agent that was announced, and what it did since.
struct Case {
    guest: Guest,
    from: Site,
    announced: Delivery,
    news: Delivery,
}

fn case() -> Case {
    let guest = Guest::counter();
    let from = Site::new(1, "wasmtime", false);
    from.world.run(&guest, 7).unwrap();
    let announced = from.deliver(&guest);
    from.world.run(&guest, 7).unwrap();
    let news = from.deliver_since(&guest, &announced);
    Case { guest, from, announced, news }
}

impl Case {
    fn whole(&self, news: &Delivery) -> Delivery {
        let mut whole = self.announced.clone();
        whole.parts.extend(news.parts.clone());
        whole
    }

    fn offer(
        &self,
        to: PublicKey,
        news: &Delivery,
        edit: impl FnOnce(&mut OfferTerms),
    ) -> VerifiedOffer {
        self.from.offer_with(&self.whole(news), to, 1, edit)
    }

    fn without(&self, part: Part) -> Delivery {
        let mut news = self.news.clone();
        news.parts.remove(&part).expect("it was there");
        news
    }

    fn with(&self, part: Part, bytes: &[u8]) -> Delivery {
        let mut news = self.news.clone();
        news.parts.insert(part, bytes.to_vec());
        news
    }

    fn last_place(&self) -> Part {
        self.news.last_place()
    }

    /// The last checkpoint of the news signed again, with a record that knows it.
    fn forged(&self, edit: impl FnOnce(&mut Header, &mut Hash)) -> Delivery {
        let last = Checkpoint::decode(&self.news.parts[&Part::Checkpoint], u64::MAX).unwrap();
        let (mut header, mut prev) = (*last.header(), last.lineage().unwrap().prev);
        edit(&mut header, &mut prev);
        let forged = Checkpoint::sign(&agent_key(), header, prev, last.state().to_vec());
        let mut news = self.news.clone();
        news.replace_last(forged.encode());
        news
    }
}

/// What comes, under which terms, with whose key.
struct Coming {
    news: Delivery,
    terms: fn(&mut OfferTerms),
    key: AgentKey,
}

impl Coming {
    fn news(news: Delivery) -> Self {
        Self { news, terms: |_| {}, key: agent_key() }
    }

    fn terms(case: &Case, terms: fn(&mut OfferTerms)) -> Self {
        Self { terms, ..Self::news(case.news.clone()) }
    }
}

type Attack = fn(&Case) -> Coming;

const ATTACKS: &[(&str, Attack, Code, &str)] = &[
    ("tick", |case| Coming::terms(case, |terms| terms.tick = Tick(15)), Code::Hash, "its tick"),
    (
        "budget",
        |case| Coming::terms(case, |terms| terms.budget = Microcents::MAX),
        Code::Hash,
        "its budget",
    ),
    (
        "checkpoint",
        |case| Coming::terms(case, |terms| terms.checkpoint = Hash::ZERO),
        Code::Hash,
        "its checkpoint",
    ),
    ("module", |case| Coming::terms(case, |terms| terms.module = Hash::ZERO), Code::Hash, "module"),
    (
        "manifest",
        |case| Coming::terms(case, |terms| terms.manifest = Hash::ZERO),
        Code::Hash,
        "its manifest",
    ),
    ("record", |case| Coming::terms(case, |terms| terms.record = Hash::ZERO), Code::Hash, "record"),
    (
        "the key of another agent",
        |case| Coming { key: AgentKey::from_seed(&[8; 32]), ..Coming::news(case.news.clone()) },
        Code::Signature,
        "another agent",
    ),
    (
        "an epoch that is not above",
        |case| {
            Coming::news(case.forged(|header, _| header.epoch = Epoch { major: 1, generation: 0 }))
        },
        Code::Stale,
        "begins epoch 1",
    ),
    (
        "a checkpoint after nothing",
        |case| Coming::news(case.forged(|_, prev| *prev = Hash::ZERO)),
        Code::Lineage,
        "broken link",
    ),
    (
        "more money",
        |case| Coming::news(case.forged(|header, _| header.budget = Microcents::MAX)),
        Code::Lineage,
        "without a fund record",
    ),
    (
        "a checkpoint that no segment leads to",
        |case| Coming::news(case.forged(|header, _| header.price = Default::default())),
        Code::Replay,
        "not journaled",
    ),
    (
        "no new history",
        |case| Coming::news(case.without(case.last_place())),
        Code::Lineage,
        "does not end with",
    ),
    (
        "a gap",
        |case| {
            let first = case.news.parts.keys().find(|part| matches!(part, Part::History(..)));
            Coming::news(case.without(*first.unwrap()))
        },
        Code::Lineage,
        "broken link",
    ),
    (
        "a segment left out",
        |case| {
            let first = case.news.parts.keys().find(|part| matches!(part, Part::Segment(..)));
            Coming::news(case.without(*first.unwrap()))
        },
        Code::Lineage,
        "missing segment",
    ),
    (
        "another manifest",
        |case| Coming::news(case.with(Part::Manifest, b"{}")),
        Code::Hash,
        "manifest was announced before",
    ),
    (
        "another module",
        |case| Coming::news(case.with(Part::Module, b"\0asm")),
        Code::Hash,
        "module was announced before",
    ),
    (
        "a summary",
        |case| Coming::news(case.with(Part::Summary, b"")),
        Code::Hash,
        "summary was announced before",
    ),
    (
        "another past",
        |case| Coming::news(case.with(Part::History(Tick(4), 0), b"")),
        Code::Hash,
        "was announced before",
    ),
    (
        "another past segment",
        |case| Coming::news(case.with(Part::Segment(Tick(4), 0), b"")),
        Code::Hash,
        "was announced before",
    ),
    (
        "other limits",
        |case| {
            let mut news = case.news.clone();
            news.edit_record(|record| record.limits.tick_gas_max -= 1);
            Coming::news(news)
        },
        Code::Hash,
        "states other limits",
    ),
    (
        "another remainder",
        |case| {
            let mut news = case.news.clone();
            news.edit_record(|record| record.current.carry = igor_core::format::Carry::ZERO);
            Coming::news(news)
        },
        Code::Hash,
        "its remainder",
    ),
];

#[test]
fn an_offer_that_does_not_go_with_what_was_announced_is_refused() {
    let case = case();
    for engine in ["wasmi", "wasmtime"] {
        for (attack, make, code, says) in ATTACKS {
            let to = Site::new(2, engine, false);
            let staged = to.stage(to.examine(&case.announced).unwrap()).unwrap();
            let before = to.everything(&case.guest);
            let Coming { news, terms, key } = make(&case);
            let offer = case.offer(to.id(), &news, terms);
            let refusal = to.complete(staged, &offer, key, &news).map(|_| ()).expect_err(attack);
            assert_eq!(refusal.code(), *code, "{engine}, {attack}: {refusal}");
            assert!(refusal.to_string().contains(says), "{engine}, {attack}: {refusal}");
            assert_eq!(to.everything(&case.guest), before, "{engine}, {attack}");
            assert!(!before.contains_key(&Key::Checkpoint(name(&case.guest))), "{attack}");
            assert!(!before.contains_key(&Key::Identity(name(&case.guest))), "{attack}");
            let (_, custody) = Custody::decode(&before[&Key::Custody(name(&case.guest))]).unwrap();
            assert_eq!(custody, Custody::default(), "{attack}");
        }
    }
}

#[test]
fn what_an_agent_did_since_it_was_announced_comes_last_and_alone() {
    let case = case();
    let to = Site::new(2, "wasmi", false);
    let staged = to.stage(to.examine(&case.announced).unwrap()).unwrap();
    let bulk =
        |part: &Part| matches!(part, Part::Module | Part::Manifest | Part::History(Tick(0..=7), 0));
    assert!(!case.news.parts.keys().any(bulk), "{:?}", case.news.parts.keys());
    let offer = case.offer(to.id(), &case.news, |_| {});
    let complete = to.complete(staged, &offer, agent_key(), &case.news);
    let taken = to.take(&case.guest, complete.unwrap(), &offer);
    let transcript = to.run(to.launch(taken, 2));
    assert_eq!(transcript.ticks().map(|it| it.tick.0).collect::<Vec<_>>(), [15, 16]);
    let whole = case.whole(&case.news).parts;
    let arrived = to.deliver(&case.guest).parts;
    for (part, bytes) in whole {
        if !matches!(part, Part::Record | Part::Checkpoint) {
            assert_eq!(arrived.get(&part), Some(&bytes), "{part}");
        }
    }
    let certificate = &arrived[&Part::Certificate(1)];
    assert_eq!(*certificate, offer.offer().encode());
}

#[test]
fn what_was_staged_is_not_sent_again_and_can_be_discarded() {
    let case = case();
    let to = Site::new(2, "wasmi", true);
    drop(to.stage(to.examine(&case.announced).unwrap()).unwrap());
    let left = to.everything(&case.guest);
    let parts = to.lacks(&case.announced);
    assert_eq!(parts, [Part::Record], "the rest is here");
    assert!(to.world.launch(&case.guest, Some(1)).is_err(), "and runs nowhere");
    assert_eq!(to.everything(&case.guest), left);
    assert!(to.discard(&case.guest).unwrap());
    let module = Key::Module(Hash::of(&case.guest.module));
    let manifest = Key::Manifest(case.announced.expected.manifest);
    assert!(
        to.everything(&case.guest).keys().eq([&module, &manifest]),
        "only what is shared stays"
    );
    assert!(!to.discard(&case.guest).unwrap());
    to.examine(&case.announced).map(|_| ()).unwrap();
}

#[test]
fn an_agent_that_is_being_taken_is_claimed() {
    let case = case();
    let to = Site::new(2, "wasmi", true);
    let first = to.examine(&case.announced).unwrap();
    let second = to.examine(&case.announced).unwrap();
    let staged = to.stage(first).unwrap();
    let refusal = to.stage(second).map(|_| ()).unwrap_err();
    assert_eq!(refusal.code(), RefusalCode::Held, "{refusal}");
    drop(staged);
    let again = to.examine(&case.announced).unwrap();
    to.stage(again).map(|_| ()).unwrap();
}

#[test]
fn a_node_takes_no_agent_that_it_has_or_whose_name_another_has_or_whose_future_it_knows() {
    let case = case();
    let refused = |to: &Site, delivery: &Delivery, code: Code| -> Refusal {
        let before = to.everything(&case.guest);
        let refusal = to.examine(delivery).map(|_| ()).unwrap_err();
        assert_eq!(refusal.code(), code, "{refusal}");
        assert_eq!(to.everything(&case.guest), before);
        refusal
    };
    refused(&case.from, &case.announced, Code::Held);
    let mut other = Site::new(3, "wasmi", false);
    other.world.key_seed = [8; 32];
    other.world.run(&case.guest, 1).unwrap();
    refused(&other, &case.announced, Code::NameTaken);

    // It went away with 14 ticks; what comes back has 7 of them.
    let offer = case.offer(other.id(), &case.news, |_| {});
    case.from.release(&case.guest, &offer);
    refused(&case.from, &case.announced, Code::Stale);
    // Or it lived another life after them.
    let copy = Site::new(1, "wasmtime", false);
    copy.world.run(&case.guest, 5).unwrap();
    copy.world.run(&case.guest, 12).unwrap();
    let refusal = refused(&case.from, &copy.deliver(&case.guest), Code::Lineage);
    assert!(matches!(refusal, Refusal::Fork { .. }), "{refusal}");
}
