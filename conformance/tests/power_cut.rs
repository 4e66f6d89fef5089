//! Every power cut, kill, error, lack of space and short write in a whole life of two agents on the file
//! store: all of them, not a sample. The storage suite does the same with a shorter life for any store;
//! here the counts are printed and bounded from below, so that the enumeration cannot shrink unnoticed.

use conformance::disk::Fault;
use conformance::storage::model::Script;
use conformance::storage::{
    PluginFixture, StorageFixture, Turns, cut_power_everywhere, cut_power_in_turns,
    fail_everywhere, inapplicable, kill_everywhere,
};
use igor_core::Storage;
use igor_core::plugin::Registry;

fn fs() -> PluginFixture {
    configured("")
}

fn configured(config: &str) -> PluginFixture {
    let linked = Registry::<dyn Storage>::linked().expect("no two plugins have one name");
    PluginFixture::new(*linked.find(igor_storage_fs::NAME).expect("it is linked"), config)
}

/// A redo log that is never full within a script, one that is now and then, and one that always is.
const REDO_LOGS: [&str; 3] =
    ["redo_bytes_max = 1000000", "redo_bytes_max = 2500", "redo_bytes_max = 1"];

#[test]
fn every_case_of_the_suite_applies_to_the_file_store() {
    let none: [&str; 0] = [];
    assert_eq!(inapplicable(&fs()), none);
    assert!(fs().locator().is_some());
}

#[test]
fn a_whole_life_survives_a_power_cut_at_every_operation() {
    let counts = cut_power_everywhere(&fs(), &Script::whole());
    println!("{counts:?}, each of them cut off once more in its recovery");
    assert!(counts.operations >= 300, "{counts:?}");
    assert!(counts.images >= 4_800, "{counts:?}");
}

#[test]
fn a_whole_life_survives_a_kill_at_every_operation() {
    let counts = kill_everywhere(&fs(), &Script::whole());
    println!("{counts:?}");
    assert!(counts.images >= 300, "{counts:?}");
}

/// Errors that change nothing that anyone relies on: those of writing a lock's holder into its file.
const HARMLESS_MAX: usize = 8;

#[test]
fn a_whole_life_survives_an_error_at_every_operation() {
    let outcomes = fail_everywhere(&fs(), &Script::whole(), Fault::Error);
    println!("{outcomes:?}");
    assert_eq!(outcomes.clean, 0, "{outcomes:?}");
    assert!(outcomes.poisoned >= 300 && outcomes.harmless <= HARMLESS_MAX, "{outcomes:?}");
}

#[test]
fn a_whole_life_survives_a_lack_of_space_at_every_operation() {
    let once = fail_everywhere(&fs(), &Script::whole(), Fault::NoSpace);
    let lasting = fail_everywhere(&fs(), &Script::whole(), Fault::Full);
    println!("once: {once:?}; until space is freed: {lasting:?}");
    for outcomes in [once, lasting] {
        assert!(outcomes.clean >= 100 && outcomes.harmless <= HARMLESS_MAX, "{outcomes:?}");
    }
}

#[test]
fn a_whole_life_is_the_same_with_short_writes() {
    let outcomes = fail_everywhere(&fs(), &Script::whole(), Fault::ShortWrite);
    println!("{outcomes:?}");
    assert_eq!((outcomes.clean, outcomes.poisoned), (0, 0), "{outcomes:?}");
}

#[test]
fn appends_together_survive_a_power_cut_at_every_operation() {
    for config in REDO_LOGS {
        let counts = cut_power_everywhere(&configured(config), &Script::together());
        println!("{config}: {counts:?}, each of them cut off once more in its recovery");
        assert!(counts.operations >= 100 && counts.images >= 1_800, "{counts:?}");
    }
}

#[test]
fn appends_together_of_two_openers_in_turns_survive_a_power_cut_at_every_operation() {
    for (config, turns) in [
        (REDO_LOGS[0], (Turns::Claimed, 6)),
        (REDO_LOGS[1], (Turns::Claimed, 5)),
        (REDO_LOGS[0], (Turns::Unclaimed, 3)),
        (REDO_LOGS[1], (Turns::Unclaimed, 4)),
    ] {
        let counts = cut_power_in_turns(&configured(config), &Script::together(), turns);
        println!("{config}, {turns:?}: {counts:?}");
        assert!(counts.operations >= 100, "{counts:?}");
    }
}

#[test]
fn appends_together_survive_a_kill_at_every_operation() {
    for config in REDO_LOGS {
        let counts = kill_everywhere(&configured(config), &Script::together());
        println!("{config}: {counts:?}");
        assert!(counts.images >= 100, "{counts:?}");
    }
}

#[test]
fn appends_together_survive_a_failure_at_every_operation() {
    for config in REDO_LOGS {
        let all = |fault| fail_everywhere(&configured(config), &Script::together(), fault);
        let (error, short) = (all(Fault::Error), all(Fault::ShortWrite));
        let (once, lasting) = (all(Fault::NoSpace), all(Fault::Full));
        println!("{config}: {error:?}; space: {once:?}, {lasting:?}; short: {short:?}");
        assert!(error.clean == 0 && error.poisoned >= 100, "{error:?}");
        assert_eq!((short.clean, short.poisoned), (0, 0), "{short:?}");
        assert!(once.clean + once.harmless >= 50 && lasting.clean >= 50, "{once:?} {lasting:?}");
    }
}
