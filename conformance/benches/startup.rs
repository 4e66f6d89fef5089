//! How long it takes from a module's bytes to its first committed tick, with and without compiled code
//! in the cache, against the bare engine compiling the same prepared bytes. Everything is in memory but
//! the cache. The three alternate in one run; the fastest of each counts.
//! `cargo bench -p conformance --bench startup`

#![allow(clippy::print_stdout, reason = "a benchmark reports to its caller")]
#![allow(clippy::unwrap_used, reason = "a benchmark stops at what it did not expect")]

#[path = "support/clock.rs"]
mod clock;

use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use conformance::world::{Guest, World};
use igor_core::plugin::{ConfigSection, Context, Registry};
use igor_core::prepare::prepare;
use igor_core::{Engine, Limits};
use igor_node::{Carried, Command, Event, Launched, RunEvent};

use self::clock::OsClock;

mod linked {
    #![allow(dead_code, reason = "the expected names are for the harness")]

    include!(concat!(env!("OUT_DIR"), "/linked.rs"));
}

const ROUNDS: usize = 7;

fn main() {
    println!("from bytes to the first committed tick: the fastest of {ROUNDS} rounds");
    println!(
        "{:<12} {:<9} {:>14} {:>14} {:>14}",
        "module", "engine", "bare compile", "without cache", "with cache"
    );
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../agents/prebuilt");
    for agent in ["heartbeat", "liquidation"] {
        let module = fs::read(folder.join(format!("{agent}.wasm"))).unwrap();
        let manifest = fs::read_to_string(folder.join(format!("{agent}.manifest.json"))).unwrap();
        let guest = Guest::new(agent, &module, &manifest);
        for engine in ["wasmtime", "wasmi"] {
            compare(&guest, engine);
        }
    }
}

fn compare(guest: &Guest, engine: &str) {
    let prepared = prepare(&guest.module, &Limits::default()).unwrap();
    let cached = tempfile::tempdir().unwrap();
    fs::create_dir(cached.path().join(".igor")).unwrap();
    let mut best = [Duration::MAX; 3];
    for _ in 0..ROUNDS {
        best[0] = best[0].min(bare_compile(engine, prepared.bytes()));
        let without = tempfile::tempdir().unwrap();
        best[1] = best[1].min(first_tick(guest, engine, without.path()));
        best[2] = best[2].min(first_tick(guest, engine, cached.path()));
    }
    let [bare, without, with] = best.map(|time| time.as_secs_f64() * 1e3);
    println!(
        "{:<12} {engine:<9} {bare:>11.3} ms {without:>11.3} ms {with:>11.3} ms  {:.1} of bare, {:.2} with cache",
        guest.agent,
        without / bare,
        with / bare
    );
}

/// Starts a node's engine and the agent on it, up to its first tick.
fn first_tick(guest: &Guest, engine: &str, directory: &Path) -> Duration {
    let mut world = World::in_memory(engine);
    world.node.clock = Arc::new(OsClock::new());
    world.plan.tick_interval_ns = 0;
    let start = Instant::now();
    let context = Context::new(directory, Limits::default());
    let section = ConfigSection::empty(format!("engine.{engine}"));
    let built = Registry::<dyn Engine>::linked().unwrap().build(engine, &section, &context);
    world.node.engine.0 = built.unwrap();
    world.with_stack(|| {
        let mut launched = world.launch(guest, None).unwrap();
        let Launched { driver, worker, .. } = &mut launched;
        driver.begin(0);
        loop {
            let Some(command) = driver.poll() else {
                driver.handle(1, Event::Timer);
                continue;
            };
            let event = match worker.carry_out(command, driver.purse()) {
                Carried::Out(event) => event,
                Carried::Back(Command::Commit(batch)) => {
                    let result = pollster::block_on(world.node.storage.0.commit(batch)).pop();
                    Event::Committed(result.unwrap())
                }
                Carried::Back(Command::Emit(RunEvent::Ticked(ticked))) => {
                    black_box(ticked);
                    return start.elapsed();
                }
                Carried::Back(Command::Emit(RunEvent::Stopped(stopped))) => panic!("{stopped:?}"),
                Carried::Back(_) => continue,
            };
            driver.handle(1, event);
        }
    })
}

fn bare_compile(engine: &str, bytes: &[u8]) -> Duration {
    let start = Instant::now();
    match engine {
        "wasmtime" => {
            black_box(wasmtime::Module::new(&wasmtime::Engine::default(), bytes).unwrap());
        }
        _ => {
            let mut config = wasmi::Config::default();
            config.compilation_mode(wasmi::CompilationMode::Eager);
            black_box(wasmi::Module::new(&wasmi::Engine::new(&config), bytes).unwrap());
        }
    }
    start.elapsed()
}
