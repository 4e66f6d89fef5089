//! The contract between a guest and the node, by name and signature: what a module must export, and
//! which imports the node can serve under which capability. It decides whether a module fits; it
//! calls nothing.

use igor_core::engine::ValueType::{self, I32, I64};
use igor_core::prepare::{FunctionType, Import, PreparedModule};

use crate::hostcall::Hostcall;
use crate::wasi::WasiCall;

/// The version of this contract.
pub const ABI_VERSION: u32 = 1;

/// Prepares the agent; called at every start.
pub const INIT: &str = "agent_init";
/// One turn.
pub const TICK: &str = "agent_tick";
/// Serialises the state and returns its length.
pub const CHECKPOINT: &str = "agent_checkpoint";
/// Where the serialised state lies.
pub const CHECKPOINT_PTR: &str = "agent_checkpoint_ptr";
/// Takes a serialised state back.
pub const RESUME: &str = "agent_resume";
/// Allocates guest memory for a state; needed once there is one.
pub const MALLOC: &str = "malloc";
/// The reactor's initialiser; called when exported.
pub const INITIALIZE: &str = "_initialize";

/// The module that igor's own hostcalls are imported from.
pub const IGOR: &str = "igor";
/// The module that WASI preview1 is imported from.
pub const WASI: &str = "wasi_snapshot_preview1";

/// An export's name, its parameters, and the results it may have.
type Expected = (&'static str, &'static [ValueType], &'static [&'static [ValueType]]);

/// What serves an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binding {
    /// One of igor's hostcalls.
    Igor(Hostcall),
    /// A WASI function.
    Wasi(WasiCall),
}

/// What a module offers beyond the required exports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offered {
    /// Exports [`INITIALIZE`].
    pub initialize: bool,
    /// Exports [`MALLOC`].
    pub malloc: bool,
}

/// The module does not fit the node.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AbiError {
    /// Required exports are missing or have another signature; one line each.
    #[error("the module is no agent: {}", .0.join("; "))]
    Exports(Vec<String>),
    /// Imports that the node does not serve or that have another signature; one line each.
    #[error("the module imports what this node does not serve: {}", .0.join("; "))]
    Imports(Vec<String>),
    /// Imports whose capability the manifest does not declare; one line each.
    #[error("the module imports what its manifest does not declare: {}", .0.join("; "))]
    Undeclared(Vec<String>),
}

/// Checks the exports.
///
/// # Errors
/// Lists everything that is missing or wrong.
pub fn check_exports(module: &PreparedModule) -> Result<Offered, AbiError> {
    const REQUIRED: [Expected; 5] = [
        (INIT, &[], &[&[]]),
        (TICK, &[], &[&[I32], &[]]),
        (CHECKPOINT, &[], &[&[I32]]),
        (CHECKPOINT_PTR, &[], &[&[I32]]),
        (RESUME, &[I32, I32], &[&[]]),
    ];
    const OPTIONAL: [Expected; 2] = [(MALLOC, &[I32], &[&[I32]]), (INITIALIZE, &[], &[&[]])];
    let mut problems = Vec::new();
    for (name, params, results) in REQUIRED {
        if module.export(name).is_none() {
            problems
                .push(format!("export {name:?} is missing, expected {}", shape(params, results)));
        }
    }
    for (name, params, results) in REQUIRED.into_iter().chain(OPTIONAL) {
        let Some(export) = module.export(name) else { continue };
        let fits = export.ty.as_ref().is_some_and(|ty| {
            ty.params == params && results.iter().any(|results| ty.results == *results)
        });
        if !fits {
            let found = export.ty.as_ref().map_or("no such function".to_owned(), signature);
            problems
                .push(format!("export {name:?} is {found}, expected {}", shape(params, results)));
        }
    }
    if problems.is_empty() {
        let offers = |name| module.export(name).is_some();
        Ok(Offered { initialize: offers(INITIALIZE), malloc: offers(MALLOC) })
    } else {
        Err(AbiError::Exports(problems))
    }
}

/// Finds what serves each import, given the names of the declared capabilities.
///
/// # Errors
/// Lists everything that cannot be served; what is merely undeclared is reported only when
/// everything else is right.
pub fn bind_imports(
    module: &PreparedModule,
    is_declared: impl Fn(&str) -> bool,
) -> Result<Vec<Binding>, AbiError> {
    let mut bindings = Vec::new();
    let mut unknown = Vec::new();
    let mut undeclared = Vec::new();
    for import in module.imports() {
        let Import { module: from, name, ty } = import;
        let found = match from.as_str() {
            IGOR => Hostcall::named(name).map(Binding::Igor),
            WASI => WasiCall::named(name).map(Binding::Wasi),
            _ => None,
        };
        let Some(binding) = found else {
            unknown.push(format!("{from}.{name}"));
            continue;
        };
        let expected = match binding {
            Binding::Igor(call) => call.signature(),
            Binding::Wasi(call) => call.signature(),
        };
        if *ty != expected {
            let (found, expected) = (signature(ty), signature(&expected));
            unknown.push(format!("{from}.{name} as {found}, served as {expected}"));
        }
        if let Binding::Igor(call) = binding
            && !is_declared(call.capability())
        {
            undeclared.push(format!("{from}.{name} needs capability {:?}", call.capability()));
        }
        bindings.push(binding);
    }
    if !unknown.is_empty() {
        Err(AbiError::Imports(unknown))
    } else if !undeclared.is_empty() {
        Err(AbiError::Undeclared(undeclared))
    } else {
        Ok(bindings)
    }
}

/// The capabilities that this node can grant, sorted.
pub fn capabilities() -> Vec<&'static str> {
    let mut names: Vec<_> = Hostcall::ALL.iter().map(|call| call.capability()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// A function type from its letters: `i` for i32, `I` for i64.
pub(crate) fn function_type(params: &str, results: &str) -> FunctionType {
    let types = |letters: &str| letters.chars().map(|c| if c == 'I' { I64 } else { I32 }).collect();
    FunctionType { params: types(params), results: types(results) }
}

fn shape(params: &[ValueType], results: &[&[ValueType]]) -> String {
    let shapes: Vec<_> = results
        .iter()
        .map(|results| {
            signature(&FunctionType { params: params.to_vec(), results: results.to_vec() })
        })
        .collect();
    shapes.join(" or ")
}

fn signature(ty: &FunctionType) -> String {
    let list = |types: &[ValueType]| {
        let names: Vec<_> = types.iter().map(|ty| format!("{ty:?}").to_lowercase()).collect();
        names.join(", ")
    };
    format!("({}) -> ({})", list(&ty.params), list(&ty.results))
}
