//! Every hostile agent, beside a neighbour, on every linked engine, as `hostile::<name>`; and that
//! there is one for each attack of the plan.

use std::collections::BTreeSet;
use std::process::ExitCode;

use conformance::hostile::{Hostile, all, judge};
use libtest_mimic::{Arguments, Failed, Trial};

include!(concat!(env!("OUT_DIR"), "/linked.rs"));

fn main() -> ExitCode {
    let (agents, readable) = match all() {
        Ok(agents) => (agents, Ok(())),
        Err(error) => (Vec::new(), Err(Failed::from(error))),
    };
    let complete = readable.and_then(|()| every_attack_has_an_agent(&agents));
    let mut trials = vec![Trial::test("hostile::every_attack_has_an_agent", move || complete)];
    trials.extend(agents.into_iter().map(|agent| {
        Trial::test(format!("hostile::{}", agent.name), move || judge(&agent).map_err(Failed::from))
    }));
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// The attacks of the reliability plan that need no network are there, each under its number, and an
/// engine to try them on.
fn every_attack_has_an_agent(agents: &[Hostile]) -> Result<(), Failed> {
    let engines = EXPECTED.iter().filter(|plugin| plugin.starts_with("engine::")).count();
    if engines < 2 {
        return Err(format!("{engines} engines are linked, at least 2 are expected").into());
    }
    let there: BTreeSet<u32> = agents.iter().map(|agent| agent.attack).collect();
    let planned: BTreeSet<u32> = (1..=21).chain(24..=30).collect();
    if there != planned {
        return Err(format!("planned: {planned:?}\nthere: {there:?}").into());
    }
    let names: BTreeSet<&str> = agents.iter().map(|agent| agent.name.as_str()).collect();
    if names.len() != agents.len() {
        return Err("two hostile agents have one name".into());
    }
    Ok(())
}
