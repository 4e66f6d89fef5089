//! Engines with one known fault each, to show that the suite sees the fault. A mutant wraps an engine
//! that has none and spoils what passes through; without a fault it is that engine.

use std::any::Any;
use std::mem;
use std::sync::{Arc, Mutex, PoisonError};

use igor_core::Trap;
use igor_core::engine::{
    Caller, Engine, EngineError, Host, InjectedGlobal, Instance, Module, Value, ValueType,
};
use igor_core::prepare::{PreparedModule, START};
use igor_core::trap::{CallError, NodeFault};

/// What a mutant does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Accepts calls whose arguments do not fit.
    AcceptsAnyArguments,
    /// Makes NaNs canonical where bits are only moved.
    CanonicalisesMoves,
    /// Reports success where growth beyond the maximum is refused.
    ClaimsGrowthBeyondTheMaximum,
    /// Reports one trap as another.
    ConfusesTraps,
    /// Turns every trap of a host into the same one.
    FlattensHostTraps,
    /// Shows the memory as it was before it grew.
    ForgetsGrowth,
    /// Takes the gas counter back to what it was when a call traps.
    ForgetsGasAtTraps,
    /// Does not write data segments.
    IgnoresData,
    /// Does not write injected globals.
    IgnoresSetGlobal,
    /// Never gives back an instance.
    LeaksInstances,
    /// Shows an instance what an earlier one left in memory.
    LeaksMemory,
    /// Does not take over what the host did to the gas counter.
    LosesGasCharges,
    /// Does not take over what the host wrote to memory.
    LosesHostWrites,
    /// Reports one gas less than was used.
    MiscountsGas,
    /// None.
    None,
    /// Panics where the guest traps.
    PanicsAtTraps,
    /// Quiets signalling NaNs among the arguments.
    QuietsArguments,
    /// Refuses growth that the limits allow.
    RefusesGrowth,
    /// Reports segments that do not fit as faults of the node.
    ReportsSegmentsAsFaults,
    /// Returns several results in reverse.
    ReversesResults,
    /// Gets the last bit of a float wrong.
    RoundsDifferently,
    /// Serves calls after a trap.
    RunsAfterTraps,
    /// Calls the start function while it instantiates.
    RunsStart,
    /// Meets the end of its own stack before the guard.
    RunsOutOfStack,
    /// Calls the host with the number of another import.
    ShiftsImports,
    /// Goes on as if the host had not trapped.
    SwallowsHostTraps,
}

/// The engine `inner`, with a fault.
pub fn mutant(inner: Arc<dyn Engine>, fault: Fault) -> Arc<dyn Engine> {
    Arc::new(MutantEngine { inner, fault })
}

struct MutantEngine {
    inner: Arc<dyn Engine>,
    fault: Fault,
}

impl Engine for MutantEngine {
    fn native_stack_bytes(&self) -> usize {
        self.inner.native_stack_bytes()
    }

    fn compile(&self, module: &PreparedModule) -> Result<Arc<dyn Module>, EngineError> {
        let imports = module.imports().iter();
        Ok(Arc::new(MutantModule {
            inner: self.inner.compile(module)?,
            fault: self.fault,
            import_results: imports.map(|import| import.ty.results.first().copied()).collect(),
            has_start: module.has_start(),
            left_over: Arc::default(),
        }))
    }
}

struct MutantModule {
    inner: Arc<dyn Module>,
    fault: Fault,
    import_results: Vec<Option<ValueType>>,
    has_start: bool,
    left_over: LeftOver,
}

/// The memory of the last instance that was dropped.
type LeftOver = Arc<Mutex<Vec<u8>>>;

