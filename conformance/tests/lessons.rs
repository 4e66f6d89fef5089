//! What went wrong in the original, each as a test that would fail if it could go wrong here. The table
//! in `docs/LESSONS.md` names the test for each lesson.

#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test fails by panicking")]

use conformance::world::{
    COUNTER, COUNTER_MANIFEST, Guest, SeededEntropy, Transcript, World, amount,
};
use igor_core::Entropy;
use igor_core::format::{
    AgentId, AgentKey, Checkpoint, FundId, Hash, Header, Microcents, Price, Tick, encode_identity,
};
use igor_core::storage::{Group, Key, Precondition, StorageError};
use igor_node::{
    CommitMode, Funded, FundingError, LaunchError, Node, OpenError, RunEvent, StopReason,
    SurveyError, Ticked, fund,
};

mod linked {
    #![allow(dead_code, reason = "the expected names are for the harness")]

    include!(concat!(env!("OUT_DIR"), "/linked.rs"));
}

const THIRD_TICK_TRAPS: &str = include_str!("../fixtures/node/third_tick_traps.wat");
const STATE_MAX: u64 = 1 << 20;

fn id_of(guest: &Guest) -> AgentId {
    guest.agent.parse().unwrap()
}

fn run(world: &World, guest: &Guest, ticks: u64) -> Transcript {
    world.run(guest, ticks).unwrap_or_else(|error| panic!("{error}"))
}

fn read(world: &World, key: Key) -> Option<Vec<u8>> {
    let stored = pollster::block_on(world.node.storage.0.get(&key)).unwrap();
    stored.map(|stored| stored.bytes)
}

fn write(world: &World, guest: &Guest, key: Key, bytes: Vec<u8>) {
    let group = Group::new(id_of(guest)).put(key, bytes, Precondition::Always);
    pollster::block_on(world.node.storage.0.commit(group.into())).pop().unwrap().unwrap();
}

fn remove(world: &World, guest: &Guest, key: Key) {
    let group = Group::new(id_of(guest)).delete(key, Precondition::Always);
    pollster::block_on(world.node.storage.0.commit(group.into())).pop().unwrap().unwrap();
}

fn checkpoint(world: &World, guest: &Guest) -> Checkpoint {
    let bytes = read(world, Key::Checkpoint(id_of(guest))).expect("there is a checkpoint");
    Checkpoint::decode(&bytes, STATE_MAX).unwrap()
}

fn refusal(world: &World, guest: &Guest) -> SurveyError {
    match world.launch(guest, None) {
        Err(LaunchError::Open(OpenError::Survey(error))) => error,
        Err(error) => panic!("refused for another reason: {error}"),
        Ok(_) => panic!("launched"),
    }
}

fn fund_by(world: &World, guest: &Guest, units: &str, id: u8) -> Result<Funded, FundingError> {
    let (storage, agent) = (&*world.node.storage.0, id_of(guest));
    let id = FundId::from_bytes([id; 16]);
    let entropy: &dyn Entropy = &SeededEntropy::new(9);
    let means = (CommitMode::Journal, entropy);
    pollster::block_on(fund(storage, &agent, amount(units), id, STATE_MAX, means))
}

fn history_is_sound(world: &World, guest: &Guest) {
    let (storage, agent) = (&*world.node.storage.0, id_of(guest));
    let report = pollster::block_on(conformance::world::verify(storage, &agent, STATE_MAX));
    assert!(report.is_valid(), "{:#?}", report.findings);
}

#[test]
fn a_budget_stops_at_exactly_zero_and_the_agent_can_be_funded() {
    let world = World::in_memory("wasmi");
    let guest = Guest { budget: Some(amount("0.00001")), ..Guest::counter() };
    let first = run(&world, &guest, 1_000_000);
    assert_eq!(first.reason, StopReason::BudgetExhausted);
    assert_eq!(first.stopped().budget, Microcents::ZERO);
    let last = checkpoint(&world, &guest);
    assert_eq!(last.header().budget, Microcents::ZERO);
    let ticks = first.ticks().count();
    assert!(ticks > 0, "the budget was for some ticks");
    assert_eq!(last.state(), u64::try_from(ticks).unwrap().to_le_bytes());

    // Started again it neither runs nor is born again.
    let again = run(&world, &guest, 5);
    assert_eq!((again.reason, again.ticks().count()), (StopReason::BudgetExhausted, 0));
    assert_eq!(checkpoint(&world, &guest).hash(), last.hash());

    assert_eq!(fund_by(&world, &guest, "1", 1).unwrap().budget, amount("1"));
    assert_eq!(run(&world, &guest, 5).stopped().tick, Tick(last.header().tick.0 + 5));
    history_is_sound(&world, &guest);
}

