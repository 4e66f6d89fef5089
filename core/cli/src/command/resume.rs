//! `igor resume`: continues an agent from a checkpoint file that came from elsewhere. Everything that
//! can be refused is refused before the checkpoint is brought into the store.

use std::path::Path;

use igor_core::format::IDENTITY_BYTES;
use igor_node::{Arrival, adopt, check, look};
use zeroize::Zeroizing;

use crate::agent;
use crate::args::{Common, ResumeArgs};
use crate::exit::Exit;
use crate::explain::Scene;
use crate::problem::Problem;
use crate::runner::{Assembly, block_on, linked};
use crate::settings;
use crate::start;

/// Continues an agent.
pub(crate) fn run(args: &ResumeArgs, common: &Common) -> Result<Exit, Problem> {
    let plugins = linked()?;
    let config = settings::load(common, &args.node.flags(), &plugins)?;
    let output = start(&config);
    let id = match &args.node.agent_id {
        Some(id) => id.clone(),
        None => agent::id_of(&args.wasm)?,
    };
    let state_bytes_max = config.limits().state_bytes_max;
    let checkpoint = read(&args.checkpoint, "checkpoint", state_bytes_max.saturating_add(4096))?;
    let module = agent::module(&args.wasm)?;
    let identity_bytes_max = u64::try_from(IDENTITY_BYTES).unwrap_or(u64::MAX);
    let identity = match &args.identity {
        Some(path) => Some(Zeroizing::new(read(path, "identity", identity_bytes_max)?)),
        None => None,
    };
    let manifest = agent::manifest(config.run().manifest.as_deref(), &args.wasm)?;
    let scene = Scene {
        agent: id.clone(),
        dir: config.run().checkpoint_dir.clone(),
        module: Some(args.wasm.clone()),
    };
    let assembly = Assembly::new(config, &plugins, &scene)?;
    let mut request = assembly.request(id, module, manifest)?;
    // The checkpoint says what the agent has; a configured budget is for new agents.
    request.budget = None;
    let storage = &*assembly.node.storage.0;
    let arrival = Arrival {
        agent: &scene.agent,
        checkpoint: &checkpoint,
        identity: identity.as_ref().map(|bytes| bytes.as_slice()),
        module: &request.module,
        state_bytes_max,
    };
    block_on(async {
        let outlook = look(storage, &request).await.map_err(|error| scene.open(&error))?;
        check(&request, &outlook).map_err(|error| scene.launch(&error))?;
        let adopted = adopt(storage, &arrival).await;
        adopted.map_err(|error| scene.adopt(&error, &args.checkpoint))
    })??;
    assembly.run(request, args.node.ticks, &scene, &output)
}

fn read(path: &Path, what: &str, bytes_max: u64) -> Result<Vec<u8>, Problem> {
    agent::read(path, bytes_max).map_err(|error| {
        Problem::new(
            format_args!("read the {what} {}: {error}", path.display()),
            "Give a file that exists and can be read.",
        )
    })
}
