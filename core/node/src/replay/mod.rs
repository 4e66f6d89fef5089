//! Re-executes the records of one segment: the same start, the same ticks, with what was observed
//! answered from the record, and everything that follows compared with it. It reads no store,
//! checks no signature, and does not care which engine recorded and which runs now.
//!
//! A segment that is re-executed to its end stands where the recorded one stood, so that a node can
//! also go on from there.

mod mismatch;

use std::sync::Arc;

use igor_core::Meter;
use igor_core::format::{
    FailedOperation, Gas, Hash, Microcents, Nanos, Observations, Record, SegmentClosing,
    SegmentOpening, StartedRecord, Tick, TickFailedRecord, TickRecord,
};
use igor_core::meter::Usage;

pub use mismatch::{Difference, Mismatch, first_difference};
use mismatch::{carry, same};

use crate::host::{Environment, GuestIdentity};
use crate::incarnation::{Failure, Incarnation, Opening, Report, TickOutput};
use crate::program::Program;
use crate::purse::Purse;

/// How long one guest call may take in a re-execution, in nanoseconds: forty times what it had live,
/// as the engine may be slower.
pub(crate) const REPLAY_NS_MAX: u64 = 600_000_000_000;

/// The same environment with the time that a re-execution may take.
pub(crate) fn for_replay(environment: &Environment) -> Environment {
    let mut environment = environment.clone();
    environment.limits.tick_ns_max = REPLAY_NS_MAX;
    environment
}

/// What re-executing one record came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// What was re-executed or recomputed is as recorded.
    Verified,
    /// The record can only be believed: the wall clock or the operator cut the operation short. Its
    /// charge was recomputed.
    Believed,
}

/// Why a record was not verified.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refutation {
    /// The record and its re-execution differ.
    #[error(transparent)]
    Mismatch(#[from] Mismatch),
    /// The re-execution did not come to an end within its own limits, so nothing is known.
    #[error("tick {tick}: not verified, {problem}")]
    Unverified {
        /// The tick at which it ended.
        tick: Tick,
        /// Why.
        problem: String,
    },
}

/// A segment that is being re-executed.
pub struct SegmentReplay {
    program: Program,
    environment: Environment,
    receipts: Arc<[Vec<u8>]>,
    identity: GuestIdentity,
    incarnation: Option<Incarnation>,
    purse: Purse,
    tick: Tick,
    /// The state of the opening, or of nothing.
    opened_with: Option<Vec<u8>>,
    state: Option<Vec<u8>>,
    /// Whether no operation may follow.
    is_over: bool,
    /// Whether the operator gave the records up later, so that only their charges count.
    is_given_up: bool,
}

/// Where a re-execution arrived.
pub struct Arrived {
    /// The running instance, unless the last operation failed or none was started.
    pub incarnation: Option<Incarnation>,
    /// The money left.
    pub purse: Purse,
    /// The last committed tick.
    pub tick: Tick,
    /// The state after it.
    pub state: Option<Vec<u8>>,
}

impl SegmentReplay {
    /// Begins to re-execute a segment that opens so, with the state of its opening checkpoint, or
    /// none for an agent that had never run.
    ///
    /// `environment` must hold the limits of the opening; its limit of wall-clock time is replaced.
    pub fn new(
        program: Program,
        environment: &Environment,
        meter: Arc<dyn Meter>,
        receipts: Arc<[Vec<u8>]>,
        opening: &SegmentOpening,
        state: Option<Vec<u8>>,
    ) -> Self {
        let environment = for_replay(environment);
        let identity =
            GuestIdentity { code_hash: opening.module, public_key: *opening.agent.as_bytes() };
        let (budget, carry, price) = (opening.budget, opening.carry, opening.price);
        Self {
            program,
            environment,
            receipts,
            identity,
            incarnation: None,
            purse: Purse { meter, price, budget, carry },
            tick: opening.tick,
            opened_with: state.clone(),
            state,
            is_over: false,
            is_given_up: false,
        }
    }

    /// The same for records that the operator gave up, of which only the charges count.
    pub fn given_up(mut self) -> Self {
        self.is_given_up = true;
        self
    }

    /// The last committed tick so far.
    pub const fn tick(&self) -> Tick {
        self.tick
    }

    /// The money left so far.
    pub const fn purse(&self) -> &Purse {
        &self.purse
    }

    /// The state so far.
    pub fn state(&self) -> Option<&[u8]> {
        self.state.as_deref()
    }

