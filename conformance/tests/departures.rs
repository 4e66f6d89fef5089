//! What is on the disk when an agent's leave is cut off after any of its writes, and what can follow: the agent is
//! held and goes on with everything that it did, or it is offered and nothing ticks it here until its target
//! or an operator has decided. That a store leaves only such prefixes is the storage suite's business.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use conformance::world::{Guest, World, lockstep, verify};
use igor_core::format::{
    AgentId, AgentKey, Checkpoint, Hash, NodeKey, PublicKey, Tick, TransferId,
};
use igor_core::handoff::{Custody, Holding, VerifiedOffer};
use igor_core::storage::{Batch, Group, Key, Precondition, Scope};
use igor_core::transport::NodeId;
use igor_node::{
    Carried, Command, CommitMode, Event, ForceError, LaunchError, Launched, OpenError, RunEvent,
    StopReason, custody, force_epoch, remove, whereabouts,
};

mod linked {
    #![allow(dead_code, reason = "the expected names are for the harness")]

    include!(concat!(env!("OUT_DIR"), "/linked.rs"));
}

const STATE_MAX: u64 = 1 << 20;
/// After so many ticks the agent leaves.
const TICKS: u64 = 7;
/// The epoch of its offer.
const EPOCH: u64 = 4;

fn agent() -> AgentId {
    Guest::counter().agent.parse().unwrap()
}

fn target() -> PublicKey {
    NodeKey::from_seed(&[2; 32]).public_key()
}

fn world(mode: CommitMode) -> World {
    let mut world = World::in_memory("wasmi");
    world.node.mode = mode;
    world
}

fn launch(world: &World, ticks: u64) -> Result<Launched, LaunchError> {
    world.launch(&Guest::counter(), Some(ticks))
}

/// What an offer comes to: the agent goes on, or leaves with this batch, of which nothing is written.
enum Outcome {
    Stayed(StopReason),
    Leaves(Batch, Box<VerifiedOffer>),
}

/// Lets the agent live for some ticks and asks it to leave; `stays` lets it go on for some more instead.
fn leave(world: &World, stays: Option<u64>) -> Outcome {
    let storage = &*world.node.storage.0;
    let mut launched = world.launch(&Guest::counter(), stays.map(|more| TICKS + more)).unwrap();
    let Launched { driver, worker, .. } = &mut launched;
    let now = || world.node.clock.monotonic_ns();
    let (mut offered, mut timer_ns) = (None, None);
    driver.begin(now());
    loop {
        let Some(command) = driver.poll() else {
            world.clock.advance_to(Option::take(&mut timer_ns).expect("it waits for something"));
            driver.handle(now(), Event::Timer);
            continue;
        };
        let event = match worker.carry_out(command, driver.purse()) {
            Carried::Out(event) => event,
            Carried::Back(Command::Commit(batch)) => match offered {
                Some(offer) if stays.is_none() => return Outcome::Leaves(batch, Box::new(offer)),
                _ => Event::Committed(pollster::block_on(storage.commit(batch)).remove(0)),
            },
            Carried::Back(Command::SetTimer(at_ns)) => {
                timer_ns = Some(at_ns);
                continue;
            }
            Carried::Back(Command::Emit(RunEvent::Ticked(it))) if it.tick == Tick(TICKS) => {
                Event::Depart {
                    transfer: TransferId::from_bytes([7; 16]),
                    target: target(),
                    epoch: EPOCH,
                }
            }
            Carried::Back(Command::Offer(offer)) => {
                offered = Some(*offer);
                match stays {
                    Some(_) => Event::GoOn,
                    None => Event::Keep(Box::new(Custody {
                        decided: EPOCH,
                        holding: Holding::Offered { held: 0, offer: *offer },
                        ..Custody::default()
                    })),
                }
            }
            Carried::Back(Command::Finish(reason)) => {
                assert!(offered.is_some(), "it was asked to leave");
                return Outcome::Stayed(reason);
            }
            Carried::Back(Command::Emit(_)) => continue,
            Carried::Back(other) => panic!("{other:?}"),
        };
        driver.handle(now(), event);
    }
}

/// A world whose agent left, but for what comes after so many of its writes; and how many there are.
fn cut_off(mode: CommitMode, after: usize) -> (World, VerifiedOffer, usize) {
    let world = world(mode);
    let Outcome::Leaves(mut batch, offer) = world.with_stack(|| leave(&world, None)) else {
        panic!("it stayed");
    };
    let group = batch.groups.first_mut().unwrap();
    let operations = group.operations.len();
    group.operations.truncate(after);
    pollster::block_on(world.node.storage.0.commit(batch)).remove(0).unwrap();
    (world, *offer, operations)
}

fn get(world: &World, key: &Key) -> Option<Vec<u8>> {
    pollster::block_on(world.node.storage.0.get(key)).unwrap().map(|stored| stored.bytes)
}

