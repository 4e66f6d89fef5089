//! Judges the audit segments of a history and the summary of those that were removed: that each lies
//! between the checkpoints that it names, and that together they leave nothing out. It re-executes
//! nothing; their signatures and chains were already looked at.

use std::collections::BTreeMap;

use super::finding::{Finding, FindingKind};
use super::name::HistoryFile;
use super::report::{AuditSegmentFacts, CheckpointFacts, SummaryFacts};
use crate::journal::{CollectedSegment, Predecessor, SegmentClosing};
use crate::{Hash, Microcents, PublicKey, Tick};

/// Judges the segments and the summary beside these checkpoints; returns the segments in the order
/// of their ticks, and what is wrong with them.
pub(super) fn judge(
    expected: Option<PublicKey>,
    checkpoints: &[CheckpointFacts],
    mut segments: Vec<AuditSegmentFacts>,
    summary: Option<&SummaryFacts>,
) -> (Vec<AuditSegmentFacts>, Vec<Finding>) {
    segments.sort_by_cached_key(|facts| (facts.closing.tick, facts.file.clone()));
    let places = checkpoints.iter().map(|facts| (facts.hash, facts)).collect();
    let mut judge = Judge { places, findings: Vec::new() };
    if let Some(expected) = expected {
        judge.check_keys(expected, &segments, summary);
    }
    for facts in &segments {
        judge.check_segment(facts);
    }
    if let Some(summary) = summary {
        for segment in &summary.segments {
            judge.check_ends(&summary.file, &Ends::of_collected(segment));
        }
    }
    judge.check_order(&segments, summary);
    (segments, judge.findings)
}

/// Where a segment begins and ends, by its own account.
struct Ends {
    opening_checkpoint: Hash,
    opening_budget: Microcents,
    /// The last committed tick; `None` if it has no number.
    opening_tick: Option<Tick>,
    closing: SegmentClosing,
}

impl Ends {
    const fn of_segment(facts: &AuditSegmentFacts) -> Self {
        Self {
            opening_checkpoint: facts.opening_checkpoint,
            opening_budget: facts.opening_budget,
            opening_tick: Some(facts.opening_tick),
            closing: facts.closing,
        }
    }

    fn of_collected(segment: &CollectedSegment) -> Self {
        Self {
            opening_checkpoint: segment.opening_checkpoint,
            opening_budget: segment.opening_budget,
            opening_tick: segment.first_tick.0.checked_sub(1).map(Tick),
            closing: segment.closing,
        }
    }
}

struct Judge<'a> {
    places: BTreeMap<Hash, &'a CheckpointFacts>,
    findings: Vec<Finding>,
}

