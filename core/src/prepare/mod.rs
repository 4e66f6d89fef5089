//! Preparation: the one pass that every module goes through before any engine sees it. It validates
//! against one fixed feature set and the limits table, and injects what makes every engine compute
//! the same: the gas counter, the stack guard and canonical NaNs. It compiles and runs nothing.

mod assemble;
mod body;
mod bounds;
mod cost;
mod features;
mod helpers;
mod layout;
mod source;

use std::sync::Arc;

use igor_format::Hash;
use wasmparser::FuncValidatorAllocations;

use self::bounds::{count, within};
use self::layout::Layout;
use crate::engine::ValueType;
use crate::limits::Limits;

/// The version of the pass and of its cost table. Old versions stay executable.
pub const VERSION: u32 = 1;
/// The version of the table that says how much gas an instruction costs.
pub const COST_TABLE_VERSION: u32 = 1;

/// The reserved namespace: no guest may import from it or export a name in it.
pub const RESERVED: &str = "igor:";
/// The import module and name of the injected slow path, `(i64) -> i64`.
pub const REFILL: (&str, &str) = ("igor:gas", "refill");
/// The export of the injected gas counter, a mutable i64 global.
pub const GAS_LEFT: &str = "igor:gas";
/// The export of the injected stack guard, a mutable i32 global.
pub const SLOTS_LEFT: &str = "igor:slots";
/// The export of the guest's memory, if it has one.
pub const MEMORY: &str = "igor:memory";
/// The export of what was the start function, if there was one.
pub const START: &str = "igor:start";

/// What an engine must have of native stack for each stack-guard slot, in bytes. A compiling engine
/// uses up to 16 for a local or operand, and up to 2 for an operator whose result it keeps for later;
/// the latter weigh a thirty-second of a slot each.
pub const NATIVE_BYTES_PER_SLOT: usize = 128;

/// A module that engines may compile.
#[derive(Debug, Clone)]
pub struct PreparedModule {
    bytes: Arc<[u8]>,
    code_hash: Hash,
    prepared_hash: Hash,
    imports: Vec<Import>,
    exports: Vec<Export>,
    memory_pages_max: u64,
    table_elements_max: u64,
    has_start: bool,
}

/// The type of a function.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FunctionType {
    /// Types of the parameters.
    pub params: Vec<ValueType>,
    /// Types of the results.
    pub results: Vec<ValueType>,
}

/// A function that a module imports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// The name of the module it comes from.
    pub module: String,
    /// Its name there.
    pub name: String,
    /// Its type; at most one result.
    pub ty: FunctionType,
}

/// Something that a module exports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    /// Its name.
    pub name: String,
    /// Its function type, or `None` if it is no function or its type holds references.
    pub ty: Option<FunctionType>,
}

impl PreparedModule {
    /// The bytes that an engine compiles.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The SHA-256 of the module as its author built it.
    pub fn code_hash(&self) -> Hash {
        self.code_hash
    }

    /// The SHA-256 of [`PreparedModule::bytes`].
    pub fn prepared_hash(&self) -> Hash {
        self.prepared_hash
    }

    /// The guest's own imports, in order; [`crate::engine::Host::call`] is given an index into
    /// these. The injected slow path is not among them.
    pub fn imports(&self) -> &[Import] {
        &self.imports
    }

    /// The guest's own exports, in order.
    pub fn exports(&self) -> &[Export] {
        &self.exports
    }

    /// The export named `name`.
    pub fn export(&self, name: &str) -> Option<&Export> {
        self.exports.iter().find(|export| export.name == name)
    }

    /// The most pages of memory an instance can have; 0 without a memory.
    pub fn memory_pages_max(&self) -> u64 {
        self.memory_pages_max
    }

    /// The most table elements an instance can have; 0 without a table.
    pub fn table_elements_max(&self) -> u64 {
        self.table_elements_max
    }

    /// Whether [`START`] is exported and must be called before anything else.
    pub fn has_start(&self) -> bool {
        self.has_start
    }
}

/// Why a module is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PrepareError {
    /// Not a WebAssembly module, or not a valid one within the feature set.
    #[error("{message} (at byte {offset})")]
    Invalid {
        /// What is wrong.
        message: String,
        /// Where, in the original bytes.
        offset: u64,
    },
    /// A row of the limits table is exceeded.
    #[error("module has {found} {what}, at most {max} are allowed")]
    Limit {
        /// What there is too much of.
        what: &'static str,
        /// How much there is.
        found: u64,
        /// How much there may be.
        max: u64,
    },
    /// The module uses the reserved namespace.
    #[error("module uses the reserved name {name:?}")]
    Reserved {
        /// The name.
        name: String,
    },
    /// The module uses something that igor does not offer to guests.
    #[error("module {what}, which igor does not support")]
    Unsupported {
        /// What it does, as in "imports a memory".
        what: String,
    },
}

/// Prepares a module.
///
/// # Errors
/// When the module is invalid, exceeds a limit, or uses what guests may not.
pub fn prepare(module: &[u8], limits: &Limits) -> Result<PreparedModule, PrepareError> {
    let mut bodies = Vec::new();
    let mut layout = None;
    let mut allocations = FuncValidatorAllocations::default();
    let source = source::read(module, limits, |source, body| {
        // The first body comes after everything that the layout depends on.
        let layout = layout.get_or_insert_with(|| Layout::new(source));
        let original = body.body.as_bytes();
        let plan = body::walk(source, layout, limits, body, &mut allocations)?;
        let woven = body::weave(original, &plan, layout);
        let max = bounds::prepared_function_bytes_max(limits.function_bytes_max);
        within("bytes in one prepared function", count(woven.bytes.len()), max)?;
        bodies.push(woven);
        Ok(())
    })?;
    let layout = layout.unwrap_or_else(|| Layout::new(&source));
    let slots = i32::try_from(limits.stack_slots_max).unwrap_or(i32::MAX);
    let bytes = assemble::assemble(module, &source, layout, bodies, slots)
        .map_err(|error| PrepareError::Invalid { message: error.to_string(), offset: 0 })?;
    let max = bounds::prepared_module_bytes_max(limits.module_bytes_max);
    within("bytes once prepared", count(bytes.len()), max)?;
    debug_assert_eq!(validate(&bytes), Ok(()), "preparation wrote an invalid module");
    Ok(PreparedModule {
        code_hash: Hash::of(module),
        prepared_hash: Hash::of(&bytes),
        bytes: bytes.into(),
        memory_pages_max: source.memories.iter().filter_map(|memory| memory.maximum).sum(),
        table_elements_max: source.tables.iter().filter_map(|table| table.maximum).sum(),
        has_start: source.start.is_some(),
        imports: source.imports,
        exports: source.exports,
    })
}

/// Whether a module is valid within the feature set that engines are configured to.
///
/// # Errors
/// The first thing that is wrong.
fn validate(module: &[u8]) -> Result<(), String> {
    let mut validator = wasmparser::Validator::new_with_features(features::FEATURES);
    validator.validate_all(module).map(|_| ()).map_err(|error| error.to_string())
}
