//! A journal as it is written and read: entries and their chain, what is torn and what is corrupt,
//! and when a sealed segment proves what it says. The bytes are the matter of the golden test.

#![allow(clippy::indexing_slicing, reason = "a panic is a failed test")]

#[path = "common/journal.rs"]
mod sample;

use igor_format::{
    Entry, EntryError, FailedOperation, FieldError, Hash, JournalTail, NodeKey, Predecessor,
    Record, RecordError, Segment, SegmentError, SegmentOpening, Seq, Tick, read_journal,
};
use sample::{agent, chained, closing, node, opening, owner, records, sealed, tick};

fn base() -> Hash {
    Entry::base(opening().checkpoint)
}

/// An entry with another content and a checksum that fits.
fn with_body(bytes: &[u8], change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut content = bytes[..bytes.len() - 8].to_vec();
    change(&mut content);
    let checksum = Hash::of(&content);
    content.extend_from_slice(&checksum.as_bytes()[..8]);
    content
}

#[test]
fn every_kind_of_record_round_trips() {
    let mut all = records();
    if let Record::TickFailed(record) = &mut all[5] {
        let start = Record::TickFailed(igor_format::TickFailedRecord {
            operation: FailedOperation::Start,
            ..record.clone()
        });
        all.push(start);
    }
    for predecessor in [Predecessor::Genesis, Predecessor::NotJournaled] {
        all.push(owner(SegmentOpening { predecessor, ..opening() }));
    }
    for record in all {
        let entry = Entry { prev: base(), synced: Seq(9), record };
        let (bytes, chain) = entry.encode();
        assert_eq!(chain, Hash::of(&bytes[..bytes.len() - 8]));
        assert_eq!(Entry::decode(&bytes), Ok((entry, chain)));
    }
}

#[test]
fn a_change_of_any_byte_of_an_entry_is_noticed() {
    let (entries, _) = chained(base(), 0, records());
    for bytes in entries {
        for index in 0..bytes.len() {
            let mut other = bytes.clone();
            other[index] ^= 4;
            assert!(Entry::decode(&other).is_err(), "byte {index}");
            assert!(Entry::decode(&bytes[..index]).is_err(), "cut to {index}");
        }
        assert!(Entry::decode(&[&bytes[..], &[0]].concat()).is_err(), "one byte more");
    }
}

#[test]
fn unsound_entries_with_a_sound_checksum_are_refused_by_reason() {
    let (entries, _) = chained(base(), 0, records());
    let check = |index: usize, at: usize, bytes: &[u8], expected: RecordError| {
        let other = with_body(&entries[index], |content| {
            content[at..at + bytes.len()].copy_from_slice(bytes);
        });
        assert_eq!(Entry::decode(&other), Err(expected.into()), "record {index} at {at}");
    };
    let all = [0xff; 8];
    check(1, 1, &[9], RecordError::UnknownKind(9));
    check(1, 1, &[0], RecordError::UnknownKind(0));
    let negative = igor_format::AmountError::Negative;
    check(1, 42 + 16, &all, FieldError::Amount(negative.clone()).into());
    check(2, 42 + 8, &[2], FieldError::Flag(2).into());
    check(5, 42, &[2], FieldError::Flag(2).into());
    check(5, 42 + 9 + 4, b" ", FieldError::Failure.into());
    check(6, 42, &[0; 8], RecordError::NothingFunded);
    check(6, 42, &all, FieldError::Amount(negative).into());
    let meter = 42 + 64 + 16 + 32 + 4 + 2 + 80 + 12 + 4;
    check(0, meter, b" ", FieldError::Meter.into());
    let carry = meter + 4 + 24;
    check(0, carry, &all[..4], FieldError::Carry(u32::MAX).into());
    check(0, carry + 36, &[3], FieldError::Predecessor(3).into());
    let short = FieldError::Malformed(igor_format::DecodeError::ShortRead);
    check(2, 42 + 8 + 1 + 24 + 32, &all[..4], short.into());

    let version = with_body(&entries[1], |content| content[0] = 2);
    assert_eq!(Entry::decode(&version), Err(EntryError::UnsupportedVersion(2)));
    for bytes in &entries {
        let longer = Entry::decode(&with_body(bytes, |content| content.push(0)));
        let shorter =
            Entry::decode(&with_body(bytes, |content| content.truncate(content.len() - 1)));
        let malformed = |error| Err(RecordError::Field(FieldError::Malformed(error)).into());
        assert_eq!(longer, malformed(igor_format::DecodeError::TrailingBytes));
        assert_eq!(shorter, malformed(igor_format::DecodeError::ShortRead));
    }
}

