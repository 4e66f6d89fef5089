//! Who may offer an agent: the node that held it by its history, so that whoever takes it can pass it on. What
//! operators do between two moves is honest, and stays possible.

use conformance::world::Guest;
use igor_core::format::{HistoryFile, HistoryReport, Part, PublicKey, RefusalCode};
use igor_core::handoff::Custody;
use igor_core::storage::Key;
use igor_node::handoff::package::Refusal;
use igor_node::{CommitMode, collect, force_epoch};

use crate::support::{Delivery, Site, agent_key, carry, name};

/// The node that has an agent and offers it, with the epoch that begins then, and what was announced of it
/// before, if that is not all.
struct Offering {
    from: Site,
    epoch: u64,
    announced: Option<Delivery>,
}

impl Offering {
    fn of(from: Site, epoch: u64) -> Self {
        Self { from, epoch, announced: None }
    }

    /// Lets `to` look at the agent and then at the offer of it.
    fn take(&self, guest: &Guest, to: &Site) -> Result<(), Refusal> {
        let all = self.from.deliver(guest);
        let announced = self.announced.as_ref().unwrap_or(&all);
        let news = self.from.deliver_since(guest, announced);
        let staged = to.stage(to.examine(announced)?)?;
        let before = to.everything(guest);
        let offer = self.from.offer(&all, to.id(), self.epoch);
        let complete = to.complete(staged, &offer, agent_key(), &news);
        assert_eq!(to.everything(guest), before, "nothing is durable when it was looked at");
        let (_, custody) = Custody::decode(&before[&Key::Custody(name(guest))]).unwrap();
        assert_eq!(custody, Custody::default());
        self.from.release(guest, &offer);
        to.take(guest, complete?, &offer);
        Ok(())
    }
}

fn unjournaled(mut site: Site) -> Site {
    site.world.node.mode = CommitMode::Checkpoint;
    site
}

fn ran(site: Site, guest: &Guest) -> Site {
    site.world.run(guest, 3).unwrap();
    site
}

fn forced(site: Site, guest: &Guest) -> Site {
    pollster::block_on(force_epoch(site.storage(), &name(guest), 1 << 20, false)).unwrap();
    site
}

fn without_segments(site: Site, guest: &Guest) -> Site {
    let agent = name(guest);
    let gone = collect(&site.world.node, &agent, 0, 1 << 20, false);
    assert!(pollster::block_on(gone).unwrap().removed > 0);
    site
}

fn verified(site: &Site, guest: &Guest) -> HistoryReport {
    pollster::block_on(conformance::world::verify(site.storage(), &name(guest), 1 << 20))
}

/// Node 1, at which the agent began.
fn first(guest: &Guest) -> Site {
    ran(Site::new(1, "wasmi", false), guest)
}

/// Node 2, to which node 1 gave it in epoch 5, and at which it never ran.
fn given(guest: &Guest) -> Site {
    let to = taking(2);
    carry(&first(guest), &to, guest, 5);
    to
}

/// A node that takes what it cannot prove too.
fn taking(number: u8) -> Site {
    let mut site = Site::new(number, "wasmi", false);
    site.accepts_unproven = true;
    site
}

type Make = fn(&Guest) -> Offering;

