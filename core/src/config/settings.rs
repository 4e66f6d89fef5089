//! The sections that are not a plugin's: what the node charges, how it runs one agent and what it keeps. What belongs
//! to a single command (an agent's id, a number of ticks) is a flag and not here.

use std::path::PathBuf;
use std::time::Duration;

use figment::value::{Dict, Value};
use igor_format::{Microcents, Price};
use serde::Deserialize;

use super::size::{self, Retention};
use super::{amount, duration, list, number};
use crate::Limits;

/// The section `[node]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct NodeSettings {
    /// The NodeIds of those that may connect; all may, if none is named and only this machine reaches the node.
    #[serde(deserialize_with = "list::words")]
    pub accept: Vec<String>,
    /// Where agents go when the node is asked to end, in the transport's notation; they stay otherwise.
    #[serde(default)]
    pub drain_to: Option<String>,
    /// For how long it is relied on what was read of who holds the agents; for ever, if it is nothing.
    #[serde(deserialize_with = "duration::deserialize")]
    pub lease_duration: Duration,
    /// How much longer, before no agent is ticked any more.
    #[serde(deserialize_with = "duration::deserialize")]
    pub lease_grace: Duration,
    /// Where others connect, in the transport's notation; a free place that only this machine reaches
    /// otherwise.
    #[serde(default)]
    pub listen: Option<String>,
    /// What one nominal second costs; more than nothing.
    #[serde(deserialize_with = "amount::price")]
    pub price: Price,
}

/// The section `[handoff]`: how agents are moved to other nodes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct HandoffSettings {
    /// Whether agents may come from nodes of the original, by its own protocol.
    #[serde(deserialize_with = "number::yes_or_no")]
    pub accept_original: bool,
    /// Whether agents may come whose last segment cannot be re-executed.
    #[serde(deserialize_with = "number::yes_or_no")]
    pub accept_unproven: bool,
    /// How often one node is tried before the next one is.
    #[serde(deserialize_with = "number::positive")]
    pub retries: u64,
    /// From the first attempt at a node to the second; each further pause is twice as long.
    #[serde(deserialize_with = "duration::deserialize")]
    pub retry_delay: Duration,
}

/// The section `[history]`: what is kept of an agent's past.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct HistorySettings {
    /// How many bytes of audit segments are kept of each agent.
    #[serde(deserialize_with = "size::retention")]
    pub segments: Retention,
}

/// The section `[run]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct RunSettings {
    /// What a new agent starts with.
    #[serde(deserialize_with = "amount::amount")]
    pub budget: Microcents,
    /// The data directory.
    pub checkpoint_dir: PathBuf,
    /// How long an agent that has something to save may go without a checkpoint.
    #[serde(deserialize_with = "duration::deserialize")]
    pub checkpoint_interval: Duration,
    /// When what a tick did is durable.
    pub durability: DurabilitySetting,
    /// Which of the node's own messages are shown.
    pub log_level: LogLevel,
    /// The manifest, where it is not beside the module.
    #[serde(default)]
    pub manifest: Option<PathBuf>,
    /// The form of what is printed.
    pub output: OutputFormat,
    /// From one tick to the next, when the agent has nothing more to do at once.
    #[serde(deserialize_with = "duration::deserialize")]
    pub tick_interval: Duration,
}

/// When what a tick did is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DurabilitySetting {
    /// Before it is shown.
    Journal,
    /// With the next checkpoint.
    Checkpoint,
}

/// The section `[replay]`: how a running node is checked by re-execution.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ReplaySettings {
    /// Whether it is.
    pub mode: ReplayMode,
    /// The engine that segments are re-executed on: `other` than the agent's if one is linked, the
    /// `same`, or one by its name.
    pub engine: String,
    /// How many ticks are kept to be repeated one by one.
    #[serde(deserialize_with = "number::positive")]
    pub window: u64,
    /// How many ticks there are from one such repetition to the next.
    #[serde(deserialize_with = "number::positive")]
    pub interval: u64,
    /// What follows when another engine comes to another result.
    pub on_divergence: DivergencePolicy,
    /// What follows when an agent keeps something outside its state.
    pub on_hidden_state: HiddenStatePolicy,
    /// Whether what verification costs is logged.
    #[serde(deserialize_with = "number::yes_or_no")]
    pub cost_log: bool,
}

/// What is verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReplayMode {
    /// Nothing.
    Off,
    /// What runs here.
    Periodic,
    /// What arrives from elsewhere.
    OnMigrate,
    /// Both.
    Full,
}

impl ReplayMode {
    /// Whether what runs here is verified.
    pub const fn is_live(self) -> bool {
        matches!(self, Self::Periodic | Self::Full)
    }
}

/// What follows when another engine comes to another result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DivergencePolicy {
    /// It is told.
    Log,
    /// The agent is stopped until the operator decides.
    Pause,
    /// Every tick is verified until a segment is clean.
    Intensify,
    /// The agent goes to another node, or is stopped if it cannot.
    Migrate,
}

/// What follows when an agent keeps something outside its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HiddenStatePolicy {
    /// It is told, once.
    Log,
    /// The agent is stopped until the operator decides.
    Pause,
}

/// Which messages are shown: those of this level and the graver ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// None.
    Off,
    /// What went wrong.
    Error,
    /// What should be looked at.
    Warn,
    /// What is worth knowing.
    Info,
    /// What helps to find a fault.
    Debug,
    /// Everything.
    Trace,
}

impl LogLevel {
    /// The word for it, as in configuration.
    pub const fn as_str(self) -> &'static str {
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

/// The form of what a command prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OutputFormat {
    /// For people.
    Text,
    /// For programs: JSON documents, or one per line.
    Json,
}

/// The defaults of all sections that are not a plugin's, written as one would write them.
pub(super) fn default_sections() -> Dict {
    let handoff = [
        ("accept_original", "no"),
        ("accept_unproven", "no"),
        ("retries", "3"),
        ("retry_delay", "1s"),
    ];
    let history = [("segments", "all")];
    let node =
        [("accept", ""), ("lease_duration", "60s"), ("lease_grace", "10s"), ("price", "0.001")];
    let run = [
        ("budget", "1.0"),
        ("checkpoint_dir", "checkpoints"),
        ("checkpoint_interval", "5s"),
        ("durability", "journal"),
        ("log_level", "warn"),
        ("output", "text"),
        ("tick_interval", "1s"),
    ];
    let replay = [
        ("mode", "full"),
        ("engine", "other"),
        ("window", "16"),
        ("interval", "5"),
        ("on_divergence", "pause"),
        ("on_hidden_state", "log"),
        ("cost_log", "no"),
    ];
    let limits = Value::serialize(Limits::default()).unwrap_or_else(|_| Value::from(Dict::new()));
    Dict::from([
        ("handoff".to_owned(), table(&handoff)),
        ("history".to_owned(), table(&history)),
        ("limits".to_owned(), limits),
        ("node".to_owned(), table(&node)),
        ("replay".to_owned(), table(&replay)),
        ("run".to_owned(), table(&run)),
    ])
}

fn table(fields: &[(&str, &str)]) -> Value {
    let fields = fields.iter().map(|(name, text)| ((*name).to_owned(), Value::from(*text)));
    Value::from(fields.collect::<Dict>())
}
