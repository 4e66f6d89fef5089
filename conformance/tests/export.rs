//! An agent in a file, and back: what went in comes out and lives on, on any engine and storage; what was changed,
//! cut, forged or would replace something is refused before anything is written; and no power cut leaves an agent
//! that is half there.

#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::Cursor;
use std::sync::Arc;

use conformance::disk::{Crash, SimDisk, enumerate};
use conformance::world::{Guest, World, amount, lockstep_until, verify};
use igor_core::Storage;
use igor_core::format::export::{
    CONTENTS_NAME, ExportContents, ExportFacts, ExportItem, ExportPart, member_end, member_header,
    padding,
};
use igor_core::format::{
    AgentId, AgentKey, AgentRecord, Checkpoint, Epoch, Hash, HistoryFile, Microcents, Price, Tick,
};
use igor_core::handoff::{Custody, Holding};
use igor_core::storage::{Group, Key, Precondition};
use igor_node::audit::Verdict;
use igor_node::export::{
    Archive, ArchiveError, Examined, ImportError, Imported, NotExported, Unfit, Wanted, examine,
    export, import, open_identity,
};
use igor_node::{LaunchError, OpenError, RunEvent, StopReason, remove};
use igor_storage_fs::{FsConfig, FsStorage};

mod linked {
    #![allow(dead_code, reason = "the expected names are for the harness")]

    include!(concat!(env!("OUT_DIR"), "/linked.rs"));
}

const STATE_MAX: u64 = 1 << 20;
const ENGINES: [&str; 2] = ["wasmtime", "wasmi"];

fn agent() -> AgentId {
    Guest::counter().agent.parse().unwrap()
}

/// The key that the agents of these worlds have.
fn key() -> AgentKey {
    AgentKey::from_seed(&[7; 32])
}

fn store(world: &World) -> &dyn Storage {
    &*world.node.storage.0
}

fn try_export(world: &World, passphrase: Option<&[u8]>) -> Result<Vec<u8>, NotExported> {
    let agent = agent();
    let entropy = &*world.node.entropy;
    let wanted = Wanted { agent: &agent, state_bytes_max: STATE_MAX, passphrase, entropy };
    let mut bytes = Vec::new();
    let mut steps = Vec::new();
    let exported =
        pollster::block_on(export(store(world), &wanted, &mut bytes, &mut |it| steps.push(it)))?;
    assert_eq!(exported.bytes, u64::try_from(bytes.len()).unwrap());
    assert!(steps.last().is_some_and(|last| last.done == last.total), "{steps:?}");
    Ok(bytes)
}

fn exported(world: &World) -> Vec<u8> {
    try_export(world, None).unwrap_or_else(|error| panic!("{error}"))
}

type Opened<'a> = (Archive<Cursor<&'a [u8]>>, Examined);

fn read(bytes: &[u8]) -> Result<Opened<'_>, Unfit> {
    let mut archive = Archive::open(Cursor::new(bytes))?;
    let examined = examine(&mut archive, &mut |_| {})?;
    Ok((archive, examined))
}

fn try_import(world: &World, bytes: &[u8], key: Option<AgentKey>) -> Result<Imported, ImportError> {
    let (mut archive, examined) = read(bytes).unwrap_or_else(|error| panic!("{error}"));
    pollster::block_on(import(store(world), &mut archive, &examined, key, &mut |_| {}))
}

fn imported(world: &World, bytes: &[u8]) -> Imported {
    try_import(world, bytes, Some(key())).unwrap_or_else(|error| panic!("{error}"))
}

/// Lets the agent tick, and says where it stopped.
fn run(world: &World, ticks: u64) -> (Tick, Microcents) {
    let run = world.run(&Guest::counter(), ticks).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(run.reason, StopReason::Ticks);
    (run.stopped().tick, run.stopped().budget)
}

/// Where an agent stopped that had run so long.
fn lived(world: &World, ticks: u64) -> (Tick, Microcents) {
    let (_, before) = run(world, ticks / 2);
    let (tick, budget) = run(world, ticks - ticks / 2);
    assert!(budget < before);
    (tick, budget)
}

