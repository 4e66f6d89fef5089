//! Bare wasmtime and wasmi with the settings of the plugins, and the smallest host for prepared
//! modules: a counter of granted gas. Unprepared modules run on them as well.

use std::time::Duration;

use igor_core::gas::SLICE;
use igor_core::prepare::{GAS_LEFT, REFILL};

/// The engines that are compared.
pub(crate) const ENGINES: [Engine; 2] = [Engine::Wasmtime, Engine::Wasmi];

/// One of them.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Engine {
    Wasmi,
    Wasmtime,
}

impl Engine {
    /// Compiles and instantiates `module`.
    pub(crate) fn load(self, module: &[u8]) -> Run {
        match self {
            Self::Wasmi => Run::Wasmi(Box::new(WasmiRun::new(module))),
            Self::Wasmtime => Run::Wasmtime(WasmtimeRun::new(module)),
        }
    }
}

/// An instance that is ready to be timed.
pub(crate) enum Run {
    Wasmi(Box<WasmiRun>),
    Wasmtime(WasmtimeRun),
}

impl Run {
    /// Calls `run` with all the gas it wants.
    pub(crate) fn call_run(&mut self, arg: i32) -> i32 {
        match self {
            Self::Wasmi(run) => {
                run.store.data_mut().granted = 0;
                let export = run.instance.get_typed_func::<i32, i32>(&run.store, "run").unwrap();
                export.call(&mut run.store, arg).unwrap()
            }
            Self::Wasmtime(run) => {
                run.store.data_mut().granted = 0;
                let export =
                    run.instance.get_typed_func::<i32, i32>(&mut run.store, "run").unwrap();
                export.call(&mut run.store, arg).unwrap()
            }
        }
    }

    /// Calls `run` until it has used `gas`, after `init`.
    pub(crate) fn exhaust(&mut self, gas: u64) -> Duration {
        let start;
        match self {
            Self::Wasmi(run) => {
                if let Ok(init) = run.instance.get_typed_func::<(), ()>(&run.store, "init") {
                    init.call(&mut run.store, ()).unwrap();
                }
                *run.store.data_mut() = Host { granted: 0, limit: gas };
                let left = run.instance.get_global(&run.store, GAS_LEFT).unwrap();
                left.set(&mut run.store, wasmi::Val::I64(0)).unwrap();
                let export = run.instance.get_typed_func::<(), ()>(&run.store, "run").unwrap();
                start = cpu_time();
                export.call(&mut run.store, ()).unwrap_err();
            }
            Self::Wasmtime(run) => {
                if let Ok(init) = run.instance.get_typed_func::<(), ()>(&mut run.store, "init") {
                    init.call(&mut run.store, ()).unwrap();
                }
                *run.store.data_mut() = Host { granted: 0, limit: gas };
                let left = run.instance.get_global(&mut run.store, GAS_LEFT).unwrap();
                left.set(&mut run.store, wasmtime::Val::I64(0)).unwrap();
                let export = run.instance.get_typed_func::<(), ()>(&mut run.store, "run").unwrap();
                start = cpu_time();
                export.call(&mut run.store, ()).unwrap_err();
            }
        }
        cpu_time() - start
    }
}

/// Grants slices up to a limit.
pub(crate) struct Host {
    granted: u64,
    limit: u64,
}

impl Host {
    const ENDLESS: Self = Self { granted: 0, limit: u64::MAX };

    fn refill(&mut self) -> Option<i64> {
        self.granted += SLICE.0;
        (self.granted <= self.limit).then_some(SLICE.0.cast_signed())
    }
}

pub(crate) struct WasmiRun {
    store: wasmi::Store<Host>,
    instance: wasmi::Instance,
}

impl WasmiRun {
    fn new(module: &[u8]) -> Self {
        let mut config = wasmi::Config::default();
        config.compilation_mode(wasmi::CompilationMode::Eager);
        config.set_max_recursion_depth(65_536).set_max_stack_height(16 << 20);
        let engine = wasmi::Engine::new(&config);
        let module = wasmi::Module::new(&engine, module).unwrap();
        let mut store = wasmi::Store::new(&engine, Host::ENDLESS);
        let mut linker = wasmi::Linker::new(&engine);
        let refill = |mut caller: wasmi::Caller<'_, Host>, _: i64| {
            caller.data_mut().refill().ok_or_else(|| wasmi::Error::i32_exit(1))
        };
        linker.func_wrap(REFILL.0, REFILL.1, refill).unwrap();
        let instance = linker.instantiate_and_start(&mut store, &module).unwrap();
        Self { store, instance }
    }
}

pub(crate) struct WasmtimeRun {
    store: wasmtime::Store<Host>,
    instance: wasmtime::Instance,
}

impl WasmtimeRun {
    fn new(module: &[u8]) -> Self {
        let mut config = wasmtime::Config::new();
        config.wasm_branch_hinting(true).wasm_backtrace_max_frames(None);
        config.max_wasm_stack(8 << 20).async_stack_size(8 << 20);
        let engine = wasmtime::Engine::new(&config).unwrap();
        let module = wasmtime::Module::new(&engine, module).unwrap();
        let mut store = wasmtime::Store::new(&engine, Host::ENDLESS);
        let mut linker = wasmtime::Linker::new(&engine);
        let refill = |mut caller: wasmtime::Caller<'_, Host>, _: i64| {
            caller.data_mut().refill().ok_or_else(|| wasmtime::format_err!("out of gas"))
        };
        linker.func_wrap(REFILL.0, REFILL.1, refill).unwrap();
        let instance = linker.instantiate(&mut store, &module).unwrap();
        Self { store, instance }
    }
}

/// The processor time of this thread, so that a busy machine disturbs less.
pub(crate) fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.try_into().unwrap(), time.tv_nsec.try_into().unwrap())
}
