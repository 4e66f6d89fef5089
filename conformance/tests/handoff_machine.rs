//! Made-up courses of the handoff machine. The property is `conformance::fuzz::handoff`'s; here it gets seeds, and
//! machines that break one rule each, to show that the breach is seen. The first failure names the seed.

#![allow(clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::VecDeque;

use conformance::fuzz::handoff::{Course, Machine, check};
use conformance::{Effort, Rng, seed};
use igor_core::format::{PublicKey, Verdict};
use igor_core::handoff::{
    Action, Custodian, Custody, Event, Holding, Message, Schedule, VerifiedOffer,
};

/// Courses that are made up in one run, and in search of a known fault.
const MADE_UP: usize = 2_000;
const ENTROPY_BYTES: usize = 2_048;

/// `count` seeds of which the first is this run's, so that each can be repeated as the first of a run.
fn seeds(count: usize) -> Vec<u64> {
    let mut rng = Rng::new(seed());
    let others = std::iter::repeat_with(|| rng.next_u64());
    std::iter::once(seed()).chain(others).take(Effort::current().rounds(count)).collect()
}

#[test]
fn made_up_courses_keep_every_clause() {
    let (mut all, seeds) = (Course::default(), seeds(MADE_UP));
    for seed in &seeds {
        match check::<Custodian>(&Rng::new(*seed).bytes(ENTROPY_BYTES)) {
            Ok(course) => {
                all.steps += course.steps;
                all.moved += course.moved;
                all.refused += course.refused;
            }
            Err(problem) => panic!(
                "seed {seed}: {problem}\nto repeat: IGOR_CONFORMANCE_SEED={seed} cargo test -p \
                 conformance --test handoff_machine"
            ),
        }
    }
    println!("{all:?} in {} courses", seeds.len());
    assert!(all.moved > seeds.len() / 10, "{all:?}: agents move");
    assert!(all.refused > seeds.len() / 10, "{all:?}: offers are refused");
}

/// A rule that a machine breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// The offer is sent before it is durable.
    OffersTooEarly,
    /// An agent is accepted before that is durable.
    AcceptsTooEarly,
    /// Who offered the agent ticks it again after a restart.
    TicksAfterARestart,
    /// A restart takes refusals with it.
    ForgetsWhatItRefused,
    /// A restart takes with it under which offers the agent came.
    ForgetsWhatItTook,
    /// What anybody says counts as said by the node that was asked.
    BelievesAnybody,
    /// What was withdrawn is refused without that being written.
    RefusesWithoutWriting,
}

/// A machine with a fault, which is the number `FAULT` of [`FAULTS`].
struct Faulty<const FAULT: usize> {
    me: PublicKey,
    sound: Custodian,
    early: VecDeque<Action>,
    offered: Option<VerifiedOffer>,
    durable: Custody,
}

const FAULTS: [Fault; 7] = [
    Fault::OffersTooEarly,
    Fault::AcceptsTooEarly,
    Fault::TicksAfterARestart,
    Fault::ForgetsWhatItRefused,
    Fault::ForgetsWhatItTook,
    Fault::BelievesAnybody,
    Fault::RefusesWithoutWriting,
];

impl<const FAULT: usize> Machine for Faulty<FAULT> {
    fn new(me: PublicKey, mut custody: Custody, schedule: Schedule, now_ns: u64) -> Self {
        match (FAULTS[FAULT], &custody.holding) {
            (Fault::TicksAfterARestart, Holding::Offered { held, .. }) => {
                custody.holding = Holding::Held(*held);
            }
            (Fault::ForgetsWhatItRefused, Holding::Absent) => custody.decided = 0,
            (Fault::ForgetsWhatItTook, _) => custody.taken.clear(),
            _ => {}
        }
        let durable = custody.clone();
        let sound = Custodian::new(me, custody, schedule, now_ns);
        Self { me, sound, early: VecDeque::new(), offered: None, durable }
    }

    fn handle(&mut self, now_ns: u64, event: Event) {
        let event = match (FAULTS[FAULT], event) {
            (Fault::BelievesAnybody, Event::Received { from, message }) => {
                let from = match (&message, &self.sound.custody().holding) {
                    (Message::Offer(offer) | Message::Withdraw(offer), _) => offer.terms().source,
                    (Message::Answer(_), Holding::Offered { offer, .. }) => offer.terms().target,
                    _ => from,
                };
                Event::Received { from, message }
            }
            (_, event) => event,
        };
        if let Event::Received { message: Message::Offer(offer), .. } = &event {
            self.offered = Some(*offer);
        }
        if let (Fault::RefusesWithoutWriting, Event::Received { message, .. }) =
            (FAULTS[FAULT], &event)
            && let Message::Withdraw(offer) = message
            && offer.terms().target == self.me
            && offer.epoch() > self.durable.decided
        {
            let (to, offer) = (offer.terms().source, *offer);
            self.early.push_back(Action::Answer { to, offer, verdict: Verdict::Refused });
            return;
        }
        self.sound.handle(now_ns, event);
        self.durable = self.sound.custody().clone();
    }

    fn poll(&mut self) -> Option<Action> {
        if let Some(action) = self.early.pop_front() {
            return Some(action);
        }
        let action = self.sound.poll()?;
        if let Action::Write(custody) = &action {
            match (FAULTS[FAULT], &custody.holding, self.offered) {
                (Fault::OffersTooEarly, Holding::Offered { offer, .. }, _) => {
                    let (to, message) = (offer.terms().target, Message::Offer(*offer));
                    self.early.push_back(Action::Send { to, message });
                }
                (Fault::AcceptsTooEarly, Holding::Held(epoch), Some(offer))
                    if offer.epoch() == *epoch && offer.terms().target == self.me =>
                {
                    let (to, verdict) = (offer.terms().source, Verdict::Accepted);
                    self.early.push_back(Action::Answer { to, offer, verdict });
                }
                _ => {}
            }
        }
        Some(action)
    }

    fn wake_at(&self) -> Option<u64> {
        self.sound.wake_at()
    }
}

fn breach<M: Machine>() -> Option<String> {
    let mut seeds = seeds(MADE_UP).into_iter();
    seeds.find_map(|seed| {
        let broken = check::<M>(&Rng::new(seed).bytes(ENTROPY_BYTES)).err()?;
        Some(format!("seed {seed}: {broken}"))
    })
}

#[test]
fn machines_that_break_a_rule_are_seen() {
    let breaches = [
        breach::<Faulty<0>>(),
        breach::<Faulty<1>>(),
        breach::<Faulty<2>>(),
        breach::<Faulty<3>>(),
        breach::<Faulty<4>>(),
        breach::<Faulty<5>>(),
        breach::<Faulty<6>>(),
    ];
    for (fault, breach) in FAULTS.iter().zip(breaches) {
        println!("{fault:?}: {breach:?}");
        assert!(breach.is_some(), "{fault:?} is not seen");
    }
}
