//! A node of linked plugins in a stepping world, and agents that live on it. What a test has to say is
//! which guest, which plugins and how long; everything else has a default.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use igor_core::format::{AgentKey, Microcents, Price};
use igor_core::gas::CancelFlag;
use igor_core::plugin::{ConfigSection, Context, Kind, Registry};
use igor_core::{Clock, Engine, Limits, Meter, Storage};
use igor_node::{CommitMode, Defaults, LaunchError, Launched, Node, Plan, Request, launch};

use super::engines::engine as shared_engine;
use super::{SeededEntropy, SteppingClock, Transcript, lockstep};

/// The start of time in these worlds: 2023-11-14T22:13:20Z.
const START_UNIX_NS: i64 = 1_700_000_000_000_000_000;
/// The module of [`Guest::counter`].
pub const COUNTER: &str = include_str!("../../fixtures/node/counter.wat");
/// The manifest of [`Guest::counter`]: it declares what the module uses.
pub const COUNTER_MANIFEST: &str =
    r#"{"capabilities":{"clock":{"version":1},"rand":{"version":1},"log":{"version":1}}}"#;

/// What each reading of the clock takes.
const READING_NS: u64 = 1_000;

/// An agent that is to run.
#[derive(Debug, Clone)]
pub struct Guest {
    /// Its name.
    pub agent: String,
    /// Its module.
    pub module: Vec<u8>,
    /// Its manifest, if it comes with one.
    pub manifest: Option<Vec<u8>>,
    /// The budget that is asked for, if any.
    pub budget: Option<Microcents>,
    /// The meter that is asked for, if any.
    pub meter: Option<String>,
}

impl Guest {
    /// A guest that counts its ticks, reads the clock, draws and logs, under [`COUNTER_MANIFEST`].
    pub fn counter() -> Self {
        Self::wat("counter", COUNTER, COUNTER_MANIFEST)
    }

    /// A guest with this module and manifest, and defaults for the rest.
    pub fn new(agent: &str, module: &[u8], manifest: &str) -> Self {
        let manifest = Some(manifest.as_bytes().to_vec());
        Self {
            agent: agent.to_owned(),
            module: module.to_vec(),
            manifest,
            budget: None,
            meter: None,
        }
    }

    /// One of the example agents, as it is checked in.
    ///
    /// # Panics
    /// If there is none of this name.
    pub fn prebuilt(agent: &str) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../agents/prebuilt");
        let read = |name: String| {
            fs::read(folder.join(&name)).unwrap_or_else(|error| panic!("{name}: {error}"))
        };
        let manifest = String::from_utf8(read(format!("{agent}.manifest.json")));
        Self::new(agent, &read(format!("{agent}.wasm")), &manifest.expect("manifests are text"))
    }

    /// A guest written as text, with this manifest.
    ///
    /// # Panics
    /// If the text is no module.
    pub fn wat(agent: &str, text: &str, manifest: &str) -> Self {
        let module = wat::parse_str(text).unwrap_or_else(|error| panic!("{agent}: {error}"));
        Self::new(agent, &module, manifest)
    }
}

/// A node in a stepping world.
pub struct World {
    /// Its time.
    pub clock: Arc<SteppingClock>,
    /// The plugins and the price.
    pub node: Node,
    /// The limits for new agents.
    pub limits: Limits,
    /// What its agents are driven by, but for the number of ticks.
    pub plan: Plan,
    /// What new agents get.
    pub budget: Microcents,
    /// What agents' keys grow from.
    pub key_seed: [u8; 32],
}

impl World {
    /// A node with this engine and a memory of its own.
    pub fn in_memory(engine: &str) -> Self {
        Self::running((shared_engine(engine), engine.to_owned()))
    }

    /// A node with this engine, which has this name, and a memory of its own.
    pub fn running(engine: (Arc<dyn Engine>, String)) -> Self {
        static WORLDS: AtomicU64 = AtomicU64::new(0);
        let name = format!("name = \"world {}\"", WORLDS.fetch_add(1, Ordering::Relaxed));
        let storage = build::<dyn Storage>("memory", &name, Path::new(""));
        Self::made(engine, storage, "memory")
    }

