//! Canonical NaNs: whatever a guest can observe of an arithmetic result is the same on every machine,
//! and what is only moved keeps its bits. A raw run of the unprepared module shows that the tests would
//! notice if the pass did nothing.

use super::run::{Bits, Bounds, Compiled, ENGINES, Engine};
use super::{prepared, wat};

/// Quiet and signalling, both signs, with and without payload; the first is canonical.
const F32: [u32; 9] = [
    0x7fc0_0000,
    0xffc0_0000,
    0x7fc0_0001,
    0xffc1_2345,
    0x7fff_ffff,
    0x7f80_0001,
    0xff80_0001,
    0x7fbf_ffff,
    0xffba_dbad,
];
const F64: [u64; 9] = [
    0x7ff8_0000_0000_0000,
    0xfff8_0000_0000_0000,
    0x7ff8_0000_0000_0001,
    0xfff8_1234_5678_9abc,
    0x7fff_ffff_ffff_ffff,
    0x7ff0_0000_0000_0001,
    0xfff0_0000_0000_0001,
    0x7ff7_ffff_ffff_ffff,
    0xfff4_badb_adba_dbad,
];

const UNARY: [&str; 5] = ["sqrt", "ceil", "floor", "trunc", "nearest"];
const BINARY: [&str; 6] = ["add", "sub", "mul", "div", "min", "max"];

/// The 24 operators, each as an export `name` from one or two i64 or i32 bit patterns to one.
fn operators() -> String {
    let mut text = String::from("(module\n");
    for (ty, int) in [("f32", "i32"), ("f64", "i64")] {
        for op in UNARY {
            text += &format!(
                "(func (export \"{ty}.{op}\") (param {int}) (result {int})
                   ({int}.reinterpret_{ty} ({ty}.{op} ({ty}.reinterpret_{int} (local.get 0)))))\n"
            );
        }
        for op in BINARY {
            for (export, left, right) in [
                (
                    "nan_left",
                    format!("({ty}.reinterpret_{int} (local.get 0))"),
                    format!("({ty}.const 1.5)"),
                ),
                (
                    "nan_right",
                    format!("({ty}.const 1.5)"),
                    format!("({ty}.reinterpret_{int} (local.get 0))"),
                ),
                (
                    "nan_both",
                    format!("({ty}.reinterpret_{int} (local.get 0))"),
                    format!("({ty}.reinterpret_{int} (local.get 0))"),
                ),
            ] {
                text += &format!(
                    "(func (export \"{ty}.{op}.{export}\") (param {int}) (result {int})
                       ({int}.reinterpret_{ty} ({ty}.{op} {left} {right})))\n"
                );
            }
        }
    }
    text += "(func (export \"promote\") (param i32) (result i64)
        (i64.reinterpret_f64 (f64.promote_f32 (f32.reinterpret_i32 (local.get 0)))))
      (func (export \"demote\") (param i64) (result i32)
        (i32.reinterpret_f32 (f32.demote_f64 (f64.reinterpret_i64 (local.get 0))))))";
    text
}

/// Every export with every NaN it takes.
fn cases() -> Vec<(String, Bits)> {
    let mut cases = Vec::new();
    for op in UNARY {
        cases.extend(F32.map(|nan| (format!("f32.{op}"), Bits::I32(nan))));
        cases.extend(F64.map(|nan| (format!("f64.{op}"), Bits::I64(nan))));
    }
    for op in BINARY {
        for side in ["nan_left", "nan_right", "nan_both"] {
            cases.extend(F32.map(|nan| (format!("f32.{op}.{side}"), Bits::I32(nan))));
            cases.extend(F64.map(|nan| (format!("f64.{op}.{side}"), Bits::I64(nan))));
        }
    }
    cases.extend(F32.map(|nan| ("promote".to_owned(), Bits::I32(nan))));
    cases.extend(F64.map(|nan| ("demote".to_owned(), Bits::I64(nan))));
    cases
}

fn is_canonical(bits: Bits) -> bool {
    matches!(
        bits,
        Bits::I32(0x7fc0_0000)
            | Bits::F32(0x7fc0_0000)
            | Bits::I64(0x7ff8_0000_0000_0000)
            | Bits::F64(0x7ff8_0000_0000_0000)
    )
}

