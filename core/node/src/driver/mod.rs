//! Drives one agent from start to stop, without doing anything itself: events go in
//! ([`Driver::handle`]), commands come out ([`Driver::poll`]). It reads no clock, calls no guest and
//! touches no storage, so that a shell, a test or a simulator can run it alike. The current time comes
//! with each event, on the clock of [`igor_core::Clock::monotonic_ns`].
//!
//! Ticks do not wait for the disk; what they show does. At most one batch is on its way at a time, and
//! what is recorded meanwhile goes with the next one.

mod books;
mod checking;
mod departure;
mod orders;
mod outcome;

use std::collections::VecDeque;

use igor_core::format::{
    AgentId, FundId, Hash, Microcents, Price, PublicKey, Record, SegmentOpening, Seq,
    StartedRecord, Tick, TickRecord, TransferId,
};
use igor_core::handoff::{Custody, VerifiedOffer};
use igor_core::storage::{Batch, Committed, StorageError};

use crate::event::{RunEvent, Started, StopReason, Stopped, Ticked};
use crate::hostcall::asked;
use crate::incarnation::{Report, TickOutput};
use crate::ledger::{Departure, Ledger};
use crate::purse::Purse;
use crate::verify::{CheckPlan, Checks, Job, RecordedTick, Verification};
use crate::worker::{RecoverError, Recovered};
use orders::Grant;

/// How soon a tick follows one that said it has more work, unless ticks are closer together anyway.
const MORE_WORK_NS: u64 = 10_000_000;

/// How many records may be on their way to the disk before ticks wait.
const BACKLOG_MAX: u64 = 256;

/// What an agent is driven by.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Nanoseconds from the beginning of the run to its first tick.
    pub first_tick_ns: u64,
    /// Nanoseconds between the end of a tick and the next.
    pub tick_interval_ns: u64,
    /// Nanoseconds between checkpoints.
    pub checkpoint_interval_ns: u64,
    /// Stop after this many more ticks.
    pub ticks: Option<u64>,
    /// How what happens is checked by re-execution, if it is.
    pub checks: Option<CheckPlan>,
}

/// A segment that a process before left open.
#[derive(Debug)]
pub(crate) struct Tail {
    /// Its terms.
    pub(crate) opening: SegmentOpening,
    /// What happened in it.
    pub(crate) records: Vec<Record>,
    /// Whether the log goes on with records that never happened, so that the segment must end here.
    pub(crate) is_torn: bool,
}

impl Tail {
    /// Whether its start was paid for.
    pub(crate) fn is_charged(&self) -> bool {
        let is_charge = |record: &Record| matches!(record, Record::Started(started) if !started.charge.is_zero());
        self.records.iter().any(is_charge)
    }
}

/// Something that happened.
#[derive(Debug)]
pub enum Event {
    /// The records that [`Command::Recover`] named were repeated, or not.
    Recovered(Result<Recovered, RecoverError>),
    /// The incarnation that [`Command::Start`] asked for was started, or not.
    Started(Report<Option<Vec<u8>>>),
    /// The tick that [`Command::Tick`] asked for was run.
    Ticked(Report<TickOutput>),
    /// The batch of [`Command::Commit`] was written, or not.
    Committed(Result<Committed, StorageError>),
    /// The check of [`Command::Verify`] came to its end.
    Verified(Verification),
    /// The time of [`Command::SetTimer`] has come.
    Timer,
    /// The run is to end.
    Stop,
    /// No tick is to be run until [`Event::Unpause`].
    Pause,
    /// Ticks are to be run again.
    Unpause,
    /// It is not certain that the agent may be ticked here: no tick is to be begun until [`Event::Assured`].
    Doubted,
    /// The agent may be ticked here.
    Assured,
    /// This is to be added to the budget; answered by [`RunEvent::Granted`] or
    /// [`RunEvent::NotGranted`].
    Fund {
        /// How much.
        amount: Microcents,
        /// Names the fund record; never used before.
        id: FundId,
    },
    /// The agent is to be offered to another node: as soon as nothing is running, its last checkpoint is
    /// built. Answered by [`Command::Offer`] or [`Command::CannotOffer`].
    Depart {
        /// The name of the attempt.
        transfer: TransferId,
        /// Where to.
        target: PublicKey,
        /// The epoch that begins there.
        epoch: u64,
    },
    /// The offer of [`Command::Offer`] is to be made durable with this custody, which says so. Then the run
    /// ends with [`StopReason::Offered`]; or [`Command::NotOffered`] says that nothing was written. If the run
    /// ends otherwise, it is not known what was written.
    Keep(Box<Custody>),
    /// The agent is to go on without the offer of [`Command::Offer`].
    GoOn,
    /// The run is to end after a last checkpoint, because another engine came to another result, which this says; the
    /// operator is to decide how it goes on.
    Distrusted(String),
    /// The run is to end at once, for this reason, and nothing more is to be written: it is not certain
    /// that the agent may be ticked here.
    Halt(String),
    /// Whoever ran the agent's guest code broke down, so that nothing is known of its incarnation.
    Lost(String),
}

