//! A world of nodes in one thread, from one seed: the real drivers, handoffs, packages and stores on a simulated
//! network, disk, clock and source of randomness. Anything can go wrong in it at any time; an oracle sees
//! everything and says when something happened that must never happen. The same seed makes the same world, to
//! the last byte of its trace.
//!
//! What is simulated is the shell: how tasks are carried out, how messages and parts travel, and how long things
//! take. What decides is the product.

mod boot;
mod campaign;
mod clock;
mod glue;
mod invariants;
mod liveness;
mod mutant;
mod net;
mod operator;
mod oracle;
mod points;
mod queue;
mod raw;
mod source;
mod station;
mod store;
mod swarm;
mod target;
mod trace;
mod world;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use igor_core::format::Hash;

pub use campaign::{Summary, catch, run_many, run_one};
pub use mutant::Mutant;
pub use oracle::Violation;
pub use points::{CUTS, Cut, Moment, Step};
use world::World;

/// How a world is run.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// How many things happen before everything is healed.
    pub events: usize,
    /// The fault of its nodes, if they have one.
    pub mutant: Option<Mutant>,
    /// Whether all of the trace is kept, or only its end.
    pub keeps_trace: bool,
}

impl Options {
    /// As many events as the figures of the plan are about, on sound nodes.
    pub const DEFAULT: Self = Self { events: 2_000, mutant: None, keeps_trace: false };
}

/// What became of a world.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Its seed.
    pub seed: u64,
    /// The hash of everything that happened.
    pub trace: Hash,
    /// What must not have happened, if anything.
    pub violation: Option<Violation>,
    /// The end of the trace, or all of it.
    pub lines: Vec<String>,
    /// How often the power was cut, by where.
    pub cuts: BTreeMap<Cut, u64>,
    /// How many moves came to a good end.
    pub moved: u64,
}

/// Runs the world of a seed. The calling thread needs [`stack_bytes`].
pub fn run(seed: u64, options: Options) -> Outcome {
    let mut world = World::new(seed, options.mutant, options.keeps_trace);
    world.begin();
    for _ in 0..options.events {
        if world.oracle.violation().is_some() || !world.step() {
            break;
        }
    }
    if world.oracle.violation().is_none() {
        world.heal_and_look();
    }
    let violation = world.oracle.violation().cloned();
    let (cuts, moved) = (world.cuts().clone(), world.moved);
    let (trace, lines) = world.trace.finish();
    Outcome { seed, trace, violation, lines, cuts, moved }
}

impl Outcome {
    /// Why the world failed, how it ended, and the command that repeats it; nothing if it did not.
    pub fn failure(&self, options: &Options) -> Option<String> {
        let violation = self.violation.as_ref()?;
        let mutant = options.mutant.map(|mutant| format!(" --mutant {mutant:?}"));
        let command = format!("cargo xtask sim --seed {}{}", self.seed, mutant.unwrap_or_default());
        Some(format!("{}\nseed {}: {violation}\n{command}", self.lines.join("\n"), self.seed))
    }
}

/// The stack that a thread needs to run a world.
pub fn stack_bytes() -> usize {
    crate::world::engine("wasmi").native_stack_bytes()
}

/// The module of all agents.
fn guest() -> Vec<u8> {
    static GUEST: OnceLock<Vec<u8>> = OnceLock::new();
    let translate = || wat::parse_str(crate::world::COUNTER).expect("the fixture is a module");
    GUEST.get_or_init(translate).clone()
}
