//! The command line: the one definition from which parsing, help, completions and man pages come.
//! A flag that stands for a setting stays text here: the configuration judges it together with the
//! file and the environment, so that there is one rule and one message for each setting.

mod export;
mod node;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::Shell;
use igor_core::format::{AgentId, Did, Microcents};

use crate::command::simulate;
use crate::control::tcp;
use crate::exit;
use crate::output::Format;

pub(crate) use export::{ExportArgs, ImportArgs, PassphraseArgs};
pub(crate) use node::{NetworkArgs, NodeArgs, ServeArgs, StoreArgs};

use export::{EXPORT_EXAMPLES, IMPORT_EXAMPLES};

/// Run autonomous agents that outlive the machines they run on.
///
/// An agent is a WebAssembly module with a budget, an identity and a state. igor ticks it, charges
/// it and keeps what happened as a chain of signed checkpoints; stopped anywhere, it continues with
/// the same identity, state and money.
#[derive(Debug, Parser)]
#[command(name = "igor", version, after_long_help = after_help(), arg_required_else_help = true)]
#[command(propagate_version = true, args_override_self = true, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command understands, before or after its name.
#[derive(Debug, Args)]
#[command(next_help_heading = "Common options")]
pub(crate) struct Common {
    /// Read the configuration from this file [default: none]
    #[arg(long, global = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) config: Option<PathBuf>,
    /// Print text for people or JSON for programs [default: text]
    #[arg(long, global = true, value_enum, value_name = "FORM")]
    pub(crate) output: Option<Format>,
    /// Log to stderr what is at least this grave [default: warn]
    #[arg(long, global = true, value_enum, value_name = "LEVEL")]
    pub(crate) log_level: Option<LogLevel>,
}

/// How much is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogLevel {
    /// Nothing.
    Off,
    /// What failed.
    Error,
    /// What should be looked at.
    Warn,
    /// What happens.
    Info,
    /// How it happens.
    Debug,
    /// Everything.
    Trace,
}