impl Judge<'_> {
    fn find(&mut self, file: &str, kind: FindingKind) {
        self.findings.push(Finding { file: Some(file.to_owned()), kind });
    }

    fn check_keys(
        &mut self,
        expected: PublicKey,
        segments: &[AuditSegmentFacts],
        summary: Option<&SummaryFacts>,
    ) {
        let of_segments = segments.iter().map(|facts| (&facts.file, facts.agent));
        let of_summary = summary.iter().map(|facts| (&facts.file, facts.agent));
        for (file, found) in of_segments.chain(of_summary) {
            if found != expected {
                self.find(file, FindingKind::OtherKey { expected, found });
            }
        }
    }

    /// A segment is named like the checkpoint that closes it, and lies between the two it names.
    fn check_segment(&mut self, facts: &AuditSegmentFacts) {
        let checkpoint = facts.closing.checkpoint;
        let closing = self.places.get(&checkpoint).copied();
        if closing.is_none() {
            self.find(&facts.file, FindingKind::SegmentUnclosed { checkpoint });
        }
        if !has_own_name(facts, closing) {
            self.find(&facts.file, FindingKind::OtherName);
        }
        if closing.is_some_and(|closing| closing.header.code_hash != facts.module) {
            self.find(&facts.file, FindingKind::SegmentMismatch { checkpoint });
        }
        self.check_ends(&facts.file, &Ends::of_segment(facts));
    }

    /// Ticks and budgets are those of the checkpoints, as far as these are here, and the closing one
    /// follows the opening one.
    fn check_ends(&mut self, file: &str, ends: &Ends) {
        let Ends { opening_checkpoint, opening_budget, opening_tick, closing } = ends;
        if let Some(facts) = self.places.get(opening_checkpoint) {
            let header = facts.header;
            if (header.budget, Some(header.tick)) != (*opening_budget, *opening_tick) {
                let kind = FindingKind::SegmentMismatch { checkpoint: *opening_checkpoint };
                self.find(file, kind);
            }
        }
        if let Some(facts) = self.places.get(&closing.checkpoint) {
            let header = facts.header;
            let follows = facts.prev.is_none_or(|prev| prev == *opening_checkpoint);
            if !follows || (header.budget, header.tick) != (closing.budget, closing.tick) {
                let kind = FindingKind::SegmentMismatch { checkpoint: closing.checkpoint };
                self.find(file, kind);
            }
        }
    }

    /// Every segment whose predecessor is a segment comes after it, and no two after the same. A
    /// segment whose closing checkpoint was never made is repeated by another, and does not count.
    fn check_order(&mut self, segments: &[AuditSegmentFacts], summary: Option<&SummaryFacts>) {
        let collected: Vec<_> = summary
            .into_iter()
            .flat_map(|facts| {
                facts.segments.iter().map(|segment| Link::of_collected(facts, segment))
            })
            .collect();
        let is_collected = |link: &Link<'_>| collected.iter().any(|other| other.hash == link.hash);
        let kept = segments.iter().map(Link::of_segment);
        let kept: Vec<_> = kept.filter(|link| !is_collected(link)).collect();
        let ticks: BTreeMap<Hash, Tick> =
            collected.iter().chain(&kept).map(|link| (link.hash, link.closing_tick)).collect();
        let mut followers: BTreeMap<Hash, Hash> = BTreeMap::new();
        for link in collected.iter().chain(&kept) {
            let hash = match link.predecessor {
                Predecessor::Segment(hash) => hash,
                Predecessor::Genesis if link.opening_checkpoint != Hash::ZERO => {
                    self.find(link.file, FindingKind::SegmentOrder);
                    continue;
                }
                Predecessor::Genesis | Predecessor::NotJournaled => continue,
            };
            let Some(before) = ticks.get(&hash) else {
                self.find(link.file, FindingKind::SegmentMissing { segment: hash });
                continue;
            };
            let counts = link.is_collected || self.places.contains_key(&link.closing_checkpoint);
            let is_first = !counts || *followers.entry(hash).or_insert(link.hash) == link.hash;
            if *before > link.opening_tick || !is_first {
                self.find(link.file, FindingKind::SegmentOrder);
            }
        }
    }
}

/// A segment's place among the others.
struct Link<'a> {
    file: &'a str,
    hash: Hash,
    predecessor: Predecessor,
    opening_checkpoint: Hash,
    opening_tick: Tick,
    closing_checkpoint: Hash,
    closing_tick: Tick,
    is_collected: bool,
}

impl<'a> Link<'a> {
    fn of_segment(facts: &'a AuditSegmentFacts) -> Self {
        Self {
            file: &facts.file,
            hash: facts.closing.hash(),
            predecessor: facts.predecessor,
            opening_checkpoint: facts.opening_checkpoint,
            opening_tick: facts.opening_tick,
            closing_checkpoint: facts.closing.checkpoint,
            closing_tick: facts.closing.tick,
            is_collected: false,
        }
    }

    fn of_collected(facts: &'a SummaryFacts, segment: &CollectedSegment) -> Self {
        Self {
            file: &facts.file,
            hash: segment.closing.hash(),
            predecessor: segment.predecessor,
            opening_checkpoint: segment.opening_checkpoint,
            opening_tick: Tick(segment.first_tick.0.saturating_sub(1)),
            closing_checkpoint: segment.closing.checkpoint,
            closing_tick: segment.closing.tick,
            is_collected: true,
        }
    }
}

/// Whether a segment has the name of its closing checkpoint, or, if that is not archived, its tick.
fn has_own_name(facts: &AuditSegmentFacts, closing: Option<&CheckpointFacts>) -> bool {
    let archived = closing.filter(|closing| closing.archived);
    match (facts.file.parse(), archived.map(|closing| closing.file.parse())) {
        (
            Ok(HistoryFile::Segment { tick, copy }),
            Some(Ok(HistoryFile::Checkpoint { tick: of_tick, copy: of_copy })),
        ) => (tick, copy) == (of_tick, of_copy),
        (Ok(HistoryFile::Segment { tick, .. }), _) => tick == facts.closing.tick,
        _ => false,
    }
}
