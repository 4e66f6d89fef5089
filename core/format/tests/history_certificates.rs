//! What verifying a history says about the certificates under which the agent passed from node to node.

#![allow(clippy::indexing_slicing, reason = "a panic is a failed test")]

#[allow(dead_code, reason = "nothing is funded")]
mod common;
#[path = "common/journal.rs"]
#[allow(dead_code, reason = "only the making of segments is used")]
mod sample;

use common::{File, Life, header, verify};
use igor_format::{
    AgentKey, CertificateTerms, Checkpoint, Entry, Epoch, FindingKind, Hash, Header, HistoryFile,
    HistoryReport, Holder, Inheritance, InheritanceTerms, Microcents, NodeKey, Offer, OfferError,
    OfferTerms, Predecessor, PublicKey, Segment, SegmentOpening, Tick, TransferId,
};

fn node(number: u8) -> NodeKey {
    NodeKey::from_seed(&[number; 32])
}

fn id(number: u8) -> PublicKey {
    node(number).public_key()
}

/// Two checkpoints of epoch 0 at node 1, of which the second was offered to node 2, and two of epoch 3 there;
/// a segment between each.
struct Story {
    life: Life,
    checkpoints: Vec<Checkpoint>,
    terms: OfferTerms,
}

impl Story {
    /// With the epoch that the last checkpoint is of.
    fn new(last: u64) -> Self {
        let mut life = Life::new(1);
        let mut checkpoints = Vec::new();
        for (tick, major) in [(0, 0), (1, 0), (2, 3), (3, last)] {
            let epoch = Epoch { major, generation: 0 };
            life.step(Header { epoch, ..header(tick, 1_000) });
            checkpoints.extend(life.current.clone());
        }
        let terms = OfferTerms {
            transfer: TransferId::from_bytes([7; 16]),
            agent: life.key().public_key(),
            epoch: Epoch { major: 3, generation: 0 },
            tick: Tick(1),
            budget: Microcents::new(1_000).expect("an amount"),
            checkpoint: checkpoints[1].hash(),
            module: Hash::of(b"module"),
            manifest: Hash::of(b"{}"),
            record: Hash::of(b"record"),
            source: id(1),
            target: id(2),
        };
        Self { life, checkpoints, terms }
    }

    /// The files, with the segments of these nodes and these certificates.
    fn files(&self, nodes: [u8; 3], certificates: &[(OfferTerms, u8)]) -> Vec<File> {
        let mut files = self.life.files.clone();
        let mut predecessor = Predecessor::NotJournaled;
        for (index, number) in nodes.into_iter().enumerate() {
            let segment = self.segment(index, &node(number), predecessor);
            predecessor = Predecessor::Segment(segment.closing().hash());
            let name = HistoryFile::Segment { tick: segment.closing().tick, copy: 0 };
            files.push((name.to_string(), segment.encode()));
        }
        for (terms, source) in certificates {
            let offer = Offer::sign(self.life.key(), &node(*source), *terms).expect("sound terms");
            let name = HistoryFile::Certificate { epoch: terms.epoch.major };
            files.push((name.to_string(), offer.encode()));
        }
        files
    }

