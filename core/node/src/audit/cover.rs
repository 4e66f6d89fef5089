//! Which segment covers which step of a life: the checkpoints in the order of their links, each with
//! the segment that it closes. It judges no segment.

use std::collections::{BTreeMap, BTreeSet};

use igor_core::format::{AuditSegmentFacts, CheckpointFacts, Hash, HistoryReport, Tick};

/// What lies between a checkpoint and the one before it.
#[derive(Debug)]
pub(super) struct Step<'a> {
    /// The checkpoint before; `None` for the first one that is here.
    pub(super) before: Option<&'a CheckpointFacts>,
    /// The checkpoint at the end.
    pub(super) closing: &'a CheckpointFacts,
    /// What is said to have happened in between.
    pub(super) cover: Cover<'a>,
}

/// What says what happened.
#[derive(Debug)]
pub(super) enum Cover<'a> {
    /// A segment.
    Segment(&'a AuditSegmentFacts),
    /// The summary of segments that were removed.
    Collected,
    /// Nothing.
    Nothing,
}

impl Step<'_> {
    /// The last committed tick before.
    pub(super) fn after(&self) -> Tick {
        match (&self.cover, self.before) {
            (Cover::Segment(facts), _) => facts.opening_tick,
            (_, Some(before)) => before.header.tick,
            (_, None) => Tick(0),
        }
    }

    /// The last committed tick at the end.
    pub(super) fn to(&self) -> Tick {
        self.closing.header.tick
    }

    /// How many ticks there are to re-execute.
    pub(super) fn ticks(&self) -> u64 {
        match self.cover {
            Cover::Segment(_) => self.to().0.saturating_sub(self.after().0),
            _ => 0,
        }
    }

    /// Whether any of the ticks from `from` to `to` belongs to it; a step without a tick belongs to
    /// the tick it stands at.
    pub(super) fn touches(&self, from: Tick, to: Tick) -> bool {
        let first = self.after().0.saturating_add(1).min(self.to().0);
        self.to() >= from && Tick(first) <= to
    }
}

/// The steps of a life, in order.
pub(super) fn steps<'a>(history: &'a HistoryReport) -> Vec<Step<'a>> {
    let places: BTreeMap<Hash, &CheckpointFacts> =
        history.checkpoints.iter().map(|facts| (facts.hash, facts)).collect();
    let segments: BTreeMap<Hash, &AuditSegmentFacts> =
        history.audit_segments.iter().map(|facts| (facts.closing.checkpoint, facts)).collect();
    let collected = history.summary.iter().flat_map(|summary| &summary.segments);
    let collected: BTreeSet<Hash> = collected.map(|segment| segment.closing.checkpoint).collect();
    let step = |closing: &'a CheckpointFacts| {
        let CheckpointFacts { hash, prev, .. } = closing;
        let cover = match segments.get(hash) {
            Some(facts) => Cover::Segment(facts),
            None if collected.contains(hash) => Cover::Collected,
            None => Cover::Nothing,
        };
        Step { before: prev.and_then(|prev| places.get(&prev).copied()), closing, cover }
    };
    history.checkpoints.iter().map(step).collect()
}
