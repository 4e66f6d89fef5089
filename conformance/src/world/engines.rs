//! Engines that tests share: each linked engine once per process, each module compiled once. Compiling
//! is the only slow part of a test world, and a compiled module has no state of its own.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use igor_core::engine::EngineError;
use igor_core::format::Hash;
use igor_core::plugin::Registry;
use igor_core::{Engine, Module, PreparedModule};

use super::life::context;
use crate::harness::section;

/// An engine that compiles each module once.
struct Memoized {
    engine: Arc<dyn Engine>,
    modules: Mutex<HashMap<Hash, Arc<dyn Module>>>,
}

impl Engine for Memoized {
    fn native_stack_bytes(&self) -> usize {
        self.engine.native_stack_bytes()
    }

    fn compile(&self, module: &PreparedModule) -> Result<Arc<dyn Module>, EngineError> {
        let hash = module.prepared_hash();
        let known = |modules: &Self| {
            modules.modules.lock().unwrap_or_else(PoisonError::into_inner).get(&hash).cloned()
        };
        if let Some(compiled) = known(self) {
            return Ok(compiled);
        }
        let compiled = self.engine.compile(module)?;
        let mut modules = self.modules.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Arc::clone(modules.entry(hash).or_insert(compiled)))
    }
}

/// The linked engine of this name.
pub(crate) fn engine(name: &str) -> Arc<dyn Engine> {
    static ENGINES: OnceLock<Mutex<HashMap<String, Arc<Memoized>>>> = OnceLock::new();
    let engines = ENGINES.get_or_init(Mutex::default);
    let mut engines = engines.lock().unwrap_or_else(PoisonError::into_inner);
    let shared = engines.entry(name.to_owned()).or_insert_with(|| {
        let registry = Registry::<dyn Engine>::linked().expect("plugin names differ");
        let section = section::<dyn Engine>(name, "");
        let engine = registry.build(name, &section, &context(Path::new("")));
        let engine = engine.unwrap_or_else(|error| panic!("{error}"));
        Arc::new(Memoized { engine, modules: Mutex::default() })
    });
    shared.clone()
}
