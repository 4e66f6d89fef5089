//! `igor gc`: removes the oldest audit segments of stopped agents beyond what is kept. What is removed,
//! and what is said of it, is igor-node's to do; this chooses the agents and prints the result.

use igor_core::config::Retention;
use igor_core::format::AgentId;
use igor_core::storage::{Key, Scope, StorageError};
use igor_node::{CollectError, Collection, collect};
use serde::Serialize;

use crate::args::{Common, GcArgs};
use crate::exit::Exit;
use crate::explain::Scene;
use crate::problem::Problem;
use crate::runner::{Assembly, block_on, linked};
use crate::settings;
use crate::start;
use crate::text;

#[derive(Serialize)]
struct Body {
    dry_run: bool,
    /// Null: everything.
    keep_bytes: Option<u64>,
    agents: Vec<AgentBody>,
}

#[derive(Serialize)]
struct AgentBody {
    agent_id: String,
    removed: usize,
    removed_bytes: u64,
    removed_to: Option<u64>,
    kept: usize,
    kept_bytes: u64,
    summarized: usize,
    /// Why nothing was removed, if it could not be.
    problem: Option<String>,
}

/// Collects the segments of one agent or of all.
pub(crate) fn run(args: &GcArgs, common: &Common) -> Result<Exit, Problem> {
    let plugins = linked()?;
    let mut flags = args.store.flags();
    flags.push(("--keep", "history.segments", args.keep.as_deref()));
    let config = settings::load(common, &flags, &plugins)?;
    let output = start(&config);
    let keep_bytes = match config.history().segments {
        Retention::All => None,
        Retention::Bytes(bytes) => Some(bytes),
    };
    let dir = config.run().checkpoint_dir.clone();
    let anyone = "agent".parse().map_err(|error| Problem::new(error, ""))?;
    let agent = args.agent_id.clone().unwrap_or(anyone);
    let scene = Scene { agent, dir, module: None };
    let assembly = Assembly::new(config, &plugins, &scene)?;
    let agents = match &args.agent_id {
        Some(agent) => vec![agent.clone()],
        None => block_on(all(&assembly))?.map_err(|error| scene.storage(&error))?,
    };
    let mut body = Body { dry_run: args.dry_run, keep_bytes, agents: Vec::new() };
    let mut failed = None;
    for agent in agents {
        let scene = Scene { agent, ..scene.clone() };
        match collect_of(&assembly, &scene, keep_bytes.unwrap_or(u64::MAX), args.dry_run)? {
            Ok(collection) => body.agents.push(AgentBody::new(&scene.agent, &collection)),
            Err(error) if args.agent_id.is_some() => return Err(scene.collect(&error)),
            Err(error) => {
                body.agents.push(AgentBody::failed(&scene.agent, &error));
                if !is_in_use(&error) {
                    failed.get_or_insert_with(|| scene.collect(&error));
                }
            }
        }
    }
    output.document("gc", &body, || as_text(&body))?;
    failed.map_or(Ok(Exit::Done), Err)
}

fn collect_of(
    assembly: &Assembly,
    scene: &Scene,
    keep_bytes: u64,
    is_dry_run: bool,
) -> Result<Result<Collection, CollectError>, Problem> {
    let state_bytes_max = assembly.limits().state_bytes_max;
    block_on(collect(&assembly.node, &scene.agent, keep_bytes, state_bytes_max, is_dry_run))
}

/// The agents that the store holds.
async fn all(assembly: &Assembly) -> Result<Vec<AgentId>, StorageError> {
    let keys = assembly.node.storage.0.list(&Scope::Checkpoints, None, usize::MAX).await?;
    let agents = keys.into_iter().filter_map(|key| match key {
        Key::Checkpoint(agent) => Some(agent),
        _ => None,
    });
    Ok(agents.collect())
}

/// Whether the agent runs, so that it is not its turn.
fn is_in_use(error: &CollectError) -> bool {
    matches!(error, CollectError::Storage(StorageError::Held { .. }))
}

impl AgentBody {
    fn new(agent: &AgentId, collection: &Collection) -> Self {
        Self {
            agent_id: agent.to_string(),
            removed: collection.removed,
            removed_bytes: collection.removed_bytes,
            removed_to: collection.removed_to.map(|tick| tick.0),
            kept: collection.kept,
            kept_bytes: collection.kept_bytes,
            summarized: collection.summarized,
            problem: None,
        }
    }

    fn failed(agent: &AgentId, error: &CollectError) -> Self {
        Self {
            agent_id: agent.to_string(),
            removed: 0,
            removed_bytes: 0,
            removed_to: None,
            kept: 0,
            kept_bytes: 0,
            summarized: 0,
            problem: Some(error.to_string()),
        }
    }
}

fn as_text(body: &Body) -> String {
    let verb = if body.dry_run { "would be removed" } else { "removed" };
    let line = |agent: &AgentBody| {
        let AgentBody { agent_id, removed, removed_bytes, kept, kept_bytes, .. } = agent;
        if let Some(problem) = &agent.problem {
            return format!("{agent_id}: nothing {verb}: {}\n", text::one_line(problem));
        }
        let left = format!("{kept} of {kept_bytes} bytes stay");
        match agent.removed_to {
            None => format!("{agent_id}: no segment {verb}, {left}\n"),
            Some(tick) => {
                let what = format!("segments {verb} up to tick {tick}");
                format!("{agent_id}: {removed} {what}, {removed_bytes} bytes; {left}\n")
            }
        }
    };
    body.agents.iter().map(line).collect()
}
