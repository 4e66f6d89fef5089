//! What one line of the file says. Keys are spelled out here, because how they are written is each
//! store's own affair.

use igor_core::format::{AgentId, Hash, Seq, Tick};
use igor_core::storage::Key;
use serde::{Deserialize, Serialize};

/// One committed group.
#[derive(Serialize, Deserialize)]
pub struct Entry {
    pub agent: String,
    pub changes: Vec<Change>,
}

/// One operation, its precondition already checked.
#[derive(Serialize, Deserialize)]
pub enum Change {
    Put(Name, Vec<u8>),
    Delete(Name),
    Append(Vec<Vec<u8>>),
    Trim(u64),
}

/// A key as it is written.
#[derive(Serialize, Deserialize)]
pub enum Name {
    Checkpoint(String),
    Identity(String),
    Receipts(String),
    Record(String),
    History(String, u64, u32),
    Segment(String, u64, u32),
    Summary(String),
    Fund(String, [u8; 16]),
    Certificate(String, u64),
    Aside(String, u64),
    Wish(String),
    Custody(String),
    Module(String),
    Manifest(String),
    Node,
}

impl From<&Key> for Name {
    fn from(key: &Key) -> Self {
        match key {
            Key::Checkpoint(agent) => Self::Checkpoint(agent.to_string()),
            Key::Identity(agent) => Self::Identity(agent.to_string()),
            Key::Receipts(agent) => Self::Receipts(agent.to_string()),
            Key::Record(agent) => Self::Record(agent.to_string()),
            Key::History(agent, tick, copy) => Self::History(agent.to_string(), tick.0, *copy),
            Key::Segment(agent, tick, copy) => Self::Segment(agent.to_string(), tick.0, *copy),
            Key::Summary(agent) => Self::Summary(agent.to_string()),
            Key::Fund(agent, id) => Self::Fund(agent.to_string(), *id),
            Key::Certificate(agent, epoch) => Self::Certificate(agent.to_string(), *epoch),
            Key::Aside(agent, seq) => Self::Aside(agent.to_string(), seq.0),
            Key::Wish(agent) => Self::Wish(agent.to_string()),
            Key::Custody(agent) => Self::Custody(agent.to_string()),
            Key::Module(hash) => Self::Module(hash.to_string()),
            Key::Manifest(hash) => Self::Manifest(hash.to_string()),
            Key::Node => Self::Node,
        }
    }
}

impl Name {
    /// The key; `None` if this is not how one is written.
    pub fn key(&self) -> Option<Key> {
        let agent = |text: &String| text.parse::<AgentId>().ok();
        let hash = |text: &String| text.parse::<Hash>().ok();
        Some(match self {
            Self::Checkpoint(text) => Key::Checkpoint(agent(text)?),
            Self::Identity(text) => Key::Identity(agent(text)?),
            Self::Receipts(text) => Key::Receipts(agent(text)?),
            Self::Record(text) => Key::Record(agent(text)?),
            Self::History(text, tick, copy) => Key::History(agent(text)?, Tick(*tick), *copy),
            Self::Segment(text, tick, copy) => Key::Segment(agent(text)?, Tick(*tick), *copy),
            Self::Summary(text) => Key::Summary(agent(text)?),
            Self::Fund(text, id) => Key::Fund(agent(text)?, *id),
            Self::Certificate(text, epoch) => Key::Certificate(agent(text)?, *epoch),
            Self::Aside(text, seq) => Key::Aside(agent(text)?, Seq(*seq)),
            Self::Wish(text) => Key::Wish(agent(text)?),
            Self::Custody(text) => Key::Custody(agent(text)?),
            Self::Module(text) => Key::Module(hash(text)?),
            Self::Manifest(text) => Key::Manifest(hash(text)?),
            Self::Node => Key::Node,
        })
    }
}
