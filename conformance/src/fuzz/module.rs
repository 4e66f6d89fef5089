//! Modules made up from bytes, by wasm-smith: of what guests may use, but for instructions on
//! references, and importing hostcalls of igor's and of WASI's. They are valid but no agents, and what
//! they compute means nothing.

use arbitrary::Unstructured;
use igor_core::Limits;
use igor_core::engine::ValueType;
use igor_core::prepare::FunctionType;
use igor_node::abi::WASI;
use igor_node::{Hostcall, WasiCall};
use wasm_smith::{Config, Module};

/// Pages of memory that a module may have, which bounds what is hashed after each call.
const PAGES_MAX: u32 = 4;
/// Imports that a module may have.
const IMPORTS: usize = 8;

/// The module that grows from `entropy`; none if that does not do for one.
pub fn made_up(entropy: &[u8]) -> Option<Vec<u8>> {
    let (choice, rest) = entropy.split_first_chunk::<IMPORTS>()?;
    let config = Config { available_imports: Some(importing(choice)), ..config() };
    let module = Module::new(config, &mut Unstructured::new(rest)).ok()?;
    Some(module.to_bytes())
}

/// The limits under which such modules are prepared.
pub fn limits() -> Limits {
    Limits { memory_pages_max: u64::from(PAGES_MAX), table_elements_max: 100, ..Limits::default() }
}

/// What wasm-smith may use.
fn config() -> Config {
    Config {
        export_everything: true,
        max_data_segments: 10,
        max_element_segments: 10,
        max_funcs: 16,
        max_instructions: 200,
        max_memory32_bytes: u64::from(PAGES_MAX) << 16,
        max_table_elements: 100,
        min_funcs: 3,
        // With them, nearly every module has an `externref` somewhere, which guests may not.
        reference_types_enabled: false,
        compact_imports_enabled: false,
        exceptions_enabled: false,
        extended_const_enabled: false,
        gc_enabled: false,
        memory64_enabled: false,
        relaxed_simd_enabled: false,
        simd_enabled: false,
        tail_call_enabled: false,
        threads_enabled: false,
        wide_arithmetic_enabled: false,
        ..Config::default()
    }
}

/// A module that imports what `choice` picks: igor's hostcalls and WASI's alternate. wasm-smith takes
/// over about every other one.
fn importing(choice: &[u8; IMPORTS]) -> Vec<u8> {
    let igor = Hostcall::ALL.map(|call| import("igor", call.name(), &call.signature()));
    let wasi = WasiCall::ALL.iter().map(|call| import(WASI, call.name(), &call.signature()));
    let wasi: Vec<String> = wasi.collect();
    let picked = choice.iter().enumerate().map(|(index, byte)| {
        let from = if index % 2 == 0 { &igor[..] } else { &wasi[..] };
        from[usize::from(*byte) % from.len()].as_str()
    });
    let text = format!("(module {})", picked.collect::<String>());
    wat::parse_str(text).expect("hostcalls can be imported")
}

fn import(module: &str, name: &str, ty: &FunctionType) -> String {
    let (params, results) = (types("param", &ty.params), types("result", &ty.results));
    format!("(import \"{module}\" \"{name}\" (func {params} {results}))")
}

fn types(word: &str, types: &[ValueType]) -> String {
    let of_type = |ty: &ValueType| match ty {
        ValueType::I32 => " i32",
        ValueType::I64 => " i64",
        ValueType::F32 => " f32",
        ValueType::F64 => " f64",
    };
    format!("({word}{})", types.iter().map(of_type).collect::<String>())
}
