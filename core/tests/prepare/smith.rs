//! Modules that wasm-smith makes up, of everything that guests may use: prepared, they do the same on both
//! engines, down to gas and memory, and what the original does where that can be told.

use igor_core::engine::ValueType;
use igor_core::limits::Limits;
use igor_core::prepare::{Export, prepare};
use igor_core::trap::Trap;
use wasm_smith::{Config, Module};

use super::run::{Bits, Bounds, Compiled, ENGINES, Engine};
use super::wat;

/// Modules that are made up in one run of the test.
const SEEDS: u64 = 120;
/// Gas for each call.
const GAS: u64 = 20_000;

fn config() -> Config {
    let imports = r#"(module
        (import "igor" "none" (func))
        (import "igor" "i32" (func (param i32) (result i32)))
        (import "igor" "mixed" (func (param f64 i64 f32) (result f64))))"#;
    Config {
        available_imports: Some(wat(imports)),
        export_everything: true,
        max_instructions: 300,
        max_memory32_bytes: 16 << 16,
        max_table_elements: 100,
        memory_max_size_required: true,
        table_max_size_required: true,
        min_funcs: 3,
        exceptions_enabled: false,
        extended_const_enabled: false,
        gc_enabled: false,
        compact_imports_enabled: false,
        memory64_enabled: false,
        // With them, nearly every module has an `externref` somewhere.
        reference_types_enabled: false,
        relaxed_simd_enabled: false,
        simd_enabled: false,
        tail_call_enabled: false,
        threads_enabled: false,
        wide_arithmetic_enabled: false,
        ..Config::default()
    }
}

fn bytes(seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    (0..512).flat_map(|_| next().to_le_bytes()).collect()
}

/// Arguments for an exported function: small numbers, and a NaN with a payload.
fn arguments(export: &Export) -> Option<Vec<Bits>> {
    let ty = export.ty.as_ref()?;
    let argument = |ty: &ValueType| match ty {
        ValueType::I32 => Bits::I32(3),
        ValueType::I64 => Bits::I64(5),
        ValueType::F32 => Bits::F32(0x7fc0_0123),
        ValueType::F64 => Bits::F64(0x3ff8_0000_0000_0000),
    };
    Some(ty.params.iter().map(argument).collect())
}

#[test]
fn made_up_modules_do_the_same_on_both_engines_and_unprepared() {
    let (mut accepted, mut calls, mut compared) = (0, 0, 0);
    for seed in 0..SEEDS {
        let entropy = bytes(seed);
        let mut entropy = arbitrary::Unstructured::new(&entropy);
        let Ok(module) = Module::new(config(), &mut entropy) else { continue };
        let original = module.to_bytes();
        let module = prepare(&original, &Limits::default()).unwrap();
        accepted += 1;
        let compiled = ENGINES.map(|engine| Compiled::new(engine, module.bytes()));
        // wasmi makes NaNs canonical by itself, so its results can be compared.
        let plain = (!module.has_start()).then(|| Compiled::new(Engine::Wasmi, &original));
        for export in module.exports() {
            let Some(args) = arguments(export) else { continue };
            let what = format!("seed {seed}, export {:?}", export.name);
            let [first, second] =
                compiled.each_ref().map(|c| c.call(Bounds::gas(GAS), &export.name, &args));
            assert_eq!(first, second, "{what}");
            calls += 1;
            let stopped = matches!(first.result, Err(Trap::OutOfGas | Trap::StackGuard));
            if let (Some(plain), false) = (&plain, stopped) {
                let outcome = plain.call(Bounds::default(), &export.name, &args);
                assert_eq!((first.result, first.calls), (outcome.result, outcome.calls), "{what}");
                compared += 1;
            }
        }
    }
    assert!(accepted > 30 && calls > 100 && compared > 50, "{accepted} {calls} {compared}");
}
