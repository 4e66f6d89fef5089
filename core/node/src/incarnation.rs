//! One instance of an agent's module, from instantiation to drop. It always starts the same way, runs
//! ticks, and reports what each operation used, observed and logged. It decides nothing about money,
//! durability or what happens next; and once an operation has failed it is of no more use.

use std::any::Any;
use std::sync::Arc;

use igor_core::engine::{InjectedGlobal, Instance, Value, guest_slice, guest_slice_mut};
use igor_core::format::{Gas, Nanos, Observations, Tick};
use igor_core::gas::CallLimits;
use igor_core::meter::Usage;
use igor_core::observe::Divergence;
use igor_core::prepare::START;
use igor_core::trap::{CallError, NodeFault, Trap};

use crate::abi::{CHECKPOINT, CHECKPOINT_PTR, INIT, INITIALIZE, MALLOC, RESUME, TICK};
use crate::host::{Environment, GuestIdentity, NodeHost, Operation, Wallet, gas_for_bytes};
use crate::program::Program;
use crate::purse::Purse;
use crate::simulate::Answers;
use crate::wasi::StandIn;

/// A running agent.
pub struct Incarnation {
    instance: Box<dyn Instance>,
    environment: Environment,
    holdings: Holdings,
}

/// What an agent finds outside itself, beside time and randomness.
#[derive(Debug, Clone)]
pub(crate) struct Holdings {
    /// Its receipts, encoded.
    pub(crate) receipts: Arc<[Vec<u8>]>,
    /// What is answered in place of the node, in a simulation.
    pub(crate) answers: Option<Arc<Answers>>,
}

/// What an incarnation is started from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opening<'a> {
    /// Who the guest is.
    pub identity: GuestIdentity,
    /// How many ticks are committed.
    pub tick: Tick,
    /// The state to take back, or `None` for an agent that has never run.
    pub state: Option<&'a [u8]>,
}

impl Failure {
    /// The name used in records and output; stable.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Node { .. } => "fault",
            Self::State { .. } => "state",
            Self::Trap { trap, .. } => trap.name(),
        }
    }

    /// Whether the wall clock or the operator ended it, so that it need not end there again.
    pub fn is_cut(&self) -> bool {
        matches!(self, Self::Trap { trap: Trap::Deadline | Trap::Cancelled, .. })
    }
}

/// What an operation came to, whether it succeeded or not.
#[derive(Debug)]
pub struct Report<T> {
    /// Its result.
    pub outcome: Result<T, Failure>,
    /// What it used.
    pub usage: Usage,
    /// What it observed.
    pub observations: Observations,
    /// What it logged.
    pub lines: Vec<String>,
    /// Where it departed from the record that it was to follow, if it did.
    pub divergence: Option<Divergence>,
}

impl<T> Report<T> {
    /// The same report with another result.
    pub(crate) fn map<U>(self, change: impl FnOnce(T) -> U) -> Report<U> {
        let Self { outcome, usage, observations, lines, divergence } = self;
        Report { outcome: outcome.map(change), usage, observations, lines, divergence }
    }
}

/// What a successful tick leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TickOutput {
    /// Whether the agent has more work at once.
    pub more: bool,
    /// The agent's state.
    pub state: Vec<u8>,
}

/// Why an operation failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// The node could not carry out a call.
    #[error("{export}: {fault}")]
    Node {
        /// The export that was called.
        export: &'static str,
        /// What failed.
        fault: NodeFault,
    },
    /// The guest's answers about its state cannot be used.
    #[error("{export}: {problem}")]
    State {
        /// The export that answered.
        export: &'static str,
        /// What is wrong with the answer.
        problem: String,
    },
    /// The guest trapped.
    #[error("{export} trapped ({}): {trap}", .trap.name())]
    Trap {
        /// The export that was called.
        export: &'static str,
        /// How it ended.
        trap: Trap,
    },
}