#[test]
fn a_checkpoint_that_does_not_load_is_never_a_fresh_start() {
    let world = World::in_memory("wasmi");
    run(&world, &Guest::counter(), 3);
    let key = Key::Checkpoint(id_of(&Guest::counter()));
    let good = read(&world, key.clone()).unwrap();
    for index in 0..good.len() {
        let mut bad = good.clone();
        bad[index] ^= 1;
        write(&world, &Guest::counter(), key.clone(), bad.clone());
        assert!(world.launch(&Guest::counter(), None).is_err(), "byte {index}");
        assert_eq!(read(&world, key.clone()), Some(bad), "byte {index}");
    }
    for bad in [vec![], vec![4], good[..209].to_vec(), vec![0xff; 300]] {
        write(&world, &Guest::counter(), key.clone(), bad);
        assert!(world.launch(&Guest::counter(), None).is_err());
    }
    remove(&world, &Guest::counter(), key.clone());
    assert!(matches!(refusal(&world, &Guest::counter()), SurveyError::CheckpointMissing { .. }));
    write(&world, &Guest::counter(), key, good);
    assert_eq!(run(&world, &Guest::counter(), 1).stopped().tick, Tick(4));
}

#[test]
fn a_failed_tick_leaves_the_last_committed_state_and_is_charged() {
    for engine in ["wasmtime", "wasmi"] {
        let world = World::in_memory(engine);
        let guest = Guest::wat("trapper", THIRD_TICK_TRAPS, "{}");
        let first = run(&world, &guest, 10);
        assert_eq!(first.reason, StopReason::Trap);
        assert!(!first.reason.is_success(), "a supervisor must see a failure");
        let before = first.ticks().last().expect("two ticks were committed").clone();
        let stopped = first.stopped();
        assert_eq!((before.tick, stopped.tick), (Tick(2), Tick(2)));
        let detail = stopped.detail.as_deref().unwrap_or_default();
        assert!(detail.contains("agent_tick trapped (unreachable)"), "{detail}");
        let saved = checkpoint(&world, &guest);
        assert_eq!(saved.state(), [2u64.to_le_bytes(), 2u64.to_le_bytes()].concat());
        assert_eq!(saved.header().budget, stopped.budget);
        // It fails in the same way when it is started again, from the same state.
        let again = run(&world, &guest, 10);
        assert_eq!((again.reason, again.stopped().tick), (StopReason::Trap, Tick(2)));
        assert!(again.stopped().budget <= stopped.budget);
        assert_eq!(checkpoint(&world, &guest).state(), saved.state());
        history_is_sound(&world, &guest);
    }
}

#[test]
fn an_unsigned_checkpoint_is_refused_for_an_agent_with_a_key() {
    let world = World::in_memory("wasmi");
    run(&world, &Guest::counter(), 3);
    let signed = checkpoint(&world, &Guest::counter());
    let bytes = signed.encode();
    // The fields that version 4 added, cut out, and a fortune in the budget.
    let mut unsigned = [&bytes[..81], signed.state()].concat();
    unsigned[0] = 3;
    unsigned[1..9].copy_from_slice(&1_000_000_000_000_000i64.to_le_bytes());
    assert!(Checkpoint::decode(&unsigned, STATE_MAX).is_ok(), "it is well formed");
    write(&world, &Guest::counter(), Key::Checkpoint(id_of(&Guest::counter())), unsigned);
    assert!(matches!(refusal(&world, &Guest::counter()), SurveyError::Unverified { .. }));
}

#[test]
fn a_checkpoint_signed_by_another_key_is_refused() {
    let world = World::in_memory("wasmi");
    run(&world, &Guest::counter(), 3);
    let honest = checkpoint(&world, &Guest::counter());
    let header = Header { budget: Microcents::MAX, ..*honest.header() };
    let prev = honest.lineage().unwrap().prev;
    let other = AgentKey::from_seed(&[99; 32]);
    let forged = Checkpoint::sign(&other, header, prev, honest.state().to_vec());
    assert!(forged.verify().is_ok(), "it is signed by the key inside it");
    write(&world, &Guest::counter(), Key::Checkpoint(id_of(&Guest::counter())), forged.encode());
    assert!(matches!(refusal(&world, &Guest::counter()), SurveyError::Unverified { .. }));
}

#[test]
fn a_tick_that_is_saved_more_than_once_keeps_the_chain() {
    let world = World::in_memory("wasmi");
    let guest = Guest { budget: Some(amount("1")), ..Guest::counter() };
    // Saves at tick 0: the first one, one for each start that is charged, one for each funding.
    for round in 0..3u8 {
        run(&world, &guest, 0);
        fund_by(&world, &guest, "1", round).unwrap();
    }
    run(&world, &guest, 2);
    run(&world, &guest, 0);
    history_is_sound(&world, &guest);
    assert_eq!(checkpoint(&world, &guest).header().tick, Tick(2));
}

