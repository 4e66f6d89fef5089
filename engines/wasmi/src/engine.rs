//! The engine: wasmi configured to compute what every other engine computes. It translates a module
//! to its bytecode at once; it sets no limit that preparation has not already enforced.

use std::sync::Arc;

use igor_core::PreparedModule;
use igor_core::engine::{Engine, EngineError, Module};
use wasmi::{CompilationMode, Config};

use crate::module::WasmiModule;

/// What a thread that calls must have. The interpreter keeps guest frames on the heap, but its handlers
/// of `memory.grow` and `table.grow` do not end in a tail call: each growth keeps up to 200 bytes until
/// the guest call ends, and the gas of one call pays for at most 100,000 growths. The rest is for the
/// interpreter itself and the host functions above it.
const NATIVE_STACK_BYTES: usize = 32 << 20;

/// Bytes of the interpreter's value stack. The stack guard stops a guest at 65,536 slots; this leaves
/// 256 bytes for each, so that the guard is always first.
const VALUE_STACK_BYTES: usize = 16 << 20;

/// Guest frames on the interpreter's call stack. The stack guard charges a frame 16 slots, except a
/// leaf, of which there is one at a time; this leaves sixteen times as many.
const FRAMES_MAX: usize = 65_536;

/// The engine over wasmi.
#[derive(Debug, Clone, Copy)]
pub struct WasmiEngine;

impl Engine for WasmiEngine {
    fn native_stack_bytes(&self) -> usize {
        NATIVE_STACK_BYTES
    }

    fn compile(&self, module: &PreparedModule) -> Result<Arc<dyn Module>, EngineError> {
        // wasmi frees translated code with its engine, not with the module; one engine each means
        // that dropping the module frees all of it.
        let engine = wasmi::Engine::new(&settings());
        let compiled = wasmi::Module::new(&engine, module.bytes())
            .map_err(|error| EngineError(error.to_string()))?;
        Ok(Arc::new(WasmiModule::new(compiled, module)))
    }
}

fn settings() -> Config {
    let mut settings = Config::default();
    settings
        .compilation_mode(CompilationMode::Eager)
        .allow_start_fn(false)
        .set_max_recursion_depth(FRAMES_MAX)
        .set_max_stack_height(VALUE_STACK_BYTES)
        .wasm_custom_page_sizes(false)
        .wasm_extended_const(false)
        .wasm_multi_memory(false)
        .wasm_tail_call(false)
        .wasm_wide_arithmetic(false);
    settings
}
