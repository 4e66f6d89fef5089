//! `cargo xtask sim`: runs simulated worlds. They are part of the tests of `conformance`; this only says which.

use std::env;
use std::process::Command;

use crate::TaskResult;

/// Run simulated worlds of nodes between which agents move.
///
/// Without options it runs 1,000 seeds. A failure names its seed; `--seed` repeats it and prints the hash of its
/// trace.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The first seed.
    #[arg(long)]
    seed: Option<u64>,
    /// How many seeds.
    #[arg(long)]
    seeds: Option<u64>,
    /// How many events each world has before it is healed.
    #[arg(long)]
    events: Option<u64>,
    /// Tell by which seed each known fault is caught.
    #[arg(long)]
    mutants: bool,
    /// Give the nodes this fault.
    #[arg(long)]
    mutant: Option<String>,
}

/// Runs what was asked for.
pub(crate) fn run(args: &Args) -> TaskResult {
    let seeds = args.seeds.or(if args.seed.is_none() { Some(1_000) } else { None });
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["test", "--quiet", "--workspace", "--test", "sim", "--", "--nocapture"]);
    let numbers =
        [("IGOR_SIM_SEED", args.seed), ("IGOR_SIM_SEEDS", seeds), ("IGOR_SIM_EVENTS", args.events)];
    for (name, number) in numbers {
        if let Some(number) = number {
            cargo.env(name, number.to_string());
        }
    }
    if args.mutants {
        cargo.env("IGOR_SIM_MUTANTS", "1");
    }
    if let Some(mutant) = &args.mutant {
        cargo.env("IGOR_SIM_MUTANT", mutant);
    }
    if cargo.status()?.success() { Ok(()) } else { Err("a world failed".into()) }
}
