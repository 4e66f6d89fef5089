//! What a node knows of its agents: how each stands and its last lines, kept up to date by what they
//! tell. It asks nothing of anybody; who waits for a change watches the agent.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use igor_core::format::AgentId;
use igor_node::shell::Told;
use igor_node::{RunEvent, StopReason};
use tokio::sync::watch;

use super::log::Log;
use crate::control::refusal::{Code, Refusal};
use crate::control::wire::{LogKind, LogLine, Sending, State, Status};

/// All agents that a node knows.
#[derive(Default)]
pub(crate) struct Known(Mutex<BTreeMap<AgentId, Entry>>);

struct Entry {
    status: Status,
    log: Log,
    changes: watch::Sender<u64>,
}

impl Entry {
    fn new(agent: &AgentId, time: String) -> Self {
        let status = Status {
            agent_id: agent.to_string(),
            state: State::Stopped,
            since: time,
            reason: None,
            detail: None,
            did: None,
            tick: 0,
            budget: 0,
            engine: None,
            meter: None,
            price: None,
            checkpoint_tick: None,
            checkpoint: None,
            sending: None,
            ownership: None,
        };
        Self { status, log: Log::default(), changes: watch::Sender::new(0) }
    }

    fn stand(&mut self, state: State, time: String) {
        if self.status.state != state {
            (self.status.state, self.status.since) = (state, time);
        }
    }
}

impl Known {
    fn agents(&self) -> MutexGuard<'_, BTreeMap<AgentId, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what is known of an agent, which is known from then on.
    pub(crate) fn update(&self, agent: &AgentId, time: String, change: impl FnOnce(&mut Status)) {
        let mut agents = self.agents();
        let entry = agents.entry(agent.clone()).or_insert_with(|| Entry::new(agent, time.clone()));
        let before = entry.status.state;
        change(&mut entry.status);
        if entry.status.state != before {
            entry.status.since = time;
        }
        entry.changes.send_modify(|changes| *changes = changes.wrapping_add(1));
    }

    /// Moves an agent from a state in which `may` holds to `state`; says what it was before.
    ///
    /// # Errors
    /// When there is no such agent, or it does not stand so.
    pub(crate) fn turn(
        &self,
        agent: &AgentId,
        time: String,
        state: State,
        may: impl FnOnce(State) -> Result<(), Code>,
    ) -> Result<Status, Refusal> {
        let mut agents = self.agents();
        let entry = agents.get_mut(agent).ok_or_else(|| no_agent(agent))?;
        let before = entry.status.clone();
        may(before.state).map_err(|code| not_so(code, &before))?;
        entry.stand(state, time);
        entry.changes.send_modify(|changes| *changes = changes.wrapping_add(1));
        Ok(before)
    }

    /// Forgets an agent.
    pub(crate) fn forget(&self, agent: &AgentId) {
        self.agents().remove(agent);
    }

    /// How an agent stands.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) fn status(&self, agent: &AgentId) -> Result<Status, Refusal> {
        let agents = self.agents();
        agents.get(agent).map(|entry| entry.status.clone()).ok_or_else(|| no_agent(agent))
    }

    /// How all agents stand, by name.
    pub(crate) fn all(&self) -> Vec<Status> {
        self.agents().values().map(|entry| entry.status.clone()).collect()
    }

    /// The number of the line of an agent from which on there are so many.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) fn last_lines(&self, agent: &AgentId, lines: usize) -> Result<u64, Refusal> {
        let agents = self.agents();
        agents.get(agent).map(|entry| entry.log.last(lines)).ok_or_else(|| no_agent(agent))
    }

    /// The lines of an agent from this number on; nothing if there is no such agent any more.
    pub(crate) fn lines_since(&self, agent: &AgentId, seq: u64) -> Option<Vec<LogLine>> {
        self.agents().get(agent).map(|entry| entry.log.since(seq))
    }

    /// Hears of every change of an agent, the next one first.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) fn watch(&self, agent: &AgentId) -> Result<watch::Receiver<u64>, Refusal> {
        let agents = self.agents();
        let entry = agents.get(agent).ok_or_else(|| no_agent(agent))?;
        Ok(entry.changes.subscribe())
    }

    /// Waits until `is_so` holds of an agent.
    ///
    /// # Errors
    /// When there is none, or none any more.
    pub(crate) async fn until(
        &self,
        agent: &AgentId,
        is_so: impl Fn(&Status) -> bool,
    ) -> Result<Status, Refusal> {
        let mut changes = self.watch(agent)?;
        loop {
            changes.mark_unchanged();
            let status = self.status(agent)?;
            if is_so(&status) {
                return Ok(status);
            }
            if changes.changed().await.is_err() {
                return Err(no_agent(agent));
            }
        }
    }

    /// Takes note of what an agent told. One that was declined is not known by that.
    pub(crate) fn told(&self, agent: &AgentId, told: &Told, time: &str) {
        let mut agents = self.agents();
        if matches!(told, Told::Event(RunEvent::Declined(_))) && !agents.contains_key(agent) {
            return;
        }
        let new = || Entry::new(agent, time.to_owned());
        let entry = agents.entry(agent.clone()).or_insert_with(new);
        match told {
            Told::Event(event) => entry.event(event, time),
            Told::Ended(reason) => entry.ended(*reason, time),
            Told::Refused => entry.stand(State::Stopped, time.to_owned()),
            Told::Offer(_) | Told::CannotOffer(_) | Told::NotOffered(_) => {}
        }
        entry.changes.send_modify(|changes| *changes = changes.wrapping_add(1));
    }
}

