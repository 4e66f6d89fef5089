//! The summary of collected segments proves what it says to whoever knows the agent, and nothing if a
//! byte of it was changed.

#![allow(clippy::indexing_slicing, reason = "a panic is a failed test")]

#[path = "common/journal.rs"]
mod sample;

use igor_format::{
    AgentKey, AmountError, CollectedSegment, DecodeError, FieldError, Microcents, Predecessor,
    SegmentSummary, SummaryError, Tick,
};
use sample::{agent, amount, node, opening, records, sealed, tick};

fn summary() -> SegmentSummary {
    let contents = sealed(records()).verify().expect("it is sound");
    let first = CollectedSegment::of(&contents).expect("its sums are amounts");
    let second = CollectedSegment { predecessor: Predecessor::NotJournaled, ..first };
    SegmentSummary::sign(&agent(), &node(), vec![first, second])
}

#[test]
fn what_is_kept_of_a_segment_are_its_ends_and_its_sums() {
    let mut contents = sealed(records()).verify().expect("it is sound");
    let kept = CollectedSegment::of(&contents).expect("its sums are amounts");
    let opening = opening();
    assert_eq!(kept.opening_checkpoint, opening.checkpoint);
    assert_eq!((kept.first_tick, kept.closing), (Tick(5), contents.closing));
    assert_eq!((kept.opening_budget, kept.predecessor), (opening.budget, opening.predecessor));
    assert_eq!((kept.funded, kept.charged), (amount(1_000_000), amount(30 + 31 + 32 + 33)));

    let igor_format::Record::Tick(mut record) = tick(7) else { panic!("it is a tick") };
    record.charge = Microcents::MAX;
    contents.records.push(igor_format::Record::Tick(record));
    assert_eq!(CollectedSegment::of(&contents), None);
}

#[test]
fn a_summary_round_trips_and_verifies_for_its_agent_only() {
    for summary in [summary(), SegmentSummary::sign(&agent(), &node(), Vec::new())] {
        let read = SegmentSummary::decode(&summary.encode()).expect("what was encoded");
        assert_eq!(read, summary);
        let expected = agent().public_key();
        assert_eq!(read.verify(&expected), Ok(()));
        let other = AgentKey::from_seed(&[9; 32]).public_key();
        let error = SummaryError::OtherAgent { expected: other, found: expected };
        assert_eq!(read.verify(&other), Err(error));
    }
}

#[test]
fn a_change_of_any_byte_of_a_summary_is_noticed() {
    let bytes = summary().encode();
    let agent = agent().public_key();
    for index in 0..bytes.len() {
        let mut other = bytes.clone();
        other[index] ^= 1;
        let read = SegmentSummary::decode(&other);
        assert!(!read.is_ok_and(|read| read.verify(&agent).is_ok()), "byte {index}");
        assert!(SegmentSummary::decode(&bytes[..index]).is_err(), "cut to {index}");
    }
    let longer = SegmentSummary::decode(&[&bytes[..], &[0]].concat());
    assert_eq!(longer, Err(DecodeError::TrailingBytes.into()));
    let mut other = bytes.clone();
    other[15 + 64 + 4 + 40 + 92..][..8].fill(0xff);
    let problem = FieldError::Amount(AmountError::Negative);
    assert_eq!(SegmentSummary::decode(&other), Err(SummaryError::Segment { index: 0, problem }));
    let mut other = bytes;
    other[15 + 64..][..4].fill(0xff);
    assert_eq!(SegmentSummary::decode(&other), Err(DecodeError::ShortRead.into()));
}