#[test]
fn every_arithmetic_result_is_the_canonical_nan() {
    let module = prepared(&operators());
    for engine in ENGINES {
        let compiled = Compiled::new(engine, module.bytes());
        for (export, nan) in cases() {
            let outcome = compiled.call(Bounds::default(), &export, &[nan]);
            let result = outcome.result.unwrap();
            assert!(is_canonical(result[0]), "{engine:?} {export} {nan:x?}: {result:x?}");
        }
    }
}

#[test]
fn without_preparation_the_results_are_not_canonical() {
    let compiled = Compiled::new(Engine::Wasmtime, &wat(&operators()));
    let odd = cases().into_iter().filter(|(export, nan)| {
        let outcome = compiled.call(Bounds::default(), export, &[*nan]);
        !is_canonical(outcome.result.unwrap()[0])
    });
    assert!(odd.count() > 100, "the engine makes NaNs canonical by itself, so nothing is tested");
}

/// NaNs that no NaN went into.
#[test]
fn fresh_nans_are_canonical() {
    let text = r#"(module
      (func (export "0/0") (result f64) (f64.div (f64.const 0) (f64.const 0)))
      (func (export "inf-inf") (result f64) (f64.sub (f64.const inf) (f64.const inf)))
      (func (export "0*inf") (result f32) (f32.mul (f32.const 0) (f32.const inf)))
      (func (export "sqrt -1") (result f64) (f64.sqrt (f64.const -1)))
      (func (export "-(0/0)") (result f64) (f64.neg (f64.div (f64.const 0) (f64.const 0)))))"#;
    let module = prepared(text);
    for engine in ENGINES {
        let compiled = Compiled::new(engine, module.bytes());
        for (export, bits) in [
            ("0/0", Bits::F64(0x7ff8_0000_0000_0000)),
            ("inf-inf", Bits::F64(0x7ff8_0000_0000_0000)),
            ("0*inf", Bits::F32(0x7fc0_0000)),
            ("sqrt -1", Bits::F64(0x7ff8_0000_0000_0000)),
            ("-(0/0)", Bits::F64(0xfff8_0000_0000_0000)),
        ] {
            let outcome = compiled.call(Bounds::default(), export, &[]);
            assert_eq!(outcome.result, Ok(vec![bits]), "{engine:?} {export}");
        }
    }
}

/// Loads, stores, parameters, results, locals, globals, select, blocks and calls only move a value.
#[test]
fn moved_values_keep_their_bits() {
    let text = r#"(module
      (memory 1)
      (global $g (mut f64) (f64.const 0))
      (func $id (param f64) (result f64) (local.get 0))
      (func (export "param") (param f64) (result f64) (local.get 0))
      (func (export "local") (param f64) (result f64) (local f64)
        (local.set 1 (local.get 0)) (local.get 1))
      (func (export "tee") (param f64) (result f64) (local f64) (local.tee 1 (local.get 0)))
      (func (export "memory") (param f64) (result f64)
        (f64.store (i32.const 8) (local.get 0)) (f64.load (i32.const 8)))
      (func (export "global") (param f64) (result f64)
        (global.set $g (local.get 0)) (global.get $g))
      (func (export "select") (param f64) (result f64)
        (select (local.get 0) (f64.const 1) (i32.const 1)))
      (func (export "block") (param f64) (result f64)
        (block (result f64) (br 0 (local.get 0))))
      (func (export "if") (param f64) (result f64)
        (if (result f64) (i32.const 0) (then (f64.const 1)) (else (local.get 0))))
      (func (export "call") (param f64) (result f64) (call $id (local.get 0)))
      (func (export "reinterpret") (param f64) (result f64)
        (f64.reinterpret_i64 (i64.reinterpret_f64 (local.get 0))))
      ;; A local that is also given an arithmetic result.
      (func (export "mixed local") (param f64) (result f64) (local f64)
        (local.set 1 (f64.add (f64.const 1) (f64.const 2)))
        (if (i32.const 1) (then (local.set 1 (local.get 0))))
        (local.get 1))
      ;; A parameter that is also given an arithmetic result.
      (func (export "mixed param") (param f64) (result f64)
        (if (i32.const 0) (then (local.set 0 (f64.add (f64.const 1) (f64.const 2)))))
        (local.get 0))
      ;; Copies from a mixed local to another one.
      (func (export "copied local") (param f64) (result f64) (local f64 f64)
        (local.set 2 (f64.add (f64.const 1) (f64.const 2)))
        (local.set 1 (local.get 0))
        (local.set 2 (local.get 1))
        (local.get 2)))"#;
    let module = prepared(text);
    for engine in ENGINES {
        let compiled = Compiled::new(engine, module.bytes());
        for export in module.exports() {
            for nan in F64 {
                let outcome = compiled.call(Bounds::default(), &export.name, &[Bits::F64(nan)]);
                assert_eq!(outcome.result, Ok(vec![Bits::F64(nan)]), "{engine:?} {}", export.name);
            }
        }
    }
}

