//! The explicit way on when a journal cannot be repeated, or a policy stopped the agent: what is given
//! up is named and signed, money stays what it is, and the history still proves the life. How an exact
//! recovery goes is not tested here.

#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use conformance::disk::{Crash, SimDisk, enumerate};
use conformance::engine::mutant::{Fault, mutant};
use conformance::world::{Guest, Transcript, World, amount, lockstep_until, verify};
use igor_core::Storage;
use igor_core::format::{
    AgentId, AgentRecord, Checkpoint, Entry, Epoch, Hash, Price, Record, Segment, Seq, Tick,
};
use igor_core::storage::{Group, Key, Scope};
use igor_node::audit::{Gap, Piece, Proof, Verdict};
use igor_node::{
    CheckPlan, LaunchError, Launched, OnDivergence, OnHiddenState, OpenError, Recovery, RunEvent,
    StopReason, Ticked, recover,
};
use igor_storage_fs::{FsConfig, FsStorage};

mod linked {
    #![allow(dead_code, reason = "the expected names are for the harness")]

    include!(concat!(env!("OUT_DIR"), "/linked.rs"));
}

const STATE_MAX: u64 = 1 << 20;
/// The ticks of a life that ends in a crash after its last checkpoint.
const CRASH_AFTER: u64 = 7;

fn agent() -> AgentId {
    Guest::counter().agent.parse().unwrap()
}

fn store(world: &World) -> &dyn Storage {
    &*world.node.storage.0
}

/// A world whose agent crashed in tick 8, with checkpoints at ticks 0 and 4 only; and its last tick.
fn crashed(engine: &str) -> (World, Ticked) {
    crashed_in(World::in_memory(engine))
}

fn crashed_in(mut world: World) -> (World, Ticked) {
    world.plan.checkpoint_interval_ns = 4_500_000_000;
    world.node.price = Price::per_second(amount("1000"));
    let mut launched =
        world.launch(&Guest::counter(), None).unwrap_or_else(|error| panic!("{error}"));
    let last = world.with_stack(|| crash(&mut launched, &world));
    assert!(!last.charge.is_zero(), "{last:?}");
    (world, last)
}

/// Runs until a tick has been shown, and no further.
fn crash(launched: &mut Launched, world: &World) -> Ticked {
    let is_last = |event: &RunEvent| matches!(event, RunEvent::Ticked(ticked) if ticked.tick.0 == CRASH_AFTER);
    let (events, _) = lockstep_until(launched, store(world), &world.clock, is_last);
    match events.last() {
        Some(RunEvent::Ticked(ticked)) => ticked.clone(),
        other => panic!("{other:?}"),
    }
}

fn agent_record(world: &World) -> AgentRecord {
    let stored = pollster::block_on(store(world).get(&Key::Record(agent()))).unwrap().unwrap();
    AgentRecord::decode(&stored.bytes).unwrap()
}

/// Where the log ends, and what it holds behind the last checkpoint.
fn log(world: &World) -> (Seq, Vec<Vec<u8>>) {
    let bounds = pollster::block_on(store(world).log_bounds(&agent())).unwrap();
    let from = agent_record(world).current.journal.max(bounds.start);
    let records = pollster::block_on(store(world).read_log(&agent(), from, usize::MAX)).unwrap();
    (bounds.end, records)
}

/// Replaces what is in the log.
fn rewrite(world: &World, change: impl FnOnce(&mut Vec<Vec<u8>>)) {
    let (end, mut records) = log(world);
    change(&mut records);
    let group = Group::new(agent()).trim(end).append(end, records);
    pollster::block_on(store(world).commit(group.into())).pop().unwrap().unwrap();
}

/// Lets the record of tick 6 claim another state, in a chain that holds.
fn tamper(records: &mut Vec<Vec<u8>>) {
    let mut chain = None;
    for bytes in records {
        let (mut entry, _) = Entry::decode(bytes).unwrap();
        entry.prev = chain.unwrap_or(entry.prev);
        match &mut entry.record {
            Record::Tick(tick) if tick.tick == Tick(6) => tick.state = Hash::of(b"another"),
            _ => {}
        }
        let (changed, new) = entry.encode();
        *bytes = changed;
        chain = Some(new);
    }
}

fn recovered(world: &World, is_dry_run: bool) -> Option<Recovery> {
    pollster::block_on(recover(&world.node, &agent(), STATE_MAX, is_dry_run))
        .unwrap_or_else(|error| panic!("{error}"))
}

fn checkpoint(world: &World) -> Checkpoint {
    let stored = pollster::block_on(store(world).get(&Key::Checkpoint(agent()))).unwrap();
    Checkpoint::decode(&stored.unwrap().bytes, STATE_MAX).unwrap()
}

fn run(world: &World, ticks: u64) -> Transcript {
    world.run(&Guest::counter(), ticks).unwrap_or_else(|error| panic!("{error}"))
}

