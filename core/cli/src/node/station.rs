//! What can be asked of a running node: to start agents, to stop, pause, fund and remove them. It knows
//! nothing of HTTP; who asks is not its business.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use igor_core::format::{AgentId, FundId, Microcents, NodeKey, Wish};
use igor_core::gas::CancelFlag;
use igor_core::lease::Moment;
use igor_node::shell::{FleetHandle, Told};
use igor_node::{
    FundingError, Granted, Launched, NotGranted, Request, RunEvent, StopReason, fund, launch,
    remove, stored_module,
};
use tokio::sync::{Semaphore, oneshot};

use super::known::Known;
use super::network::Network;
use super::scribe::Scribe;
use crate::control::refusal::{Code, Refusal};
use crate::control::wire::{Funded, Removed, State, Status};
use crate::explain::Scene;
use crate::output::Output;
use crate::runner::Assembly;
use crate::text;

/// How long somebody is kept waiting for an agent to get somewhere.
const PATIENCE: Duration = Duration::from_secs(60);

type GrantAnswer = oneshot::Sender<Result<Granted, NotGranted>>;

/// A running node.
pub(crate) struct Station {
    pub(crate) assembly: Assembly,
    pub(crate) dir: PathBuf,
    pub(crate) known: Known,
    pub(crate) handle: FleetHandle,
    pub(super) scribe: Scribe,
    pub(super) key: Arc<NodeKey>,
    pub(super) output: Output,
    tenancy: Tenancy,
    network: OnceLock<Network>,
    /// Held by each connection of somebody who asks.
    pub(crate) guests: Arc<()>,
    /// How many agents are compiled at a time.
    launching: Semaphore,
    cancels: Mutex<HashMap<AgentId, CancelFlag>>,
    grants: Mutex<HashMap<FundId, GrantAnswer>>,
    is_draining: AtomicBool,
}

/// Whose node it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Tenancy {
    /// That of all agents of its directory, and of those that come.
    Many,
    /// That of one agent of a directory that it shares.
    One(AgentId),
}

/// An agent that is to be started.
pub(crate) struct Starting {
    pub(crate) agent: AgentId,
    /// Without one, the module that is kept with the agent.
    pub(crate) module: Option<Vec<u8>>,
    pub(crate) manifest: Option<Vec<u8>>,
    pub(crate) budget: Option<Microcents>,
    pub(crate) meter: Option<String>,
}

impl Station {
    /// A node that is put together so; at most so many agents are compiled at a time.
    pub(crate) fn new(
        assembly: Assembly,
        dir: PathBuf,
        (handle, scribe): (FleetHandle, Scribe),
        (key, tenancy): (Arc<NodeKey>, Tenancy),
        output: Output,
        launches: usize,
    ) -> Self {
        Self {
            assembly,
            dir,
            known: Known::default(),
            handle,
            scribe,
            key,
            output,
            tenancy,
            network: OnceLock::new(),
            guests: Arc::new(()),
            launching: Semaphore::new(launches),
            cancels: Mutex::default(),
            grants: Mutex::default(),
            is_draining: AtomicBool::new(false),
        }
    }

