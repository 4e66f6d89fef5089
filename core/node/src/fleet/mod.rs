//! Many agents side by side, each with its own driver, without doing anything itself: what happened goes
//! in, what is to be done comes out ([`Fleet::poll`]). It keeps the agents' timers, hands out guest work
//! so that any thread can do it, and gathers what agents write into batches. It reads no clock, starts
//! no thread and touches no store; what an agent does is the same as if it were alone.

mod tenure;
mod work;

use std::collections::{BTreeMap, HashMap, VecDeque};

use igor_core::format::AgentId;
use igor_core::handoff::VerifiedOffer;
use igor_core::lease::{Lease, Moment};
use igor_core::storage::{Batch, Committed, Group, Hold, StorageError};

use crate::commit::unanswered;
use crate::driver::{Command, Driver, Event};
use crate::event::{RunEvent, StopReason};
use crate::launch::Launched;
use crate::timers::Timers;
use crate::verify::{Job, Verifier};
use crate::worker::Worker;

pub use tenure::{Findings, Reading};
use tenure::{Look, Tenancies, Verdict};
pub use work::{Check, Checked, Work, Worked};

/// An agent's place in a fleet. Never given twice, so that an answer that comes late finds nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Seat(u64);

/// Something to be done for one of the agents.
pub enum Task {
    /// Run guest code; answered by [`Fleet::worked`].
    Work(Work),
    /// Check what happened; answered by [`Fleet::checked`].
    Check(Check),
    /// Read who holds these agents; answered by [`Fleet::found`].
    Read(Reading),
    /// Tell whoever listens to this agent.
    Emit(AgentId, RunEvent),
    /// This is what the agent can be offered by; answered by [`Fleet::ask`] with [`Event::Keep`] or
    /// [`Event::GoOn`].
    Offer(AgentId, Box<VerifiedOffer>),
    /// The agent cannot be offered, for this reason.
    CannotOffer(AgentId, String),
    /// The offer was not made durable, for this reason.
    NotOffered(AgentId, String),
    /// Nothing is left of this agent here, and others may claim it.
    Ended(AgentId, StopReason),
}

/// The agents of one node.
#[derive(Default)]
pub struct Fleet {
    agents: BTreeMap<Seat, Agent>,
    seats: HashMap<AgentId, Seat>,
    timers: Timers<Seat>,
    tenancies: Option<Tenancies>,
    tasks: VecDeque<Task>,
    /// What waits to be written.
    gathered: Vec<(Seat, Group)>,
    /// Whose groups are being written, in the batch's order.
    writing: Vec<Seat>,
    seats_given: u64,
}

struct Agent {
    name: AgentId,
    driver: Driver,
    worker: Desk<Worker>,
    verifier: Desk<Verifier>,
    jobs: VecDeque<Job>,
    /// Told after the first event, which says what was launched.
    notices: Vec<String>,
    is_writing: bool,
    ended: Option<StopReason>,
    #[expect(dead_code, reason = "held for their drop")]
    holds: [Hold; 2],
}

/// Where somebody is who works for an agent.
enum Desk<T> {
    /// There, with nothing to do.
    Here(T),
    /// Doing something.
    Away,
    /// There is nobody.
    Empty,
}

impl<T> Desk<T> {
    fn leave(&mut self) -> Option<T> {
        match std::mem::replace(self, Self::Away) {
            Self::Here(who) => Some(who),
            other => {
                *self = other;
                None
            }
        }
    }
}

/// An agent of this name is in the fleet already.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} runs here already")]
pub struct AlreadyHere(pub AgentId);

impl Fleet {
    /// No agents yet, under this lease.
    pub fn under(lease: Lease) -> Self {
        Self { tenancies: Some(Tenancies::new(lease)), ..Self::default() }
    }

    /// How many agents there are.
    pub fn len(&self) -> usize {
        self.agents.len()
    }

    /// Whether there is no agent.
    pub fn is_empty(&self) -> bool {
        self.agents.is_empty()
    }

    /// Takes an agent in and begins its run. What time it is was made known by [`Fleet::look`].
    ///
    /// # Errors
    /// When it is here already.
    pub fn add(&mut self, now_ns: u64, launched: Launched) -> Result<(), AlreadyHere> {
        let Launched { driver, worker, verifier, notices, holds, read } = launched;
        let name = driver.agent().clone();
        if self.seats.contains_key(&name) {
            return Err(AlreadyHere(name));
        }
        let seat = Seat(self.seats_given);
        self.seats_given = self.seats_given.saturating_add(1);
        let agent = Agent {
            name: name.clone(),
            driver,
            worker: Desk::Here(worker),
            verifier: verifier.map_or(Desk::Empty, Desk::Here),
            jobs: VecDeque::new(),
            notices,
            is_writing: false,
            ended: None,
            holds,
        };
        self.seats.insert(name, seat);
        self.agents.insert(seat, agent);
        let tenancies = self.tenancies.as_mut();
        let is_doubted = tenancies.zip(read).is_some_and(|(them, read)| them.join(seat, read));
        self.with(seat, |agent| agent.driver.begin(now_ns));
        if is_doubted {
            self.handle(now_ns, seat, Event::Doubted);
        }
        Ok(())
    }

