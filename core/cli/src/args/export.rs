//! The command line of `igor export` and `igor import`.

use std::path::PathBuf;

use clap::{Args, ValueHint};
use igor_core::format::AgentId;

use super::StoreArgs;

/// Arguments of `igor export`.
#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// The agent's name on this node
    pub(crate) agent_id: AgentId,
    /// The file to write; it must not exist yet
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) out: PathBuf,
    /// Put the agent's identity into it, under a passphrase: without it the agent cannot run elsewhere
    #[arg(long)]
    pub(crate) with_identity: bool,
    #[command(flatten)]
    pub(crate) passphrase: PassphraseArgs,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

/// Arguments of `igor import`.
#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// The file that `igor export` wrote
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    /// Leave the identity where it is: the agent can be looked at, but does not run here
    #[arg(long)]
    pub(crate) without_identity: bool,
    /// Only check the file, identity aside, and say what it holds
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) passphrase: PassphraseArgs,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

/// Where a passphrase comes from, if not from the terminal.
#[derive(Debug, Args)]
pub(crate) struct PassphraseArgs {
    /// Read the passphrase from the first line of this file, such as /dev/fd/3 [default: ask for it]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) passphrase_file: Option<PathBuf>,
    /// Read the passphrase from this environment variable
    #[arg(long, value_name = "NAME", conflicts_with = "passphrase_file")]
    pub(crate) passphrase_env: Option<String>,
}

pub(super) const EXPORT_EXAMPLES: &str = "\
Examples:
  igor export heartbeat -o heartbeat.igor
  igor export heartbeat -o heartbeat.igor --with-identity
  igor export heartbeat -o heartbeat.igor --with-identity --passphrase-file /run/secrets/backup
  tar tvf heartbeat.igor

The agent must be stopped. The file is a copy: the agent here can go on. Whoever has a file with the
identity, and its passphrase, can run the agent; run one of the two only.";

pub(super) const IMPORT_EXAMPLES: &str = "\
Examples:
  igor import heartbeat.igor --dry-run
  igor import heartbeat.igor
  igor import heartbeat.igor --passphrase-file /dev/fd/3 3<secret
  igor import heartbeat.igor --without-identity --checkpoint-dir /tmp/look

Everything in the file is checked before anything is written, and nothing here is replaced. An import
makes a second agent of the same identity if the first one still runs: two lives with one key, which
can be proven against it. Import when the other is gone. If the two nodes ever meet, the older stops.";