fn is_proven(world: &World, engine: &str) {
    let report = pollster::block_on(verify(store(world), &agent(), STATE_MAX));
    assert!(report.is_valid(), "{:?}", report.findings);
    let audit = world.past(&Guest::counter()).audit(engine);
    assert_eq!(audit.verdict(), Verdict::Proven, "{:?} {:?}", audit.refutations, audit.pieces);
}

fn dear(mut world: World) -> World {
    world.node.price = Price::per_second(amount("100"));
    world
}

/// Everything of the agent that is stored.
fn everything(world: &World) -> Vec<(String, Vec<u8>)> {
    let past = pollster::block_on(igor_node::audit::copy(store(world), &agent())).unwrap();
    let mut all: Vec<_> = past.files.into_iter().collect();
    let id = agent();
    for key in [
        Key::Checkpoint(id.clone()),
        Key::Identity(id.clone()),
        Key::Record(id.clone()),
        Key::Custody(id),
    ] {
        if let Some(stored) = pollster::block_on(store(world).get(&key)).unwrap() {
            all.push((key.to_string(), stored.bytes));
        }
    }
    all.push(("log".to_owned(), past.log.unwrap_or_default().1.concat()));
    all
}

fn put(world: &World, key: Key, bytes: Vec<u8>) {
    let group = Group::new(agent()).put(key, bytes, Precondition::Always);
    pollster::block_on(store(world).commit(group.into())).pop().unwrap().unwrap();
}

/// Takes the agent from one world to the other and lets it live there.
fn goes(here: &World, there: &World, engine: &str) {
    let (tick, budget) = lived(here, 6);
    let bytes = try_export(here, Some(b"secret")).unwrap_or_else(|error| panic!("{error}"));
    let (_, examined) = read(&bytes).unwrap_or_else(|error| panic!("{error}"));
    let sealed = examined.sealed_identity().expect("it is in it").to_vec();
    assert!(open_identity(&sealed, b"Secret").is_err());
    let key = open_identity(&sealed, b"secret").unwrap_or_else(|error| panic!("{error}"));
    let imported = try_import(there, &bytes, Some(key)).unwrap_or_else(|error| panic!("{error}"));
    assert!(imported.epoch > Some(examined.contents().facts().epoch) && !imported.was_here);
    let (after, left) = run(there, 3);
    assert_eq!(after, Tick(tick.0 + 3));
    assert!(left < budget, "it goes on being charged");
    is_proven(there, engine);
}

#[test]
fn an_agent_goes_through_a_file_and_lives_on_elsewhere() {
    for (from, to) in [("wasmtime", "wasmi"), ("wasmi", "wasmtime")] {
        let folder = tempfile::tempdir().unwrap();
        let on_disk = |engine| dear(World::on_disk(engine, folder.path()));
        goes(&dear(World::in_memory(from)), &on_disk(to), to);
        let folder = tempfile::tempdir().unwrap();
        goes(&dear(World::on_disk(from, folder.path())), &dear(World::in_memory(to)), to);
    }
}

#[test]
fn a_removed_agent_is_restored_with_or_without_its_history() {
    for engine in ENGINES {
        for with_history in [false, true] {
            let world = dear(World::in_memory(engine));
            let (tick, budget) = lived(&world, 6);
            let bytes = exported(&world);
            let before = everything(&world);
            pollster::block_on(remove(store(&world), &agent(), with_history)).unwrap();
            let first = imported(&world, &bytes);
            assert!(!first.was_here);
            let files = |all: &[(String, Vec<u8>)]| {
                let mut all = all.to_vec();
                all.retain(|(name, _)| name.starts_with("00") || name.starts_with("checkpoint"));
                all
            };
            assert_eq!(files(&everything(&world)), files(&before));
            let again = imported(&world, &bytes);
            assert_eq!(again, Imported { was_here: true, ..first });
            let (after, left) = run(&world, 2);
            assert_eq!(after, Tick(tick.0 + 2));
            assert!(left < budget);
            is_proven(&world, engine);
        }
    }
}

