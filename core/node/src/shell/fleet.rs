//! Runs a fleet under tokio: guest work and checks on threads of their own, writing as tasks, timers by
//! the one that is due next. It decides nothing; what is asked of the agents comes through a
//! [`FleetHandle`], and what they tell goes to a sink.

use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use igor_core::format::{AgentId, FundId, Microcents, PublicKey, TransferId};
use igor_core::handoff::{Custody, VerifiedOffer};
use igor_core::lease::{Lease, LeaseTerms, Moment};
use igor_core::storage::{Batch, Committed, StorageError};
use igor_core::{Clock, Storage};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::pool::{Crew, Pool};
use crate::custody::tenure;
use crate::driver::Event;
use crate::event::{RunEvent, StopReason};
use crate::fleet::{Check, Checked, Findings, Fleet, Reading, Task, Work, Worked};
use crate::launch::Launched;

/// What a fleet runs on.
pub struct Deck {
    /// The threads for guest code.
    pub guests: Crew,
    /// The threads for checks.
    pub checks: Crew,
    /// Where the agents are kept.
    pub storage: Arc<dyn Storage>,
    /// What the timers go by.
    pub clock: Arc<dyn Clock>,
    /// For how long it is relied on what was read of who holds the agents; for ever, without.
    pub lease: Option<LeaseTerms>,
}

/// What a fleet tells of one of its agents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// Something happened.
    Event(RunEvent),
    /// This is what it can be offered by, as [`FleetHandle::depart`] asked; [`FleetHandle::keep`] or
    /// [`FleetHandle::go_on`] is to follow.
    Offer(Box<VerifiedOffer>),
    /// It cannot be offered, for this reason, and goes on, or stops as it would have.
    CannotOffer(String),
    /// Nothing was written of its offer, for this reason, and it goes on, or stops.
    NotOffered(String),
    /// Its run is over, for this reason, and nobody holds it any more.
    Ended(StopReason),
    /// It was not taken in, because one of its name is here, or the fleet ends.
    Refused,
}

/// Something that reaches a running fleet.
enum Input {
    Worked(Worked),
    Checked(Checked),
    Found(Findings),
    Committed(Vec<Result<Committed, StorageError>>),
    Panicked(tokio::task::JoinError),
    Order(Order),
}

enum Order {
    Add(Box<Launched>),
    Ask(AgentId, Event),
    /// Answered with whether anybody could hear it.
    AskAnswered(AgentId, Event, tokio::sync::oneshot::Sender<bool>),
    Drain,
    Abandon,
}

/// Asks things of a fleet that runs, or is about to.
#[derive(Clone)]
pub struct FleetHandle(UnboundedSender<Input>);

/// The receiving end of a [`FleetHandle`].
pub struct FleetOrders(UnboundedReceiver<Input>, UnboundedSender<Input>);

impl FleetHandle {
    /// A handle, and what the fleet is to be run with.
    pub fn new() -> (Self, FleetOrders) {
        let (sender, receiver) = unbounded_channel();
        (Self(sender.clone()), FleetOrders(receiver, sender))
    }

    /// Takes an agent in.
    pub fn add(&self, launched: Launched) {
        self.order(Order::Add(Box::new(launched)));
    }

    /// Asks an agent to stop after the running guest call.
    pub fn stop(&self, agent: AgentId) {
        self.order(Order::Ask(agent, Event::Stop));
    }

    /// Asks an agent to run no ticks for now.
    pub fn pause(&self, agent: AgentId) {
        self.order(Order::Ask(agent, Event::Pause));
    }

    /// Asks an agent to run ticks again.
    pub fn unpause(&self, agent: AgentId) {
        self.order(Order::Ask(agent, Event::Unpause));
    }

    /// Adds to the budget of an agent that runs; what comes of it is an event. Answers whether the
    /// agent can hear it.
    pub async fn fund(&self, agent: AgentId, amount: Microcents, id: FundId) -> bool {
        self.ask(agent, Event::Fund { amount, id }).await
    }

    /// Asks for an offer of an agent to the node `target` in this epoch; what comes of it is told. Answers
    /// whether the agent can hear it.
    pub async fn depart(
        &self,
        agent: AgentId,
        transfer: TransferId,
        target: PublicKey,
        epoch: u64,
    ) -> bool {
        self.ask(agent, Event::Depart { transfer, target, epoch }).await
    }

