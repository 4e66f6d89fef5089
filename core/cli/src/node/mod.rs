//! The life of `igor node`: it claims a directory, starts what ran there before, answers the control
//! API, and drains when it is asked to end. What an agent does is igor-node's business, and what can be
//! asked of the node is in [`station`].

pub(crate) mod alone;
mod asked;
mod filing;
pub(crate) mod known;
pub(crate) mod log;
mod moving;
mod network;
mod original;
mod ownership;
mod peering;
mod scribe;
pub(crate) mod station;

use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::available_parallelism;

use igor_core::format::{AgentId, AgentRecord, Checkpoint, Standing, Wish};
use igor_core::storage::Key;
use igor_node::shell::{Crew, Deck, FleetHandle, FleetOrders, Told, run_fleet};
use igor_node::{RunEvent, agents, claim_whole, wish};
use rustix::process::{Resource, getrlimit, setrlimit};
use serde::Serialize;
use tokio::signal::unix::{SignalKind, signal};

use self::scribe::Scribe;
use self::station::{Station, Tenancy};
use crate::control::address::Address;
use crate::control::token::Token;
use crate::control::{server, tcp};
use crate::exit::Exit;
use crate::explain::Scene;
use crate::output::{Format, Output, SCHEMA};
use crate::problem::Problem;
use crate::report::Report;
use crate::runner::Assembly;
use crate::text;

/// Stack of the runtime's threads: modules are compiled on them.
const STACK_BYTES: usize = 8 << 20;

/// A node that is about to run.
pub(crate) struct Plan {
    pub(crate) assembly: Assembly,
    pub(crate) dir: PathBuf,
    /// What problems with the directory are explained by.
    pub(crate) scene: Scene,
    /// How many threads run guest code; by default one for each core.
    pub(crate) guest_threads: Option<usize>,
    /// The TCP address of the control API and the file of its token, if it is to be there, too.
    pub(crate) control: Option<(SocketAddr, PathBuf)>,
}

#[derive(Serialize)]
struct ReadyLine<'a> {
    schema: u32,
    event: &'static str,
    time: String,
    directory: &'a str,
    control: &'a str,
    control_address: Option<String>,
    agents: usize,
    starting: usize,
}

#[derive(Serialize)]
struct DrainedLine {
    schema: u32,
    event: &'static str,
    time: String,
    abandoned: usize,
}

/// Runs a node until it is asked to end.
pub(crate) fn run(plan: Plan, output: &Output) -> Result<Exit, Problem> {
    allow_many_files();
    let runtime = runtime().map_err(|error| failed_to_start(&error))?;
    let ended = runtime.block_on(live(plan, output));
    // What is still under way was abandoned.
    runtime.shutdown_background();
    ended
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(2).thread_stack_size(STACK_BYTES).enable_all().build()
}

fn failed_to_start(error: &std::io::Error) -> Problem {
    Problem::new(
        format_args!("start the node: {error}"),
        "Free some memory or raise the limits of this user.",
    )
}

/// Each agent has files open while it runs: as many are allowed as the system lets this user have.
fn allow_many_files() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!(%error, "the limit of open files could not be raised");
    }
}