impl LogLevel {
    /// The word for it.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

/// What can be asked for.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run an agent: start it, or continue it if the directory already holds it
    #[command(after_long_help = RUN_EXAMPLES)]
    Run(RunArgs),
    /// Try an agent in a world made of a seed: nothing is kept and nothing is waited for
    #[command(after_long_help = SIMULATE_EXAMPLES)]
    Simulate(SimulateArgs),
    /// Continue an agent from a checkpoint file that came from elsewhere
    #[command(after_long_help = RESUME_EXAMPLES)]
    Resume(ResumeArgs),
    /// Add budget to an agent: one that is stopped, or one of a running node
    #[command(after_long_help = FUND_EXAMPLES)]
    Fund(FundArgs),
    /// Run many agents in one process, as long as it lives
    #[command(after_long_help = NODE_EXAMPLES)]
    Node(ServeArgs),
    /// List the agents of a running node
    #[command(after_long_help = PS_EXAMPLES)]
    Ps(PlaceArgs),
    /// Show how an agent of a running node stands
    #[command(after_long_help = STATUS_EXAMPLES)]
    Status(OneAgentArgs),
    /// Show the last lines of an agent of a running node
    #[command(after_long_help = LOGS_EXAMPLES)]
    Logs(LogsArgs),
    /// Start an agent on a running node: a module, or again an agent that is kept there
    #[command(after_long_help = START_EXAMPLES)]
    Start(StartArgs),
    /// Stop an agent of a running node after a last checkpoint
    #[command(after_long_help = STOP_EXAMPLES)]
    Stop(StopArgs),
    /// Let an agent of a running node run no ticks for now
    #[command(after_long_help = PAUSE_EXAMPLES)]
    Pause(OneAgentArgs),
    /// Let a paused agent run ticks again
    #[command(after_long_help = UNPAUSE_EXAMPLES)]
    Unpause(OneAgentArgs),
    /// Remove a stopped agent from a running node
    #[command(after_long_help = RM_EXAMPLES)]
    Rm(RmArgs),
    /// Give a running agent to another node, where it goes on
    #[command(after_long_help = MIGRATE_EXAMPLES)]
    Migrate(MigrateArgs),
    /// List the nodes that a running node knows, and its own addresses
    #[command(after_long_help = PEERS_EXAMPLES)]
    Peers(PlaceArgs),
    /// Ask other nodes what a second costs there
    #[command(after_long_help = PRICE_EXAMPLES)]
    Price(PriceArgs),
    /// Set an agent going again from its last checkpoint when its journal cannot be repeated
    #[command(after_long_help = RECOVER_EXAMPLES)]
    Recover(RecoverArgs),
    /// Remove the oldest audit segments of stopped agents beyond what is kept
    #[command(after_long_help = GC_EXAMPLES)]
    Gc(GcArgs),
    /// Put a stopped agent into one file: a backup, or evidence
    #[command(after_long_help = EXPORT_EXAMPLES)]
    Export(ExportArgs),
    /// Bring an agent from such a file into a directory
    #[command(after_long_help = IMPORT_EXAMPLES)]
    Import(ImportArgs),
    /// Check a history: signatures, order, forks, money and its end
    #[command(after_long_help = VERIFY_EXAMPLES)]
    Verify(VerifyArgs),
    /// Prove a history: check it, and re-execute every journaled tick with the module
    #[command(after_long_help = AUDIT_EXAMPLES)]
    Audit(AuditArgs),
    /// Re-execute what an agent has journaled, and say how fast or where it differs
    #[command(after_long_help = REPLAY_EXAMPLES)]
    Replay(ReplayArgs),
    /// Find the first tick at which two engines, or two builds of a module, differ
    #[command(after_long_help = BISECT_EXAMPLES)]
    Bisect(BisectArgs),
    /// Show what a checkpoint or another of igor's files holds
    #[command(after_long_help = INSPECT_EXAMPLES)]
    Inspect(InspectArgs),
    /// Prove from files alone that something went wrong
    #[command(after_long_help = PROVE_EXAMPLES)]
    Prove {
        #[command(subcommand)]
        what: ProveCommand,
    },
    /// List the engines, storages, meters and transports of this program
    #[command(after_long_help = PLUGINS_EXAMPLES)]
    Plugins,
    /// Show the configuration in force, or an example of one
    #[command(after_long_help = CONFIG_EXAMPLES)]
    Config {
        #[command(subcommand)]
        what: ConfigCommand,
    },
    /// Check that agents can run here: plugins, directory, locks and disk
    #[command(after_long_help = DOCTOR_EXAMPLES)]
    Doctor(DoctorArgs),
    /// Print a completion script for a shell
    #[command(after_long_help = COMPLETIONS_EXAMPLES)]
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Write the man pages into a folder
    #[command(hide = true)]
    Man {
        /// The folder; it must exist
        #[arg(value_hint = ValueHint::DirPath)]
        dir: PathBuf,
    },
}

/// Arguments of `igor run`.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// The agent's module
    #[arg(value_name = "AGENT.WASM", value_hint = ValueHint::FilePath)]
    pub(crate) wasm: PathBuf,
    /// What the agent is given at its first start, in units [default: 1.0]
    #[arg(long, value_name = "UNITS", allow_negative_numbers = true)]
    pub(crate) budget: Option<String>,
    #[command(flatten)]
    pub(crate) node: NodeArgs,
    #[command(flatten)]
    pub(crate) network: NetworkArgs,
}

/// Arguments of `igor resume`.
#[derive(Debug, Args)]
pub(crate) struct ResumeArgs {
    /// The checkpoint to continue from
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) checkpoint: PathBuf,
    /// The agent's module
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) wasm: PathBuf,
    /// The agent's signing key [default: ID.identity beside the checkpoint or in the directory]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) identity: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) node: NodeArgs,
}

