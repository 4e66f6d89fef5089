//! How a node opens an agent that another process left behind: with an open segment, a journal of
//! another line, a torn or a damaged one, under another engine, price or durability. What disks may do
//! to a journal is tested elsewhere.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use conformance::world::{
    COUNTER_MANIFEST, Guest, SeededEntropy, Transcript, World, amount, lockstep_until, verify,
};
use igor_core::Entropy;
use igor_core::format::{
    AgentId, AgentKey, AgentRecord, Checkpoint, Entry, FundId, Hash, Header, Microcents,
    Predecessor, Price, Record, Segment, SegmentContents, Seq, Tick, decode_node_key,
};
use igor_core::storage::{Group, Key, Operation, Precondition, Scope};
use igor_node::{
    CommitMode, FundingError, JournalError, LaunchError, OpenError, RunEvent, StopReason, Ticked,
    fund,
};

mod linked {
    #![allow(dead_code, reason = "the expected names are for the harness")]

    include!(concat!(env!("OUT_DIR"), "/linked.rs"));
}

const STATE_MAX: u64 = 1 << 20;

fn agent() -> AgentId {
    Guest::counter().agent.parse().unwrap()
}

/// A world in which a tick costs some microcents, and an hour passes between checkpoints.
fn costly(mut world: World) -> World {
    world.node.price = Price::per_second(amount("100"));
    world.plan.checkpoint_interval_ns = 3_600_000_000_000;
    world
}

fn run(world: &World, ticks: u64) -> Transcript {
    let transcript = world.run(&Guest::counter(), ticks).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(transcript.reason, StopReason::Ticks, "{transcript:#?}");
    transcript
}

/// Runs the agent until `is_enough` and leaves it as a killed process does.
fn kill_at(world: &World, mut is_enough: impl FnMut(&RunEvent) -> bool + Send) -> Vec<RunEvent> {
    let mut launched =
        world.launch(&Guest::counter(), None).unwrap_or_else(|error| panic!("{error}"));
    let storage = &*world.node.storage.0;
    world.with_stack(|| lockstep_until(&mut launched, storage, &world.clock, &mut is_enough).0)
}

/// The same after so many ticks.
fn kill_after(world: &World, ticks: usize) -> Vec<Ticked> {
    let mut seen = 0;
    let events = kill_at(world, |event| {
        seen += usize::from(matches!(event, RunEvent::Ticked(_)));
        seen == ticks
    });
    let ticked =
        |event: RunEvent| if let RunEvent::Ticked(ticked) = event { Some(ticked) } else { None };
    events.into_iter().filter_map(ticked).collect()
}

fn get(world: &World, key: &Key) -> Option<Vec<u8>> {
    pollster::block_on(world.node.storage.0.get(key)).unwrap().map(|stored| stored.bytes)
}

fn list(world: &World, scope: &Scope) -> Vec<Key> {
    pollster::block_on(world.node.storage.0.list(scope, None, usize::MAX)).unwrap()
}

fn commit(world: &World, group: Group) {
    pollster::block_on(world.node.storage.0.commit(group.into())).pop().unwrap().unwrap();
}

fn log(world: &World) -> (Seq, Vec<Vec<u8>>) {
    let storage = &*world.node.storage.0;
    let start = pollster::block_on(storage.log_bounds(&agent())).unwrap().start;
    (start, pollster::block_on(storage.read_log(&agent(), start, usize::MAX)).unwrap())
}

fn checkpoint(world: &World) -> Checkpoint {
    Checkpoint::decode(&get(world, &Key::Checkpoint(agent())).unwrap(), STATE_MAX).unwrap()
}

/// Everything that is kept of the agent.
fn kept(world: &World) -> (BTreeMap<Key, Vec<u8>>, Seq, Vec<Vec<u8>>) {
    let mut keys = vec![
        Key::Checkpoint(agent()),
        Key::Identity(agent()),
        Key::Record(agent()),
        Key::Module(Hash::of(&Guest::counter().module)),
        Key::Manifest(Hash::of(COUNTER_MANIFEST.as_bytes())),
        Key::Node,
    ];
    for scope in [
        Scope::History(agent()),
        Scope::Segments(agent()),
        Scope::Funds(agent()),
        Scope::Asides(agent()),
    ] {
        keys.extend(list(world, &scope));
    }
    let values = keys.into_iter().filter_map(|key| Some((key.clone(), get(world, &key)?)));
    let (start, records) = log(world);
    (values.collect(), start, records)
}

