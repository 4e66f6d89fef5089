//! What a node's shell does: it carries out the tasks of the fleet and of the handoffs, and brings back what came
//! of them. Here it takes no time of its own; what takes time is planned.

use igor_core::format::{Answer, Verdict};
use igor_core::handoff::{Custody, Event, Holding, Message, WriteFailed};
use igor_core::storage::{Committed, Group, Key, Precondition, StorageError};
use igor_core::{Storage, format::AgentId};
use igor_node::fleet::Task as FleetTask;
use igor_node::handoff::{Task, Whereabouts, With};
use igor_node::{RunEvent, StopReason, Tenure, tenure};

use super::mutant::Mutant;
use super::oracle::Fact;
use super::points::Step;
use super::station::{Letter, Load, Up};
use super::swarm::{MILLISECOND, SECOND};
use super::world::{Plan, World, Write};

impl World {
    /// Carries out everything that is to be done at once.
    pub(super) fn settle(&mut self, up: &mut Up) {
        while !up.store.is_cut() {
            self.report(up);
            if let Some(task) = up.fleet.poll() {
                self.carry_out_of_fleet(up, task);
            } else if let Some(task) = up.handoffs.poll() {
                self.carry_out(up, task);
            } else {
                break;
            }
        }
        self.report(up);
        if !up.is_writing
            && let Some(batch) = up.fleet.take_batch()
        {
            up.is_writing = true;
            self.plan_write(up, Write::Batch(batch));
        }
        let waiting = [("transfers", up.incoming.len()), ("departures", up.outgoing.len())];
        for (what, count) in waiting {
            self.oracle.see(&Fact::Waiting(up.number, what, count));
        }
    }

    /// Tells the oracle what became durable.
    pub(super) fn report(&mut self, up: &Up) {
        for (key, bytes) in up.store.take_kept() {
            let Some(name) = key.agent() else { continue };
            let place = (up.number, self.named(name));
            self.oracle.see(&Fact::Kept(place, &key, &bytes));
            match &key {
                Key::Custody(_) => {
                    let custody = Custody::decode(&bytes).map(|read| read.1).unwrap_or_default();
                    self.oracle.see(&Fact::Holds(place, &custody));
                }
                Key::Checkpoint(_) if !self.oracle.view.holds.contains_key(&place) => {
                    self.oracle.see(&Fact::Holds(place, &Custody::held(0)));
                }
                _ => {}
            }
            if matches!(key, Key::Checkpoint(_)) {
                self.agents[place.1].is_born = true;
            }
        }
    }

    fn carry_out_of_fleet(&mut self, up: &mut Up, task: FleetTask) {
        match task {
            FleetTask::Work(work) => {
                let after = self.rng.between(MILLISECOND / 100, self.swarm.call_max_ns);
                let (node, life) = (up.number, up.life);
                self.plan(after, Plan::Worked { node, life, work: Box::new(work) });
            }
            FleetTask::Read(reading) => {
                let is_blind = self.mutant == Some(Mutant::NeverReadsAgain);
                let read = async |name, epoch| match is_blind {
                    true => Tenure::Ours,
                    false => tenure(&*up.store, &name, epoch).await,
                };
                let findings = pollster::block_on(reading.carry_out(read));
                up.fleet.found(self.moment(up.number), findings);
            }
            FleetTask::Emit(name, event) => self.told(up, &name, &event),
            FleetTask::Offer(name, offer) => self.offer(up, &name, *offer),
            FleetTask::CannotOffer(name, why) => {
                let agent = self.named(&name);
                self.note(format_args!("node {} cannot offer agent {agent}: {why}", up.number));
                let agent = self.agents[agent].public;
                up.handoffs.happened(self.now_ns, agent, Event::NotStopped);
            }
            FleetTask::NotOffered(name, why) => self.not_offered(up, &name, &why),
            FleetTask::Ended(name, reason) => self.ended(up, &name, reason),
            FleetTask::Check(_) => {}
        }
    }

