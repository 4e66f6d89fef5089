//! Removing audit segments to make room: what is left still proves the life, whenever the power goes, and
//! the agent lives on. What a summary looks like is igor-format's to test.

#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test fails by panicking")]

use std::cell::Cell;
use std::sync::Arc;

use conformance::disk::{Crash, SimDisk, enumerate};
use conformance::world::{Guest, World, verify};
use igor_core::Storage;
use igor_core::format::{AgentId, HistoryReport, SegmentError, Tick};
use igor_core::storage::{Group, Key, Precondition, Scope, StorageError};
use igor_node::{CollectError, Collection, StopReason, collect};
use igor_storage_fs::{FsConfig, FsStorage};

mod linked {
    #![allow(dead_code, reason = "the expected names are for the harness")]

    include!(concat!(env!("OUT_DIR"), "/linked.rs"));
}

const STATE_MAX: u64 = 1 << 20;

fn agent() -> AgentId {
    Guest::counter().agent.parse().unwrap()
}

fn store(world: &World) -> &dyn Storage {
    &*world.node.storage.0
}

/// A world in which a segment has two ticks.
fn world(storage: Option<&SimDisk>) -> World {
    let mut world = match storage {
        None => World::in_memory("wasmi"),
        Some(disk) => {
            let storage = FsStorage::over(Arc::new(disk.clone()), &FsConfig::default()).unwrap();
            World::with_storage("wasmi", Arc::new(storage), "fs")
        }
    };
    world.plan.checkpoint_interval_ns = 2_500_000_000;
    world
}

fn run(world: &World, ticks: u64) {
    let transcript = world.run(&Guest::counter(), ticks).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(transcript.reason, StopReason::Ticks);
}

fn collected(world: &World, keep_bytes: u64, is_dry_run: bool) -> Result<Collection, CollectError> {
    pollster::block_on(collect(&world.node, &agent(), keep_bytes, STATE_MAX, is_dry_run))
}

/// The sizes of the segments, the oldest first.
fn sizes(world: &World) -> Vec<u64> {
    let scope = Scope::Segments(agent());
    let keys = pollster::block_on(store(world).list(&scope, None, usize::MAX)).unwrap();
    let size = |key| pollster::block_on(store(world).get(&key)).unwrap().unwrap().bytes.len();
    keys.into_iter().map(|key| u64::try_from(size(key)).unwrap()).collect()
}

/// How many past checkpoints there are.
fn checkpoints(world: &World) -> usize {
    let scope = Scope::History(agent());
    pollster::block_on(store(world).list(&scope, None, usize::MAX)).unwrap().len()
}

fn sound(world: &World) -> HistoryReport {
    let report = pollster::block_on(verify(store(world), &agent(), STATE_MAX));
    assert!(report.is_valid(), "{:#?}", report.findings);
    report
}

fn summarized(report: &HistoryReport) -> usize {
    report.summary.as_ref().map_or(0, |summary| summary.segments.len())
}

#[test]
fn the_oldest_segments_give_way_to_a_summary_and_the_history_stays_valid() {
    let world = world(None);
    run(&world, 9);
    let before = sizes(&world);
    let checkpoints = sound(&world).checkpoints.len();
    assert!(before.len() >= 5, "{before:?}");
    let keep: u64 = before[before.len() - 2..].iter().sum();

    let everything = collected(&world, u64::MAX, false).unwrap();
    assert_eq!((everything.removed, everything.kept), (0, before.len()));
    let plan = collected(&world, keep, true).unwrap();
    assert_eq!(sizes(&world), before, "a dry run");
    let done = collected(&world, keep, false).unwrap();
    assert_eq!(done, plan);
    assert_eq!((done.removed, done.kept), (before.len() - 2, 2));
    assert_eq!((done.kept_bytes, done.removed_bytes), (keep, before.iter().sum::<u64>() - keep));
    assert_eq!(sizes(&world), before[before.len() - 2..]);
    let report = sound(&world);
    assert_eq!((summarized(&report), report.checkpoints.len()), (done.removed, checkpoints));
    let last = report.summary.unwrap().segments.last().unwrap().closing.tick;
    assert_eq!(done.removed_to, Some(last));

    let less_by_one = collected(&world, keep - 1, true).unwrap();
    assert_eq!(less_by_one.removed, 1, "what does not fit goes");
    run(&world, 4);
    sound(&world);
    let rest = collected(&world, 0, false).unwrap();
    assert_eq!((rest.kept, rest.summarized), (0, done.removed + rest.removed));
    assert_eq!(rest.removed_to, Some(Tick(13)));
    assert_eq!(summarized(&sound(&world)), rest.summarized);
    assert_eq!(collected(&world, 0, false).unwrap().removed, 0);
    run(&world, 2);
    sound(&world);
}

