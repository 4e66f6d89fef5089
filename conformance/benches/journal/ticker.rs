//! The guest of the measurements, and what its calls cost on an engine with nothing around it: the
//! module as it was written, imports that do as little as they can, nothing counted.

use std::hint::black_box;

use conformance::world::Guest;

/// Reads the clock, logs four bytes, makes a number of `ROUNDS` steps out of its state of eight bytes
/// and counts its ticks there.
const TEXT: &str = r#"(module
  (import "igor" "clock_now" (func $clock_now (result i64)))
  (import "igor" "log_emit" (func $log_emit (param i32 i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "tick")
  (func (export "agent_init"))
  (func (export "agent_tick") (result i32)
    (local $left i32) (local $x i64)
    (i64.store (i32.const 8) (call $clock_now))
    (call $log_emit (i32.const 16) (i32.const 4))
    (local.set $x (i64.load (i32.const 0)))
    (local.set $left (i32.const ROUNDS))
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $left)))
        (local.set $x (i64.add (i64.mul (local.get $x) (i64.const 6364136223846793005))
          (i64.const 1442695040888963407)))
        (i64.store offset=4096 (i32.and (local.get $left) (i32.const 0x3ff8)) (local.get $x))
        (local.set $left (i32.sub (local.get $left) (i32.const 1)))
        (br $next)))
    (i64.store (i32.const 0) (i64.add (i64.load (i32.const 0)) (i64.const 1)))
    (i32.const 0))
  (func (export "agent_checkpoint") (result i32) (i32.const 8))
  (func (export "agent_checkpoint_ptr") (result i32) (i32.const 0))
  (func (export "agent_resume") (param $at i32) (param i32)
    (i64.store (i32.const 0) (i64.load (local.get $at))))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024)))"#;

const MANIFEST: &str = r#"{"capabilities":{"clock":{"version":1},"log":{"version":1}}}"#;

/// The guest whose ticks work for so many rounds.
pub(crate) fn guest(rounds: u32) -> Guest {
    Guest::wat("ticker", &TEXT.replace("ROUNDS", &rounds.to_string()), MANIFEST)
}

/// The state after so many ticks.
pub(crate) fn state(ticks: u64) -> Vec<u8> {
    ticks.to_le_bytes().to_vec()
}

/// A guest on a bare engine.
pub(crate) trait Bare {
    /// Makes the calls of one tick: the tick itself, and where its state lies.
    fn tick(&mut self);

    /// Makes an instance, hands it a state, makes the calls of one tick, and drops it.
    fn fresh(&mut self, state: &[u8]);
}

/// The guest on the engine of this name.
pub(crate) fn bare(engine: &str, guest: &Guest) -> Box<dyn Bare> {
    match engine {
        "wasmtime" => Box::new(OnWasmtime::new(&guest.module)),
        _ => Box::new(OnWasmi::new(&guest.module)),
    }
}

struct OnWasmtime {
    pre: wasmtime::InstancePre<()>,
    store: wasmtime::Store<()>,
    calls: [wasmtime::TypedFunc<(), i32>; 3],
}

const CALLS: [&str; 3] = ["agent_tick", "agent_checkpoint", "agent_checkpoint_ptr"];

impl OnWasmtime {
    fn new(module: &[u8]) -> Self {
        let engine = wasmtime::Engine::default();
        let module = wasmtime::Module::new(&engine, module).unwrap();
        let mut linker = wasmtime::Linker::new(&engine);
        linker.func_wrap("igor", "clock_now", || 0i64).unwrap();
        linker.func_wrap("igor", "log_emit", |_: i32, _: i32| {}).unwrap();
        let pre = linker.instantiate_pre(&module).unwrap();
        let mut store = wasmtime::Store::new(&engine, ());
        let instance = pre.instantiate(&mut store).unwrap();
        let calls = CALLS.map(|name| instance.get_typed_func(&mut store, name).unwrap());
        Self { pre, store, calls }
    }
}

impl Bare for OnWasmtime {
    fn tick(&mut self) {
        for call in &self.calls {
            black_box(call.call(&mut self.store, ()).unwrap());
        }
    }

    fn fresh(&mut self, state: &[u8]) {
        let mut store = wasmtime::Store::new(self.pre.module().engine(), ());
        let instance = self.pre.instantiate(&mut store).unwrap();
        let init = instance.get_typed_func::<(), ()>(&mut store, "agent_init").unwrap();
        init.call(&mut store, ()).unwrap();
        let length = i32::try_from(state.len()).unwrap();
        let malloc = instance.get_typed_func::<i32, i32>(&mut store, "malloc").unwrap();
        let at = malloc.call(&mut store, length).unwrap();
        let memory = instance.get_memory(&mut store, "memory").unwrap();
        memory.write(&mut store, usize::try_from(at).unwrap(), state).unwrap();
        let resume = instance.get_typed_func::<(i32, i32), ()>(&mut store, "agent_resume").unwrap();
        resume.call(&mut store, (at, length)).unwrap();
        for name in CALLS {
            let call = instance.get_typed_func::<(), i32>(&mut store, name).unwrap();
            black_box(call.call(&mut store, ()).unwrap());
        }
    }
}

struct OnWasmi {
    module: wasmi::Module,
    linker: wasmi::Linker<()>,
    store: wasmi::Store<()>,
    calls: [wasmi::TypedFunc<(), i32>; 3],
}

impl OnWasmi {
    fn new(module: &[u8]) -> Self {
        let engine = wasmi::Engine::default();
        let module = wasmi::Module::new(&engine, module).unwrap();
        let mut linker = wasmi::Linker::new(&engine);
        linker.func_wrap("igor", "clock_now", || 0i64).unwrap();
        linker.func_wrap("igor", "log_emit", |_: i32, _: i32| {}).unwrap();
        let mut store = wasmi::Store::new(&engine, ());
        let instance = linker.instantiate_and_start(&mut store, &module).unwrap();
        let calls = CALLS.map(|name| instance.get_typed_func(&store, name).unwrap());
        Self { module, linker, store, calls }
    }
}

impl Bare for OnWasmi {
    fn tick(&mut self) {
        for call in &self.calls {
            black_box(call.call(&mut self.store, ()).unwrap());
        }
    }

    fn fresh(&mut self, state: &[u8]) {
        let mut store = wasmi::Store::new(self.module.engine(), ());
        let instance = self.linker.instantiate_and_start(&mut store, &self.module).unwrap();
        let init = instance.get_typed_func::<(), ()>(&store, "agent_init").unwrap();
        init.call(&mut store, ()).unwrap();
        let length = i32::try_from(state.len()).unwrap();
        let malloc = instance.get_typed_func::<i32, i32>(&store, "malloc").unwrap();
        let at = malloc.call(&mut store, length).unwrap();
        let memory = instance.get_memory(&store, "memory").unwrap();
        memory.write(&mut store, usize::try_from(at).unwrap(), state).unwrap();
        let resume = instance.get_typed_func::<(i32, i32), ()>(&store, "agent_resume").unwrap();
        resume.call(&mut store, (at, length)).unwrap();
        for name in CALLS {
            let call = instance.get_typed_func::<(), i32>(&store, name).unwrap();
            black_box(call.call(&mut store, ()).unwrap());
        }
    }
}