    /// Asks to make the offer of an agent durable, with this custody: its run ends with
    /// [`StopReason::Offered`] then.
    pub fn keep(&self, agent: AgentId, custody: Custody) {
        self.order(Order::Ask(agent, Event::Keep(Box::new(custody))));
    }

    /// Asks an agent to go on without its offer.
    pub fn go_on(&self, agent: AgentId) {
        self.order(Order::Ask(agent, Event::GoOn));
    }

    /// Asks an agent to stop after a last checkpoint, because another engine came to another result.
    pub fn distrust(&self, agent: AgentId, detail: String) {
        self.order(Order::Ask(agent, Event::Distrusted(detail)));
    }

    /// Asks an agent to end at once and to write nothing more, for this reason.
    pub fn halt(&self, agent: AgentId, reason: String) {
        self.order(Order::Ask(agent, Event::Halt(reason)));
    }

    async fn ask(&self, agent: AgentId, event: Event) -> bool {
        let (answer, heard) = tokio::sync::oneshot::channel();
        self.order(Order::AskAnswered(agent, event, answer));
        heard.await.unwrap_or(false)
    }

    /// Takes nobody in any more, asks every agent to stop, and ends the fleet when the last is gone.
    pub fn drain(&self) {
        self.order(Order::Drain);
    }

    /// Ends the fleet at once, as if the process were killed.
    pub fn abandon(&self) {
        self.order(Order::Abandon);
    }

    fn order(&self, order: Order) {
        // A fleet that has ended has nobody to ask.
        let _ = self.0.send(Input::Order(order));
    }
}

/// Runs a fleet until it is drained or abandoned, or until `ends_alone` and no agent is left. When the
/// sink breaks, the agent it was told about is asked to stop. Returns how many agents were abandoned.
///
/// # Errors
/// When a thread cannot be made.
pub async fn run_fleet(
    deck: Deck,
    orders: FleetOrders,
    ends_alone: bool,
    sink: &mut dyn FnMut(&AgentId, Told) -> ControlFlow<()>,
) -> io::Result<usize> {
    let FleetOrders(mut inputs, answers) = orders;
    let mut sailing = Sailing::start(deck, answers, ends_alone)?;
    loop {
        // Whatever is there goes into one batch.
        while let Ok(input) = inputs.try_recv() {
            sailing.take(input, sink);
        }
        sailing.wake();
        sailing.do_all(sink);
        if sailing.is_over() {
            return Ok(sailing.end());
        }
        let wait = sailing.wait();
        tokio::select! {
            biased;
            Some(input) = inputs.recv() => sailing.take(input, sink),
            () = tokio::time::sleep(wait.unwrap_or_default()), if wait.is_some() => {}
        }
    }
}

/// A fleet with its threads.
struct Sailing {
    fleet: Fleet,
    guests: Pool<Work>,
    checks: Pool<Check>,
    storage: Arc<dyn Storage>,
    clock: Arc<dyn Clock>,
    answers: UnboundedSender<Input>,
    ends_alone: bool,
    is_draining: bool,
    is_abandoned: bool,
}

impl Sailing {
    fn start(deck: Deck, answers: UnboundedSender<Input>, ends_alone: bool) -> io::Result<Self> {
        let Deck { guests, checks, storage, clock, lease } = deck;
        let (worked, checked) = (answers.clone(), answers.clone());
        let guests = Pool::start("guest", guests, move |work: Work| {
            let _ = worked.send(Input::Worked(work.carry_out()));
        })?;
        let checks = Pool::start("verifier", checks, move |check: Check| {
            let _ = checked.send(Input::Checked(check.carry_out()));
        })?;
        let lease = lease.map(|terms| Lease::new(terms, Moment::of(&*clock)));
        let fleet = lease.map_or_else(Fleet::default, Fleet::under);
        let (is_draining, is_abandoned) = (false, false);
        Ok(Self {
            fleet,
            guests,
            checks,
            storage,
            clock,
            answers,
            ends_alone,
            is_draining,
            is_abandoned,
        })
    }

