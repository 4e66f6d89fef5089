//! Drives one agent from start to stop, without doing anything itself: events go in
//! ([`Driver::handle`]), commands come out ([`Driver::poll`]). It reads no clock, calls no guest and
//! touches no storage, so that a shell, a test or a simulator can run it alike. The current time comes
//! with each event, on the clock of [`igor_core::Clock::monotonic_ns`].

use std::collections::VecDeque;

use igor_core::format::{Hash, Microcents, Tick};
use igor_core::storage::{Batch, Committed, StorageError};
use igor_core::trap::Trap;

use crate::event::{RunEvent, Started, StopReason, Stopped, Ticked};
use crate::incarnation::{Failure, Report, TickOutput};
use crate::ledger::{Ledger, Snapshot};
use crate::purse::Purse;

/// How soon a tick follows one that said it has more work, unless ticks are closer together anyway.
const MORE_WORK_NS: u64 = 10_000_000;

/// What an agent is driven by.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Nanoseconds between the end of a tick and the next.
    pub tick_interval_ns: u64,
    /// Nanoseconds between checkpoints.
    pub checkpoint_interval_ns: u64,
    /// Stop after this many more ticks.
    pub ticks: Option<u64>,
}

/// Something that happened.
#[derive(Debug)]
pub enum Event {
    /// The incarnation that [`Command::Start`] asked for was started, or not.
    Started(Report<Option<Vec<u8>>>),
    /// The tick that [`Command::Tick`] asked for was run.
    Ticked(Report<TickOutput>),
    /// The batch of [`Command::Commit`] was written, or not.
    Committed(Result<Committed, StorageError>),
    /// The time of [`Command::SetTimer`] has come.
    Timer,
    /// The run is to end.
    Stop,
}

/// Something to be done. Commands are carried out in order; those that have an event are answered by
/// exactly one.
#[derive(Debug)]
pub enum Command {
    /// Drop the running incarnation and start a new one from this state, or from nothing for an
    /// agent that has never run.
    Start {
        /// How many ticks are committed.
        tick: Tick,
        /// The state to start from.
        state: Option<Vec<u8>>,
    },
    /// Run the tick of this number in the running incarnation.
    Tick(Tick),
    /// Write this batch, which has one group.
    Commit(Batch),
    /// Wake the driver at this time; replaces any earlier timer.
    SetTimer(u64),
    /// Tell whoever listens.
    Emit(RunEvent),
    /// The run is over.
    Finish(StopReason),
}

#[derive(Debug, PartialEq, Eq)]
enum Phase {
    /// The first incarnation of an agent that has never run is being started.
    Genesis,
    /// An incarnation is being started from a state.
    Starting,
    /// Nothing is running.
    Waiting,
    /// A tick is running.
    Ticking,
    /// A checkpoint is being written, after which a new incarnation is started.
    Saving,
    /// The last checkpoint is being written.
    Stopping(Stop),
    /// Nothing more happens.
    Finished,
}

/// Why a run ends, and what exactly happened.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stop {
    reason: StopReason,
    detail: Option<String>,
}

impl From<StopReason> for Stop {
    fn from(reason: StopReason) -> Self {
        Self { reason, detail: None }
    }
}

/// The driver of one agent.
pub struct Driver {
    plan: Plan,
    purse: Purse,
    ledger: Ledger,
    tick: Tick,
    state: Option<Vec<u8>>,
    /// Told once the agent can tick.
    introduction: Option<Started>,
    phase: Phase,
    commands: VecDeque<Command>,
    is_stop_asked: bool,
    has_news: bool,
    ticks_left: Option<u64>,
    next_tick_ns: u64,
    next_checkpoint_ns: u64,
}

impl Driver {
    /// A driver for the agent of `ledger`, which continues from `state` or has never run. What
    /// `introduction` says about tick and budget is brought up to date when it is told.
    pub fn new(
        plan: Plan,
        ledger: Ledger,
        purse: Purse,
        state: Option<Vec<u8>>,
        introduction: Started,
    ) -> Self {
        Self {
            purse,
            tick: introduction.tick,
            ledger,
            state,
            introduction: Some(introduction),
            phase: Phase::Waiting,
            commands: VecDeque::new(),
            is_stop_asked: false,
            has_news: false,
            ticks_left: plan.ticks,
            next_tick_ns: u64::MAX,
            next_checkpoint_ns: u64::MAX,
            plan,
        }
    }

