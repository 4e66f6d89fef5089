//! Lives that happened as they were recorded, on any mixture of engines, are proven to the last tick.
//! Nothing here was changed afterwards.

use igor_core::format::{Price, Record};
use igor_node::{CheckKind, CheckPlan, OnDivergence, OnHiddenState, RunEvent, StopReason};

use super::{ReplaySubject, Text, run, witness};
use crate::world::{Guest, World, amount};
use crate::{Case, Effort};

/// How many ticks a long life has; with more effort ten times as many.
const LONG: usize = 1_000;
/// What opens the clock and randomness to guests that know WASI only.
const CLOCK_AND_RAND: &str = r#"{"capabilities":{"clock":{"version":1},"rand":{"version":1}}}"#;

pub(super) fn cases() -> Vec<Case<ReplaySubject>> {
    crate::cases![ReplaySubject;
        a_long_life_of_heartbeat_is_proven covers [],
        a_long_life_of_liquidation_is_proven covers [],
        a_long_life_of_survivor_is_proven covers [],
        a_guest_with_rusts_standard_library_is_proven covers [],
        a_guest_with_a_c_library_is_proven covers [],
        every_function_of_wasi_is_proven covers [],
        a_relay_between_engines_equals_a_life_on_one covers [],
        an_agent_with_hidden_state_is_proven_and_reported covers [],
        a_tick_that_trapped_is_proven covers [],
        a_tick_that_the_budget_did_not_pay_for_is_proven covers [],
    ]
}

/// A long life on one engine is proven on every other.
#[track_caller]
fn long_life(subject: &ReplaySubject, agent: &str) {
    let guest = Guest::prebuilt(agent);
    let world = World { budget: amount("100000"), ..subject.world() };
    let ticks = u64::try_from(Effort::current().rounds(LONG)).expect("few");
    let transcript = world.run(&guest, ticks).unwrap_or_else(|error| panic!("{error}"));
    let past = world.past(&guest);
    let subject = subject.with_others();
    subject.prove(&past, ticks);
    let spent = amount("100000").checked_sub(transcript.stopped().budget).expect("it paid");
    for (engine, audit) in subject.audits(&past).take(1) {
        assert_eq!(audit.charges.exact, spent, "{engine}: every charge was computed again");
    }
}

fn a_long_life_of_heartbeat_is_proven(subject: &ReplaySubject) {
    long_life(subject, "heartbeat");
}

fn a_long_life_of_liquidation_is_proven(subject: &ReplaySubject) {
    long_life(subject, "liquidation");
}

fn a_long_life_of_survivor_is_proven(subject: &ReplaySubject) {
    long_life(subject, "survivor");
}

/// With the node's time and randomness, and with what stands in for them.
fn wasi(subject: &ReplaySubject, module: &[u8]) {
    for manifest in ["{}", CLOCK_AND_RAND] {
        let guest = Guest::new("guest", module, manifest);
        let world = subject.world();
        run(&world, &guest, 7);
        run(&world, &guest, 4);
        subject.prove(&world.past(&guest), 11);
    }
}

fn a_guest_with_rusts_standard_library_is_proven(subject: &ReplaySubject) {
    wasi(subject, include_bytes!("../../fixtures/wasi/rust-std.wasm"));
}

fn a_guest_with_a_c_library_is_proven(subject: &ReplaySubject) {
    wasi(subject, include_bytes!("../../fixtures/wasi/c.wasm"));
}

fn every_function_of_wasi_is_proven(subject: &ReplaySubject) {
    let text = include_str!("../../fixtures/wasi/broad.wat");
    wasi(subject, &wat::parse_str(text).unwrap_or_else(|error| panic!("{error}")));
}

