//! Every promise in a trait's documentation has a case, and every case checks a promise: the bullets
//! under `# Behaviour` and what the cases say they cover are the same set.

use std::collections::BTreeSet;

use conformance::{Case, engine, meter, storage, transport};

use super::tree::{check, read};

/// The ids of the bullets under `# Behaviour` in a source file, in order.
fn promised(path: &str) -> Vec<String> {
    let text = read(path);
    let mut ids = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        let Some(line) = line.trim_start().strip_prefix("///") else {
            inside = false;
            continue;
        };
        let line = line.trim();
        if line.starts_with('#') {
            inside = line == "# Behaviour";
        }
        if let (true, Some(bullet)) = (inside, line.strip_prefix("- `")) {
            let id = bullet.split_once("`:").map(|(id, _)| id.to_owned());
            ids.push(id.unwrap_or_else(|| panic!("{path}: the bullet {line:?} has no id")));
        }
    }
    ids
}

fn check_suite<S: ?Sized>(path: &str, cases: &[Case<S>], at_least: usize) {
    let promised = promised(path);
    let mut problems = Vec::new();
    let unique: BTreeSet<_> = promised.iter().map(String::as_str).collect();
    assert_eq!(unique.len(), promised.len(), "{path} promises something twice");
    assert!(!unique.is_empty(), "{path} promises nothing");
    let covered: BTreeSet<_> = cases.iter().flat_map(|case| case.covers).copied().collect();
    problems.extend(unique.difference(&covered).map(|id| format!("{path}: {id} has no case")));
    problems.extend(covered.difference(&unique).map(|id| format!("{path}: {id} is not promised")));
    let names: BTreeSet<_> = cases.iter().map(|case| case.name).collect();
    if names.len() != cases.len() {
        problems.push(format!("{path}: two cases have one name"));
    }
    let idle = cases.iter().filter(|case| case.covers.is_empty());
    problems.extend(idle.map(|case| format!("{path}: {} covers nothing", case.name)));
    if cases.len() < at_least {
        problems.push(format!("{path}: {} cases, at least {at_least} are expected", cases.len()));
    }
    check(problems);
}

#[test]
fn every_promise_of_an_engine_has_a_case() {
    check_suite("core/src/engine.rs", &engine::cases(), 45);
}

#[test]
fn every_promise_of_a_storage_has_a_case() {
    check_suite("core/src/storage/mod.rs", &storage::cases(), 40);
}

#[test]
fn every_promise_of_a_meter_has_a_case() {
    check_suite("core/src/meter.rs", &meter::cases(), 15);
}

#[test]
fn every_promise_of_a_transport_has_a_case() {
    check_suite("core/src/transport/mod.rs", &transport::cases(), 50);
}
