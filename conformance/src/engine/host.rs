//! A host for tests: it grants gas through core's own gate, answers imports from a closure, and
//! writes down what it was asked. It offers a guest nothing of what a node offers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use igor_core::engine::{Caller, Host, Value};
use igor_core::gas::{CallLimits, CancelFlag, GasGate};
use igor_core::{Clock, Trap};
use igor_format::Gas;

/// A clock that stands still until it is told otherwise.
#[derive(Debug, Clone, Default)]
pub struct TestClock(Arc<AtomicU64>);

impl TestClock {
    /// Moves the clock to `now_ns`.
    pub fn set(&self, now_ns: u64) {
        self.0.store(now_ns, Ordering::Relaxed);
    }
}

impl Clock for TestClock {
    fn unix_ns(&self) -> i64 {
        0
    }

    fn monotonic_ns(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What an import was called with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Its index.
    pub import: usize,
    /// Its arguments.
    pub args: Vec<Value>,
    /// The size of the memory it was handed.
    pub memory_bytes: usize,
    /// The gas counter it was handed.
    pub gas_left: i64,
}

/// Answers an import.
pub type Answer = Box<dyn FnMut(usize, &[Value], Caller<'_>) -> Result<Option<Value>, Trap> + Send>;

/// The host.
pub struct TestHost {
    gate: GasGate,
    cancel: CancelFlag,
    answer: Answer,
    asked: Vec<Asked>,
}

impl TestHost {
    /// A host that answers imports with `answer`.
    pub fn new(
        answer: impl FnMut(usize, &[Value], Caller<'_>) -> Result<Option<Value>, Trap> + Send + 'static,
    ) -> Self {
        Self::with_clock(TestClock::default(), answer)
    }

    /// A host whose deadlines are measured by `clock`.
    pub fn with_clock(
        clock: TestClock,
        answer: impl FnMut(usize, &[Value], Caller<'_>) -> Result<Option<Value>, Trap> + Send + 'static,
    ) -> Self {
        let cancel = CancelFlag::default();
        let gate = GasGate::new(Arc::new(clock), cancel.clone());
        Self { gate, cancel, answer: Box::new(answer), asked: Vec::new() }
    }

    /// A host for guests that import nothing, or functions without a result.
    pub fn silent() -> Self {
        Self::new(|_, _, _| Ok(None))
    }

    /// A host that ends every import call with `trap`.
    pub fn trapping(trap: Trap) -> Self {
        Self::new(move |_, _, _| Err(trap))
    }

    /// Grants gas in slices of `slice`.
    pub fn with_slice(self, slice: Gas) -> Self {
        Self { gate: self.gate.with_slice(slice), ..self }
    }

    /// Stops the running call, from any thread.
    pub fn cancel_flag(&self) -> CancelFlag {
        self.cancel.clone()
    }

    /// What the imports were called with so far, in order.
    pub fn asked(&self) -> &[Asked] {
        &self.asked
    }

    /// Starts a call; see [`GasGate::begin`].
    pub fn begin(&mut self, limits: CallLimits) -> i64 {
        self.gate.begin(limits)
    }

    /// The gas used, from the guest's counter.
    pub fn used(&self, left: i64) -> Gas {
        self.gate.used(left)
    }

    /// Ends a call that returned; see [`GasGate::finish`].
    ///
    /// # Errors
    /// [`Trap::OutOfGas`] if the call used more than it may.
    pub fn finish(&self, left: i64) -> Result<Gas, Trap> {
        self.gate.finish(left)
    }
}

impl Host for TestHost {
    fn refill(&mut self, left: i64) -> Result<i64, Trap> {
        self.gate.refill(left)
    }

    fn call(
        &mut self,
        import: usize,
        args: &[Value],
        caller: Caller<'_>,
    ) -> Result<Option<Value>, Trap> {
        self.asked.push(Asked {
            import,
            args: args.to_vec(),
            memory_bytes: caller.memory.len(),
            gas_left: *caller.gas_left,
        });
        (self.answer)(import, args, caller)
    }
}
