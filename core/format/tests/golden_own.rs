//! Every version of every format that is igor's own decodes to what it holds, and what is still
//! written is written with the same bytes. The fixtures were put together field by field after the
//! specification, not by this code.

#[path = "common/journal.rs"]
mod sample;

use igor_format::{
    CollectedSegment, Entry, Hash, Predecessor, Segment, SegmentClosing, SegmentSummary, Tick,
    Wish, decode_node_key, encode_node_key,
};
use sample::{agent, amount, chained, node, opening, records, sealed};

macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!("fixtures/own/", $name))
    };
}

#[test]
fn the_node_key_file_is_made_again_bit_for_bit() {
    let bytes: &[u8] = fixture!("node_key.bin");
    assert_eq!(encode_node_key(&node()).as_slice(), bytes);
    let read = decode_node_key(bytes).map(|key| key.public_key());
    assert_eq!(read, Ok(node().public_key()));
}

#[test]
fn a_wish_is_made_again_bit_for_bit() {
    let bytes: &[u8] = fixture!("wish.bin");
    let detail = Some("agent_tick: unreachable".to_owned());
    let wish = Wish::Rest { reason: "trap".to_owned(), detail };
    assert_eq!(wish.encode(), bytes);
    assert_eq!(Wish::decode(bytes), Ok(wish));
}

#[test]
fn a_segment_with_every_kind_of_record_is_made_again_bit_for_bit() {
    let bytes: &[u8] = fixture!("segment.seg");
    let segment = Segment::decode(bytes).expect("a golden segment");
    let contents = segment.verify().expect("golden signatures");
    assert_eq!((contents.opening, contents.records), (opening(), records()));
    assert_eq!(sealed(records()).encode(), bytes);
    let hash = "b3886d86dfbbf9720eac99d3b61d094d06d28248a85e369ff520da4f52910bab";
    assert_eq!(segment.closing().hash().to_string(), hash);
}

#[test]
fn the_entry_of_the_specification_is_one_of_the_segments() {
    let (entries, _) = chained(Entry::base(opening().checkpoint), 100, records());
    let bytes = [
        "0107",
        "1829671a1b03e9baaf961ef887ce18fe67db9c451614890c77895fd729550011",
        "6a00000000000000",
        "40420f0000000000",
        "08080808080808080808080808080808",
        "4aaadcb38769bc29",
    ];
    let text: String =
        entries.iter().skip(6).take(1).flatten().map(|b| format!("{b:02x}")).collect();
    assert_eq!(text, bytes.concat());
}

#[test]
fn a_summary_is_made_again_bit_for_bit() {
    let first = sealed(records()).verify().expect("it is sound");
    let closing = SegmentClosing {
        records: 3,
        chain: Hash::of(b"chain"),
        tick: Tick(8),
        budget: amount(5_000_000),
        carry: igor_format::Carry::ZERO,
        checkpoint: Hash::of(b"end"),
    };
    let second = CollectedSegment {
        opening_checkpoint: first.closing.checkpoint,
        first_tick: Tick(6),
        closing,
        opening_budget: first.closing.budget,
        funded: amount(0),
        charged: amount(999_874),
        predecessor: Predecessor::Segment(first.closing.hash()),
    };
    let first = CollectedSegment::of(&first).expect("its sums are amounts");
    let summary = SegmentSummary::sign(&agent(), &node(), vec![first, second]);
    let bytes: &[u8] = fixture!("collected.sum");
    assert_eq!(summary.encode(), bytes);
    let read = SegmentSummary::decode(bytes).expect("a golden summary");
    assert_eq!(read, summary);
    assert_eq!(read.verify(&agent().public_key()), Ok(()));
}
