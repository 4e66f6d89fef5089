//! The engine: wasmtime configured to compute what every other engine computes. It compiles, or loads
//! what it compiled earlier; it sets no limit that preparation has not already enforced.

use std::path::Path;
use std::sync::Arc;

use igor_core::PreparedModule;
use igor_core::engine::{Engine, EngineError, Module};
use igor_core::prepare::NATIVE_BYTES_PER_SLOT;
use wasmtime::{Config, WasmFeatures};

use crate::cache::{CodeCache, EntryKey};
use crate::config::WasmtimeConfig;
use crate::error::CacheError;
use crate::module::WasmtimeModule;

/// What guest code may use of the native stack: enough for the 65,536 slots at which the stack guard
/// stops a guest, so that the guard is always first.
const WASM_STACK_BYTES: usize = 65_536 * NATIVE_BYTES_PER_SLOT;

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

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use igor_core::Limits;
    use igor_core::engine::{Caller, Host, InjectedGlobal, Value};
    use igor_core::prepare::prepare;
    use igor_core::trap::{CallError, NodeFault, Trap};
    use tempfile::TempDir;

    use super::*;

    /// Grants everything and serves nothing.
    struct Generous;

    impl Host for Generous {
        fn refill(&mut self, _left: i64) -> Result<i64, Trap> {
            Ok(1_000_000)
        }

        fn call(&mut self, _: usize, _: &[Value], _: Caller<'_>) -> Result<Option<Value>, Trap> {
            Ok(None)
        }
    }

    fn module(answer: i32) -> PreparedModule {
        let wat = format!("(module (func (export \"run\") (result i32) (i32.const {answer})))");
        prepare(&wat::parse_str(wat).unwrap(), &Limits::default()).unwrap()
    }

    fn engine(data: &TempDir) -> WasmtimeEngine {
        WasmtimeEngine::new(&WasmtimeConfig::default(), data.path()).unwrap()
    }

    fn data() -> TempDir {
        let data = tempfile::tempdir().unwrap();
        fs::create_dir(data.path().join(".igor")).unwrap();
        data
    }

    fn entries(data: &TempDir) -> Vec<PathBuf> {
        let listing = fs::read_dir(data.path().join(".igor/.cache/wasmtime")).unwrap();
        listing.map(|entry| entry.unwrap().path()).collect()
    }

    /// Obtains `prepared`, which must then return `answer`; where its code came from.
    fn obtain(engine: &WasmtimeEngine, prepared: &PreparedModule, answer: i32) -> Origin {
        let (compiled, origin) = engine.obtain(prepared).unwrap();
        let module = WasmtimeModule::new(compiled, prepared);
        let mut instance = Module::instantiate(&module, Box::new(Generous)).unwrap();
        instance.set_global(InjectedGlobal::GasLeft, 1_000_000);
        assert_eq!(instance.call("run", &[]), Ok(vec![Value::I32(answer)]));
        origin
    }

    #[test]
    fn a_module_is_compiled_once_per_data_directory() {
        let data = data();
        assert_eq!(obtain(&engine(&data), &module(1), 1), Origin::Compiler);
        assert_eq!(obtain(&engine(&data), &module(1), 1), Origin::Cache);
        assert_eq!(obtain(&engine(&data), &module(2), 2), Origin::Compiler);
        assert_eq!(obtain(&engine(&data), &module(2), 2), Origin::Cache);
        assert_eq!(entries(&data).len(), 2);
        let elsewhere = self::data();
        assert_eq!(obtain(&engine(&elsewhere), &module(1), 1), Origin::Compiler);
    }

    #[test]
    fn a_damaged_entry_is_compiled_again_and_replaced() {
        let data = data();
        let engine = engine(&data);
        obtain(&engine, &module(1), 1);
        let path = entries(&data).remove(0);
        let good = fs::read(&path).unwrap();
        // Every byte of the head and of the first code, and some of the rest.
        let places = (0..128).chain((128..good.len()).step_by(good.len() / 64 + 1));
        for place in places {
            let mut damaged = good.clone();
            damaged[place] ^= 0x10;
            fs::write(&path, &damaged).unwrap();
            assert_eq!(obtain(&engine, &module(1), 1), Origin::Compiler, "byte {place}");
            assert_eq!(fs::read(&path).unwrap(), good, "byte {place}");
        }
        for length in [0, 1, 16, 47, 48, 49, good.len() - 1] {
            fs::write(&path, &good[..length]).unwrap();
            assert_eq!(obtain(&engine, &module(1), 1), Origin::Compiler, "cut to {length}");
        }
        assert_eq!(obtain(&engine, &module(1), 1), Origin::Cache);
    }

    #[test]
    fn the_entry_of_another_module_is_not_run() {
        let data = data();
        let engine = engine(&data);
        obtain(&engine, &module(1), 1);
        let mine = entries(&data).remove(0);
        obtain(&engine, &module(2), 2);
        let other = entries(&data).into_iter().find(|path| *path != mine).unwrap();
        fs::copy(&other, &mine).unwrap();
        assert_eq!(obtain(&engine, &module(1), 1), Origin::Compiler);
    }

    #[test]
    fn entries_under_another_key_are_compiled_again() {
        let data = data();
        let engine = engine(&data);
        obtain(&engine, &module(1), 1);
        fs::write(data.path().join(".igor/.secrets/code-cache-key"), [9; 32]).unwrap();
        assert_eq!(obtain(&engine, &module(1), 1), Origin::Compiler);
        assert_eq!(obtain(&engine, &module(1), 1), Origin::Cache);
    }

    #[test]
    fn the_cache_can_be_off_or_impossible() {
        let data = data();
        let off = WasmtimeConfig { cache: false, ..WasmtimeConfig::default() };
        let off = WasmtimeEngine::new(&off, data.path()).unwrap();
        for _ in 0..2 {
            assert_eq!(obtain(&off, &module(1), 1), Origin::Compiler);
        }
        fs::write(data.path().join(".igor/.cache"), "a file in the way").unwrap();
        let missing = WasmtimeEngine::new(&WasmtimeConfig::default(), &data.path().join("x"));
        for engine in [engine(&data), missing.unwrap()] {
            for _ in 0..2 {
                assert_eq!(obtain(&engine, &module(1), 1), Origin::Compiler);
            }
        }
    }

    #[test]
    fn an_instance_that_the_machine_cannot_hold_is_a_fault_of_the_node() {
        // A process cannot reserve this often.
        let config = WasmtimeConfig { memory_reservation: 1 << 46, ..WasmtimeConfig::default() };
        let engine = WasmtimeEngine::new(&config, Path::new("missing")).unwrap();
        let wat = "(module (memory 1))";
        let prepared = prepare(&wat::parse_str(wat).unwrap(), &Limits::default()).unwrap();
        let module = engine.compile(&prepared).unwrap();
        let mut held = Vec::new();
        let error = loop {
            match module.instantiate(Box::new(Generous)) {
                Ok(instance) => held.push(instance),
                Err(error) => break error,
            }
            assert!(held.len() < 10, "the address space of a process is smaller");
        };
        assert!(matches!(error, CallError::Node(NodeFault::Engine(_))), "{error:?}");
    }
}
