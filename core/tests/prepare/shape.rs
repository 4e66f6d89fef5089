//! The prepared module as an object: its names, hashes, imports and exports, and that the same input
//! always gives the same bytes.

use igor_core::engine::ValueType;
use igor_core::format::Hash;
use igor_core::limits::Limits;
use igor_core::prepare::{
    Export, FunctionType, GAS_LEFT, Import, MEMORY, REFILL, SLOTS_LEFT, START, prepare,
};
use wasmparser::{ExternalKind, Parser, Payload, TypeRef};

use super::fixtures::FIXTURES;
use super::run::{Bits, Bounds, Compiled, ENGINES};
use super::{prepared, wat};

#[test]
fn the_same_module_and_limits_give_the_same_bytes() {
    for fixture in &FIXTURES {
        let original = wat(fixture.text);
        let first = prepare(&original, &Limits::default()).unwrap();
        let second = prepare(&original, &Limits::default()).unwrap();
        assert_eq!(first.bytes(), second.bytes(), "{}", fixture.name);
        assert_eq!(first.code_hash(), Hash::of(&original));
        assert_eq!(first.prepared_hash(), Hash::of(first.bytes()));
    }
}

#[test]
fn imports_and_exports_are_the_guests_own() {
    let module = prepared(
        r#"(module
          (import "igor" "clock_now" (func (result i64)))
          (import "wasi" "f" (func (param f32 f64 i32 i64)))
          (memory (export "memory") 1)
          (func (export "tick") (param i32) (result i64) (call 0))
          (func (export "refs") (param funcref)))"#,
    );
    let ty = |params: &[ValueType], results: &[ValueType]| FunctionType {
        params: params.to_vec(),
        results: results.to_vec(),
    };
    let (i32, i64, f32, f64) = (ValueType::I32, ValueType::I64, ValueType::F32, ValueType::F64);
    let import = |module: &str, name: &str, ty| Import {
        module: module.to_owned(),
        name: name.to_owned(),
        ty,
    };
    assert_eq!(
        module.imports(),
        [
            import("igor", "clock_now", ty(&[], &[i64])),
            import("wasi", "f", ty(&[f32, f64, i32, i64], &[]))
        ]
    );
    let export = |name: &str, ty| Export { name: name.to_owned(), ty };
    assert_eq!(
        module.exports(),
        [export("memory", None), export("tick", Some(ty(&[i32], &[i64]))), export("refs", None)]
    );
    assert_eq!(module.export("tick"), module.exports().get(1));
    assert_eq!(module.export("igor:gas"), None);
}

#[test]
fn what_is_injected_has_the_agreed_names() {
    let module = prepared(include_str!("start.wat"));
    assert!(module.has_start());
    let mut exports = Vec::new();
    let mut imports = Vec::new();
    for payload in Parser::new(0).parse_all(module.bytes()) {
        match payload.unwrap() {
            Payload::ImportSection(section) => {
                imports.extend(section.into_imports().map(|import| import.unwrap()));
            }
            Payload::ExportSection(section) => {
                exports.extend(section.into_iter().map(|export| export.unwrap()));
            }
            Payload::StartSection { .. } => panic!("the start section is still there"),
            _ => {}
        }
    }
    let last = imports.last().unwrap();
    assert_eq!((last.module, last.name), REFILL);
    assert!(matches!(last.ty, TypeRef::Func(_)));
    let kinds: Vec<_> = exports.iter().map(|export| (export.name, export.kind)).collect();
    assert_eq!(
        kinds,
        [
            ("memory", ExternalKind::Memory),
            ("read", ExternalKind::Func),
            (GAS_LEFT, ExternalKind::Global),
            (SLOTS_LEFT, ExternalKind::Global),
            (MEMORY, ExternalKind::Memory),
            (START, ExternalKind::Func),
        ]
    );
    assert!(!prepared("(module)").has_start());
}

#[test]
fn the_start_function_runs_when_called_and_not_before() {
    let module = prepared(include_str!("start.wat"));
    for engine in ENGINES {
        let compiled = Compiled::new(engine, module.bytes());
        let unstarted = compiled.call(Bounds::default(), "read", &[]);
        assert_eq!(unstarted.result, Ok(vec![Bits::I32(0)]), "{engine:?}");
        let outcomes = compiled.call_all(Bounds::default(), &[(START, &[]), ("read", &[])]);
        assert_eq!(outcomes[1].result, Ok(vec![Bits::I32(42)]), "{engine:?}");
    }
}

#[test]
fn an_imported_start_function_is_charged_like_any_call_of_an_import() {
    let module = prepared(r#"(module (import "igor" "f" (func $f)) (start $f))"#);
    for engine in ENGINES {
        let outcome = Compiled::new(engine, module.bytes()).call(Bounds::default(), START, &[]);
        assert_eq!(outcome.calls, [("f".to_owned(), vec![])], "{engine:?}");
        assert_eq!(outcome.gas, 2 + 1 + 100, "{engine:?}");
    }
}

#[test]
fn custom_sections_of_the_guest_are_dropped() {
    let text = r#"(module (@custom "secret" "payload") (@custom ".debug_info" "dwarf")
        (func $named (export "f")))"#;
    let module = prepared(text);
    for needle in [&b"payload"[..], b"dwarf", b"named"] {
        let found = module.bytes().windows(needle.len()).any(|bytes| bytes == needle);
        assert!(!found, "{}", String::from_utf8_lossy(needle));
    }
}

#[test]
fn numbers_in_padded_encoding_survive() {
    // `call_indirect` with its table index, and `call` with its function index, in five bytes.
    let module = wat(r#"(module (table funcref (elem $f)) (func $f)
           (func (export "f") (call_indirect (i32.const 0)) (call $f)))"#);
    let body = [0x41, 0x00, 0x11, 0x00, 0x00, 0x10, 0x00, 0x0b];
    let padded = [
        0x41, 0x00, 0x11, 0x80, 0x80, 0x80, 0x80, 0x00, 0x80, 0x80, 0x80, 0x80, 0x00, 0x10, 0x80,
        0x80, 0x80, 0x80, 0x00, 0x0b,
    ];
    let at = module.windows(body.len()).position(|bytes| bytes == body).unwrap();
    // Before the body: the section's size, the count, the first body, this body's size, its locals.
    let mut changed = module[..at].to_vec();
    let added = u8::try_from(padded.len() - body.len()).unwrap();
    changed[at - 2] += added;
    changed[at - 7] += added;
    changed.extend(padded);
    changed.extend(&module[at + body.len()..]);
    let prepared = prepare(&changed, &Limits::default()).unwrap();
    for engine in ENGINES {
        let outcome = Compiled::new(engine, prepared.bytes()).call(Bounds::default(), "f", &[]);
        assert_eq!((outcome.result, outcome.gas), (Ok(vec![]), 2 + 3 + 2 + 2), "{engine:?}");
    }
}
