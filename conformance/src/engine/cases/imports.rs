//! Imports: what reaches the host, what it may change, and what comes back.

use igor_core::engine::Value::{self, F32, F64, I32, I64};
use igor_core::engine::{InjectedGlobal, guest_slice, guest_slice_mut};
use igor_core::trap::{CallError, NodeFault};

use crate::Case;
use crate::engine::EngineSubject;
use crate::engine::guest::{Fixture, Guest, fixture};
use crate::engine::host::TestHost;

const IMPORTS: &str = fixture!("imports");

pub(super) fn cases() -> Vec<Case<EngineSubject>> {
    crate::cases![EngineSubject;
        every_import_is_reached_by_its_number covers ["host-sees-every-import"],
        arguments_and_results_of_imports_keep_their_bits covers ["host-sees-every-import"],
        the_host_sees_what_the_guest_wrote covers ["host-sees-every-import"],
        the_guest_sees_what_the_host_wrote covers ["host-sees-every-import"],
        the_host_sees_a_memory_that_has_grown covers ["host-sees-every-import"],
        pointers_into_memory_end_where_memory_ends covers ["host-sees-every-import"],
        a_guest_without_a_memory_shows_an_empty_one covers ["host-sees-every-import"],
        the_host_sees_and_changes_the_gas_counter covers ["host-sees-every-import"],
        gas_that_the_host_takes_before_a_trap_is_taken covers ["globals-are-exact"],
        a_host_that_takes_too_much_gas_ends_the_call covers ["host-sees-every-import"],
        a_result_of_another_type_is_a_fault_of_the_node covers ["host-sees-every-import"],
        the_host_may_be_changed_between_calls covers ["host-sees-every-import"],
    ]
}

/// A host that answers each import of the fixture with a value of its type.
fn answering() -> TestHost {
    TestHost::new(|import, args, _| {
        Ok(match import {
            0 => Some(I32(100)),
            1 => Some(I64(i64::MIN)),
            3 => Some(I32(-300)),
            4 => Some(I32(400)),
            5 => Some(I32(i32::MIN)),
            7 => Some(F64(0x7ff4_0000_0000_0001)),
            8 => Some(I64(-800)),
            9 => Some(I32(900)),
            10 => args.first().copied(),
            _ => None,
        })
    })
}

fn every_import_is_reached_by_its_number(subject: &EngineSubject) {
    let signalling = F32(0x7fa0_0001);
    let mut guest = Guest::with_host(subject, IMPORTS, answering());
    let expected = [
        (0, vec![], vec![], vec![I32(100)]),
        (1, vec![], vec![], vec![I64(i64::MIN)]),
        (2, vec![], vec![I32(1), I32(-2)], vec![]),
        (3, vec![], vec![I32(3), I32(4)], vec![I32(-300)]),
        (4, vec![], vec![I32(5), I32(6), I32(7)], vec![I32(400)]),
        (5, vec![], vec![I32(8), I32(9), I32(10), I32(-11)], vec![I32(i32::MIN)]),
        (6, vec![], vec![], vec![]),
        (
            7,
            vec![signalling],
            vec![I32(-1), I64(-2), signalling, F64((-0.5_f64).to_bits())],
            vec![F64(0x7ff4_0000_0000_0001)],
        ),
        (8, vec![], vec![I64(-9)], vec![I64(-800)]),
        (9, vec![], vec![], vec![I32(900)]),
        (10, vec![signalling], vec![signalling], vec![signalling]),
    ];
    for (import, call_args, asked_args, results) in expected {
        assert_eq!(guest.call(&import.to_string(), &call_args), Ok(results), "import {import}");
        let asked = guest.host().asked().last().expect("the import was called");
        assert_eq!((asked.import, &asked.args), (import, &asked_args));
        assert_eq!(asked.memory_bytes, 65_536);
    }
    assert_eq!(guest.host().asked().len(), 11, "each once");
}

fn arguments_and_results_of_imports_keep_their_bits(subject: &EngineSubject) {
    let mut guest = Guest::with_host(subject, IMPORTS, answering());
    for bits in [0, 1 << 31, 0x7f80_0001, 0x7fc0_0000, 0xffc0_1234, 0xff80_0001, u32::MAX] {
        assert_eq!(guest.one("10", &[F32(bits)]), F32(bits), "{bits:#010x}");
        let asked = guest.host().asked().last().expect("the import was called");
        assert_eq!(asked.args, [F32(bits)]);
    }
}

fn the_host_sees_what_the_guest_wrote(subject: &EngineSubject) {
    let host = TestHost::new(|_, _, caller| {
        assert_eq!(caller.memory[40], 0xab);
        Ok(None)
    });
    let mut guest = Guest::with_host(subject, IMPORTS, host);
    guest.int("poke_call_peek", &[40, 0xab]);
    assert_eq!(guest.host().asked().len(), 1);
}

fn the_guest_sees_what_the_host_wrote(subject: &EngineSubject) {
    let host = TestHost::new(|_, _, caller| {
        caller.memory[65_535] += 1;
        Ok(None)
    });
    let mut guest = Guest::with_host(subject, IMPORTS, host);
    assert_eq!(guest.int("poke_call_peek", &[65_535, 7]), 8, "within the call");
    assert_eq!(guest.int("peek", &[65_535]), 8, "in a later call");
    assert_eq!(guest.instance.memory()[65_535], 8, "and the node");
}

