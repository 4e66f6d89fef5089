//! The host's side of the injected gas counter: one call's limit, handed out in constant slices, so
//! that the wall clock and cancellation are looked at often enough while totals and trap points do
//! not depend on the slice. It knows neither prices nor budgets.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use igor_format::Gas;

use crate::clock::Clock;
use crate::trap::Trap;

/// The argument of the injected slow path that says the stack guard was hit.
pub const STACK_GUARD: i64 = i64::MIN;

/// How much gas one refill grants: about 0.3 ms on a compiling engine, 4 ms on an interpreter.
pub const SLICE: Gas = Gas(1_000_000);

/// Tells a running guest call to stop, from any thread.
#[derive(Debug, Clone, Default)]
pub struct CancelFlag(Arc<AtomicBool>);

impl CancelFlag {
    /// Asks the call to stop; it does so at its next refill.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether the call was asked to stop.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// The bounds of one guest call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallLimits {
    /// The most gas the call may use.
    pub gas: Gas,
    /// When the call must have ended, on [`Clock::monotonic_ns`].
    pub deadline_ns: u64,
}

/// Grants gas to one guest call after another.
pub struct GasGate {
    clock: Arc<dyn Clock>,
    cancel: CancelFlag,
    slice: u64,
    limits: CallLimits,
    granted: u64,
}

impl GasGate {
    /// A gate that grants nothing until [`GasGate::begin`].
    pub fn new(clock: Arc<dyn Clock>, cancel: CancelFlag) -> Self {
        let limits = CallLimits { gas: Gas(0), deadline_ns: 0 };
        Self { clock, cancel, slice: SLICE.0, limits, granted: 0 }
    }

    /// Grants in slices of `slice` instead of [`SLICE`]; no total or trap point changes.
    pub fn with_slice(mut self, slice: Gas) -> Self {
        self.slice = slice.0.max(1);
        self
    }

    /// Starts a call. The guest's counter must be set to the returned value, which makes the first
    /// check ask for a slice.
    pub fn begin(&mut self, limits: CallLimits) -> i64 {
        self.limits = limits;
        self.granted = 0;
        0
    }

    /// The injected slow path.
    ///
    /// # Errors
    /// [`Trap::StackGuard`], [`Trap::OutOfGas`], [`Trap::Cancelled`] or [`Trap::Deadline`]; the
    /// deterministic ones are looked at first.
    pub fn refill(&mut self, left: i64) -> Result<i64, Trap> {
        if left == STACK_GUARD {
            return Err(Trap::StackGuard);
        }
        let used = self.used(left).0;
        if used > self.limits.gas.0 {
            return Err(Trap::OutOfGas);
        }
        if self.cancel.is_cancelled() {
            return Err(Trap::Cancelled);
        }
        if self.clock.monotonic_ns() > self.limits.deadline_ns {
            return Err(Trap::Deadline);
        }
        self.granted = self.limits.gas.0.min(used.saturating_add(self.slice));
        Ok(i64::try_from(self.granted - used).unwrap_or(i64::MAX))
    }

    /// The gas used so far, from the guest's counter.
    pub fn used(&self, left: i64) -> Gas {
        let used = i128::from(self.granted) - i128::from(left);
        Gas(u64::try_from(used.max(0)).unwrap_or(u64::MAX))
    }

    /// Ends a call that returned: the unchecked tail may have passed the limit.
    ///
    /// # Errors
    /// [`Trap::OutOfGas`] if it did.
    pub fn finish(&self, left: i64) -> Result<Gas, Trap> {
        let used = self.used(left);
        if used > self.limits.gas { Err(Trap::OutOfGas) } else { Ok(used) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct FixedClock(u64);

    impl Clock for FixedClock {
        fn unix_ns(&self) -> i64 {
            0
        }

        fn monotonic_ns(&self) -> u64 {
            self.0
        }
    }

    fn gate(now_ns: u64, slice: u64, limit: u64) -> GasGate {
        let mut gate = GasGate::new(Arc::new(FixedClock(now_ns)), CancelFlag::default())
            .with_slice(Gas(slice));
        gate.begin(CallLimits { gas: Gas(limit), deadline_ns: 100 });
        gate
    }

    /// Runs a guest that charges `costs` one after another and checks after each.
    fn run(slice: u64, limit: u64, costs: &[i64]) -> (Result<Gas, Trap>, Gas) {
        let mut gate = gate(0, slice, limit);
        let mut left = 0;
        for cost in costs {
            left -= cost;
            if left < 0 {
                match gate.refill(left) {
                    Ok(refilled) => left = refilled,
                    Err(trap) => return (Err(trap), gate.used(left)),
                }
            }
        }
        (gate.finish(left), gate.used(left))
    }

    #[test]
    fn totals_and_trap_points_do_not_depend_on_the_slice() {
        let costs = [3, 1, 7, 20, 1, 1, 5];
        for limit in 0..=40 {
            let expected = run(1, limit, &costs);
            for slice in [2, 3, 10, 1_000] {
                assert_eq!(run(slice, limit, &costs), expected, "limit {limit} slice {slice}");
            }
        }
        assert_eq!(run(1, 38, &costs), (Ok(Gas(38)), Gas(38)));
        assert_eq!(run(1, 31, &costs), (Err(Trap::OutOfGas), Gas(32)));
    }

    #[test]
    fn an_unchecked_tail_beyond_the_limit_is_out_of_gas() {
        let mut gate = gate(0, 10, 10);
        assert_eq!(gate.refill(-4), Ok(6));
        assert_eq!(gate.finish(0), Ok(Gas(10)));
        assert_eq!(gate.finish(-1), Err(Trap::OutOfGas));
    }

    #[test]
    fn deterministic_traps_come_before_the_clock() {
        let mut late = gate(101, 10, 10);
        assert_eq!(late.refill(-11), Err(Trap::OutOfGas));
        assert_eq!(late.refill(-1), Err(Trap::Deadline));
        assert_eq!(late.refill(STACK_GUARD), Err(Trap::StackGuard));
        late.cancel.cancel();
        assert_eq!(late.refill(-11), Err(Trap::OutOfGas));
        assert_eq!(late.refill(-1), Err(Trap::Cancelled));
    }

    #[test]
    fn extreme_counters_do_not_overflow() {
        let gate = gate(0, 10, u64::MAX);
        assert_eq!(gate.used(i64::MIN + 1), Gas(i64::MAX.unsigned_abs()));
        assert_eq!(gate.used(i64::MAX), Gas(0));
    }
}
