//! A running guest. Handles to its memory, globals and functions are looked up once and kept; a call
//! costs one look-up of the export's name in a table of the module.

use std::sync::Arc;

use igor_core::engine::{Host, InjectedGlobal, Instance, Value};
use igor_core::prepare::FunctionType;
use igor_core::trap::{CallError, NodeFault};
use wasmtime::{Func, Global, Store, TypedFunc, Val};

use crate::error::call_error;
use crate::host::{State, from_val, to_val};
use crate::module::Exports;

/// An instance in a store of its own.
pub(crate) struct WasmtimeInstance {
    store: Store<State>,
    instance: wasmtime::Instance,
    injected: Injected,
    exports: Arc<Exports>,
    handles: Vec<Option<Handle>>,
    dead: bool,
}

/// The injected globals.
#[derive(Clone, Copy)]
pub(crate) struct Injected {
    /// Gas left of the current slice, an i64.
    pub(crate) gas_left: Global,
    /// Stack-guard slots left, an i32.
    pub(crate) slots_left: Global,
}

/// An exported function, with a typed path for the signatures that a tick calls.
enum Handle {
    ToNothing(TypedFunc<(), ()>),
    ToI32(TypedFunc<(), i32>),
    Other(Func),
}

impl WasmtimeInstance {
    pub(crate) fn new(
        store: Store<State>,
        instance: wasmtime::Instance,
        injected: Injected,
        exports: Arc<Exports>,
    ) -> Self {
        let handles = exports.iter().map(|_| None).collect();
        Self { store, instance, injected, exports, handles, dead: false }
    }

    fn injected(&self, global: InjectedGlobal) -> Global {
        match global {
            InjectedGlobal::GasLeft => self.injected.gas_left,
            InjectedGlobal::SlotsLeft => self.injected.slots_left,
        }
    }
}

fn find(instance: &wasmtime::Instance, store: &mut Store<State>, name: &str) -> Option<Handle> {
    let function = instance.get_func(&mut *store, name)?;
    Some(if let Ok(typed) = function.typed(&*store) {
        Handle::ToNothing(typed)
    } else if let Ok(typed) = function.typed(&*store) {
        Handle::ToI32(typed)
    } else {
        Handle::Other(function)
    })
}

fn run(
    handle: &Handle,
    store: &mut Store<State>,
    args: &[Value],
    ty: &FunctionType,
) -> wasmtime::Result<Vec<Value>> {
    match handle {
        Handle::ToNothing(function) => function.call(store, ()).map(|()| Vec::new()),
        Handle::ToI32(function) => function.call(store, ()).map(|value| vec![Value::I32(value)]),
        Handle::Other(function) => {
            let args: Vec<_> = args.iter().copied().map(to_val).collect();
            let mut results = vec![Val::I32(0); ty.results.len()];
            function.call(store, &args, &mut results)?;
            results.iter().map(from_val).collect()
        }
    }
}

impl Instance for WasmtimeInstance {
    fn call(&mut self, export: &str, args: &[Value]) -> Result<Vec<Value>, CallError> {
        if self.dead {
            return Err(NodeFault::Dead { export: export.to_owned() }.into());
        }
        let Self { store, instance, exports, handles, .. } = self;
        let no_export = || NodeFault::NoExport { export: export.to_owned() };
        let found = exports.get(export).ok_or_else(no_export)?;
        if !args.iter().map(|arg| arg.ty()).eq(found.ty.params.iter().copied()) {
            return Err(NodeFault::Arguments { export: export.to_owned() }.into());
        }
        let handle = match handles.get_mut(found.place).ok_or_else(no_export)? {
            Some(handle) => handle,
            empty => empty.insert(find(instance, store, export).ok_or_else(no_export)?),
        };
        run(handle, store, args, &found.ty).map_err(|error| {
            self.dead = true;
            call_error(&error)
        })
    }

    fn memory(&self) -> &[u8] {
        self.store.data().memory.map_or(&[], |memory| memory.data(&self.store))
    }

    fn memory_mut(&mut self) -> &mut [u8] {
        match self.store.data().memory {
            Some(memory) => memory.data_mut(&mut self.store),
            None => &mut [],
        }
    }

    fn global(&mut self, global: InjectedGlobal) -> i64 {
        match self.injected(global).get(&mut self.store) {
            Val::I64(value) => value,
            Val::I32(value) => value.into(),
            _ => 0,
        }
    }

    fn set_global(&mut self, global: InjectedGlobal, value: i64) {
        let written = match global {
            InjectedGlobal::GasLeft => Val::I64(value),
            InjectedGlobal::SlotsLeft => Val::I32(low_half(value)),
        };
        let result = self.injected(global).set(&mut self.store, written);
        debug_assert!(result.is_ok(), "instantiation checked the types of the injected globals");
    }

    fn host(&self) -> &dyn Host {
        &*self.store.data().host
    }

    fn host_mut(&mut self) -> &mut dyn Host {
        &mut *self.store.data_mut().host
    }
}

/// The low 32 bits of `value`.
fn low_half(value: i64) -> i32 {
    let [a, b, c, d, ..] = value.to_le_bytes();
    i32::from_le_bytes([a, b, c, d])
}