    /// Does everything that is to be done now.
    fn do_all(&mut self, sink: &mut dyn FnMut(&AgentId, Told) -> ControlFlow<()>) {
        while let Some(task) = self.fleet.poll() {
            match task {
                Task::Work(work) => self.guests.give(work),
                Task::Check(check) => self.checks.give(check),
                Task::Read(reading) => self.read(reading),
                Task::Emit(agent, event) => {
                    if sink(&agent, Told::Event(event)).is_break() {
                        self.fleet.ask(self.clock.monotonic_ns(), &agent, Event::Stop);
                    }
                }
                Task::Offer(agent, offer) => {
                    let _ = sink(&agent, Told::Offer(offer));
                }
                Task::CannotOffer(agent, why) => {
                    let _ = sink(&agent, Told::CannotOffer(why));
                }
                Task::NotOffered(agent, why) => {
                    let _ = sink(&agent, Told::NotOffered(why));
                }
                Task::Ended(agent, reason) => {
                    let _ = sink(&agent, Told::Ended(reason));
                }
            }
        }
        if let Some(batch) = self.fleet.take_batch() {
            self.write(batch);
        }
    }

    fn write(&self, batch: Batch) {
        let (storage, answers) = (Arc::clone(&self.storage), self.answers.clone());
        let writing = tokio::spawn(async move { storage.commit(batch).await });
        tokio::spawn(async move {
            let input = writing.await.map_or_else(Input::Panicked, Input::Committed);
            let _ = answers.send(input);
        });
    }

    /// A reading that breaks down is not answered, and another one follows when the lease ends.
    fn read(&self, reading: Reading) {
        let (storage, answers) = (Arc::clone(&self.storage), self.answers.clone());
        tokio::spawn(async move {
            let read = |agent, epoch| {
                let storage = Arc::clone(&storage);
                async move { tenure(&*storage, &agent, epoch).await }
            };
            let _ = answers.send(Input::Found(reading.carry_out(read).await));
        });
    }

    fn take(&mut self, input: Input, sink: &mut dyn FnMut(&AgentId, Told) -> ControlFlow<()>) {
        let now = Moment::of(&*self.clock);
        let now_ns = now.monotonic_ns;
        self.fleet.look(now);
        match input {
            Input::Worked(worked) => self.fleet.worked(now_ns, worked),
            Input::Found(findings) => self.fleet.found(now, findings),
            Input::Checked(checked) => self.fleet.checked(now_ns, checked),
            Input::Committed(results) => self.fleet.committed(now_ns, results),
            Input::Panicked(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // The runtime ends, and with it whoever waits for the batch.
                Err(_) => self.is_abandoned = true,
            },
            Input::Order(Order::Add(launched)) if self.is_draining => {
                let _ = sink(launched.driver.agent(), Told::Refused);
            }
            Input::Order(Order::Add(launched)) => {
                if let Err(refused) = self.fleet.add(now_ns, *launched) {
                    let _ = sink(&refused.0, Told::Refused);
                }
            }
            Input::Order(Order::Ask(agent, event)) => {
                self.fleet.ask(now_ns, &agent, event);
            }
            Input::Order(Order::AskAnswered(agent, event, answer)) => {
                let _ = answer.send(self.fleet.ask(now_ns, &agent, event));
            }
            Input::Order(Order::Drain) => {
                self.is_draining = true;
                self.fleet.stop_all(now_ns);
            }
            Input::Order(Order::Abandon) => self.is_abandoned = true,
        }
    }

    fn is_over(&self) -> bool {
        self.is_abandoned || ((self.ends_alone || self.is_draining) && self.fleet.is_empty())
    }

    /// How long until the next timer.
    fn wait(&self) -> Option<Duration> {
        let at_ns = self.fleet.next_timer_ns()?;
        Some(Duration::from_nanos(at_ns.saturating_sub(self.clock.monotonic_ns())))
    }

    fn wake(&mut self) {
        let now = Moment::of(&*self.clock);
        self.fleet.look(now);
        self.fleet.wake(now.monotonic_ns);
    }

    /// Nobody waits for a check any more; guest work is waited for unless it was abandoned.
    fn end(self) -> usize {
        self.checks.detach();
        if self.is_abandoned {
            self.guests.detach();
        }
        self.fleet.len()
    }
}
