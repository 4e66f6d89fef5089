//! Traps: each guest trap under its own name, and what is left after one.

use igor_core::Trap;
use igor_core::engine::InjectedGlobal;
use igor_core::engine::Value::{self, F32, F64, I32, I64};
use igor_core::trap::{CallError, NodeFault};
use igor_format::Gas;

use crate::engine::EngineSubject;
use crate::engine::guest::{Fixture, Guest, PLENTY, arbitrary, fixture, prepared};
use crate::engine::host::TestHost;
use crate::{Case, Effort, Rng};

const TRAPS: &str = fixture!("traps");

pub(super) fn cases() -> Vec<Case<EngineSubject>> {
    crate::cases![EngineSubject;
        unreachable_is_named covers ["call-maps-traps"],
        division_by_zero_is_named covers ["call-maps-traps"],
        an_integer_that_does_not_fit_is_named covers ["call-maps-traps"],
        a_nan_that_becomes_an_integer_is_named covers ["call-maps-traps"],
        memory_out_of_bounds_is_named covers ["call-maps-traps"],
        table_out_of_bounds_is_named covers ["call-maps-traps"],
        an_indirect_call_of_nothing_is_named covers ["call-maps-traps"],
        an_indirect_call_of_another_signature_is_named covers ["call-maps-traps"],
        running_out_of_gas_is_named covers ["call-maps-traps", "call-stops-at-host-trap"],
        the_stack_guard_is_named covers ["call-maps-traps", "call-stops-at-host-trap"],
        every_trap_of_an_import_comes_back_as_it_is covers ["call-stops-at-host-trap"],
        nothing_runs_after_a_trap_of_an_import covers ["call-stops-at-host-trap"],
        an_instance_is_dead_after_any_trap covers ["dead-after-trap"],
        memory_and_globals_stay_readable_after_a_trap covers ["dead-after-trap"],
        a_trap_keeps_what_the_call_did_before covers ["dead-after-trap", "memory-is-the-guests"],
        arbitrary_calls_never_panic covers ["call-never-panics"],
    ]
}

/// Calls each export on a fresh instance; each must end with `expected`.
fn check(subject: &EngineSubject, expected: Trap, calls: &[(&str, &[Value])]) {
    let fixture = Fixture::new(subject, TRAPS);
    for (export, args) in calls {
        assert_eq!(fixture.guest().trap(export, args), expected, "{export}{args:?}");
    }
}

fn unreachable_is_named(subject: &EngineSubject) {
    check(subject, Trap::Unreachable, &[("unreachable", &[])]);
}

fn division_by_zero_is_named(subject: &EngineSubject) {
    let zero = [I32(1), I32(0)];
    check(
        subject,
        Trap::DivisionByZero,
        &[
            ("div_s", &zero),
            ("div_u", &zero),
            ("rem_s", &zero),
            ("rem_u", &[I64(i64::MIN), I64(0)]),
            ("div_s", &[I32(i32::MIN), I32(0)]),
        ],
    );
}

fn an_integer_that_does_not_fit_is_named(subject: &EngineSubject) {
    let calls: [(&str, Value); 6] = [
        ("trunc_s", F64(f64::INFINITY.to_bits())),
        ("trunc_s", F64(2_147_483_648_f64.to_bits())),
        ("trunc_s", F64((-2_147_483_649_f64).to_bits())),
        ("trunc_u", F32(f32::NEG_INFINITY.to_bits())),
        ("trunc_u", F32((-1_f32).to_bits())),
        ("trunc_u", F32(18_446_744_073_709_551_616_f32.to_bits())),
    ];
    for (export, arg) in calls {
        check(subject, Trap::IntegerOverflow, &[(export, &[arg])]);
    }
    let calls: [(&str, &[Value]); 2] =
        [("div_s", &[I32(i32::MIN), I32(-1)]), ("div_s_64", &[I64(i64::MIN), I64(-1)])];
    check(subject, Trap::IntegerOverflow, &calls);
    let mut guest = Guest::new(subject, TRAPS);
    assert_eq!(guest.int("rem_s", &[i32::MIN, -1]), 0, "the remainder does not overflow");
}

