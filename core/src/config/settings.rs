//! The sections that are not a plugin's: what the node charges and how it runs one agent. What belongs
//! to a single command (an agent's id, a number of ticks) is a flag and not here.

use std::path::PathBuf;
use std::time::Duration;

use figment::value::{Dict, Value};
use igor_format::{Microcents, Price};
use serde::Deserialize;

use super::{amount, duration};
use crate::Limits;

/// The section `[node]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct NodeSettings {
    /// What one nominal second costs; more than nothing.
    #[serde(deserialize_with = "amount::price")]
    pub price: Price,
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
    let node = [("price", "0.001")];
    let run = [
        ("budget", "1.0"),
        ("checkpoint_dir", "checkpoints"),
        ("checkpoint_interval", "5s"),
        ("log_level", "warn"),
        ("output", "text"),
        ("tick_interval", "1s"),
    ];
    let limits = Value::serialize(Limits::default()).unwrap_or_else(|_| Value::from(Dict::new()));
    Dict::from([
        ("limits".to_owned(), limits),
        ("node".to_owned(), table(&node)),
        ("run".to_owned(), table(&run)),
    ])
}

fn table(fields: &[(&str, &str)]) -> Value {
    let fields = fields.iter().map(|(name, text)| ((*name).to_owned(), Value::from(*text)));
    Value::from(fields.collect::<Dict>())
}
