//! Simulated worlds of nodes between which agents move: many seeds without a broken promise, the same seed twice
//! without a different byte, and nodes with known faults that are caught. With one of the variables that
//! `cargo xtask sim` sets, it runs what they say instead.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it is also run as a command")]

use std::collections::BTreeMap;
use std::env;
use std::process::{Command, ExitCode};

use conformance::Effort;
use conformance::sim::{CUTS, Mutant, Options, Summary, catch, run_many, run_one};
use libtest_mimic::{Arguments, Failed, Trial};

mod linked {
    #![allow(dead_code, reason = "the expected names are for the harness")]

    include!(concat!(env!("OUT_DIR"), "/linked.rs"));
}

/// The worlds of a test run.
const SEEDS: u64 = 1_000;
/// How many seeds are run more than once.
const REPEATED: u64 = 20;

const SEED: &str = "IGOR_SIM_SEED";
const COUNT: &str = "IGOR_SIM_SEEDS";
const EVENTS: &str = "IGOR_SIM_EVENTS";
const MUTANT: &str = "IGOR_SIM_MUTANT";
const MUTANTS: &str = "IGOR_SIM_MUTANTS";

fn main() -> ExitCode {
    let is_command = [SEED, COUNT, MUTANTS].iter().any(|name| env::var_os(name).is_some());
    if is_command {
        return match command() {
            Ok(()) => ExitCode::SUCCESS,
            Err(problem) => {
                eprintln!("{problem}");
                ExitCode::FAILURE
            }
        };
    }
    let trials = vec![
        Trial::test("sim::the_same_seed_makes_the_same_world", the_same_seed_makes_the_same_world),
        Trial::test("sim::worlds_keep_every_promise", worlds_keep_every_promise),
        Trial::test("sim::every_mutant_is_caught", every_mutant_is_caught),
    ];
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// No promise is broken, the worlds are as full of trouble as they should be, and agents do move in them.
fn worlds_keep_every_promise() -> Result<(), Failed> {
    let rounds = match Effort::current() {
        Effort::Quick => SEEDS,
        Effort::Full => SEEDS * 100,
        Effort::Soak => SEEDS * 1_000,
    };
    let summary = run_many(0..rounds, Options::DEFAULT);
    report(&summary, &Options::DEFAULT)?;
    let missing: Vec<_> = CUTS.iter().filter(|cut| !summary.cuts.contains_key(cut)).collect();
    if !missing.is_empty() {
        return Err(format!("the power was never cut at {missing:?}").into());
    }
    if summary.moved < summary.worlds {
        return Err(format!("only {} moves in {} worlds", summary.moved, summary.worlds).into());
    }
    Ok(())
}

/// In one process twice, and in another process.
fn the_same_seed_makes_the_same_world() -> Result<(), Failed> {
    let [first, again] = [(), ()].map(|()| run_many(0..REPEATED, Options::DEFAULT).traces);
    let mut other = Command::new(env::current_exe().map_err(|error| error.to_string())?);
    let output = other.env(SEED, "0").env(COUNT, REPEATED.to_string()).output();
    let output = output.map_err(|error| error.to_string())?;
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let expected: Vec<_> = first.iter().map(|(seed, trace)| format!("{seed} {trace}")).collect();
    let elsewhere: Vec<_> = printed.lines().take(expected.len()).map(str::to_owned).collect();
    if first != again || expected != elsewhere {
        return Err(format!("{first:#?}\nonce more: {again:#?}\nelsewhere: {elsewhere:#?}").into());
    }
    Ok(())
}

/// Each within as many worlds as a test run has.
fn every_mutant_is_caught() -> Result<(), Failed> {
    let uncaught = catch_all(&Mutant::ALL);
    if uncaught.is_empty() { Ok(()) } else { Err(format!("not caught: {uncaught:?}").into()) }
}

/// Tells which world catches each mutant; returns those that none does.
fn catch_all(mutants: &[Mutant]) -> Vec<Mutant> {
    let caught = catch(mutants, 0..SEEDS, Options::DEFAULT);
    for (mutant, outcome) in &caught {
        let violation = outcome.as_ref().and_then(|outcome| outcome.violation.clone());
        match (outcome, violation) {
            (Some(outcome), Some(violation)) => {
                let what: String = violation.to_string().chars().take(120).collect();
                println!("{mutant:?}: seed {}, {what}", outcome.seed);
            }
            _ => println!("{mutant:?}: not caught"),
        }
    }
    let uncaught: BTreeMap<_, _> = caught.into_iter().filter(|(_, it)| it.is_none()).collect();
    uncaught.into_keys().collect()
}

/// Every failure, with the command that repeats it.
fn report(summary: &Summary, options: &Options) -> Result<(), Failed> {
    let failures = summary.failures.iter().filter_map(|outcome| outcome.failure(options));
    let failures: Vec<_> = failures.collect();
    if failures.is_empty() { Ok(()) } else { Err(failures.join("\n\n").into()) }
}

/// What the variables say.
fn command() -> Result<(), String> {
    let mutant = match env::var(MUTANT) {
        Ok(name) => Some(Mutant::named(&name).ok_or_else(|| format!("no mutant {name}"))?),
        Err(_) => None,
    };
    if env::var_os(MUTANTS).is_some() {
        let uncaught = catch_all(&mutant.map_or(Mutant::ALL.to_vec(), |mutant| vec![mutant]));
        return if uncaught.is_empty() { Ok(()) } else { Err(format!("not caught: {uncaught:?}")) };
    }
    let (first, count) = (number(SEED)?, number(COUNT)?);
    let (seed, count) = (first.unwrap_or(0), count.unwrap_or(1));
    let default = Options::DEFAULT;
    let events = number(EVENTS)?.map(usize::try_from).transpose();
    let events = events.map_err(|error| error.to_string())?.unwrap_or(default.events);
    let options = Options { events, mutant, keeps_trace: count == 1 };
    if count == 1 {
        let outcome = run_one(seed, options);
        outcome.lines.iter().for_each(|line| println!("{line}"));
        println!("{seed} {}", outcome.trace);
        return outcome.violation.map_or(Ok(()), |violation| Err(violation.to_string()));
    }
    let summary = run_many(seed..seed.saturating_add(count), options);
    for (seed, trace) in &summary.traces {
        println!("{seed} {trace}");
    }
    println!("{} worlds, {} moves, cuts {:?}", summary.worlds, summary.moved, summary.cuts);
    let failures = summary.failures.iter().filter_map(|outcome| outcome.failure(&options));
    let failures: Vec<_> = failures.collect();
    if failures.is_empty() { Ok(()) } else { Err(failures.join("\n\n")) }
}

fn number(name: &str) -> Result<Option<u64>, String> {
    match env::var(name) {
        Ok(text) => text.parse().map(Some).map_err(|_| format!("{name}={text:?} is no number")),
        Err(_) => Ok(None),
    }
}