/// Something to be done. Commands are carried out in order; those that have an event are answered by
/// exactly one. [`Command::Commit`] and [`Command::Verify`] may be answered later, while other commands
/// are carried out.
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
    /// Start an incarnation from this state and repeat what is journaled of it, so that it stands
    /// where it stood.
    Recover {
        /// The state to start from.
        state: Option<Vec<u8>>,
        /// The terms.
        opening: Box<SegmentOpening>,
        /// What happened.
        records: Vec<Record>,
    },
    /// Run the tick of this number in the running incarnation.
    Tick(Tick),
    /// Write this batch, which has one group.
    Commit(Batch),
    /// Check this, beside everything else.
    Verify(Job),
    /// Wake the driver at this time; replaces any earlier timer.
    SetTimer(u64),
    /// Tell whoever listens.
    Emit(RunEvent),
    /// This is what the agent can be offered by; nothing of it is durable. Answered by [`Event::Keep`] or
    /// [`Event::GoOn`].
    Offer(Box<VerifiedOffer>),
    /// The agent cannot be offered, for this reason; it goes on, or stops as it would have.
    CannotOffer(String),
    /// The offer was not made durable, for this reason; the agent goes on, or stops.
    NotOffered(String),
    /// The run is over.
    Finish(StopReason),
}

#[derive(Debug, PartialEq, Eq)]
enum Phase {
    /// What a process before journaled is being repeated.
    Recovering,
    /// The first incarnation of an agent that has never run is being started.
    Genesis,
    /// An incarnation is being started from a state.
    Starting,
    /// Nothing is running.
    Waiting,
    /// A tick is running.
    Ticking,
    /// A checkpoint is due or being written; then this follows.
    Closing(After),
    /// Money is being written down.
    Granting(Grant),
    /// An offer is built, and it is to be said whether it is made.
    Offering,
    /// The offer is being written.
    Leaving,
    /// All is written; a check may still find something before the run ends.
    Checking(Stop),
    /// Nothing more happens.
    Finished,
}

/// What follows a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
enum After {
    /// A new incarnation.
    Start,
    /// Money that was asked for, then a new incarnation.
    Grant,
    /// An offer to another node, which brings a checkpoint of its own.
    Depart,
    /// The end of the run.
    Finish(Stop),
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
    /// What a nominal second costs from the next segment on.
    price: Price,
    ledger: Ledger,
    tail: Option<Tail>,
    tick: Tick,
    state: Option<Vec<u8>>,
    /// Told once the agent can tick.
    introduction: Option<Started>,
    phase: Phase,
    commands: VecDeque<Command>,
    /// What may be shown once the journal is durable up to there.
    held: VecDeque<(Seq, RunEvent)>,
    checks: Option<Checks>,
    /// The state that the incarnation began with, if segments are checked, and after which tick.
    opened_with: (Option<Vec<u8>>, Tick),
    /// How the run is to end as soon as nothing is running.
    due_stop: Option<Stop>,
    is_stop_asked: bool,
    is_paused: bool,
    is_doubted: bool,
    /// Whether the agent is to go to another node instead of ticking on here.
    is_exiled: bool,
    /// Why, until it is told.
    untold_exile: Option<String>,
    /// What was told last of whether it pauses.
    is_pause_told: bool,
    /// Money that was asked for and is not yet given.
    grants: VecDeque<Grant>,
    /// Where the agent is to go as soon as nothing is running.
    departure: Option<Departure>,
    has_news: bool,
    /// Whether there is an incarnation that can tick on.
    is_standing: bool,
    /// Whether the journal waits for space.
    is_short: bool,
    /// Whether the segment that is open cannot be continued.
    is_torn: bool,
    ticks_left: Option<u64>,
    next_tick_ns: u64,
    next_checkpoint_ns: u64,
    retry_ns: u64,
}

