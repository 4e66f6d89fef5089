//! The command line of what runs agents: where they are kept, what they run on, how they are checked and how other
//! nodes reach them. Each group says which settings its flags stand for.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, ValueHint};
use igor_core::format::AgentId;

use crate::control::tcp;
use crate::settings::Flag;

/// Where agents are kept.
#[derive(Debug, Args)]
pub(crate) struct StoreArgs {
    /// The directory that keeps agents [default: checkpoints]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) checkpoint_dir: Option<String>,
    /// The storage that keeps agents [default: fs]
    #[arg(long, value_name = "NAME")]
    pub(crate) storage: Option<String>,
}

impl StoreArgs {
    /// The settings that these stand for.
    pub(crate) fn flags(&self) -> Vec<Flag<'_>> {
        vec![
            ("--storage", "storage.plugin", self.storage.as_deref()),
            ("--checkpoint-dir", "run.checkpoint_dir", self.checkpoint_dir.as_deref()),
        ]
    }
}

/// How what agents do is checked.
#[derive(Debug, Args)]
#[command(next_help_heading = "Verification")]
struct CheckArgs {
    /// Verify what runs: off, periodic, on-migrate or full [default: full]
    #[arg(long, value_name = "MODE")]
    replay_mode: Option<String>,
    /// Verify on this engine: other, same or a name [default: other]
    #[arg(long, value_name = "NAME")]
    verify_engine: Option<String>,
    /// Repeat a single tick every so many ticks [default: 5]
    #[arg(long, value_name = "N")]
    verify_interval: Option<String>,
    /// Keep so many ticks to be repeated [default: 16]
    #[arg(long, value_name = "N")]
    replay_window: Option<String>,
    /// When another engine differs: log, pause, intensify or migrate [default: pause]
    #[arg(long, value_name = "POLICY")]
    replay_on_divergence: Option<String>,
    /// When an agent keeps something outside its state: log or pause [default: log]
    #[arg(long, value_name = "POLICY")]
    on_hidden_state: Option<String>,
    /// Tell what each verification costs [default: no]
    #[arg(long, value_name = "YES_OR_NO", num_args = 0..=1, default_missing_value = "yes")]
    replay_cost_log: Option<String>,
}

impl CheckArgs {
    /// The settings that these stand for.
    fn flags(&self) -> [Flag<'_>; 7] {
        [
            ("--replay-mode", "replay.mode", self.replay_mode.as_deref()),
            ("--verify-engine", "replay.engine", self.verify_engine.as_deref()),
            ("--verify-interval", "replay.interval", self.verify_interval.as_deref()),
            ("--replay-window", "replay.window", self.replay_window.as_deref()),
            (
                "--replay-on-divergence",
                "replay.on_divergence",
                self.replay_on_divergence.as_deref(),
            ),
            ("--on-hidden-state", "replay.on_hidden_state", self.on_hidden_state.as_deref()),
            ("--replay-cost-log", "replay.cost_log", self.replay_cost_log.as_deref()),
        ]
    }
}

/// What agents are kept in, run on and checked by.
#[derive(Debug, Args)]
pub(crate) struct RuntimeArgs {
    #[command(flatten)]
    pub(crate) store: StoreArgs,
    /// The engine that runs agents [default: wasmtime]
    #[arg(long, value_name = "NAME")]
    engine: Option<String>,
    /// The meter that charges new agents [default: wall]
    #[arg(long, value_name = "NAME")]
    meter: Option<String>,
    /// What a second costs, in units; more than 0 [default: 0.001]
    #[arg(long, value_name = "UNITS", allow_negative_numbers = true)]
    price: Option<String>,
    /// Time between ticks, such as 500ms [default: 1s]
    #[arg(long, value_name = "TIME")]
    tick_interval: Option<String>,
    /// Time between checkpoints [default: 5s]
    #[arg(long, value_name = "TIME")]
    checkpoint_interval: Option<String>,
    /// Make each tick durable before it is shown (journal), or only checkpoints [default: journal]
    #[arg(long, value_name = "MODE")]
    durability: Option<String>,
    /// Read again who holds the agents that run here within this time; 0 for never [default: 60s]
    #[arg(long, value_name = "TIME")]
    lease_duration: Option<String>,
    /// How much longer that may take before no agent is ticked [default: 10s]
    #[arg(long, value_name = "TIME")]
    lease_grace: Option<String>,
    // Last: its heading would hold for what follows.
    #[command(flatten)]
    checks: CheckArgs,
}

impl RuntimeArgs {
    /// The settings that these stand for.
    pub(crate) fn flags(&self) -> Vec<Flag<'_>> {
        let mut flags = self.store.flags();
        flags.extend(self.checks.flags());
        flags.extend([
            ("--engine", "engine.plugin", self.engine.as_deref()),
            ("--meter", "meter.plugin", self.meter.as_deref()),
            ("--price", "node.price", self.price.as_deref()),
            ("--tick-interval", "run.tick_interval", self.tick_interval.as_deref()),
            (
                "--checkpoint-interval",
                "run.checkpoint_interval",
                self.checkpoint_interval.as_deref(),
            ),
            ("--durability", "run.durability", self.durability.as_deref()),
            ("--lease-duration", "node.lease_duration", self.lease_duration.as_deref()),
            ("--lease-grace", "node.lease_grace", self.lease_grace.as_deref()),
        ]);
        flags
    }
}

