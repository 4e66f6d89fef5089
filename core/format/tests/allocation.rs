//! No decoder allocates more than its input warrants: in total, not only at once, at most twice the
//! input and 4 KiB for the binary formats, four times for the journal, whose smallest observation has
//! six bytes, and eight times for JSON. The inputs are those that ask
//! for the most: counts without content, and content of the smallest possible pieces.
//!
//! One test only, as the counter belongs to the whole process.

#[path = "common/journal.rs"]
#[allow(dead_code, reason = "one record and the keys are enough here")]
mod sample;

use std::alloc::System;

use igor_format::effect_log::EffectLog;
use igor_format::migrate::{AgentPackage, AgentStarted, AgentTransfer, MigrateMessage};
use igor_format::{
    AgentRecord, BillItem, Checkpoint, Did, Encoder, Entry, EpochReceipt, FundRecord, Hash,
    Manifest, Message, ObservationKind, Observations, Part, PaymentReceipt, Record, Segment,
    SegmentSummary, Seq, Tick, decode_identity, decode_node_key, decode_receipts,
};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Bytes of the large inputs.
const SIZE: usize = 256 << 10;
const SLACK: usize = 4 << 10;

type Decode = fn(&[u8]) -> bool;

const BINARY: [(&str, Decode); 13] = [
    ("checkpoint", |bytes| Checkpoint::decode(bytes, u64::MAX).is_ok()),
    ("agent record", |bytes| AgentRecord::decode(bytes).is_ok()),
    ("fund record", |bytes| FundRecord::decode(bytes).is_ok()),
    ("identity", |bytes| decode_identity(bytes).is_ok()),
    ("receipt", |bytes| EpochReceipt::decode(bytes).is_ok()),
    ("receipts", |bytes| decode_receipts(bytes).is_ok()),
    ("payment receipt", |bytes| PaymentReceipt::decode(bytes).is_ok()),
    ("effect log", |bytes| EffectLog::decode(bytes).is_ok()),
    ("segment", |bytes| Segment::decode(bytes).is_ok()),
    ("summary", |bytes| SegmentSummary::decode(bytes).is_ok()),
    ("node key", |bytes| decode_node_key(bytes).is_ok()),
    ("message", |bytes| Message::decode(bytes).is_ok()),
    ("did", |bytes| std::str::from_utf8(bytes).is_ok_and(|text| text.parse::<Did>().is_ok())),
];

const ENTRY: (&str, Decode) = ("entry", |bytes| Entry::decode(bytes).is_ok());

const JSON: [(&str, Decode); 4] = [
    ("manifest", |bytes| Manifest::parse(bytes, u64::MAX).is_ok()),
    ("agent package", |bytes| AgentPackage::from_json(bytes, u64::MAX).is_ok()),
    ("agent transfer", |bytes| AgentTransfer::from_json(bytes, u64::MAX).is_ok()),
    ("agent started", |bytes| AgentStarted::from_json(bytes, u64::MAX).is_ok()),
];

/// Decodes `input` and fails if that allocated more than `factor` times its size and the slack.
/// Returns whether it was accepted.
fn check(name: &str, decode: Decode, what: &str, input: &[u8], factor: usize) -> bool {
    let region = Region::new(ALLOCATOR);
    let accepted = decode(input);
    let allocated = region.change().bytes_allocated;
    let allowed = input.len() * factor + SLACK;
    assert!(allocated <= allowed, "{name} of {what}: {allocated} of {allowed} bytes allocated");
    accepted
}

/// A list that repeats `item` until it is large, between `head` and `tail`.
fn repeated(head: &str, tail: &str, item: impl Fn(usize) -> String) -> Vec<u8> {
    let mut json = head.to_owned();
    let mut index = 0;
    while json.len() < SIZE {
        if index > 0 {
            json.push(',');
        }
        json.push_str(&item(index));
        index += 1;
    }
    json.push_str(tail);
    json.into_bytes()
}

/// As many effect intents with distinct short ids as fit.
fn intents() -> Vec<u8> {
    let count = u32::try_from(SIZE / 12).expect("few");
    let mut encoder = Encoder::new();
    encoder.u32(count);
    for index in 0..count {
        encoder.u8(1).bytes(&index.to_le_bytes()[..3]).bytes(&[]);
    }
    encoder.into_bytes()
}

/// As many receipts with empty names as fit.
fn receipts() -> Vec<u8> {
    let count = u32::try_from(SIZE / 120).expect("few");
    let mut encoder = Encoder::new();
    encoder.u32(count);
    for _ in 0..count {
        encoder.u32(116).bytes(&[]).bytes(&[]).raw(&[0; 40]).bytes(&[0; 64]);
    }
    encoder.into_bytes()
}

/// An entry with this content and a checksum that fits.
fn entry(content: &[u8]) -> Vec<u8> {
    [content, &Hash::of(content).as_bytes()[..8]].concat()
}