/// What an agent's driver begins with.
pub(crate) struct Beginning {
    /// The agent's books.
    pub(crate) ledger: Ledger,
    /// What guest work is paid from.
    pub(crate) purse: Purse,
    /// What a nominal second costs here.
    pub(crate) price: Price,
    /// The state to continue from, or nothing for an agent that has never run.
    pub(crate) state: Option<Vec<u8>>,
    /// What a process before left open.
    pub(crate) tail: Option<Tail>,
    /// What is told once the agent can tick; tick and budget are brought up to date then.
    pub(crate) introduction: Started,
}

impl Driver {
    /// A driver for an agent.
    pub(crate) fn new(plan: Plan, beginning: Beginning) -> Self {
        let Beginning { ledger, purse, price, state, tail, introduction } = beginning;
        Self {
            price,
            purse,
            tick: introduction.tick,
            ledger,
            tail,
            state,
            introduction: Some(introduction),
            phase: Phase::Waiting,
            commands: VecDeque::new(),
            held: VecDeque::new(),
            checks: plan.checks.clone().map(Checks::new),
            opened_with: (None, Tick(0)),
            due_stop: None,
            is_stop_asked: false,
            is_paused: false,
            is_doubted: false,
            is_exiled: false,
            untold_exile: None,
            is_pause_told: false,
            grants: VecDeque::new(),
            departure: None,
            has_news: false,
            is_standing: false,
            is_short: false,
            is_torn: false,
            ticks_left: plan.ticks,
            next_tick_ns: u64::MAX,
            next_checkpoint_ns: u64::MAX,
            retry_ns: u64::MAX,
            plan,
        }
    }

    /// Begins the run; to be called once, before anything else.
    pub fn begin(&mut self, now_ns: u64) {
        self.next_tick_ns = now_ns.saturating_add(self.plan.first_tick_ns);
        self.next_checkpoint_ns = now_ns.saturating_add(self.plan.checkpoint_interval_ns);
        if let Some(Tail { opening, records, is_torn }) = self.tail.take() {
            self.phase = Phase::Recovering;
            self.is_torn = is_torn;
            self.take_up_checks(&records);
            if !is_torn {
                self.ledger.own(opening.clone());
                self.flush();
            }
            let (state, opening) = (self.state.clone(), Box::new(opening));
            self.commands.push_back(Command::Recover { state, opening, records });
        } else if self.purse.budget.is_zero() {
            self.finish(StopReason::BudgetExhausted.into());
        } else {
            if !self.ledger.is_unborn() {
                self.purse.price = self.price;
                self.ledger.open_segment(self.tick, &self.purse);
                self.flush();
            }
            self.start();
        }
    }

    /// The next thing to be done; `None` until another event comes.
    pub fn poll(&mut self) -> Option<Command> {
        self.commands.pop_front()
    }

    /// The agent's name on this node.
    pub fn agent(&self) -> &AgentId {
        self.ledger.agent()
    }

    /// Whether it is being written that the agent is offered to another node.
    pub(crate) fn is_leaving(&self) -> bool {
        self.phase == Phase::Leaving
    }

    /// The epoch in which the agent is held here.
    pub(crate) const fn epoch(&self) -> u64 {
        self.ledger.held_in()
    }

    /// What guest work is paid from.
    pub fn purse(&self) -> &Purse {
        &self.purse
    }