/// A world whose agent crashed after its last checkpoint, and the last tick that it showed.
fn crashed(engine: &str) -> (World, Tick) {
    let mut world = dear(World::in_memory(engine));
    world.plan.checkpoint_interval_ns = 4_500_000_000;
    let mut launched = world.launch(&Guest::counter(), None).unwrap_or_else(|e| panic!("{e}"));
    let is_last = |event: &RunEvent| matches!(event, RunEvent::Ticked(it) if it.tick.0 == 7);
    world.with_stack(|| lockstep_until(&mut launched, store(&world), &world.clock, is_last));
    (world, Tick(7))
}

#[test]
fn what_a_crash_left_in_the_journal_goes_along() {
    for engine in ENGINES {
        let (world, last) = crashed(engine);
        let bytes = exported(&world);
        let (_, examined) = read(&bytes).unwrap_or_else(|error| panic!("{error}"));
        assert!(examined.contents().item(ExportPart::Journal).is_some());
        assert!(examined.contents().facts().tick < last);

        let elsewhere = dear(World::in_memory(engine));
        let before = everything(&elsewhere);
        let refused = try_import(&elsewhere, &bytes, Some(key())).unwrap_err();
        assert!(matches!(refused, ImportError::OtherNode { .. }), "{refused}");
        assert_eq!(everything(&elsewhere), before);
        try_import(&elsewhere, &bytes, None).unwrap_or_else(|error| panic!("{error}"));
        let refused = try_import(&elsewhere, &bytes, Some(key())).unwrap_err();
        assert!(matches!(refused, ImportError::OtherNode { .. }), "{refused}");

        pollster::block_on(remove(store(&world), &agent(), true)).unwrap();
        imported(&world, &bytes);
        assert_eq!(run(&world, 2).0, Tick(last.0 + 2), "no tick that was shown is lost");
        is_proven(&world, engine);
    }
}

#[test]
fn without_its_identity_an_agent_can_be_checked_but_not_run() {
    let world = dear(World::in_memory("wasmi"));
    let (tick, _) = lived(&world, 4);
    let bytes = exported(&world);
    let other = dear(World::in_memory("wasmi"));
    let looked_at = try_import(&other, &bytes, None).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(looked_at, Imported { epoch: None, was_here: false });
    let report = pollster::block_on(verify(store(&other), &agent(), STATE_MAX));
    assert!(report.is_valid(), "{:?}", report.findings);
    let refused = other.launch(&Guest::counter(), None).err().expect("it cannot run");
    let is_elsewhere = matches!(&refused, LaunchError::Open(OpenError::NotHere { .. }));
    assert!(is_elsewhere, "{refused}");

    let stranger = AgentKey::from_seed(&[8; 32]);
    let refused = try_import(&other, &bytes, Some(stranger)).unwrap_err();
    assert!(matches!(refused, ImportError::OtherIdentity), "{refused}");
    let completed = imported(&other, &bytes);
    assert_eq!(completed.epoch, Some(Epoch { major: 1, generation: 0 }));
    assert_eq!(run(&other, 2).0, Tick(tick.0 + 2));
}

#[test]
fn every_byte_counts() {
    let world = World::in_memory("wasmi");
    run(&world, 1);
    let bytes = exported(&world);
    for index in 0..bytes.len() {
        let mut other = bytes.clone();
        other[index] ^= 0x04;
        assert!(read(&other).is_err(), "byte {index} of {}", bytes.len());
    }
}

#[test]
fn an_export_that_was_cut_or_added_to_is_refused() {
    let world = World::in_memory("wasmi");
    run(&world, 1);
    let bytes = exported(&world);
    for length in (0..bytes.len()).step_by(61).chain([bytes.len() - 512, bytes.len() - 1]) {
        assert!(read(&bytes[..length]).is_err(), "cut to {length}");
    }
    for more in [1, 511, 512, 10_240] {
        let refused = read(&[&bytes[..], &vec![0; more]].concat()).err().expect("it is refused");
        assert!(matches!(refused, Unfit::Archive(ArchiveError::Length { .. })), "{refused}");
    }
}

