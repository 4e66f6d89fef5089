//! How wasmtime's errors become igor's. The mapping is closed: what is neither a trap of the
//! taxonomy nor what the host returned is a fault of the engine, never of the guest.

use igor_core::Trap;
use igor_core::trap::{CallError, NodeFault};

/// What an import or the limiter returns through wasmtime to end a call.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Stop {
    /// The host's trap, to come out as it went in.
    #[error(transparent)]
    Call(#[from] CallError),
}

impl Stop {
    /// Ends the call with `error`.
    pub(crate) fn with(error: impl Into<CallError>) -> wasmtime::Error {
        wasmtime::Error::new(Self::Call(error.into()))
    }
}

/// Why a call into wasmtime failed.
pub(crate) fn call_error(error: &wasmtime::Error) -> CallError {
    if let Some(Stop::Call(error)) = error.downcast_ref() {
        return error.clone();
    }
    match error.downcast_ref().and_then(guest_trap) {
        Some(trap) => CallError::Trap(trap),
        None => CallError::Node(NodeFault::Engine(format!("{error:#}"))),
    }
}

/// The trap of the taxonomy that names `trap`, if one does.
fn guest_trap(trap: &wasmtime::Trap) -> Option<Trap> {
    Some(match trap {
        wasmtime::Trap::BadConversionToInteger => Trap::BadConversion,
        wasmtime::Trap::BadSignature => Trap::CallIndirectSignature,
        wasmtime::Trap::IndirectCallToNull => Trap::CallIndirectNull,
        wasmtime::Trap::IntegerDivisionByZero => Trap::DivisionByZero,
        wasmtime::Trap::IntegerOverflow => Trap::IntegerOverflow,
        wasmtime::Trap::MemoryOutOfBounds => Trap::MemoryOutOfBounds,
        wasmtime::Trap::StackOverflow => Trap::EngineStack,
        wasmtime::Trap::TableOutOfBounds => Trap::TableOutOfBounds,
        wasmtime::Trap::UnreachableCodeReached => Trap::Unreachable,
        _ => return None,
    })
}

/// The code cache cannot be used. It never keeps a module from being compiled.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CacheError {
    /// A file or folder is not what only this user could have put there.
    #[error("use {object}: {problem}")]
    Foreign {
        /// The file or folder.
        object: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The operating system refused.
    #[error("{attempt} {object}: {source}")]
    Io {
        /// The operation.
        attempt: &'static str,
        /// Its file or folder.
        object: String,
        /// Why.
        source: std::io::Error,
    },
    /// There is no randomness to make a key from.
    #[error("make the key of the code cache: {0}")]
    Random(getrandom::Error),
}

impl CacheError {
    /// Wraps what the operating system answered to `attempt` on `object`.
    pub(crate) fn io<E: Into<std::io::Error>>(
        attempt: &'static str,
        object: &str,
    ) -> impl FnOnce(E) -> Self {
        let object = object.to_owned();
        move |source| Self::Io { attempt, object, source: source.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_taxonomy_does_not_name_is_a_fault() {
        for trap in [wasmtime::Trap::Interrupt, wasmtime::Trap::OutOfFuel] {
            let error = call_error(&wasmtime::Error::from(trap));
            assert!(matches!(error, CallError::Node(NodeFault::Engine(_))), "{error:?}");
        }
        let error = call_error(&wasmtime::Error::msg("something else"));
        assert_eq!(error, NodeFault::Engine("something else".to_owned()).into());
    }

    #[test]
    fn what_the_host_returned_comes_out_as_it_went_in() {
        let exit = CallError::Trap(Trap::Exit(3));
        assert_eq!(call_error(&Stop::with(exit.clone())), exit);
        let fault = NodeFault::OutOfMemory;
        assert_eq!(call_error(&Stop::with(fault.clone())), fault.into());
    }
}
