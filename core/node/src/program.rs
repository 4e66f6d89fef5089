//! A module on its way to running: checked against manifest and limits without an engine, then
//! compiled by one. It holds no agent's state and can serve any number of incarnations.

use std::sync::Arc;

use igor_core::format::Hash;
use igor_core::format::Manifest;
use igor_core::prepare::{PrepareError, PreparedModule, prepare};
use igor_core::{Engine, Limits, Module, engine};

use crate::abi::{self, AbiError, Binding, Offered};
use crate::host::Granted;

/// A page of guest memory, in bytes.
const PAGE_BYTES: u64 = 64 << 10;

/// A module that fits the node, whatever engine will run it.
#[derive(Debug, Clone)]
pub struct CheckedModule {
    prepared: PreparedModule,
    bindings: Arc<[Binding]>,
    offered: Offered,
    granted: Granted,
}

/// A compiled module with what is needed to run it.
#[derive(Clone)]
pub struct Program {
    pub(crate) module: Arc<dyn Module>,
    pub(crate) bindings: Arc<[Binding]>,
    pub(crate) offered: Offered,
    pub(crate) granted: Granted,
    pub(crate) has_start: bool,
    pub(crate) code_hash: Hash,
}

/// Why a module cannot run here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// Its exports or imports do not fit.
    #[error(transparent)]
    Abi(#[from] AbiError),
    /// Its manifest declares capabilities that this node does not grant.
    #[error("the manifest declares what this node does not grant: {}", .0.join(", "))]
    Capabilities(Vec<String>),
    /// The engine could not compile it.
    #[error(transparent)]
    Engine(#[from] engine::EngineError),
    /// Its manifest asks for more memory than the node gives.
    #[error("the manifest asks for {asked} bytes of memory, this node gives at most {given}")]
    Memory {
        /// What the manifest asks for.
        asked: u64,
        /// What the limits allow.
        given: u64,
    },
    /// It cannot be prepared.
    #[error(transparent)]
    Prepare(#[from] PrepareError),
}

impl CheckedModule {
    /// Checks a module: preparation, required exports, imports against the manifest.
    ///
    /// # Errors
    /// What does not fit, by name.
    pub fn new(module: &[u8], manifest: &Manifest, limits: &Limits) -> Result<Self, LoadError> {
        let missing = manifest.missing(&abi::capabilities());
        if !missing.is_empty() {
            return Err(LoadError::Capabilities(missing.into_iter().map(str::to_owned).collect()));
        }
        let prepared = prepare(module, &memory_limits(manifest, limits)?)?;
        let offered = abi::check_exports(&prepared)?;
        let is_declared = |name: &str| manifest.capability(name).is_some();
        let bindings = abi::bind_imports(&prepared, is_declared)?.into();
        let granted = Granted {
            clock: is_declared("clock"),
            rand: is_declared("rand"),
            moves: manifest.migration_policy().is_none_or(|policy| policy.enabled),
        };
        Ok(Self { prepared, bindings, offered, granted })
    }

    /// The SHA-256 of the module as its author built it.
    pub fn code_hash(&self) -> Hash {
        self.prepared.code_hash()
    }

    /// Compiles it for `engine`.
    ///
    /// # Errors
    /// When the engine refuses it.
    pub fn compile(&self, engine: &dyn Engine) -> Result<Program, LoadError> {
        Ok(Program {
            module: engine.compile(&self.prepared)?,
            bindings: Arc::clone(&self.bindings),
            offered: self.offered,
            granted: self.granted,
            has_start: self.prepared.has_start(),
            code_hash: self.prepared.code_hash(),
        })
    }
}

/// The limits with the memory that the manifest asks for, if it asks for less.
fn memory_limits(manifest: &Manifest, limits: &Limits) -> Result<Limits, LoadError> {
    let given = limits.memory_pages_max;
    let pages = manifest.resource_limits().memory_pages().unwrap_or(given);
    if pages > given {
        let asked = manifest.resource_limits().max_memory_bytes;
        return Err(LoadError::Memory { asked, given: given.saturating_mul(PAGE_BYTES) });
    }
    Ok(Limits { memory_pages_max: pages, ..limits.clone() })
}
