//! The engine: wasmtime configured to compute what every other engine computes. It compiles, or loads
//! what it compiled earlier; it sets no limit that preparation has not already enforced.

use std::path::Path;
use std::sync::Arc;

use igor_core::PreparedModule;
use igor_core::engine::{Engine, EngineError, Module};
use wasmtime::{Config, WasmFeatures};

use crate::cache::{CodeCache, EntryKey};
use crate::config::WasmtimeConfig;
use crate::error::CacheError;
use crate::module::WasmtimeModule;

/// What guest code may use of the native stack. The stack guard stops a guest at 65,536 slots, which
/// take 16 bytes each at most; this leaves eight times as much, so that the guard is always first.
const WASM_STACK_BYTES: usize = 8 << 20;

/// What a thread that calls must have: the guest's part, and as much again for the host functions
/// that run above it.
const NATIVE_STACK_BYTES: usize = 16 << 20;

/// What guests may use of WebAssembly, beyond its first version.
const FEATURES: WasmFeatures = WasmFeatures::MUTABLE_GLOBAL
    .union(WasmFeatures::SATURATING_FLOAT_TO_INT)
    .union(WasmFeatures::SIGN_EXTENSION)
    .union(WasmFeatures::REFERENCE_TYPES)
    .union(WasmFeatures::MULTI_VALUE)
    .union(WasmFeatures::BULK_MEMORY)
    .union(WasmFeatures::FLOATS);

/// The engine over wasmtime.
pub struct WasmtimeEngine {
    engine: wasmtime::Engine,
    cache: Option<CodeCache>,
}

/// Where a module's code came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    Cache,
    Compiler,
}

impl WasmtimeEngine {
    /// An engine whose code cache, if it has one, lies below `data_dir`. Creates no file.
    ///
    /// # Errors
    /// When wasmtime does not support this machine or these settings.
    pub fn new(config: &WasmtimeConfig, data_dir: &Path) -> Result<Self, EngineError> {
        let engine =
            wasmtime::Engine::new(&settings(config)).map_err(|error| engine_error(&error))?;
        let cache = config.cache.then(|| CodeCache::new(data_dir, config.cache_bytes_max));
        Ok(Self { engine, cache })
    }

    fn obtain(&self, prepared: &PreparedModule) -> Result<(wasmtime::Module, Origin), EngineError> {
        let Some(cache) = &self.cache else {
            return Ok((self.compile_anew(prepared)?, Origin::Compiler));
        };
        let key = EntryKey::new(prepared.prepared_hash(), &self.engine);
        let code = cache.load(&key).unwrap_or_else(|error| {
            report(&error);
            None
        });
        if let Some(module) = code.and_then(|code| self.load(&code)) {
            return Ok((module, Origin::Cache));
        }
        let module = self.compile_anew(prepared)?;
        match module.serialize() {
            Ok(code) => cache.store(&key, &code).unwrap_or_else(|error| report(&error)),
            Err(error) => tracing::debug!(%error, "compiled code cannot be kept"),
        }
        Ok((module, Origin::Compiler))
    }

    fn compile_anew(&self, prepared: &PreparedModule) -> Result<wasmtime::Module, EngineError> {
        wasmtime::Module::new(&self.engine, prepared.bytes()).map_err(|error| engine_error(&error))
    }

    /// The module whose code the cache has authenticated.
    fn load(&self, code: &[u8]) -> Option<wasmtime::Module> {
        // SAFETY: `code` is what `Module::serialize` returned for an engine of this version and these
        // settings. The cache hands it out only under a MAC over the code and its key, and only this
        // user's nodes hold the MAC's key.
        #[expect(unsafe_code, reason = "wasmtime cannot check machine code; the cache's MAC does")]
        let loaded = unsafe { wasmtime::Module::deserialize(&self.engine, code) };
        loaded.inspect_err(|error| tracing::debug!(%error, "cached code is not loaded")).ok()
    }
}

impl Engine for WasmtimeEngine {
    fn native_stack_bytes(&self) -> usize {
        NATIVE_STACK_BYTES
    }

    fn compile(&self, module: &PreparedModule) -> Result<Arc<dyn Module>, EngineError> {
        let (compiled, origin) = self.obtain(module)?;
        tracing::debug!(module = %module.prepared_hash(), ?origin, "module is ready");
        Ok(Arc::new(WasmtimeModule::new(compiled, module)))
    }
}

fn settings(config: &WasmtimeConfig) -> Config {
    let mut settings = Config::new();
    settings
        .wasm_features(WasmFeatures::all(), false)
        .wasm_features(FEATURES, true)
        // Preparation marks its slow paths as unlikely; without this they stay in the way.
        .wasm_branch_hinting(true)
        // Preparation has made NaNs canonical where a guest can see them.
        .cranelift_nan_canonicalization(false)
        .max_wasm_stack(WASM_STACK_BYTES)
        // Unused, but wasmtime refuses one that is smaller than `max_wasm_stack`.
        .async_stack_size(WASM_STACK_BYTES)
        .wasm_backtrace_max_frames(None)
        .memory_reservation(config.memory_reservation);
    settings
}

fn engine_error(error: &wasmtime::Error) -> EngineError {
    EngineError(format!("{error:#}"))
}

/// What does not look like this user's own is worth a warning; a read-only or full disk is not.
fn report(error: &CacheError) {
    match error {
        CacheError::Foreign { .. } => tracing::warn!(%error, "the code cache is not used"),
        CacheError::Io { .. } | CacheError::Random(_) => {
            tracing::debug!(%error, "the code cache is not used");
        }
    }
}