/// The same agent in a world whose log `change` was made to.
fn with_log(world: &World, change: impl FnOnce(&mut Vec<Vec<u8>>)) -> World {
    let copy = costly(World::in_memory("wasmi"));
    let (values, start, mut records) = kept(world);
    change(&mut records);
    let mut group = Group::new(agent());
    for (key, bytes) in values {
        group = group.put(key, bytes, Precondition::Absent);
    }
    let before = vec![vec![0]; usize::try_from(start.0).unwrap()];
    let appends = [(Seq(0), before), (start, records)];
    for (at, records) in appends.into_iter().filter(|(_, records)| !records.is_empty()) {
        group.operations.push(Operation::Append { at, records });
    }
    commit(&copy, group.trim(start));
    copy
}

fn segments(world: &World) -> Vec<SegmentContents> {
    let keys = list(world, &Scope::Segments(agent()));
    let segments = keys.iter().map(|key| Segment::decode(&get(world, key).unwrap()).unwrap());
    segments.map(|segment| segment.verify().unwrap()).collect()
}

fn history_is_sound(world: &World) {
    let report = pollster::block_on(verify(&*world.node.storage.0, &agent(), STATE_MAX));
    assert!(report.is_valid(), "{:#?}", report.findings);
}

/// Goes on from the checkpoint as a program does that knows nothing of journals.
fn overtake(world: &World) -> Checkpoint {
    let before = checkpoint(world);
    let tick = Tick(before.header().tick.0 + 5);
    let header = Header { tick, ..*before.header() };
    let signer = AgentKey::from_seed(&world.key_seed);
    let next = Checkpoint::sign(&signer, header, before.hash(), tick.0.to_le_bytes().to_vec());
    let history = Key::History(agent(), tick, 0);
    let group = Group::new(agent()).put(history, next.encode(), Precondition::Absent);
    commit(world, group.put(Key::Checkpoint(agent()), next.encode(), Precondition::Always));
    next
}

#[test]
fn a_journal_of_another_line_is_set_aside_and_named() {
    let world = World::in_memory("wasmi");
    run(&world, 3);
    kill_after(&world, 2);
    let (from, records) = log(&world);
    let next = overtake(&world);
    // Twice, as a process may end before it has written anything of its own.
    for is_first in [true, false] {
        let launched =
            world.launch(&Guest::counter(), None).unwrap_or_else(|error| panic!("{error}"));
        let aside = format!("set aside at record {from}");
        let names = |notice: &String| notice.contains(&aside);
        assert_eq!(launched.notices.iter().any(names), is_first, "{:?}", launched.notices);
        drop(launched);
        kill_at(&world, |event| matches!(event, RunEvent::Started(_)));
        let kept = get(&world, &Key::Aside(agent(), from)).unwrap();
        assert!(records.iter().all(|record| kept.windows(record.len()).any(|part| part == record)));
        assert_eq!(list(&world, &Scope::Asides(agent())).len(), 1);
    }
    let tick = next.header().tick.0;
    assert_eq!(run(&world, 2).stopped().tick, Tick(tick + 2));
    history_is_sound(&world);
    let last = segments(&world).pop().unwrap();
    assert_eq!(last.opening.predecessor, Predecessor::NotJournaled);
    assert_eq!(last.opening.checkpoint, next.hash());
}

#[test]
fn a_checkpoint_that_does_not_descend_from_the_journals_is_refused() {
    let world = World::in_memory("wasmi");
    run(&world, 3);
    kill_after(&world, 2);
    let base = checkpoint(&world);
    overtake(&world);
    let of_base = Key::History(agent(), base.header().tick, 0);
    assert_eq!(Hash::of(&get(&world, &of_base).unwrap()), base.hash());
    commit(&world, Group::new(agent()).delete(of_base, Precondition::Always));
    let before = kept(&world);
    match world.launch(&Guest::counter(), None).err() {
        Some(LaunchError::Open(OpenError::Journal(JournalError::OtherLine {
            base: named,
            ..
        }))) => {
            assert_eq!(named, base.hash());
        }
        other => panic!("not refused as another line: {other:?}"),
    }
    assert_eq!(kept(&world), before);
}