/// Arguments of `igor simulate`.
#[derive(Debug, Args)]
pub(crate) struct SimulateArgs {
    /// The agent's module
    #[arg(value_name = "AGENT.WASM", value_hint = ValueHint::FilePath)]
    pub(crate) wasm: PathBuf,
    /// Stop after this many ticks
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(crate) ticks: u64,
    /// What randomness and the agent's identity grow from
    #[arg(long, value_name = "S", default_value_t = 0)]
    pub(crate) seed: u64,
    /// How much after 1970-01-01T00:00:01Z the clock starts, in nanoseconds or such as 1h
    #[arg(long, value_name = "TIME", default_value = "0", value_parser = simulate::nanoseconds)]
    pub(crate) clock_start: u64,
    /// How much later each reading of the clock is than the one before
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = simulate::nanoseconds)]
    pub(crate) clock_step: u64,
    /// Repeat every tick from the state before it and every segment on another engine
    #[arg(long)]
    pub(crate) verify: bool,
    /// Answers of hostcalls, one list each, in TOML or in JSON
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) script: Option<PathBuf>,
    /// The agent's name in the output [default: the module's file name]
    #[arg(long, value_name = "ID")]
    pub(crate) agent_id: Option<AgentId>,
    /// The engine that runs the agent [default: wasmtime]
    #[arg(long, value_name = "NAME")]
    pub(crate) engine: Option<String>,
    /// The meter that charges the agent [default: gas]
    #[arg(long, value_name = "NAME")]
    pub(crate) meter: Option<String>,
    /// What a second costs, in units; more than 0 [default: 0.001]
    #[arg(long, value_name = "UNITS", allow_negative_numbers = true)]
    pub(crate) price: Option<String>,
    /// What the agent is given, in units [default: 1.0]
    #[arg(long, value_name = "UNITS", allow_negative_numbers = true)]
    pub(crate) budget: Option<String>,
    /// What the agent may use [default: AGENT.manifest.json beside the module; without one, everything]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) manifest: Option<String>,
}

/// Arguments of `igor fund`.
#[derive(Debug, Args)]
pub(crate) struct FundArgs {
    /// The agent's name on this node
    pub(crate) agent_id: AgentId,
    /// What is added, in units
    #[arg(value_name = "UNITS", allow_negative_numbers = true)]
    pub(crate) units: Microcents,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
    #[command(flatten)]
    pub(crate) control: ControlArgs,
}

/// Where a node runs.
#[derive(Debug, Args)]
pub(crate) struct PlaceArgs {
    /// The directory that the node runs on [default: checkpoints]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) checkpoint_dir: Option<String>,
    #[command(flatten)]
    pub(crate) control: ControlArgs,
}

/// How a node is reached, if not over the socket of its directory.
#[derive(Debug, Args)]
pub(crate) struct ControlArgs {
    /// Reach the node at this address, such as 7400 or HOST:7400 [default: by its directory]
    #[arg(long, value_name = "ADDR", value_parser = tcp::address)]
    pub(crate) control: Option<SocketAddr>,
    /// Show the token in this file there [default: .igor/.control-token in the directory]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "control")]
    pub(crate) control_token_file: Option<PathBuf>,
}

/// Arguments of commands about one agent of a running node.
#[derive(Debug, Args)]
pub(crate) struct OneAgentArgs {
    /// The agent's name on this node
    pub(crate) agent_id: AgentId,
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
}

/// Arguments of `igor logs`.
#[derive(Debug, Args)]
pub(crate) struct LogsArgs {
    /// The agent's name on this node
    pub(crate) agent_id: AgentId,
    /// Go on with the lines that come
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// How many lines, at most 1000
    #[arg(short = 'n', long, value_name = "N", default_value_t = 100)]
    pub(crate) lines: usize,
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
}

/// Arguments of `igor start`.
#[derive(Debug, Args)]
pub(crate) struct StartArgs {
    /// The agent's module, or the name of an agent that the node keeps
    #[arg(value_name = "AGENT.WASM|AGENT_ID", value_hint = ValueHint::FilePath)]
    pub(crate) what: String,
    /// The agent's name on this node [default: the module's file name]
    #[arg(long, value_name = "ID")]
    pub(crate) agent_id: Option<AgentId>,
    /// What the agent is given at its first start, in units [default: the node's]
    #[arg(long, value_name = "UNITS", allow_negative_numbers = true)]
    pub(crate) budget: Option<Microcents>,
    /// The meter that charges the agent [default: the node's]
    #[arg(long, value_name = "NAME")]
    pub(crate) meter: Option<String>,
    /// What the agent may use [default: AGENT.manifest.json beside the module, if it is there]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) manifest: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
}

