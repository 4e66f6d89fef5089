//! `igor recover`: gives up what an agent did since its last checkpoint and lets it go on from there, or takes
//! it for this node's whatever other nodes hold. What is given up, and what cannot be undone, is igor-node's to
//! say; this prints it.

use igor_core::format::AgentId;
use igor_node::{Forced, Recovery, force_epoch, recover};
use serde::Serialize;

use crate::args::{Common, RecoverArgs};
use crate::exit::Exit;
use crate::explain::Scene;
use crate::problem::Problem;
use crate::runner::{Assembly, block_on, linked};
use crate::settings;
use crate::start;
use crate::text;

#[derive(Serialize)]
struct Body {
    agent_id: String,
    dry_run: bool,
    recovery: Option<RecoveryBody>,
}

#[derive(Serialize)]
struct RecoveryBody {
    reason: String,
    tick: u64,
    discarded_to: u64,
    before: i64,
    charges: i64,
    budget: i64,
    epoch: u64,
    shown: Vec<ShownBody>,
    checkpoint: Option<String>,
    notices: Vec<String>,
}

#[derive(Serialize)]
struct ShownBody {
    tick: u64,
    message: String,
}

#[derive(Serialize)]
struct ForcedBody {
    agent_id: String,
    dry_run: bool,
    before: Option<&'static str>,
    other: Option<String>,
    epoch: u64,
}

/// Recovers an agent.
pub(crate) fn run(args: &RecoverArgs, common: &Common) -> Result<Exit, Problem> {
    let plugins = linked()?;
    let config = settings::load(common, &args.store.flags(), &plugins)?;
    let output = start(&config);
    let dir = config.run().checkpoint_dir.clone();
    let scene = Scene { agent: args.agent_id.clone(), dir, module: None };
    let assembly = Assembly::new(config, &plugins, &scene)?;
    let state_bytes_max = assembly.limits().state_bytes_max;
    if args.force_epoch {
        let storage = &*assembly.node.storage.0;
        let forced = force_epoch(storage, &scene.agent, state_bytes_max, args.dry_run);
        let forced = block_on(forced)?.map_err(|error| scene.force(&error))?;
        let body = ForcedBody::new(&scene.agent, args.dry_run, &forced);
        output.document("force_epoch", &body, || forced_text(&body))?;
        return Ok(Exit::Done);
    }
    let recovered = recover(&assembly.node, &scene.agent, state_bytes_max, args.dry_run);
    let recovered = block_on(recovered)?.map_err(|error| scene.recover(&error))?;
    let body = Body {
        agent_id: scene.agent.to_string(),
        dry_run: args.dry_run,
        recovery: recovered.as_ref().map(RecoveryBody::from),
    };
    output.document("recover", &body, || as_text(&body.agent_id, recovered.as_ref()))?;
    Ok(Exit::Done)
}

impl From<&Recovery> for RecoveryBody {
    fn from(recovery: &Recovery) -> Self {
        let shown = recovery.shown.iter();
        Self {
            reason: recovery.reason.clone(),
            tick: recovery.tick.0,
            discarded_to: recovery.discarded_to.0,
            before: recovery.before.get(),
            charges: recovery.charges.get(),
            budget: recovery.budget.get(),
            epoch: recovery.epoch.major,
            shown: shown
                .map(|line| ShownBody { tick: line.tick.0, message: line.message.clone() })
                .collect(),
            checkpoint: recovery.checkpoint.map(|hash| hash.to_string()),
            notices: recovery.notices.clone(),
        }
    }
}

fn as_text(agent: &str, recovery: Option<&Recovery>) -> String {
    let Some(recovery) = recovery else {
        return format!("{agent} has nothing to recover\n");
    };
    let Recovery { tick, discarded_to, before, charges, budget, epoch, reason, .. } = recovery;
    let mut report = String::new();
    for notice in &recovery.notices {
        report.push_str(&format!("note: {}\n", text::one_line(notice)));
    }
    let (verb, is_done) = match recovery.checkpoint {
        Some(_) => ("goes on", true),
        None => ("would go on", false),
    };
    report.push_str(&format!(
        "{agent} {verb} from tick {tick} in epoch {}: {}\n",
        epoch.major,
        text::one_line(reason)
    ));
    report.push_str(&match discarded_to.0.saturating_sub(tick.0) {
        0 => "given up: no tick\n".to_owned(),
        1 => format!("given up: tick {discarded_to}\n"),
        _ => format!("given up: ticks {} to {discarded_to}\n", tick.0.saturating_add(1)),
    });
    report.push_str(&format!("charged all the same: {charges}, {before} -> {budget}\n"));
    if !recovery.shown.is_empty() {
        report.push_str("shown, and not to be undone:\n");
    }
    for line in &recovery.shown {
        report.push_str(&format!("  tick {} | {}\n", line.tick, text::escape(&line.message)));
    }
    if !is_done {
        report.push_str("nothing was changed\n");
    }
    report
}

impl ForcedBody {
    fn new(agent: &AgentId, dry_run: bool, forced: &Forced) -> Self {
        Self {
            agent_id: agent.to_string(),
            dry_run,
            before: forced.before.name(),
            other: forced.other().map(|node| node.to_string()),
            epoch: forced.epoch,
        }
    }
}

fn forced_text(body: &ForcedBody) -> String {
    let ForcedBody { agent_id, dry_run, before, other, epoch } = body;
    let was = before.unwrap_or("not here");
    let (verb, end) = if *dry_run { ("would be", "nothing was changed\n") } else { ("is", "") };
    let other = match other {
        Some(node) => format!("the node {node}"),
        None => "another node".to_owned(),
    };
    format!(
        "{agent_id} {verb} held here in epoch {epoch}; it was {was}\n\
         if {other} holds it too, it runs twice until the two nodes meet\n{end}"
    )
}
