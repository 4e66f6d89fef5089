//! What the disks of nodes that are gone say of an agent: who holds it, and whether its money and its lineage are in
//! order. It reads files and asks no node.

use std::fs;
use std::path::PathBuf;

use igor_core::format::Hash;
use igor_core::handoff::{Custody, Holding};

use crate::account::Account;
use crate::support::{Place, ask};

/// Whether this disk says that its node holds the agent.
pub(crate) fn holds(place: &Place, agent: &str) -> bool {
    let data = place.path("data");
    match fs::read(data.join(".igor/.custodies").join(agent)) {
        Ok(bytes) => {
            let (_, custody) = Custody::decode(&bytes).expect("a custody can be read");
            matches!(custody.holding, Holding::Held(_))
        }
        // An agent that never moved has no custody.
        Err(_) => data.join(format!("{agent}.checkpoint")).is_file(),
    }
}

/// Whether this disk says that the agent is offered.
pub(crate) fn offers(place: &Place, agent: &str) -> bool {
    let custody = fs::read(place.path("data/.igor/.custodies").join(agent));
    custody.is_ok_and(|bytes| {
        Custody::decode(&bytes).is_ok_and(|(_, it)| matches!(it.holding, Holding::Offered { .. }))
    })
}

/// The numbers of the disks that say so.
pub(crate) fn holders<'a>(places: impl IntoIterator<Item = &'a Place>, agent: &str) -> Vec<usize> {
    let places = places.into_iter().enumerate();
    places.filter(|(_, place)| holds(place, agent)).map(|(number, _)| number).collect()
}

fn history(place: &Place, agent: &str) -> PathBuf {
    place.path("data/history").join(agent)
}

/// The checkpoints of a history, by their hashes.
fn checkpoints(place: &Place, agent: &str) -> Vec<Hash> {
    let Ok(entries) = fs::read_dir(history(place, agent)) else { return Vec::new() };
    let paths = entries.map(|entry| entry.expect("it can be listed").path());
    let kept = paths.filter(|path| path.extension().is_some_and(|end| end == "ckpt"));
    kept.map(|path| Hash::of(&fs::read(path).expect("it can be read"))).collect()
}

/// Asserts that the history on the holder's disk is the whole life of an agent that was given `initial` and has
/// `budget` left, money and lineage, as this engine proves; and that no other disk knows of another life. Returns
/// the ticks.
#[track_caller]
pub(crate) fn assert_one_life(
    (holder, others): (&Place, &[&Place]),
    (agent, module): (&str, &str),
    (initial, budget): (i64, i64),
    engine: &str,
) -> u64 {
    let folder = history(holder, agent);
    let account = Account::of(&folder, initial);
    assert_eq!(account.budget, budget, "{agent} has what its lineage leaves it");
    assert_eq!(initial, account.budget + account.charged, "{agent}: no money is lost or made");
    let dir = folder.to_str().expect("UTF-8");
    let args = ["audit", dir, "--wasm", module, "--engine", engine, "--output", "json"];
    let audit = ask(args);
    assert_eq!((audit.code, audit.stderr.as_str()), (Some(0), ""), "{agent}: {audit:#?}");
    let audit = audit.document();
    let ticks = account.ticks.last_key_value().map_or(0, |(tick, _)| *tick);
    assert_eq!((&audit["verdict"], audit["ticks"].as_u64()), (&"proven".into(), Some(ticks)));
    let known = checkpoints(holder, agent);
    for other in others {
        let forks = checkpoints(other, agent).iter().filter(|it| !known.contains(it)).count();
        assert_eq!(forks, 0, "{agent} has one life on all disks");
    }
    ticks
}