/// Arguments of `igor migrate`.
#[derive(Debug, Args)]
pub(crate) struct MigrateArgs {
    /// The agent's name on this node
    pub(crate) agent_id: AgentId,
    /// Where the other node listens; given again, a node that is tried next
    #[arg(long, value_name = "ADDR")]
    pub(crate) to: Vec<String>,
    /// Only send ahead what the other node lacks, so that the agent can go at once later
    #[arg(long, requires = "to")]
    pub(crate) prewarm: bool,
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
}

/// Arguments of `igor price`.
#[derive(Debug, Args)]
pub(crate) struct PriceArgs {
    /// Where the nodes listen
    #[arg(value_name = "ADDR", required = true)]
    pub(crate) addresses: Vec<String>,
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
}

/// Arguments of `igor stop`.
#[derive(Debug, Args)]
pub(crate) struct StopArgs {
    /// The agent's name on this node
    pub(crate) agent_id: AgentId,
    /// Give up a tick that runs; its cost is charged
    #[arg(long)]
    pub(crate) now: bool,
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
}

/// Arguments of `igor rm`.
#[derive(Debug, Args)]
pub(crate) struct RmArgs {
    /// The agent's name on this node
    pub(crate) agent_id: AgentId,
    /// Remove its history and its identity as well: nothing brings it back
    #[arg(long)]
    pub(crate) history: bool,
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
}

/// Arguments of `igor recover`.
#[derive(Debug, Args)]
pub(crate) struct RecoverArgs {
    /// The agent's name on this node
    pub(crate) agent_id: AgentId,
    /// What it goes on from; what came after is given up, but stays charged
    #[arg(long, value_enum, value_name = "WHAT", required_unless_present = "force_epoch")]
    pub(crate) from: Option<RecoverFrom>,
    /// Take the agent for this node's although another node may have it: it may then run twice
    #[arg(long, conflicts_with = "from")]
    pub(crate) force_epoch: bool,
    /// Only say what would be given up, or forced
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

/// What an agent is recovered from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RecoverFrom {
    /// Its last checkpoint
    Checkpoint,
}

/// Arguments of `igor gc`.
#[derive(Debug, Args)]
pub(crate) struct GcArgs {
    /// The agent's name on this node; without it, every agent that is not running
    pub(crate) agent_id: Option<AgentId>,
    /// How many bytes of segments are kept of each agent, such as 64MiB, or all [default: all]
    #[arg(long, value_name = "BYTES")]
    pub(crate) keep: Option<String>,
    /// Only say what would be removed
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

/// Arguments of `igor doctor`.
#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// The directory that keeps agents [default: checkpoints]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) checkpoint_dir: Option<String>,
}

/// What `igor prove` proves.
#[derive(Debug, Subcommand)]
pub(crate) enum ProveCommand {
    /// That an agent's key signed two checkpoints after one and the same
    Fork {
        /// A checkpoint
        #[arg(value_hint = ValueHint::FilePath)]
        first: PathBuf,
        /// Another one of the same agent
        #[arg(value_hint = ValueHint::FilePath)]
        second: PathBuf,
    },
}

/// What `igor config` shows.
#[derive(Debug, Clone, Copy, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print the values in force and where each comes from
    Show,
    /// Print a configuration file with every setting and its default
    Example,
}

/// Arguments of `igor verify`.
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// The folder with the checkpoints, such as checkpoints/history/heartbeat
    #[arg(value_name = "HISTORY_DIR", value_hint = ValueHint::DirPath)]
    pub(crate) dir: PathBuf,
    /// The identity that must have signed; without it, whoever signed the first checkpoint
    #[arg(long)]
    pub(crate) did: Option<Did>,
}

/// Arguments of `igor audit`.
#[derive(Debug, Args)]
pub(crate) struct AuditArgs {
    /// The folder with the checkpoints and segments, such as checkpoints/history/heartbeat
    #[arg(value_name = "HISTORY_DIR", value_hint = ValueHint::DirPath)]
    pub(crate) dir: PathBuf,
    /// The agent's module
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) wasm: PathBuf,
    /// The identity that must have signed; without it, whoever signed the first checkpoint
    #[arg(long)]
    pub(crate) did: Option<Did>,
    #[command(flatten)]
    pub(crate) part: PartArgs,
}