    fn segment(&self, index: usize, node: &NodeKey, predecessor: Predecessor) -> Segment {
        let (from, to) = (&self.checkpoints[index], &self.checkpoints[index + 1]);
        let opening = SegmentOpening {
            agent: self.life.key().public_key(),
            node: node.public_key(),
            module: from.header().code_hash,
            tick: from.header().tick,
            budget: from.header().budget,
            checkpoint: from.hash(),
            predecessor,
            ..sample::opening()
        };
        let base = Entry::base(opening.checkpoint);
        let (entries, chain) = sample::chained(base, 0, vec![sample::owner(opening)]);
        let mut closing = sample::closing(1, chain);
        closing.tick = to.header().tick;
        closing.budget = to.header().budget;
        closing.checkpoint = to.hash();
        Segment::seal(self.life.key(), node, entries, closing)
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

const FILE: &str = "0000000003.cert";

#[test]
fn a_change_of_node_under_a_certificate_is_as_it_should_be() {
    let story = Story::new(3);
    let report = story.check(&story.files([1, 2, 2], &[(story.terms, 1)]), &[]);
    assert_eq!(report.certificates.len(), 1);
    assert_eq!(report.certificates[0].terms, CertificateTerms::Offer(story.terms));
}

#[test]
fn a_change_of_node_without_a_certificate_is_noted() {
    let story = Story::new(3);
    let kind = FindingKind::NodeChanged { from: id(1), to: id(2) };
    let report = story.check(&story.files([1, 2, 2], &[]), &[("0000000002.seg", kind)]);
    assert!(report.is_valid());
    // The certificate is to another node.
    let elsewhere = OfferTerms { target: id(3), ..story.terms };
    let kind = FindingKind::NodeChanged { from: id(3), to: id(2) };
    let files = story.files([1, 2, 2], &[(elsewhere, 1)]);
    story.check(&files, &[("0000000002.seg", kind)]);
}

#[test]
fn a_certificate_that_contradicts_the_history_is_an_error() {
    let story = Story::new(3);
    let terms = story.terms;
    let mismatch = || FindingKind::CertificateMismatch { checkpoint: terms.checkpoint };
    let less = Microcents::new(999).expect("an amount");
    for wrong in [
        OfferTerms { tick: Tick(2), ..terms },
        OfferTerms { budget: less, ..terms },
        OfferTerms { module: Hash::of(b"other"), ..terms },
    ] {
        let files = story.files([1, 2, 2], &[(wrong, 1)]);
        assert!(!story.check(&files, &[(FILE, mismatch())]).is_valid());
    }
    let other = OfferTerms { source: id(4), ..terms };
    let kind = FindingKind::CertificateOfOther { source_node: id(4), held_by: id(1) };
    assert!(!story.check(&story.files([1, 2, 2], &[(other, 4)]), &[(FILE, kind)]).is_valid());
    let lost = OfferTerms { checkpoint: Hash::of(b"nowhere"), ..terms };
    let found = [
        (FILE, FindingKind::CertificateMismatch { checkpoint: lost.checkpoint }),
        ("0000000002.seg", FindingKind::NodeChanged { from: id(1), to: id(2) }),
    ];
    story.check(&story.files([1, 2, 2], &[(lost, 1)]), &found);
}

#[test]
fn a_certificate_of_an_epoch_that_began_elsewhere_is_noted() {
    let story = Story::new(3);
    // Node 4 gives the agent away with a checkpoint that nobody sealed, of this epoch.
    for (major, is_valid) in [(0, false), (1, true)] {
        let mut life = Life::new(1);
        life.files = story.life.files[..2].to_vec();
        life.current = Some(story.checkpoints[1].clone());
        life.step(Header { epoch: Epoch { major, generation: 0 }, ..header(2, 1_000) });
        let last = life.current.clone().expect("a checkpoint");
        let (tick, checkpoint) = (Tick(2), last.hash());
        let terms = OfferTerms { tick, checkpoint, source: id(4), ..story.terms };
        let offer = Offer::sign(life.key(), &node(4), terms).expect("sound terms");
        let segment = story.files([1, 2, 2], &[]).swap_remove(4);
        let files = [life.files, vec![segment, (FILE.to_owned(), offer.encode())]].concat();
        let report = verify(&files, Some(&last.encode()));
        let kind = match is_valid {
            true => FindingKind::NodeChanged { from: id(1), to: id(4) },
            false => FindingKind::CertificateOfOther { source_node: id(4), held_by: id(1) },
        };
        let found: Vec<_> = report.findings.iter().map(|it| it.kind.clone()).collect();
        assert_eq!(found, [kind], "epoch {major}");
        assert_eq!(report.is_valid(), is_valid, "epoch {major}");
        assert_eq!(report.holder, Some(Holder { node: id(2), epoch: 3 }));
    }
}

#[test]
fn who_held_the_agent_last_is_told() {
    let story = Story::new(3);
    let cut = |count| verify(&story.files([1, 2, 2], &[(story.terms, 1)])[..count], None).holder;
    assert_eq!(cut(4), None, "nobody sealed anything");
    assert_eq!(cut(5), Some(Holder { node: id(1), epoch: 0 }));
    assert_eq!(cut(7), Some(Holder { node: id(2), epoch: 3 }));
}

#[test]
fn an_epoch_that_a_certificate_began_is_never_left() {
    let story = Story::new(2);
    let kind = FindingKind::EpochBackwards { from: 3, to: 2 };
    let report =
        story.check(&story.files([1, 2, 2], &[(story.terms, 1)]), &[("0000000003.ckpt", kind)]);
    assert!(!report.is_valid());
}

#[test]
fn a_certificate_that_is_none_or_anothers_is_an_error() {
    let story = Story::new(3);
    let without = || story.files([1, 1, 1], &[]);
    let offer = Offer::sign(story.life.key(), &node(1), story.terms).expect("sound terms");
    let mut forged = offer.encode();
    *forged.last_mut().expect("a byte") ^= 1;
    for (bytes, kind) in [
        (b"something".to_vec(), FindingKind::UnreadableCertificate(OfferError::NotAnOffer)),
        (forged, FindingKind::BadSignature),
    ] {
        let files = [without(), vec![(FILE.to_owned(), bytes)]].concat();
        assert!(!story.check(&files, &[(FILE, kind)]).is_valid());
    }
    let other = AgentKey::from_seed(&[8; 32]);
    let terms =
        OfferTerms { agent: other.public_key(), target: id(1), source: id(2), ..story.terms };
    let bytes = Offer::sign(&other, &node(2), terms).expect("sound terms").encode();
    let files = [without(), vec![(FILE.to_owned(), bytes)]].concat();
    let expected = story.life.key().public_key();
    let report = verify(&files, None);
    let kind = FindingKind::OtherKey { expected, found: other.public_key() };
    assert!(report.findings.iter().any(|finding| finding.kind == kind), "{:?}", report.findings);
    // Under another name it still counts.
    let mut files = story.files([1, 2, 2], &[(story.terms, 1)]);
    files.last_mut().expect("a file").0 = "0000000009.cert".to_owned();
    story.check(&files, &[("0000000009.cert", FindingKind::OtherName)]);
}

/// The story from its second checkpoint on, which the agent came with from node 1 to node 2.
fn inherited(story: &Story) -> (Vec<File>, InheritanceTerms) {
    let OfferTerms {
        agent, epoch, tick, budget, checkpoint, module, manifest, source, target, ..
    } = story.terms;
    let terms = InheritanceTerms {
        agent,
        epoch,
        tick,
        budget,
        checkpoint,
        module,
        manifest,
        source,
        target,
    };
    (story.files([1, 2, 2], &[])[1..4].to_vec(), terms)
}

#[test]
fn a_history_may_begin_where_the_agent_was_inherited() {
    let story = Story::new(3);
    let (rest, terms) = inherited(&story);
    let prev = story.checkpoints[0].hash();
    let begun = FindingKind::BegunElsewhere { prev, source_node: id(1) };
    let truncated = || FindingKind::TruncatedHead { prev };
    let sign = |target: u8, terms| {
        Inheritance::sign(story.life.key(), &node(target), terms).expect("sound terms").encode()
    };
    let with = |bytes: Vec<u8>| [rest.clone(), vec![(FILE.to_owned(), bytes)]].concat();
    let (first, second) = ("0000000001.ckpt", "0000000002.ckpt");
    let report = story.check(&with(sign(2, terms)), &[(first, begun)]);
    assert!(report.is_valid());
    assert_eq!(report.certificates[0].terms, CertificateTerms::Inheritance(terms));
    assert!(!story.check(&rest, &[(first, truncated())]).is_valid(), "without a certificate");
    let forged = with(sign(4, terms));
    story.check(&forged, &[(FILE, FindingKind::BadSignature), (first, truncated())]);
    let less = Microcents::new(999).expect("an amount");
    let wrong = with(sign(2, InheritanceTerms { budget: less, ..terms }));
    let mismatch = FindingKind::CertificateMismatch { checkpoint: terms.checkpoint };
    story.check(&wrong, &[(first, truncated()), (FILE, mismatch)]);
    // It explains the one beginning that it names, and no other.
    let prev = story.checkpoints[1].hash();
    let cut = with(sign(2, terms)).split_off(1);
    let mismatch = FindingKind::CertificateMismatch { checkpoint: terms.checkpoint };
    story.check(&cut, &[(second, FindingKind::TruncatedHead { prev }), (FILE, mismatch)]);
    let damaged = with([sign(2, terms), vec![0]].concat());
    let report = verify(&damaged, None);
    assert!(report.findings.iter().any(|it| it.kind.name() == "unreadable_certificate"));
    assert!(!report.is_valid());
}

#[test]
fn what_came_before_may_lie_beside_what_was_inherited() {
    let story = Story::new(3);
    let (_, terms) = inherited(&story);
    let bytes = Inheritance::sign(story.life.key(), &node(2), terms).expect("sound terms").encode();
    // Node 4 sealed what came before, and node 1 did not: whoever sends an agent without an offer seals nothing.
    let files = [story.files([4, 2, 2], &[]), vec![(FILE.to_owned(), bytes)]].concat();
    assert!(story.check(&files, &[]).is_valid());
}
