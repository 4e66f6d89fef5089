//! Runs one agent to its end: puts the node together from the configuration, turns signals into
//! requests to stop, and reports the events. Everything about the agent itself is igor-node's.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use igor_core::clock::Entropy;
use igor_core::config::{Config, DivergencePolicy, DurabilitySetting, HiddenStatePolicy, Plugins};
use igor_core::format::{AgentId, AgentKey, NodeKey};
use igor_core::gas::CancelFlag;
use igor_core::handoff::Schedule;
use igor_core::lease::LeaseTerms;
use igor_core::plugin::{BuildError, Context};
use igor_core::{Engine, Limits, Meter, Storage, Transport};
use igor_node::shell::{self, StopHandle, StopSignal, drive};
use igor_node::{
    CheckPlan, CommitMode, Defaults, NamedEngine, Node, OnDivergence, OnHiddenState, Plan, Request,
    RunEvent, StopReason, Stopped, launch, stored_module,
};
use tokio::signal::unix::{SignalKind, signal};
use zeroize::Zeroizing;

use crate::exit::Exit;
use crate::explain::Scene;
use crate::os::{OsClock, OsEntropy};
use crate::output::Output;
use crate::plugins;
use crate::problem::Problem;
use crate::report::Report;

/// A node and what it was put together from.
pub(crate) struct Assembly {
    /// The node.
    pub(crate) node: Node,
    config: Config,
    plugins: Arc<Plugins>,
    clock: Arc<OsClock>,
}

impl Assembly {
    /// Puts the chosen plugins together.
    pub(crate) fn new(
        config: Config,
        plugins: &Arc<Plugins>,
        scene: &Scene,
    ) -> Result<Self, Problem> {
        let engine = config.chosen::<dyn Engine>().unwrap_or_default();
        let storage = config.chosen::<dyn Storage>().unwrap_or_default();
        let context = config.context();
        Self::of(config, plugins, scene, (engine, storage), &context)
    }

    /// A node on the engine of this name that keeps nothing.
    pub(crate) fn probe(
        config: Config,
        plugins: &Arc<Plugins>,
        scene: &Scene,
        engine: &str,
    ) -> Result<Self, Problem> {
        let names = (engine.to_owned(), plugins::VOLATILE_STORAGE.to_owned());
        let context = Context::new(scene.dir.clone(), config.limits().clone());
        Self::of(config, plugins, scene, names, &context)
    }

    fn of(
        config: Config,
        plugins: &Arc<Plugins>,
        scene: &Scene,
        (engine, storage): (String, String),
        context: &Context,
    ) -> Result<Self, Problem> {
        let failed = |error| scene.build(&error);
        let clock = Arc::new(OsClock::new());
        let (meters, settings) = (Arc::clone(plugins), config.clone());
        let section = config.section::<dyn Engine>(&engine);
        let built_engine = plugins.engines.build(&engine, &section, context).map_err(failed)?;
        let section = config.section::<dyn Storage>(&storage);
        let built_storage = plugins.storages.build(&storage, &section, context).map_err(failed)?;
        let verifier = verifier(&config, plugins, &engine, context).map_err(failed)?;
        let node = Node {
            engine: (built_engine, engine),
            storage: (built_storage, storage),
            meter: Box::new(move |name| {
                let section = settings.section::<dyn Meter>(name);
                meters.meters.build(name, &section, &settings.context())
            }),
            price: config.node().price,
            mode: commit_mode(&config),
            verifier,
            clock: Arc::<OsClock>::clone(&clock),
            entropy: Arc::new(OsEntropy),
        };
        Ok(Self { node, config, plugins: Arc::clone(plugins), clock })
    }

    /// What is asked for: an agent with this module and manifest. What the user set explicitly is
    /// compared with an agent that exists already.
    pub(crate) fn request(
        &self,
        agent: AgentId,
        module: Vec<u8>,
        manifest: Option<Vec<u8>>,
    ) -> Result<Request, Problem> {
        let config = &self.config;
        let meter = config.chosen::<dyn Meter>().unwrap_or_default();
        Ok(Request {
            agent,
            module,
            manifest,
            budget: config.is_explicit("run.budget").then_some(config.run().budget),
            meter: config.is_explicit("meter.plugin").then(|| meter.clone()),
            defaults: Defaults {
                budget: config.run().budget,
                meter,
                limits: config.limits().clone(),
                key: new_key()?,
            },
        })
    }

