//! Engines with one known fault each, to show that the engine suite sees the fault. The last test shows
//! that the suite does not object to the same engine without one.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use conformance::Effort;
use conformance::engine::mutant::{Fault, mutant};
use conformance::engine::{EngineSubject, cases};
use conformance::mutants::failed_cases;
use igor_engine_wasmi::WasmiEngine;

/// Held by what measures or leaks this process's memory.
static MEMORY: Mutex<()> = Mutex::new(());

fn subject(fault: Fault) -> Box<EngineSubject> {
    let engine = mutant(Arc::new(WasmiEngine), fault);
    Box::new(EngineSubject { name: "mutant", engine })
}

fn alone() -> MutexGuard<'static, ()> {
    MEMORY.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The cases that fail on the mutant; `by` must be among them. Only with more effort than usual does the
/// whole suite run on it.
fn failing(fault: Fault, by: &str) -> Vec<&'static str> {
    // What the whole suite would leak stays for the life of this process.
    let whole = Effort::current() > Effort::Quick && fault != Fault::LeaksInstances;
    let mut cases = cases();
    assert!(cases.iter().any(|case| case.name == by), "there is no case {by}");
    cases.retain(|case| whole || case.name == by);
    let _alone = (fault == Fault::LeaksInstances).then(alone);
    let failed = failed_cases(&cases, || subject(fault));
    assert!(failed.contains(&by), "the fault {fault:?} passes {by}; it fails only {failed:?}");
    failed
}

macro_rules! caught {
    ($($test:ident: $fault:ident by $case:literal;)*) => {$(
        #[test]
        fn $test() {
            println!("{:?} fails {:?}", Fault::$fault, failing(Fault::$fault, $case));
        }
    )*};
}

caught! {
    an_engine_that_accepts_any_arguments_is_caught: AcceptsAnyArguments
        by "arguments_of_another_type_or_number_are_a_fault_and_change_nothing";
    an_engine_that_canonicalises_moves_is_caught: CanonicalisesMoves
        by "operations_that_move_bits_keep_nans";
    an_engine_that_grows_beyond_the_maximum_is_caught: ClaimsGrowthBeyondTheMaximum
        by "growth_beyond_the_maximum_is_refused";
    an_engine_that_confuses_traps_is_caught: ConfusesTraps
        by "division_by_zero_is_named";
    an_engine_that_flattens_host_traps_is_caught: FlattensHostTraps
        by "every_trap_of_an_import_comes_back_as_it_is";
    an_engine_that_forgets_growth_is_caught: ForgetsGrowth
        by "a_grown_memory_is_seen_whole_and_zeroed";
    an_engine_that_forgets_gas_at_traps_is_caught: ForgetsGasAtTraps
        by "gas_after_a_trap_is_exact";
    an_engine_that_ignores_data_is_caught: IgnoresData
        by "a_new_memory_holds_the_data_segments_and_zeros";
    an_engine_that_ignores_set_globals_is_caught: IgnoresSetGlobal
        by "injected_globals_read_back_what_was_set";
    an_engine_that_leaks_instances_is_caught: LeaksInstances
        by "dropping_an_instance_returns_its_memory";
    an_engine_that_leaks_memory_is_caught: LeaksMemory
        by "a_new_instance_holds_nothing_of_an_earlier_one";
    an_engine_that_loses_gas_charges_is_caught: LosesGasCharges
        by "the_host_sees_and_changes_the_gas_counter";
    an_engine_that_loses_host_writes_is_caught: LosesHostWrites
        by "the_guest_sees_what_the_host_wrote";
    an_engine_that_miscounts_gas_is_caught: MiscountsGas
        by "twelve_fixtures_use_their_golden_gas";
    an_engine_that_panics_at_traps_is_caught: PanicsAtTraps
        by "arbitrary_calls_never_panic";
    an_engine_that_quiets_arguments_is_caught: QuietsArguments
        by "float_arguments_and_results_keep_their_bits";
    an_engine_that_refuses_growth_is_caught: RefusesGrowth
        by "growth_up_to_the_maximum_is_granted";
    an_engine_that_reports_segments_as_faults_is_caught: ReportsSegmentsAsFaults
        by "a_data_segment_that_does_not_fit_is_a_trap";
    an_engine_that_reverses_results_is_caught: ReversesResults
        by "several_results_come_in_order";
    an_engine_that_rounds_differently_is_caught: RoundsDifferently
        by "operations_on_numbers_return_what_ieee_754_says";
    an_engine_that_runs_after_traps_is_caught: RunsAfterTraps
        by "an_instance_is_dead_after_any_trap";
    an_engine_that_runs_the_start_function_is_caught: RunsStart
        by "a_start_function_runs_when_it_is_called";
    an_engine_that_runs_out_of_stack_is_caught: RunsOutOfStack
        by "direct_recursion_stops_at_the_guard";
    an_engine_that_shifts_imports_is_caught: ShiftsImports
        by "every_import_is_reached_by_its_number";
    an_engine_that_swallows_host_traps_is_caught: SwallowsHostTraps
        by "nothing_runs_after_a_trap_of_an_import";
}

#[test]
fn an_engine_without_a_fault_passes() {
    let _alone = alone();
    let failed = failed_cases(&cases(), || subject(Fault::None));
    assert_eq!(failed, [""; 0], "a mutant without a fault is the engine that it wraps");
}