impl Incarnation {
    /// Instantiates `program` and starts it: the module's start function and `_initialize` if there
    /// are any, `agent_init`, and `agent_resume` if there is a state. An agent that has never run is
    /// asked for its first state, which is returned beside it. With a record, what it observes is
    /// answered from there.
    pub fn start(
        program: &Program,
        environment: &Environment,
        receipts: &Arc<[Vec<u8>]>,
        purse: &Purse,
        opening: &Opening<'_>,
        record: Option<Observations>,
    ) -> Report<(Self, Option<Vec<u8>>)> {
        let holdings = Holdings { receipts: Arc::clone(receipts), answers: None };
        Self::start_with(program, environment, holdings, purse, opening, record)
    }

    /// The same, with more outside itself than receipts.
    pub(crate) fn start_with(
        program: &Program,
        environment: &Environment,
        holdings: Holdings,
        purse: &Purse,
        opening: &Opening<'_>,
        record: Option<Observations>,
    ) -> Report<(Self, Option<Vec<u8>>)> {
        let host = NodeHost::new(
            environment,
            Arc::clone(&program.bindings),
            program.granted,
            StandIn::new(opening.identity),
        );
        let instance = match program.module.instantiate(Box::new(host)) {
            Ok(instance) => instance,
            Err(error) => {
                return Report {
                    outcome: Err(failure("instantiate", error)),
                    usage: Usage::default(),
                    observations: Observations::default(),
                    lines: Vec::new(),
                    divergence: None,
                };
            }
        };
        let mut incarnation = Self { instance, environment: environment.clone(), holdings };
        let report = incarnation.operate(Operation::Start(opening.tick), purse, record, |run| {
            if program.has_start {
                run.call(START, &[])?;
            }
            if program.offered.initialize {
                run.call(INITIALIZE, &[])?;
            }
            run.call(INIT, &[])?;
            match opening.state {
                None => run.capture().map(Some),
                Some(state) => run.resume(state, program.offered.malloc).map(|()| None),
            }
        });
        report.map(|state| (incarnation, state))
    }

    /// Runs the tick of this number and captures the state after it. With a record, what it observes
    /// is answered from there.
    pub fn tick(
        &mut self,
        tick: Tick,
        purse: &Purse,
        record: Option<Observations>,
    ) -> Report<TickOutput> {
        self.operate(Operation::Tick(tick), purse, record, |run| {
            let results = run.call(TICK, &[])?;
            let more = matches!(results.first(), Some(Value::I32(more)) if *more != 0);
            Ok(TickOutput { more, state: run.capture()? })
        })
    }

    /// The same incarnation under the limits of a live one, after it was brought so far by records.
    pub(crate) fn live(mut self, environment: &Environment) -> Self {
        self.environment = environment.clone();
        self
    }

    fn operate<T>(
        &mut self,
        operation: Operation,
        purse: &Purse,
        record: Option<Observations>,
        body: impl FnOnce(&mut Run<'_>) -> Result<T, Failure>,
    ) -> Report<T> {
        let mut affordable = purse.affordable();
        if record.is_some() {
            // What the wall clock took is in the record; it is not measured against the budget again.
            affordable.elapsed = Usage::UNBOUNDED.elapsed;
        }
        let wallet = Wallet {
            budget: purse.budget,
            price: purse.price,
            receipts: Arc::clone(&self.holdings.receipts),
            answers: self.holdings.answers.clone(),
        };
        host(&mut *self.instance).begin(operation, wallet, record);
        let now_ns = self.environment.clock.monotonic_ns();
        let mut run = Run {
            instance: &mut *self.instance,
            environment: &self.environment,
            affordable,
            usage: Usage::default(),
            now_ns,
        };
        let outcome = body(&mut run);
        let usage = run.usage;
        let host = host(&mut *self.instance);
        let (outcome, lines) = match host.finish() {
            Ok(lines) => (outcome, lines),
            Err(trap) => (outcome.and(Err(Failure::Trap { export: "fd_write", trap })), Vec::new()),
        };
        let divergence = host.recorder.finish().err();
        Report { outcome, usage, observations: host.recorder.take(), lines, divergence }
    }
}

/// The calls of one operation, which share its budget.
struct Run<'a> {
    instance: &'a mut dyn Instance,
    environment: &'a Environment,
    affordable: Usage,
    usage: Usage,
    now_ns: u64,
}