    /// Re-executes the next record.
    ///
    /// # Errors
    /// The first difference, or why nothing is known.
    pub fn step(&mut self, record: &Record) -> Result<Step, Refutation> {
        match record {
            Record::Owner(_) => Ok(Step::Verified),
            Record::Started(started) => self.start(started),
            Record::Tick(tick) => self.run(tick),
            Record::TickFailed(failed) => self.fail(failed),
            Record::Funded(funded) => {
                let sum = self.purse.budget.checked_add(funded.amount);
                let too_much = || self.misplaced("funded", "raises the budget beyond any amount");
                self.purse.budget = sum.ok_or_else(too_much)?;
                Ok(Step::Verified)
            }
            Record::Recovered(recovered) => {
                self.incarnation = None;
                self.is_over = true;
                self.tick = recovered.tick;
                let rest = self.purse.budget.checked_sub(recovered.charges);
                self.purse.budget = rest.unwrap_or(Microcents::ZERO);
                self.state.clone_from(&self.opened_with);
                Ok(Step::Believed)
            }
            Record::TickPart(part) => Err(self.unknown_effect(part.tick)),
            Record::EffectOutcome(outcome) => Err(self.unknown_effect(outcome.tick)),
        }
    }

    /// Compares where the records led with how the segment ends. `closing_state` is the state of the
    /// closing checkpoint.
    ///
    /// # Errors
    /// The first difference.
    pub fn finish(&self, closing: &SegmentClosing, closing_state: &[u8]) -> Result<(), Mismatch> {
        let state = self.state.as_deref().unwrap_or_default();
        let compared = same("tick", closing.tick.0, self.tick.0)
            .and_then(|()| same("budget", closing.budget.get(), self.purse.budget.get()))
            .and_then(|()| same("carry", carry(closing.carry), carry(self.purse.carry)))
            .and_then(|()| match first_difference(closing_state, state) {
                None => Ok(()),
                first_byte => Err(Difference::State {
                    expected: Hash::of(closing_state),
                    got: Hash::of(state),
                    first_byte,
                }),
            });
        compared.map_err(|difference| self.mismatch(self.tick, difference))
    }

    /// Ends the re-execution; what it arrived at can go on live.
    pub fn into_arrived(self) -> Arrived {
        let Self { incarnation, purse, tick, state, .. } = self;
        Arrived { incarnation, purse, tick, state }
    }

    fn start(&mut self, record: &StartedRecord) -> Result<Step, Refutation> {
        if self.incarnation.is_some() || self.is_over {
            return Err(self.misplaced("started", "follows a start").into());
        }
        if self.is_given_up {
            let usage = Usage { gas: record.gas, elapsed: record.elapsed };
            self.compare_charge(self.tick, usage, record.charge)?;
            return Ok(Step::Believed);
        }
        let report = self.start_incarnation(&record.observations);
        let recorded = Recorded {
            tick: self.tick,
            gas: record.gas,
            elapsed: record.elapsed,
            charge: record.charge,
        };
        let (incarnation, first) = self.settle(report, recorded)?;
        if let Some(first) = first {
            self.state = Some(first);
        }
        self.incarnation = Some(incarnation);
        self.compare_state(self.tick, record.state)?;
        Ok(Step::Verified)
    }

    fn run(&mut self, record: &TickRecord) -> Result<Step, Refutation> {
        let due = Tick(self.tick.0.saturating_add(1));
        if record.tick != due {
            let problem = format!("of tick {} stands where {due} is due", record.tick);
            return Err(self.misplaced("tick", &problem).into());
        }
        if self.is_given_up {
            self.tick = due;
            let usage = Usage { gas: record.gas, elapsed: record.elapsed };
            self.compare_charge(due, usage, record.charge)?;
            return Ok(Step::Believed);
        }
        let report = self.tick_incarnation(due, &record.observations)?;
        let recorded =
            Recorded { tick: due, gas: record.gas, elapsed: record.elapsed, charge: record.charge };
        let TickOutput { more, state } = self.settle(report, recorded)?;
        self.state = Some(state);
        self.compare_state(due, record.state)?;
        if more != record.more {
            let difference = Difference::More { expected: record.more };
            return Err(self.mismatch(due, difference).into());
        }
        self.tick = due;
        Ok(Step::Verified)
    }

    fn fail(&mut self, record: &TickFailedRecord) -> Result<Step, Refutation> {
        let (tick, is_start) = match record.operation {
            FailedOperation::Start => (self.tick, true),
            FailedOperation::Tick(tick) => (tick, false),
        };
        let usage = Usage { gas: record.gas, elapsed: record.elapsed };
        self.is_over = true;
        if record.is_cut || self.is_given_up {
            self.incarnation = None;
            self.compare_charge(tick, usage, record.charge)?;
            return Ok(Step::Believed);
        }
        let (outcome, gas, divergence) = if is_start {
            let report = self.start_incarnation(&record.observations);
            (report.outcome.map(|_| ()), report.usage.gas, report.divergence)
        } else {
            let report = self.tick_incarnation(tick, &record.observations)?;
            (report.outcome.map(|_| ()), report.usage.gas, report.divergence)
        };
        self.incarnation = None;
        if let Some(divergence) = divergence {
            return Err(self.mismatch(tick, divergence.into()).into());
        }
        self.compare_gas(tick, record.gas, gas)?;
        let is_exhausted = self.compare_charge(tick, usage, record.charge)?;
        let got = match outcome {
            _ if is_exhausted => BUDGET_EXHAUSTED,
            Ok(()) => "success",
            Err(failure @ Failure::Node { .. }) => return Err(unverified(tick, &failure)),
            Err(failure) if failure.is_cut() => return Err(unverified(tick, &failure)),
            Err(failure) => failure.name(),
        };
        if got != record.reason {
            let (expected, got) = (record.reason.clone(), got.to_owned());
            return Err(self.mismatch(tick, Difference::Outcome { expected, got }).into());
        }
        Ok(Step::Verified)
    }