async fn live(plan: Plan, output: &Output) -> Result<Exit, Problem> {
    let Plan { mut assembly, dir, scene, guest_threads, control } = plan;
    let claimed = claim_whole(Arc::clone(&assembly.node.storage.0)).await;
    assembly.node.storage.0 = claimed.map_err(|error| scene.storage(&error))?;
    let cores = available_parallelism().map_or(1, std::num::NonZero::get);
    let deck = deck(&assembly, guest_threads.unwrap_or(cores), cores.div_ceil(2));
    let (scribe, writing) = Scribe::new(Arc::clone(&deck.storage));
    tokio::spawn(writing);
    let (handle, orders) = FleetHandle::new();
    let key = network::key(&assembly.node, &scene).await?;
    let (fleet, tenancy) = ((handle, scribe), (key, Tenancy::Many));
    let station = Station::new(assembly, dir, fleet, tenancy, output.clone(), cores);
    let station = Arc::new(station);
    pass_on_signals(&station)?;
    let wished = look_around(&station, &scene).await?;
    network::open(&station, &scene, output).await?;
    let address = Address::take(&station.dir, None)?;
    let listener = server::listen(&address)?;
    tokio::spawn(server::serve(listener, Arc::clone(&station)));
    let at = match control {
        Some((at, file)) => Some(answer_at(at, &file, &station).await?),
        None => None,
    };
    tell_ready(&station, (&address, at), wished.len(), output)?;
    for (agent, is_paused) in wished {
        let (station, output) = (Arc::clone(&station), output.clone());
        tokio::spawn(async move {
            if let Err(refusal) = station.start_again(agent.clone(), is_paused).await {
                let notice = format!("not started: {}", refusal.message());
                let clock = &*station.assembly.node.clock;
                let _ = Report::new(&output, clock, agent).event(&RunEvent::Notice(notice));
            }
        });
    }
    let left = sail(deck, orders, &station, output).await?;
    drop(address);
    tell_drained(&station, left, output)?;
    if left == 0 {
        return Ok(Exit::Done);
    }
    let plural = if left == 1 { "agent was" } else { "agents were" };
    Err(Problem::new(
        format_args!("{left} {plural} not brought to a checkpoint"),
        "What was journaled is kept; `igor node` continues from there.",
    ))
}

/// Answers the control API at a TCP address, to who shows the token in `file`.
async fn answer_at(
    at: SocketAddr,
    file: &Path,
    station: &Arc<Station>,
) -> Result<SocketAddr, Problem> {
    let token = Token::take(file)?;
    let listener = tcp::listen(at).await?;
    let at = listener.local_addr().unwrap_or(at);
    tokio::spawn(server::serve_tcp(listener, Arc::clone(station), token));
    Ok(at)
}

/// Runs the agents until the node is drained. A node that nobody reads any more drains.
async fn sail(
    deck: Deck,
    orders: FleetOrders,
    station: &Arc<Station>,
    output: &Output,
) -> Result<usize, Problem> {
    let mut failed = None;
    let mut sink = |agent: &AgentId, told: Told| {
        station.told(agent, &told);
        station.follow(agent, &told);
        if let Told::Event(event) = told {
            let clock = &*station.assembly.node.clock;
            let mut report = Report::new(output, clock, agent.clone());
            if report.event(&event).is_break() {
                if failed.is_none() {
                    failed = report.into_failure();
                }
                station.drain();
            }
        }
        ControlFlow::Continue(())
    };
    let sailed = run_fleet(deck, orders, false, &mut sink).await;
    let left = sailed.map_err(|error| failed_to_start(&error))?;
    failed.map_or(Ok(left), Err)
}

fn deck(assembly: &Assembly, guests: usize, checks: usize) -> Deck {
    let node = &assembly.node;
    let verifier = node.verifier.as_ref().map(|(engine, _)| engine.native_stack_bytes());
    Deck {
        guests: Crew { threads: guests.max(1), stack_bytes: node.engine.0.native_stack_bytes() },
        checks: Crew {
            threads: if verifier.is_some() { checks.max(1) } else { 0 },
            stack_bytes: verifier.unwrap_or_default(),
        },
        storage: Arc::clone(&node.storage.0),
        clock: Arc::clone(&node.clock),
        lease: assembly.lease(),
    }
}

/// The first signal drains the node, the next one ends it.
fn pass_on_signals(station: &Arc<Station>) -> Result<(), Problem> {
    let failed = |error: std::io::Error| {
        Problem::new(format_args!("wait for signals: {error}"), "Check the limits of this user.")
    };
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let station = Arc::clone(station);
    tokio::spawn(async move {
        let mut is_draining = false;
        loop {
            tokio::select! {
                Some(()) = interrupt.recv() => {}
                Some(()) = terminate.recv() => {}
                else => return,
            }
            if std::mem::replace(&mut is_draining, true) {
                station.abandon();
            } else {
                let station = Arc::clone(&station);
                tokio::spawn(async move { station.leave().await });
            }
        }
    });
    Ok(())
}