    fn told(&mut self, up: &Up, name: &AgentId, event: &RunEvent) {
        let place = (up.number, self.named(name));
        match event {
            RunEvent::Ticked(ticked) => {
                let (tick, budget) = (ticked.tick, ticked.budget);
                self.note(format_args!("{place:?} ticked {tick}, has {}", budget.get()));
            }
            RunEvent::Logged { .. } => {}
            RunEvent::Stopped(stopped) => {
                let (reason, detail) = (stopped.reason, &stopped.detail);
                self.note(format_args!("{place:?} stopped: {reason} {detail:?}"));
            }
            RunEvent::Started(started) => {
                self.note(format_args!("{place:?} goes on from tick {}", started.tick));
            }
            RunEvent::Checkpointed { tick, hash } => {
                self.note(format_args!("{place:?} saved tick {tick}: {hash}"));
            }
            other => self.note(format_args!("{place:?} {other:?}")),
        }
        self.oracle.see(&Fact::Told(place, event));
    }

    /// An agent no longer runs.
    fn ended(&mut self, up: &mut Up, name: &AgentId, reason: StopReason) {
        let place = (up.number, self.named(name));
        self.note(format_args!("{place:?} ended: {reason}"));
        self.oracle.see(&Fact::Rests(place));
        if reason == StopReason::BudgetExhausted {
            self.exhausted.insert(place.1);
        }
        if reason == StopReason::Storage {
            self.plan_relaunch(up, place.1);
        }
        self.departed(up, place.1, reason);
        let is_fine = matches!(
            reason,
            StopReason::BudgetExhausted | StopReason::Offered | StopReason::Storage
        );
        let is_halted = up.halted.remove(&place.1);
        if !is_fine && !is_halted && !self.oracle.view.doubled.contains(&place.1) {
            self.oracle.object("agents_go_on", format!("{place:?} ended with {reason}"));
        }
    }

    fn carry_out(&mut self, up: &mut Up, task: Task) {
        match task {
            Task::Send { agent, to, message, .. } => {
                let agent = self.agent(&agent);
                self.speak(up, (agent, self.node(to)), *message);
            }
            Task::Answer { to, offer, verdict } => {
                let place = (up.number, self.agent(&offer.terms().agent));
                let verdict = match (self.mutant, verdict) {
                    (Some(Mutant::AnswersTheOpposite), Verdict::Refused) => Verdict::Accepted,
                    _ => verdict,
                };
                self.oracle.see(&Fact::Answered(place, &offer, verdict));
                let key = &self.stations[up.number].key;
                let answer = Answer::sign(key, offer.offer().hash(), verdict);
                let to = self.node(to);
                let message = Message::Answer(answer);
                let (from, agent, load) = (up.number, place.1, Load::Nothing);
                self.send(Letter { from, to, agent, message, load });
            }
            Task::Write { whereabouts, with } => self.make_durable(up, whereabouts, with),
            Task::Stop { name, transfer, target, epoch } => {
                let agent = self.named(&name);
                self.stop(up, agent, (transfer, target, epoch));
            }
            Task::GoOn(name) => {
                up.fleet.ask(self.now_ns, &name, igor_node::Event::GoOn);
            }
            Task::Prepare { transfer, .. } => {
                let after = self.rng.exponential(self.swarm.network.delay_ns.min(SECOND));
                let (node, life) = (up.number, up.life);
                self.plan(after, Plan::Examine { node, life, transfer });
            }
            Task::Forget(transfer) => drop(up.incoming.remove(&transfer)),
            Task::Tick { name, came } => self.tick(up, &name, came),
            Task::Halt { name, reason } => {
                let agent = self.named(&name);
                self.note(format_args!("node {} halts agent {agent}: {reason}", up.number));
                up.halted.insert(agent);
                up.fleet.ask(self.now_ns, &name, igor_node::Event::Halt(reason));
            }
            Task::Ended { name, ended, .. } => {
                let agent = self.named(&name);
                self.note(format_args!("node {} agent {agent}: {ended:?}", up.number));
                self.moved += u64::from(ended == igor_core::handoff::Ended::Moved);
                up.outgoing.remove(&agent);
            }
        }
    }

