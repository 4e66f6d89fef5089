//! The replay suite sees engines that do something else than they should, whether they record or execute
//! again. That it sees nothing in engines without a fault is shown where it runs on the linked ones.

use std::sync::Arc;

use conformance::engine::mutant::{Fault, mutant};
use conformance::mutants::assert_caught;
use conformance::replay::{ReplaySubject, cases};
use igor_core::Engine;
use igor_engine_wasmi::WasmiEngine;
use igor_meter_gas as _;
use igor_storage_memory as _;

/// One engine with a fault; the other one is sound.
fn subject(fault: Fault, is_recorder: bool) -> Box<ReplaySubject> {
    let sound: Arc<dyn Engine> = Arc::new(WasmiEngine);
    let faulty = mutant(Arc::clone(&sound), fault);
    let (recorder, verifier) = if is_recorder { (faulty, sound) } else { (sound, faulty) };
    let named = |engine, name: &str| (engine, name.to_owned());
    let (recorder, verifier) = (named(recorder, "recorder"), named(verifier, "verifier"));
    Box::new(ReplaySubject { recorder, verifiers: vec![verifier] })
}

fn caught(fault: Fault, by: &str) {
    for is_recorder in [true, false] {
        let name = format!("{fault:?}, recorder: {is_recorder}");
        let mut cases = cases();
        cases.retain(|case| case.name == by);
        assert_caught(&name, by, &cases, || subject(fault, is_recorder));
    }
}

#[test]
fn an_engine_that_miscounts_gas_is_caught() {
    caught(Fault::MiscountsGas, "a_relay_between_engines_equals_a_life_on_one");
}

#[test]
fn an_engine_that_loses_what_the_host_wrote_is_caught() {
    caught(Fault::LosesHostWrites, "calls_outside_ticks_are_recorded_too");
}

#[test]
fn an_engine_that_confuses_traps_is_caught() {
    caught(Fault::ConfusesTraps, "a_tick_that_trapped_is_proven");
}

#[test]
fn an_engine_that_forgets_the_gas_of_traps_is_caught() {
    caught(Fault::ForgetsGasAtTraps, "a_tick_that_trapped_is_proven");
}

#[test]
fn an_engine_that_calls_another_import_is_caught() {
    caught(Fault::ShiftsImports, "calls_that_fail_or_do_nothing_are_repeated");
}