#[test]
fn a_reason_that_is_too_long_is_cut_so_that_the_journal_stays_readable() {
    let mut records = records();
    let Some(Record::Recovered(record)) = records.last_mut() else {
        panic!("the last record is of this kind");
    };
    record.reason = "a".repeat(5_000);
    let (entries, _) = chained(base(), 0, records);
    let (read, _) = Entry::decode(&entries[7]).expect("it was cut");
    let Record::Recovered(record) = read.record else { panic!("{read:?} is of another kind") };
    assert_eq!(record.reason, "a".repeat(1_024));
}

#[test]
fn several_segments_and_repeated_owners_are_one_whole_log() {
    let mut first = records();
    first.insert(3, owner(opening()));
    let (mut log, first_chain) = chained(base(), 40, first.clone());
    let other = SegmentOpening { checkpoint: Hash::of(b"other"), ..opening() };
    let other_base = Entry::base(other.checkpoint);
    let second = vec![owner(other.clone()), tick(9)];
    let (entries, second_chain) = chained(other_base, 49, second.clone());
    log.extend(entries);

    let journal = read_journal(Seq(40), &log).expect("it is whole");
    assert_eq!(journal.tail, JournalTail::Whole);
    let [one, two] = &journal.segments[..] else { panic!("two segments: {journal:?}") };
    assert_eq!((one.first, one.base, one.chain), (Seq(40), base(), first_chain));
    assert_eq!((two.first, two.base, two.chain), (Seq(49), other_base, second_chain));
    assert_eq!((&one.opening, &two.opening), (&opening(), &other));
    let (bytes, records): (Vec<_>, Vec<_>) =
        one.entries.iter().chain(&two.entries).cloned().unzip();
    assert_eq!(bytes, log);
    assert_eq!(records, [first, second].concat());

    let empty = read_journal(Seq(40), &[]).expect("nothing is wrong with nothing");
    assert_eq!((empty.segments.len(), empty.tail), (0, JournalTail::Whole));
}

/// A log of ten records from position 100 on, of which `damage` changed the one at `damaged`, and
/// those after it know `synced` records to be durable.
fn damaged_log(damaged: usize, synced: u64, damage: fn(&mut Vec<u8>)) -> Vec<Vec<u8>> {
    let mut records = vec![owner(opening())];
    records.extend((1..10).map(tick));
    let mut chain = base();
    let mut log = Vec::new();
    for (index, record) in records.into_iter().enumerate() {
        let synced = Seq(if index > damaged { synced } else { 100 });
        let (bytes, next) = Entry { prev: chain, synced, record }.encode();
        log.push(bytes);
        chain = next;
    }
    damage(&mut log[damaged]);
    log
}

#[test]
fn damage_is_a_torn_tail_unless_a_later_entry_says_that_it_was_durable() {
    let damages: [fn(&mut Vec<u8>); 4] = [
        |bytes| bytes[60] ^= 1,
        Vec::clear,
        |bytes| bytes.truncate(50),
        |bytes| *bytes = Entry { prev: Hash::ZERO, synced: Seq(0), record: tick(1) }.encode().0,
    ];
    for damage in damages {
        for damaged in 1..10 {
            let at = 100 + u64::try_from(damaged).expect("small");
            let torn = read_journal(Seq(100), &damaged_log(damaged, at, damage));
            let torn = torn.expect("nobody knew it to be durable");
            assert_eq!(torn.tail, JournalTail::Torn { at: Seq(at) });
            assert_eq!(torn.segments[0].entries.len(), damaged);

            let read = read_journal(Seq(100), &damaged_log(damaged, at + 1, damage));
            match read {
                Err(EntryError::Corrupt { seq, .. }) if damaged < 9 => assert_eq!(seq, Seq(at)),
                Ok(journal) if damaged == 9 => {
                    assert_eq!(journal.tail, JournalTail::Torn { at: Seq(at) });
                }
                other => panic!("record {damaged}: {other:?}"),
            }
        }
    }
}

#[test]
fn a_log_begins_with_an_owner_at_the_base_of_its_checkpoint() {
    let no_owner = |log: &[Vec<u8>]| {
        let problem = Box::new(EntryError::NoOwner);
        assert_eq!(read_journal(Seq(5), log), Err(EntryError::Corrupt { seq: Seq(5), problem }));
    };
    no_owner(&chained(base(), 5, vec![tick(1)]).0);
    no_owner(&chained(Hash::ZERO, 5, records()).0);

    let mut log = chained(base(), 5, records()).0;
    log[0].truncate(9);
    let torn = read_journal(Seq(5), &log[..1]).expect("nothing was durable");
    assert_eq!((torn.segments.len(), torn.tail), (0, JournalTail::Torn { at: Seq(5) }));
    assert!(matches!(read_journal(Seq(5), &log), Err(EntryError::Corrupt { seq: Seq(5), .. })));
}