impl Entry {
    fn event(&mut self, event: &RunEvent, time: &str) {
        let status = &mut self.status;
        match event {
            RunEvent::Started(started) => {
                (status.did, status.engine) =
                    (Some(started.did.clone()), Some(started.engine.clone()));
                status.meter = Some(started.meter.clone());
                status.price = Some(started.price.microcents().get());
                (status.tick, status.budget) = (started.tick.0, started.budget.get());
                (status.reason, status.detail) = (None, None);
                if status.state == State::Starting {
                    self.stand(State::Running, time.to_owned());
                }
            }
            RunEvent::Ticked(ticked) => {
                (status.tick, status.budget) = (ticked.tick.0, ticked.budget.get());
            }
            RunEvent::Checkpointed { tick, hash } => {
                status.checkpoint_tick = Some(tick.0);
                status.checkpoint = Some(hash.to_string());
            }
            RunEvent::Granted(granted) => status.budget = granted.budget.get(),
            RunEvent::Paused(_) if status.state != State::Stopping => {
                self.stand(State::Paused, time.to_owned());
            }
            RunEvent::Unpaused(_) if status.state == State::Paused => {
                self.stand(State::Running, time.to_owned());
            }
            RunEvent::Logged { tick, message } => {
                self.log.push(time.to_owned(), tick.0, LogKind::Log, message.clone());
            }
            RunEvent::Notice(notice) => {
                let tick = status.tick;
                self.log.push(time.to_owned(), tick, LogKind::Notice, notice.clone());
            }
            RunEvent::Sending(sending) => {
                status.sending = Some(Sending { done: sending.done, total: sending.total });
            }
            RunEvent::Stayed(why) => {
                status.sending = None;
                let tick = status.tick;
                self.log.push(time.to_owned(), tick, LogKind::Notice, format!("stays: {why}"));
            }
            RunEvent::Stopped(stopped) => {
                status.sending = None;
                (status.tick, status.budget) = (stopped.tick.0, stopped.budget.get());
                status.reason = Some(stopped.reason.name().to_owned());
                status.detail.clone_from(&stopped.detail);
                let detail =
                    stopped.detail.as_deref().map_or(String::new(), |it| format!(": {it}"));
                let message = format!("stopped: {}{detail}", stopped.reason);
                self.log.push(time.to_owned(), stopped.tick.0, LogKind::Stopped, message);
            }
            _ => {}
        }
    }

    fn ended(&mut self, reason: StopReason, time: &str) {
        self.status.reason.get_or_insert_with(|| reason.name().to_owned());
        self.stand(State::Stopped, time.to_owned());
    }
}

fn no_agent(agent: &AgentId) -> Refusal {
    Refusal::new(
        Code::NoAgent,
        format_args!("this node has no agent {agent}"),
        "`igor ps` lists those it has.",
    )
}

fn not_so(code: Code, status: &Status) -> Refusal {
    let Status { agent_id, state, .. } = status;
    let message = format!("{agent_id} is {}", state.word());
    let way_out = match code {
        Code::AlreadyRuns => "Stop it first, or leave it as it is.",
        Code::StillRuns => "Stop it first with `igor stop`.",
        _ => "`igor ps` says how each agent stands.",
    };
    Refusal::new(code, message, way_out)
}