#[test]
fn a_torn_end_of_the_journal_never_happened() {
    let world = costly(World::in_memory("wasmi"));
    run(&world, 3);
    let ticks = kill_after(&world, 3);
    let torn = with_log(&world, |records| {
        let last = records.last_mut().unwrap();
        last.truncate(last.len() - 1);
    });
    let transcript = run(&torn, 2);
    let again: Vec<_> = transcript.ticks().map(|ticked| ticked.tick).collect();
    assert_eq!(again, [Tick(6), Tick(7)], "{transcript:#?}");
    let (before, after) = (ticks.first().unwrap(), transcript.ticks().next().unwrap());
    assert_eq!((before.tick, before.gas), (Tick(4), after.gas));
    history_is_sound(&torn);
}

#[test]
fn a_journal_damaged_where_it_was_durable_is_refused() {
    let world = costly(World::in_memory("wasmi"));
    run(&world, 3);
    kill_after(&world, 3);
    let count = log(&world).1.len();
    assert_eq!(count, 5, "owner, started and three ticks");
    for index in 0..count - 1 {
        for byte in [0, 2, 40, 60] {
            let damaged = with_log(&world, |records| {
                let target = records.get_mut(index).and_then(|record| record.get_mut(byte));
                *target.unwrap() ^= 1;
            });
            let before = kept(&damaged);
            match damaged.launch(&Guest::counter(), None).err() {
                Some(LaunchError::Open(OpenError::Journal(JournalError::Damaged { .. }))) => {}
                other => panic!("record {index}, byte {byte}: not refused as damaged: {other:?}"),
            }
            assert_eq!(kept(&damaged), before, "record {index}, byte {byte}");
        }
    }
}

#[test]
fn durability_changes_both_ways_over_an_open_segment() {
    let mut world = costly(World::in_memory("wasmi"));
    run(&world, 3);
    kill_after(&world, 2);
    world.node.mode = CommitMode::Checkpoint;
    let transcript = run(&world, 2);
    let ticks: Vec<_> = transcript.ticks().map(|ticked| ticked.tick.0).collect();
    assert_eq!(ticks, [6, 7], "the journaled ticks count");
    assert_eq!(log(&world).1, Vec::<Vec<u8>>::new(), "nothing more is journaled");
    let journaled = |world: &World| -> Vec<u64> {
        let records = segments(world).into_iter().flat_map(|segment| segment.records);
        let tick = |record| if let Record::Tick(tick) = record { Some(tick.tick.0) } else { None };
        records.filter_map(tick).collect()
    };
    let is_open = "the open segment is brought to its end";
    assert_eq!(journaled(&world), (1..=7).collect::<Vec<_>>(), "{is_open}");
    run(&world, 2);
    // What is not journaled is lost.
    let lost = kill_after(&world, 1);
    assert_eq!(lost.first().map(|ticked| ticked.tick), Some(Tick(10)));
    world.node.mode = CommitMode::Journal;
    assert_eq!(kill_after(&world, 2).last().map(|ticked| ticked.tick), Some(Tick(11)));
    assert_eq!(run(&world, 1).stopped().tick, Tick(12));
    assert_eq!(journaled(&world), (1..=7).chain(10..=12).collect::<Vec<_>>());
    let last = segments(&world).pop().unwrap();
    assert_eq!(last.opening.predecessor, Predecessor::NotJournaled);
    assert_eq!(last.closing.tick, Tick(12));
    history_is_sound(&world);
}

#[test]
fn another_engine_goes_on_in_a_segment_that_was_left_open() {
    let engines = ["wasmtime", "wasmi"];
    for (engine, other) in engines.into_iter().zip(engines.into_iter().rev()) {
        let world = costly(World::in_memory(engine));
        let mut ticks = kill_after(&world, 3);
        let storage = world.node.storage.0.clone();
        let after = costly(World::with_storage(other, storage, "memory"));
        let transcript = run(&after, 3);
        ticks.extend(transcript.ticks().cloned());
        let numbers: Vec<_> = ticks.iter().map(|ticked| ticked.tick.0).collect();
        assert_eq!(numbers, [1, 2, 3, 4, 5, 6]);
        let usual = costly(World::in_memory(engine));
        let undisturbed = run(&usual, 6);
        let facts = |ticked: &Ticked| (ticked.tick, ticked.gas, ticked.charge, ticked.state_hash);
        assert!(ticks.iter().map(facts).eq(undisturbed.ticks().map(facts)));
        assert_eq!(transcript.stopped().budget, undisturbed.stopped().budget);
        history_is_sound(&after);
    }
}

