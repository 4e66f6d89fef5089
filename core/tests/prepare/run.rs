//! Runs modules on bare wasmi and wasmtime, without igor's engine plugins, so that preparation is
//! judged by itself. Original and prepared modules go through the same code; an original has no
//! injected globals, and what it would report of gas is 0.

use std::sync::{Arc, Mutex};

use igor_core::clock::Clock;
use igor_core::format::{Gas, Hash};
use igor_core::gas::{CallLimits, CancelFlag, GasGate};
use igor_core::prepare::{GAS_LEFT, MEMORY, NATIVE_BYTES_PER_SLOT, REFILL, SLOTS_LEFT};
use igor_core::trap::Trap;

/// The engines that prepared modules are run on.
pub(crate) const ENGINES: [Engine; 2] = [Engine::Wasmi, Engine::Wasmtime];

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    Wasmi,
    Wasmtime,
}

/// A value by its bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bits {
    I32(u32),
    I64(u64),
    F32(u32),
    F64(u64),
}

/// The name of an import, and what it was given.
pub(crate) type ImportCall = (String, Vec<Bits>);

/// What a call came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) result: Result<Vec<Bits>, Trap>,
    pub(crate) gas: u64,
    /// Stack-guard slots left; -1 for an original.
    pub(crate) slots: i32,
    pub(crate) memory: Hash,
    /// The imports called, with their arguments.
    pub(crate) calls: Vec<ImportCall>,
}

/// How a call is bounded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) gas: u64,
    pub(crate) slice: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { gas: 1_000_000_000_000_000, slice: 1_000_000 }
    }
}

impl Bounds {
    pub(crate) fn gas(gas: u64) -> Self {
        Self { gas, ..Self::default() }
    }
}

/// A compiled module.
pub(crate) struct Compiled(Inner);

enum Inner {
    Wasmi(wasmi::Module),
    Wasmtime(wasmtime::Module),
}

impl Compiled {
    pub(crate) fn new(engine: Engine, bytes: &[u8]) -> Self {
        Self(match engine {
            Engine::Wasmi => {
                let mut config = wasmi::Config::default();
                config.set_max_recursion_depth(100_000).set_max_stack_height(64 << 20);
                let engine = wasmi::Engine::new(&config);
                Inner::Wasmi(wasmi::Module::new(&engine, bytes).expect("wasmi compiles it"))
            }
            Engine::Wasmtime => {
                let mut config = wasmtime::Config::new();
                let stack = 65_536 * NATIVE_BYTES_PER_SLOT;
                config.wasm_branch_hinting(true).max_wasm_stack(stack).async_stack_size(stack);
                let engine = wasmtime::Engine::new(&config).expect("the configuration is valid");
                let module = wasmtime::Module::new(&engine, bytes).expect("wasmtime compiles it");
                Inner::Wasmtime(module)
            }
        })
    }

    /// Makes a fresh instance and calls `exports` one after another, each under `bounds`, until one
    /// traps. Imports return the sum of their arguments.
    pub(crate) fn call_all(&self, bounds: Bounds, exports: &[(&str, &[Bits])]) -> Vec<Outcome> {
        std::thread::scope(|scope| {
            let call = || match &self.0 {
                Inner::Wasmi(module) => wasmi_calls(module, bounds, exports),
                Inner::Wasmtime(module) => wasmtime_calls(module, bounds, exports),
            };
            let thread = std::thread::Builder::new().stack_size(16 << 20);
            let outcomes = thread.spawn_scoped(scope, call).expect("a thread starts").join();
            outcomes.expect("the calls do not panic")
        })
    }

    pub(crate) fn call(&self, bounds: Bounds, export: &str, args: &[Bits]) -> Outcome {
        self.call_all(bounds, &[(export, args)]).pop().expect("one outcome per call")
    }
}

struct StillClock;

impl Clock for StillClock {
    fn unix_ns(&self) -> i64 {
        0
    }

    fn monotonic_ns(&self) -> u64 {
        0
    }
}

/// What both engines' hosts share.
#[derive(Clone)]
struct Host {
    gate: Arc<Mutex<GasGate>>,
    calls: Arc<Mutex<Vec<ImportCall>>>,
}

