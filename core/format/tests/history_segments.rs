//! What verifying a history says about its audit segments and their summary. The segments hold an
//! owner's record only, as nothing here looks at more.

#![allow(clippy::indexing_slicing, reason = "a panic is a failed test")]

#[allow(dead_code, reason = "nothing is funded")]
mod common;
#[path = "common/journal.rs"]
#[allow(dead_code, reason = "only the making of segments is used")]
mod sample;

use common::{File, Life, header, verify};
use igor_format::{
    AgentKey, Checkpoint, CollectedSegment, FindingKind, Hash, HistoryFile, HistoryReport,
    Predecessor, Segment, SegmentClosing, SegmentOpening, SegmentSummary, Tick,
};

/// A life of four checkpoints and the three segments between them, each after the one before.
struct Story {
    life: Life,
    checkpoints: Vec<Checkpoint>,
    segments: Vec<Segment>,
}

impl Story {
    fn new() -> Self {
        let mut life = Life::new(1);
        let mut checkpoints = Vec::new();
        for tick in 0..4 {
            let budget = 1_000 - i64::try_from(tick).expect("small");
            life.step(header(tick, budget));
            checkpoints.extend(life.current.clone());
        }
        let mut story = Self { life, checkpoints, segments: Vec::new() };
        let mut predecessor = Predecessor::NotJournaled;
        for index in 0..3 {
            let segment = story.segment(index, |opening| opening.predecessor = predecessor);
            predecessor = Predecessor::Segment(segment.closing().hash());
            story.segments.push(segment);
        }
        story
    }

    /// The segment after the checkpoint at `index`, with changed terms.
    fn segment(&self, index: usize, change: impl FnOnce(&mut SegmentOpening)) -> Segment {
        let (from, to) = (&self.checkpoints[index], &self.checkpoints[index + 1]);
        let mut opening = SegmentOpening {
            agent: self.life.key().public_key(),
            module: from.header().code_hash,
            tick: from.header().tick,
            budget: from.header().budget,
            checkpoint: from.hash(),
            ..sample::opening()
        };
        change(&mut opening);
        seal(self.life.key(), opening, |closing| {
            closing.tick = to.header().tick;
            closing.budget = to.header().budget;
            closing.checkpoint = to.hash();
        })
    }

    /// The files with these segments instead of its own.
    fn files(&self, segments: &[Segment]) -> Vec<File> {
        let mut files = self.life.files.clone();
        for segment in segments {
            let name = HistoryFile::Segment { tick: segment.closing().tick, copy: 0 };
            files.push((name.to_string(), segment.encode()));
        }
        files
    }

    fn summary(&self, collected: &[Segment]) -> File {
        let kept = collected.iter().map(|segment| {
            let contents = segment.verify().expect("it is sound");
            CollectedSegment::of(&contents).expect("its sums are amounts")
        });
        let summary = SegmentSummary::sign(self.life.key(), &sample::node(), kept.collect());
        (HistoryFile::Summary.to_string(), summary.encode())
    }

    fn check(&self, files: &[File], expected: &[(&str, FindingKind)]) -> HistoryReport {
        let current = self.life.current.as_ref().map(Checkpoint::encode);
        let report = verify(files, current.as_deref());
        let found: Vec<_> = report
            .findings
            .iter()
            .map(|finding| (finding.file.as_deref().unwrap_or_default(), finding.kind.clone()))
            .collect();
        assert_eq!(found, expected);
        report
    }
}

/// Seals a segment of one record under these terms.
fn seal(
    key: &AgentKey,
    opening: SegmentOpening,
    change: impl FnOnce(&mut SegmentClosing),
) -> Segment {
    let base = igor_format::Entry::base(opening.checkpoint);
    let (entries, chain) = sample::chained(base, 0, vec![sample::owner(opening)]);
    let mut closing = sample::closing(1, chain);
    change(&mut closing);
    Segment::seal(key, &sample::node(), entries, closing)
}

#[test]
fn segments_that_leave_nothing_out_are_counted_and_valid() {
    let story = Story::new();
    let report = story.check(&story.files(&story.segments), &[]);
    assert!(report.is_valid());
    let closings: Vec<_> = report.audit_segments.iter().map(|facts| facts.closing).collect();
    let expected: Vec<_> = story.segments.iter().map(|segment| *segment.closing()).collect();
    assert_eq!(closings, expected);
}

#[test]
fn a_collected_segment_is_missing_without_its_summary_only() {
    let story = Story::new();
    let mut files = story.files(&story.segments[1..]);
    let segment = story.segments[0].closing().hash();
    let missing = FindingKind::SegmentMissing { segment };
    let report = story.check(&files, &[("0000000002.seg", missing.clone())]);
    assert!(!report.is_valid());

    files.push(story.summary(&story.segments[..1]));
    let report = story.check(&files, &[]);
    assert_eq!(report.summary.map(|summary| summary.segments.len()), Some(1));
    // A removal that was cut short: the summary is there, and so is the file.
    files.extend(story.files(&story.segments[..1]).pop());
    story.check(&files, &[]);

    let mut files = story.files(&[]);
    files.push(story.summary(&story.segments[1..]));
    story.check(&files, &[("collected.sum", missing)]);
}