#[test]
fn a_price_changes_with_the_next_segment() {
    let mut world = costly(World::in_memory("wasmi"));
    world.plan.checkpoint_interval_ns = 5_000_000_000;
    run(&world, 3);
    kill_after(&world, 1);
    let (before, after) = (world.node.price, Price::per_second(amount("300")));
    world.node.price = after;
    let launched = world.launch(&Guest::counter(), None).unwrap_or_else(|error| panic!("{error}"));
    assert!(launched.notices.iter().any(|notice| notice.contains("price")));
    drop(launched);
    run(&world, 9);
    let mut prices = BTreeMap::new();
    for segment in segments(&world) {
        for record in segment.records {
            if let Record::Tick(tick) = record {
                prices.insert(tick.tick.0, (segment.opening.price, tick.charge.get()));
            }
        }
    }
    assert_eq!(prices.len(), 13);
    assert_eq!(prices.get(&5).map(|paid| paid.0), Some(before), "the open segment keeps its price");
    assert_eq!(prices.last_key_value().map(|(_, paid)| paid.0), Some(after));
    for (tick, (price, charge)) in prices {
        let usual = if price == before { 34..=35 } else { 102..=103 };
        assert!(usual.contains(&charge), "tick {tick} cost {charge} at {price}");
    }
    history_is_sound(&world);
}

#[test]
fn a_start_that_was_paid_is_not_forgotten_by_a_funding() {
    let world = costly(World::in_memory("wasmi"));
    run(&world, 3);
    let events = kill_at(&world, |event| matches!(event, RunEvent::Started(_)));
    let Some(RunEvent::Started(started)) = events.last() else { panic!("{events:#?}") };
    assert!(started.budget < checkpoint(&world).header().budget, "the start cost something");
    let give = || {
        let (storage, id) = (&*world.node.storage.0, FundId::from_bytes([1; 16]));
        let entropy: &dyn Entropy = &SeededEntropy::new(9);
        let means = (CommitMode::Journal, entropy);
        pollster::block_on(fund(storage, &agent(), amount("1"), id, STATE_MAX, means))
    };
    assert!(matches!(give(), Err(FundingError::NotRecovered(_))));
    run(&world, 0);
    assert_eq!(give().unwrap().before, started.budget);
    let spent: i64 = segments(&world)
        .iter()
        .map(|segment| segment.opening.budget.get() - segment.closing.budget.get())
        .sum();
    assert_eq!(checkpoint(&world).header().budget, Microcents::new(1_000_000 - spent).unwrap());
    history_is_sound(&world);
}

#[test]
fn a_node_keeps_its_key_to_itself_and_for_good() {
    let directory = tempfile::tempdir().unwrap();
    let world = World::on_disk("wasmi", directory.path());
    run(&world, 2);
    let key = get(&world, &Key::Node).unwrap();
    drop(world);
    // Another process would draw another key.
    let mut world = World::on_disk("wasmi", directory.path());
    world.node.entropy = std::sync::Arc::new(SeededEntropy::new(1_000));
    run(&world, 2);
    assert_eq!(get(&world, &Key::Node).unwrap(), key);
    let node = decode_node_key(&key).unwrap().public_key();
    assert!(segments(&world).iter().all(|segment| segment.opening.node == node));
    let record = AgentRecord::decode(&get(&world, &Key::Record(agent())).unwrap()).unwrap();
    assert_eq!(record.holder, Some(*node.as_bytes()));
    let mut folders: Vec<PathBuf> = vec![directory.path().to_owned()];
    let mut found = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if std::fs::read(&path).unwrap() == key {
                let mode = std::fs::metadata(&path).unwrap().permissions().mode();
                assert_eq!(mode & 0o777, 0o600, "{}", path.display());
                found += 1;
            }
        }
    }
    assert_eq!(found, 1, "the key lies in one place");
}

#[test]
fn every_entry_of_an_open_segment_says_what_was_durable_before_it() {
    let world = World::in_memory("wasmi");
    run(&world, 3);
    kill_after(&world, 3);
    let (start, records) = log(&world);
    let mut last = Seq(0);
    for (bytes, position) in records.iter().zip(start.0..) {
        let (entry, _) = Entry::decode(bytes).unwrap();
        assert!(last <= entry.synced && entry.synced.0 <= position, "{entry:?}");
        last = entry.synced;
    }
    assert_eq!(last.0 + 1, start.0 + u64::try_from(records.len()).unwrap());
}
