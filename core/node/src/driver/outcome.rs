//! What an operation of the guest costs, and whether what it did counts.

use igor_core::format::{
    FailedOperation, Microcents, Observations, Record, Tick, TickFailedRecord,
};
use igor_core::meter::Usage;
use igor_core::trap::Trap;

use super::{Driver, Stop};
use crate::event::StopReason;
use crate::incarnation::Failure;
use crate::replay::BUDGET_EXHAUSTED;

/// An operation that counts.
pub(super) struct Settled<T> {
    /// Its result.
    pub(super) output: T,
    /// What it cost.
    pub(super) charge: Microcents,
    /// What it observed.
    pub(super) observations: Observations,
}

impl Driver {
    /// Charges what a start or the tick of this number used and decides whether what it did counts;
    /// if it does not, that is recorded.
    pub(super) fn settle<T>(
        &mut self,
        outcome: Result<T, Failure>,
        usage: Usage,
        observations: Observations,
        tick: Option<Tick>,
    ) -> Result<Settled<T>, Stop> {
        if let Err(failure @ Failure::Node { .. }) = &outcome {
            return Err(Stop { reason: StopReason::Fault, detail: Some(failure.to_string()) });
        }
        let settlement = self.purse.settle(usage);
        let is_exhausted = settlement.is_exhausted;
        let failure = match outcome {
            Ok(output) if !is_exhausted => {
                return Ok(Settled { output, charge: settlement.charge, observations });
            }
            Ok(_) => None,
            Err(failure) => Some(failure),
        };
        self.ledger.write(|| {
            let name = failure.as_ref().map_or(BUDGET_EXHAUSTED, Failure::name);
            let reason = if is_exhausted { BUDGET_EXHAUSTED } else { name };
            Record::TickFailed(TickFailedRecord {
                operation: tick.map_or(FailedOperation::Start, FailedOperation::Tick),
                reason: reason.to_owned(),
                is_cut: failure.as_ref().is_some_and(Failure::is_cut),
                gas: usage.gas,
                elapsed: usage.elapsed,
                charge: settlement.charge,
                observations,
            })
        });
        Err(match failure {
            None => StopReason::BudgetExhausted.into(),
            Some(_) if is_exhausted => StopReason::BudgetExhausted.into(),
            Some(failure) => stop(&failure),
        })
    }
}

/// How a run ends by a failure of its guest.
fn stop(failure: &Failure) -> Stop {
    let detail = Some(failure.to_string());
    match failure {
        Failure::Trap { trap: Trap::Cancelled, .. } => StopReason::Signal.into(),
        Failure::Trap { trap: Trap::Deadline, .. } => Stop { reason: StopReason::Timeout, detail },
        _ => Stop { reason: StopReason::Trap, detail },
    }
}