    /// Hands an event from outside to the agent of this name: [`Event::Stop`], [`Event::Pause`],
    /// [`Event::Unpause`], [`Event::Fund`], [`Event::Depart`], [`Event::Keep`], [`Event::GoOn`],
    /// [`Event::Distrusted`] or [`Event::Halt`]. Says whether there is such an agent that can hear it.
    pub fn ask(&mut self, now_ns: u64, name: &AgentId, event: Event) -> bool {
        let Some(seat) = self.seats.get(name).copied() else { return false };
        let hears = self.agents.get(&seat).is_some_and(|agent| agent.ended.is_none());
        if hears {
            self.handle(now_ns, seat, event);
        }
        hears
    }

    /// Asks every agent to stop.
    pub fn stop_all(&mut self, now_ns: u64) {
        let seats: Vec<_> = self.agents.keys().copied().collect();
        for seat in seats {
            self.handle(now_ns, seat, Event::Stop);
        }
    }

    /// The next thing to be done beside writing.
    pub fn poll(&mut self) -> Option<Task> {
        self.tasks.pop_front()
    }

    /// What is to be written, unless something is being written already: everything that agents have
    /// ready, in one batch. To be asked for when nothing else is to be done, so that as much as
    /// possible goes together; answered by [`Fleet::committed`].
    pub fn take_batch(&mut self) -> Option<Batch> {
        if !self.writing.is_empty() || self.gathered.is_empty() {
            return None;
        }
        let (seats, groups) = std::mem::take(&mut self.gathered).into_iter().unzip();
        self.writing = seats;
        Some(Batch { groups })
    }

    /// When the next timer is due.
    pub fn next_timer_ns(&self) -> Option<u64> {
        let look_ns = self.tenancies.as_ref().map(Tenancies::look_ns);
        self.timers.next_ns().into_iter().chain(look_ns).min()
    }

    /// Lets the fleet know what time it is, before it hears of anything that took time: if its lease has ended,
    /// no tick begins until it was read who holds the agent.
    pub fn look(&mut self, now: Moment) {
        let Some(tenancies) = &mut self.tenancies else { return };
        let (seats, is_doubted) = match tenancies.look(now, self.agents.keys().copied()) {
            Look::Nothing => return,
            Look::Read(seats) => (seats, false),
            Look::Doubt(seats) => (seats, true),
        };
        let round = tenancies.round();
        let running = |seat: &Seat| {
            let agent = self.agents.get(seat)?;
            Some((*seat, agent.name.clone(), agent.driver.epoch()))
        };
        let agents: Vec<_> = seats.iter().filter_map(running).collect();
        if is_doubted {
            for seat in seats {
                self.handle(now.monotonic_ns, seat, Event::Doubted);
            }
        }
        if !agents.is_empty() {
            self.tasks.push_back(Task::Read(Reading { round, agents }));
        }
    }

    /// It was read who holds some agents. An agent that is not held here any more ends at once.
    pub fn found(&mut self, now: Moment, Findings { round, found }: Findings) {
        self.look(now);
        let Some(tenancies) = self.tenancies.as_mut().filter(|them| them.round() == round) else {
            return;
        };
        let mut events = Vec::new();
        for (seat, tenure) in found {
            let Some(agent) = self.agents.get(&seat) else { continue };
            // What is being written decides where an agent is that leaves.
            if agent.driver.is_leaving() {
                continue;
            }
            let (event, notice) = match tenancies.found(seat, tenure) {
                Verdict::GoesOn => continue,
                Verdict::Assured(stood_ns) => {
                    (Some(Event::Assured), Some(tenure::assured(&agent.name, stood_ns)))
                }
                Verdict::Unknown(why) => (None, Some(tenure::unknown(&agent.name, &why))),
                Verdict::Retires(why) => (Some(Event::Halt(why)), None),
            };
            let notice = notice.map(RunEvent::Notice);
            self.tasks.extend(notice.map(|notice| Task::Emit(agent.name.clone(), notice)));
            events.extend(event.map(|event| (seat, event)));
        }
        tenancies.end(now);
        for (seat, event) in events {
            self.handle(now.monotonic_ns, seat, event);
        }
    }

