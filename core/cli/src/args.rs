//! The command line: the one definition from which parsing, help, completions and man pages come.
//! A flag that stands for a setting stays text here: the configuration judges it together with the
//! file and the environment, so that there is one rule and one message for each setting.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::Shell;
use igor_core::format::Did;

use crate::exit::EXPLAINED;
use crate::output::Format;

/// Run autonomous agents that outlive the machines they run on.
///
/// An agent is a WebAssembly module with a budget, an identity and a state. igor ticks it, charges
/// it and keeps what happened as a chain of signed checkpoints; stopped anywhere, it continues with
/// the same identity, state and money.
#[derive(Debug, Parser)]
#[command(name = "igor", version, after_long_help = EXPLAINED, arg_required_else_help = true)]
#[command(propagate_version = true, disable_help_subcommand = false, max_term_width = 100)]
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
    /// Check a history: signatures, order, forks, money and its end
    #[command(after_long_help = VERIFY_EXAMPLES)]
    Verify(VerifyArgs),
    /// Show what a checkpoint or another of igor's files holds
    #[command(after_long_help = INSPECT_EXAMPLES)]
    Inspect(InspectArgs),
    /// List the engines, storages and meters of this program
    Plugins,
    /// Show the configuration in force, or an example of one
    Config {
        #[command(subcommand)]
        what: ConfigCommand,
    },
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

/// Arguments of `igor inspect`.
#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    /// A checkpoint, identity, agent record or fund record
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    /// The module whose hash the checkpoint must name
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) wasm: Option<PathBuf>,
}

const VERIFY_EXAMPLES: &str = "\
Examples:
  igor verify checkpoints/history/heartbeat
  igor verify backup/ --did did:key:z6MkkhcrpkF7QHrjriGi4MS29JTEULfLr2D6JRSn2r3iniKE
  igor verify checkpoints/history/heartbeat --output json

If the current checkpoint lies beside the history (HISTORY_DIR/../../ID.checkpoint), the history must
end in it. Nothing is locked and nothing is changed. Exit code 1 if anything is not valid.";

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
