//! Calling exports: results, arguments, names.

use igor_core::engine::Value::{self, F32, F64, I32, I64};
use igor_core::prepare::{GAS_LEFT, MEMORY, START};
use igor_core::trap::{CallError, NodeFault};

use crate::Case;
use crate::engine::EngineSubject;
use crate::engine::guest::{Guest, fixture};

const CALLS: &str = fixture!("calls");

pub(super) fn cases() -> Vec<Case<EngineSubject>> {
    crate::cases![EngineSubject;
        results_come_back covers ["call-returns-results"],
        several_results_come_in_order covers ["call-returns-results"],
        thirty_two_arguments_and_results_keep_their_places covers ["call-returns-results"],
        integers_at_their_extremes_pass_unchanged covers ["call-returns-results"],
        float_arguments_and_results_keep_their_bits covers ["call-returns-results"],
        exports_may_have_any_name covers ["call-returns-results"],
        a_missing_export_is_a_fault_and_changes_nothing covers ["call-checks-arguments"],
        what_is_no_function_cannot_be_called covers ["call-checks-arguments"],
        arguments_of_another_type_or_number_are_a_fault_and_change_nothing
            covers ["call-checks-arguments"],
    ]
}

fn results_come_back(subject: &EngineSubject) {
    let mut guest = Guest::new(subject, CALLS);
    assert_eq!(guest.call("nothing", &[]), Ok(vec![]));
    assert_eq!(guest.call("one", &[]), Ok(vec![I32(1)]));
    assert_eq!(guest.call("one", &[]), Ok(vec![I32(1)]), "the second call of an export");
}

fn several_results_come_in_order(subject: &EngineSubject) {
    let mut guest = Guest::new(subject, CALLS);
    let args = [I32(1), I64(2), F32(3), F64(4)];
    assert_eq!(guest.call("reverse", &args), Ok(vec![F64(4), F32(3), I64(2), I32(1)]));
}

fn thirty_two_arguments_and_results_keep_their_places(subject: &EngineSubject) {
    let mut guest = Guest::new(subject, CALLS);
    let fours: Vec<[Value; 4]> =
        (0..8).map(|n| [I32(n), I64(n.into()), F32(n.unsigned_abs()), F64(7)]).collect();
    let args = fours.concat();
    let reversed: Vec<_> = fours.into_iter().rev().flatten().collect();
    assert_eq!(guest.call("many", &args), Ok(reversed));
}

fn integers_at_their_extremes_pass_unchanged(subject: &EngineSubject) {
    let mut guest = Guest::new(subject, CALLS);
    for value in [0, 1, -1, i32::MIN, i32::MAX] {
        assert_eq!(guest.one("i32", &[I32(value)]), I32(value));
    }
    for value in [0, 1, -1, i64::MIN, i64::MAX, 1 << 32] {
        assert_eq!(guest.one("i64", &[I64(value)]), I64(value));
    }
}

fn float_arguments_and_results_keep_their_bits(subject: &EngineSubject) {
    let mut guest = Guest::new(subject, CALLS);
    for bits in [0, 1, 1 << 31, 0x7f80_0000, 0x7f80_0001, 0x7fc0_0000, 0xffc1_2345, u32::MAX] {
        assert_eq!(guest.one("f32", &[F32(bits)]), F32(bits), "{bits:#010x}");
    }
    let quiet = 0x7ff8_0000_0000_0000;
    for bits in [0, 1, 1 << 63, quiet - 1, quiet, quiet + 77, !0 - 5, !0] {
        assert_eq!(guest.one("f64", &[F64(bits)]), F64(bits), "{bits:#018x}");
    }
}

fn exports_may_have_any_name(subject: &EngineSubject) {
    let mut guest = Guest::new(subject, CALLS);
    assert_eq!(guest.int("", &[]), 5);
    assert_eq!(guest.int("⚙ \0 odd name", &[]), 6);
}

fn a_missing_export_is_a_fault_and_changes_nothing(subject: &EngineSubject) {
    let mut guest = Guest::new(subject, CALLS);
    for name in ["missing", "One", "one ", START] {
        let fault = NodeFault::NoExport { export: name.to_owned() };
        assert_eq!(guest.call(name, &[]), Err(fault.into()));
    }
    assert_eq!(guest.int("touch", &[3]), 3, "the instance is alive");
}

fn what_is_no_function_cannot_be_called(subject: &EngineSubject) {
    let mut guest = Guest::new(subject, CALLS);
    // The last one is a function whose parameter no `Value` can be.
    for name in ["memory", "global", GAS_LEFT, MEMORY, "reference"] {
        let fault = NodeFault::NoExport { export: name.to_owned() };
        assert_eq!(guest.call(name, &[]), Err(fault.into()));
    }
}

fn arguments_of_another_type_or_number_are_a_fault_and_change_nothing(subject: &EngineSubject) {
    let mut guest = Guest::new(subject, CALLS);
    assert_eq!(guest.int("touch", &[3]), 3);
    let wrong: [(&str, &[Value]); 8] = [
        ("touch", &[]),
        ("touch", &[I32(1), I32(1)]),
        ("touch", &[I64(1)]),
        ("touch", &[F32(1)]),
        ("nothing", &[I32(1)]),
        ("one", &[F64(0)]),
        ("f64", &[I64(1)]),
        ("reverse", &[F64(4), F32(3), I64(2), I32(1)]),
    ];
    for (export, args) in wrong {
        let fault = NodeFault::Arguments { export: export.to_owned() };
        assert_eq!(guest.call(export, args), Err(CallError::Node(fault)), "{export}{args:?}");
    }
    assert_eq!(guest.int("touch", &[4]), 7, "the instance is alive and unchanged");
}