fn history_is_sound(world: &World) {
    let report = pollster::block_on(verify(store(world), &agent(), STATE_MAX));
    assert!(report.is_valid(), "{:#?}", report.findings);
    assert!(!report.audit_segments.is_empty(), "the segments are verified too");
}

/// The records of the last sealed segment.
fn last_segment(world: &World) -> Vec<Record> {
    let scope = Scope::Segments(agent());
    let keys = pollster::block_on(store(world).list(&scope, None, usize::MAX)).unwrap();
    let stored = pollster::block_on(store(world).get(keys.last().unwrap())).unwrap().unwrap();
    Segment::decode(&stored.bytes).unwrap().verify().unwrap().records
}

#[test]
fn a_journal_that_cannot_be_repeated_is_given_up_and_stays_charged() {
    for engine in ["wasmtime", "wasmi"] {
        let (world, last) = crashed(engine);
        rewrite(&world, tamper);
        let before = checkpoint(&world);
        let base = before.header().tick;
        let refused = run(&world, 1);
        let stopped = refused.stopped();
        assert_eq!(stopped.reason, StopReason::RecoveryRequired);
        let detail = stopped.detail.as_deref().unwrap();
        assert!(
            detail.contains("tick 6: state: expected"),
            "the first tick that differs: {detail}"
        );

        let kept = log(&world);
        let plan = recovered(&world, true).unwrap();
        assert_eq!((log(&world), checkpoint(&world).hash()), (kept, before.hash()), "a dry run");
        let done = recovered(&world, false).unwrap();
        assert_eq!((done.tick, done.discarded_to), (base, Tick(CRASH_AFTER)));
        assert_eq!(done.budget, last.budget, "every charge that was shown stays");
        assert_eq!(done.before.checked_sub(done.charges), Some(done.budget));
        let lines: Vec<_> = done.shown.iter().map(|line| line.tick.0).collect();
        let ticks: Vec<_> = (base.0 + 1..=CRASH_AFTER).collect();
        assert_eq!(lines, ticks, "each tick logs one line");
        assert_eq!(Recovery { checkpoint: None, notices: vec![], ..done.clone() }, plan);

        let now = checkpoint(&world);
        assert_eq!(Some(now.hash()), done.checkpoint);
        assert_eq!(now.state(), before.state());
        let header = now.header();
        assert_eq!((header.tick, header.budget), (base, last.budget));
        assert_eq!(header.epoch, Epoch { major: 1, generation: 0 });
        match last_segment(&world).last() {
            Some(Record::Recovered(record)) => {
                assert_eq!((record.tick, record.discarded_to), (base, Tick(CRASH_AFTER)));
                assert!(record.charges.is_zero(), "they are all in the segment");
            }
            other => panic!("{other:?}"),
        }
        history_is_sound(&world);
        assert_eq!(recovered(&world, false), None, "there is nothing left to recover");
        let on = run(&world, 3);
        let pieces = [
            Piece { after: Tick(0), to: base, standing: Proof::Proven },
            Piece { after: base, to: Tick(CRASH_AFTER), standing: Proof::Unproven(Gap::GivenUp) },
            Piece { after: base, to: Tick(base.0 + 3), standing: Proof::Proven },
        ];
        assert_eq!(world.past(&Guest::counter()).audit("wasmi").pieces, pieces);
        assert_eq!((on.reason, on.stopped().tick), (StopReason::Ticks, Tick(base.0 + 3)));
        assert_eq!(checkpoint(&world).header().epoch.major, 1, "the epoch stays");
        history_is_sound(&world);
    }
}

#[test]
fn what_is_behind_damage_is_kept_aside_and_stays_charged() {
    let (world, last) = crashed("wasmi");
    let before = checkpoint(&world);
    rewrite(&world, |records| {
        // The last one but two is damaged, and the ones behind it say that it was durable.
        let index = records.len() - 3;
        let damaged = &mut records[index];
        let (entry, _) = Entry::decode(damaged).unwrap();
        assert!(matches!(entry.record, Record::Tick(_)), "{entry:?}");
        let end = damaged.len() - 1;
        damaged[end] ^= 1;
        for bytes in &mut records[index + 1..] {
            let (mut entry, _) = Entry::decode(bytes).unwrap();
            entry.synced = Seq(u64::MAX);
            *bytes = entry.encode().0;
        }
    });
    match world.launch(&Guest::counter(), None) {
        Err(LaunchError::Open(OpenError::Journal(_))) => {}
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("launched"),
    }
    let done = recovered(&world, false).unwrap();
    assert_eq!((done.tick, done.discarded_to), (before.header().tick, Tick(CRASH_AFTER)));
    assert!(done.budget >= last.budget, "the damaged record's charge cannot be known");
    let unknown = done.budget.checked_sub(last.budget).unwrap();
    assert!(unknown.get() * 2 <= done.charges.get() + 2, "{done:?}");
    assert_eq!(done.before.checked_sub(done.charges), Some(done.budget));
    assert!(matches!(last_segment(&world).last(), Some(Record::Recovered(_))));
    let asides = pollster::block_on(store(&world).list(&Scope::Asides(agent()), None, 9)).unwrap();
    assert_eq!(asides.len(), 1);
    assert!(done.notices.iter().any(|notice| notice.contains("set aside")), "{done:?}");
    history_is_sound(&world);
    assert_eq!(run(&world, 2).reason, StopReason::Ticks);
    history_is_sound(&world);
    let audit = world.past(&Guest::counter()).audit("wasmtime");
    assert_eq!(audit.verdict(), Verdict::Partly, "{:#?}", audit.refutations);
}