impl Host {
    fn new(bounds: Bounds) -> Self {
        let gate = GasGate::new(Arc::new(StillClock), CancelFlag::default());
        let gate = gate.with_slice(Gas(bounds.slice));
        Self { gate: Arc::new(Mutex::new(gate)), calls: Arc::default() }
    }

    fn begin(&self, bounds: Bounds) -> i64 {
        self.calls.lock().unwrap().clear();
        let limits = CallLimits { gas: Gas(bounds.gas), deadline_ns: u64::MAX };
        self.gate.lock().unwrap().begin(limits)
    }

    fn refill(&self, left: i64) -> Result<i64, Stop> {
        self.gate.lock().unwrap().refill(left).map_err(Stop)
    }

    /// Serves an import: the sum of its arguments.
    fn serve(&self, name: &str, args: Vec<Bits>) -> u64 {
        let sum = args.iter().map(|bits| match bits {
            Bits::I32(bits) | Bits::F32(bits) => u64::from(*bits),
            Bits::I64(bits) | Bits::F64(bits) => *bits,
        });
        let sum = sum.fold(0, u64::wrapping_add);
        self.calls.lock().unwrap().push((name.to_owned(), args));
        sum
    }

    fn outcome(
        &self,
        result: Result<Vec<Bits>, Trap>,
        left: Option<i64>,
        slots: Option<i32>,
        memory: &[u8],
    ) -> Outcome {
        let gate = self.gate.lock().unwrap();
        let gas = left.map_or(0, |left| gate.used(left).0);
        let result = match (result, left) {
            (Ok(values), Some(left)) => gate.finish(left).map(|_| values),
            (result, _) => result,
        };
        let (slots, memory) = (slots.unwrap_or(-1), Hash::of(memory));
        Outcome { result, gas, slots, memory, calls: self.calls.lock().unwrap().clone() }
    }
}

/// Carries a trap through an engine.
#[derive(Debug)]
struct Stop(Trap);

impl std::fmt::Display for Stop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Stop {}

impl wasmi::errors::HostError for Stop {}

fn low(bits: u64) -> u32 {
    u32::try_from(bits & u64::from(u32::MAX)).expect("masked")
}

fn wasmi_calls(
    module: &wasmi::Module,
    bounds: Bounds,
    exports: &[(&str, &[Bits])],
) -> Vec<Outcome> {
    use wasmi::{Extern, Val, ValType};

    let engine = module.engine();
    let mut store = wasmi::Store::new(engine, ());
    let mut linker = wasmi::Linker::new(engine);
    let host = Host::new(bounds);
    for import in module.imports() {
        let ty = import.ty().func().expect("only functions are imported").clone();
        let (name, host) = (import.name().to_owned(), host.clone());
        let slow_path = (import.module(), import.name()) == REFILL;
        let serve = move |_: wasmi::Caller<'_, ()>, args: &[Val], results: &mut [Val]| {
            if slow_path {
                let left = args[0].i64().expect("an i64");
                results[0] = Val::I64(host.refill(left).map_err(wasmi::Error::host)?);
                return Ok(());
            }
            let sum = host.serve(&name, args.iter().map(from_wasmi).collect());
            if let Some(result) = results.first_mut() {
                *result = match result.ty() {
                    ValType::I32 => Val::I32(low(sum).cast_signed()),
                    ValType::I64 => Val::I64(sum.cast_signed()),
                    ValType::F32 => Val::F32(wasmi::F32::from_bits(low(sum))),
                    _ => Val::F64(wasmi::F64::from_bits(sum)),
                };
            }
            Ok(())
        };
        linker.func_new(import.module(), import.name(), ty, serve).expect("names are unique");
    }
    let instance = match linker.instantiate_and_start(&mut store, module) {
        Ok(instance) => instance,
        Err(error) => return vec![host.outcome(Err(wasmi_trap(&error)), None, None, &[])],
    };
    let global = |name| instance.get_global(&store, name);
    let (gas, slots) = (global(GAS_LEFT), global(SLOTS_LEFT));
    let mut outcomes = Vec::new();
    for (export, args) in exports {
        let left = host.begin(bounds);
        if let Some(gas) = gas {
            gas.set(&mut store, Val::I64(left)).expect("it is a mutable i64");
        }
        let func = instance.get_func(&store, export).expect("the export exists");
        let args: Vec<Val> = args.iter().map(into_wasmi).collect();
        let ty = func.ty(&store);
        let mut results: Vec<Val> =
            ty.results().iter().map(|ty| Val::default_for_ty(*ty)).collect();
        let result = func.call(&mut store, &args, &mut results);
        let result = result.map(|()| results.iter().map(from_wasmi).collect());
        let result = result.map_err(|error| wasmi_trap(&error));
        let memory = instance.get_export(&store, MEMORY).or(instance.get_export(&store, "memory"));
        let memory = match memory {
            Some(Extern::Memory(memory)) => memory.data(&store),
            _ => &[],
        };
        let left = gas.and_then(|gas| gas.get(&store).i64());
        let slots = slots.and_then(|slots| slots.get(&store).i32());
        outcomes.push(host.outcome(result, left, slots, memory));
        if outcomes.last().is_some_and(|outcome| outcome.result.is_err()) {
            break;
        }
    }
    outcomes
}