#[test]
fn sign_operators_change_the_sign_only() {
    let text = r#"(module
      (func (export "neg") (param f64) (result f64) (f64.neg (local.get 0)))
      (func (export "abs") (param f64) (result f64) (f64.abs (local.get 0)))
      (func (export "copysign") (param f64) (result f64) (f64.copysign (local.get 0) (f64.const -1)))
      (func (export "sign of") (param f64) (result f64) (f64.copysign (f64.const 2) (local.get 0))))"#;
    let module = prepared(text);
    let sign = 1 << 63;
    for engine in ENGINES {
        let compiled = Compiled::new(engine, module.bytes());
        for nan in F64 {
            let signed_two = 2f64.to_bits() | (nan & sign);
            for (export, bits) in [
                ("neg", nan ^ sign),
                ("abs", nan & !sign),
                ("copysign", nan | sign),
                ("sign of", signed_two),
            ] {
                let outcome = compiled.call(Bounds::default(), export, &[Bits::F64(nan)]);
                assert_eq!(
                    outcome.result,
                    Ok(vec![Bits::F64(bits)]),
                    "{engine:?} {export} {nan:x}"
                );
            }
        }
    }
}

/// Ways in which the bits of an arithmetic result can be seen. `$nan` stands for a sum that the engines
/// would pass a payload through.
const OBSERVERS: [(&str, &str); 29] = [
    ("result", "(local.get $a) $nan return"),
    ("store", "(f64.store (i32.const 0) $nan) (f64.load (i32.const 0))"),
    ("reinterpret", "(f64.reinterpret_i64 (i64.reinterpret_f64 $nan))"),
    ("call", "(call $id $nan)"),
    ("call_indirect", "(call_indirect (param f64) (result f64) $nan (i32.const 0))"),
    ("global", "(global.set $g $nan) (global.get $g)"),
    ("block", "(block (result f64) $nan)"),
    ("block param", "$nan (block (param f64) (result f64))"),
    ("br", "(block (result f64) (br 0 $nan))"),
    ("br_if", "(block (result f64) (br_if 0 $nan (i32.const 1)))"),
    ("br_if not taken", "(block (result f64) (br_if 0 $nan (i32.const 0)))"),
    ("br_table", "(block (result f64) (br_table 0 0 $nan (i32.const 1)))"),
    ("loop", "(loop (result f64) $nan)"),
    ("if", "(if (result f64) (i32.const 1) (then $nan) (else (f64.const 0)))"),
    ("else", "(if (result f64) (i32.const 0) (then (f64.const 0)) (else $nan))"),
    ("under a block", "$nan (block (nop)) (loop (nop))"),
    ("under dead code", "$nan (block (br 0) (f64.add) (drop))"),
    ("select", "(select $nan (f64.const 0) (i32.const 1))"),
    ("typed select", "(select (result f64) (f64.const 0) $nan (i32.const 0))"),
    ("selected local", "(local.set $l $nan) (select (local.get $l) (local.get $a) (i32.const 1))"),
    ("local", "(local.set $l $nan) (local.get $l)"),
    ("tee", "(local.tee $l $nan)"),
    ("tee, then local", "(drop (local.tee $l $nan)) (local.get $l)"),
    ("param", "(local.set $a $nan) (local.get $a)"),
    ("copied local", "(local.set $l $nan) (local.set $m (local.get $l)) (local.get $m)"),
    ("copied to a param", "(local.set $l $nan) (local.set $a (local.get $l)) (local.get $a)"),
    (
        "copied to a mixed local",
        "(local.set $l $nan) (local.set $m (local.get $a)) (local.set $m (local.get $l)) (local.get $m)",
    ),
    (
        "accumulator",
        "(loop (local.set $l (f64.add (local.get $l) (local.get $a))) \
         (br_if 0 (local.tee $n (i32.eqz (local.get $n))))) (local.get $l)",
    ),
    ("two operators", "(f64.sqrt (f64.mul (local.get $a) (f64.const 2)))"),
];

