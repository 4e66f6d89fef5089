//! What the control API says, as JSON: the same types on both sides. Amounts are in microcents and
//! times in RFC 3339. Fields are added and never taken away.

use serde::{Deserialize, Serialize};

/// How an agent stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    /// It is being brought to its first tick.
    Starting,
    /// It ticks.
    Running,
    /// It is there, but runs no ticks.
    Paused,
    /// It was asked to stop.
    Stopping,
    /// It is kept, and does not run.
    Stopped,
}

impl State {
    /// The word for it.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
        }
    }
}

/// What is known of an agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Status {
    pub(crate) agent_id: String,
    pub(crate) state: State,
    /// Since when it stands so.
    pub(crate) since: String,
    /// Why it stopped, in one word that a program can act on.
    pub(crate) reason: Option<String>,
    /// What exactly happened.
    pub(crate) detail: Option<String>,
    pub(crate) did: Option<String>,
    /// The last committed tick.
    pub(crate) tick: u64,
    pub(crate) budget: i64,
    /// The engine, meter and price per nominal second, once it has run here.
    pub(crate) engine: Option<String>,
    pub(crate) meter: Option<String>,
    pub(crate) price: Option<i64>,
    /// The tick of the last checkpoint.
    pub(crate) checkpoint_tick: Option<u64>,
    pub(crate) checkpoint: Option<String>,
    /// How far it has got on its way to another node.
    #[serde(default)]
    pub(crate) sending: Option<Sending>,
    /// Who holds it; only of an agent that is asked for alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ownership: Option<Ownership>,
}

/// Who holds an agent, as far as this node knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ownership {
    /// By the original's names.
    pub(crate) state: String,
    pub(crate) epoch: u64,
    /// The node that it was offered or given to.
    pub(crate) node_id: Option<String>,
}

/// How much of an agent was sent to another node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sending {
    pub(crate) done: u64,
    pub(crate) total: u64,
}

/// Where an agent is to go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Migrate {
    /// The addresses of nodes, the first choice first; without one, those that are known are tried.
    #[serde(default)]
    pub(crate) to: Vec<String>,
    /// Whether it is only to be sent ahead, so that it can go at once later.
    #[serde(default)]
    pub(crate) prewarm: bool,
}

/// An agent that is at another node, or that can go there at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Moved {
    pub(crate) agent_id: String,
    pub(crate) node_id: String,
    pub(crate) address: String,
    /// Whether it is there, and was not only sent ahead.
    pub(crate) is_there: bool,
}

/// A node and those that it knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PeerListing {
    pub(crate) node_id: String,
    pub(crate) addresses: Vec<String>,
    pub(crate) peers: Vec<Peer>,
}

/// A node that another one knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Peer {
    pub(crate) node_id: String,
    pub(crate) addresses: Vec<String>,
    /// What it said that a second costs.
    pub(crate) price: Option<i64>,
    /// When it last did what it was asked.
    pub(crate) seen: Option<String>,
    /// How often in a row it did not.
    pub(crate) failures: u32,
}

/// Nodes that are to be asked for their prices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AskPrices {
    pub(crate) addresses: Vec<String>,
}

/// What nodes charge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Charges {
    pub(crate) prices: Vec<Charge>,
}

/// What one node charges for a second, or why that is not known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Charge {
    pub(crate) address: String,
    pub(crate) node_id: Option<String>,
    pub(crate) price: Option<i64>,
    pub(crate) error: Option<String>,
}

/// All agents of a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Listing {
    pub(crate) agents: Vec<Status>,
}

/// What a node says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Health {
    pub(crate) status: String,
    pub(crate) version: String,
    pub(crate) pid: u32,
    pub(crate) directory: String,
    pub(crate) agents: usize,
    pub(crate) running: usize,
}

/// An agent to be started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Start {
    pub(crate) agent_id: String,
    /// Without one, the module that is kept with the agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) module: Option<Module>,
    /// The text of its manifest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) manifest: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) budget: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) meter: Option<String>,
}

/// Where a module comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Module {
    /// A file that the node can read.
    Path(String),
    /// The module itself.
    Base64(String),
}

/// How an agent is to stop.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Stop {
    /// Whether a running guest call is cancelled; its cost is charged.
    #[serde(default)]
    pub(crate) now: bool,
}

/// Money for an agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fund {
    pub(crate) amount: i64,
}

/// Money that an agent was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Funded {
    pub(crate) agent_id: String,
    pub(crate) tick: u64,
    pub(crate) amount: i64,
    pub(crate) before: i64,
    pub(crate) budget: i64,
    pub(crate) fund_id: String,
    pub(crate) checkpoint: String,
    pub(crate) notices: Vec<String>,
}

/// An agent that was removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Removed {
    pub(crate) agent_id: String,
    pub(crate) with_history: bool,
}

/// A file that an agent is to be written into.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Export {
    /// The path of a file that does not exist yet, on the node's machine.
    pub(crate) file: String,
    /// Base64 of what the identity goes under; without one it does not go along.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) passphrase: Option<String>,
}

/// An agent in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Packed {
    pub(crate) file: String,
    pub(crate) agent_id: String,
    pub(crate) did: String,
    pub(crate) tick: u64,
    pub(crate) epoch: u64,
    pub(crate) checkpoint: String,
    pub(crate) parts: usize,
    pub(crate) bytes: u64,
    pub(crate) identity: bool,
    pub(crate) journal: bool,
}

/// A file that an agent is to come from.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Import {
    /// The path of the file, on the node's machine.
    pub(crate) file: String,
    /// Base64 of what its identity is under; without one it stays in the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) passphrase: Option<String>,
}

/// An agent that came from a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Imported {
    #[serde(flatten)]
    pub(crate) packed: Packed,
    pub(crate) dry_run: bool,
    /// Whether nothing changed, as it was here before.
    pub(crate) was_here: bool,
    /// Null: it cannot run here.
    pub(crate) held_epoch: Option<u64>,
}

/// A line that is kept of an agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LogLine {
    /// Its number; numbers have no gaps.
    pub(crate) seq: u64,
    pub(crate) time: String,
    pub(crate) tick: u64,
    pub(crate) kind: LogKind,
    pub(crate) message: String,
}

/// Who says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogKind {
    /// The agent.
    Log,
    /// The node.
    Notice,
    /// The node, at the end of a run.
    Stopped,
}

/// The last lines of an agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Logs {
    pub(crate) agent_id: String,
    pub(crate) lines: Vec<LogLine>,
}

/// Why something was not done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Failure {
    pub(crate) error: FailureBody,
}

/// A code for programs and two sentences for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FailureBody {
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) way_out: String,
}