    /// Runs the agent until it stops, and reports.
    pub(crate) fn run(
        &self,
        request: Request,
        ticks: Option<u64>,
        scene: &Scene,
        output: &Output,
    ) -> Result<Exit, Problem> {
        let plan = self.plan(ticks);
        let cancel = CancelFlag::default();
        let (handle, stop) = StopHandle::new(cancel.clone());
        pass_on_signals(handle)?;
        let mut report = Report::new(output, &*self.clock, scene.agent.clone());
        let mut stopped = None;
        let mut sink = |event: RunEvent| {
            let flow = report.event(&event);
            if let RunEvent::Stopped(how) = event {
                stopped = Some(how);
            }
            flow
        };
        let reason = self.drive(request, plan, (cancel, stop), scene, &mut sink)?;
        match report.into_failure() {
            Some(problem) => Err(problem),
            None if reason.is_success() => Ok(Exit::Done),
            None => Err(failure(reason, stopped, scene)),
        }
    }

    /// What the node was put together from.
    pub(crate) const fn config(&self) -> &Config {
        &self.config
    }

    /// The transport of this name, for the node with this key.
    pub(crate) fn transport(
        &self,
        name: &str,
        key: &Arc<NodeKey>,
        scene: &Scene,
    ) -> Result<Arc<dyn Transport>, Problem> {
        let context = self.config.context().with_node_key(Arc::clone(key));
        let section = self.config.section::<dyn Transport>(name);
        let built = self.plugins.transports.build(name, &section, &context);
        built.map_err(|error| scene.build(&error))
    }

    /// How long moves take, and what is tried again when.
    pub(crate) fn schedule(&self) -> Schedule {
        Schedule::default()
    }

    /// The limits in force.
    pub(crate) fn limits(&self) -> &Limits {
        self.config.limits()
    }

    /// Brings an agent whose process died to a checkpoint of what it had journaled.
    pub(crate) fn settle(&self, scene: &Scene) -> Result<(), Problem> {
        let found = block_on(stored_module(&*self.node.storage.0, &scene.agent))?;
        let module = found.map_err(|error| scene.storage(&error))?.ok_or_else(|| {
            Problem::new(
                format_args!("the module of {} is not kept here", scene.agent),
                "Run it once with `igor run`, which brings it to a checkpoint.",
            )
        })?;
        let request = self.request(scene.agent.clone(), module, None)?;
        let (plan, cancel) = (self.plan(Some(0)), CancelFlag::default());
        let (_handle, stop) = StopHandle::new(cancel.clone());
        let mut stopped = None;
        let mut sink = |event: RunEvent| {
            if let RunEvent::Stopped(how) = event {
                stopped = Some(how);
            }
            ControlFlow::Continue(())
        };
        let reason = self.drive(request, plan, (cancel, stop), scene, &mut sink)?;
        if reason.is_success() { Ok(()) } else { Err(failure(reason, stopped, scene)) }
    }

    /// What its agents are driven by.
    pub(crate) fn plan(&self, ticks: Option<u64>) -> Plan {
        let settings = self.config.run();
        Plan {
            first_tick_ns: nanoseconds(settings.tick_interval),
            tick_interval_ns: nanoseconds(settings.tick_interval),
            checkpoint_interval_ns: nanoseconds(settings.checkpoint_interval),
            ticks,
            checks: self.node.verifier.as_ref().map(|(_, engine)| self.checks(engine)),
        }
    }

    /// For how long it is relied on what was read of who holds the agents.
    pub(crate) fn lease(&self) -> Option<LeaseTerms> {
        let settings = self.config.node();
        LeaseTerms::new(settings.lease_duration, settings.lease_grace)
    }

    /// How what happens is checked.
    fn checks(&self, engine: &str) -> CheckPlan {
        let settings = self.config.replay();
        CheckPlan {
            engine: engine.to_owned(),
            window: usize::try_from(settings.window).unwrap_or(usize::MAX),
            interval: settings.interval,
            on_divergence: match settings.on_divergence {
                DivergencePolicy::Log => OnDivergence::Log,
                DivergencePolicy::Intensify => OnDivergence::Intensify,
                DivergencePolicy::Pause => OnDivergence::Pause,
                DivergencePolicy::Migrate => OnDivergence::Migrate,
            },
            on_hidden_state: match settings.on_hidden_state {
                HiddenStatePolicy::Log => OnHiddenState::Log,
                HiddenStatePolicy::Pause => OnHiddenState::Pause,
            },
            tells_cost: settings.cost_log,
        }
    }

    /// Launches the agent and drives it to its end.
    pub(crate) fn drive(
        &self,
        request: Request,
        mut plan: Plan,
        (cancel, mut stop): (CancelFlag, StopSignal),
        scene: &Scene,
        sink: &mut (dyn FnMut(RunEvent) -> ControlFlow<()> + Send),
    ) -> Result<StopReason, Problem> {
        let node = &self.node;
        // From a process that reaches no other, nobody takes an agent elsewhere.
        if let Some(checks) = &mut plan.checks
            && checks.on_divergence == OnDivergence::Migrate
        {
            checks.on_divergence = OnDivergence::Pause;
        }
        let ended = shell::block_on(async {
            let launched = launch(node, request, plan, cancel).await;
            let launched = launched.map_err(|error| scene.launch(&error))?;
            let lease = self.lease();
            Ok(drive(launched, &node.storage.0, &node.clock, lease, &mut stop, sink).await)
        });
        let ended = match ended {
            Ok(Ok(driven)) => driven,
            Ok(Err(problem)) => return Err(problem),
            Err(error) => Err(error),
        };
        ended.map_err(|error| {
            Problem::new(
                format_args!("start a thread for {}: {error}", scene.agent),
                "Free some memory or raise the limits of this user.",
            )
        })
    }
}

