//! Gas as a guest's counter shows it. The figures are golden: they follow from the cost table in
//! `docs/spec/metering.md`, and an engine that differs in one of them differs in what it ran.

use igor_core::Trap;
use igor_core::engine::{InjectedGlobal, Value};
use igor_core::trap::CallError;
use igor_format::{Gas, Hash};

use crate::Case;
use crate::engine::EngineSubject;
use crate::engine::guest::{Ended, Fixture, Guest, fixture};
use crate::engine::host::TestHost;

/// A fixture with an export `run`, what it returns and what that costs.
struct Golden {
    name: &'static str,
    wat: &'static str,
    result: i64,
    gas: u64,
    /// The SHA-256 over how the call ends under each gas limit from 0 to 199.
    exhaustion: &'static str,
}

macro_rules! golden {
    ($($name:literal: $result:literal, $gas:literal, $exhaustion:literal;)*) => {
        [$(Golden {
            name: $name,
            wat: fixture!($name),
            result: $result,
            gas: $gas,
            exhaustion: $exhaustion,
        }),*]
    };
}

const GOLDEN: [Golden; 12] = golden! {
    "gas_branches": 1_111, 28_443, "408b008569ba51281cef3ae953355b44f048a865e93181086e171461ee2cc839";
    "gas_bulk_memory": 8_027_218_156_522_642_196, 20_893, "64a75b34f4a8741c4b8cb468acadaf9d25a60481808844e724bcb86139726a5b";
    "gas_fib": 610, 21_704, "f88140447bae7b74dcc194ad4bda3ab2683416ee37eb26ec1e23a6b796efa8bc";
    "gas_globals": 166_893_005_371_092, 243, "b08849203a1ad23d9838010472422d3b92a566da5e0135c8ba4f143af306abc4";
    "gas_grow": 16, 52_311, "fdf8670db19f808d3e4f5c0a952a8d33d773e1993cae1460b5a95eb0be86f153";
    "gas_imports": 10_000_000_070, 2_203, "36a4cb2de01a2b611c774c53debfb63f52fdef02bee74e3991b47f5fd1c528da";
    "gas_indirect": -1_062_380_731_302_754_494, 4_405, "a4ed858518af58f32d33a6eb3aef904769301349bb1fb462ecf0afa0c3d336c6";
    "gas_matmul": 4_665_842_574_451_787_901, 141_811, "dece92c2fe5b489761bdb91b91947011cc12cc9fdfe1ae0cb566bb3df801ad4d";
    "gas_mix": -1_896_173_932_002_045_376, 53_023, "12b70b26a53b12b5a13cf300120bb0e35addfc9504c1332e544b6313684c3481";
    "gas_multi_value": 123_456_789, 245, "4f3507981e3d42edf2ef0e19933b0feedc3b6eff7bea88b9f9f50e0c6129ee4b";
    "gas_switch": -8_500_977_963_581_822_806, 2_373, "9da55c8ab9fb7a6f2641c5d805a34b6a63e7eeaab546c6b47e4b3e481491faf0";
    "gas_tables": 45, 20_178, "29ab4a54e9b65e0d743d5d3aef169f4516ee2eff5c76abfe70144d54bc4bc28a";
};

pub(super) fn cases() -> Vec<Case<EngineSubject>> {
    crate::cases![EngineSubject;
        twelve_fixtures_use_their_golden_gas covers ["engine-is-deterministic", "globals-are-exact"],
        gas_runs_out_alike_at_each_of_the_first_200_limits
            covers ["engine-is-deterministic", "globals-are-exact"],
        one_unit_of_gas_decides covers ["engine-is-deterministic"],
        gas_does_not_depend_on_the_slice covers ["engine-is-deterministic"],
        gas_after_a_trap_is_exact covers ["globals-are-exact"],
        injected_globals_read_back_what_was_set covers ["globals-are-exact"],
        slots_take_the_low_half covers ["globals-are-exact"],
        a_call_leaves_the_slots_as_it_found_them covers ["globals-are-exact"],
    ]
}

/// Answers the imports of `gas_imports`.
fn host() -> TestHost {
    TestHost::new(|import, _, caller| {
        *caller.gas_left -= 3;
        Ok((import == 0).then_some(Value::I64(1_000_000_007)))
    })
}

fn run_within(fixture: &Fixture, gas: Gas, slice: Gas) -> (Ended, Guest) {
    let mut guest = fixture.guest_with(host().with_slice(slice));
    let ended = guest.call_within(gas, "run", &[]);
    (ended, guest)
}

const SLICE: Gas = Gas(1_000_000);

fn twelve_fixtures_use_their_golden_gas(subject: &EngineSubject) {
    let mut wrong = Vec::new();
    for golden in &GOLDEN {
        let fixture = Fixture::new(subject, golden.wat);
        let (ended, _) = run_within(&fixture, Gas(1_000_000), SLICE);
        let result = Ok(vec![Value::I64(golden.result)]);
        if ended != (Ended { result, gas: Gas(golden.gas) }) {
            wrong.push(format!("{}: {:?}, {}", golden.name, ended.result, ended.gas.0));
        }
    }
    assert!(wrong.is_empty(), "not as recorded:\n{}", wrong.join("\n"));
}