fn note(world: &World, custody: &Custody) {
    let key = AgentKey::from_seed(&world.key_seed).public_key();
    let bytes = custody.encode(&key);
    let group = Group::new(agent()).put(Key::Custody(agent()), bytes, Precondition::Always);
    pollster::block_on(world.node.storage.0.commit(group.into())).remove(0).unwrap();
}

fn kept(world: &World) -> BTreeMap<Key, Vec<u8>> {
    let storage = &*world.node.storage.0;
    let list = |scope| pollster::block_on(storage.list(&scope, None, usize::MAX)).unwrap();
    let mut keys = vec![Key::Checkpoint(agent()), Key::Record(agent()), Key::Custody(agent())];
    keys.extend(list(Scope::History(agent())));
    keys.extend(list(Scope::Segments(agent())));
    keys.into_iter().filter_map(|key| Some((key.clone(), get(world, &key)?))).collect()
}

/// The agent goes on with the tick after its last, and its history is sound.
fn goes_on(world: &World, place: &str) {
    let mut launched = launch(world, 2).unwrap_or_else(|error| panic!("{place}: {error}"));
    let storage = &*world.node.storage.0;
    let transcript = world.with_stack(|| lockstep(&mut launched, storage, &world.clock));
    assert_eq!(transcript.reason, StopReason::Ticks, "{place}: {transcript:?}");
    let ticks: Vec<_> = transcript.ticks().map(|ticked| ticked.tick.0).collect();
    assert_eq!(ticks, [TICKS + 1, TICKS + 2], "{place}");
    let report = pollster::block_on(verify(storage, &agent(), STATE_MAX));
    assert!(report.is_valid(), "{place}: {:#?}", report.findings);
}

fn epoch(world: &World) -> u64 {
    let bytes = get(world, &Key::Checkpoint(agent())).unwrap();
    Checkpoint::decode(&bytes, STATE_MAX).unwrap().header().epoch.major
}

/// Nothing may be done with the agent, and nothing is changed by trying.
fn is_refused(world: &World, is_meant: impl Fn(&OpenError) -> bool, place: &str) {
    let before = kept(world);
    match launch(world, 1).err() {
        Some(LaunchError::Open(error)) if is_meant(&error) => {}
        other => panic!("{place}: {other:?}"),
    }
    assert_eq!(kept(world), before, "{place}");
}

#[test]
fn an_agent_whose_leave_was_cut_off_is_held_and_goes_on_or_is_offered_and_rests() {
    for mode in [CommitMode::Journal, CommitMode::Checkpoint] {
        let (_, _, operations) = cut_off(mode, 0);
        let mut offered = 0;
        for after in 0..=operations {
            let place = format!("{mode:?}, after {after} of {operations} writes");
            let (world, offer, _) = cut_off(mode, after);
            let storage = &*world.node.storage.0;
            let Some((found, _)) = pollster::block_on(custody(storage, &agent())).unwrap() else {
                // What was not journaled is done again, as after any crash.
                if mode == CommitMode::Journal || after + 1 >= operations {
                    goes_on(&world, &place);
                    assert_eq!(epoch(&world), 0, "{place}");
                }
                continue;
            };
            offered += 1;
            assert_eq!(found.holding, Holding::Offered { held: 0, offer }, "{place}");
            let to = NodeId::of(&target());
            let is_offered = |error: &OpenError| matches!(error, OpenError::Offered { target, .. } if *target == to);
            is_refused(&world, is_offered, &place);
            let removed = pollster::block_on(remove(storage, &agent(), true));
            assert!(removed.is_err_and(|error| is_offered(&error)), "{place}");
            let offered = kept(&world);
            let is_last = |(key, bytes): (&Key, &Vec<u8>)| {
                matches!(key, Key::History(..)) && Hash::of(bytes) == offer.terms().checkpoint
            };
            assert!(offered.iter().any(is_last), "{place}: what is offered is there");

            // Refused.
            note(&world, &Custody { decided: EPOCH, ..Custody::held(0) });
            goes_on(&world, &place);
            // Taken.
            let (world, offer, _) = cut_off(mode, after);
            let holding = Holding::Released { offer, answer: None };
            note(&world, &Custody { decided: EPOCH, holding, ..Custody::default() });
            let is_released = |error: &OpenError| matches!(error, OpenError::Released { target, .. } if *target == to);
            is_refused(&world, is_released, &place);
            // Given up on.
            let (world, ..) = cut_off(mode, after);
            let storage = &*world.node.storage.0;
            let forced = pollster::block_on(force_epoch(storage, &agent(), STATE_MAX, false));
            let forced = forced.unwrap();
            assert_eq!((forced.epoch, forced.other()), (EPOCH + 1, Some(to)), "{place}");
            goes_on(&world, &place);
            assert_eq!(epoch(&world), EPOCH + 1, "{place}");
        }
        assert!(offered >= 2 && offered < operations, "{offered} of {operations} prefixes");
    }
}

