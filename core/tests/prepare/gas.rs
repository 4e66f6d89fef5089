//! Gas: golden figures, and that limits and slices change nothing but where a call stops.

use igor_core::trap::Trap;

use super::fixtures::FIXTURES;
use super::prepared;
use super::run::{Bits, Bounds, Compiled, ENGINES};

#[test]
fn every_fixture_costs_what_it_did_in_the_first_version() {
    let mut wrong = Vec::new();
    for fixture in &FIXTURES {
        let module = prepared(fixture.text);
        for engine in ENGINES {
            let compiled = Compiled::new(engine, module.bytes());
            for (export, args, gas) in fixture.calls {
                let outcome = compiled.call(Bounds::default(), export, args);
                if outcome.gas != *gas {
                    let name = fixture.name;
                    wrong.push(format!("{engine:?} {name} {export} {args:?}: {}", outcome.gas));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Entering a function of up to 16 slots costs 2.
#[test]
fn figures_worked_out_by_hand() {
    let cases: [(&str, &str, &[Bits], u64); 9] = [
        // 2 local.get, 2 const, mul and add.
        ("arithmetic", "straight", &[Bits::I32(5)], 2 + 5),
        // Per turn: get get add set, get const sub tee, br_if; then one get.
        ("arithmetic", "sum", &[Bits::I32(10)], 2 + 10 * 9 + 1),
        // The untaken branch runs into the multiplication; what follows `br` is dead.
        ("arithmetic", "early", &[Bits::I32(3)], 2 + 3 + 5 + 1),
        ("arithmetic", "early", &[Bits::I32(0)], 2 + 3 + 1),
        ("arithmetic", "nothing", &[], 2),
        // const, call second; 2 const, call first; 100 per import.
        ("calls", "direct", &[], 2 + 5 + 200),
        // 3 operands and call_indirect; the trampoline: entry, 2 operands, call, import.
        ("calls", "indirect", &[Bits::I32(0)], 2 + 4 + 2 + 3 + 100),
        // 3 operands, the operator 20, an eighth per byte.
        ("memory", "fill", &[Bits::I32(0), Bits::I32(80)], 2 + 3 + 20 + 10),
        // One operand, the operator 10,000, 1,024 per page.
        ("memory", "grow", &[Bits::I32(2)], 2 + 1 + 10_000 + 2 * 1024),
    ];
    for (name, export, args, gas) in cases {
        let fixture = FIXTURES.iter().find(|fixture| fixture.name == name).unwrap();
        let module = prepared(fixture.text);
        for engine in ENGINES {
            let outcome =
                Compiled::new(engine, module.bytes()).call(Bounds::default(), export, args);
            assert_eq!(outcome.gas, gas, "{engine:?} {name} {export} {args:?}");
        }
    }
}

/// At each of the first 200 limits, both engines stop at the same place with the same memory; a limit
/// that covers the call changes nothing, and one that does not is exceeded.
#[test]
fn exhaustion_is_the_same_at_every_limit() {
    for fixture in &FIXTURES {
        let module = prepared(fixture.text);
        let compiled = ENGINES.map(|engine| Compiled::new(engine, module.bytes()));
        for (export, args, _) in fixture.calls {
            let free = compiled[0].call(Bounds::default(), export, args);
            for limit in 0..200 {
                let outcomes =
                    [0, 1].map(|i: usize| compiled[i].call(Bounds::gas(limit), export, args));
                let what = format!("{} {export} {args:?} limit {limit}", fixture.name);
                assert_eq!(outcomes[0], outcomes[1], "{what}");
                let outcome = &outcomes[0];
                if limit >= free.gas {
                    assert_eq!(*outcome, free, "{what}");
                } else if outcome.result != free.result || free.result.is_ok() {
                    assert_eq!(outcome.result, Err(Trap::OutOfGas), "{what}");
                    assert!(outcome.gas > limit && outcome.gas <= free.gas, "{what}: {outcome:?}");
                }
            }
        }
    }
}

#[test]
fn slices_change_neither_totals_nor_trap_points() {
    for fixture in &FIXTURES {
        let module = prepared(fixture.text);
        for engine in ENGINES {
            let compiled = Compiled::new(engine, module.bytes());
            for (export, args, _) in fixture.calls {
                for gas in [0, 10, 100, 1_000_000_000_000] {
                    let reference = compiled.call(Bounds::gas(gas), export, args);
                    for slice in [1, 7, 100] {
                        let outcome = compiled.call(Bounds { gas, slice }, export, args);
                        let name = fixture.name;
                        let what = format!("{engine:?} {name} {export} {args:?} {gas} {slice}");
                        assert_eq!(outcome, reference, "{what}");
                    }
                }
            }
        }
    }
}
