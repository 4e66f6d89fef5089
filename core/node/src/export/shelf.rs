//! What an agent in a store consists of, as the parts of an export. It reads, and writes nothing.

use std::collections::BTreeMap;

use igor_core::Storage;
use igor_core::format::export::{ExportFacts, ExportPart};
use igor_core::format::{
    AgentId, AgentKey, Entry, Epoch, FundId, HistoryFile, OpenSegment, Record,
};
use igor_core::handoff::{Custody, Holding};
use igor_core::storage::{Key, Scope, StorageError};

use super::NotExported;
use super::journal;
use crate::custody::custody;
use crate::survey::{Living, Survey, list_keys, survey};
use crate::tail::{has_news, read_log_end};

/// The parts of an agent.
pub(super) struct Shelf {
    pub(super) key: AgentKey,
    pub(super) facts: ExportFacts,
    /// Where the agent is.
    pub(super) holding: Holding,
    pub(super) parts: BTreeMap<ExportPart, Content>,
}

/// Where the bytes of a part are.
pub(super) enum Content {
    Here(Vec<u8>),
    Stored(Key),
}

impl Content {
    /// The bytes.
    pub(super) async fn read(&self, storage: &dyn Storage) -> Result<Vec<u8>, StorageError> {
        match self {
            Self::Here(bytes) => Ok(bytes.clone()),
            Self::Stored(key) => match storage.get(key).await? {
                Some(stored) => Ok(stored.bytes),
                None => {
                    let problem = "it is not there".to_owned();
                    Err(StorageError::Corrupt { object: key.to_string(), problem })
                }
            },
        }
    }
}

/// The parts of `agent`, which is claimed.
pub(super) async fn gather(
    storage: &dyn Storage,
    agent: &AgentId,
    state_bytes_max: u64,
) -> Result<Shelf, NotExported> {
    let Survey::Living(living) = survey(storage, agent, state_bytes_max).await? else {
        return Err(NotExported::NoAgent(agent.clone()));
    };
    let Some(record) = &living.record else { return Err(NotExported::NoRecord(agent.clone())) };
    let custody = custody(storage, agent).await?.map(|(custody, _)| custody);
    let custody = custody.unwrap_or_else(|| Custody::held(living.checkpoint.header().epoch.major));
    let mut parts = BTreeMap::from([
        (ExportPart::Checkpoint, Content::Here(living.checkpoint.encode())),
        (ExportPart::Record, Content::Here(record.encode())),
        (ExportPart::Module, Content::Stored(Key::Module(record.module))),
        (ExportPart::Manifest, Content::Stored(Key::Manifest(record.manifest))),
    ]);
    let receipts = Key::Receipts(agent.clone());
    if storage.get(&receipts).await?.is_some() {
        parts.insert(ExportPart::Receipts, Content::Stored(receipts));
    }
    if let Some(open) = open_segment(storage, agent, &living).await? {
        let records = open.entries.into_iter().map(|(bytes, _)| bytes).collect();
        let bytes = journal::encode(&(open.first, records));
        parts.insert(ExportPart::Journal, Content::Here(bytes));
    }
    for key in history(storage, agent).await? {
        if let Some(file) = file_of(&key) {
            parts.insert(ExportPart::History(file), Content::Stored(key));
        }
    }
    // What a crash kept from the history or from its place at the head belongs to both.
    let (tick, copy) = living.place;
    let head = ExportPart::History(HistoryFile::Checkpoint { tick, copy });
    parts.insert(head, Content::Here(living.checkpoint.encode()));
    let header = living.checkpoint.header();
    let facts = ExportFacts {
        agent: agent.clone(),
        public_key: living.key.public_key(),
        tick: header.tick,
        epoch: Epoch { major: custody.decided.max(header.epoch.major), generation: 0 },
        checkpoint: living.checkpoint.hash(),
    };
    Ok(Shelf { key: living.key, facts, holding: custody.holding, parts })
}

/// The segment that a crash left open, if anything happened in it.
async fn open_segment(
    storage: &dyn Storage,
    agent: &AgentId,
    living: &Living,
) -> Result<Option<OpenSegment>, NotExported> {
    let end = read_log_end(storage, agent, living).await?;
    let is_charge =
        |record: &Record| matches!(record, Record::Started(started) if !started.charge.is_zero());
    let base = Entry::base(living.checkpoint.hash());
    Ok(end.open.filter(|open| {
        let is_charged = open.entries.iter().any(|(_, record)| is_charge(record));
        open.base == base && (has_news(open) || is_charged)
    }))
}

/// The keys of the history of `agent`, the checkpoints in order and last.
pub(super) async fn history(
    storage: &dyn Storage,
    agent: &AgentId,
) -> Result<Vec<Key>, StorageError> {
    let mut keys = vec![Key::Summary(agent.clone())];
    if storage.get(&Key::Summary(agent.clone())).await?.is_none() {
        keys.clear();
    }
    for scope in [Scope::Funds, Scope::Segments, Scope::Certificates, Scope::History] {
        keys.extend(list_keys(storage, &scope(agent.clone())).await?);
    }
    Ok(keys)
}

/// What file of the history a key is.
pub(super) fn file_of(key: &Key) -> Option<HistoryFile> {
    match key {
        Key::History(_, tick, copy) => Some(HistoryFile::Checkpoint { tick: *tick, copy: *copy }),
        Key::Segment(_, tick, copy) => Some(HistoryFile::Segment { tick: *tick, copy: *copy }),
        Key::Summary(_) => Some(HistoryFile::Summary),
        Key::Fund(_, id) => Some(HistoryFile::Fund(FundId::from_bytes(*id))),
        Key::Certificate(_, epoch) => Some(HistoryFile::Certificate { epoch: *epoch }),
        _ => None,
    }
}

/// Where a file of the history of `agent` belongs.
pub(super) fn key_of(agent: &AgentId, file: HistoryFile) -> Key {
    let agent = agent.clone();
    match file {
        HistoryFile::Checkpoint { tick, copy } => Key::History(agent, tick, copy),
        HistoryFile::Segment { tick, copy } => Key::Segment(agent, tick, copy),
        HistoryFile::Summary => Key::Summary(agent),
        HistoryFile::Fund(id) => Key::Fund(agent, *id.as_bytes()),
        HistoryFile::Certificate { epoch } => Key::Certificate(agent, epoch),
    }
}