/// Each stretch on the next engine, which finds nothing but a state and a history.
fn a_relay_between_engines_equals_a_life_on_one(subject: &ReplaySubject) {
    let guest = witness();
    let live = |change: bool| {
        let mut world = subject.world();
        let mut lives = Vec::new();
        for leg in 0..6 {
            if change {
                let next = &subject.verifiers[leg % subject.verifiers.len()];
                world.node.engine = next.clone();
            }
            let mut transcript = world.run(&guest, 4).unwrap_or_else(|error| panic!("{error}"));
            for event in &mut transcript.events {
                if let RunEvent::Started(started) = event {
                    started.engine.clear();
                }
            }
            lives.push(transcript);
        }
        (lives, world.past(&guest))
    };
    let ((one, past), (relay, relayed)) = (live(false), live(true));
    assert_eq!(relay, one);
    assert_eq!(relayed.copied.files, past.copied.files, "files to the last byte");
    subject.prove(&relayed, 24);
}

/// An audit has the instance that the node had, so it asks nothing about what a state holds. Who
/// asks is the check beside a running agent, which resumes from the state.
fn an_agent_with_hidden_state_is_proven_and_reported(subject: &ReplaySubject) {
    let count = "(global.set $hidden (i64.add (global.get $hidden) (i64.const 1)))
        (i64.store (i32.const 8) (i64.add (i64.load (i32.const 8)) (global.get $hidden)))";
    let guest = Text { tick: count, ..Text::EMPTY }.guest("forgetful");
    let mut world = subject.world();
    let verifier = subject.verifiers.first().expect("an engine is linked").clone();
    world.plan.checks = Some(CheckPlan {
        engine: verifier.1.clone(),
        window: 16,
        interval: 5,
        on_divergence: OnDivergence::Pause,
        on_hidden_state: OnHiddenState::Log,
        tells_cost: false,
    });
    world.node.verifier = Some(verifier);
    let transcript = world.run(&guest, 23).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(transcript.reason, StopReason::Ticks);
    let of = |kind: fn(CheckKind) -> bool, verdict: &str| {
        let found = transcript.events.iter().filter(|event| match event {
            RunEvent::Verified(found) => kind(found.kind) && found.verdict.name() == verdict,
            _ => false,
        });
        found.count()
    };
    assert_eq!(of(|_| true, "divergence"), 0, "the node told the truth");
    assert!(of(|kind| kind == CheckKind::Segment, "verified") >= 5);
    assert_eq!(of(|_| true, "hidden_state"), 1, "it is told once");
    subject.prove(&world.past(&guest), 23);
}

/// The segment ends with the tick that failed, and the history goes on from the tick before.
fn a_tick_that_trapped_is_proven(subject: &ReplaySubject) {
    let trap = "(drop (i64.div_s (i64.const 1) (i64.sub (i64.load (i32.const 0)) (i64.const 7))))";
    let guest = Text { tick: trap, ..Text::EMPTY }.guest("trapped");
    let world = subject.world();
    for _ in 0..2 {
        let transcript = world.run(&guest, 20).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(transcript.reason, StopReason::Trap, "{:?}", transcript.stopped());
    }
    let mut past = world.past(&guest);
    subject.prove(&past, 6);
    let failed = past.segments().into_iter().rfind(|name| {
        let records = past.read_segment(name).records;
        records.iter().any(|record| matches!(record, Record::TickFailed(_)))
    });
    past.forge(&failed.expect("a failed tick is journaled"), |forgery| {
        for record in &mut forgery.records {
            if let Record::TickFailed(failed) = record {
                failed.reason = "integer_overflow".to_owned();
            }
        }
    });
    assert_eq!(subject.refute(&past), super::Found::at("outcome", 7));
}

fn a_tick_that_the_budget_did_not_pay_for_is_proven(subject: &ReplaySubject) {
    let mut world = World { budget: amount("0.01"), ..subject.world() };
    world.node.price = Price::per_second(amount("100"));
    let guest = witness();
    let transcript = world.run(&guest, 1_000_000).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(transcript.reason, StopReason::BudgetExhausted);
    assert!(transcript.stopped().budget.is_zero());
    let ticks = transcript.ticks().count();
    assert!(ticks > 3, "it lived for {ticks} ticks");
    subject.prove(&world.past(&guest), u64::try_from(ticks).expect("few"));
}
