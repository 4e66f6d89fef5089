//! The stack guard: it stops recursion at the same place on every engine and before the engine's own
//! stack ends, and whatever way a function is left, it gives back what it took.

use igor_core::limits::Limits;
use igor_core::prepare::prepare;
use igor_core::trap::Trap;

use super::fixtures::FIXTURES;
use super::run::{Bits, Bounds, Compiled, ENGINES};
use super::{prepared, wat};

#[test]
fn every_exit_gives_back_what_the_entry_took() {
    let fixture = FIXTURES.iter().find(|fixture| fixture.name == "exits").unwrap();
    let module = prepared(fixture.text);
    for engine in ENGINES {
        let compiled = Compiled::new(engine, module.bytes());
        for (export, args, _) in fixture.calls {
            let outcome = compiled.call(Bounds::default(), export, args);
            if outcome.result.is_ok() {
                assert_eq!(outcome.slots, 65_536, "{engine:?} {export} {args:?}");
            }
        }
    }
}

/// A function that leaves by an exit of its own would soon use up the slots if it kept them.
#[test]
fn a_million_calls_in_a_row_do_not_use_up_the_slots() {
    let module = prepared(
        r#"(module
          (func $callee)
          (func $f (param i32) (result i32)
            (call $callee)
            (block $out (br_table $out 1 (i32.const 1) (local.get 0)))
            (return (i32.const 2)))
          (func (export "run") (param i32)
            (loop $again
              (drop (call $f (local.get 0)))
              (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))"#
            .replace(
                "(br_table $out 1 (i32.const 1) (local.get 0))",
                "(br_if $out (local.get 0)) (br 1 (i32.const 1))",
            )
            .as_str(),
    );
    for engine in ENGINES {
        let outcome = Compiled::new(engine, module.bytes()).call(
            Bounds::default(),
            "run",
            &[Bits::I32(1_000_000)],
        );
        assert_eq!((outcome.result, outcome.slots), (Ok(vec![]), 65_536), "{engine:?}");
    }
}

/// Recursion of several kinds: where it stops must not depend on the engine, nor be the engine's stack.
#[test]
fn runaway_recursion_stops_at_the_guard() {
    let locals = "i64 ".repeat(4_000);
    let uses: String = (0..4_000).map(|l| format!("(local.set {l} (i64.const {l}))")).collect();
    let sum: String = (1..4_000).map(|l| format!("local.get {l} i64.add ")).collect();
    let tall = format!(
        "{} call $f {}",
        "(i64.load (i32.const 0)) ".repeat(2_000),
        "i64.add ".repeat(1_999)
    );
    let modules = [
        ("direct", r#"(func $f (export "f") call $f)"#.to_owned()),
        ("mutual", r#"(func $f (export "f") call $g) (func $g call $f)"#.to_owned()),
        (
            "indirect",
            r#"(type $t (func)) (table funcref (elem $f))
               (func $f (export "f") (call_indirect (type $t) (i32.const 0)))"#
                .to_owned(),
        ),
        (
            "large frame",
            format!(
                r#"(func $f (export "f") (local {locals}) {uses} call $f
                (if (i64.eqz (local.get 0)) (then)) local.get 0 {sum} drop)"#
            ),
        ),
        ("tall operands", format!(r#"(memory 1) (func $f (export "f") {tall} drop)"#)),
        ("values kept for later", kept_for_later(1_000)),
        ("many values kept for later", kept_for_later(4_000)),
    ];
    for (name, fields) in modules {
        let module = prepared(&format!("(module {fields})"));
        let outcomes = ENGINES
            .map(|engine| Compiled::new(engine, module.bytes()).call(Bounds::default(), "f", &[]));
        assert_eq!(outcomes[0].result, Err(Trap::StackGuard), "{name}");
        assert_eq!(outcomes[0], outcomes[1], "{name}");
    }
}

/// Computes the same `count` values before and after a call of itself. A compiler that finds this out
/// keeps them all in the frame, although no local or operand holds them.
fn kept_for_later(count: u32) -> String {
    let values: String = (0..count)
        .map(|k| {
            let factor = 2 * k + 1_000_003;
            format!(
                "(local.set 1 (i64.xor (local.get 1) (i64.mul (local.get 0) (i64.const {factor}))))"
            )
        })
        .collect();
    format!(
        r#"(global $x (mut i64) (i64.const 3))
           (func $f (export "f") (local i64 i64) (local.set 0 (global.get $x))
             {values} (global.set $x (local.get 1)) (call $f) {values}
             (global.set $x (local.get 1)))"#
    )
}

#[test]
fn depth_follows_the_limit_and_the_weight_of_the_frame() {
    // Counts how deep it gets; a frame of 16 slots, or of 8 + 100 locals + height 2 + 5/32 operators.
    let text = |locals: &str| {
        format!(
            r#"(module (memory (export "memory") 1)
              (func $f (export "f") {locals}
                (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1)))
                call $f))"#
        )
    };
    let cases = [
        ("", 65_536, 4_096),
        ("", 160, 10),
        ("", 15, 0),
        ("(local i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)", 210, 10),
    ];
    for (locals, stack_slots_max, depth) in cases {
        let limits = Limits { stack_slots_max, ..Limits::default() };
        let module = prepare(&wat(&text(locals)), &limits).unwrap();
        for engine in ENGINES {
            let compiled = Compiled::new(engine, module.bytes());
            let outcome = compiled.call(Bounds::default(), "f", &[]);
            assert_eq!(outcome.result, Err(Trap::StackGuard), "{engine:?} {locals}");
            let mut memory = vec![0; 65_536];
            memory[..4].copy_from_slice(&u32::to_le_bytes(depth));
            let expected = igor_core::format::Hash::of(&memory);
            assert_eq!(outcome.memory, expected, "{engine:?} {locals} {stack_slots_max}");
        }
    }
}

#[test]
fn a_light_leaf_takes_nothing_and_a_heavy_one_does() {
    let leaf = |locals: usize| {
        let text = format!(r#"(module (func (export "f") (local {})))"#, "i32 ".repeat(locals));
        let limits = Limits { stack_slots_max: 16, ..Limits::default() };
        prepare(&wat(&text), &limits).unwrap()
    };
    for (locals, result) in [(0, Ok(vec![])), (56, Ok(vec![])), (57, Err(Trap::StackGuard))] {
        for engine in ENGINES {
            let compiled = Compiled::new(engine, leaf(locals).bytes());
            let outcome = compiled.call(Bounds::default(), "f", &[]);
            assert_eq!(outcome.result, result, "{engine:?} {locals} locals");
        }
    }
}