/// An archive of these parts, which claims what it is told to, signed by the agent.
fn forged(facts: ExportFacts, parts: &[(ExportItem, Vec<u8>)]) -> Vec<u8> {
    let items = parts.iter().map(|(item, _)| *item).collect();
    let contents = ExportContents::sign(&key(), facts, items).unwrap_or_else(|e| panic!("{e}"));
    let mut bytes = Vec::new();
    let mut member = |name: &str, size: u64, content: &[u8]| {
        bytes.extend(member_header(name, size).expect("a member"));
        bytes.extend(content);
        bytes.extend(vec![0; padding(u64::try_from(content.len()).unwrap())]);
    };
    let text = contents.encode();
    member(CONTENTS_NAME, u64::try_from(text.len()).unwrap(), text.as_bytes());
    for (item, content) in parts {
        member(&item.part.to_string(), item.bytes, content);
    }
    bytes.extend(member_end());
    bytes
}

type Parts = Vec<(ExportItem, Vec<u8>)>;

fn taken_apart(bytes: &[u8]) -> (ExportFacts, Parts) {
    let mut archive = Archive::open(Cursor::new(bytes)).unwrap_or_else(|e| panic!("{e}"));
    let facts = archive.contents().facts().clone();
    let mut parts = Vec::new();
    archive
        .each(|item, bytes| {
            parts.push((*item, bytes));
            Ok::<_, ArchiveError>(())
        })
        .unwrap_or_else(|error| panic!("{error}"));
    (facts, parts)
}

/// Replaces a part and says so in the contents.
fn replace(parts: &mut Parts, part: ExportPart, content: Vec<u8>) {
    let bytes = u64::try_from(content.len()).unwrap();
    let item = ExportItem { part, hash: Hash::of(&content), bytes };
    parts.retain(|(other, _)| other.part != part);
    parts.push((item, content));
    parts.sort_by_key(|(item, _)| item.part);
}

fn content(parts: &Parts, part: ExportPart) -> Vec<u8> {
    parts.iter().find(|(item, _)| item.part == part).expect("it is there").1.clone()
}

fn check_forgery(bytes: &[u8], expected: &str, change: impl Fn(&mut ExportFacts, &mut Parts)) {
    let (mut facts, mut parts) = taken_apart(bytes);
    change(&mut facts, &mut parts);
    let refused = match read(&forged(facts, &parts)) {
        Ok(_) => panic!("it was taken, though {expected:?}"),
        Err(refused) => refused.to_string(),
    };
    assert!(refused.contains(expected), "{refused:?} lacks {expected:?}");
}

#[test]
fn what_an_agents_key_signed_is_still_checked() {
    let world = dear(World::in_memory("wasmi"));
    lived(&world, 4);
    let bytes = exported(&world);
    let (facts, parts) = taken_apart(&bytes);
    assert!(read(&forged(facts, &parts)).is_ok(), "nothing was changed");

    let record =
        |parts: &Parts| AgentRecord::decode(&content(parts, ExportPart::Record)).expect("a record");
    check_forgery(&bytes, "about another agent", |facts, _| facts.agent = "other".parse().unwrap());
    check_forgery(&bytes, "about another agent", |_, parts| {
        let public_key = AgentKey::from_seed(&[8; 32]).public_key();
        let other = AgentRecord { public_key, ..record(parts) };
        replace(parts, ExportPart::Record, other.encode());
    });
    check_forgery(&bytes, "record", |_, parts| {
        replace(parts, ExportPart::Record, b"igar".to_vec());
    });
    check_forgery(&bytes, "module.wasm: it is not the one", |_, parts| {
        replace(parts, ExportPart::Module, b"\0asm".to_vec());
    });
    check_forgery(&bytes, "manifest.json: it is not the one", |_, parts| {
        replace(parts, ExportPart::Manifest, b"{}".to_vec());
    });
    check_forgery(&bytes, "receipts", |_, parts| {
        replace(parts, ExportPart::Receipts, vec![1]);
    });
    check_forgery(&bytes, "journal", |_, parts| {
        replace(parts, ExportPart::Journal, vec![0; 8]);
    });
    check_forgery(&bytes, "not the one that the export is of", |facts, _| facts.tick = Tick(3));
    check_forgery(&bytes, "history", |_, parts| {
        let first = HistoryFile::Checkpoint { tick: Tick(2), copy: 0 };
        parts.retain(|(item, _)| item.part != ExportPart::History(first));
    });
    check_forgery(&bytes, "not the last of the history", |facts, parts| {
        let first = HistoryFile::Checkpoint { tick: Tick(2), copy: 0 };
        let first = content(parts, ExportPart::History(first));
        facts.checkpoint = Hash::of(&first);
        facts.tick = Tick(2);
        replace(parts, ExportPart::Checkpoint, first);
    });
    check_forgery(&bytes, "history", |facts, parts| {
        let current = content(parts, ExportPart::Checkpoint);
        let current = Checkpoint::decode(&current, STATE_MAX).expect("a checkpoint");
        let mut header = *current.header();
        header.budget = amount("1000");
        let prev = current.lineage().expect("it is signed").prev;
        let richer = Checkpoint::sign(&key(), header, prev, current.state().to_vec());
        facts.checkpoint = richer.hash();
        let head = HistoryFile::Checkpoint { tick: Tick(4), copy: 0 };
        replace(parts, ExportPart::History(head), richer.encode());
        replace(parts, ExportPart::Checkpoint, richer.encode());
    });
}

