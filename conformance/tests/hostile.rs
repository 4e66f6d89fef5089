//! The hostile agents as such: there is one for each attack of the plan, and each is what its first
//! line says, as far as that can be known without a node.

use std::collections::BTreeSet;

use conformance::hostile::all;

/// The attacks of the reliability plan that need no network.
fn attacks() -> impl Iterator<Item = u32> {
    (1..=21).chain(24..=30)
}

#[test]
fn every_attack_of_the_plan_has_an_agent() {
    let agents = all().unwrap();
    let there: BTreeSet<u32> = agents.iter().filter_map(|agent| agent.attack()).collect();
    assert_eq!(there, attacks().collect());
    let names: BTreeSet<&str> = agents.iter().map(|agent| agent.name.as_str()).collect();
    assert_eq!(names.len(), agents.len(), "two hostile agents have one name");
}