fn gas_runs_out_alike_at_each_of_the_first_200_limits(subject: &EngineSubject) {
    let mut wrong = Vec::new();
    for golden in &GOLDEN {
        let fixture = Fixture::new(subject, golden.wat);
        let mut ends = String::new();
        for limit in 0..200 {
            let (ended, guest) = run_within(&fixture, Gas(limit), SLICE);
            let used = ended.gas.0;
            let expected =
                if golden.gas > limit { Err(CallError::Trap(Trap::OutOfGas)) } else { Ok(()) };
            assert_eq!(ended.result.map(drop), expected, "{} within {limit}", golden.name);
            assert!(used <= golden.gas, "{} within {limit} used {used}", golden.name);
            ends.push_str(&format!("{limit} {used} {}\n", guest.memory_hash()));
        }
        let hash = Hash::of(ends.as_bytes()).to_string();
        if hash != golden.exhaustion {
            wrong.push(format!("{}: {hash}", golden.name));
        }
    }
    assert!(wrong.is_empty(), "not as recorded:\n{}", wrong.join("\n"));
}

fn one_unit_of_gas_decides(subject: &EngineSubject) {
    for golden in &GOLDEN {
        let fixture = Fixture::new(subject, golden.wat);
        let (enough, _) = run_within(&fixture, Gas(golden.gas), SLICE);
        assert_eq!(enough.result, Ok(vec![Value::I64(golden.result)]), "{}", golden.name);
        let (short, _) = run_within(&fixture, Gas(golden.gas - 1), SLICE);
        assert_eq!(short.result, Err(Trap::OutOfGas.into()), "{}", golden.name);
    }
}

fn gas_does_not_depend_on_the_slice(subject: &EngineSubject) {
    for golden in &GOLDEN {
        let fixture = Fixture::new(subject, golden.wat);
        for limit in [golden.gas, golden.gas / 2] {
            let (expected, guest) = run_within(&fixture, Gas(limit), SLICE);
            for slice in [1, 7, 1_000] {
                let (ended, other) = run_within(&fixture, Gas(limit), Gas(slice));
                let what = format!("{} within {limit} by {slice}", golden.name);
                assert_eq!(ended, expected, "{what}");
                assert_eq!(other.memory_hash(), guest.memory_hash(), "{what}");
            }
        }
    }
}

fn gas_after_a_trap_is_exact(subject: &EngineSubject) {
    let calls: [(&str, &[Value], u64); 6] = [
        ("unreachable", &[], 5),
        ("div_s", &[Value::I32(1), Value::I32(0)], 5),
        ("load", &[Value::I32(-1)], 19),
        ("fill", &[Value::I32(1), Value::I32(65_536)], 8_217),
        ("indirect", &[Value::I32(0)], 4),
        ("recurse", &[], 12_291),
    ];
    let fixture = Fixture::new(subject, fixture!("traps"));
    let mut wrong = Vec::new();
    for (export, args, gas) in calls {
        let ended = fixture.guest().call_within(SLICE, export, args);
        assert!(matches!(ended.result, Err(CallError::Trap(_))), "{export}: {ended:?}");
        if ended.gas != Gas(gas) {
            wrong.push(format!("{export}: {}", ended.gas.0));
        }
    }
    assert!(wrong.is_empty(), "not as recorded:\n{}", wrong.join("\n"));
}

fn injected_globals_read_back_what_was_set(subject: &EngineSubject) {
    let mut guest = Guest::new(subject, fixture!("calls"));
    for value in [0, 1, -1, i64::MIN, i64::MAX, 1 << 40] {
        guest.instance.set_global(InjectedGlobal::GasLeft, value);
        assert_eq!(guest.instance.global(InjectedGlobal::GasLeft), value);
    }
    for value in [0, 1, -1, i32::MIN, i32::MAX] {
        guest.instance.set_global(InjectedGlobal::SlotsLeft, value.into());
        assert_eq!(guest.instance.global(InjectedGlobal::SlotsLeft), i64::from(value));
    }
}

fn slots_take_the_low_half(subject: &EngineSubject) {
    let mut guest = Guest::new(subject, fixture!("calls"));
    for (set, read) in [(1 << 32, 0), (0x1_0000_0007, 7), (0xffff_ffff, -1), (i64::MIN, 0)] {
        guest.instance.set_global(InjectedGlobal::SlotsLeft, set);
        assert_eq!(guest.instance.global(InjectedGlobal::SlotsLeft), read, "{set:#x}");
    }
}

fn a_call_leaves_the_slots_as_it_found_them(subject: &EngineSubject) {
    let mut guest = Guest::with_host(subject, fixture!("stack"), TestHost::silent());
    let before = guest.instance.global(InjectedGlobal::SlotsLeft);
    assert_eq!(guest.int("down", &[500]), 500);
    for n in 0..40 {
        guest.int("leave", &[n]);
    }
    assert_eq!(guest.instance.global(InjectedGlobal::SlotsLeft), before);
}