    /// Waits until those who asked have their answers, for a while.
    pub(super) async fn see_off(&self) {
        let is_alone = async {
            while Arc::strong_count(&self.guests) > 1 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        // Who only listens is not waited for any longer.
        let _ = tokio::time::timeout(Duration::from_secs(2), is_alone).await;
    }

    /// Others can reach the node from now on.
    pub(super) fn connect(&self, network: Network) {
        // It is done once, at the start.
        let _ = self.network.set(network);
    }

    pub(super) fn network(&self) -> Option<&Network> {
        self.network.get()
    }

    /// Whether an agent is this node's business.
    pub(super) fn is_mine(&self, agent: &AgentId) -> bool {
        match &self.tenancy {
            Tenancy::Many => true,
            Tenancy::One(only) => only == agent,
        }
    }

    pub(super) fn is_alone(&self) -> bool {
        self.tenancy != Tenancy::Many
    }

    /// An agent stands as starting, and can be cancelled.
    pub(super) fn arrives(&self, agent: &AgentId, cancel: CancelFlag) {
        self.known.update(agent, self.time(), |status| {
            status.state = State::Starting;
            (status.reason, status.detail) = (None, None);
        });
        lock(&self.cancels).insert(agent.clone(), cancel);
    }

    /// The time, as it is shown.
    pub(crate) fn time(&self) -> String {
        text::rfc3339(self.assembly.node.clock.unix_ns())
    }

    pub(crate) fn scene(&self, agent: &AgentId) -> Scene {
        Scene { agent: agent.clone(), dir: self.dir.clone(), module: None }
    }

    /// Starts an agent, so that it runs again whenever the node does; answers once it ticks.
    pub(crate) async fn start(self: &Arc<Self>, starting: Starting) -> Result<Status, Refusal> {
        let agent = starting.agent.clone();
        let launched = self.launch(starting).await?;
        let written = self.scribe.write(agent.clone(), Wish::Run).await;
        if let Err(error) = written {
            self.rest(&agent, "storage", &error.to_string());
            let problem = self.scene(&agent).storage(&error);
            return Err(Refusal::of(Code::Refused, &problem));
        }
        self.handle.add(launched);
        let is_settled = |status: &Status| status.state != State::Starting;
        let status = patient(self.known.until(&agent, is_settled), "starting").await?;
        if status.state == State::Stopped {
            let reason = status.reason.as_deref().unwrap_or("unknown");
            let detail = status.detail.as_deref().map_or(String::new(), |it| format!(": {it}"));
            return Err(Refusal::new(
                Code::CannotStart,
                format_args!("{agent} stopped at once: {reason}{detail}"),
                format!("`igor logs {agent}` shows its last lines."),
            ));
        }
        Ok(status)
    }

    /// Starts an agent again that ran when the node ended; what goes wrong is kept with it.
    pub(crate) async fn start_again(
        self: &Arc<Self>,
        agent: AgentId,
        is_paused: bool,
    ) -> Result<(), Refusal> {
        let (module, manifest, budget, meter) = (None, None, None, None);
        let starting = Starting { agent: agent.clone(), module, manifest, budget, meter };
        let launched = self.launch(starting).await?;
        self.handle.add(launched);
        if is_paused {
            self.handle.pause(agent);
        }
        Ok(())
    }

    /// Starts an agent again that was to go to another node, as it is wanted.
    pub(super) async fn start_kept(self: &Arc<Self>, agent: AgentId) -> Result<(), Refusal> {
        let wish = igor_node::wish(&*self.assembly.node.storage.0, &agent).await;
        self.start_again(agent, matches!(wish, Ok(Some(Wish::Pause)))).await
    }

    /// Gets an agent ready; it stands as starting, or is stopped for the reason that is returned.
    async fn launch(self: &Arc<Self>, starting: Starting) -> Result<Launched, Refusal> {
        let agent = starting.agent.clone();
        if self.is_draining.load(Ordering::Relaxed) {
            return Err(Refusal::new(Code::Draining, "the node ends", "Start it again first."));
        }
        let is_new = self.known.status(&agent).is_err();
        self.known.update(&agent, self.time(), |_| {});
        let may = |state| if state == State::Stopped { Ok(()) } else { Err(Code::AlreadyRuns) };
        let before = self.known.turn(&agent, self.time(), State::Starting, may)?;
        let cancel = CancelFlag::default();
        lock(&self.cancels).insert(agent.clone(), cancel.clone());
        let (station, runtime) = (Arc::clone(self), tokio::runtime::Handle::current());
        // Compiling takes a while and a deep stack: not on a thread that others wait for.
        let permit = self.launching.acquire().await;
        let body = move || runtime.block_on(station.prepare(starting, cancel));
        let launched = tokio::task::spawn_blocking(body).await;
        drop(permit);
        let launched = launched.unwrap_or_else(|error| {
            Err(Refusal::new(Code::CannotStart, error, "This is a defect of igor."))
        });
        if let Err(refusal) = &launched {
            match &before.reason {
                _ if is_new => self.known.forget(&agent),
                None => self.rest(&agent, "not_started", refusal.message()),
                Some(reason) => self.rest(&agent, reason, refusal.message()),
            }
        }
        launched
    }

    async fn prepare(&self, starting: Starting, cancel: CancelFlag) -> Result<Launched, Refusal> {
        let Starting { agent, module, manifest, budget, meter } = starting;
        let scene = self.scene(&agent);
        let refused = |problem| Refusal::of(Code::CannotStart, &problem);
        let node = &self.assembly.node;
        let module = match module {
            Some(module) => module,
            None => {
                let kept = stored_module(&*node.storage.0, &agent).await;
                kept.map_err(|error| refused(scene.storage(&error)))?.ok_or_else(|| {
                    let message = format!("the module of {agent} is not kept here");
                    Refusal::new(Code::CannotStart, message, "Give its module: `igor start FILE`.")
                })?
            }
        };
        let request = self.assembly.request(agent, module, manifest).map_err(refused)?;
        let request = Request { budget, meter: meter.or(request.meter.clone()), ..request };
        let began = Moment::of(&*node.clock);
        let launched = launch(node, request, self.assembly.plan(None), cancel).await;
        let launched = launched.map_err(|error| refused(scene.launch(&error)))?;
        Ok(launched.read_at(began))
    }

    /// Sets an agent down as stopped for this reason.
    pub(crate) fn rest(&self, agent: &AgentId, reason: &str, detail: &str) {
        self.known.update(agent, self.time(), |status| {
            status.state = State::Stopped;
            status.reason = Some(reason.to_owned());
            status.detail = Some(detail.to_owned());
        });
    }

    /// Stops an agent after a last checkpoint; `now` gives up a guest call that runs.
    pub(crate) async fn stop(&self, agent: &AgentId, now: bool) -> Result<Status, Refusal> {
        let is_settled = |status: &Status| status.state != State::Starting;
        patient(self.known.until(agent, is_settled), "starting").await?;
        let may = |state| if state == State::Stopped { Err(Code::NotRunning) } else { Ok(()) };
        self.known.turn(agent, self.time(), State::Stopping, may)?;
        if now && let Some(cancel) = lock(&self.cancels).get(agent) {
            cancel.cancel();
        }
        self.handle.stop(agent.clone());
        let is_stopped = |status: &Status| status.state == State::Stopped;
        let status = patient(self.known.until(agent, is_stopped), "stopping").await?;
        // What was wished when it ended comes first; this one is answered after it.
        self.wish_rest(agent, &status).await?;
        Ok(status)
    }

    async fn wish_rest(&self, agent: &AgentId, status: &Status) -> Result<(), Refusal> {
        let reason = status.reason.clone().unwrap_or_default();
        let wish = Wish::Rest { reason, detail: status.detail.clone() };
        self.scribe
            .write(agent.clone(), wish)
            .await
            .map_err(|error| Refusal::of(Code::Refused, &self.scene(agent).storage(&error)))
    }

    /// Lets an agent run no ticks, or run them again.
    pub(crate) async fn pause(&self, agent: &AgentId, is_paused: bool) -> Result<Status, Refusal> {
        let status = self.known.status(agent)?;
        let wanted = if is_paused { State::Paused } else { State::Running };
        if !matches!(status.state, State::Running | State::Paused) {
            let message = format!("{agent} is {}", status.state.word());
            return Err(Refusal::new(Code::NotRunning, message, "Only a running agent can pause."));
        }
        let wish = if is_paused { Wish::Pause } else { Wish::Run };
        let written = self.scribe.write(agent.clone(), wish).await;
        written.map_err(|error| Refusal::of(Code::Refused, &self.scene(agent).storage(&error)))?;
        if is_paused {
            self.handle.pause(agent.clone());
        } else {
            self.handle.unpause(agent.clone());
        }
        let is_there = |status: &Status| status.state == wanted || status.state == State::Stopped;
        patient(self.known.until(agent, is_there), "turning").await
    }

    /// Adds to the budget of an agent, whether it runs or not.
    pub(crate) async fn fund(
        &self,
        agent: &AgentId,
        amount: Microcents,
        id: FundId,
    ) -> Result<Funded, Refusal> {
        self.known.status(agent)?;
        let (answer, granted) = oneshot::channel();
        lock(&self.grants).insert(id, answer);
        if !self.handle.fund(agent.clone(), amount, id).await {
            lock(&self.grants).remove(&id);
            return self.fund_stopped(agent, amount, id).await;
        }
        let waited = tokio::time::timeout(PATIENCE, granted).await;
        lock(&self.grants).remove(&id);
        match waited {
            Ok(Ok(Ok(granted))) => Ok(Funded {
                agent_id: agent.to_string(),
                tick: granted.tick.0,
                amount: granted.amount.get(),
                before: granted.before.get(),
                budget: granted.budget.get(),
                fund_id: id.to_string(),
                checkpoint: granted.checkpoint.to_string(),
                notices: Vec::new(),
            }),
            Ok(Ok(Err(NotGranted { reason, .. }))) => Err(Refusal::new(
                Code::Refused,
                format_args!("fund {agent}: {reason}"),
                "Nothing was added.",
            )),
            _ => Err(late("funding")),
        }
    }

    async fn fund_stopped(
        &self,
        agent: &AgentId,
        amount: Microcents,
        id: FundId,
    ) -> Result<Funded, Refusal> {
        let node = &self.assembly.node;
        let (limits, means) = (self.assembly.limits(), (node.mode, &*node.entropy));
        let funded = fund(&*node.storage.0, agent, amount, id, limits.state_bytes_max, means).await;
        let funded = funded.map_err(|error| {
            let code = match error {
                FundingError::Amount(_) | FundingError::TooMuch { .. } => Code::BadRequest,
                _ => Code::Refused,
            };
            Refusal::of(code, &self.scene(agent).fund(&error))
        })?;
        self.known.update(agent, self.time(), |status| {
            status.budget = funded.budget.get();
            status.checkpoint = Some(funded.checkpoint.to_string());
            status.checkpoint_tick = Some(funded.tick.0);
        });
        Ok(Funded {
            agent_id: agent.to_string(),
            tick: funded.tick.0,
            amount: amount.get(),
            before: funded.before.get(),
            budget: funded.budget.get(),
            fund_id: id.to_string(),
            checkpoint: funded.checkpoint.to_string(),
            notices: funded.notices,
        })
    }

    /// Removes a stopped agent.
    pub(crate) async fn remove(
        &self,
        agent: &AgentId,
        with_history: bool,
    ) -> Result<Removed, Refusal> {
        // While it stands as stopping nobody starts it.
        let may = |state| if state == State::Stopped { Ok(()) } else { Err(Code::StillRuns) };
        let before = self.known.turn(agent, self.time(), State::Stopping, may)?;
        match remove(&*self.assembly.node.storage.0, agent, with_history).await {
            Ok(_) => {
                self.known.forget(agent);
                self.removed(agent).await;
                Ok(Removed { agent_id: agent.to_string(), with_history })
            }
            Err(error) => {
                self.known.update(agent, self.time(), |status| status.state = before.state);
                Err(Refusal::of(Code::Refused, &self.scene(agent).open(&error)))
            }
        }
    }

    /// Takes note of what an agent told.
    pub(crate) fn told(&self, agent: &AgentId, told: &Told) {
        self.departed(agent, told);
        if let Told::Event(RunEvent::Granted(granted)) = told {
            self.answer(granted.id, Ok(granted.clone()));
        }
        if let Told::Event(RunEvent::NotGranted(denied)) = told {
            self.answer(denied.id, Err(denied.clone()));
        }
        if let Told::Ended(reason) = told {
            lock(&self.cancels).remove(agent);
            // What runs when the node ends, or when its store fails, is to run again.
            let stays = self.is_draining.load(Ordering::Relaxed)
                || matches!(reason, StopReason::Storage | StopReason::Offered)
                || self.is_alone();
            if !stays && let Ok(status) = self.known.status(agent) {
                let (reason, detail) = (reason.name().to_owned(), status.detail);
                drop(self.scribe.note(agent.clone(), Wish::Rest { reason, detail }));
            }
        }
        self.known.told(agent, told, &self.time());
    }

    fn answer(&self, id: FundId, answer: Result<Granted, NotGranted>) {
        if let Some(waiting) = lock(&self.grants).remove(&id) {
            let _ = waiting.send(answer);
        }
    }

    /// Stops every agent after a last checkpoint, and then the node. What runs is to run again.
    pub(crate) fn drain(&self) {
        self.is_draining.store(true, Ordering::Relaxed);
        self.handle.drain();
    }

    /// Ends at once.
    pub(crate) fn abandon(&self) {
        for cancel in lock(&self.cancels).values() {
            cancel.cancel();
        }
        self.handle.abandon();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) async fn patient<T>(
    body: impl Future<Output = Result<T, Refusal>>,
    what: &str,
) -> Result<T, Refusal> {
    tokio::time::timeout(PATIENCE, body).await.unwrap_or_else(|_| Err(late(what)))
}

fn late(what: &str) -> Refusal {
    Refusal::new(
        Code::Timeout,
        format_args!("{what} takes longer than {} s", PATIENCE.as_secs()),
        "It goes on; `igor status` says what comes of it.",
    )
}