fn the_host_sees_a_memory_that_has_grown(subject: &EngineSubject) {
    let host = TestHost::new(|_, _, caller| {
        let last = caller.memory.len() - 1;
        caller.memory[last] = 3;
        Ok(None)
    });
    let mut guest = Guest::with_host(subject, IMPORTS, host);
    assert_eq!(guest.int("grow_call_size", &[]), 2);
    assert_eq!(guest.host().asked()[0].memory_bytes, 131_072, "within the call that grew it");
    assert_eq!(guest.int("peek", &[131_071]), 3);
    guest.call("6", &[]).expect("it returns");
    assert_eq!(guest.host().asked()[1].memory_bytes, 131_072, "in a later call");
}

fn pointers_into_memory_end_where_memory_ends(subject: &EngineSubject) {
    let host = TestHost::new(|_, _, caller| {
        let end = 65_536;
        for (pointer, length, fits) in [
            (0, 0, true),
            (0, end, true),
            (end - 1, 1, true),
            (end, 0, true),
            (end - 1, 2, false),
            (end, 1, false),
            (u32::MAX, 0, false),
            (u32::MAX, u32::MAX, false),
        ] {
            assert_eq!(guest_slice(caller.memory, pointer, length).is_ok(), fits);
            assert_eq!(guest_slice_mut(caller.memory, pointer, length).is_ok(), fits);
        }
        Ok(None)
    });
    let mut guest = Guest::with_host(subject, IMPORTS, host);
    guest.run("6", &[]);
}

fn a_guest_without_a_memory_shows_an_empty_one(subject: &EngineSubject) {
    let wat = fixture!("imports_without_memory");
    let mut guest = Guest::with_host(subject, wat, TestHost::silent());
    guest.run("run", &[]);
    assert_eq!(guest.host().asked()[0].memory_bytes, 0);
}

fn the_host_sees_and_changes_the_gas_counter(subject: &EngineSubject) {
    let used = |taken: i64| {
        let host = TestHost::new(move |_, _, caller| {
            *caller.gas_left -= taken;
            Ok(None)
        });
        let mut guest = Guest::with_host(subject, IMPORTS, host);
        guest.run("twice", &[]);
        let left = guest.instance.global(InjectedGlobal::GasLeft);
        let seen: Vec<_> = guest.host().asked().iter().map(|asked| asked.gas_left).collect();
        (guest.host().used(left).0, seen)
    };
    let (free, seen_free) = used(0);
    let (charged, seen_charged) = used(1_000);
    assert_eq!(charged, free + 2_000);
    assert_eq!(seen_charged, [seen_free[0], seen_free[1] - 1_000]);
    let refilled = i64::try_from(igor_core::gas::SLICE.0).unwrap();
    assert_eq!(seen_free, [refilled, refilled], "nothing else was charged in between");
}

fn gas_that_the_host_takes_before_a_trap_is_taken(subject: &EngineSubject) {
    let host = TestHost::new(|_, _, caller| {
        *caller.gas_left -= 5_000;
        Err(igor_core::Trap::ObservationLimit)
    });
    let mut guest = Guest::with_host(subject, IMPORTS, host);
    guest.trap("6", &[]);
    let seen = guest.host().asked()[0].gas_left;
    assert_eq!(guest.instance.global(InjectedGlobal::GasLeft), seen - 5_000);
}

fn a_host_that_takes_too_much_gas_ends_the_call(subject: &EngineSubject) {
    let host = TestHost::new(|_, _, caller| {
        *caller.gas_left -= 2_000_000_000;
        Ok(None)
    });
    let mut guest = Guest::with_host(subject, fixture!("interrupt"), host);
    assert_eq!(guest.trap("run", &[]), igor_core::Trap::OutOfGas);
}

fn a_result_of_another_type_is_a_fault_of_the_node(subject: &EngineSubject) {
    let wrong: [(&str, &[Value], Option<Value>); 7] = [
        ("0", &[], None),
        ("0", &[], Some(I64(1))),
        ("1", &[], Some(I32(1))),
        ("2", &[], Some(I32(1))),
        ("6", &[], Some(I32(1))),
        ("7", &[F32(0)], Some(F32(0))),
        ("8", &[], None),
    ];
    let fixture = Fixture::new(subject, IMPORTS);
    for (export, args, answer) in wrong {
        let host = TestHost::new(move |_, _, _| Ok(answer));
        let result = fixture.guest_with(host).call(export, args);
        let fault = matches!(result, Err(CallError::Node(NodeFault::Engine(_))));
        assert!(fault, "import {export} answered {answer:?}: {result:?}");
    }
}

fn the_host_may_be_changed_between_calls(subject: &EngineSubject) {
    let mut guest = Guest::with_host(subject, IMPORTS, answering());
    assert_eq!(guest.int("0", &[]), 100);
    *guest.host_mut() = TestHost::new(|_, _, _| Ok(Some(I32(5))));
    assert_eq!(guest.int("0", &[]), 5);
    assert_eq!(guest.host().asked().len(), 1, "the new host was asked");
}
