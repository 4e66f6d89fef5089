//! Runs hostile agents on a node and judges what came of it: what the agent's expectation says, the
//! same on every engine, with a neighbour on the same node that notices nothing. It judges neither
//! time nor memory; those are for a test that runs nothing else meanwhile.

use std::sync::Arc;
use std::thread;

use igor_core::format::{AgentId, Hash, NodeKey, Price, encode_node_key};
use igor_core::plugin::Registry;
use igor_core::prepare::{PrepareError, START};
use igor_core::storage::{Claim, Group, Key, Precondition};
use igor_core::{Engine, Storage, Trap};
use igor_node::abi::AbiError;
use igor_node::{LaunchError, LoadError, Node, StopReason, Stopped, Ticked};
use pollster::block_on;

use super::{Expectation, Hostile, Refusal};
use crate::world::{Guest, Transcript, World, amount, lockstep};

/// What a nominal second costs here, in units: one microcent for each gas, so that every charge shows.
const PRICE: &str = "1000";
/// What agents begin with here, in units: enough for a few calls that use all their gas.
const BUDGET: &str = "100000";
/// Gas of one guest call of an agent that does not ask for the default.
const TICK_GAS_MAX: u64 = 20_000_000;
/// Ticks of a hostile agent, enough for two checkpoints at the default interval.
const TICKS: u64 = 12;
/// Ticks of the neighbour meanwhile.
const NEIGHBOUR_TICKS: u64 = 60;

/// An agent that minds its own business: it counts, logs and draws.
const NEIGHBOUR: &str = r#"(module
  (import "igor" "clock_now" (func $clock_now (result i64)))
  (import "igor" "rand_bytes" (func $rand_bytes (param i32 i32) (result i32)))
  (import "igor" "log_emit" (func $log_emit (param i32 i32)))
  (memory (export "memory") 1)
  (func (export "agent_init"))
  (func (export "agent_tick") (result i32)
    (i64.store (i32.const 0) (i64.add (i64.load (i32.const 0)) (i64.const 1)))
    (i64.store (i32.const 8) (call $clock_now))
    (drop (call $rand_bytes (i32.const 16) (i32.const 16)))
    (call $log_emit (i32.const 64) (i32.const 6))
    (i32.const 0))
  (func (export "agent_checkpoint") (result i32) (i32.const 32))
  (func (export "agent_checkpoint_ptr") (result i32) (i32.const 0))
  (func (export "agent_resume") (param i32 i32)
    (memory.copy (i32.const 0) (local.get 0) (local.get 1)))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (data (i32.const 64) "fine !"))"#;

/// The neighbour's manifest.
const NEIGHBOUR_MANIFEST: &str =
    r#"{"capabilities":{"clock":{"version":1},"rand":{"version":1},"log":{"version":1}}}"#;

/// What a hostile agent came to on one engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It never ran.
    Refused {
        /// Why, if it is one of the reasons that can be expected.
        reason: Option<Refusal>,
        /// The node's words.
        message: String,
    },
    /// It ran until it stopped.
    Ran {
        /// Each tick's gas and the hash of the state after it.
        ticks: Vec<(u64, Hash)>,
        /// The lines it logged.
        lines: Vec<String>,
        /// How it stopped.
        stopped: Stopped,
    },
}

/// Runs `agent` on every linked engine.
///
/// # Errors
/// What did not go as it must, with the engine.
///
/// # Panics
/// When the node panics, which no guest may bring about.
pub fn judge(agent: &Hostile) -> Result<(), String> {
    let registry = Registry::<dyn Engine>::linked().map_err(|error| error.to_string())?;
    let mut first: Option<(&str, Outcome)> = None;
    for engine in registry.entries().iter().map(|entry| entry.name) {
        let outcome = run_beside_neighbour(engine, agent)?;
        check(agent, &outcome).map_err(|problem| format!("on {engine}: {problem}"))?;
        match &first {
            None => first = Some((engine, outcome)),
            Some((other, expected)) if *expected != outcome => {
                return Err(format!("on {other}: {expected:?}\non {engine}: {outcome:?}"));
            }
            Some(_) => {}
        }
    }
    first.map(|_| ()).ok_or_else(|| "no engine is linked".to_owned())
}

/// A world with this engine in which `agent` may run, and every unit of gas is charged for.
pub fn world_for(agent: &Hostile, engine: &str) -> World {
    let mut world = world(engine);
    if !agent.has_full_gas {
        world.limits.tick_gas_max = TICK_GAS_MAX;
    }
    world
}

/// A world with this engine and the default limits.
fn world(engine: &str) -> World {
    let mut world = World::in_memory(engine);
    world.node.price = Price::per_second(amount(PRICE));
    world.budget = amount(BUDGET);
    give_key(&*world.node.storage.0);
    world
}

/// Gives a new node its key: else the agent that is opened first draws it, and draws something else later.
fn give_key(storage: &dyn Storage) {
    let agent: AgentId = "first".parse().expect("a good name");
    let key = encode_node_key(&NodeKey::from_seed(&[9; 32])).to_vec();
    let _hold = block_on(storage.hold(&Claim::Agent(agent.clone()))).expect("nobody else is there");
    let group = Group::new(agent).put(Key::Node, key, Precondition::Absent);
    for result in block_on(storage.commit(group.into())) {
        result.expect("a new store has no key");
    }
}