    /// A node with this engine and its files below `directory`.
    pub fn on_disk(engine: &str, directory: &Path) -> Self {
        Self::with_storage(engine, build::<dyn Storage>("fs", "", directory), "fs")
    }

    /// A node with this engine and this storage.
    pub fn with_storage(engine: &str, storage: Arc<dyn Storage>, name: &str) -> Self {
        Self::made((shared_engine(engine), engine.to_owned()), storage, name)
    }

    fn made(engine: (Arc<dyn Engine>, String), storage: Arc<dyn Storage>, name: &str) -> Self {
        let clock = Arc::new(SteppingClock::new(START_UNIX_NS, READING_NS));
        let node_clock: Arc<dyn Clock> = clock.clone();
        let node = Node {
            engine,
            storage: (storage, name.to_owned()),
            meter: Box::new(|name| {
                let section = ConfigSection::empty(format!("meter.{name}"));
                Registry::<dyn Meter>::linked()?.build(name, &section, &context(Path::new("")))
            }),
            price: Price::per_second(amount("0.001")),
            mode: CommitMode::Journal,
            verifier: None,
            clock: node_clock,
            entropy: Arc::new(SeededEntropy::new(7)),
        };
        Self {
            clock,
            node,
            limits: Limits::default(),
            plan: Plan {
                first_tick_ns: 1_000_000_000,
                tick_interval_ns: 1_000_000_000,
                checkpoint_interval_ns: 5_000_000_000,
                ticks: None,
                checks: None,
            },
            budget: amount("1"),
            key_seed: [7; 32],
        }
    }

    /// Gets a guest ready to run.
    ///
    /// # Errors
    /// As [`launch`].
    pub fn launch(&self, guest: &Guest, ticks: Option<u64>) -> Result<Launched, LaunchError> {
        let request = Request {
            agent: guest.agent.parse().expect("tests name their agents well"),
            module: guest.module.clone(),
            manifest: guest.manifest.clone(),
            budget: guest.budget,
            meter: guest.meter.clone(),
            defaults: Defaults {
                budget: self.budget,
                meter: "gas".to_owned(),
                limits: self.limits.clone(),
                key: AgentKey::from_seed(&self.key_seed),
            },
        };
        let plan = Plan { ticks, ..self.plan.clone() };
        pollster::block_on(launch(&self.node, request, plan, CancelFlag::default()))
    }

    /// Runs a guest until it stops, on a thread with the stack that the engine asks for.
    ///
    /// # Errors
    /// As [`launch`].
    pub fn run(&self, guest: &Guest, ticks: u64) -> Result<Transcript, LaunchError> {
        let mut launched = self.launch(guest, Some(ticks))?;
        Ok(self.with_stack(|| lockstep(&mut launched, &*self.node.storage.0, &self.clock)))
    }

    /// Calls `body` on a thread with the stack that the engine asks for.
    pub fn with_stack<T: Send>(&self, body: impl FnOnce() -> T + Send) -> T {
        std::thread::scope(|scope| {
            std::thread::Builder::new()
                .stack_size(self.node.engine.0.native_stack_bytes())
                .spawn_scoped(scope, body)
                .expect("a thread can be started")
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }
}

/// An amount that a test writes down.
pub fn amount(units: &str) -> Microcents {
    units.parse().expect("tests write amounts well")
}

/// Builds the linked plugin of this name from the text of its section.
pub(crate) fn build<T: ?Sized + Kind>(name: &str, section: &str, directory: &Path) -> Arc<T> {
    let section = ConfigSection::from_toml(format!("{}.{name}", T::WORD), section);
    Registry::<T>::linked()
        .expect("plugin names differ")
        .build(name, &section, &context(directory))
        .unwrap_or_else(|error| panic!("{error}"))
}

pub(crate) fn context(directory: &Path) -> Context {
    Context::new(directory, Limits::default())
}
