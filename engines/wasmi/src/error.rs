//! How wasmi's errors become igor's. The mapping is closed: what is neither a trap of the taxonomy
//! nor what the host returned is a fault of the engine, never of the guest.

use igor_core::Trap;
use igor_core::trap::{CallError, NodeFault};
use wasmi::TrapCode;
use wasmi::errors::{ErrorKind, HostError, InstantiationError, MemoryError, TableError};

/// What an import returns through wasmi to end a call.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub(crate) struct Stop(CallError);

impl HostError for Stop {}

impl Stop {
    /// Ends the call with `error`.
    pub(crate) fn with(error: impl Into<CallError>) -> wasmi::Error {
        wasmi::Error::host(Self(error.into()))
    }
}

/// Why a call into wasmi, or an instantiation, failed.
pub(crate) fn call_error(error: &wasmi::Error) -> CallError {
    if let Some(Stop(error)) = error.downcast_ref() {
        return error.clone();
    }
    let fault = || NodeFault::engine(error).into();
    match error.kind() {
        ErrorKind::TrapCode(code) => trap_code(*code).unwrap_or_else(fault),
        ErrorKind::Memory(MemoryError::OutOfBoundsAccess) => Trap::MemoryOutOfBounds.into(),
        ErrorKind::Instantiation(InstantiationError::ElementSegmentDoesNotFit { .. }) => {
            Trap::TableOutOfBounds.into()
        }
        ErrorKind::Instantiation(
            InstantiationError::FailedToInstantiateMemory(
                MemoryError::OutOfSystemMemory | MemoryError::ResourceLimiterDeniedAllocation,
            )
            | InstantiationError::FailedToInstantiateTable(
                TableError::OutOfSystemMemory | TableError::ResourceLimiterDeniedAllocation,
            ),
        ) => NodeFault::OutOfMemory.into(),
        _ => fault(),
    }
}

/// What `code` means; nothing if it is none that a prepared module can raise.
fn trap_code(code: TrapCode) -> Option<CallError> {
    let trap = match code {
        TrapCode::BadConversionToInteger => Trap::BadConversion,
        TrapCode::BadSignature => Trap::CallIndirectSignature,
        TrapCode::IndirectCallToNull => Trap::CallIndirectNull,
        TrapCode::IntegerDivisionByZero => Trap::DivisionByZero,
        TrapCode::IntegerOverflow => Trap::IntegerOverflow,
        TrapCode::MemoryOutOfBounds => Trap::MemoryOutOfBounds,
        TrapCode::StackOverflow => Trap::EngineStack,
        TrapCode::TableOutOfBounds => Trap::TableOutOfBounds,
        TrapCode::UnreachableCodeReached => Trap::Unreachable,
        TrapCode::GrowthOperationLimited | TrapCode::OutOfSystemMemory => {
            return Some(NodeFault::OutOfMemory.into());
        }
        TrapCode::OutOfFuel => return None,
    };
    Some(trap.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_taxonomy_does_not_name_is_a_fault() {
        let error = call_error(&TrapCode::OutOfFuel.into());
        assert!(matches!(error, CallError::Node(NodeFault::Engine(_))), "{error:?}");
        let error = call_error(&wasmi::Error::new("something else"));
        assert_eq!(error, NodeFault::Engine("something else".to_owned()).into());
    }

    #[test]
    fn what_the_host_returned_comes_out_as_it_went_in() {
        let exit = CallError::Trap(Trap::Exit(3));
        assert_eq!(call_error(&Stop::with(exit.clone())), exit);
    }

    #[test]
    fn a_machine_without_memory_is_a_fault_of_the_node() {
        for code in [TrapCode::GrowthOperationLimited, TrapCode::OutOfSystemMemory] {
            assert_eq!(call_error(&code.into()), NodeFault::OutOfMemory.into());
        }
    }
}