/// The engine that checks what runs on `running`, if anything is to be checked.
fn verifier(
    config: &Config,
    plugins: &Plugins,
    running: &str,
    context: &Context,
) -> Result<Option<NamedEngine>, BuildError> {
    if !config.replay().mode.is_live() {
        return Ok(None);
    }
    let names = plugins.engines.entries().iter().map(|entry| entry.name);
    let name = match config.replay().engine.as_str() {
        "other" => names.into_iter().find(|name| *name != running).unwrap_or(running),
        "same" => running,
        name => name,
    };
    let section = config.section::<dyn Engine>(name);
    Ok(Some((plugins.engines.build(name, &section, context)?, name.to_owned())))
}

/// When ticks are durable, as configured.
pub(crate) fn commit_mode(config: &Config) -> CommitMode {
    match config.run().durability {
        DurabilitySetting::Journal => CommitMode::Journal,
        DurabilitySetting::Checkpoint => CommitMode::Checkpoint,
    }
}

/// The key of an agent that is yet to be born.
fn new_key() -> Result<AgentKey, Problem> {
    let mut seed = Zeroizing::new([0; 32]);
    OsEntropy.fill(&mut *seed).map_err(|error| {
        Problem::new(error, "Without randomness no identity can be made; check the system.")
    })?;
    Ok(AgentKey::from_seed(&seed))
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// From now on SIGINT and SIGTERM ask the run to stop.
fn pass_on_signals(handle: StopHandle) -> Result<(), Problem> {
    let failed = |error: std::io::Error| {
        Problem::new(format_args!("wait for signals: {error}"), "Check the limits of this user.")
    };
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_io().build().map_err(failed)?;
    let entered = runtime.enter();
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    drop(entered);
    let listen = move || {
        runtime.block_on(async {
            loop {
                tokio::select! {
                    Some(()) = interrupt.recv() => handle.stop(),
                    Some(()) = terminate.recv() => handle.stop(),
                    else => return,
                }
            }
        });
    };
    std::thread::Builder::new().name("signals".to_owned()).spawn(listen).map_err(failed)?;
    Ok(())
}

/// Why a run that did not end well ended.
pub(crate) fn failure(reason: StopReason, stopped: Option<Stopped>, scene: &Scene) -> Problem {
    let agent = &scene.agent;
    let (tick, detail) = stopped.map_or((0, None), |stopped| (stopped.tick.0, stopped.detail));
    let detail = detail.map_or(String::new(), |detail| format!(": {detail}"));
    let what = match reason {
        StopReason::Trap => format!("{agent} trapped after tick {tick}{detail}"),
        StopReason::Timeout => format!("{agent} ran into its time limit after tick {tick}{detail}"),
        StopReason::RecoveryRequired => {
            format!("{agent} was not started from tick {tick}{detail}")
        }
        StopReason::Storage => format!("{agent} could not be saved after tick {tick}{detail}"),
        _ => format!("{agent} stopped after tick {tick}: {reason}{detail}"),
    };
    let way_out = match reason {
        StopReason::Trap | StopReason::Timeout => {
            "The agent is kept as it was after its last tick, less the cost of the failed one; if it \
             fails again when run again, its code needs mending."
                .to_owned()
        }
        StopReason::RecoveryRequired | StopReason::Divergence | StopReason::HiddenState => format!(
            "Nothing was discarded. Try another --engine; `igor recover {agent} --from checkpoint \
             --dry-run` says what giving up the journal since the last checkpoint would mean."
        ),
        StopReason::Storage => format!(
            "It continues from its last checkpoint; `igor doctor --checkpoint-dir {}` checks the \
             directory.",
            scene.dir.display()
        ),
        _ => "It continues from its last checkpoint when run again.".to_owned(),
    };
    Problem::new(what, way_out)
}

/// Waits for `future` on this thread.
pub(crate) fn block_on<F: Future>(future: F) -> Result<F::Output, Problem> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(|error| {
        Problem::new(format_args!("start: {error}"), "Check the limits of this user.")
    })?;
    Ok(runtime.block_on(future))
}

/// The registries of this program, to be shared.
pub(crate) fn linked() -> Result<Arc<Plugins>, Problem> {
    plugins::linked().map(Arc::new)
}
