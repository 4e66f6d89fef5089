//! An agent that wants to be elsewhere says so: the node hears it once the tick is durable, a replay sees the same, and
//! where the manifest forbids moves the agent is told and nobody else. What a node makes of it is not tested here.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use conformance::world::{Guest, Transcript, World, amount};
use igor_core::format::{Checkpoint, Price, Tick};
use igor_core::storage::Key;
use igor_node::audit::Verdict;
use igor_node::{MoveWish, RunEvent, StopReason};

mod linked {
    #![allow(dead_code, reason = "the expected names are for the harness")]

    include!(concat!(env!("OUT_DIR"), "/linked.rs"));
}

const RESTLESS: &str = include_str!("../fixtures/node/restless.wat");

fn restless(policy: &str) -> Guest {
    let manifest = format!(r#"{{"capabilities":{{"migrate":{{"version":1}}}}{policy}}}"#);
    Guest::wat("restless", RESTLESS, &manifest)
}

/// What the agent asked for, and after which event.
fn wishes(run: &Transcript) -> Vec<(u64, MoveWish)> {
    let asked = run.events.iter().filter_map(|event| match event {
        RunEvent::AsksToMove { tick, wish } => Some((tick.0, wish.clone())),
        _ => None,
    });
    asked.collect()
}

fn run(world: &World, guest: &Guest, ticks: u64) -> Transcript {
    let run = world.run(guest, ticks).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(run.reason, StopReason::Ticks, "{:?}", run.stopped());
    run
}

/// What the agent was answered last.
fn answer(world: &World, guest: &Guest) -> i32 {
    let key = Key::Checkpoint(guest.agent.parse().unwrap());
    let stored = pollster::block_on(world.node.storage.0.get(&key)).unwrap().unwrap();
    let state = Checkpoint::decode(&stored.bytes, 1 << 20).unwrap().into_state();
    i32::from_le_bytes(state.get(8..12).unwrap().try_into().unwrap())
}

fn is_proven(world: &World, guest: &Guest) {
    for engine in ["wasmtime", "wasmi"] {
        let audit = world.past(guest).audit(engine);
        assert_eq!(audit.verdict(), Verdict::Proven, "{:?}", audit.refutations);
    }
}

#[test]
fn a_wish_is_heard_when_its_tick_is_durable_and_proven_on_every_engine() {
    let cheap = MoveWish { price_max: Some(Price::per_second(amount("0.0005"))), node: None };
    let paris = MoveWish { price_max: None, node: Some("paris".to_owned()) };
    for engine in ["wasmtime", "wasmi"] {
        let (world, guest) = (World::in_memory(engine), restless(""));
        let first = run(&world, &guest, 4);
        let expected = [(2, cheap.clone()), (3, paris.clone()), (4, cheap.clone())];
        assert_eq!(wishes(&first), expected);
        for (index, event) in first.events.iter().enumerate() {
            if let RunEvent::AsksToMove { tick, .. } = event {
                let ticked =
                    |event: &RunEvent| matches!(event, RunEvent::Ticked(it) if it.tick == *tick);
                assert!(first.events.iter().take(index).any(ticked), "{tick} is shown before");
            }
        }
        assert_eq!(answer(&world, &guest), 0);
        let second = run(&world, &guest, 2);
        assert_eq!(wishes(&second), [(6, paris.clone())], "of two wishes the last one counts");
        is_proven(&world, &guest);
    }
}

#[test]
fn where_the_manifest_forbids_moves_nothing_is_asked() {
    for (policy, heard) in [
        (r#","migration_policy":{"enabled":false}"#, false),
        (r#","migration_policy":{"max_price_per_second":5}"#, false),
        (r#","migration_policy":{"enabled":true}"#, true),
    ] {
        let (world, guest) = (World::in_memory("wasmi"), restless(policy));
        let lived = run(&world, &guest, 2);
        assert_eq!(wishes(&lived).len(), usize::from(heard), "{policy}");
        assert_eq!(answer(&world, &guest), if heard { 0 } else { -1 });
        is_proven(&world, &guest);
    }
}

#[test]
fn without_the_capability_an_agent_that_asks_is_refused_by_name() {
    let guest = Guest::wat("restless", RESTLESS, "{}");
    let refused = World::in_memory("wasmi").launch(&guest, None).err().expect("it is refused");
    assert!(refused.to_string().contains("migrate_request"), "{refused}");
}

#[test]
fn a_tick_that_fails_asks_for_nothing() {
    let trap = "(local.set $answer (call $migrate_request (i64.const 0) (i32.const 0) (i32.const 0)))\n(unreachable)";
    let text = RESTLESS
        .replace(
            "(func (export \"agent_tick\") (result i32)",
            "(func (export \"agent_tick\") (result i32) (local $answer i32)",
        )
        .replacen(
            "(i32.const 0))\n  (func (export \"agent_checkpoint\")",
            &format!("{trap})\n  (func (export \"agent_checkpoint\")"),
            1,
        );
    let guest = Guest::wat("restless", &text, r#"{"capabilities":{"migrate":{"version":1}}}"#);
    let world = World::in_memory("wasmi");
    let run = world.run(&guest, 1).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((run.reason, run.stopped().tick), (StopReason::Trap, Tick(0)));
    assert_eq!(wishes(&run), []);
    is_proven(&world, &guest);
}
