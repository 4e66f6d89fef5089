//! `igor simulate`: runs an agent in a world made of a seed and a script, in memory and without waiting,
//! and says whether it can be verified. The world is igor-node's; this reads what it depends on, and
//! prints what comes of it in a form that is the same on every engine.

use std::ops::ControlFlow;
use std::path::Path;
use std::thread;

use igor_core::Meter;
use igor_core::config::{Config, parse_duration};
use igor_core::plugin::ConfigSection;
use igor_node::{
    LaunchError, Request, RunEvent, Scenario, Script, Simulated, Simulation, StopReason, Stopped,
    Ticked, Verdict, abi,
};
use serde::Serialize;

use crate::agent;
use crate::args::{Common, SimulateArgs};
use crate::exit::Exit;
use crate::explain::Scene;
use crate::output::{Format, Output, SCHEMA};
use crate::plugins::SIMULATED_METER;
use crate::problem::Problem;
use crate::report::Report;
use crate::runner::{Assembly, block_on, linked};
use crate::settings;
use crate::start;
use crate::text;

/// The largest script that is read, in bytes.
const SCRIPT_BYTES_MAX: u64 = 64 << 20;
/// Native stack for the node's own calls below the guest's.
const NODE_STACK_BYTES: usize = 2 << 20;

/// The last line.
#[derive(Serialize)]
struct Line<'a> {
    schema: u32,
    event: &'static str,
    agent_id: &'a str,
    time: String,
    seed: u64,
    ticks: u64,
    gas: u64,
    budget: i64,
    state_hash: Option<String>,
    verdict: Option<&'static str>,
}

/// What is remembered of a run for its last line.
#[derive(Default)]
struct Tally {
    ticks: u64,
    gas: u64,
    last: Option<Ticked>,
    stopped: Option<Stopped>,
}

/// Simulates an agent.
pub(crate) fn run(args: &SimulateArgs, common: &Common) -> Result<Exit, Problem> {
    let plugins = linked()?;
    let flags = [
        ("--engine", "engine.plugin", args.engine.as_deref()),
        ("--meter", "meter.plugin", args.meter.as_deref()),
        ("--price", "node.price", args.price.as_deref()),
        ("--budget", "run.budget", args.budget.as_deref()),
        ("--manifest", "run.manifest", args.manifest.as_deref()),
        ("--verify", "replay.mode", Some(if args.verify { "full" } else { "off" })),
    ];
    let config = settings::load(common, &flags, &plugins)?;
    let output = start(&config);
    let agent = match &args.agent_id {
        Some(agent) => agent.clone(),
        None => agent::id_of(&args.wasm)?,
    };
    let scene = Scene {
        agent,
        // Never made: plugins that keep files keep none then.
        dir: std::env::temp_dir().join(format!("igor-simulate-{}", std::process::id())),
        module: Some(args.wasm.clone()),
    };
    let scenario = scenario(args)?;
    let engine = config.chosen::<dyn igor_core::Engine>().unwrap_or_default();
    let assembly = Assembly::probe(config.clone(), &plugins, &scene, &engine)?;
    let request = request(&assembly, &config, &scene, &args.wasm)?;
    simulate(assembly, request, (scenario, args.ticks), &scene, &output)
}

fn scenario(args: &SimulateArgs) -> Result<Scenario, Problem> {
    Ok(Scenario {
        seed: args.seed,
        clock_start_ns: args.clock_start,
        clock_step_ns: args.clock_step,
        script: args.script.as_deref().map_or_else(|| Ok(Script::default()), script)?,
    })
}

/// Nanoseconds, from a number of them or a length of time.
pub(crate) fn nanoseconds(text: &str) -> Result<u64, String> {
    if let Ok(number) = text.parse() {
        return Ok(number);
    }
    parse_duration(text).map(|length| u64::try_from(length.as_nanos()).unwrap_or(u64::MAX))
}

fn script(path: &Path) -> Result<Script, Problem> {
    let refused = |error: &dyn std::fmt::Display| {
        Problem::usage(
            format_args!("read the script {}: {error}", path.display()),
            "`igor simulate --help` shows one.",
        )
    };
    let bytes = agent::read(path, SCRIPT_BYTES_MAX).map_err(|error| refused(&error))?;
    let text = String::from_utf8(bytes).map_err(|error| refused(&error))?;
    if path.extension().is_some_and(|extension| extension == "json") {
        return serde_json::from_str(&text).map_err(|error| refused(&error));
    }
    ConfigSection::from_toml("script", &text).parse().map_err(|error| refused(&error))
}

/// What is asked of the node. Without a manifest the agent may use all that there is.
fn request(
    assembly: &Assembly,
    config: &Config,
    scene: &Scene,
    wasm: &Path,
) -> Result<Request, Problem> {
    let manifest = agent::manifest(config.run().manifest.as_deref(), wasm)?;
    let everything = || {
        let declare = |name| format!("\"{name}\":{{\"version\":1}}");
        let all: Vec<_> = abi::capabilities().into_iter().map(declare).collect();
        format!("{{\"capabilities\":{{{}}}}}", all.join(",")).into_bytes()
    };
    let manifest = manifest.unwrap_or_else(everything);
    let mut request =
        assembly.request(scene.agent.clone(), agent::module(wasm)?, Some(manifest))?;
    if !config.is_explicit(&format!("{}.plugin", <dyn Meter as igor_core::plugin::Kind>::WORD)) {
        request.meter = Some(SIMULATED_METER.to_owned());
    }
    Ok(request)
}