/// What `run` and `resume` share.
#[derive(Debug, Args)]
pub(crate) struct NodeArgs {
    /// The agent's name on this node [default: the module's file name]
    #[arg(long, value_name = "ID")]
    pub(crate) agent_id: Option<AgentId>,
    /// What the agent may use [default: AGENT.manifest.json beside the module, if it is there]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    manifest: Option<String>,
    /// Stop after this many more ticks [default: go on]
    #[arg(long, value_name = "N")]
    pub(crate) ticks: Option<u64>,
    #[command(flatten)]
    runtime: RuntimeArgs,
}

impl NodeArgs {
    /// The settings that these stand for.
    pub(crate) fn flags(&self) -> Vec<Flag<'_>> {
        let mut flags = self.runtime.flags();
        flags.push(("--manifest", "run.manifest", self.manifest.as_deref()));
        flags
    }
}

/// How a node is reached by others.
#[derive(Debug, Args)]
#[command(next_help_heading = "Other nodes")]
pub(crate) struct NetworkArgs {
    /// The transport that agents move by; `run` opens no port without it [default of `node`: quic]
    #[arg(long, value_name = "NAME")]
    transport: Option<String>,
    /// Where other nodes connect [default: a free port that only this machine reaches]
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
    /// The NodeIds of those that may connect, with commas between them [default: all on this machine]
    #[arg(long, value_name = "PEER,...")]
    accept: Option<String>,
}

impl NetworkArgs {
    /// The settings that these stand for.
    pub(crate) fn flags(&self) -> [Flag<'_>; 3] {
        [
            ("--transport", "transport.plugin", self.transport.as_deref()),
            ("--listen", "node.listen", self.listen.as_deref()),
            ("--accept", "node.accept", self.accept.as_deref()),
        ]
    }
}

/// Which agents of others a node takes, and how it gives its own away.
#[derive(Debug, Args)]
#[command(next_help_heading = "Other nodes")]
struct MoveArgs {
    /// Take agents that nodes of the original send, over libp2p; what the sender does is its own affair
    #[arg(long)]
    accept_original: bool,
    /// When the node is asked to end, give its agents to the node at this address
    #[arg(long, value_name = "ADDR")]
    drain_to: Option<String>,
    /// Try a node so often before an agent that is to move goes to the next one [default: 3]
    #[arg(long, value_name = "N")]
    migration_retries: Option<String>,
    /// Time from the first such attempt to the second; it doubles from one to the next [default: 1s]
    #[arg(long, value_name = "TIME")]
    migration_retry_delay: Option<String>,
}

impl MoveArgs {
    /// The settings that these stand for.
    fn flags(&self) -> [Flag<'_>; 4] {
        [
            ("--accept-original", "handoff.accept_original", self.accept_original.then_some("yes")),
            ("--migration-retries", "handoff.retries", self.migration_retries.as_deref()),
            (
                "--migration-retry-delay",
                "handoff.retry_delay",
                self.migration_retry_delay.as_deref(),
            ),
            ("--drain-to", "node.drain_to", self.drain_to.as_deref()),
        ]
    }
}

/// How a node is controlled over TCP, too.
#[derive(Debug, Args)]
#[command(next_help_heading = "Control over TCP")]
pub(crate) struct ControlArgs {
    /// Answer at this TCP address, too, such as 7400: unencrypted, to who shows the token [default: no]
    #[arg(long, value_name = "ADDR", value_parser = tcp::address)]
    pub(crate) control_listen: Option<SocketAddr>,
    /// Keep the token in this file; made if it is not there [default: .igor/.control-token]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "control_listen")]
    pub(crate) control_token_file: Option<PathBuf>,
}

/// Arguments of `igor node`.
#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// How many threads run guest code [default: one for each core]
    #[arg(long, value_name = "N", value_parser = guest_threads)]
    pub(crate) guest_threads: Option<usize>,
    #[command(flatten)]
    runtime: RuntimeArgs,
    #[command(flatten)]
    network: NetworkArgs,
    #[command(flatten)]
    moves: MoveArgs,
    #[command(flatten)]
    pub(crate) control: ControlArgs,
}

impl ServeArgs {
    /// The settings that these stand for.
    pub(crate) fn flags(&self) -> Vec<Flag<'_>> {
        let mut flags = self.runtime.flags();
        flags.extend(self.network.flags());
        flags.extend(self.moves.flags());
        flags
    }
}

/// A number of threads: at least one, and not more than make sense.
fn guest_threads(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(threads @ 1..=1_024) => Ok(threads),
        _ => Err("it must be from 1 to 1024".to_owned()),
    }
}