impl Run<'_> {
    /// Calls an export within the limits of one guest call and what the budget still affords.
    fn call(&mut self, export: &'static str, args: &[Value]) -> Result<Vec<Value>, Failure> {
        let limits = &self.environment.limits;
        let gas_max = Gas(limits.tick_gas_max);
        let gas_left = self.affordable.gas.0.saturating_sub(self.usage.gas.0);
        let ns_left = self.affordable.elapsed.0.saturating_sub(self.usage.elapsed.0);
        let limits = CallLimits {
            gas: gas_max.min(Gas(gas_left)),
            deadline_ns: self.now_ns.saturating_add(ns_left.min(limits.tick_ns_max)),
        };
        let counter = host(self.instance).gate.begin(limits);
        self.instance.set_global(InjectedGlobal::GasLeft, counter);
        let result = self.instance.call(export, args);
        let counter = self.instance.global(InjectedGlobal::GasLeft);
        let ended_ns = self.environment.clock.monotonic_ns();
        let gate = &host(self.instance).gate;
        let elapsed = Nanos(ended_ns.saturating_sub(self.now_ns));
        // The price of a length is taken before the work is done, and the work is not done when that is
        // more than a call may use.
        let gas = gate.used(counter).min(gas_max);
        self.usage = self.usage.plus(Usage { gas, elapsed });
        self.now_ns = ended_ns;
        let results = result.map_err(|error| failure(export, error))?;
        gate.finish(counter).map_err(|trap| Failure::Trap { export, trap })?;
        Ok(results)
    }

    /// Asks the guest for its state and copies it out of its memory.
    fn capture(&mut self) -> Result<Vec<u8>, Failure> {
        let length = self.call_u32(CHECKPOINT, &[])?;
        let max = self.environment.limits.state_bytes_max;
        if u64::from(length) > max {
            let problem = format!("state of {length} bytes, at most {max} are allowed");
            return Err(Failure::State { export: CHECKPOINT, problem });
        }
        let pointer = self.call_u32(CHECKPOINT_PTR, &[])?;
        let state = guest_slice(self.instance.memory(), pointer, length).map_err(|_| {
            let problem = format!("state at {pointer} with {length} bytes is outside the memory");
            Failure::State { export: CHECKPOINT_PTR, problem }
        })?;
        let state = state.to_vec();
        self.charge_moved(state.len());
        Ok(state)
    }

    /// Hands a state back to the guest.
    fn resume(&mut self, state: &[u8], has_malloc: bool) -> Result<(), Failure> {
        let malloc = |problem: &str| Failure::State { export: MALLOC, problem: problem.to_owned() };
        let length = u32::try_from(state.len()).map_err(|_| malloc("the state is too large"))?;
        let pointer = if length == 0 {
            0
        } else if has_malloc {
            self.call_u32(MALLOC, &[Value::I32(length.cast_signed())])?
        } else {
            return Err(malloc("the agent has a state, so it must export malloc (i32) -> (i32)"));
        };
        if length > 0 && pointer == 0 {
            return Err(malloc("returned no memory for the state"));
        }
        guest_slice_mut(self.instance.memory_mut(), pointer, length)
            .map_err(|_| malloc("returned memory that is outside the guest's"))?
            .copy_from_slice(state);
        self.charge_moved(state.len());
        let arguments = [Value::I32(pointer.cast_signed()), Value::I32(length.cast_signed())];
        self.call(RESUME, &arguments).map(|_| ())
    }

    fn call_u32(&mut self, export: &'static str, args: &[Value]) -> Result<u32, Failure> {
        match self.call(export, args)?.first() {
            Some(Value::I32(value)) => Ok(value.cast_unsigned()),
            _ => Ok(0),
        }
    }

    /// Charges the node's own work of moving a state.
    fn charge_moved(&mut self, bytes: usize) {
        let gas = Gas(gas_for_bytes(bytes));
        self.usage = self.usage.plus(Usage { gas, elapsed: Nanos(0) });
    }
}

fn failure(export: &'static str, error: CallError) -> Failure {
    match error {
        CallError::Trap(trap) => Failure::Trap { export, trap },
        CallError::Node(fault) => Failure::Node { export, fault },
    }
}

/// The host that this module put into the instance.
fn host(instance: &mut dyn Instance) -> &mut NodeHost {
    let host: &mut dyn Any = instance.host_mut();
    host.downcast_mut().expect("an incarnation's instance is made with a NodeHost")
}
