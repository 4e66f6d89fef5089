//! What preparation costs a guest, and how long each engine takes for the gas that a tick may use.
//!
//! Both tables come from bare engines with the plugins' settings, because a plugin takes prepared
//! modules only. The first times each workload unprepared and prepared, alternating, in this run;
//! the second runs loops that were made to be slow per unit of gas.
//! `cargo bench -p conformance --bench preparation`

#![allow(clippy::print_stdout, reason = "a benchmark reports to its caller")]
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a benchmark stops at what it did not expect"
)]

#[path = "preparation/engines.rs"]
mod engines;
#[path = "preparation/hostile.rs"]
mod hostile;

use std::io::Write as _;
use std::time::Duration;

use igor_core::Limits;
use igor_core::prepare::prepare;

use self::engines::{ENGINES, Engine};

/// How often each side of a workload is timed; the fastest counts.
const ROUNDS: usize = 31;

/// A guest with an export `run (i32) -> i32`.
struct Workload {
    name: &'static str,
    text: &'static str,
    arg: i32,
    expected: i32,
}

const WORKLOADS: [Workload; 3] = [
    Workload {
        name: "sha256",
        text: include_str!("preparation/sha256.wat"),
        arg: 2_000,
        expected: 1_358_134_213,
    },
    Workload {
        name: "matmul 128",
        text: include_str!("preparation/matmul.wat"),
        arg: 128,
        expected: 113_142,
    },
    Workload {
        name: "fib(27)",
        text: include_str!("preparation/fib.wat"),
        arg: 27,
        expected: 196_418,
    },
];

/// Gas that a hostile loop is given; what a tick may use takes fifty times as long.
const HOSTILE_GAS: u64 = 20_000_000;

fn main() {
    // Guest frames need more stack than a main thread has.
    let bench = std::thread::Builder::new().stack_size(64 << 20).spawn(bench);
    bench.unwrap().join().unwrap();
}

fn bench() {
    // `cargo bench -- --bench` and friends are not for this program; a word selects by name.
    let chosen = std::env::args().skip(1).find(|arg| !arg.starts_with('-')).unwrap_or_default();
    println!("what preparation costs: the fastest of {ROUNDS} alternating runs of each");
    println!("{:<12} {:<9} {:>14} {:>14}", "workload", "engine", "unprepared", "prepared");
    for workload in WORKLOADS.iter().filter(|workload| workload.name.contains(&chosen)) {
        compare(workload);
    }
    println!("\nseconds for {} gas, made slow on purpose", Limits::default().tick_gas_max);
    println!("{:<22} {:>9} {:>9}", "loop", "wasmtime", "wasmi");
    for hostile in hostile::all().iter().filter(|hostile| hostile.name.contains(&chosen)) {
        let prepared = prepare(&wat::parse_str(&hostile.text).unwrap(), &Limits::default());
        let prepared = prepared.unwrap();
        print!("{:<22}", hostile.name);
        for engine in ENGINES {
            print!(" {:>9.2}", seconds_for_a_tick(engine, prepared.bytes()));
            std::io::stdout().flush().unwrap();
        }
        println!();
    }
}

fn compare(workload: &Workload) {
    let original = wat::parse_str(workload.text).unwrap();
    let prepared = prepare(&original, &Limits::default()).unwrap();
    for engine in ENGINES {
        let mut runs = [original.as_slice(), prepared.bytes()].map(|bytes| engine.load(bytes));
        let mut best = [Duration::MAX; 2];
        for _ in 0..ROUNDS {
            for (run, best) in runs.iter_mut().zip(&mut best) {
                let start = engines::cpu_time();
                let result = run.call_run(workload.arg);
                *best = (engines::cpu_time() - start).min(*best);
                assert_eq!(result, workload.expected, "{} on {engine:?}", workload.name);
            }
        }
        let [plain, with] = best.map(|best| best.as_nanos());
        let percent = (best[1].as_secs_f64() / best[0].as_secs_f64() - 1.0) * 100.0;
        let engine = format!("{engine:?}").to_lowercase();
        println!(
            "{:<12} {engine:<9} {plain:>11} ns {with:>11} ns {percent:>+7.1} %",
            workload.name
        );
    }
}

fn seconds_for_a_tick(engine: Engine, module: &[u8]) -> f64 {
    let mut run = engine.load(module);
    let elapsed = run.exhaust(HOSTILE_GAS);
    let limit = Limits::default().tick_gas_max;
    elapsed.as_secs_f64() * f64::from(u32::try_from(limit / HOSTILE_GAS).unwrap())
}