#[test]
fn a_save_that_says_nothing_new_writes_nothing() {
    let world = World { budget: amount("1"), ..World::in_memory("wasmi") };
    let free = World { node: Node { price: Price::default(), ..world.node }, ..world };
    run(&free, &Guest::counter(), 2);
    let saved = checkpoint(&free, &Guest::counter());
    run(&free, &Guest::counter(), 0);
    assert_eq!(checkpoint(&free, &Guest::counter()).hash(), saved.hash());
}

#[test]
fn an_identity_is_never_made_up_or_replaced() {
    let world = World::in_memory("wasmi");
    run(&world, &Guest::counter(), 3);
    let key = Key::Identity(id_of(&Guest::counter()));
    let identity = read(&world, key.clone()).unwrap();
    remove(&world, &Guest::counter(), key.clone());
    let error = refusal(&world, &Guest::counter());
    assert!(matches!(&error, SurveyError::IdentityMissing { .. }), "{error}");
    assert!(error.to_string().contains("did:key:z6Mk"), "{error}");
    for index in 0..identity.len() {
        let mut bad = identity.clone();
        bad[index] ^= 1;
        write(&world, &Guest::counter(), key.clone(), bad.clone());
        assert!(world.launch(&Guest::counter(), None).is_err(), "byte {index}");
        assert_eq!(read(&world, key.clone()), Some(bad), "byte {index}");
    }
    let stranger = AgentKey::from_seed(&[99; 32]);
    write(&world, &Guest::counter(), key.clone(), encode_identity(&stranger).to_vec());
    assert!(world.launch(&Guest::counter(), None).is_err());
    write(&world, &Guest::counter(), key, identity);
    assert_eq!(run(&world, &Guest::counter(), 1).stopped().tick, Tick(4));
}

#[test]
fn an_identity_that_a_failed_first_start_left_behind_is_used() {
    let world = World::in_memory("wasmi");
    let key = AgentKey::from_seed(&[42; 32]);
    let did = key.public_key().did().to_string();
    write(
        &world,
        &Guest::counter(),
        Key::Identity(id_of(&Guest::counter())),
        encode_identity(&key).to_vec(),
    );
    let transcript = run(&world, &Guest::counter(), 1);
    let told = transcript.events.iter().find_map(|event| match event {
        RunEvent::Started(started) => Some(started.did.clone()),
        _ => None,
    });
    assert_eq!(told, Some(did));
}

#[test]
fn short_ticks_are_not_free() {
    // At these prices no single tick comes to a whole microcent.
    for (meter, price) in [("gas", "1"), ("wall", "0.001")] {
        let world = World::in_memory("wasmi");
        let node = Node { price: Price::per_second(amount(price)), ..world.node };
        let world = World { node, ..world };
        let guest = Guest { meter: Some(meter.to_owned()), ..Guest::counter() };
        let transcript = run(&world, &guest, 1_000);
        let used = |ticked: &Ticked| if meter == "gas" { ticked.gas.0 } else { ticked.elapsed.0 };
        let per_second = u64::try_from(amount(price).get()).unwrap();
        let longest = transcript.ticks().map(used).max().unwrap();
        assert!(longest * per_second < 1_000_000_000, "{meter}: every tick is short");
        let charged: i64 = transcript.ticks().map(|ticked| ticked.charge.get()).sum();
        let due = transcript.ticks().map(used).sum::<u64>() * per_second / 1_000_000_000;
        assert!(due > 1, "{meter}: together they cost something");
        assert!(charged.abs_diff(due.cast_signed()) <= 1, "{meter}: {charged} of {due} charged");
    }
}

#[test]
fn an_older_checkpoint_beside_a_newer_history_is_refused() {
    let world = World::in_memory("wasmi");
    run(&world, &Guest::counter(), 3);
    let old = read(&world, Key::Checkpoint(id_of(&Guest::counter()))).unwrap();
    run(&world, &Guest::counter(), 20);
    let newest = checkpoint(&world, &Guest::counter());
    write(&world, &Guest::counter(), Key::Checkpoint(id_of(&Guest::counter())), old);
    let error = refusal(&world, &Guest::counter());
    assert!(matches!(error, SurveyError::RolledBack { .. }), "{error}");
    write(&world, &Guest::counter(), Key::Checkpoint(id_of(&Guest::counter())), newest.encode());
    assert_eq!(run(&world, &Guest::counter(), 1).stopped().tick, Tick(24));
}

