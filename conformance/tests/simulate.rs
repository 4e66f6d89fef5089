//! Simulated worlds: the same inputs come to the same events on every engine, a script answers first, and
//! both questions of verification get the right answer and name.

#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test fails by panicking")]

use std::ops::ControlFlow;
use std::sync::Arc;

use conformance::engine::mutant::{Fault, mutant};
use conformance::world::{Guest, World};
use igor_core::format::Hash;
use igor_node::{
    Bytes, Defaults, Request, RunEvent, Scenario, Script, Simulated, Simulation, StopReason,
    Ticked, Verdict,
};

mod linked {
    #![allow(dead_code, reason = "the expected names are for the harness")]

    include!(concat!(env!("OUT_DIR"), "/linked.rs"));
}

const COUNTER: &str = include_str!("../fixtures/node/counter.wat");
const ALL: &str = r#"{"capabilities":{"clock":{"version":1},"rand":{"version":1},
    "log":{"version":1},"wallet":{"version":1},"pricing":{"version":1}}}"#;
const SECOND_NS: u64 = 1_000_000_000;

/// An agent whose state is 64 bytes of its memory. What it does in a tick is to be filled in.
fn guest(name: &str, tick: &str) -> Guest {
    let text = format!(
        r#"(module
          (import "igor" "wallet_balance" (func $balance (result i64)))
          (import "igor" "node_price" (func $price (result i64)))
          (import "igor" "clock_now" (func $now (result i64)))
          (import "igor" "rand_bytes" (func $rand (param i32 i32) (result i32)))
          (import "igor" "wallet_receipt_count" (func $count (result i32)))
          (import "igor" "wallet_receipt" (func $receipt (param i32 i32 i32) (result i32)))
          (import "wasi_snapshot_preview1" "clock_time_get"
            (func $clock (param i32 i64 i32) (result i32)))
          (import "wasi_snapshot_preview1" "random_get"
            (func $random (param i32 i32) (result i32)))
          (memory (export "memory") 1)
          (global $hidden (mut i64) (i64.const 0))
          (func (export "agent_init"))
          (func (export "agent_tick") (result i32) (local $i i32) {tick} (i32.const 0))
          (func (export "agent_checkpoint") (result i32) (i32.const 64))
          (func (export "agent_checkpoint_ptr") (result i32) (i32.const 0))
          (func (export "malloc") (param i32) (result i32) (i32.const 256))
          (func (export "agent_resume") (param i32 i32)
            (memory.copy (i32.const 0) (local.get 0) (local.get 1))))"#
    );
    Guest::wat(name, &text, ALL)
}

/// Asks for everything that a script can answer.
fn curious() -> Guest {
    guest(
        "curious",
        "(i64.store (i32.const 0) (call $balance))
         (i64.store (i32.const 8) (call $price))
         (i64.store (i32.const 16) (call $now))
         (drop (call $rand (i32.const 24) (i32.const 4)))
         (i32.store (i32.const 28) (call $count))
         (drop (call $receipt (i32.const 0) (i32.const 32) (i32.const 8)))",
    )
}