fn a_nan_that_becomes_an_integer_is_named(subject: &EngineSubject) {
    let calls: [(&str, Value); 4] = [
        ("trunc_s", F64(f64::NAN.to_bits())),
        ("trunc_s", F64(0xfff0_0000_0000_0001)),
        ("trunc_u", F32(f32::NAN.to_bits())),
        ("trunc_u", F32(0xffff_ffff)),
    ];
    for (export, arg) in calls {
        check(subject, Trap::BadConversion, &[(export, &[arg])]);
    }
}

fn memory_out_of_bounds_is_named(subject: &EngineSubject) {
    check(
        subject,
        Trap::MemoryOutOfBounds,
        &[
            ("load", &[I32(65_533)]),
            ("load", &[I32(-1)]),
            ("load_far", &[I32(0)]),
            ("load_far", &[I32(-1)]),
            ("store", &[I32(65_529)]),
            ("fill", &[I32(65_536), I32(1)]),
            ("fill", &[I32(1), I32(-1)]),
            ("copy", &[I32(0), I32(65_535), I32(2)]),
            ("copy", &[I32(65_535), I32(0), I32(2)]),
        ],
    );
}

fn table_out_of_bounds_is_named(subject: &EngineSubject) {
    check(
        subject,
        Trap::TableOutOfBounds,
        &[
            ("indirect", &[I32(4)]),
            ("indirect", &[I32(-1)]),
            ("table_get", &[I32(4)]),
            ("table_set", &[I32(-1)]),
            ("table_fill", &[I32(3), I32(2)]),
            ("table_copy", &[I32(0), I32(3), I32(2)]),
            ("table_copy", &[I32(3), I32(0), I32(2)]),
        ],
    );
}

fn an_indirect_call_of_nothing_is_named(subject: &EngineSubject) {
    check(subject, Trap::CallIndirectNull, &[("indirect", &[I32(0)]), ("indirect", &[I32(3)])]);
}

fn an_indirect_call_of_another_signature_is_named(subject: &EngineSubject) {
    check(subject, Trap::CallIndirectSignature, &[("indirect", &[I32(1)])]);
}

fn running_out_of_gas_is_named(subject: &EngineSubject) {
    let mut guest = Guest::new(subject, TRAPS);
    let ended = guest.call_within(Gas(100_000), "spin", &[]);
    assert_eq!(ended.result, Err(Trap::OutOfGas.into()));
}

fn the_stack_guard_is_named(subject: &EngineSubject) {
    check(subject, Trap::StackGuard, &[("recurse", &[])]);
}

fn every_trap_of_an_import_comes_back_as_it_is(subject: &EngineSubject) {
    let traps = [
        Trap::BadConversion,
        Trap::CallIndirectNull,
        Trap::CallIndirectSignature,
        Trap::Cancelled,
        Trap::Deadline,
        Trap::Diverged,
        Trap::DivisionByZero,
        Trap::EngineStack,
        Trap::Exit(0),
        Trap::Exit(i32::MIN),
        Trap::Exit(7),
        Trap::IntegerOverflow,
        Trap::MemoryOutOfBounds,
        Trap::ObservationLimit,
        Trap::OutOfGas,
        Trap::StackGuard,
        Trap::TableOutOfBounds,
        Trap::Unreachable,
    ];
    let fixture = Fixture::new(subject, fixture!("imports"));
    for trap in traps {
        // A usual signature, one with floats, and one with nothing.
        for (export, args) in [("3", vec![]), ("7", vec![F32(0)]), ("6", vec![])] {
            let mut guest = fixture.guest_with(TestHost::trapping(trap));
            assert_eq!(guest.trap(export, &args), trap, "import {export}");
        }
    }
}

fn nothing_runs_after_a_trap_of_an_import(subject: &EngineSubject) {
    let host = TestHost::trapping(Trap::Exit(1));
    let mut guest = Guest::with_host(subject, fixture!("imports"), host);
    assert_eq!(guest.trap("twice", &[]), Trap::Exit(1));
    assert_eq!(guest.host().asked().len(), 1, "the second import call was not reached");
}