#[test]
fn an_agent_that_stays_after_all_goes_on_as_if_it_had_never_been_asked() {
    for mode in [CommitMode::Journal, CommitMode::Checkpoint] {
        let world = world(mode);
        let stayed = world.with_stack(|| leave(&world, Some(4)));
        assert!(matches!(stayed, Outcome::Stayed(StopReason::Ticks)));
        let report = pollster::block_on(verify(&*world.node.storage.0, &agent(), STATE_MAX));
        assert!(report.is_valid(), "{:#?}", report.findings);
        let other = self::world(mode);
        let run = other.run(&Guest::counter(), TICKS + 4).unwrap();
        assert_eq!(run.reason, StopReason::Ticks);
        let last = |world: &World| {
            let bytes = get(world, &Key::Checkpoint(agent())).unwrap();
            let checkpoint = Checkpoint::decode(&bytes, STATE_MAX).unwrap();
            (checkpoint.header().tick, checkpoint.header().epoch, checkpoint.into_state())
        };
        assert_eq!(last(&world), last(&other));
        assert_eq!(get(&world, &Key::Custody(agent())), None);
    }
}

#[test]
fn a_forced_epoch_is_above_all_that_was_decided_and_forgets_nothing_that_was_taken() {
    let (world, offer, operations) = cut_off(CommitMode::Journal, usize::MAX);
    assert!(operations > 4);
    let storage = &*world.node.storage.0;
    let force =
        |is_dry_run| pollster::block_on(force_epoch(storage, &agent(), STATE_MAX, is_dry_run));
    let taken = BTreeMap::from([(2, Hash::of(b"an offer"))]);
    for (decided, holding) in [
        (9, Holding::Held(3)),
        (9, Holding::Offered { held: 3, offer }),
        (6, Holding::Released { offer, answer: None }),
        (8, Holding::Contested { held: 3, seen: 7 }),
    ] {
        let before = Custody { decided, taken: taken.clone(), holding, ..Custody::default() };
        note(&world, &before);
        let kept = get(&world, &Key::Custody(agent()));
        assert_eq!(force(true).unwrap().epoch, decided + 1);
        assert_eq!(get(&world, &Key::Custody(agent())), kept, "a dry run changes nothing");
        let forced = force(false).unwrap();
        assert_eq!((forced.epoch, &forced.before), (decided + 1, &before.holding));
        let found = pollster::block_on(whereabouts(storage, &agent())).unwrap().unwrap();
        let holding = Holding::Held(decided + 1);
        assert_eq!(found.custody, Custody { decided: decided + 1, holding, ..before });
    }
    note(&world, &Custody { decided: 9, taken, ..Custody::default() });
    assert!(matches!(force(false), Err(ForceError::Open(OpenError::NotHere { .. }))));
    is_refused(&world, |error| matches!(error, OpenError::NotHere { .. }), "absent");
    note(&world, &Custody { decided: u64::MAX, ..Custody::held(3) });
    assert!(matches!(force(false), Err(ForceError::Exhausted(_))));
    note(
        &world,
        &Custody {
            decided: 8,
            holding: Holding::Contested { held: 3, seen: 8 },
            ..Custody::default()
        },
    );
    is_refused(
        &world,
        |error| matches!(error, OpenError::Contested { held: 3, seen: 8, .. }),
        "contested",
    );
    let other = Custody::held(3).encode(&target());
    let group = Group::new(agent()).put(Key::Custody(agent()), other, Precondition::Always);
    pollster::block_on(storage.commit(group.into())).remove(0).unwrap();
    is_refused(&world, |error| matches!(error, OpenError::CustodyOfOther { .. }), "of another");
    let nobody = "nobody".parse().unwrap();
    let forced = pollster::block_on(force_epoch(storage, &nobody, STATE_MAX, false));
    assert!(matches!(forced, Err(ForceError::NoAgent(_))));
}

#[test]
fn what_was_decided_outlives_an_agent_that_is_removed() {
    let (world, ..) = cut_off(CommitMode::Journal, 0);
    let storage = &*world.node.storage.0;
    let taken = BTreeMap::from([(2, Hash::of(b"an offer"))]);
    note(&world, &Custody { decided: 5, taken: taken.clone(), ..Custody::held(2) });
    pollster::block_on(remove(storage, &agent(), true)).unwrap().unwrap();
    let (found, _) = pollster::block_on(custody(storage, &agent())).unwrap().unwrap();
    assert_eq!(found, Custody { decided: 5, taken, ..Custody::default() });
    is_refused(&world, |error| matches!(error, OpenError::NotHere { .. }), "removed");
}