impl Module for MutantModule {
    fn instantiate(&self, host: Box<dyn Host>) -> Result<Box<dyn Instance>, CallError> {
        let import_results = self.import_results.clone();
        let host = MutantHost { inner: host, fault: self.fault, import_results };
        let mut inner = match self.inner.instantiate(Box::new(host)) {
            Err(CallError::Trap(trap)) if self.fault == Fault::ReportsSegmentsAsFaults => {
                return Err(NodeFault::engine(trap).into());
            }
            instance => instance?,
        };
        match self.fault {
            Fault::IgnoresData => inner.memory_mut().fill(0),
            Fault::LeaksMemory => {
                let left_over = self.left_over.lock().unwrap_or_else(PoisonError::into_inner);
                inner.memory_mut().iter_mut().zip(&*left_over).for_each(|(to, from)| *to = *from);
            }
            Fault::RunsStart if self.has_start => {
                inner.set_global(InjectedGlobal::GasLeft, 1_000_000);
                inner.call(START, &[])?;
                inner.set_global(InjectedGlobal::GasLeft, 0);
            }
            _ => {}
        }
        let memory_bytes = inner.memory().len();
        let left_over = self.left_over.clone();
        Ok(Box::new(MutantInstance {
            inner: Some(inner),
            fault: self.fault,
            memory_bytes,
            left_over,
        }))
    }
}

struct MutantInstance {
    /// Always there until it is dropped.
    inner: Option<Box<dyn Instance>>,
    fault: Fault,
    memory_bytes: usize,
    left_over: LeftOver,
}

impl MutantInstance {
    fn inner(&self) -> &dyn Instance {
        &**self.inner.as_ref().expect("it is taken by drop only")
    }

    fn inner_mut(&mut self) -> &mut dyn Instance {
        &mut **self.inner.as_mut().expect("it is taken by drop only")
    }

    /// Spoils what a call returned; `grew` says whether it enlarged the memory.
    fn spoil_results(&self, mut results: Vec<Value>, grew: bool) -> Vec<Value> {
        let pages = i32::try_from(self.inner().memory().len() >> 16).unwrap_or(i32::MAX);
        match (self.fault, results.as_mut_slice()) {
            (Fault::CanonicalisesMoves, results) => {
                results.iter_mut().for_each(|value| *value = canonical(*value));
            }
            (Fault::ClaimsGrowthBeyondTheMaximum, [Value::I32(result)]) if *result == -1 => {
                *result = pages;
            }
            (Fault::RefusesGrowth, [Value::I32(result)]) if grew => *result = -1,
            (Fault::ReversesResults, results) => results.reverse(),
            (Fault::RoundsDifferently, [Value::F64(bits), ..]) => *bits ^= 1,
            _ => {}
        }
        results
    }

    fn spoil_error(&mut self, error: CallError, gas_before: i64) -> Result<Vec<Value>, CallError> {
        match (self.fault, &error) {
            (Fault::AcceptsAnyArguments, CallError::Node(NodeFault::Arguments { .. }))
            | (Fault::RunsAfterTraps, CallError::Node(NodeFault::Dead { .. })) => Ok(Vec::new()),
            (Fault::ConfusesTraps, CallError::Trap(Trap::DivisionByZero)) => {
                Err(Trap::IntegerOverflow.into())
            }
            (Fault::ForgetsGasAtTraps, CallError::Trap(_)) => {
                self.inner_mut().set_global(InjectedGlobal::GasLeft, gas_before);
                Err(error)
            }
            (Fault::PanicsAtTraps, CallError::Trap(trap)) => panic!("guest trapped: {trap}"),
            (Fault::RunsOutOfStack, CallError::Trap(Trap::StackGuard)) => {
                Err(Trap::EngineStack.into())
            }
            _ => Err(error),
        }
    }
}

impl Instance for MutantInstance {
    fn call(&mut self, export: &str, args: &[Value]) -> Result<Vec<Value>, CallError> {
        let quiet = |value: &Value| match (self.fault, *value) {
            (Fault::QuietsArguments, value) if is_nan(value) => quieted(value),
            (_, value) => value,
        };
        let args: Vec<_> = args.iter().map(quiet).collect();
        let bytes_before = self.inner().memory().len();
        let gas_before = self.inner_mut().global(InjectedGlobal::GasLeft);
        match self.inner_mut().call(export, &args) {
            Ok(results) => {
                let grew = self.inner().memory().len() > bytes_before;
                Ok(self.spoil_results(results, grew))
            }
            Err(error) => self.spoil_error(error, gas_before),
        }
    }