/// Gets to know the agents of the directory. Returns those that are to run, and whether they pause.
async fn look_around(station: &Station, scene: &Scene) -> Result<Vec<(AgentId, bool)>, Problem> {
    let storage = &*station.assembly.node.storage.0;
    let mut wished = Vec::new();
    let found = agents(storage).await.map_err(|error| scene.storage(&error))?;
    for agent in found {
        station.known.update(&agent, station.time(), |_| {});
        match wish(storage, &agent).await {
            Ok(Some(Wish::Run)) => wished.push((agent.clone(), false)),
            Ok(Some(Wish::Pause)) => wished.push((agent.clone(), true)),
            Ok(Some(Wish::Rest { reason, detail })) => {
                station.known.update(&agent, station.time(), |status| {
                    (status.reason, status.detail) = (Some(reason), detail);
                });
            }
            Ok(None) => {}
            Err(error) => station.rest(&agent, "not_started", &error.to_string()),
        }
        look_at(station, &agent).await.map_err(|error| scene.storage(&error))?;
    }
    Ok(wished)
}

/// Takes note of what is stored of an agent; what cannot be read is found out when it is started.
async fn look_at(
    station: &Station,
    agent: &AgentId,
) -> Result<(), igor_core::storage::StorageError> {
    let storage = &*station.assembly.node.storage.0;
    let state_bytes_max = station.assembly.limits().state_bytes_max;
    let checkpoint = storage.get(&Key::Checkpoint(agent.clone())).await?;
    let checkpoint =
        checkpoint.and_then(|stored| Checkpoint::decode(&stored.bytes, state_bytes_max).ok());
    let record = storage.get(&Key::Record(agent.clone())).await?;
    let record = record.and_then(|stored| AgentRecord::decode(&stored.bytes).ok());
    station.known.update(agent, station.time(), |status| {
        if let Some(checkpoint) = &checkpoint {
            let header = checkpoint.header();
            (status.tick, status.budget) = (header.tick.0, header.budget.get());
            status.price = Some(header.price.microcents().get());
            status.checkpoint_tick = Some(header.tick.0);
            status.checkpoint = Some(checkpoint.hash().to_string());
            status.did = checkpoint.lineage().map(|lineage| lineage.public_key.did().to_string());
        }
        let Some(record) = &record else { return };
        status.meter = Some(record.meter.as_str().to_owned());
        if let Standing::RecoveryRequired { reason, .. } = &record.standing {
            status.reason = Some("recovery_required".to_owned());
            status.detail = Some(reason.clone());
        }
    });
    Ok(())
}

fn tell_ready(
    station: &Station,
    (address, at): (&Address, Option<SocketAddr>),
    starting: usize,
    output: &Output,
) -> Result<(), Problem> {
    let (directory, control) = (station.dir.to_string_lossy(), address.socket().to_string_lossy());
    let agents = station.known.all().len();
    let _ = match output.format() {
        Format::Json => output.json_line(&ReadyLine {
            schema: SCHEMA,
            event: "ready",
            time: station.time(),
            directory: &directory,
            control: &control,
            control_address: at.map(|at| at.to_string()),
            agents,
            starting,
        })?,
        Format::Text => output.text(&format!(
            "node on {}\nagents {agents}, of which {starting} start\ncontrol {}{}\n",
            text::one_line(&directory),
            text::one_line(&control),
            at.map_or(String::new(), |at| format!(" and {at}"))
        ))?,
    };
    Ok(())
}

fn tell_drained(station: &Station, abandoned: usize, output: &Output) -> Result<(), Problem> {
    let time = station.time();
    let _ = match output.format() {
        Format::Json => {
            output.json_line(&DrainedLine { schema: SCHEMA, event: "drained", time, abandoned })?
        }
        Format::Text if abandoned == 0 => output.text("all agents are at a checkpoint\n")?,
        Format::Text => return Ok(()),
    };
    Ok(())
}