fn an_instance_is_dead_after_any_trap(subject: &EngineSubject) {
    let killers: [(&str, &[Value]); 5] = [
        ("unreachable", &[]),
        ("div_s", &[I32(1), I32(0)]),
        ("load", &[I32(-1)]),
        ("recurse", &[]),
        ("spin", &[]),
    ];
    let fixture = Fixture::new(subject, TRAPS);
    for (export, args) in killers {
        let mut guest = fixture.guest();
        let ended = guest.call_within(Gas(2_000_000), export, args);
        assert!(matches!(ended.result, Err(CallError::Trap(_))), "{export}: {ended:?}");
        for (next, args) in [("fine", vec![]), ("missing", vec![]), ("div_s", vec![I64(0)])] {
            let dead = NodeFault::Dead { export: next.to_owned() };
            assert_eq!(guest.call(next, &args), Err(dead.into()), "{next} after {export}");
        }
    }
    let host = TestHost::trapping(Trap::Exit(1));
    let mut guest = Guest::with_host(subject, fixture!("imports"), host);
    guest.trap("6", &[]);
    let dead = NodeFault::Dead { export: "peek".to_owned() };
    assert_eq!(guest.call("peek", &[I32(0)]), Err(dead.into()), "after an import's trap");
}

fn memory_and_globals_stay_readable_after_a_trap(subject: &EngineSubject) {
    let mut guest = Guest::new(subject, TRAPS);
    guest.trap("unreachable", &[]);
    assert_eq!(guest.instance.memory().len(), 65_536);
    assert_eq!(guest.instance.memory()[0], 7);
    for global in [InjectedGlobal::GasLeft, InjectedGlobal::SlotsLeft] {
        let first = guest.instance.global(global);
        assert_eq!(guest.instance.global(global), first, "{global:?}");
    }
    guest.instance.set_global(InjectedGlobal::GasLeft, 5);
    assert_eq!(guest.instance.global(InjectedGlobal::GasLeft), 5);
}

fn a_trap_keeps_what_the_call_did_before(subject: &EngineSubject) {
    let mut guest = Guest::new(subject, TRAPS);
    guest.trap("unreachable", &[]);
    assert_eq!(guest.instance.memory()[..5], [7, 0, 0, 0, 0]);
    // What does not fit writes nothing at all.
    for (export, args) in [("fill", vec![I32(65_530), I32(7)]), ("store", vec![I32(65_529)])] {
        let mut guest = Guest::new(subject, TRAPS);
        guest.trap(export, &args);
        assert!(guest.instance.memory().iter().all(|byte| *byte == 0), "{export}");
    }
}

fn arbitrary_calls_never_panic(subject: &EngineSubject) {
    let fixtures = [
        TRAPS,
        fixture!("calls"),
        fixture!("floats"),
        fixture!("imports"),
        fixture!("integers"),
        fixture!("memory"),
        fixture!("tables"),
    ];
    let mut rng = Rng::for_case("arbitrary_calls_never_panic");
    for wat in fixtures {
        let exports = prepared(wat).exports().to_vec();
        let functions: Vec<_> =
            exports.iter().filter_map(|export| Some((export, export.ty.as_ref()?))).collect();
        let fixture = Fixture::new(subject, wat);
        for _ in 0..Effort::current().rounds(40) {
            let mut guest = fixture.guest();
            for _ in 0..8 {
                let choice = rng.below(u64::try_from(functions.len()).unwrap());
                let (export, ty) = functions[usize::try_from(choice).unwrap()];
                let args = arbitrary(&mut rng, &ty.params);
                let gas = Gas(rng.below(PLENTY.0 / 1_000));
                let ended = guest.call_within(gas, &export.name, &args);
                let results = ended.result.as_ref().map(Vec::len);
                assert!(results.is_err() || results == Ok(ty.results.len()), "{ended:?}");
            }
        }
    }
}