    fn start_incarnation(
        &mut self,
        observations: &Observations,
    ) -> Report<(Incarnation, Option<Vec<u8>>)> {
        let opening =
            Opening { identity: self.identity, tick: self.tick, state: self.state.as_deref() };
        let (program, environment) = (&self.program, &self.environment);
        let record = Some(observations.clone());
        Incarnation::start(program, environment, &self.receipts, &self.purse, &opening, record)
    }

    fn tick_incarnation(
        &mut self,
        tick: Tick,
        observations: &Observations,
    ) -> Result<Report<TickOutput>, Mismatch> {
        let Some(mut incarnation) = self.incarnation.take() else {
            return Err(self.misplaced("tick", "follows no start"));
        };
        let report = incarnation.tick(tick, &self.purse, Some(observations.clone()));
        self.incarnation = Some(incarnation);
        Ok(report)
    }

    /// Compares a successful operation with its record and pays for it.
    fn settle<T>(&mut self, report: Report<T>, recorded: Recorded) -> Result<T, Refutation> {
        let Recorded { tick, gas, elapsed, charge } = recorded;
        if let Some(divergence) = report.divergence {
            return Err(self.mismatch(tick, divergence.into()).into());
        }
        let output = match report.outcome {
            Ok(output) => output,
            Err(failure @ Failure::Node { .. }) => return Err(unverified(tick, &failure)),
            Err(failure) if failure.is_cut() => return Err(unverified(tick, &failure)),
            Err(failure) => {
                let (expected, got) = ("success".to_owned(), failure.to_string());
                return Err(self.mismatch(tick, Difference::Outcome { expected, got }).into());
            }
        };
        self.compare_gas(tick, gas, report.usage.gas)?;
        if self.compare_charge(tick, Usage { gas, elapsed }, charge)? {
            let (expected, got) = ("success".to_owned(), BUDGET_EXHAUSTED.to_owned());
            return Err(self.mismatch(tick, Difference::Outcome { expected, got }).into());
        }
        Ok(output)
    }

    fn compare_gas(&self, tick: Tick, expected: Gas, got: Gas) -> Result<(), Mismatch> {
        if expected == got {
            return Ok(());
        }
        Err(self.mismatch(tick, Difference::Gas { expected, got }))
    }

    /// Pays for `usage` and compares the charge; returns whether it exhausted the budget.
    fn compare_charge(
        &mut self,
        tick: Tick,
        usage: Usage,
        recorded: Microcents,
    ) -> Result<bool, Mismatch> {
        let settlement = self.purse.settle(usage);
        let due = settlement.charge;
        if due != recorded {
            return Err(self.mismatch(tick, Difference::Charge { recorded, due }));
        }
        Ok(settlement.is_exhausted)
    }

    fn compare_state(&self, tick: Tick, expected: Hash) -> Result<(), Mismatch> {
        let got = Hash::of(self.state.as_deref().unwrap_or_default());
        if expected == got {
            return Ok(());
        }
        Err(self.mismatch(tick, Difference::State { expected, got, first_byte: None }))
    }

    fn misplaced(&self, kind: &'static str, problem: &str) -> Mismatch {
        let problem = problem.to_owned();
        self.mismatch(self.tick, Difference::Order { kind, problem })
    }

    fn mismatch(&self, tick: Tick, difference: Difference) -> Mismatch {
        Mismatch { tick, difference }
    }

    fn unknown_effect(&self, tick: Tick) -> Refutation {
        let problem = "it has effects that this igor cannot re-execute".to_owned();
        Refutation::Unverified { tick, problem }
    }
}

/// The name of the failure that is no trap: the budget did not last.
pub(crate) const BUDGET_EXHAUSTED: &str = "budget_exhausted";

/// What a record says of a successful operation.
struct Recorded {
    tick: Tick,
    gas: Gas,
    elapsed: Nanos,
    charge: Microcents,
}

fn unverified(tick: Tick, failure: &Failure) -> Refutation {
    Refutation::Unverified { tick, problem: failure.to_string() }
}