#[test]
fn damaged_files_are_found_by_what_is_damaged() {
    let story = Story::new();
    let whole = story.segments[0].encode();
    let summary = story.summary(&story.segments[..1]).1;
    let flip = |bytes: &[u8], from_end: usize| {
        let mut other = bytes.to_vec();
        let index = other.len() - from_end;
        other[index] ^= 1;
        other
    };
    let kind = |name: &str, bytes: Vec<u8>| {
        let mut files = story.files(&[]);
        files.push((name.to_owned(), bytes));
        let report = verify(&files, None);
        assert!(!report.is_valid());
        report.findings[0].kind.name()
    };
    for from_end in [1, 65, 129] {
        assert_eq!(kind("0000000001.seg", flip(&whole, from_end)), "bad_signature");
        assert_eq!(kind("collected.sum", flip(&summary, from_end)), "bad_signature");
    }
    assert_eq!(kind("0000000001.seg", flip(&whole, 260)), "unreadable_segment");
    assert_eq!(kind("0000000001.seg", Vec::new()), "unreadable_segment");
    assert_eq!(kind("collected.sum", Vec::new()), "unreadable_summary");
}

#[test]
fn files_of_another_agent_or_another_name_are_found() {
    let story = Story::new();
    let stranger = AgentKey::from_seed(&[9; 32]);
    let (expected, found) = (story.life.key().public_key(), stranger.public_key());
    let opening = SegmentOpening { agent: found, ..sample::opening() };
    let foreign = seal(
        &stranger,
        SegmentOpening { predecessor: Predecessor::NotJournaled, ..opening },
        |_| {},
    );
    let checkpoint = foreign.closing().checkpoint;
    story.check(
        &story.files(&[foreign]),
        &[
            ("0000000005.seg", FindingKind::OtherKey { expected, found }),
            ("0000000005.seg", FindingKind::SegmentUnclosed { checkpoint }),
        ],
    );
    let summary = SegmentSummary::sign(&stranger, &sample::node(), Vec::new());
    let mut files = story.files(&[]);
    files.push(("collected.sum".to_owned(), summary.encode()));
    story.check(&files, &[("collected.sum", FindingKind::OtherKey { expected, found })]);
    files[4] = ("other.sum".to_owned(), story.summary(&[]).1);
    story.check(&files, &[("other.sum", FindingKind::OtherName)]);

    for name in ["0000000002.seg", "0000000001_001.seg", "x.seg"] {
        files[4] = (name.to_owned(), story.segments[0].encode());
        story.check(&files, &[(name, FindingKind::OtherName)]);
    }
}

#[test]
fn a_segment_whose_closing_checkpoint_was_not_made_is_a_notice() {
    let mut story = Story::new();
    let checkpoint = story.checkpoints[3].hash();
    story.life.files.pop();
    story.life.current = Some(story.checkpoints[2].clone());
    let files = story.files(&story.segments);
    let report =
        story.check(&files, &[("0000000003.seg", FindingKind::SegmentUnclosed { checkpoint })]);
    assert!(report.is_valid());
}

#[test]
fn a_segment_that_does_not_fit_its_checkpoints_is_an_error() {
    let story = Story::new();
    let (first, second) = (story.checkpoints[0].hash(), story.checkpoints[1].hash());
    let check = |segment: Segment, checkpoint: Hash| {
        let mismatch = FindingKind::SegmentMismatch { checkpoint };
        let name = "0000000001.seg";
        let report = story.check(&story.files(&[segment]), &[(name, mismatch.clone())]);
        assert!(!report.is_valid());
    };
    let changed = |change: fn(&mut SegmentOpening)| {
        story.segment(0, |opening| {
            opening.predecessor = Predecessor::NotJournaled;
            change(opening);
        })
    };
    check(changed(|opening| opening.tick = Tick(7)), first);
    check(changed(|opening| opening.budget = sample::amount(7)), first);
    check(changed(|opening| opening.module = Hash::ZERO), second);
    check(changed(|opening| opening.checkpoint = Hash::of(b"elsewhere")), second);
    let opening = story.segments[0].verify().expect("it is sound").opening;
    let segment = seal(story.life.key(), opening, |closing| {
        closing.checkpoint = second;
        closing.tick = Tick(1);
    });
    check(segment.clone(), second);
    let mut files = story.files(&[]);
    files.push(story.summary(&[segment]));
    let mismatch = FindingKind::SegmentMismatch { checkpoint: second };
    story.check(&files, &[("collected.sum", mismatch)]);
}

#[test]
fn segments_out_of_order_are_an_error() {
    let story = Story::new();
    let check = |segments: &[Segment], file: &str| {
        let report = story.check(&story.files(segments), &[(file, FindingKind::SegmentOrder)]);
        assert!(!report.is_valid());
    };
    let of = |index: usize| Predecessor::Segment(story.segments[index].closing().hash());
    let second = story.segment(2, |opening| opening.predecessor = of(0));
    check(&[story.segments[0].clone(), story.segments[1].clone(), second], "0000000003.seg");
    let genesis = story.segment(0, |opening| opening.predecessor = Predecessor::Genesis);
    check(&[genesis], "0000000001.seg");
    let last = story.segment(2, |opening| opening.predecessor = Predecessor::NotJournaled);
    let after_last = Predecessor::Segment(last.closing().hash());
    let early = story.segment(0, |opening| opening.predecessor = after_last);
    check(&[early, last], "0000000001.seg");
}