#[test]
fn huge_claims_are_refused_before_anything_is_read() {
    let world = World::in_memory("wasmi");
    run(&world, 1);
    let bytes = exported(&world);
    for (part, claim) in [
        (ExportPart::Module, (1 << 24) + 1),
        (ExportPart::Manifest, (1 << 20) + 1),
        (ExportPart::Record, (1 << 16) + 1),
        (ExportPart::Checkpoint, (64 << 20) + 4_097),
        (ExportPart::Journal, (1 << 30) + 1),
        (ExportPart::Identity, 1 << 32),
    ] {
        check_forgery(&bytes, "are allowed", |_, parts| {
            replace(parts, part, Vec::new());
            let item = parts.iter_mut().find(|(item, _)| item.part == part).expect("it is there");
            item.0.bytes = claim;
        });
    }
    check_forgery(&bytes, "it was cut or added to", |_, parts| {
        replace(parts, ExportPart::Journal, Vec::new());
        let item = parts.iter_mut().find(|(item, _)| item.part == ExportPart::Journal);
        item.expect("it is there").0.bytes = 1 << 30;
    });
    for claim in [(64 << 20) + 1, 1 << 32, (1 << 33) - 1] {
        let header = member_header(CONTENTS_NAME, claim).expect("a member");
        let refused = Archive::open(Cursor::new(&header[..])).err().expect("it is refused");
        assert!(refused.to_string().contains("at most 64 MiB"), "{refused}");
    }
    let header = member_header(CONTENTS_NAME, 64 << 20).expect("a member");
    assert!(Archive::open(Cursor::new(&header[..])).is_err());
}

#[test]
fn nothing_here_is_replaced() {
    let world = dear(World::in_memory("wasmi"));
    lived(&world, 4);
    let early = exported(&world);
    lived(&world, 4);
    let late = exported(&world);

    let refuse = |world: &World, bytes: &[u8], expected: &str| {
        let before = everything(world);
        let refused = try_import(world, bytes, Some(key())).unwrap_err().to_string();
        assert!(refused.contains(expected), "{refused}");
        assert_eq!(everything(world), before, "{expected}");
    };
    refuse(&world, &early, "is here at tick 8; the export is of tick 4");
    let behind = dear(World::in_memory("wasmi"));
    imported(&behind, &early);
    refuse(&behind, &late, "is here at tick 4; the export is of tick 8");

    let gone = dear(World::in_memory("wasmi"));
    imported(&gone, &late);
    pollster::block_on(remove(store(&gone), &agent(), false)).unwrap();
    refuse(&gone, &early, "goes on to tick 8; the export is of tick 4");
    imported(&gone, &late);

    let mut other = World::in_memory("wasmi");
    other.key_seed = [9; 32];
    run(&other, 2);
    refuse(&other, &early, "is another agent, did:key:");
    pollster::block_on(remove(store(&other), &agent(), false)).unwrap();
    refuse(&other, &early, "is another agent, did:key:");

    // Another life of the same key: it went on from tick 4 in its own way.
    let fork = dear(World::in_memory("wasmi"));
    imported(&fork, &early);
    fork.clock.advance_to(1_000_000_000_000);
    lived(&fork, 4);
    pollster::block_on(remove(store(&fork), &agent(), false)).unwrap();
    refuse(&fork, &late, "here is another one than in the export");
}

