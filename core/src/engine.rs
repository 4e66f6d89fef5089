//! The engine trait: compile a prepared module, make instances of it, call them. An engine runs
//! guest code and nothing else. It does not meter, limit, validate or canonicalise: preparation has
//! already put all of that into the module, so that every engine computes the same.
//!
//! Calls are synchronous, because a tick is a function call. Imports reach the node through
//! [`Host`], which an instance owns; the memory is handed to it as a slice, so that no engine type
//! leaves an engine.

use std::any::Any;
use std::sync::Arc;

use crate::prepare::PreparedModule;
use crate::trap::{CallError, NodeFault, Trap};

/// A value that crosses the boundary between guest and node. Floats are carried as their bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Value {
    /// A 32-bit integer.
    I32(i32),
    /// A 64-bit integer.
    I64(i64),
    /// The bits of a 32-bit float.
    F32(u32),
    /// The bits of a 64-bit float.
    F64(u64),
}

impl Value {
    /// The type of this value.
    pub const fn ty(self) -> ValueType {
        match self {
            Self::I32(_) => ValueType::I32,
            Self::I64(_) => ValueType::I64,
            Self::F32(_) => ValueType::F32,
            Self::F64(_) => ValueType::F64,
        }
    }
}

/// The type of a [`Value`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ValueType {
    /// A 32-bit integer.
    I32,
    /// A 64-bit integer.
    I64,
    /// A 32-bit float.
    F32,
    /// A 64-bit float.
    F64,
}

/// A plugin that compiles and runs prepared modules.
///
/// # Behaviour
/// - `engine-compiles-prepared`: every module that preparation accepts compiles.
/// - `engine-states-its-stack`: calls made on a thread with at least [`Engine::native_stack_bytes`]
///   of stack never end with [`Trap::EngineStack`] and never abort the process.
/// - `engine-is-deterministic`: the same calls give the same results, traps, memory and gas as on
///   every other engine.
pub trait Engine: Send + Sync {
    /// The least native stack, in bytes, of a thread that calls into an instance.
    fn native_stack_bytes(&self) -> usize;

    /// Compiles `module` so that it can be instantiated often.
    ///
    /// # Errors
    /// When the engine cannot compile what preparation accepted, or the machine is out of memory.
    fn compile(&self, module: &PreparedModule) -> Result<Arc<dyn Module>, EngineError>;
}

/// The engine could not compile a module.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("compile module: {0}")]
pub struct EngineError(pub String);

/// A compiled module.
///
/// # Behaviour
/// - `instances-are-separate`: instances share no memory, globals or tables, and a new one holds
///   nothing of an earlier one.
/// - `instantiate-runs-no-code`: no guest function runs during instantiation (preparation has turned
///   a start function into an export).
/// - `instantiate-reports-segment-traps`: an active segment outside its memory or table is
///   [`Trap::MemoryOutOfBounds`] or [`Trap::TableOutOfBounds`].
/// - `instance-drop-frees`: dropping an instance returns its memory.
pub trait Module: Send + Sync {
    /// Makes a fresh instance whose imports are served by `host`.
    ///
    /// # Errors
    /// A trap if an active segment does not fit; a fault if the machine cannot hold the instance.
    fn instantiate(&self, host: Box<dyn Host>) -> Result<Box<dyn Instance>, CallError>;
}

/// A global that preparation injected. The guest cannot name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum InjectedGlobal {
    /// Gas left of the current slice; may be negative after the last charge.
    GasLeft,
    /// Stack-guard slots left.
    SlotsLeft,
}