    /// Takes in what happened.
    pub fn handle(&mut self, now_ns: u64, event: Event) {
        if self.phase == Phase::Finished {
            return;
        }
        match event {
            Event::Recovered(result) => self.recovered(now_ns, result),
            Event::Started(report) => self.started(now_ns, report),
            Event::Ticked(report) => self.ticked(now_ns, report),
            Event::Committed(result) => self.committed(now_ns, result),
            Event::Verified(verification) => self.verified(now_ns, &verification),
            Event::Timer => match &self.phase {
                Phase::Waiting => self.proceed(now_ns),
                Phase::Closing(_) => self.save_again(now_ns),
                Phase::Checking(stop) => self.finish(stop.clone()),
                _ => {}
            },
            Event::Pause => self.pause(now_ns),
            Event::Unpause => self.unpause(now_ns),
            Event::Doubted => self.doubt(now_ns, true),
            Event::Assured => self.doubt(now_ns, false),
            Event::Fund { amount, id } => self.fund(now_ns, amount, id),
            Event::Depart { transfer, target, epoch } => {
                self.depart(now_ns, transfer, target, epoch);
            }
            Event::Keep(custody) => self.keep(now_ns, &custody),
            Event::GoOn if self.phase == Phase::Offering => self.spare(now_ns),
            Event::GoOn => {}
            Event::Distrusted(detail) => self.distrust(now_ns, StopReason::Divergence, detail),
            Event::Halt(reason) => {
                let detail = Some(reason);
                self.finish(Stop { reason: StopReason::RecoveryRequired, detail });
            }
            // What is being written decides how the run ends.
            Event::Lost(cause) if self.phase == Phase::Leaving => {
                self.due_stop = Some(Stop { reason: StopReason::Fault, detail: Some(cause) });
            }
            Event::Lost(cause) => {
                self.finish(Stop { reason: StopReason::Fault, detail: Some(cause) });
            }
            Event::Stop => {
                self.is_stop_asked = true;
                match &self.phase {
                    Phase::Waiting => self.stop(now_ns, StopReason::Signal.into()),
                    Phase::Closing(_) => self.save_again(now_ns),
                    Phase::Checking(stop) => self.finish(stop.clone()),
                    _ => {}
                }
            }
        }
    }

    fn start(&mut self) {
        self.purse.price = self.price;
        self.phase = if self.state.is_some() { Phase::Starting } else { Phase::Genesis };
        self.ledger.open_segment(self.tick, &self.purse);
        if self.checks.is_some() {
            self.opened_with = (self.state.clone(), self.tick);
        }
        self.commands.push_back(Command::Start { tick: self.tick, state: self.state.clone() });
    }

    fn recovered(&mut self, now_ns: u64, result: Result<Recovered, RecoverError>) {
        let Recovered { purse, tick, state, is_running, ticks } = match result {
            Ok(recovered) => recovered,
            Err(RecoverError::Cancelled) => return self.finish(StopReason::Signal.into()),
            Err(error) => {
                let detail = Some(error.to_string());
                return self.finish(Stop { reason: StopReason::RecoveryRequired, detail });
            }
        };
        (self.purse, self.tick, self.state) = (purse, tick, state);
        self.has_news = self.ledger.has_news();
        self.is_standing = is_running && !self.is_torn;
        if self.ticks_left != Some(0)
            && (!is_running || self.is_torn || self.purse.budget.is_zero())
        {
            return self.close(now_ns, After::Start);
        }
        self.introduce();
        if ticks > 0 {
            let plural = if ticks == 1 { "" } else { "s" };
            let agent = self.ledger.agent();
            self.emit(RunEvent::Notice(format!(
                "{ticks} tick{plural} of {agent} since its last checkpoint came from the journal"
            )));
        }
        self.wait(now_ns);
    }

    fn started(&mut self, now_ns: u64, report: Report<Option<Vec<u8>>>) {
        let is_genesis = self.phase == Phase::Genesis;
        let Report { outcome, usage, observations, lines, .. } = report;
        let settled = self.settle(outcome, usage, observations, None);
        match settled {
            Ok(settled) => {
                self.is_standing = true;
                if let Some(checks) = &mut self.checks {
                    checks.started(&settled.observations);
                }
                if is_genesis {
                    self.state = settled.output;
                }
                let state = Hash::of(self.state.as_deref().unwrap_or_default());
                self.ledger.write(|| {
                    Record::Started(StartedRecord {
                        gas: usage.gas,
                        elapsed: usage.elapsed,
                        charge: settled.charge,
                        state,
                        observations: settled.observations,
                    })
                });
                self.show(self.tick, lines);
                if is_genesis {
                    return self.close(now_ns, After::Start);
                }
                self.introduce();
                self.wait(now_ns);
            }
            // A first start that fails leaves no agent behind.
            Err(stop) if is_genesis => {
                self.show_at_once(self.tick, lines);
                self.finish(stop);
            }
            Err(stop) => {
                self.show(self.tick, lines);
                self.stop(now_ns, stop);
            }
        }
    }