#[test]
fn a_save_that_stopped_halfway_is_finished_and_not_signed_again() {
    let world = World::in_memory("wasmi");
    run(&world, &Guest::counter(), 3);
    let newest = checkpoint(&world, &Guest::counter());
    let prev = newest.lineage().unwrap().prev;
    let before = [(0, 0), (0, 1), (3, 0)].into_iter().find_map(|(tick, copy)| {
        let bytes = read(&world, Key::History(id_of(&Guest::counter()), Tick(tick), copy))?;
        (Hash::of(&bytes) == prev).then_some(bytes)
    });
    write(
        &world,
        &Guest::counter(),
        Key::Checkpoint(id_of(&Guest::counter())),
        before.expect("one step earlier"),
    );
    let launched =
        world.launch(&Guest::counter(), Some(0)).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(checkpoint(&world, &Guest::counter()).hash(), newest.hash());
    assert!(launched.notices.iter().any(|notice| notice.contains("did not get to its end")));
    drop(launched);
    assert_eq!(run(&world, &Guest::counter(), 1).stopped().tick, Tick(4));
    history_is_sound(&world, &Guest::counter());
}

#[test]
fn an_agent_that_runs_is_not_run_twice() {
    let world = World::in_memory("wasmi");
    run(&world, &Guest::counter(), 1);
    let running = world.launch(&Guest::counter(), None).unwrap_or_else(|error| panic!("{error}"));
    match world.launch(&Guest::counter(), None) {
        Err(LaunchError::Open(OpenError::Storage(StorageError::Held { .. }))) => {}
        Err(error) => panic!("refused for another reason: {error}"),
        Ok(_) => panic!("launched twice"),
    }
    let behind_its_back = fund_by(&world, &Guest::counter(), "1", 1);
    assert!(matches!(
        behind_its_back,
        Err(FundingError::Open(OpenError::Storage(StorageError::Held { .. })))
    ));
    drop(running);
    assert_eq!(run(&world, &Guest::counter(), 1).stopped().tick, Tick(2));
}

#[test]
fn a_holder_that_was_bypassed_does_no_harm() {
    let world = World::in_memory("wasmi");
    run(&world, &Guest::counter(), 1);
    let mut stale =
        world.launch(&Guest::counter(), Some(3)).unwrap_or_else(|error| panic!("{error}"));
    // Someone without manners writes in between.
    let storage = &*world.node.storage.0;
    let honest = checkpoint(&world, &Guest::counter());
    let key = AgentKey::from_seed(&world.key_seed);
    let header = Header { tick: Tick(2), ..*honest.header() };
    let next = Checkpoint::sign(&key, header, honest.hash(), honest.state().to_vec());
    write(&world, &Guest::counter(), Key::Checkpoint(id_of(&Guest::counter())), next.encode());
    let transcript =
        world.with_stack(|| conformance::world::lockstep(&mut stale, storage, &world.clock));
    assert_eq!(transcript.reason, StopReason::Storage);
    assert_eq!(checkpoint(&world, &Guest::counter()).hash(), next.hash());
}

#[test]
fn another_module_is_refused_with_both_hashes() {
    let world = World::in_memory("wasmi");
    run(&world, &Guest::counter(), 1);
    let other = Guest::wat("counter", THIRD_TICK_TRAPS, COUNTER_MANIFEST);
    let kept = checkpoint(&world, &Guest::counter()).header().code_hash;
    match world.launch(&other, None) {
        Err(LaunchError::Open(OpenError::OtherModule { asked, kept: named, .. })) => {
            assert_eq!((asked, named), (Hash::of(&other.module), kept));
        }
        Err(error) => panic!("refused for another reason: {error}"),
        Ok(_) => panic!("launched"),
    }
}

#[test]
fn terms_that_an_agent_lives_under_are_not_changed_in_passing() {
    let world = World::in_memory("wasmi");
    run(&world, &Guest { budget: Some(amount("2")), ..Guest::counter() }, 1);
    let refused = |guest: Guest| world.launch(&guest, None).err().expect("refused").to_string();
    let wider = Guest::wat(
        "counter",
        COUNTER,
        &COUNTER_MANIFEST.replace("}}}", "},\"wallet\":{\"version\":1}}}"),
    );
    assert!(refused(wider).contains("manifest"));
    let budget = Guest { budget: Some(amount("3")), ..Guest::counter() };
    assert!(refused(budget).contains("created with a budget of 2.000000, not 3.000000"));
    let meter = Guest { meter: Some("wall".to_owned()), ..Guest::counter() };
    assert!(refused(meter).contains("charged by meter \"gas\", not \"wall\""));
    // What is not asked for is taken from the agent.
    let silent = Guest { manifest: None, ..Guest::counter() };
    assert_eq!(run(&world, &silent, 1).stopped().tick, Tick(2));
    let same =
        Guest { budget: Some(amount("2")), meter: Some("gas".to_owned()), ..Guest::counter() };
    assert_eq!(run(&world, &same, 1).stopped().tick, Tick(3));
}
