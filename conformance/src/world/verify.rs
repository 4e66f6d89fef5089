//! Verifies a stored agent's history as one would verify a directory: it gives the stored values the
//! names that files have, and leaves every judgement to `igor_format`.

use igor_core::Storage;
use igor_core::format::{AgentId, FundId, HistoryFile, HistoryReport, HistoryVerifier};
use igor_core::storage::{Key, Scope};

/// Judges the history of `agent` together with its current checkpoint.
///
/// # Panics
/// If the storage fails.
pub async fn verify(storage: &dyn Storage, agent: &AgentId, state_bytes_max: u64) -> HistoryReport {
    let mut verifier = HistoryVerifier::new(state_bytes_max, None);
    let scopes = [Scope::History, Scope::Segments, Scope::Funds, Scope::Certificates];
    for scope in scopes.map(|scope| scope(agent.clone())) {
        for key in storage.list(&scope, None, usize::MAX).await.expect("the store lists") {
            let file = match &key {
                Key::History(_, tick, copy) => HistoryFile::Checkpoint { tick: *tick, copy: *copy },
                Key::Segment(_, tick, copy) => HistoryFile::Segment { tick: *tick, copy: *copy },
                Key::Fund(_, id) => HistoryFile::Fund(FundId::from_bytes(*id)),
                Key::Certificate(_, epoch) => HistoryFile::Certificate { epoch: *epoch },
                other => panic!("{other} is not part of a history"),
            };
            let stored = storage.get(&key).await.expect("the store reads");
            verifier.add(&file.to_string(), &stored.expect("what is listed is there").bytes);
        }
    }
    let summary = storage.get(&Key::Summary(agent.clone())).await.expect("the store reads");
    if let Some(summary) = summary {
        verifier.add(&HistoryFile::Summary.to_string(), &summary.bytes);
    }
    let current = storage.get(&Key::Checkpoint(agent.clone())).await.expect("the store reads");
    if let Some(current) = current {
        verifier.add_current("current", &current.bytes);
    }
    verifier.finish()
}