    /// Lets the timers fire that are due.
    pub fn wake(&mut self, now_ns: u64) {
        while let Some(seat) = self.timers.pop_due(now_ns) {
            self.handle(now_ns, seat, Event::Timer);
        }
    }

    /// Guest work is done. An agent whose worker broke down stops alone.
    pub fn worked(&mut self, now_ns: u64, Worked { seat, outcome }: Worked) {
        let Some(agent) = self.agents.get_mut(&seat) else { return };
        let event = match outcome {
            Ok((worker, event)) => {
                agent.worker = Desk::Here(*worker);
                event
            }
            Err(cause) => {
                agent.worker = Desk::Empty;
                Event::Lost(cause)
            }
        };
        self.handle(now_ns, seat, event);
    }

    /// A check is done.
    pub fn checked(&mut self, now_ns: u64, Checked { seat, outcome }: Checked) {
        let Some(agent) = self.agents.get_mut(&seat) else { return };
        let event = match outcome {
            Ok((verifier, verification)) => {
                agent.verifier = Desk::Here(*verifier);
                Event::Verified(verification)
            }
            Err(cause) => {
                agent.verifier = Desk::Empty;
                Event::Lost(cause)
            }
        };
        self.handle(now_ns, seat, event);
    }

    /// The batch is written, or not: one result for each of its groups, in order.
    pub fn committed(&mut self, now_ns: u64, results: Vec<Result<Committed, StorageError>>) {
        let mut results = results.into_iter();
        for seat in std::mem::take(&mut self.writing) {
            let result = results.next().unwrap_or_else(|| Err(unanswered()));
            if let Some(agent) = self.agents.get_mut(&seat) {
                agent.is_writing = false;
            }
            self.handle(now_ns, seat, Event::Committed(result));
        }
    }

    fn handle(&mut self, now_ns: u64, seat: Seat, event: Event) {
        self.with(seat, |agent| agent.driver.handle(now_ns, event));
    }

    /// Lets something happen to an agent and takes up what its driver commands.
    fn with(&mut self, seat: Seat, happen: impl FnOnce(&mut Agent)) {
        let Some(agent) = self.agents.get_mut(&seat) else { return };
        happen(agent);
        while let Some(command) = agent.driver.poll() {
            match command {
                Command::Commit(batch) => {
                    agent.is_writing = true;
                    self.gathered.extend(batch.groups.into_iter().map(|group| (seat, group)));
                }
                Command::Verify(job) => agent.jobs.push_back(job),
                Command::SetTimer(at_ns) => self.timers.set(seat, at_ns),
                Command::Emit(event) => {
                    let notices = std::mem::take(&mut agent.notices);
                    let notices = notices.into_iter().map(RunEvent::Notice);
                    let events = std::iter::once(event).chain(notices);
                    self.tasks.extend(events.map(|event| Task::Emit(agent.name.clone(), event)));
                }
                Command::Offer(offer) => {
                    self.tasks.push_back(Task::Offer(agent.name.clone(), offer));
                }
                Command::CannotOffer(why) => {
                    self.tasks.push_back(Task::CannotOffer(agent.name.clone(), why));
                }
                Command::NotOffered(why) => {
                    self.tasks.push_back(Task::NotOffered(agent.name.clone(), why));
                }
                Command::Finish(reason) => agent.ended = Some(reason),
                command => {
                    let purse = agent.driver.purse().clone();
                    let worker = agent.worker.leave();
                    let work = worker.map(|worker| Work::new(seat, worker, command, purse));
                    self.tasks.extend(work.map(Task::Work));
                }
            }
        }
        if !agent.jobs.is_empty()
            && agent.ended.is_none()
            && let Some(verifier) = agent.verifier.leave()
        {
            let job = agent.jobs.pop_front();
            self.tasks.extend(job.map(|job| Task::Check(Check::new(seat, verifier, job))));
        }
        self.let_go(seat);
    }

    /// Forgets an agent that is at its end, unless somebody still works or writes for it.
    fn let_go(&mut self, seat: Seat) {
        let is_over = |agent: &&mut Agent| {
            !agent.is_writing && !matches!(agent.worker, Desk::Away) && agent.ended.is_some()
        };
        if self.agents.get_mut(&seat).filter(is_over).is_none() {
            return;
        }
        self.timers.clear(seat);
        if let Some(tenancies) = &mut self.tenancies {
            tenancies.forget(seat);
        }
        if let Some(Agent { name, ended: Some(reason), .. }) = self.agents.remove(&seat) {
            self.seats.remove(&name);
            self.tasks.push_back(Task::Ended(name, reason));
        }
    }
}