/// A running guest with its memory.
///
/// # Behaviour
/// - `call-returns-results`: results come back in order, with the bits the guest computed.
/// - `call-never-panics`: whatever the guest does, the outcome is a result, a trap or a fault.
/// - `call-maps-traps`: each guest trap is reported as the one [`Trap`] that names it.
/// - `call-stops-at-host-trap`: a trap that the host returns ends the call with that same trap.
/// - `call-checks-arguments`: a missing export or arguments of other types are faults, and change
///   nothing.
/// - `dead-after-trap`: after a trap every further call is [`NodeFault::Dead`]; memory and injected
///   globals stay readable.
/// - `globals-are-exact`: an injected global reads back what was set, and after a call what the
///   guest left there, after a trap too.
/// - `memory-is-the-guests`: the slice is the guest's whole current memory; what is written there the
///   guest reads, and the other way round.
/// - `growth-within-limits-is-granted`: `memory.grow` up to the prepared maximum succeeds or is
///   [`NodeFault::OutOfMemory`], never -1; beyond the maximum it is -1.
/// - `host-sees-every-import`: an import call reaches [`Host::call`] with its index, arguments,
///   memory and the gas counter, and the host's changes to both are what the guest goes on with.
pub trait Instance: Send {
    /// Calls an exported function.
    ///
    /// # Errors
    /// A trap is the guest's doing, a fault the node's; see the trait's behaviour.
    fn call(&mut self, export: &str, args: &[Value]) -> Result<Vec<Value>, CallError>;

    /// The guest's memory; empty if it has none.
    fn memory(&self) -> &[u8];

    /// The guest's memory, to be written.
    fn memory_mut(&mut self) -> &mut [u8];

    /// Reads an injected global.
    fn global(&mut self, global: InjectedGlobal) -> i64;

    /// Writes an injected global; [`InjectedGlobal::SlotsLeft`] takes the low 32 bits.
    fn set_global(&mut self, global: InjectedGlobal, value: i64);

    /// The host that serves this instance.
    fn host(&self) -> &dyn Host;

    /// The host that serves this instance, to be changed between calls.
    fn host_mut(&mut self) -> &mut dyn Host;
}

/// What a guest sees of the node: the functions it imports, and the slow path of the gas counter.
/// The node implements it, engines call it. It cannot call back into the instance.
pub trait Host: Any + Send {
    /// The injected slow path: called with the gas left of the slice (or
    /// [`crate::gas::STACK_GUARD`]) when that is below zero, returns the gas left after refilling.
    ///
    /// # Errors
    /// The trap that ends the call.
    fn refill(&mut self, left: i64) -> Result<i64, Trap>;

    /// Serves the guest's import number `import`, an index into [`PreparedModule::imports`].
    ///
    /// # Errors
    /// The trap that ends the call.
    fn call(
        &mut self,
        import: usize,
        args: &[Value],
        caller: Caller<'_>,
    ) -> Result<Option<Value>, Trap>;
}

/// What an import may touch of the instance that called it.
#[derive(Debug)]
pub struct Caller<'a> {
    /// The guest's memory; empty if it has none.
    pub memory: &'a mut [u8],
    /// Gas left of the current slice; a host that charges for its work takes it from here.
    pub gas_left: &'a mut i64,
}

/// A guest's pointer and length do not lie within its memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("pointer and length lie outside the guest's memory")]
pub struct OutOfBounds;

/// The part of `memory` that a guest names by pointer and length.
///
/// # Errors
/// When any of it lies outside the memory.
pub fn guest_slice(memory: &[u8], pointer: u32, length: u32) -> Result<&[u8], OutOfBounds> {
    let (start, end) = range(pointer, length)?;
    memory.get(start..end).ok_or(OutOfBounds)
}

/// The part of `memory` that a guest names by pointer and length, to be written.
///
/// # Errors
/// When any of it lies outside the memory.
pub fn guest_slice_mut(
    memory: &mut [u8],
    pointer: u32,
    length: u32,
) -> Result<&mut [u8], OutOfBounds> {
    let (start, end) = range(pointer, length)?;
    memory.get_mut(start..end).ok_or(OutOfBounds)
}

fn range(pointer: u32, length: u32) -> Result<(usize, usize), OutOfBounds> {
    let start = usize::try_from(pointer).map_err(|_| OutOfBounds)?;
    let length = usize::try_from(length).map_err(|_| OutOfBounds)?;
    Ok((start, start.checked_add(length).ok_or(OutOfBounds)?))
}

impl NodeFault {
    /// A failure of the engine that is not the guest's doing.
    pub fn engine(error: impl std::fmt::Display) -> Self {
        Self::Engine(error.to_string())
    }
}