/// Arguments of `igor replay`.
#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    /// The agent's name on this node, or the folder of its history
    #[arg(value_name = "AGENT_ID|HISTORY_DIR", value_hint = ValueHint::DirPath)]
    pub(crate) what: String,
    /// The agent's module [default: the one that is kept with the agent]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) wasm: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) part: PartArgs,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

/// What of a history is re-executed, and on which engine.
#[derive(Debug, Args)]
pub(crate) struct PartArgs {
    /// The engine that re-executes [default: wasmtime]
    #[arg(long, value_name = "NAME")]
    pub(crate) engine: Option<String>,
    /// The first tick that matters; segments are re-executed as a whole [default: 0]
    #[arg(long, value_name = "TICK")]
    pub(crate) from: Option<u64>,
    /// The last tick that matters [default: the last]
    #[arg(long, value_name = "TICK")]
    pub(crate) to: Option<u64>,
}

/// Arguments of `igor bisect`.
#[derive(Debug, Args)]
pub(crate) struct BisectArgs {
    /// The folder with the checkpoints and segments, such as checkpoints/history/heartbeat
    #[arg(value_name = "HISTORY_DIR", value_hint = ValueHint::DirPath)]
    pub(crate) dir: PathBuf,
    /// The agent's module
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) wasm: PathBuf,
    /// Another build of the module to compare with [default: the same one, on the other engine]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) against: Option<PathBuf>,
    /// The two engines [default: wasmtime,wasmi; with --against, wasmtime for both]
    #[arg(long, value_name = "A,B")]
    pub(crate) engines: Option<String>,
}

/// Arguments of `igor inspect`.
#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    /// A checkpoint, audit segment, summary, fund record, identity or agent record
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    /// The module whose hash the checkpoint must name
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) wasm: Option<PathBuf>,
}

fn after_help() -> String {
    format!("{EXAMPLES}\n\n{}", exit::EXPLAINED)
}

const EXAMPLES: &str = "\
Examples:
  igor run agents/prebuilt/heartbeat.wasm    start the agent; Ctrl-C stops it, the same command
                                             continues it
  igor verify checkpoints/history/heartbeat  check its life
  igor fund heartbeat 2.5                    give it more to live on
  igor COMMAND --help                        examples of each command";

const RUN_EXAMPLES: &str = "\
Examples:
  igor run agents/prebuilt/heartbeat.wasm
  igor run heartbeat.wasm --budget 2.5 --price 0.01 --ticks 10
  igor run heartbeat.wasm --engine wasmi --meter gas --checkpoint-dir /var/lib/igor
  igor run heartbeat.wasm --output json | jq 'select(.event == \"tick\")'

Stop it with Ctrl-C: it finishes its tick and writes a checkpoint. A second Ctrl-C cancels the tick.
Run the same command again and it continues. Every setting can also stand in a configuration file
(`igor config example`) or in the environment, as IGOR_ENGINE__PLUGIN=wasmi.";

const SIMULATE_EXAMPLES: &str = "\
Examples:
  igor simulate agent.wasm --ticks 100 --verify
  igor simulate agent.wasm --seed 7 --clock-start 1h --clock-step 250ms --output json
  igor simulate agent.wasm --script answers.toml