    /// Begins the run; to be called once, before anything else.
    pub fn begin(&mut self, now_ns: u64) {
        self.next_tick_ns = now_ns.saturating_add(self.plan.tick_interval_ns);
        self.next_checkpoint_ns = now_ns.saturating_add(self.plan.checkpoint_interval_ns);
        if self.purse.budget.is_zero() {
            self.finish(StopReason::BudgetExhausted.into());
        } else {
            self.start();
        }
    }

    /// The next thing to be done; `None` until another event comes.
    pub fn poll(&mut self) -> Option<Command> {
        self.commands.pop_front()
    }

    /// What guest work is paid from.
    pub fn purse(&self) -> &Purse {
        &self.purse
    }

    /// Takes in what happened.
    pub fn handle(&mut self, now_ns: u64, event: Event) {
        match event {
            Event::Started(report) => self.started(now_ns, report),
            Event::Ticked(report) => self.ticked(now_ns, report),
            Event::Committed(result) => self.committed(now_ns, result),
            Event::Timer if self.phase == Phase::Waiting => self.proceed(now_ns),
            Event::Timer => {}
            Event::Stop => {
                self.is_stop_asked = true;
                if self.phase == Phase::Waiting {
                    self.stop(StopReason::Signal.into());
                }
            }
        }
    }

    fn start(&mut self) {
        self.phase = if self.state.is_some() { Phase::Starting } else { Phase::Genesis };
        self.commands.push_back(Command::Start { tick: self.tick, state: self.state.clone() });
    }

    fn started(&mut self, now_ns: u64, report: Report<Option<Vec<u8>>>) {
        let is_genesis = self.phase == Phase::Genesis;
        let failure = self.settle(report.lines, self.tick, report.outcome, report.usage);
        match failure {
            Ok((Some(state), _)) if is_genesis => {
                self.state = Some(state);
                self.save(Phase::Saving);
            }
            Ok(_) => {
                self.introduce();
                self.wait(now_ns);
            }
            // A first start that fails leaves no agent behind.
            Err(stop) if is_genesis => self.finish(stop),
            Err(stop) => self.stop(stop),
        }
    }

    fn ticked(&mut self, now_ns: u64, report: Report<TickOutput>) {
        let tick = Tick(self.tick.0.saturating_add(1));
        let usage = report.usage;
        let observations = report.observations.len();
        let (output, charge) = match self.settle(report.lines, tick, report.outcome, usage) {
            Ok(settled) => settled,
            Err(stop) => return self.stop(stop),
        };
        self.tick = tick;
        self.has_news = true;
        self.ticks_left = self.ticks_left.map(|left| left.saturating_sub(1));
        self.emit(RunEvent::Ticked(Ticked {
            tick,
            gas: usage.gas,
            charge,
            budget: self.purse.budget,
            observations,
            elapsed: usage.elapsed,
            state_hash: Hash::of(&output.state),
            more: output.more,
        }));
        self.state = Some(output.state);
        let interval_ns = if output.more {
            self.plan.tick_interval_ns.min(MORE_WORK_NS)
        } else {
            self.plan.tick_interval_ns
        };
        self.next_tick_ns = now_ns.saturating_add(interval_ns);
        self.wait(now_ns);
    }

    /// Charges what an operation used and decides whether what it did counts.
    fn settle<T>(
        &mut self,
        lines: Vec<String>,
        tick: Tick,
        outcome: Result<T, Failure>,
        usage: igor_core::meter::Usage,
    ) -> Result<(T, Microcents), Stop> {
        for message in lines {
            self.emit(RunEvent::Logged { tick, message });
        }
        if let Err(failure @ Failure::Node { .. }) = &outcome {
            return Err(Stop { reason: StopReason::Fault, detail: Some(failure.to_string()) });
        }
        let settlement = self.purse.settle(usage);
        if settlement.is_exhausted {
            return Err(StopReason::BudgetExhausted.into());
        }
        match outcome {
            Ok(output) => Ok((output, settlement.charge)),
            Err(Failure::Trap { trap: Trap::Cancelled, .. }) => Err(StopReason::Signal.into()),
            Err(failure @ Failure::Trap { trap: Trap::Deadline, .. }) => {
                Err(Stop { reason: StopReason::Timeout, detail: Some(failure.to_string()) })
            }
            Err(failure) => {
                Err(Stop { reason: StopReason::Trap, detail: Some(failure.to_string()) })
            }
        }
    }

