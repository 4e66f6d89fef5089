//! The commands that ask a running node for something: `ps`, `status`, `logs`, `start`, `stop`, `pause`,
//! `unpause` and `rm`. They find it by its directory; what they ask for is done there.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::Method;
use igor_core::format::{AgentId, Microcents};
use serde::Serialize;

use crate::agent;
use crate::args::{
    Common, ControlArgs, LogsArgs, OneAgentArgs, PlaceArgs, RmArgs, StartArgs, StopArgs,
};
use crate::control::client::{Client, path_of};
use crate::control::wire::{
    self, Listing, LogKind, LogLine, Logs, Ownership, Removed, State, Status,
};
use crate::exit::Exit;
use crate::output::{Format, Output, SCHEMA};
use crate::problem::Problem;
use crate::runner::linked;
use crate::settings;
use crate::start;
use crate::text;

/// Columns of a table on a narrow terminal.
const NAME_COLUMNS: usize = 20;
const STATE_COLUMNS: usize = 18;

/// Nothing to be sent.
pub(crate) const NOTHING: Option<&()> = None;

/// The node of the directory in force, and where to print.
pub(crate) fn ready(
    place: &PlaceArgs,
    agent: Option<&AgentId>,
    common: &Common,
) -> Result<(Client, Output), Problem> {
    let (dir, output) = place_of(place, common)?;
    Ok((Client::of(&place.control, &dir, agent)?, output))
}

pub(crate) fn place_of(place: &PlaceArgs, common: &Common) -> Result<(PathBuf, Output), Problem> {
    let flags = [("--checkpoint-dir", "run.checkpoint_dir", place.checkpoint_dir.as_deref())];
    let config = settings::load(common, &flags, &*linked()?)?;
    let output = start(&config);
    Ok((config.run().checkpoint_dir.clone(), output))
}

/// Lists the agents of a node.
pub(crate) fn ps(args: &PlaceArgs, common: &Common) -> Result<Exit, Problem> {
    let (node, output) = ready(args, None, common)?;
    let listing: Listing = node.ask(Method::GET, "/v1/agents", NOTHING)?;
    output.document("ps", &listing, || listing_text(&listing))?;
    Ok(Exit::Done)
}

/// Shows how one agent stands.
pub(crate) fn status(args: &OneAgentArgs, common: &Common) -> Result<Exit, Problem> {
    let (node, output) = ready(&args.place, Some(&args.agent_id), common)?;
    let status: Status = node.ask(Method::GET, &path_of(&args.agent_id, ""), NOTHING)?;
    output.document("status", &status, || status_text(&status))?;
    Ok(Exit::Done)
}

#[derive(Serialize)]
struct Line<'a> {
    schema: u32,
    event: &'static str,
    agent_id: &'a str,
    #[serde(flatten)]
    line: &'a LogLine,
}

/// Shows the last lines of an agent, and with `--follow` those that come.
pub(crate) fn logs(args: &LogsArgs, common: &Common) -> Result<Exit, Problem> {
    let (node, output) = ready(&args.place, Some(&args.agent_id), common)?;
    let query = format!("/logs?lines={}", args.lines);
    let path = path_of(&args.agent_id, &query);
    let print = |line: &LogLine| match output.format() {
        Format::Text => output.text(&line_text(line)),
        Format::Json => {
            let agent_id = args.agent_id.as_str();
            output.json_line(&Line { schema: SCHEMA, event: "line", agent_id, line })
        }
    };
    if args.follow {
        node.follow(&format!("{path}&follow=true"), print)?;
        return Ok(Exit::Done);
    }
    let logs: Logs = node.ask(Method::GET, &path, NOTHING)?;
    output.document("logs", &logs, || logs.lines.iter().map(line_text).collect())?;
    Ok(Exit::Done)
}

/// Starts an agent from a module, or again one that is kept.
pub(crate) fn start_agent(args: &StartArgs, common: &Common) -> Result<Exit, Problem> {
    let (node, output) = ready(&args.place, None, common)?;
    let path = Path::new(&args.what);
    let budget = args.budget.map(Microcents::get);
    let mut start = wire::Start {
        agent_id: args.what.clone(),
        module: None,
        manifest: None,
        budget,
        meter: args.meter.clone(),
    };
    if path.is_file() || args.what.ends_with(".wasm") {
        let id = args.agent_id.clone().map_or_else(|| agent::id_of(path), Ok)?;
        let manifest = agent::manifest(args.manifest.as_deref(), path)?;
        start.agent_id = id.to_string();
        start.module = Some(wire::Module::Base64(STANDARD.encode(agent::module(path)?)));
        start.manifest = manifest.map(|text| String::from_utf8_lossy(&text).into_owned());
    }
    let status: Status = node.ask(Method::POST, "/v1/agents", Some(&start))?;
    tell("start", &status, &output)
}

/// Stops an agent after a last checkpoint.
pub(crate) fn stop(args: &StopArgs, common: &Common) -> Result<Exit, Problem> {
    let (node, output) = ready(&args.place, Some(&args.agent_id), common)?;
    let body = wire::Stop { now: args.now };
    let status: Status = node.ask(Method::POST, &path_of(&args.agent_id, "/stop"), Some(&body))?;
    tell("stop", &status, &output)
}