/// How an agent is offered that is refused, with which code, and the nodes that offer it and held it.
type Refused = (&'static str, Make, RefusalCode, Option<(u8, u8)>);

const REFUSED: &[Refused] = &[
    (
        "another node sealed what happened last",
        |guest| Offering::of(first(guest).with_key_of(3), 9),
        RefusalCode::Lineage,
        Some((3, 1)),
    ),
    (
        "it was given to another node",
        |guest| Offering::of(given(guest).with_key_of(3), 9),
        RefusalCode::Lineage,
        Some((3, 2)),
    ),
    (
        "it was given to another node, and went on in that epoch",
        |guest| Offering::of(ran(unjournaled(given(guest).with_key_of(3)), guest), 9),
        RefusalCode::Lineage,
        Some((3, 2)),
    ),
    (
        "another node sealed what happened since it was announced",
        |guest| {
            let from = first(guest);
            let announced = Some(from.deliver(guest));
            let from = ran(from.with_key_of(3), guest).with_key_of(1);
            Offering { from, epoch: 9, announced }
        },
        RefusalCode::Lineage,
        Some((1, 3)),
    ),
    (
        "the epoch had ended when it was given away",
        |guest| Offering::of(given(guest), 4),
        RefusalCode::Stale,
        None,
    ),
    (
        "the epoch had begun when it was given away",
        |guest| Offering::of(given(guest), 5),
        RefusalCode::Stale,
        None,
    ),
];

#[test]
fn only_the_node_that_held_an_agent_can_offer_it() {
    let guest = Guest::counter();
    let id = |number: u8| -> PublicKey { Site::new(number, "wasmi", false).id() };
    for (case, make, code, nodes) in REFUSED {
        let offering = make(&guest);
        let refusal = offering.take(&guest, &taking(4)).expect_err(case);
        assert_eq!(refusal.code(), *code, "{case}: {refusal}");
        match (refusal, nodes) {
            (Refusal::NotHolder { source_node, held_by }, Some((offers, held))) => {
                assert_eq!((source_node, held_by), (id(*offers), id(*held)), "{case}");
            }
            (Refusal::Epoch { reached: 5, .. }, None) => {}
            (refusal, _) => panic!("{case}: {refusal}"),
        }
    }
}

const TAKEN: &[(&str, Make)] = &[
    ("where it began", |guest| Offering::of(first(guest), 9)),
    ("where it began, without a journal", |guest| {
        Offering::of(ran(unjournaled(Site::new(1, "wasmi", false)), guest), 9)
    }),
    ("given, and offered before it ran", |guest| Offering::of(given(guest), 9)),
    ("given, and run", |guest| Offering::of(ran(given(guest), guest), 9)),
    ("given, and run without a journal", |guest| {
        Offering::of(ran(unjournaled(given(guest)), guest), 9)
    }),
    ("run on a copy of the disk", |guest| Offering::of(ran(first(guest).with_key_of(3), guest), 9)),
    ("given, and run on a copy of the disk", |guest| {
        Offering::of(ran(given(guest).with_key_of(3), guest), 9)
    }),
    ("run on a copy of the disk since it was announced", |guest| {
        let from = first(guest);
        let announced = Some(from.deliver(guest));
        Offering { from: ran(from.with_key_of(3), guest), epoch: 9, announced }
    }),
    ("forced", |guest| Offering::of(ran(forced(first(guest), guest), guest), 9)),
    ("forced on a copy of the disk, without a journal", |guest| {
        let copy = unjournaled(forced(given(guest).with_key_of(3), guest));
        Offering::of(ran(copy, guest), 9)
    }),
    ("forced on a copy of the disk, with nothing left of the journal", |guest| {
        let copy = ran(forced(ran(given(guest), guest).with_key_of(3), guest), guest);
        Offering::of(without_segments(copy, guest), 9)
    }),
];

#[test]
fn an_agent_that_was_taken_can_be_passed_on() {
    let guest = Guest::counter();
    for (case, make) in TAKEN {
        let offering = make(&guest);
        let (to, next) = (taking(4), taking(5));
        offering.take(&guest, &to).unwrap_or_else(|refusal| panic!("{case}: {refusal}"));
        for (from, to, epoch) in [(&to, &next, 10), (&next, &to, 11)] {
            let taken = carry(from, to, &guest, epoch);
            to.run(to.launch(taken, 2));
        }
        let parts = to.deliver(&guest).parts;
        let certificates = parts.keys().filter(|part| matches!(part, Part::Certificate(9..)));
        assert_eq!(certificates.count(), 3, "{case}");
        let report = verified(&to, &guest);
        assert!(report.is_valid(), "{case}: {:?}", report.findings);
        assert_eq!(report.holder.map(|it| it.node), Some(to.id()), "{case}");
    }
}

#[test]
fn a_node_that_nobody_says_had_the_agent_is_noted() {
    let guest = Guest::counter();
    let from = ran(unjournaled(forced(first(&guest).with_key_of(3), &guest)), &guest);
    let to = taking(4);
    Offering::of(from, 9).take(&guest, &to).unwrap();
    let findings = verified(&to, &guest).findings;
    let file = HistoryFile::Certificate { epoch: 9 }.to_string();
    let found: Vec<_> = findings.iter().map(|it| (it.file.clone(), it.kind.name())).collect();
    assert_eq!(found, [(Some(file), "node_changed")]);
}