#[test]
fn an_agent_that_a_policy_stopped_goes_on_without_giving_anything_up() {
    let mut world = World::in_memory("wasmi");
    run(&world, 3);
    assert_eq!(recovered(&world, false), None, "an agent that stopped well has nothing to recover");
    let sound = Arc::clone(&world.node.engine.0);
    world.node.engine.0 = mutant(Arc::clone(&sound), Fault::MiscountsGas);
    world.node.verifier = Some((Arc::clone(&sound), "wasmi".to_owned()));
    world.plan.checks = Some(CheckPlan {
        engine: "wasmi".to_owned(),
        window: 16,
        interval: 5,
        on_divergence: OnDivergence::Pause,
        on_hidden_state: OnHiddenState::Log,
        tells_cost: false,
    });
    let transcript = run(&world, 100);
    let stopped = transcript.stopped();
    assert_eq!(stopped.reason, StopReason::Divergence);
    let (tick, found) = (stopped.tick, stopped.detail.clone().unwrap());
    assert!(tick > Tick(3), "{stopped:?}");
    world.node.engine.0 = sound;
    let refused = world.launch(&Guest::counter(), None).map(|_| ());
    assert!(matches!(refused, Err(LaunchError::Open(OpenError::RecoveryRequired { .. }))));

    let before = checkpoint(&world);
    let done = recovered(&world, false).unwrap();
    assert_eq!((done.tick, done.discarded_to), (tick, tick));
    assert_eq!(done.reason, format!("divergence: {found}"));
    assert_eq!((done.budget, done.charges.get()), (before.header().budget, 0));
    assert_eq!(checkpoint(&world).header().epoch.major, 1);
    assert!(matches!(last_segment(&world)[..], [Record::Owner(_), Record::Recovered(_)]));
    history_is_sound(&world);
    let on = run(&world, 2);
    assert_eq!((on.reason, on.stopped().tick), (StopReason::Ticks, Tick(tick.0 + 2)));
    history_is_sound(&world);
    let audit = world.past(&Guest::counter()).audit("wasmtime");
    assert_eq!(audit.refutations[0].problem.name(), "gas", "what miscounted stays refuted");
    let last = Piece { after: tick, to: Tick(tick.0 + 2), standing: Proof::Proven };
    assert_eq!(audit.pieces.last(), Some(&last), "what came after is proven");
}

#[test]
fn a_power_cut_at_any_operation_of_a_recovery_loses_and_charges_nothing_twice() {
    let on = |disk: &SimDisk| {
        let storage = FsStorage::over(Arc::new(disk.clone()), &FsConfig::default()).unwrap();
        World::with_storage("wasmi", Arc::new(storage), "fs")
    };
    let disk = SimDisk::new();
    let (world, last) = crashed_in(on(&disk));
    rewrite(&world, tamper);
    let attempt = |disk: &SimDisk| {
        let world = on(disk);
        pollster::block_on(recover(&world.node, &agent(), STATE_MAX, false)).is_ok()
    };
    let counts = enumerate(
        || disk.copy(),
        attempt,
        |crash: &Crash, is_acknowledged| {
            let world = on(&crash.disk);
            let again = recovered(&world, false);
            assert!(again.is_none() || !is_acknowledged, "{again:?}");
            // Puts in its place what a power cut left one step ahead.
            drop(world.launch(&Guest::counter(), None).unwrap_or_else(|error| panic!("{error}")));
            let now = checkpoint(&world);
            let header = now.header();
            assert_eq!((header.tick, header.budget), (Tick(4), last.budget));
            assert_eq!(header.epoch, Epoch { major: 1, generation: 0 });
            history_is_sound(&world);
            let on = run(&world, 2);
            assert_eq!((on.reason, on.stopped().tick), (StopReason::Ticks, Tick(6)));
            history_is_sound(&world);
        },
    );
    println!("{counts:?}");
    assert!(counts.operations >= 10 && counts.images >= 50, "{counts:?}");
}
