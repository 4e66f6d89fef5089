//! What a tick costs beyond the guest's own call: a tick that reads the clock and logs, through worker
//! and driver, without disk, against the bare engine calling the same export of the unprepared module.
//! Both alternate in one run; the fastest batch of each counts.
//! `cargo bench -p conformance --bench tick`

#![allow(clippy::print_stdout, reason = "a benchmark reports to its caller")]
#![allow(clippy::unwrap_used, reason = "a benchmark stops at what it did not expect")]

#[path = "support/clock.rs"]
mod clock;

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use conformance::world::{Guest, World, amount};
use igor_node::{Carried, Command, Event, Launched, RunEvent};

use self::clock::OsClock;

mod linked {
    #![allow(dead_code, reason = "the expected names are for the harness")]

    include!(concat!(env!("OUT_DIR"), "/linked.rs"));
}

/// Reads the clock, logs four bytes and counts in a state of eight bytes.
const GUEST: &str = r#"(module
  (import "igor" "clock_now" (func $clock_now (result i64)))
  (import "igor" "log_emit" (func $log_emit (param i32 i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "tick")
  (func (export "agent_init"))
  (func (export "agent_tick") (result i32)
    (i64.store (i32.const 8) (call $clock_now))
    (call $log_emit (i32.const 16) (i32.const 4))
    (i64.store (i32.const 0) (i64.add (i64.load (i32.const 0)) (i64.const 1)))
    (i32.const 0))
  (func (export "agent_checkpoint") (result i32) (i32.const 8))
  (func (export "agent_checkpoint_ptr") (result i32) (i32.const 0))
  (func (export "agent_resume") (param i32 i32))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024)))"#;
const MANIFEST: &str = r#"{"capabilities":{"clock":{"version":1},"log":{"version":1}}}"#;
const BATCH: u32 = 10_000;
const ROUNDS: usize = 15;

fn main() {
    println!("a tick with clock and log, without disk: the fastest of {ROUNDS} batches of {BATCH}");
    println!("{:<9} {:>12} {:>12} {:>7}", "engine", "bare call", "tick", "ratio");
    for engine in ["wasmtime", "wasmi"] {
        World::in_memory(engine).with_stack(|| compare(engine));
    }
}

fn compare(engine: &str) {
    let mut bare = bare(engine);
    let mut node = Ticking::new(engine);
    let mut best = [Duration::MAX; 2];
    for _ in 0..ROUNDS {
        best[0] = best[0].min(time(&mut *bare));
        best[1] = best[1].min(time(&mut || node.tick()));
    }
    let [bare, tick] = best.map(|batch| batch.as_secs_f64() * 1e9 / f64::from(BATCH));
    println!("{engine:<9} {bare:>9.0} ns {tick:>9.0} ns {:>7.1}", tick / bare);
}

fn time(body: &mut dyn FnMut()) -> Duration {
    let start = Instant::now();
    for _ in 0..BATCH {
        body();
    }
    start.elapsed()
}

/// An agent that is ticked by hand instead of by timers.
struct Ticking {
    launched: Launched,
    clock: Arc<OsClock>,
}

impl Ticking {
    fn new(engine: &str) -> Self {
        let clock = Arc::new(OsClock::new());
        let mut world = World::in_memory(engine);
        world.node.mode = igor_node::CommitMode::Checkpoint;
        world.node.clock = clock.clone();
        world.plan.tick_interval_ns = 0;
        world.plan.checkpoint_interval_ns = u64::MAX;
        world.budget = amount("9000000000");
        let guest = Guest::wat("ticker", GUEST, MANIFEST);
        let launched = world.launch(&guest, None).unwrap();
        let mut ticking = Self { launched, clock };
        let Launched { driver, worker, .. } = &mut ticking.launched;
        driver.begin(0);
        // The first save; after it, the agent waits for its first tick.
        while !matches!(drive(driver, worker, Some(&*world.node.storage.0)), Done::Ticked) {}
        ticking
    }

    fn tick(&mut self) {
        let Launched { driver, worker, .. } = &mut self.launched;
        let now_ns = igor_core::Clock::monotonic_ns(&*self.clock);
        driver.handle(now_ns, Event::Timer);
        while !matches!(drive(driver, worker, None), Done::Ticked) {}
    }
}

enum Done {
    Ticked,
    Other,
}

/// Carries out one command.
fn drive(
    driver: &mut igor_node::Driver,
    worker: &mut igor_node::Worker,
    storage: Option<&dyn igor_core::Storage>,
) -> Done {
    let Some(command) = driver.poll() else {
        driver.handle(u64::MAX / 2, Event::Timer);
        return Done::Other;
    };
    let event = match worker.carry_out(command, driver.purse()) {
        Carried::Out(event) => event,
        Carried::Back(Command::Commit(batch)) => {
            let storage = storage.expect("only the first save is written");
            Event::Committed(pollster::block_on(storage.commit(batch)).pop().unwrap())
        }
        Carried::Back(Command::Emit(RunEvent::Ticked(ticked))) => {
            black_box(ticked);
            return Done::Ticked;
        }
        Carried::Back(Command::Emit(RunEvent::Stopped(stopped))) => panic!("{stopped:?}"),
        Carried::Back(Command::Emit(event)) => {
            black_box(event);
            return Done::Other;
        }
        Carried::Back(Command::Finish(reason)) => panic!("{reason}"),
        Carried::Back(_) => return Done::Other,
    };
    driver.handle(u64::MAX / 2, event);
    Done::Other
}

/// A call of `agent_tick` on the bare engine, with imports that do as little as they can.
fn bare(engine: &str) -> Box<dyn FnMut()> {
    let module = wat::parse_str(GUEST).unwrap();
    match engine {
        "wasmtime" => {
            let engine = wasmtime::Engine::default();
            let module = wasmtime::Module::new(&engine, module).unwrap();
            let mut store = wasmtime::Store::new(&engine, 0i64);
            let mut linker = wasmtime::Linker::new(&engine);
            linker.func_wrap("igor", "clock_now", || 0i64).unwrap();
            linker.func_wrap("igor", "log_emit", |_: i32, _: i32| {}).unwrap();
            let instance = linker.instantiate(&mut store, &module).unwrap();
            let tick = instance.get_typed_func::<(), i32>(&mut store, "agent_tick").unwrap();
            Box::new(move || {
                black_box(tick.call(&mut store, ()).unwrap());
            })
        }
        _ => {
            let engine = wasmi::Engine::default();
            let module = wasmi::Module::new(&engine, &module[..]).unwrap();
            let mut store = wasmi::Store::new(&engine, 0i64);
            let mut linker = wasmi::Linker::new(&engine);
            linker.func_wrap("igor", "clock_now", || 0i64).unwrap();
            linker.func_wrap("igor", "log_emit", |_: i32, _: i32| {}).unwrap();
            let instance = linker.instantiate_and_start(&mut store, &module).unwrap();
            let tick = instance.get_typed_func::<(), i32>(&store, "agent_tick").unwrap();
            Box::new(move || {
                black_box(tick.call(&mut store, ()).unwrap());
            })
        }
    }
}