#[test]
fn every_observer_sees_a_canonical_nan() {
    for (name, body) in OBSERVERS {
        let body = body.replace("$nan", "(f64.add (local.get $a) (f64.const 1))");
        let text = format!(
            r#"(module (memory 1) (table funcref (elem $id)) (global $g (mut f64) (f64.const 0))
              (func $id (param f64) (result f64) (local.get 0))
              (func (export "f") (param $a f64) (result f64) (local $l f64) (local $m f64) (local $n i32)
                {body}))"#
        );
        let payload = Bits::F64(0x7ff8_0000_0000_0123);
        let raw =
            Compiled::new(Engine::Wasmtime, &wat(&text)).call(Bounds::default(), "f", &[payload]);
        assert_eq!(
            raw.result,
            Ok(vec![payload]),
            "{name}: unprepared, the payload should get through"
        );
        let module = prepared(&text);
        for engine in ENGINES {
            let outcome =
                Compiled::new(engine, module.bytes()).call(Bounds::default(), "f", &[payload]);
            let expected = Ok(vec![Bits::F64(0x7ff8_0000_0000_0000)]);
            assert_eq!(outcome.result, expected, "{engine:?} {name}");
        }
    }
}

#[test]
fn sign_operators_see_a_canonical_nan() {
    for (name, body, bits) in [
        ("neg", "(f64.neg (f64.add (local.get 0) (f64.const 1)))", 0xfff8_0000_0000_0000),
        ("abs", "(f64.abs (f64.neg (f64.add (local.get 0) (f64.const 1))))", 0x7ff8_0000_0000_0000),
        (
            "neg in a local",
            "(local.set 1 (f64.neg (f64.add (local.get 0) (f64.const 1)))) (local.get 1)",
            0xfff8_0000_0000_0000,
        ),
        (
            "sign",
            "(f64.copysign (f64.const 2) (f64.add (local.get 0) (f64.const 1)))",
            0x4000_0000_0000_0000,
        ),
    ] {
        let text =
            format!(r#"(module (func (export "f") (param f64) (result f64) (local f64) {body}))"#);
        let module = prepared(&text);
        for engine in ENGINES {
            let compiled = Compiled::new(engine, module.bytes());
            let outcome =
                compiled.call(Bounds::default(), "f", &[Bits::F64(0xfff8_0000_0000_0123)]);
            assert_eq!(outcome.result, Ok(vec![Bits::F64(bits)]), "{engine:?} {name}");
        }
    }
}

/// What only arithmetic and comparisons see is left alone: the body has no more operators than what
/// gas needs.
#[test]
fn unobserved_results_are_not_made_canonical() {
    let text = |body: &str| {
        format!(r#"(module (func (export "f") (param f64) (result i32) (local f64) {body}))"#)
    };
    let observed =
        prepared(&text("(i64.eqz (i64.reinterpret_f64 (f64.add (local.get 0) (local.get 0))))"));
    assert!(has_canonicalisation(observed.bytes()));
    for body in [
        "(f64.lt (f64.add (local.get 0) (local.get 0)) (f64.sqrt (local.get 0)))",
        "(i32.trunc_f64_s (f64.mul (f64.add (local.get 0) (local.get 0)) (local.get 0)))",
        "(i32.trunc_sat_f64_u (f64.floor (local.get 0)))",
        "(drop (f64.add (local.get 0) (local.get 0))) (i32.const 1)",
        "(local.set 1 (f64.add (local.get 0) (local.get 0))) (f64.eq (local.get 1) (local.get 0))",
        "(f64.eq (f64.abs (f64.sub (local.get 0) (f64.const 1))) (f64.const 0))",
    ] {
        assert!(!has_canonicalisation(prepared(&text(body)).bytes()), "{body}");
    }
}

/// Whether the constant that replaces NaNs occurs.
fn has_canonicalisation(module: &[u8]) -> bool {
    module.windows(9).any(|bytes| bytes == [0x44, 0, 0, 0, 0, 0, 0, 0xf8, 0x7f])
}
