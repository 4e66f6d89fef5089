//! Many worlds, on all processors: each on one thread, from its own seed. What comes of them does not depend on
//! how many processors there are.

use std::collections::BTreeMap;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use igor_core::format::Hash;

use super::{Cut, Mutant, Options, Outcome, Violation, run, stack_bytes};
use crate::disk::message;
use crate::mutants::quietly;

/// How many failures are enough to stop.
const ENOUGH: usize = 5;

/// What came of many worlds.
#[derive(Debug, Default)]
pub struct Summary {
    /// How many there were.
    pub worlds: u64,
    /// Those in which something happened that must not, by seed.
    pub failures: Vec<Outcome>,
    /// How often the power was cut, by where.
    pub cuts: BTreeMap<Cut, u64>,
    /// How many moves came to a good end.
    pub moved: u64,
    /// The hash of each trace, by seed.
    pub traces: BTreeMap<u64, Hash>,
}

/// Runs the worlds of these seeds, until a few have failed.
pub fn run_many(seeds: Range<u64>, options: Options) -> Summary {
    let summary = Mutex::new(Summary::default());
    let (next, is_enough) = (AtomicU64::new(seeds.start), AtomicBool::new(false));
    let work = || {
        while !is_enough.load(Ordering::Relaxed) {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                break;
            }
            let outcome = run_caught(seed, options);
            let mut summary = summary.lock().unwrap_or_else(PoisonError::into_inner);
            summary.add(outcome);
            is_enough.fetch_or(summary.failures.len() >= ENOUGH, Ordering::Relaxed);
        }
    };
    on_all_processors(&work);
    let mut summary = summary.into_inner().unwrap_or_else(PoisonError::into_inner);
    summary.failures.sort_by_key(|outcome| outcome.seed);
    summary
}

/// The first world of these seeds in which each of the mutants is caught.
pub fn catch(
    mutants: &[Mutant],
    seeds: Range<u64>,
    options: Options,
) -> BTreeMap<Mutant, Option<Outcome>> {
    let caught = Mutex::new(BTreeMap::new());
    let next = AtomicU64::new(0);
    let work = || {
        while let Some(mutant) =
            mutants.get(super::swarm::index(next.fetch_add(1, Ordering::Relaxed)))
        {
            let options = Options { mutant: Some(*mutant), ..options };
            let worlds = seeds.clone().map(|seed| quietly(|| run_caught(seed, options)));
            let found = worlds.into_iter().find(|outcome| outcome.violation.is_some());
            let mut caught = caught.lock().unwrap_or_else(PoisonError::into_inner);
            caught.insert(*mutant, found);
        }
    };
    on_all_processors(&work);
    caught.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// Runs the world of one seed.
pub fn run_one(seed: u64, options: Options) -> Outcome {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(stack_bytes());
        let world = thread.spawn_scoped(scope, || run_caught(seed, options));
        world.expect("a thread can be started").join().expect("what breaks down is caught")
    })
}

/// Runs a world on a thread that has the stack for it; something that breaks down in it has failed.
fn run_caught(seed: u64, options: Options) -> Outcome {
    catch_unwind(AssertUnwindSafe(|| run(seed, options))).unwrap_or_else(|panic| {
        let violation = Violation { invariant: "no_panic", what: message(&*panic).to_owned() };
        Outcome {
            seed,
            trace: Hash::ZERO,
            violation: Some(violation),
            lines: Vec::new(),
            cuts: BTreeMap::new(),
            moved: 0,
        }
    })
}

fn on_all_processors(work: &(impl Fn() + Sync)) {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..processors {
            let thread = std::thread::Builder::new().stack_size(stack_bytes());
            thread.spawn_scoped(scope, work).expect("a thread can be started");
        }
    });
}

impl Summary {
    fn add(&mut self, outcome: Outcome) {
        self.worlds += 1;
        self.moved += outcome.moved;
        for (cut, count) in &outcome.cuts {
            *self.cuts.entry(*cut).or_default() += count;
        }
        self.traces.insert(outcome.seed, outcome.trace);
        if outcome.violation.is_some() {
            self.failures.push(outcome);
        }
    }
}