/// The entry of a tick with as many empty observations as fit, which is as large as an entry's
/// content becomes in memory.
fn empty_observations() -> Vec<u8> {
    let mut observations = Observations::default();
    for _ in 0..SIZE / 6 {
        observations.push(ObservationKind::RAND_BYTES, &[]);
    }
    let Record::Tick(mut tick) = sample::tick(1) else { panic!("it is a tick") };
    tick.observations = observations;
    let (prev, synced) = (Hash::ZERO, Seq(0));
    let entry = Entry { prev, synced, record: Record::Tick(tick) };
    let region = Region::new(ALLOCATOR);
    let (bytes, _) = entry.encode();
    let change = region.change();
    assert_eq!((change.allocations, change.reallocations), (1, 0), "an entry is encoded at once");
    bytes
}

/// A segment of as many entries of the smallest size as fit.
fn small_entries() -> Vec<u8> {
    let count = SIZE / 54;
    let closing = sample::closing(count, Hash::ZERO);
    let entries = vec![vec![0; 50]; count];
    Segment::seal(&sample::agent(), &sample::node(), entries, closing).encode()
}

/// As many items as a bill has in one message.
fn long_bill() -> Vec<u8> {
    let part = |tick| Part::History(Tick(tick), 0);
    let item = |tick| BillItem { part: part(tick), hash: Hash::ZERO, bytes: 1 };
    Message::Bill { items: (0..8_192).map(item).collect() }.encode()
}

/// As many items as can be wanted.
fn long_want() -> Vec<u8> {
    Message::Want { items: (0..65_536).map(|item| (item, 0)).collect() }.encode()
}

#[test]
fn decoders_allocate_no_more_than_their_input_warrants() {
    let patterns = [0x00, 0x01, 0x02, 0x03, 0x04, 0x61, 0x7f, 0xff];
    for (name, decode) in BINARY {
        for pattern in patterns {
            for size in [0, 4, 5, 64, 4_096, SIZE] {
                let what = format!("{size} bytes {pattern:#x}");
                check(name, decode, &what, &vec![pattern; size], 2);
            }
        }
    }
    let accepted = [
        ("checkpoint", include_bytes!("fixtures/checkpoint_v3.bin").to_vec()),
        ("checkpoint", [&[4; 1][..], &[0; SIZE]].concat()),
        ("effect log", include_bytes!("fixtures/derived/effectlog.bin").to_vec()),
        ("effect log", intents()),
        ("receipts", include_bytes!("fixtures/derived/receipts_file.bin").to_vec()),
        ("receipts", receipts()),
        ("receipt", include_bytes!("fixtures/derived/receipt.bin").to_vec()),
        ("identity", include_bytes!("fixtures/derived/identity.bin").to_vec()),
        ("segment", include_bytes!("fixtures/own/segment.seg").to_vec()),
        ("segment", small_entries()),
        ("summary", include_bytes!("fixtures/own/collected.sum").to_vec()),
        ("message", long_bill()),
        ("message", long_want()),
    ];
    for (name, input) in accepted {
        let (_, decode) = BINARY.into_iter().find(|(other, _)| *other == name).expect("listed");
        assert!(check(name, decode, "accepted bytes", &input, 2), "{name} was refused");
    }

    let (name, decode) = ENTRY;
    assert!(check(name, decode, "empty observations", &empty_observations(), 4));
    for kind in 0..10 {
        for pattern in patterns {
            let content = [&[1, kind][..], &vec![pattern; SIZE]].concat();
            check(name, decode, &format!("kind {kind} of {pattern:#x}"), &entry(&content), 4);
        }
    }

    let tail = "}}";
    let json = [
        (
            "manifest",
            repeated("{\"capabilities\":{", tail, |i| format!("\"{i:x}\":{{\"version\":1}}")),
        ),
        (
            "agent package",
            repeated("{\"ReplayData\":{\"Entries\":[", "]}}", |_| "{\"HostcallID\":1}".to_owned()),
        ),
        ("agent package", repeated("{", "}", |i| format!("\"{i}\":0"))),
        ("agent started", repeated("{\"x\":[", "]}", |_| "[[]]".to_owned())),
        ("agent started", [&b"{\"Error\":\""[..], &b"\\n".repeat(SIZE), b"\"}"].concat()),
    ];
    for (name, input) in json {
        let (_, decode) = JSON.into_iter().find(|(other, _)| *other == name).expect("listed");
        assert!(check(name, decode, "small pieces", &input, 8), "{name} was refused");
    }
    for (name, decode) in JSON {
        for (what, input) in [
            ("brackets", b"[".repeat(SIZE)),
            ("nested unknown", [&b"{\"x\":"[..], &b"[".repeat(SIZE)].concat()),
            ("quotes", b"\"".repeat(SIZE)),
            ("an open string", [&b"{\"AgentID\":\""[..], &b"\\u0061".repeat(SIZE / 6)].concat()),
            ("digits", b"9".repeat(SIZE)),
            ("empty entries", repeated("{\"ReplayData\":{\"Entries\":[", "]}}", |_| "{}".into())),
        ] {
            check(name, decode, what, &input, 8);
        }
    }
}
