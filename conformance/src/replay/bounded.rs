//! A guest that does not come to an end is stopped, wherever it hangs, live and in a replay; and what it
//! did until then is as provable as the rest.

use igor_core::format::{ObservationKind, Observations, Record};
use igor_node::StopReason;

use super::{Found, ReplaySubject, Text};
use crate::Case;
use crate::world::{Guest, World};

/// Gas that a hang may use; more than anything else here does.
const GAS_MAX: u64 = 1_000_000;

pub(super) fn cases() -> Vec<Case<ReplaySubject>> {
    crate::cases![ReplaySubject;
        a_hang_in_a_tick_ends_and_is_proven covers [],
        a_hang_in_a_checkpoint_ends_and_is_proven covers [],
        a_hang_at_a_start_ends_and_is_proven covers [],
        a_hang_in_a_tick_during_replay_ends_and_is_named covers [],
        a_hang_in_a_checkpoint_during_replay_ends_and_is_named covers [],
        a_hang_at_a_start_during_replay_ends_and_is_named covers [],
    ]
}

/// Hangs once six ticks were counted.
const AFTER_SIX: &str = "(if (i64.ge_s (i64.load (i32.const 0)) (i64.const 6))
    (then (call $forever)))";
/// Hangs where the clock says nothing, as no clock does.
const WITHOUT_TIME: &str = "(if (i64.eqz (call $clock_now)) (then (call $forever)))";

fn world(subject: &ReplaySubject) -> World {
    let mut world = subject.world();
    world.limits.tick_gas_max = GAS_MAX;
    world
}

/// It stops after so many ticks, and so it does when it is started again.
#[track_caller]
fn hangs_live(subject: &ReplaySubject, text: &Text<'_>, ticks: u64) {
    let guest = text.guest("hanging");
    let world = world(subject);
    for _ in 0..2 {
        let transcript = world.run(&guest, 20).unwrap_or_else(|error| panic!("{error}"));
        let stopped = transcript.stopped();
        assert_eq!((stopped.reason, stopped.tick.0), (StopReason::Trap, ticks), "{stopped:?}");
        let detail = stopped.detail.as_deref().unwrap_or_default();
        assert!(detail.contains("out_of_gas"), "{detail}");
    }
    subject.prove(&world.past(&guest), ticks);
}

fn a_hang_in_a_tick_ends_and_is_proven(subject: &ReplaySubject) {
    hangs_live(subject, &Text { tick: AFTER_SIX, ..Text::EMPTY }, 5);
}

fn a_hang_in_a_checkpoint_ends_and_is_proven(subject: &ReplaySubject) {
    hangs_live(subject, &Text { checkpoint: AFTER_SIX, ..Text::EMPTY }, 5);
}

/// The instance after the next checkpoint does not come up.
fn a_hang_at_a_start_ends_and_is_proven(subject: &ReplaySubject) {
    let guest = Text { resume: AFTER_SIX, ..Text::EMPTY }.guest("hanging");
    let world = world(subject);
    let transcript = world.run(&guest, 20).unwrap_or_else(|error| panic!("{error}"));
    let stopped = transcript.stopped().clone();
    assert_eq!(stopped.reason, StopReason::Trap, "{stopped:?}");
    assert!(stopped.tick.0 >= 6, "{stopped:?}");
    subject.prove(&world.past(&guest), stopped.tick.0);
}

/// The recorded time is taken away where the guest hangs without it.
#[track_caller]
fn hangs_in_replay(subject: &ReplaySubject, guest: &Guest, in_start: bool) -> Found {
    let world = world(subject);
    super::run(&world, guest, 7);
    let mut past = world.past(guest);
    subject.prove(&past, 7);
    past.forge(&past.last_segment(), |forgery| {
        for record in &mut forgery.records {
            match record {
                Record::Started(started) if in_start => {
                    started.observations = timeless(&started.observations);
                }
                Record::Tick(tick) if !in_start && tick.tick.0 == 7 => {
                    tick.observations = timeless(&tick.observations);
                }
                _ => {}
            }
        }
    });
    subject.refute(&past)
}

fn timeless(observations: &Observations) -> Observations {
    let mut changed = Observations::default();
    for (kind, payload) in observations.iter() {
        let is_time = kind == ObservationKind::CLOCK_NOW;
        changed.push(kind, if is_time { &[0; 8] } else { payload });
    }
    changed
}

fn a_hang_in_a_tick_during_replay_ends_and_is_named(subject: &ReplaySubject) {
    let guest = Text { tick: WITHOUT_TIME, ..Text::EMPTY }.guest("timely");
    assert_eq!(hangs_in_replay(subject, &guest, false), Found::at("outcome", 7));
}

fn a_hang_in_a_checkpoint_during_replay_ends_and_is_named(subject: &ReplaySubject) {
    let guest = Text { checkpoint: WITHOUT_TIME, ..Text::EMPTY }.guest("timely");
    assert_eq!(hangs_in_replay(subject, &guest, false), Found::at("outcome", 7));
}

fn a_hang_at_a_start_during_replay_ends_and_is_named(subject: &ReplaySubject) {
    let guest = Text { resume: WITHOUT_TIME, ..Text::EMPTY }.guest("timely");
    assert_eq!(hangs_in_replay(subject, &guest, true), Found::at("outcome", 4));
}