/// Runs `agent` in `world` until it stops.
pub fn run(world: &World, agent: &Hostile) -> Outcome {
    let guest = Guest::new("hostile", &agent.bytes, &agent.manifest);
    match world.run(&guest, TICKS) {
        Ok(transcript) => Outcome::Ran {
            ticks: transcript.ticks().map(gas_and_state).collect(),
            lines: transcript.lines().map(str::to_owned).collect(),
            stopped: transcript.stopped().clone(),
        },
        Err(error) => Outcome::Refused { reason: reason(&error), message: error.to_string() },
    }
}

fn gas_and_state(ticked: &Ticked) -> (u64, Hash) {
    (ticked.gas.0, ticked.state_hash)
}

/// Runs `agent` while a neighbour ticks on the same engine and storage, and compares the neighbour's
/// life with one that it lives alone.
fn run_beside_neighbour(engine: &str, agent: &Hostile) -> Result<Outcome, String> {
    let alone = live(&world(engine));
    let hostile = world_for(agent, engine);
    // The neighbour keeps its own clock and entropy: with shared ones, whose turn comes when would
    // show in its state.
    let Node { engine: (engine, engine_name), storage: (storage, storage_name), .. } =
        &hostile.node;
    let mut beside = world(engine_name);
    beside.node.engine = (Arc::clone(engine), engine_name.clone());
    beside.node.storage = (Arc::clone(storage), storage_name.clone());
    let (outcome, neighbour) = thread::scope(|scope| {
        let neighbour = scope.spawn(|| live(&beside));
        (run(&hostile, agent), neighbour.join())
    });
    let neighbour = neighbour.map_err(|_| format!("on {engine_name}: the neighbour panicked"))?;
    if neighbour == alone {
        Ok(outcome)
    } else {
        Err(format!("on {engine_name}: the neighbour noticed:\n{alone:?}\n{neighbour:?}"))
    }
}

/// The neighbour's life.
fn live(world: &World) -> Transcript {
    let guest = Guest::wat("neighbour", NEIGHBOUR, NEIGHBOUR_MANIFEST);
    let mut launched =
        world.launch(&guest, Some(NEIGHBOUR_TICKS)).expect("the neighbour is an honest agent");
    let transcript =
        world.with_stack(|| lockstep(&mut launched, &*world.node.storage.0, &world.clock));
    assert_eq!(transcript.reason, StopReason::Ticks, "{:?}", transcript.stopped());
    transcript
}

/// Why a module was refused, if for one of the reasons that can be expected.
fn reason(error: &LaunchError) -> Option<Refusal> {
    let LaunchError::Load(error) = error else { return None };
    match error {
        LoadError::Abi(AbiError::Exports(_)) => Some(Refusal::Exports),
        LoadError::Abi(AbiError::Imports(_)) => Some(Refusal::Import),
        LoadError::Abi(AbiError::Undeclared(_)) => Some(Refusal::Capability),
        LoadError::Prepare(PrepareError::Invalid { .. }) => Some(Refusal::Invalid),
        LoadError::Prepare(PrepareError::Limit { .. }) => Some(Refusal::Limit),
        LoadError::Prepare(PrepareError::Reserved { .. }) => Some(Refusal::Reserved),
        LoadError::Prepare(PrepareError::Unsupported { .. }) => Some(Refusal::Unsupported),
        _ => None,
    }
}

fn check(agent: &Hostile, outcome: &Outcome) -> Result<(), String> {
    let expectation = &agent.expectation;
    let problem = |found: &dyn std::fmt::Debug| Err(format!("{expectation:?} expected: {found:?}"));
    let (ticks, stopped) = match (expectation, outcome) {
        (Expectation::Refused(expected), Outcome::Refused { reason, .. })
            if *reason == Some(*expected) =>
        {
            return Ok(());
        }
        (Expectation::Refused(_), _) | (_, Outcome::Refused { .. }) => return problem(outcome),
        (_, Outcome::Ran { ticks, stopped, .. }) => (ticks, stopped),
    };
    let detail = stopped.detail.as_deref().unwrap_or_default();
    let (is_met, is_charged) = match expectation {
        Expectation::Ticks => {
            let has_ticked = u64::try_from(ticks.len()) == Ok(TICKS);
            (stopped.reason == StopReason::Ticks && has_ticked, true)
        }
        Expectation::Trap { trap, call } => {
            let met = detail.starts_with(&trapped(*trap, call));
            (stopped.reason == StopReason::Trap && met, call != "instantiate")
        }
        Expectation::BadResult { call } => {
            let met = detail.starts_with(&format!("{call}: "));
            (stopped.reason == StopReason::Trap && met, true)
        }
        Expectation::Refused(_) => (false, false),
    };
    if !is_met {
        return problem(stopped);
    }
    let full = amount(BUDGET);
    if is_charged && stopped.budget >= full {
        return Err(format!("not charged: budget {} of {full} is left", stopped.budget));
    }
    Ok(())
}

/// How the node begins to say that `call` ended with `trap`.
fn trapped(trap: Trap, call: &str) -> String {
    let export = if call == "start" { START } else { call };
    format!("{export} trapped ({})", trap.name())
}
