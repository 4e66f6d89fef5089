//! Where a store keeps the parts of an agent, and what they are called in a history. It reads none.

use igor_core::format::{AgentId, BillItem, FundId, HistoryFile, Part};
use igor_core::storage::{Key, Scope};

/// The key of a part of `agent`. Module and manifest are kept by what they are.
pub(super) fn key_of(item: &BillItem, agent: &AgentId) -> Key {
    let agent = || agent.clone();
    match item.part {
        Part::Module => Key::Module(item.hash),
        Part::Manifest => Key::Manifest(item.hash),
        Part::Fund(id) => Key::Fund(agent(), id),
        Part::Summary => Key::Summary(agent()),
        Part::Certificate(epoch) => Key::Certificate(agent(), epoch),
        Part::History(tick, copy) => Key::History(agent(), tick, copy),
        Part::Segment(tick, copy) => Key::Segment(agent(), tick, copy),
        Part::Receipts => Key::Receipts(agent()),
        Part::Record => Key::Record(agent()),
        Part::Checkpoint => Key::Checkpoint(agent()),
    }
}

/// The part that a key of a listed scope holds.
pub(super) fn part_of(key: &Key) -> Option<Part> {
    match key {
        Key::Fund(_, id) => Some(Part::Fund(*id)),
        Key::Certificate(_, epoch) => Some(Part::Certificate(*epoch)),
        Key::History(_, tick, copy) => Some(Part::History(*tick, *copy)),
        Key::Segment(_, tick, copy) => Some(Part::Segment(*tick, *copy)),
        _ => None,
    }
}

/// The scopes in which the parts lie of which there may be many.
pub(super) fn scopes(agent: &AgentId) -> [Scope; 4] {
    [
        Scope::Funds(agent.clone()),
        Scope::Certificates(agent.clone()),
        Scope::History(agent.clone()),
        Scope::Segments(agent.clone()),
    ]
}

/// The name that a part has among the files of a history, if it belongs to one.
pub(super) fn file_of(part: Part) -> Option<String> {
    let file = match part {
        Part::Fund(id) => HistoryFile::Fund(FundId::from_bytes(id)),
        Part::Summary => HistoryFile::Summary,
        Part::Certificate(epoch) => HistoryFile::Certificate { epoch },
        Part::History(tick, copy) => HistoryFile::Checkpoint { tick, copy },
        Part::Segment(tick, copy) => HistoryFile::Segment { tick, copy },
        Part::Module | Part::Manifest | Part::Receipts | Part::Record | Part::Checkpoint => {
            return None;
        }
    };
    Some(file.to_string())
}