#[test]
fn what_cannot_be_summarized_is_not_removed() {
    let world = world(None);
    assert!(matches!(collected(&world, 0, false), Err(CollectError::NoAgent(_))));
    run(&world, 5);
    let launched = world.launch(&Guest::counter(), None).unwrap_or_else(|error| panic!("{error}"));
    let held = collected(&world, 0, false);
    assert!(matches!(held, Err(CollectError::Storage(StorageError::Held { .. }))), "{held:?}");
    drop(launched);

    let key = Key::Segment(agent(), Tick(2), 0);
    let stored = pollster::block_on(store(&world).get(&key)).unwrap().unwrap();
    let mut forged = stored.bytes;
    let signature = forged.len() - 1;
    forged[signature] ^= 1;
    let group = Group::new(agent()).put(key, forged, Precondition::Always);
    pollster::block_on(store(&world).commit(group.into())).pop().unwrap().unwrap();
    let before = sizes(&world);
    let refused = collected(&world, 0, false);
    let error = SegmentError::NodeSignature;
    assert!(
        matches!(&refused, Err(CollectError::Segment { error: found, .. }) if *found == error),
        "{refused:?}"
    );
    assert_eq!(sizes(&world), before);
}

#[test]
fn a_power_cut_at_any_operation_of_a_collection_leaves_a_valid_history() {
    let disk = SimDisk::new();
    run(&world(Some(&disk)), 5);
    let before = sizes(&world(Some(&disk))).len();
    let counts = enumerate(
        || disk.copy(),
        |disk: &SimDisk| collected(&world(Some(disk)), 0, false).is_ok(),
        |crash: &Crash, is_acknowledged| {
            let world = world(Some(&crash.disk));
            let report = sound(&world);
            assert!(!is_acknowledged || summarized(&report) == before);
            let again = collected(&world, 0, false).unwrap();
            assert_eq!((again.kept, again.summarized), (0, before));
            sound(&world);
            run(&world, 2);
            sound(&world);
        },
    );
    println!("{counts:?}");
    assert!(counts.operations >= 8 && counts.images >= 50, "{counts:?}");
}

#[test]
fn a_segment_whose_checkpoint_was_never_made_is_not_summarized() {
    let left_over = Cell::new(0);
    let counts = enumerate(
        SimDisk::new,
        |disk: &SimDisk| world(Some(disk)).run(&Guest::counter(), 1).is_ok(),
        |crash: &Crash, _| {
            let world = world(Some(&crash.disk));
            if sizes(&world).len() <= checkpoints(&world) {
                return;
            }
            run(&world, 2);
            let done = collected(&world, 0, false).unwrap();
            left_over.set(left_over.get() + done.removed - done.summarized);
            assert_eq!(summarized(&sound(&world)), done.summarized);
            run(&world, 2);
            sound(&world);
        },
    );
    println!("{counts:?}, {} without a checkpoint", left_over.get());
    assert!(left_over.get() > 0, "no power cut left such a segment");
}