fn simulate(
    assembly: Assembly,
    request: Request,
    (scenario, ticks): (Scenario, u64),
    scene: &Scene,
    output: &Output,
) -> Result<Exit, Problem> {
    let seed = scenario.seed;
    let simulation = Simulation::new(scenario);
    let time = simulation.time();
    let mut report = Report::new(output, &time, scene.agent.clone());
    let mut tally = Tally::default();
    let mut sink = |event: RunEvent| {
        tally.add(&event);
        if is_the_same_anywhere(&event) { report.event(&event) } else { ControlFlow::Continue(()) }
    };
    let node = assembly.node;
    let engines = [Some(&node.engine), node.verifier.as_ref()];
    let stacks = engines.into_iter().flatten().map(|(engine, _)| engine.native_stack_bytes());
    let stack_bytes = stacks.max().unwrap_or_default().saturating_add(NODE_STACK_BYTES);
    let run = || block_on(simulation.run(node, request, ticks, &mut sink));
    let simulated = with_stack(stack_bytes, run)??.map_err(|error| failed(scene, &error))?;
    if let Some(problem) = report.into_failure() {
        return Err(problem);
    }
    let verdict = simulated.verdict.as_ref().map(Verdict::name);
    let line = Line {
        schema: SCHEMA,
        event: "simulated",
        agent_id: scene.agent.as_str(),
        time: text::rfc3339(igor_core::Clock::unix_ns(&time)),
        seed,
        ticks: tally.ticks,
        gas: tally.gas,
        budget: tally.stopped.as_ref().map_or(0, |stopped| stopped.budget.get()),
        state_hash: tally.last.as_ref().map(|ticked| ticked.state_hash.to_string()),
        verdict,
    };
    if simulated.reason.is_some() {
        let _ = match output.format() {
            Format::Json => output.json_line(&line)?,
            Format::Text => output.text(&as_text(&line))?,
        };
    }
    judge(&simulated, tally.stopped.as_ref(), scene)
}

/// Calls `body` on a thread with so much stack.
fn with_stack<T: Send>(stack_bytes: usize, body: impl FnOnce() -> T + Send) -> Result<T, Problem> {
    thread::scope(|scope| {
        let builder = thread::Builder::new().name("simulation".to_owned()).stack_size(stack_bytes);
        let thread = builder.spawn_scoped(scope, body).map_err(|error| {
            Problem::new(
                format_args!("start a thread for the simulation: {error}"),
                "Free some memory or raise the limits of this user.",
            )
        })?;
        Ok(thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })
}

impl Tally {
    fn add(&mut self, event: &RunEvent) {
        match event {
            RunEvent::Ticked(ticked) => {
                self.ticks = self.ticks.saturating_add(1);
                self.gas = self.gas.saturating_add(ticked.gas.0);
                self.last = Some(ticked.clone());
            }
            RunEvent::Stopped(stopped) => self.stopped = Some(stopped.clone()),
            _ => {}
        }
    }
}

/// Whether an event says nothing of the engine, so long as nothing is wrong.
fn is_the_same_anywhere(event: &RunEvent) -> bool {
    match event {
        RunEvent::Started(_) => false,
        RunEvent::Verified(verification) => verification.verdict != Verdict::Verified,
        _ => true,
    }
}

fn as_text(line: &Line<'_>) -> String {
    let Line { seed, ticks, state_hash, verdict, .. } = line;
    let hash = state_hash.as_deref().unwrap_or("none");
    let hash: String = hash.chars().take(16).collect();
    let plural = if *ticks == 1 { "" } else { "s" };
    let verdict =
        verdict.map_or(String::new(), |verdict| format!(", {}", verdict.replace('_', " ")));
    format!("{ticks} tick{plural} from seed {seed}, state {hash}{verdict}\n")
}

fn failed(scene: &Scene, error: &LaunchError) -> Problem {
    scene.launch(error)
}

/// What the exit code says.
fn judge(simulated: &Simulated, stopped: Option<&Stopped>, scene: &Scene) -> Result<Exit, Problem> {
    let agent = &scene.agent;
    if let Some(reason) = simulated.reason.filter(|reason| !reason.is_success()) {
        let tick = stopped.map_or(0, |stopped| stopped.tick.0);
        let detail = stopped.and_then(|stopped| stopped.detail.as_deref());
        let detail = detail.map_or(String::new(), |detail| format!(": {detail}"));
        let way_out = match reason {
            StopReason::Trap => {
                "The same seed and script lead there again; its code needs mending."
            }
            _ => "The same seed and script lead there again.",
        };
        let what = format_args!("{agent} stopped after tick {tick}: {reason}{detail}");
        return Err(Problem::new(what, way_out));
    }
    let Some(verdict) = &simulated.verdict else { return Ok(Exit::Done) };
    let way_out = match verdict {
        Verdict::Verified => return Ok(Exit::Done),
        Verdict::Divergence(_) => {
            "Two engines disagree: that is a defect of one of them, please report it with the module."
        }
        Verdict::HiddenState(_) => {
            "What a tick depends on must be in what agent_checkpoint saves and agent_resume takes back."
        }
        Verdict::Unverified(_) => {
            "Nothing was found, and nothing is known: start and resume must not depend on anything but \
             the state."
        }
    };
    let detail = verdict.detail().unwrap_or_default();
    Err(Problem::new(format_args!("{agent}: {}: {detail}", verdict.name()), way_out))
}