#[test]
fn an_owner_with_other_terms_continues_nothing() {
    let other = SegmentOpening { abi_version: 9, ..opening() };
    let records = vec![owner(opening()), owner(other), tick(1), tick(2)];
    let (log, _) = chained(base(), 0, records.clone());
    let problem = Box::new(EntryError::OtherTerms);
    assert_eq!(read_journal(Seq(0), &log), Err(EntryError::Corrupt { seq: Seq(1), problem }));
    let problem = EntryError::OtherTerms;
    assert_eq!(sealed(records).verify(), Err(SegmentError::Entry { index: 1, problem }));
}

#[test]
fn a_sealed_segment_round_trips_and_says_what_its_records_say() {
    let mut list = records();
    list.push(owner(opening()));
    let segment = sealed(list.clone());
    let bytes = segment.encode();
    let read = Segment::decode(&bytes).expect("what was encoded");
    assert_eq!(read, segment);
    let contents = read.verify().expect("it is sound");
    assert_eq!((contents.opening, contents.records), (opening(), list));
    assert_eq!(contents.closing, *segment.closing());
}

#[test]
fn a_change_of_any_byte_of_a_segment_is_noticed() {
    let bytes = sealed(records()).encode();
    for index in 0..bytes.len() {
        let mut other = bytes.clone();
        other[index] ^= 1;
        let verified = Segment::decode(&other).is_ok_and(|segment| segment.verify().is_ok());
        assert!(!verified, "byte {index}");
        assert!(Segment::decode(&bytes[..index]).is_err(), "cut to {index}");
    }
    let longer = [&bytes[..], &[0]].concat();
    let trailing = igor_format::DecodeError::TrailingBytes;
    assert_eq!(Segment::decode(&longer), Err(trailing.into()));
}

#[test]
fn a_segment_that_does_not_add_up_is_refused_by_reason() {
    let (entries, chain) = chained(base(), 100, records());
    let check = |entries: &[Vec<u8>], closing, expected| {
        let segment = Segment::seal(&agent(), &node(), entries.to_vec(), closing);
        assert_eq!(segment.verify(), Err(expected));
    };
    check(&entries, closing(7, chain), SegmentError::Count { stated: 7, found: 8 });
    let counted = Segment::seal(&agent(), &node(), entries.clone(), closing(7, chain)).encode();
    let count = SegmentError::Count { stated: 7, found: 8 };
    assert_eq!(Segment::decode(&counted), Err(count));

    let stated = Hash::ZERO;
    check(&entries, closing(8, stated), SegmentError::Chain { stated, found: chain });
    let no_owner = || SegmentError::Entry { index: 0, problem: EntryError::NoOwner };
    check(&[], closing(0, base()), no_owner());
    check(&entries[1..], closing(7, chain), no_owner());

    let (_, second) = Entry::decode(&entries[1]).expect("an entry");
    let (fourth, _) = Entry::decode(&entries[3]).expect("an entry");
    let without_third = [&entries[..2], &entries[3..]].concat();
    let problem = EntryError::OtherChain { expected: second, found: fourth.prev };
    check(&without_third, closing(7, chain), SegmentError::Entry { index: 2, problem });

    let stranger = NodeKey::from_seed(&[3; 32]);
    let segment = Segment::seal(&agent(), &stranger, entries.clone(), closing(8, chain));
    assert_eq!(segment.verify(), Err(SegmentError::NodeSignature));
    let stranger = igor_format::AgentKey::from_seed(&[3; 32]);
    let segment = Segment::seal(&stranger, &node(), entries, closing(8, chain));
    assert_eq!(segment.verify(), Err(SegmentError::AgentSignature));
}

#[test]
fn the_hash_of_a_segment_covers_everything_but_the_signatures() {
    let hash = sealed(records()).closing().hash();
    let chain = Hash::of(b"chain");
    let base = closing(8, chain);
    let mut others = vec![base; 4];
    others[0].records = 9;
    others[1].tick = Tick(6);
    others[2].budget = sample::amount(1);
    others[3].checkpoint = Hash::ZERO;
    let mut hashes: Vec<_> = others.iter().map(|closing| closing.hash()).collect();
    hashes.extend([hash, base.hash()]);
    hashes.sort();
    hashes.dedup();
    assert_eq!(hashes.len(), 6);
}