/// Lets an agent run no ticks for now.
pub(crate) fn pause(args: &OneAgentArgs, common: &Common) -> Result<Exit, Problem> {
    let (node, output) = ready(&args.place, Some(&args.agent_id), common)?;
    let status: Status = node.ask(Method::POST, &path_of(&args.agent_id, "/pause"), NOTHING)?;
    tell("pause", &status, &output)
}

/// Lets an agent run ticks again.
pub(crate) fn unpause(args: &OneAgentArgs, common: &Common) -> Result<Exit, Problem> {
    let (node, output) = ready(&args.place, Some(&args.agent_id), common)?;
    let status: Status = node.ask(Method::POST, &path_of(&args.agent_id, "/unpause"), NOTHING)?;
    tell("unpause", &status, &output)
}

/// Removes a stopped agent.
pub(crate) fn rm(args: &RmArgs, common: &Common) -> Result<Exit, Problem> {
    let (node, output) = ready(&args.place, Some(&args.agent_id), common)?;
    let path = path_of(&args.agent_id, &format!("?history={}", args.history));
    let removed: Removed = node.ask(Method::DELETE, &path, NOTHING)?;
    output.document("rm", &removed, || {
        let rest = if removed.with_history {
            "with its history and its identity"
        } else {
            "its history and its identity stay"
        };
        format!("{} is removed, {rest}\n", text::escape(&removed.agent_id))
    })?;
    Ok(Exit::Done)
}

/// Adds budget to an agent through the node at the address that is given, or that runs on `dir`, if one does.
pub(crate) fn fund(
    control: &ControlArgs,
    dir: &Path,
    agent: &AgentId,
    amount: Microcents,
) -> Result<Option<wire::Funded>, Problem> {
    let Some(node) = Client::choose(control, dir, Some(agent))? else { return Ok(None) };
    let body = wire::Fund { amount: amount.get() };
    node.ask(Method::POST, &path_of(agent, "/fund"), Some(&body)).map(Some)
}

fn tell(document: &'static str, status: &Status, output: &Output) -> Result<Exit, Problem> {
    output.document(document, status, || {
        let Status { agent_id, tick, .. } = status;
        let (agent, state) = (text::escape(agent_id), state_text(status));
        format!("{agent} is {state} at tick {tick}, left {}\n", units(status.budget))
    })?;
    Ok(Exit::Done)
}

fn listing_text(listing: &Listing) -> String {
    if listing.agents.is_empty() {
        return "no agents; start one with `igor start AGENT.WASM`\n".to_owned();
    }
    let cells = |status: &Status| {
        [
            text::shorten(&text::escape(&status.agent_id), NAME_COLUMNS),
            text::shorten(&state_text(status), STATE_COLUMNS),
            status.tick.to_string(),
            units(status.budget),
        ]
    };
    let rows: Vec<_> = listing.agents.iter().map(cells).collect();
    let mut table = vec![["AGENT", "STATE", "TICK", "BUDGET"]];
    table.extend(rows.iter().map(|row| row.each_ref().map(String::as_str)));
    text::table(&table)
}

fn status_text(status: &Status) -> String {
    let mut rows = vec![
        ("Agent", text::escape(&status.agent_id)),
        ("State", state_text(status)),
        ("Since", text::one_line(&status.since)),
    ];
    let mut add = |name, value: Option<String>| {
        rows.extend(value.map(|value| (name, text::one_line(&value))));
    };
    add("Detail", status.detail.clone());
    add("DID", status.did.clone());
    add("Ownership", status.ownership.as_ref().map(ownership_text));
    add("Tick", Some(status.tick.to_string()));
    add("Budget", Some(units(status.budget)));
    add("Price", status.price.map(|price| format!("{} per second", units(price))));
    add("Engine", status.engine.clone());
    add("Meter", status.meter.clone());
    let checkpoint = status.checkpoint.as_deref().map(|hash| hash.chars().take(16).collect());
    let at = status.checkpoint_tick.unwrap_or_default();
    add("Checkpoint", checkpoint.map(|hash: String| format!("at tick {at}, {hash}")));
    text::fields(&rows)
}

fn ownership_text(ownership: &Ownership) -> String {
    let Ownership { state, epoch, node_id } = ownership;
    let to = node_id.as_ref().map_or(String::new(), |node| format!(", to {node}"));
    format!("{state}, epoch {epoch}{to}")
}

fn state_text(status: &Status) -> String {
    match &status.reason {
        Some(reason) if status.state == State::Stopped => {
            format!("stopped: {}", text::one_line(&reason.replace('_', " ")))
        }
        _ => status.state.word().to_owned(),
    }
}

fn line_text(line: &LogLine) -> String {
    let message = text::escape(&line.message);
    match line.kind {
        LogKind::Log => format!("{} {} | {message}\n", text::one_line(&line.time), line.tick),
        LogKind::Notice => format!("{} note: {message}\n", text::one_line(&line.time)),
        LogKind::Stopped => format!("{} {message}\n", text::one_line(&line.time)),
    }
}

/// An amount as people write it.
pub(crate) fn units(microcents: i64) -> String {
    Microcents::new(microcents).map_or_else(|_| microcents.to_string(), |amount| amount.to_string())
}