    fn introduce(&mut self) {
        if let Some(mut started) = self.introduction.take() {
            started.tick = self.tick;
            started.budget = self.purse.budget;
            self.emit(RunEvent::Started(started));
        }
    }

    /// Goes on as soon as it is time, unless the run is to end.
    fn wait(&mut self, now_ns: u64) {
        self.phase = Phase::Waiting;
        if self.purse.budget.is_zero() {
            self.stop(StopReason::BudgetExhausted.into());
        } else if self.ticks_left == Some(0) {
            self.stop(StopReason::Ticks.into());
        } else if self.is_stop_asked {
            self.stop(StopReason::Signal.into());
        } else {
            self.proceed(now_ns);
        }
    }

    fn proceed(&mut self, now_ns: u64) {
        let checkpoint_ns = if self.has_news { self.next_checkpoint_ns } else { u64::MAX };
        if checkpoint_ns <= now_ns {
            self.save(Phase::Saving);
        } else if self.next_tick_ns <= now_ns {
            self.phase = Phase::Ticking;
            self.commands.push_back(Command::Tick(Tick(self.tick.0.saturating_add(1))));
        } else {
            let at_ns = checkpoint_ns.min(self.next_tick_ns);
            self.commands.push_back(Command::SetTimer(at_ns));
        }
    }

    /// Writes a checkpoint; `phase` says what follows.
    fn save(&mut self, phase: Phase) {
        let snapshot = Snapshot {
            tick: self.tick,
            budget: self.purse.budget,
            carry: self.purse.carry,
            price: self.purse.price,
            state: self.state.as_deref().unwrap_or_default(),
        };
        match self.ledger.save(&snapshot) {
            Some(batch) => {
                self.phase = phase;
                self.commands.push_back(Command::Commit(batch));
            }
            None => match phase {
                Phase::Stopping(stop) => self.finish(stop),
                _ => self.start(),
            },
        }
    }

    fn committed(&mut self, now_ns: u64, result: Result<Committed, StorageError>) {
        let phase = std::mem::replace(&mut self.phase, Phase::Waiting);
        let is_first = self.ledger.is_unborn();
        match result {
            Ok(committed) => {
                let hash = self.ledger.committed(&committed);
                self.has_news = false;
                self.next_checkpoint_ns = now_ns.saturating_add(self.plan.checkpoint_interval_ns);
                self.introduce();
                self.emit(RunEvent::Checkpointed { tick: self.tick, hash });
                match phase {
                    Phase::Stopping(stop) => self.finish(stop),
                    _ if self.purse.budget.is_zero() => {
                        self.finish(StopReason::BudgetExhausted.into());
                    }
                    _ => self.start(),
                }
            }
            Err(error @ StorageError::NoSpace { .. }) if phase == Phase::Saving && !is_first => {
                self.emit(RunEvent::Notice(format!(
                    "no checkpoint was written, the next interval tries again: {error}"
                )));
                self.next_checkpoint_ns = now_ns.saturating_add(self.plan.checkpoint_interval_ns);
                self.wait(now_ns);
            }
            Err(error) => {
                let detail = Some(error.to_string());
                self.finish(Stop { reason: StopReason::Storage, detail });
            }
        }
    }

    /// Ends the run after a last checkpoint.
    fn stop(&mut self, stop: Stop) {
        self.save(Phase::Stopping(stop));
    }

    /// Ends the run.
    fn finish(&mut self, stop: Stop) {
        self.phase = Phase::Finished;
        let Stop { reason, detail } = stop;
        let (tick, budget) = (self.tick, self.purse.budget);
        self.emit(RunEvent::Stopped(Stopped { reason, tick, budget, detail }));
        self.commands.push_back(Command::Finish(reason));
    }

    fn emit(&mut self, event: RunEvent) {
        self.commands.push_back(Command::Emit(event));
    }
}

#[cfg(test)]
mod tests;