    fn make_durable(&mut self, up: &mut Up, whereabouts: Box<Whereabouts>, with: With) {
        match with {
            With::Nothing => self.plan_write(up, Write::Custody(whereabouts)),
            With::Departure => self.depart(up, whereabouts),
            With::Arrival(transfer) => {
                let agent = whereabouts.agent;
                self.plan_write(up, Write::Arrival(whereabouts, transfer));
                if self.mutant == Some(Mutant::AcceptsBeforeDurable) {
                    up.handoffs.happened(self.now_ns, agent, Event::Written(Ok(())));
                }
            }
        }
    }

    /// A write comes to its end.
    pub(super) fn write(&mut self, up: &mut Up, write: Write) {
        match write {
            Write::Batch(batch) => {
                let is_offer = |group: &Group| {
                    let puts = super::store::puts(group);
                    puts.iter().any(|(key, _)| matches!(key, Key::Custody(_)))
                };
                let has_offer = batch.groups.iter().any(is_offer);
                self.decide(up, if has_offer { Step::Offer } else { Step::Batch });
                let results = pollster::block_on(up.store.commit(batch));
                up.is_writing = false;
                if !up.store.is_cut() {
                    self.report(up);
                    up.fleet.committed(self.now_ns, results);
                }
            }
            Write::Custody(whereabouts) => {
                let result = self.write_custody(up, &whereabouts);
                self.written(up, &whereabouts, result);
            }
            Write::Arrival(whereabouts, transfer) => {
                self.write_arrival(up, &whereabouts, transfer);
            }
            Write::Stage(transfer) => self.write_stage(up, transfer),
        }
    }

    /// Decides what becomes of the next write.
    pub(super) fn decide(&mut self, up: &mut Up, step: Step) {
        let Self { points, swarm, rng, is_healed, .. } = self;
        let (fate, is_cut) = points.decide(step, &swarm.disk, rng, *is_healed);
        up.store.decide(fate);
        up.is_doomed |= is_cut;
        self.note(format_args!("node {} writes {step:?}: {fate:?}, cut {is_cut}", up.number));
    }

    /// Writes what was decided, alone.
    pub(super) fn write_custody(
        &mut self,
        up: &mut Up,
        whereabouts: &Whereabouts,
    ) -> Result<Committed, StorageError> {
        let Whereabouts { name, custody, agent, .. } = whereabouts;
        let before = self.oracle.view.holds.get(&(up.number, self.agent(agent)));
        let step = match &custody.holding {
            Holding::Offered { .. } => Step::Offer,
            Holding::Released { .. } => Step::Release,
            Holding::Contested { .. } => Step::Contest,
            Holding::Held(_) => Step::Keep,
            Holding::Absent => Step::Refuse,
        };
        let is_refusal = before.is_none_or(|before| before.holding == custody.holding);
        let step = if is_refusal { Step::Refuse } else { step };
        if is_refusal && self.mutant == Some(Mutant::RefusesWithoutRecord) {
            return Ok(Committed::default());
        }
        self.decide(up, step);
        let key = Key::Custody(name.clone());
        let group = Group::new(name.clone());
        let group = match (self.mutant, step) {
            (Some(Mutant::ForgetsWhatItReleased), Step::Release) => {
                group.delete(key, Precondition::Always)
            }
            _ => group.put(key, custody.encode(agent), Precondition::Always),
        };
        let result = pollster::block_on(up.store.commit(group.into())).pop();
        result.expect("one group has one result")
    }

    /// Says what became of a custody that was to be written.
    pub(super) fn written(
        &mut self,
        up: &mut Up,
        whereabouts: &Whereabouts,
        result: Result<Committed, StorageError>,
    ) {
        if up.store.is_cut() {
            return;
        }
        self.report(up);
        let event = Event::Written(result.map(drop).map_err(|error| meaning(&error)));
        up.handoffs.happened(self.now_ns, whereabouts.agent, event);
    }
}

/// What a failed write means.
pub(super) fn meaning(error: &StorageError) -> WriteFailed {
    match error {
        StorageError::Conflict { .. }
        | StorageError::NoSpace { .. }
        | StorageError::Refused { .. }
        | StorageError::TooLarge { .. } => WriteFailed::Clean,
        _ => WriteFailed::InDoubt,
    }
}
