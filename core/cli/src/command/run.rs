//! `igor run`: starts an agent, or continues it.

use igor_core::Transport;

use crate::agent;
use crate::args::Common;
use crate::args::{LeaseArgs, NetworkArgs, NodeArgs, RunArgs};
use crate::exit::Exit;
use crate::explain::Scene;
use crate::node::alone;
use crate::problem::Problem;
use crate::runner::{Assembly, linked};
use crate::settings::{self, Flag};
use crate::start;

/// Runs an agent.
pub(crate) fn run(args: &RunArgs, common: &Common) -> Result<Exit, Problem> {
    let plugins = linked()?;
    let mut flags = node_flags(&args.node).to_vec();
    flags.extend(network_flags(&args.network));
    flags.push(("--budget", "run.budget", args.budget.as_deref()));
    let config = settings::load(common, &flags, &plugins)?;
    let output = start(&config);
    let id = match &args.node.agent_id {
        Some(id) => id.clone(),
        None => agent::id_of(&args.wasm)?,
    };
    let module = agent::module(&args.wasm)?;
    let manifest = agent::manifest(config.run().manifest.as_deref(), &args.wasm)?;
    let scene = Scene {
        agent: id.clone(),
        dir: config.run().checkpoint_dir.clone(),
        module: Some(args.wasm.clone()),
    };
    let is_reached = config.chosen::<dyn Transport>().is_some();
    let assembly = Assembly::new(config, &plugins, &scene)?;
    let (request, ticks) = (assembly.request(id, module, manifest)?, args.node.ticks);
    if is_reached {
        return alone::run(alone::Run { assembly, request, ticks, scene }, &output);
    }
    assembly.run(request, ticks, &scene, &output)
}

/// The flags that say how a node is reached.
pub(crate) fn network_flags(args: &NetworkArgs) -> [Flag<'_>; 3] {
    [
        ("--transport", "transport.plugin", args.transport.as_deref()),
        ("--listen", "node.listen", args.listen.as_deref()),
        ("--accept", "node.accept", args.accept.as_deref()),
    ]
}

/// The flags of a node's lease.
pub(crate) fn lease_flags(args: &LeaseArgs) -> [Flag<'_>; 2] {
    [
        ("--lease-duration", "node.lease_duration", args.lease_duration.as_deref()),
        ("--lease-grace", "node.lease_grace", args.lease_grace.as_deref()),
    ]
}

/// The flags of `run` and `resume` that stand for settings.
pub(crate) fn node_flags(args: &NodeArgs) -> [Flag<'_>; 18] {
    let [duration, grace] = lease_flags(&args.lease);
    [
        duration,
        grace,
        ("--engine", "engine.plugin", args.engine.as_deref()),
        ("--storage", "storage.plugin", args.storage.as_deref()),
        ("--meter", "meter.plugin", args.meter.as_deref()),
        ("--price", "node.price", args.price.as_deref()),
        ("--manifest", "run.manifest", args.manifest.as_deref()),
        ("--checkpoint-dir", "run.checkpoint_dir", args.checkpoint_dir.as_deref()),
        ("--tick-interval", "run.tick_interval", args.tick_interval.as_deref()),
        ("--replay-mode", "replay.mode", args.replay_mode.as_deref()),
        ("--verify-engine", "replay.engine", args.verify_engine.as_deref()),
        ("--verify-interval", "replay.interval", args.verify_interval.as_deref()),
        ("--replay-window", "replay.window", args.replay_window.as_deref()),
        ("--replay-on-divergence", "replay.on_divergence", args.replay_on_divergence.as_deref()),
        ("--on-hidden-state", "replay.on_hidden_state", args.on_hidden_state.as_deref()),
        ("--replay-cost-log", "replay.cost_log", args.replay_cost_log.as_deref()),
        ("--durability", "run.durability", args.durability.as_deref()),
        ("--checkpoint-interval", "run.checkpoint_interval", args.checkpoint_interval.as_deref()),
    ]
}