    fn memory(&self) -> &[u8] {
        let memory = self.inner().memory();
        if self.fault == Fault::ForgetsGrowth { &memory[..self.memory_bytes] } else { memory }
    }

    fn memory_mut(&mut self) -> &mut [u8] {
        self.inner_mut().memory_mut()
    }

    fn global(&mut self, global: InjectedGlobal) -> i64 {
        let value = self.inner_mut().global(global);
        match (self.fault, global) {
            (Fault::MiscountsGas, InjectedGlobal::GasLeft) => value.saturating_add(1),
            _ => value,
        }
    }

    fn set_global(&mut self, global: InjectedGlobal, value: i64) {
        if self.fault != Fault::IgnoresSetGlobal {
            self.inner_mut().set_global(global, value);
        }
    }

    fn host(&self) -> &dyn Host {
        let host: &dyn Any = self.inner().host();
        let host: &MutantHost = host.downcast_ref().expect("it was given this host");
        &*host.inner
    }

    fn host_mut(&mut self) -> &mut dyn Host {
        let host: &mut dyn Any = self.inner_mut().host_mut();
        let host: &mut MutantHost = host.downcast_mut().expect("it was given this host");
        &mut *host.inner
    }
}

impl Drop for MutantInstance {
    fn drop(&mut self) {
        let inner = self.inner.take();
        match (self.fault, inner) {
            (Fault::LeaksInstances, inner) => mem::forget(inner),
            (Fault::LeaksMemory, Some(inner)) => {
                let mut left_over = self.left_over.lock().unwrap_or_else(PoisonError::into_inner);
                *left_over = inner.memory().to_vec();
            }
            _ => {}
        }
    }
}

struct MutantHost {
    inner: Box<dyn Host>,
    fault: Fault,
    import_results: Vec<Option<ValueType>>,
}

impl Host for MutantHost {
    fn refill(&mut self, left: i64) -> Result<i64, Trap> {
        let flatten =
            |trap| if self.fault == Fault::FlattensHostTraps { Trap::Unreachable } else { trap };
        self.inner.refill(left).map_err(flatten)
    }

    fn call(
        &mut self,
        import: usize,
        args: &[Value],
        caller: Caller<'_>,
    ) -> Result<Option<Value>, Trap> {
        let Caller { memory, gas_left } = caller;
        let (mut other_memory, mut other_gas) = (Vec::new(), *gas_left);
        let memory = if self.fault == Fault::LosesHostWrites {
            other_memory.extend_from_slice(memory);
            &mut other_memory
        } else {
            memory
        };
        let gas_left = if self.fault == Fault::LosesGasCharges { &mut other_gas } else { gas_left };
        let number = import + usize::from(self.fault == Fault::ShiftsImports);
        match self.inner.call(number, args, Caller { memory, gas_left }) {
            Err(_) if self.fault == Fault::SwallowsHostTraps => {
                Ok(self.import_results.get(import).copied().flatten().map(zero))
            }
            Err(_) if self.fault == Fault::FlattensHostTraps => Err(Trap::Unreachable),
            result => result,
        }
    }
}

fn zero(ty: ValueType) -> Value {
    match ty {
        ValueType::I32 => Value::I32(0),
        ValueType::I64 => Value::I64(0),
        ValueType::F32 => Value::F32(0),
        ValueType::F64 => Value::F64(0),
    }
}

fn is_nan(value: Value) -> bool {
    match value {
        Value::F32(bits) => f32::from_bits(bits).is_nan(),
        Value::F64(bits) => f64::from_bits(bits).is_nan(),
        Value::I32(_) | Value::I64(_) => false,
    }
}

fn quieted(value: Value) -> Value {
    match value {
        Value::F32(bits) => Value::F32(bits | 1 << 22),
        Value::F64(bits) => Value::F64(bits | 1 << 51),
        value => value,
    }
}

fn canonical(value: Value) -> Value {
    match value {
        Value::F32(_) if is_nan(value) => Value::F32(0x7fc0_0000),
        Value::F64(_) if is_nan(value) => Value::F64(0x7ff8_0000_0000_0000),
        value => value,
    }
}