fn into_wasmi(bits: &Bits) -> wasmi::Val {
    match *bits {
        Bits::I32(bits) => wasmi::Val::I32(bits.cast_signed()),
        Bits::I64(bits) => wasmi::Val::I64(bits.cast_signed()),
        Bits::F32(bits) => wasmi::Val::F32(wasmi::F32::from_bits(bits)),
        Bits::F64(bits) => wasmi::Val::F64(wasmi::F64::from_bits(bits)),
    }
}

fn from_wasmi(value: &wasmi::Val) -> Bits {
    match value {
        wasmi::Val::I32(value) => Bits::I32(value.cast_unsigned()),
        wasmi::Val::I64(value) => Bits::I64(value.cast_unsigned()),
        wasmi::Val::F32(value) => Bits::F32(value.to_bits()),
        wasmi::Val::F64(value) => Bits::F64(value.to_bits()),
        other => unreachable!("{other:?} does not leave a guest"),
    }
}

fn wasmi_trap(error: &wasmi::Error) -> Trap {
    use wasmi::TrapCode as Code;
    use wasmi::errors::{ErrorKind, InstantiationError};

    if let Some(Stop(trap)) = error.downcast_ref() {
        return *trap;
    }
    let unfit = |error| matches!(error, &InstantiationError::ElementSegmentDoesNotFit { .. });
    if matches!(error.kind(), ErrorKind::Instantiation(error) if unfit(error)) {
        return Trap::TableOutOfBounds;
    }
    match error.as_trap_code() {
        Some(Code::BadConversionToInteger) => Trap::BadConversion,
        Some(Code::BadSignature) => Trap::CallIndirectSignature,
        Some(Code::IndirectCallToNull) => Trap::CallIndirectNull,
        Some(Code::IntegerDivisionByZero) => Trap::DivisionByZero,
        Some(Code::IntegerOverflow) => Trap::IntegerOverflow,
        Some(Code::MemoryOutOfBounds) => Trap::MemoryOutOfBounds,
        Some(Code::StackOverflow) => Trap::EngineStack,
        Some(Code::TableOutOfBounds) => Trap::TableOutOfBounds,
        Some(Code::UnreachableCodeReached) => Trap::Unreachable,
        _ => panic!("wasmi failed: {error}"),
    }
}

