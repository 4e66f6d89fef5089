//! What a tick costs beyond the guest's own call: a tick that reads the clock and logs, through worker
//! and driver, without disk, against the bare engine calling the same export of the unprepared module.
//! Both alternate in one run; the fastest batch of each counts.
//! `cargo bench -p conformance --bench tick`

#![allow(clippy::print_stdout, reason = "a benchmark reports to its caller")]
#![allow(clippy::unwrap_used, reason = "a benchmark stops at what it did not expect")]

#[path = "support/clock.rs"]
mod clock;
#[path = "support/ticking.rs"]
mod ticking;

use std::hint::black_box;
use std::time::{Duration, Instant};

use conformance::world::{Guest, World};
use igor_node::CommitMode;

use self::ticking::Ticking;

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
    let guest = Guest::wat("ticker", GUEST, MANIFEST);
    let mut node = Ticking::new(engine, &guest, CommitMode::Checkpoint);
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
