//! What it costs that every tick can be repeated: a journaled tick beside one that is not, durable
//! records beside raw appends, the repetition of a segment beside the bare engine making the same calls,
//! and that of a single tick beside a bare instance that is resumed for it. Both sides alternate in one
//! run; the fastest batch of each counts.
//! `cargo bench -p conformance --bench journal`

#![allow(clippy::print_stdout, reason = "a benchmark reports to its caller")]
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a benchmark stops at what it did not expect"
)]

#[path = "support/clock.rs"]
mod clock;
#[path = "journal/commits.rs"]
mod commits;
#[path = "journal/recorded.rs"]
mod recorded;
#[path = "journal/ticker.rs"]
mod ticker;
#[path = "support/ticking.rs"]
mod ticking;

use std::time::{Duration, Instant};

use conformance::world::World;
use igor_node::CommitMode;

use self::recorded::{Recorded, TICKS};
use self::ticking::Ticking;

mod linked {
    #![allow(dead_code, reason = "the expected names are for the harness")]

    include!(concat!(env!("OUT_DIR"), "/linked.rs"));
}

const ENGINES: [&str; 2] = ["wasmtime", "wasmi"];
/// How much the guest does in a tick: next to nothing, and something.
const WORK: [u32; 2] = [0, 5_000];
const ROUNDS: usize = 15;
/// Ticks in a batch; some segments end meanwhile.
const BATCH: u32 = 10_000;
/// Ticks in a batch of those that are repeated alone.
const SINGLE: u32 = 500;

fn main() {
    println!("a tick, without disk: the fastest of {ROUNDS} batches of {BATCH}");
    each("not journaled", "journaled", journaled);
    println!("\na segment of {TICKS} ticks: the fastest of {ROUNDS} repetitions, by tick");
    each("bare calls", "replay", replayed);
    println!("\na tick from the state before it: the fastest of {ROUNDS} batches of {SINGLE}");
    each("bare", "verified", verified);
    commits::compare();
}

/// Prints a comparison for each engine and kind of tick.
fn each(less: &str, more: &str, compare: fn(&str, u32) -> [f64; 2]) {
    println!("{:<9} {:>9} {less:>15} {more:>15} {:>7}", "engine", "work", "ratio");
    for engine in ENGINES {
        for work in WORK {
            let [less, more] = World::in_memory(engine).with_stack(|| compare(engine, work));
            let ratio = more / less;
            println!("{engine:<9} {work:>9} {less:>12.0} ns {more:>12.0} ns {ratio:>7.2}");
        }
    }
}

/// The fastest of some alternating batches of so many each, in nanoseconds for one.
fn fastest(count: u32, mut sides: [&mut dyn FnMut(); 2]) -> [f64; 2] {
    let mut best = [Duration::MAX; 2];
    for _ in 0..ROUNDS {
        for (side, best) in sides.iter_mut().zip(&mut best) {
            let start = Instant::now();
            side();
            *best = start.elapsed().min(*best);
        }
    }
    best.map(|batch| batch.as_secs_f64() * 1e9 / f64::from(count))
}

fn repeat(count: u32, mut body: impl FnMut()) {
    for _ in 0..count {
        body();
    }
}

fn journaled(engine: &str, work: u32) -> [f64; 2] {
    let guest = ticker::guest(work);
    let mut without = Ticking::new(engine, &guest, CommitMode::Checkpoint);
    let mut with = Ticking::new(engine, &guest, CommitMode::Journal);
    let without = &mut || repeat(BATCH, || without.tick());
    fastest(BATCH, [without, &mut || repeat(BATCH, || with.tick())])
}

fn replayed(engine: &str, work: u32) -> [f64; 2] {
    let guest = ticker::guest(work);
    let mut bare = ticker::bare(engine, &guest);
    let recorded = Recorded::new(engine, &guest);
    let count = u32::try_from(TICKS).unwrap();
    fastest(count, [&mut || repeat(count, || bare.tick()), &mut || recorded.replay()])
}

fn verified(engine: &str, work: u32) -> [f64; 2] {
    let guest = ticker::guest(work);
    let mut bare = ticker::bare(engine, &guest);
    let mut recorded = Recorded::new(engine, &guest);
    let state = recorded.state_before().to_vec();
    let bare = &mut || repeat(SINGLE, || bare.fresh(&state));
    fastest(SINGLE, [bare, &mut || repeat(SINGLE, || recorded.check_tick())])
}
