//! `igor run`: starts an agent, or continues it.

use igor_core::Transport;

use crate::agent;
use crate::args::{Common, RunArgs};
use crate::exit::Exit;
use crate::explain::Scene;
use crate::node::alone;
use crate::problem::Problem;
use crate::runner::{Assembly, linked};
use crate::settings;
use crate::start;

/// Runs an agent.
pub(crate) fn run(args: &RunArgs, common: &Common) -> Result<Exit, Problem> {
    let plugins = linked()?;
    let mut flags = args.node.flags();
    flags.extend(args.network.flags());
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
