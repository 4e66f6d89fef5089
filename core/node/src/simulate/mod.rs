//! Runs an agent in a world that is a function of a seed and a script: no time is waited for, nothing is
//! kept, and the same inputs come to the same ticks on every engine and machine. It is the node's own
//! driver and worker on other sources; what is printed of it is the caller's.

mod script;
mod sources;

use std::ops::ControlFlow;
use std::sync::Arc;

use igor_core::Clock;
use igor_core::format::AgentKey;
use igor_core::gas::CancelFlag;

use crate::driver::Plan;
use crate::event::{RunEvent, StopReason};
use crate::incarnation::Holdings;
use crate::launch::{LaunchError, Node, launch};
use crate::lockstep::lockstep;
use crate::open::{CommitMode, Request};
use crate::verify::{CheckPlan, OnDivergence, OnHiddenState, Verdict};

pub(crate) use script::Answers;
pub use script::{Bytes, Script};
use sources::{Onlooker, SeededEntropy, SimulatedClock};

/// Where a simulated wall clock starts, in nanoseconds since 1970, before anything is added.
const START_UNIX_NS: i64 = 1_000_000_000;
/// From one tick to the next, in nanoseconds on the driver's clock, for which nobody waits.
const TICK_NS: u64 = 1_000_000_000;
/// How many ticks there are to an incarnation and a segment.
const SEGMENT_TICKS: u64 = 5;

/// What a simulated world depends on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scenario {
    /// What its randomness and the agent's identity grow from.
    pub seed: u64,
    /// How much later than one second after 1970 its wall clock starts, in nanoseconds.
    pub clock_start_ns: u64,
    /// How much later each reading of the wall clock is than the one before, in nanoseconds.
    pub clock_step_ns: u64,
    /// What the agent is answered.
    pub script: Script,
}

/// What a simulation came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Simulated {
    /// Why it ended; `None` if nobody wanted to know any more.
    pub reason: Option<StopReason>,
    /// The gravest verdict; `None` if nothing was to be checked.
    pub verdict: Option<Verdict>,
}

/// A simulated world, for one run.
#[derive(Debug)]
pub struct Simulation {
    scenario: Scenario,
    clock: Arc<SimulatedClock>,
}

impl Simulation {
    /// The world of this scenario.
    pub fn new(scenario: Scenario) -> Self {
        let start_unix_ns = START_UNIX_NS.saturating_add_unsigned(scenario.clock_start_ns);
        let script = &scenario.script.clock_now;
        let clock = Arc::new(SimulatedClock::new(start_unix_ns, scenario.clock_step_ns, script));
        Self { scenario, clock }
    }

    /// The simulated time, which does not pass by being looked at.
    pub fn time(&self) -> impl Clock + use<> {
        Onlooker(Arc::clone(&self.clock))
    }

    /// Runs the agent that `request` describes on the plugins of `node`, whose storage must be empty, for
    /// so many ticks. If the node has a verifier, every tick is repeated alone and every segment is
    /// re-executed on it. The calling thread needs the stack that the engines ask for.
    ///
    /// # Errors
    /// As [`launch`].
    pub async fn run(
        self,
        node: Node,
        mut request: Request,
        ticks: u64,
        sink: &mut dyn FnMut(RunEvent) -> ControlFlow<()>,
    ) -> Result<Simulated, LaunchError> {
        let Self { scenario: Scenario { seed, script, .. }, clock } = self;
        request.defaults.key = AgentKey::from_seed(&SeededEntropy::block(seed, "agent", 0));
        // Only gas bounds a call: how often a guest reads the clock says nothing about how long it takes.
        request.defaults.limits.tick_ns_max = u64::MAX;
        let node = Node {
            mode: CommitMode::Journal,
            clock: Arc::<SimulatedClock>::clone(&clock),
            entropy: Arc::new(SeededEntropy::new(seed, "node", std::iter::empty())),
            ..node
        };
        let engine = node.verifier.as_ref().map(|(_, name)| name.clone());
        let plan = plan(ticks, engine);
        let mut verdict = plan.checks.as_ref().map(|_| Verdict::Verified);
        let mut launched = launch(&node, request, plan, CancelFlag::default()).await?;
        let drawn = script.rand_bytes.iter().flat_map(|bytes| bytes.0.iter().copied());
        let entropy = Arc::new(SeededEntropy::new(seed, "guest", drawn));
        let receipts: Vec<_> = script.wallet_receipt.iter().map(|bytes| bytes.0.clone()).collect();
        let answers = Some(Arc::new(Answers::new(&script)));
        let holdings = Holdings { receipts: receipts.into(), answers };
        launched.worker.move_into(entropy, holdings);
        if let Some(verifier) = &mut launched.verifier {
            verifier.keep_time_by(Arc::new(Onlooker(clock)));
        }
        let mut now_ns = 0;
        let mut time = |timer_ns: Option<u64>| {
            now_ns = now_ns.max(timer_ns.unwrap_or_default());
            now_ns
        };
        let mut judging = |event: RunEvent| {
            if let RunEvent::Verified(found) = &event
                && let Some(gravest) = &mut verdict
                && gravity(&found.verdict) > gravity(gravest)
            {
                *gravest = found.verdict.clone();
            }
            sink(event)
        };
        let storage = &*node.storage.0;
        let reason = lockstep(&mut launched, storage, &mut time, &mut judging).await;
        Ok(Simulated { reason, verdict })
    }
}

/// Every tick and every segment is checked, and nothing that is found ends the run: a tick that another
/// engine computes otherwise looks like hidden state until its segment is done.
fn plan(ticks: u64, verifier: Option<String>) -> Plan {
    Plan {
        first_tick_ns: TICK_NS,
        tick_interval_ns: TICK_NS,
        checkpoint_interval_ns: TICK_NS.saturating_mul(SEGMENT_TICKS),
        ticks: Some(ticks),
        checks: verifier.map(|engine| CheckPlan {
            engine,
            window: 1,
            interval: 1,
            on_divergence: OnDivergence::Log,
            on_hidden_state: OnHiddenState::Log,
            tells_cost: false,
        }),
    }
}

/// The order in which verdicts outweigh each other.
const fn gravity(verdict: &Verdict) -> u8 {
    match verdict {
        Verdict::Verified => 0,
        Verdict::Unverified(_) => 1,
        Verdict::HiddenState(_) => 2,
        Verdict::Divergence(_) => 3,
    }
}