A script holds a list for each hostcall, used up from the front; what it does not answer, the simulation
does. Money is in microcents, the clock in nanoseconds since 1970, bytes are hexadecimal:

  wallet_balance = [1000000, 0]
  node_price = [1000]
  clock_now = [1700000000000000000]
  rand_bytes = [\"00ff\", \"a1\"]
  wallet_receipt = [\"0102\"]

The same seed and script give the same output on every engine and machine. Exit code 1 if the agent
traps, or if --verify finds one of
  divergence    the other engine comes to something else
  hidden_state  a tick depends on more than the state that the agent saves
  unverified    a tick or segment could not be repeated";

const RESUME_EXAMPLES: &str = "\
Examples:
  igor resume --checkpoint moved/heartbeat.checkpoint --wasm heartbeat.wasm
  igor resume --checkpoint 0000000016.ckpt --identity heartbeat.identity --wasm heartbeat.wasm

The checkpoint must be signed by the identity's key. A directory that already holds the agent at a
later tick is left as it is.";

const FUND_EXAMPLES: &str = "\
Examples:
  igor fund heartbeat 2.5
  igor fund heartbeat 0.5 --checkpoint-dir /var/lib/igor

The agent must be stopped, or be one of a running `igor node`. The addition is signed and kept beside the
history, so that `igor verify` accepts the higher budget.";

const MIGRATE_EXAMPLES: &str = "\
Examples:
  igor migrate heartbeat --to quic://127.0.0.1:4001#5f0c...
  igor migrate heartbeat --to ADDR --to OTHER_ADDR
  igor migrate heartbeat --to ADDR --prewarm

The agent ticks on while it is sent. It stops when the other node is ready, and goes on there with the
same identity, state and money, or here if it is refused. Without --to, the nodes of `igor peers` that
come into question are tried, the cheapest first.";

const PEERS_EXAMPLES: &str = "\
Examples:
  igor peers
  igor peers --checkpoint-dir /var/lib/igor --output json";

const PRICE_EXAMPLES: &str = "\
Examples:
  igor price quic://127.0.0.1:4001#5f0c...
  igor price ADDR OTHER_ADDR --output json";

const NODE_EXAMPLES: &str = "\
Examples:
  igor node
  igor node --checkpoint-dir /var/lib/igor --tick-interval 500ms
  igor node --output json | jq 'select(.event == \"stopped\")'
  igor node --control-listen 7400
  igor node --transport libp2p --accept-original

What ran when the node ended runs again. Nobody else may use the directory meanwhile; `igor start`,
`ps`, `logs`, `stop` and the others talk to the node through a socket that only this user can open.
SIGTERM or Ctrl-C: every agent comes to a checkpoint, then the node ends. A second one ends it at once.";

const PS_EXAMPLES: &str = "\
Examples:
  igor ps
  igor ps --checkpoint-dir /var/lib/igor --output json | jq '.agents[].agent_id'
  igor ps --control 7400 --control-token-file token";

const STATUS_EXAMPLES: &str = "\
Examples:
  igor status heartbeat
  igor status heartbeat --output json | jq .budget";

const LOGS_EXAMPLES: &str = "\
Examples:
  igor logs heartbeat -n 20
  igor logs -f heartbeat

The last lines are kept in memory, up to 1000 or 64 KiB of each agent, since the node was started.";

const START_EXAMPLES: &str = "\
Examples:
  igor start agents/prebuilt/heartbeat.wasm
  igor start heartbeat.wasm --agent-id second --budget 2.5
  igor start heartbeat

An agent that trapped stays stopped until it is started again. Exit code 1 if it stops before its first
tick.";

const STOP_EXAMPLES: &str = "\
Examples:
  igor stop heartbeat
  igor stop heartbeat --now";

const PAUSE_EXAMPLES: &str = "\
Examples:
  igor pause heartbeat

A paused agent stays paused when the node is started again.";

const UNPAUSE_EXAMPLES: &str = "\
Examples:
  igor unpause heartbeat";

const RM_EXAMPLES: &str = "\
Examples:
  igor rm heartbeat
  igor rm heartbeat --history

Without --history a past checkpoint can be continued with `igor resume`.";

const RECOVER_EXAMPLES: &str = "\
Examples:
  igor recover heartbeat --from checkpoint --dry-run
  igor recover heartbeat --from checkpoint
  igor recover heartbeat --force-epoch

Try `igor run` first, perhaps with another --engine: it repeats what is journaled exactly and gives up
nothing. This command does not try: it signs a record of the ticks that are given up, keeps what they
were charged and begins a new epoch. Without anything to recover it says so; exit code 0.

--force-epoch is for an agent that was offered to a node that is gone for good, or that two nodes hold. It
makes this node hold the agent in a new epoch. If the other node has the agent after all, it runs
twice until the two nodes meet: then the one that did not force stops.";

const GC_EXAMPLES: &str = "\
Examples:
  igor gc --keep 64MiB --dry-run
  igor gc heartbeat --keep 1GiB
  igor gc --config igor.toml

Without --keep, `segments` in [history] of the configuration says how much is kept. A signed summary of
what is removed takes its place, so that `igor verify` still finds every link and every sum; what
happened in a removed segment can no longer be re-executed. Checkpoints are never removed.";

const DOCTOR_EXAMPLES: &str = "\
Examples:
  igor doctor
  igor doctor --checkpoint-dir /var/lib/igor --output json

Exit code 1 if a check failed. Probes are written into the directory and removed again.";

const PROVE_EXAMPLES: &str = "\
Examples:
  igor prove fork here/history/a/0000000012.ckpt there/history/a/0000000012.ckpt
      exit code 0 if they prove that the agent ran twice, 1 with the reason if they do not";

const PLUGINS_EXAMPLES: &str = "\
Examples:
  igor plugins
  igor plugins --output json | jq '.plugins[].name'";

const CONFIG_EXAMPLES: &str = "\
Examples:
  igor config example > igor.toml
  igor config show --config igor.toml

A flag wins over the environment, the environment over the file. The file is only read where
--config names it.";

const VERIFY_EXAMPLES: &str = "\
Examples:
  igor verify checkpoints/history/heartbeat
  igor verify backup/ --did did:key:z6MkkhcrpkF7QHrjriGi4MS29JTEULfLr2D6JRSn2r3iniKE
  igor verify checkpoints/history/heartbeat --output json

If the current checkpoint lies beside the history (HISTORY_DIR/../../ID.checkpoint), the history must
end in it. Nothing is locked and nothing is changed. Exit code 1 if anything is not valid.";

const AUDIT_EXAMPLES: &str = "\
Examples:
  igor audit checkpoints/history/heartbeat --wasm heartbeat.wasm
  igor audit backup/ --wasm heartbeat.wasm --engine wasmi --output json
  igor audit backup/ --wasm heartbeat.wasm --from 1000 --to 2000

It trusts nobody but the agent's own key: signatures, chain and money are checked, and every segment is
re-executed with what was recorded. States and gas must come out as recorded, and charges must follow;
the gas meter's exactly, the wall meter's from the recorded time. If the folder lies in a data
directory, the journal since the last checkpoint is re-executed as well, but is unproven until it is
sealed. Nothing is locked and nothing is changed. Exit code 0 if all is proven, 3 if nothing speaks
against it but parts cannot be proven, 1 if something does.";

const REPLAY_EXAMPLES: &str = "\
Examples:
  igor replay heartbeat
  igor replay heartbeat --engine wasmi --checkpoint-dir /var/lib/igor
  igor replay checkpoints/history/heartbeat --wasm heartbeat.wasm --from 1000

For an agent of this node the journal since its last checkpoint is re-executed as well. Nothing is
locked and nothing is changed. Exit code 1 if anything differs from what was recorded.";

const BISECT_EXAMPLES: &str = "\
Examples:
  igor bisect checkpoints/history/heartbeat --wasm heartbeat.wasm
  igor bisect checkpoints/history/heartbeat --wasm heartbeat.wasm --engines wasmi,wasmtime
  igor bisect checkpoints/history/heartbeat --wasm old.wasm --against new.wasm

Both live the recorded ticks and are compared with each other after each one: gas, outcome,
observations and state. Exit code 0 if they never differ, 1 if they do.";

const INSPECT_EXAMPLES: &str = "\
Examples:
  igor inspect checkpoints/heartbeat.checkpoint
  igor inspect checkpoints/heartbeat.checkpoint --wasm heartbeat.wasm
  igor inspect checkpoints/heartbeat.checkpoint --output json | jq .budget

Of an identity only the public part is shown. Exit code 1 if a signature is not valid or a hash does
not match.";

const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  igor completions bash > ~/.local/share/bash-completion/completions/igor
  igor completions fish > ~/.config/fish/completions/igor.fish";