/// Counts for so long that its gas is handed out several times, and reads the clock between.
fn busy() -> Guest {
    guest(
        "busy",
        "(local.set $i (i32.const 2000000))
         (loop $again (br_if $again (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))
         (i64.store (i32.const 0) (i64.add (i64.load (i32.const 0)) (call $now)))",
    )
}

/// Asks for time and randomness as language runtimes do.
fn standard() -> Guest {
    guest(
        "standard",
        "(drop (call $clock (i32.const 0) (i64.const 1) (i32.const 0)))
         (drop (call $clock (i32.const 1) (i64.const 1) (i32.const 8)))
         (drop (call $random (i32.const 16) (i32.const 48)))",
    )
}

/// Adds to its state how many ticks its instance has seen.
fn forgetful() -> Guest {
    guest(
        "forgetful",
        "(global.set $hidden (i64.add (global.get $hidden) (i64.const 1)))
         (i64.store (i32.const 0) (i64.add (i64.load (i32.const 0)) (global.get $hidden)))",
    )
}

/// A world that runs on `engine` and, if one is given, is checked on `verifier`.
fn world(engine: &str, verifier: Option<&str>) -> World {
    let mut world = World::in_memory(engine);
    world.node.verifier = verifier.map(|name| World::in_memory(name).node.engine);
    world
}

fn scenario(seed: u64) -> Scenario {
    Scenario { seed, clock_start_ns: 0, clock_step_ns: SECOND_NS, script: Script::default() }
}

/// Simulates six ticks, or as many as there are.
fn simulated(world: World, guest: &Guest, scenario: Scenario) -> (Vec<RunEvent>, Simulated) {
    let request = Request {
        agent: guest.agent.parse().unwrap(),
        module: guest.module.clone(),
        manifest: guest.manifest.clone(),
        budget: guest.budget,
        meter: guest.meter.clone(),
        defaults: Defaults {
            budget: world.budget,
            meter: "gas".to_owned(),
            limits: world.limits.clone(),
            key: igor_core::format::AgentKey::from_seed(&world.key_seed),
        },
    };
    let mut events = Vec::new();
    let mut sink = |event| {
        events.push(event);
        ControlFlow::Continue(())
    };
    let simulation = Simulation::new(scenario);
    let stack = World::in_memory("wasmtime");
    let node = world.node;
    let run = || pollster::block_on(simulation.run(node, request, 6, &mut sink));
    let simulated = stack.with_stack(run).unwrap_or_else(|error| panic!("{error}"));
    (events, simulated)
}

/// What does not name an engine.
fn anywhere(events: &[RunEvent]) -> Vec<RunEvent> {
    let names_engine =
        |event: &&RunEvent| !matches!(event, RunEvent::Started(_) | RunEvent::Verified(_));
    events.iter().filter(names_engine).cloned().collect()
}

fn ticks(events: &[RunEvent]) -> Vec<&Ticked> {
    let ticks = events.iter().filter_map(|event| match event {
        RunEvent::Ticked(ticked) => Some(ticked),
        _ => None,
    });
    ticks.collect()
}

#[test]
fn a_seed_decides_everything_on_every_engine() {
    let counter = Guest::wat("counter", COUNTER, ALL);
    for meter in ["gas", "wall"] {
        for guest in [counter.clone(), curious(), busy(), standard()] {
            let guest = Guest { meter: Some(meter.to_owned()), ..guest };
            let run = |engine, verifier, seed| {
                let (events, simulated) =
                    simulated(world(engine, verifier), &guest, scenario(seed));
                assert_eq!(simulated.reason, Some(StopReason::Ticks), "{events:#?}");
                (anywhere(&events), simulated.verdict)
            };
            let (one, unasked) = run("wasmtime", None, 7);
            assert_eq!(unasked, None);
            let verified = Some(Verdict::Verified);
            assert_eq!(run("wasmi", Some("wasmtime"), 7), (one.clone(), verified.clone()));
            assert_eq!(run("wasmtime", Some("wasmi"), 7), (one.clone(), verified));
            assert_ne!(run("wasmi", None, 8).0, one, "another seed is another identity");
        }
    }
}

#[test]
fn a_script_answers_first() {
    let script = Script {
        clock_now: vec![9],
        rand_bytes: vec![Bytes(vec![1, 2, 3]), Bytes(vec![4, 5, 6, 7, 8])],
        wallet_balance: vec![7],
        node_price: vec![-8],
        wallet_receipt: vec![Bytes(vec![0xaa, 0xbb])],
    };
    let scenario = Scenario { clock_start_ns: 5, script, ..scenario(1) };
    let world = world("wasmtime", Some("wasmi"));
    let (events, simulated) = simulated(world, &curious(), scenario);
    assert_eq!(simulated.verdict, Some(Verdict::Verified), "answers are recorded");
    let ticks = ticks(&events);
    let state = |balance: i64, price: i64, clock: i64, rand: [u8; 4]| {
        let mut state = [balance, price, clock].map(i64::to_le_bytes).concat();
        state.extend(rand);
        state.extend(1_i32.to_le_bytes());
        state.extend([0xaa, 0xbb]);
        state.resize(64, 0);
        Hash::of(&state)
    };
    assert_eq!(ticks[0].state_hash, state(7, -8, 9, [1, 2, 3, 4]));
    let balance = ticks[0].budget.get();
    assert_eq!(ticks[1].state_hash, state(balance, 1_000, 2_000_000_005, [5, 6, 7, 8]));
}

#[test]
fn what_a_wall_meter_charges_is_simulated_time() {
    let guest = Guest { meter: Some("wall".to_owned()), ..curious() };
    let (events, _) = simulated(world("wasmi", None), &guest, scenario(1));
    for ticked in ticks(&events) {
        assert_eq!(ticked.elapsed.0 / SECOND_NS, 1, "one reading of the clock: {ticked:?}");
        assert!((1_000..1_002).contains(&ticked.charge.get()), "{ticked:?}");
    }
}

#[test]
fn what_is_wrong_has_its_name() {
    let (_, hidden) = simulated(world("wasmtime", Some("wasmi")), &forgetful(), scenario(1));
    assert_eq!(hidden.reason, Some(StopReason::Ticks));
    assert!(matches!(hidden.verdict, Some(Verdict::HiddenState(_))), "{hidden:?}");

    let mut world = world("wasmtime", Some("wasmi"));
    world.node.engine.0 = mutant(Arc::clone(&world.node.engine.0), Fault::MiscountsGas);
    let (_, other) = simulated(world, &curious(), scenario(1));
    assert_eq!(other.reason, Some(StopReason::Ticks));
    assert!(matches!(other.verdict, Some(Verdict::Divergence(_))), "{other:?}");
}
