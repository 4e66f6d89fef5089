//! Every power cut, error and lack of space in the life of an agent on the file store, from the first
//! start through checkpoints and funding: whatever was told to the outside is still there afterwards, the
//! history proves the life, and starting again finishes what was left unfinished, once.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use conformance::disk::{Crash, Fault, SimDisk, enumerate};
use conformance::world::{Guest, World, amount, lockstep, verify};
use igor_core::Storage;
use igor_core::format::{AgentId, Checkpoint, FundId, Hash, Microcents};
use igor_core::storage::Key;
use igor_node::{LaunchError, RunEvent, StopReason, fund};
use igor_storage_fs::{FsConfig, FsStorage};

mod linked {
    #![allow(dead_code, reason = "the expected names are for the harness")]

    include!(concat!(env!("OUT_DIR"), "/linked.rs"));
}

const COUNTER: &str = include_str!("../fixtures/node/counter.wat");
const ALL: &str =
    r#"{"capabilities":{"clock":{"version":1},"rand":{"version":1},"log":{"version":1}}}"#;
const STATE_MAX: u64 = 1 << 20;

/// What the outside was told.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Told {
    /// The hash of each checkpoint, in order.
    checkpoints: Vec<Hash>,
    /// The sum of what funding acknowledged.
    funded: i64,
    /// What ended the life early, if anything did.
    failure: Option<String>,
}

fn guest() -> Guest {
    Guest { budget: Some(amount("1")), ..Guest::wat("counter", COUNTER, ALL) }
}

fn agent() -> AgentId {
    guest().agent.parse().unwrap()
}

fn world(disk: &SimDisk) -> World {
    let storage = FsStorage::over(Arc::new(disk.clone()), &FsConfig::default()).unwrap();
    let mut world = World::with_storage("wasmi", Arc::new(storage), "fs");
    world.plan.checkpoint_interval_ns = 2_000_000_000;
    world
}

/// A life: two runs with a funding after each. It ends at the first failure.
fn life(disk: &SimDisk) -> Told {
    let mut told = Told::default();
    for round in 0..2u8 {
        told.failure = run(disk, 3, &mut told.checkpoints).or_else(|| give(disk, round, &mut told));
        if told.failure.is_some() {
            break;
        }
    }
    told
}

fn run(disk: &SimDisk, ticks: u64, checkpoints: &mut Vec<Hash>) -> Option<String> {
    let world = world(disk);
    let mut launched = match world.launch(&guest(), Some(ticks)) {
        Ok(launched) => launched,
        Err(error) => return Some(error.to_string()),
    };
    let transcript = lockstep(&mut launched, &*world.node.storage.0, &world.clock);
    checkpoints.extend(transcript.events.iter().filter_map(|event| match event {
        RunEvent::Checkpointed { hash, .. } => Some(*hash),
        _ => None,
    }));
    let stopped = transcript.stopped();
    (stopped.reason != StopReason::Ticks).then(|| format!("{stopped:?}"))
}

fn give(disk: &SimDisk, id: u8, told: &mut Told) -> Option<String> {
    let (world, agent) = (world(disk), agent());
    let id = FundId::from_bytes([id; 16]);
    let amount = amount("1");
    let means = (world.node.mode, &*world.node.entropy);
    let funded = fund(&*world.node.storage.0, &agent, amount, id, STATE_MAX, means);
    match pollster::block_on(funded) {
        Ok(funded) => {
            told.checkpoints.push(funded.checkpoint);
            told.funded += amount.get();
            None
        }
        Err(error) => Some(error.to_string()),
    }
}

fn current(storage: &dyn Storage) -> Option<Checkpoint> {
    let stored = pollster::block_on(storage.get(&Key::Checkpoint(agent()))).unwrap()?;
    Some(Checkpoint::decode(&stored.bytes, STATE_MAX).unwrap())
}

/// Starts the agent as a newcomer would, without letting it tick, and checks what must hold.
fn recovers(disk: &SimDisk, told: &Told) {
    let world = world(disk);
    let storage = &*world.node.storage.0;
    drop(world.launch(&guest(), Some(0)).unwrap_or_else(|error| panic!("launch: {error}")));
    let Some(checkpoint) = current(storage) else {
        assert!(told.checkpoints.is_empty(), "an agent that was told of is gone");
        return;
    };
    let report = pollster::block_on(verify(storage, &agent(), STATE_MAX));
    assert!(report.is_valid(), "{:#?}", report.findings);
    let history: Vec<_> = report.checkpoints.iter().map(|facts| facts.hash).collect();
    for hash in &told.checkpoints {
        assert!(history.contains(hash), "a checkpoint that was told of is gone");
    }
    assert!(history.contains(&checkpoint.hash()), "the history reaches the checkpoint");
    let most = 1_000_000 + told.funded + amount("1").get();
    assert!(checkpoint.header().budget <= Microcents::new(most).unwrap());
    assert!(checkpoint.header().budget.get() > told.funded, "funding that was told of counts");

    // A second recovery finds nothing left to do.
    let launched = world.launch(&guest(), Some(0)).unwrap_or_else(|error| panic!("again: {error}"));
    assert!(launched.notices.is_empty(), "{:?}", launched.notices);
    assert_eq!(current(storage).map(|now| now.hash()), Some(checkpoint.hash()));
}

/// The agent lives on, and its history still proves it.
fn lives_on(disk: &SimDisk) {
    let mut checkpoints = Vec::new();
    assert_eq!(run(disk, 1, &mut checkpoints), None);
    let world = world(disk);
    let report = pollster::block_on(verify(&*world.node.storage.0, &agent(), STATE_MAX));
    assert!(report.is_valid(), "{:#?}", report.findings);
}

#[test]
fn a_life_survives_a_power_cut_at_every_operation() {
    let counts = enumerate(SimDisk::new, life, |crash: &Crash, told| {
        let again = crash.again(|disk| world(disk).launch(&guest(), Some(0)).is_ok());
        recovers(&crash.disk, told);
        lives_on(&crash.disk);
        if let Some((crash, _)) = again {
            recovers(&crash.disk, told);
        }
    });
    println!("{counts:?}, each of them cut off once more in its recovery");
    assert!(counts.operations >= 150 && counts.images >= 2_000, "{counts:?}");
}

#[test]
fn a_life_survives_an_error_or_a_lack_of_space_at_every_operation() {
    let whole = SimDisk::new();
    assert_eq!(life(&whole).failure, None);
    let operations = whole.operations().len();
    let mut failures = 0;
    for fault in [Fault::Error, Fault::NoSpace] {
        for at in 0..operations {
            let disk = SimDisk::new();
            disk.fail_at(at, fault);
            let told = life(&disk);
            failures += usize::from(told.failure.is_some());
            disk.free_space();
            let checked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                recovers(&disk, &told);
                lives_on(&disk);
            }));
            assert!(checked.is_ok(), "{fault:?} at operation {at}: {told:?}");
        }
    }
    println!("{operations} operations, {failures} of them ended the life early");
    assert!(failures > operations, "most faults are noticed");
}

#[test]
fn a_store_without_space_refuses_a_first_start_and_keeps_nothing_of_it() {
    let disk = SimDisk::new();
    disk.fail_at(0, Fault::Full);
    let mut checkpoints = Vec::new();
    assert!(run(&disk, 1, &mut checkpoints).is_some());
    assert_eq!(checkpoints, []);
    disk.free_space();
    assert!(matches!(world(&disk).launch(&guest(), Some(0)), Ok(_) | Err(LaunchError::Open(_))));
    assert!(current(&*world(&disk).node.storage.0).is_none());
}