#[test]
fn an_agent_that_another_node_may_have_is_not_brought_back_in_passing() {
    let world = dear(World::in_memory("wasmi"));
    lived(&world, 2);
    let bytes = exported(&world);
    let contested = Custody {
        decided: 5,
        holding: Holding::Contested { held: 4, seen: 5 },
        ..Custody::default()
    };
    let other = dear(World::in_memory("wasmi"));
    put(&other, Key::Custody(agent()), contested.encode(&key().public_key()));
    let refused = try_import(&other, &bytes, Some(key())).unwrap_err();
    assert!(matches!(refused, ImportError::Elsewhere { .. }), "{refused}");

    // What was decided here before stays below the new epoch.
    let absent = Custody { decided: 5, ..Custody::default() };
    put(&other, Key::Custody(agent()), absent.encode(&key().public_key()));
    assert_eq!(imported(&other, &bytes).epoch, Some(Epoch { major: 6, generation: 0 }));
    let stored = pollster::block_on(store(&other).get(&Key::Custody(agent()))).unwrap().unwrap();
    let (_, custody) = Custody::decode(&stored.bytes).expect("a custody");
    assert_eq!((custody.decided, custody.holding), (6, Holding::Held(6)));

    put(&world, Key::Custody(agent()), contested.encode(&key().public_key()));
    let refused = try_export(&world, Some(b"secret")).err().map(|error| error.to_string());
    assert!(refused.is_some_and(|it| it.contains("RECOVERY_REQUIRED")));
    let (_, examined) = read(&exported(&world)).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(examined.contents().facts().epoch.major, 5, "without its key it is evidence");
}

#[test]
fn what_is_not_there_or_in_use_is_not_exported() {
    let world = World::in_memory("wasmi");
    let refused = try_export(&world, None).unwrap_err();
    assert!(matches!(refused, NotExported::NoAgent(_)), "{refused}");
    run(&world, 1);
    let running = world.launch(&Guest::counter(), None).unwrap_or_else(|e| panic!("{e}"));
    let refused = try_export(&world, None).unwrap_err();
    assert!(refused.to_string().contains("in use"), "{refused}");
    drop(running);
    let bytes = exported(&world);
    assert_eq!(exported(&world), bytes, "the same agent is the same file");
}

#[test]
fn a_power_cut_at_any_operation_leaves_an_import_that_can_go_on() {
    let on = |disk: &SimDisk| {
        let storage = FsStorage::over(Arc::new(disk.clone()), &FsConfig::default()).unwrap();
        dear(World::with_storage("wasmi", Arc::new(storage), "fs"))
    };
    let source = dear(World::in_memory("wasmi"));
    let (tick, budget) = lived(&source, 2);
    let bytes = exported(&source);
    let attempt = |disk: &SimDisk| try_import(&on(disk), &bytes, Some(key())).is_ok();
    let counts = enumerate(SimDisk::new, attempt, |crash: &Crash, is_acknowledged| {
        let world = on(&crash.disk);
        let again = imported(&world, &bytes);
        assert!(again.was_here || !is_acknowledged, "{again:?} {}", crash.place);
        let (now, left) = run(&world, 1);
        assert_eq!(now, Tick(tick.0 + 1));
        assert!(left <= budget);
        is_proven(&world, "wasmi");
    });
    println!("{counts:?}");
    assert!(counts.operations >= 10 && counts.images >= 50, "{counts:?}");
}
