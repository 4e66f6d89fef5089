//! A compiled module: what its instances share. It holds no state of any of them.

use std::collections::HashMap;
use std::sync::Arc;

use igor_core::PreparedModule;
use igor_core::engine::{Host, Instance, Module};
use igor_core::prepare::{FunctionType, GAS_LEFT, MEMORY, SLOTS_LEFT, START};
use igor_core::trap::{CallError, NodeFault};
use wasmi::{Extern, Global, Mutability, Store, ValType};

use crate::error::call_error;
use crate::host::{Import, State};
use crate::instance::{Injected, WasmiInstance};
use crate::limiter::Limiter;

/// A module that wasmi has translated.
pub(crate) struct WasmiModule {
    module: wasmi::Module,
    imports: Vec<Import>,
    exports: Arc<Exports>,
    limiter: Limiter,
}

/// The exported functions, by name.
pub(crate) type Exports = HashMap<String, Export>;

/// An exported function.
pub(crate) struct Export {
    /// Where an instance keeps its handle.
    pub(crate) place: usize,
    /// Its type.
    pub(crate) ty: FunctionType,
}

impl WasmiModule {
    /// Wraps the translation of `prepared`.
    pub(crate) fn new(module: wasmi::Module, prepared: &PreparedModule) -> Self {
        let mut imports: Vec<_> =
            prepared.imports().iter().map(|import| Import::of(&import.ty)).collect();
        imports.push(Import::Refill);
        let functions = prepared
            .exports()
            .iter()
            .filter_map(|export| Some((export.name.clone(), export.ty.clone()?)))
            .chain(prepared.has_start().then(|| (START.to_owned(), start_type())));
        let exports =
            functions.enumerate().map(|(place, (name, ty))| (name, Export { place, ty })).collect();
        Self { imports, exports: Arc::new(exports), limiter: Limiter::new(prepared), module }
    }
}

fn start_type() -> FunctionType {
    FunctionType { params: Vec::new(), results: Vec::new() }
}

impl Module for WasmiModule {
    fn instantiate(&self, host: Box<dyn Host>) -> Result<Box<dyn Instance>, CallError> {
        let state = State { host, limiter: self.limiter, memory: None, gas: None };
        let mut store = Store::new(self.module.engine(), state);
        store.limiter(|state| &mut state.limiter);
        let imports: Vec<Extern> = self
            .imports
            .iter()
            .enumerate()
            .map(|(index, import)| import.link(&mut store, index).into())
            .collect();
        let instance = wasmi::Instance::new(&mut store, &self.module, &imports)
            .map_err(|error| call_error(&error))?;

        let injected = Injected {
            gas_left: injected(&instance, &mut store, GAS_LEFT, ValType::I64)?,
            slots_left: injected(&instance, &mut store, SLOTS_LEFT, ValType::I32)?,
        };
        let memory = instance.get_memory(&store, MEMORY);
        let state = store.data_mut();
        state.memory = memory;
        state.gas = Some(injected.gas_left);
        Ok(Box::new(WasmiInstance::new(store, instance, injected, self.exports.clone())))
    }
}

/// The mutable global of type `ty` that preparation exports as `name`.
fn injected(
    instance: &wasmi::Instance,
    store: &mut Store<State>,
    name: &str,
    ty: ValType,
) -> Result<Global, NodeFault> {
    let global = instance.get_global(&*store, name).filter(|global| {
        let found = global.ty(&*store);
        found.mutability() == Mutability::Var && found.content() == ty
    });
    global.ok_or_else(|| NodeFault::Engine(format!("module exports no injected global {name:?}")))
}
