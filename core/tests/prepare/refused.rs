//! What preparation refuses, and what it says then.

use igor_core::limits::Limits;
use igor_core::prepare::{PrepareError, prepare};

use super::wat;

fn refusal(module: &[u8]) -> PrepareError {
    prepare(module, &Limits::default()).expect_err("the module is refused")
}

#[test]
fn bytes_that_are_no_module_are_invalid() {
    let valid = wat("(module (func (export \"f\") (i32.const 1) drop))");
    let mut component = valid.clone();
    component[4..8].copy_from_slice(&[0x0d, 0, 1, 0]);
    let cases: [(&str, &[u8]); 5] = [
        ("empty", b""),
        ("text", b"(module)"),
        ("header only in part", &valid[..6]),
        ("component", &component),
        ("cut", &valid[..valid.len() - 3]),
    ];
    for (name, module) in cases {
        let error = refusal(module);
        assert!(matches!(error, PrepareError::Invalid { .. }), "{name}: {error}");
        assert!(error.to_string().contains("at byte"), "{name}: {error}");
    }
}

#[test]
fn every_prefix_of_a_module_is_refused_without_a_panic() {
    let module = wat(super::fixtures::FIXTURES[3].text);
    for end in 0..module.len() {
        // A cut between sections can leave a valid, smaller module; it must then stay valid.
        if let Ok(prepared) = prepare(&module[..end], &Limits::default()) {
            assert!(prepare(prepared.bytes(), &Limits::default()).is_err(), "cut at {end}");
        }
    }
}

#[test]
fn every_changed_byte_is_refused_or_prepared_without_a_panic() {
    for fixture in &super::fixtures::FIXTURES {
        let module = wat(fixture.text);
        for at in 0..module.len() {
            for change in [0x01, 0x80, 0xff] {
                let mut changed = module.clone();
                changed[at] ^= change;
                // In a debug build a module that preparation damages fails its own assertion.
                let _ = prepare(&changed, &Limits::default());
            }
        }
    }
}

#[test]
fn features_that_are_not_offered_are_invalid() {
    let cases = [
        ("type mismatch", "(func (result i32) (i64.const 1))"),
        ("simd", "(func (drop (v128.const i64x2 0 0)))"),
        ("threads", "(memory 1 1 shared)"),
        ("atomics", "(memory 1) (func (drop (i32.atomic.load (i32.const 0))))"),
        ("memory64", "(memory i64 1)"),
        ("tail call", "(func $f (return_call $f))"),
        ("exceptions", "(tag)"),
        ("externref", "(table 1 externref)"),
        ("externref parameter", "(func (param externref))"),
        ("garbage collection", "(type (struct))"),
        ("typed references", "(type $t (func)) (func (param (ref $t)))"),
        ("extended constants", "(global i32 (i32.add (i32.const 1) (i32.const 2)))"),
        (
            "wide arithmetic",
            "(func (i64.add128 (i64.const 0) (i64.const 0) (i64.const 0) (i64.const 0)) drop drop)",
        ),
        ("custom page size", "(memory 1 (pagesize 1))"),
    ];
    for (name, fields) in cases {
        let error = refusal(&wat(&format!("(module {fields})")));
        assert!(matches!(error, PrepareError::Invalid { .. }), "{name}: {error}");
    }
}

#[test]
fn imports_other_than_plain_functions_are_named() {
    let cases = [
        (r#"(import "env" "memory" (memory 1))"#, "imports the memory env.memory"),
        (r#"(import "env" "table" (table 1 funcref))"#, "imports the table env.table"),
        (r#"(import "env" "g" (global i32))"#, "imports the global env.g"),
        (r#"(import "igor" "f" (func (param funcref)))"#, "imports the function igor.f"),
        (r#"(import "igor" "f" (func (result funcref)))"#, "imports the function igor.f"),
        (r#"(import "igor" "f" (func (result i32 i32)))"#, "imports the function igor.f"),
    ];
    for (fields, expected) in cases {
        let error = refusal(&wat(&format!("(module {fields})")));
        assert!(matches!(error, PrepareError::Unsupported { .. }), "{error}");
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[test]
fn reserved_names_are_refused_on_both_sides() {
    let cases = [
        (r#"(import "igor:gas" "refill" (func (param i64) (result i64)))"#, "igor:gas"),
        (r#"(import "igor:anything" "f" (func))"#, "igor:anything"),
        (r#"(import "env" "igor:f" (func))"#, "igor:f"),
        (r#"(func (export "igor:gas"))"#, "igor:gas"),
        (r#"(memory (export "igor:memory") 1)"#, "igor:memory"),
        (r#"(global (export "igor:stack") i32 (i32.const 0))"#, "igor:stack"),
        (r#"(table (export "igor:") 1 funcref)"#, "igor:"),
    ];
    for (fields, name) in cases {
        let error = refusal(&wat(&format!("(module {fields})")));
        assert_eq!(error, PrepareError::Reserved { name: name.to_owned() });
    }
    let allowed =
        r#"(module (import "igor" "f" (func)) (func (export "igor")) (func (export "xigor:")))"#;
    assert!(prepare(&wat(allowed), &Limits::default()).is_ok());
}

#[test]
fn a_prepared_module_is_refused() {
    for fixture in &super::fixtures::FIXTURES {
        let prepared = super::prepared(fixture.text);
        let error = refusal(prepared.bytes());
        assert!(matches!(error, PrepareError::Reserved { .. }), "{}: {error}", fixture.name);
    }
}