    fn ticked(&mut self, now_ns: u64, report: Report<TickOutput>) {
        let tick = Tick(self.tick.0.saturating_add(1));
        let Report { outcome, usage, observations, lines, .. } = report;
        let settled = match self.settle(outcome, usage, observations, Some(tick)) {
            Ok(settled) => settled,
            Err(stop) => {
                self.show(tick, lines);
                return self.stop(now_ns, stop);
            }
        };
        let TickOutput { more, state } = settled.output;
        self.tick = tick;
        self.has_news = true;
        self.ticks_left = self.ticks_left.map(|left| left.saturating_sub(1));
        let ticked = Ticked {
            tick,
            gas: usage.gas,
            charge: settled.charge,
            budget: self.purse.budget,
            observations: settled.observations.len(),
            elapsed: usage.elapsed,
            state_hash: Hash::of(&state),
            more,
        };
        let wish = asked(&settled.observations);
        let before = self.state.replace(state);
        self.check_tick(&ticked, &settled.observations, before);
        self.ledger.write(|| {
            Record::Tick(TickRecord {
                tick,
                more,
                gas: ticked.gas,
                elapsed: ticked.elapsed,
                charge: ticked.charge,
                state: ticked.state_hash,
                observations: settled.observations,
            })
        });
        self.show(tick, lines);
        self.emit(RunEvent::Ticked(ticked));
        if let Some(wish) = wish {
            self.emit(RunEvent::AsksToMove { tick, wish });
        }
        let interval_ns = if more {
            self.plan.tick_interval_ns.min(MORE_WORK_NS)
        } else {
            self.plan.tick_interval_ns
        };
        self.next_tick_ns = now_ns.saturating_add(interval_ns);
        self.wait(now_ns);
    }

    fn introduce(&mut self) {
        if let Some(mut started) = self.introduction.take() {
            started.tick = self.tick;
            started.budget = self.purse.budget;
            started.price = self.purse.price;
            self.emit(RunEvent::Started(started));
        }
    }

    /// Goes on as soon as it is time, unless the run is to end.
    fn wait(&mut self, now_ns: u64) {
        self.phase = Phase::Waiting;
        if let Some(stop) = self.due_stop.take() {
            self.stop(now_ns, stop);
        } else if !self.grants.is_empty() {
            self.close(now_ns, After::Grant);
        } else if self.purse.budget.is_zero() {
            self.stop(now_ns, StopReason::BudgetExhausted.into());
        } else if self.ticks_left == Some(0) {
            self.stop(now_ns, StopReason::Ticks.into());
        } else if self.is_stop_asked {
            self.stop(now_ns, StopReason::Signal.into());
        } else if self.departure.is_some() {
            self.close(now_ns, After::Depart);
        } else {
            self.proceed(now_ns);
        }
    }

    fn proceed(&mut self, now_ns: u64) {
        self.tell_rest();
        if self.is_short && now_ns < self.retry_ns {
            return self.commands.push_back(Command::SetTimer(self.retry_ns));
        }
        self.flush();
        if self.is_short || self.ledger.backlog() >= BACKLOG_MAX {
            // Goes on when the batch on its way is written, or not.
            return;
        }
        let rests = self.is_paused || self.is_doubted || self.is_exiled;
        let next_tick_ns = if rests { u64::MAX } else { self.next_tick_ns };
        let checkpoint_ns = if self.has_news { self.next_checkpoint_ns } else { u64::MAX };
        if checkpoint_ns <= now_ns || self.ledger.is_segment_full() {
            self.close(now_ns, After::Start);
        } else if next_tick_ns <= now_ns {
            self.phase = Phase::Ticking;
            self.commands.push_back(Command::Tick(Tick(self.tick.0.saturating_add(1))));
        } else {
            let at_ns = checkpoint_ns.min(next_tick_ns);
            self.commands.push_back(Command::SetTimer(at_ns));
        }
    }

    /// Ends the run after a last checkpoint.
    fn stop(&mut self, now_ns: u64, stop: Stop) {
        self.close(now_ns, After::Finish(stop));
    }

    /// Ends the run. What is still held back was not made durable and is not shown.
    fn finish(&mut self, stop: Stop) {
        self.deny_all("it stopped");
        self.deny_departure();
        let Stop { reason, detail } = stop;
        let (tick, budget) = (self.tick, self.purse.budget);
        let stopped = RunEvent::Stopped(Stopped { reason, tick, budget, detail });
        self.commands.push_back(Command::Emit(stopped));
        self.end(reason);
    }

    /// Does nothing more but telling.
    fn end(&mut self, reason: StopReason) {
        self.phase = Phase::Finished;
        let tells = |command: &Command| {
            matches!(command, Command::Emit(_) | Command::CannotOffer(_) | Command::NotOffered(_))
        };
        self.commands.retain(tells);
        self.commands.push_back(Command::Finish(reason));
    }
}

#[cfg(test)]
mod tests;