fn wasmtime_calls(
    module: &wasmtime::Module,
    bounds: Bounds,
    exports: &[(&str, &[Bits])],
) -> Vec<Outcome> {
    use wasmtime::{Extern, Val, ValType};

    let engine = module.engine();
    let mut store = wasmtime::Store::new(engine, ());
    let mut linker = wasmtime::Linker::new(engine);
    let host = Host::new(bounds);
    for import in module.imports() {
        let ty = import.ty().func().expect("only functions are imported").clone();
        let result_type = ty.results().next();
        let (name, host) = (import.name().to_owned(), host.clone());
        let slow_path = (import.module(), import.name()) == REFILL;
        let serve = move |_: wasmtime::Caller<'_, ()>, args: &[Val], results: &mut [Val]| {
            if slow_path {
                let left = args[0].i64().expect("an i64");
                results[0] = Val::I64(host.refill(left)?);
                return Ok(());
            }
            let sum = host.serve(&name, args.iter().map(from_wasmtime).collect());
            if let Some(result) = results.first_mut() {
                *result = match result_type {
                    Some(ValType::I32) => Val::I32(low(sum).cast_signed()),
                    Some(ValType::I64) => Val::I64(sum.cast_signed()),
                    Some(ValType::F32) => Val::F32(low(sum)),
                    _ => Val::F64(sum),
                };
            }
            Ok(())
        };
        linker.func_new(import.module(), import.name(), ty, serve).expect("names are unique");
    }
    let instance = match linker.instantiate(&mut store, module) {
        Ok(instance) => instance,
        Err(error) => return vec![host.outcome(Err(wasmtime_trap(&error)), None, None, &[])],
    };
    let (gas, slots) =
        (instance.get_global(&mut store, GAS_LEFT), instance.get_global(&mut store, SLOTS_LEFT));
    let mut outcomes = Vec::new();
    for (export, args) in exports {
        let left = host.begin(bounds);
        if let Some(gas) = gas {
            gas.set(&mut store, Val::I64(left)).expect("it is a mutable i64");
        }
        let func = instance.get_func(&mut store, export).expect("the export exists");
        let args: Vec<Val> = args.iter().map(into_wasmtime).collect();
        let mut results = vec![Val::I32(0); func.ty(&store).results().len()];
        let result = func.call(&mut store, &args, &mut results);
        let result = result.map(|()| results.iter().map(from_wasmtime).collect());
        let result = result.map_err(|error| wasmtime_trap(&error));
        let memory = instance.get_export(&mut store, MEMORY);
        let memory = match memory.or_else(|| instance.get_export(&mut store, "memory")) {
            Some(Extern::Memory(memory)) => memory.data(&store).to_vec(),
            _ => Vec::new(),
        };
        let left = gas.and_then(|gas| gas.get(&mut store).i64());
        let slots = slots.and_then(|slots| slots.get(&mut store).i32());
        outcomes.push(host.outcome(result, left, slots, &memory));
        if outcomes.last().is_some_and(|outcome| outcome.result.is_err()) {
            break;
        }
    }
    outcomes
}

fn into_wasmtime(bits: &Bits) -> wasmtime::Val {
    match *bits {
        Bits::I32(bits) => wasmtime::Val::I32(bits.cast_signed()),
        Bits::I64(bits) => wasmtime::Val::I64(bits.cast_signed()),
        Bits::F32(bits) => wasmtime::Val::F32(bits),
        Bits::F64(bits) => wasmtime::Val::F64(bits),
    }
}

fn from_wasmtime(value: &wasmtime::Val) -> Bits {
    match value {
        wasmtime::Val::I32(value) => Bits::I32(value.cast_unsigned()),
        wasmtime::Val::I64(value) => Bits::I64(value.cast_unsigned()),
        wasmtime::Val::F32(value) => Bits::F32(*value),
        wasmtime::Val::F64(value) => Bits::F64(*value),
        other => unreachable!("{other:?} does not leave a guest"),
    }
}

fn wasmtime_trap(error: &wasmtime::Error) -> Trap {
    use wasmtime::Trap as Code;

    if let Some(Stop(trap)) = error.downcast_ref() {
        return *trap;
    }
    match error.downcast_ref() {
        Some(Code::BadConversionToInteger) => Trap::BadConversion,
        Some(Code::BadSignature) => Trap::CallIndirectSignature,
        Some(Code::IndirectCallToNull) => Trap::CallIndirectNull,
        Some(Code::IntegerDivisionByZero) => Trap::DivisionByZero,
        Some(Code::IntegerOverflow) => Trap::IntegerOverflow,
        Some(Code::MemoryOutOfBounds) => Trap::MemoryOutOfBounds,
        Some(Code::StackOverflow) => Trap::EngineStack,
        Some(Code::TableOutOfBounds) => Trap::TableOutOfBounds,
        Some(Code::UnreachableCodeReached) => Trap::Unreachable,
        _ => panic!("wasmtime failed: {error:?}"),
    }
}
