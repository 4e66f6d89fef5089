//! Cases about logs: records at expected positions, read back in pages.

use igor_core::format::Seq;
use igor_core::storage::{Group, Precondition, StorageError};

use super::StorageFixture;
use super::support::{
    agent, append, appending, assert_conflict, checkpoint, commit, log, log_from, try_commit, value,
};
use crate::Case;

pub(super) fn cases() -> Vec<Case<dyn StorageFixture>> {
    crate::cases![dyn StorageFixture;
        an_append_needs_the_length_of_the_log covers ["append-at-expected"],
        an_append_of_nothing_still_needs_the_length covers ["append-at-expected"],
        a_second_append_of_a_group_continues_the_first covers
            ["append-at-expected", "preconditions-come-first"],
        agents_have_logs_of_their_own covers ["append-at-expected"],
        a_stale_holder_cannot_append covers ["append-at-expected"],
        a_stale_holder_cannot_commit covers ["append-at-expected", "preconditions-come-first"],
        an_append_is_seen_by_other_openers covers ["append-at-expected"],
        records_read_back_from_every_position covers ["read-log-returns-records"],
        a_read_stops_at_the_byte_limit covers ["read-log-returns-records"],
        records_of_any_size_read_back covers ["read-log-returns-records"],
        a_record_above_the_limit_is_refused covers ["clean-failures-do-not-poison"],
        a_long_log_reads_back_in_pages covers ["read-log-returns-records"],
    ]
}

fn an_append_needs_the_length_of_the_log(fixture: &dyn StorageFixture) {
    let opened = fixture.open();
    let store = &*opened.storage;
    for at in [1, 2, u64::MAX] {
        assert_conflict(&try_commit(store, appending("a", at, &[b"x"])));
    }
    append(store, "a", 0, &[b"zero", b"one"]);
    for at in [0, 1, 3, 4, u64::MAX] {
        assert_conflict(&try_commit(store, appending("a", at, &[b"x"])));
    }
    append(store, "a", 2, &[b"two"]);
    assert_eq!(log(store, "a"), [&b"zero"[..], b"one", b"two"]);
}

fn an_append_of_nothing_still_needs_the_length(fixture: &dyn StorageFixture) {
    let opened = fixture.open();
    let store = &*opened.storage;
    append(store, "a", 0, &[]);
    assert_conflict(&try_commit(store, appending("a", 1, &[])));
    append(store, "a", 0, &[b"zero"]);
    append(store, "a", 1, &[]);
    assert_conflict(&try_commit(store, appending("a", 0, &[])));
    assert_eq!(log(store, "a"), [b"zero"]);
}

fn a_second_append_of_a_group_continues_the_first(fixture: &dyn StorageFixture) {
    let opened = fixture.open();
    let store = &*opened.storage;
    let record = |text: &str| vec![text.as_bytes().to_vec()];
    let group = Group::new(agent("a"))
        .append(Seq(0), record("zero"))
        .put(checkpoint("a"), b"value".to_vec(), Precondition::Always)
        .append(Seq(1), record("one"));
    commit(store, group);
    assert_eq!(log(store, "a"), [&b"zero"[..], b"one"]);
    let group = Group::new(agent("a")).append(Seq(2), record("two")).append(Seq(2), record("two"));
    assert_conflict(&try_commit(store, group));
    assert_eq!(log(store, "a").len(), 2);
}

fn agents_have_logs_of_their_own(fixture: &dyn StorageFixture) {
    let opened = fixture.open();
    let store = &*opened.storage;
    append(store, "a", 0, &[b"of a"]);
    append(store, "b", 0, &[b"of b"]);
    assert_conflict(&try_commit(store, appending("b", 0, &[b"x"])));
    append(store, "a", 1, &[b"also of a"]);
    assert_eq!(log(store, "a"), [&b"of a"[..], b"also of a"]);
    assert_eq!(log(store, "b"), [b"of b"]);
}

/// A paused owner wakes up after another one has taken over.
fn a_stale_holder_cannot_append(fixture: &dyn StorageFixture) {
    let (old, new) = (fixture.open(), fixture.open());
    append(&*old.storage, "a", 0, &[b"owner: old"]);
    append(&*old.storage, "a", 1, &[b"tick 1"]);
    let taken = log(&*new.storage, "a").len();
    append(&*new.storage, "a", u64::try_from(taken).unwrap(), &[b"owner: new"]);
    let late = appending("a", 2, &[b"tick 2"]);
    assert_conflict(&try_commit(&*old.storage, late));
    for opened in [&old, &new] {
        let expected = [&b"owner: old"[..], b"tick 1", b"owner: new"];
        assert_eq!(log(&*opened.storage, "a"), expected);
    }
}

fn a_stale_holder_cannot_commit(fixture: &dyn StorageFixture) {
    let (old, new) = (fixture.open(), fixture.open());
    let key = checkpoint("a");
    let version = super::support::put(&*old.storage, "a", &key, b"old");
    append(&*new.storage, "a", 0, &[b"owner: new"]);
    super::support::put(&*new.storage, "a", &key, b"new");
    let by_log = Group::new(agent("a")).append(Seq(0), vec![b"tick".to_vec()]).put(
        key.clone(),
        b"late".to_vec(),
        Precondition::Always,
    );
    assert_conflict(&try_commit(&*old.storage, by_log));
    let by_version =
        Group::new(agent("a")).put(key.clone(), b"late".to_vec(), Precondition::Matches(version));
    assert_conflict(&try_commit(&*old.storage, by_version));
    assert_eq!(value(&*old.storage, &key).as_deref(), Some(&b"new"[..]));
    assert_eq!(log(&*old.storage, "a"), [b"owner: new"]);
}

fn an_append_is_seen_by_other_openers(fixture: &dyn StorageFixture) {
    let (one, other) = (fixture.open(), fixture.open());
    for round in 0..10_u64 {
        let (writer, reader) = if round % 2 == 0 { (&one, &other) } else { (&other, &one) };
        append(&*writer.storage, "a", round, &[round.to_string().as_bytes()]);
        let last = log_from(&*reader.storage, "a", round, usize::MAX);
        assert_eq!(last, [round.to_string().into_bytes()]);
    }
}

fn records_read_back_from_every_position(fixture: &dyn StorageFixture) {
    let opened = fixture.open();
    let store = &*opened.storage;
    let records: Vec<Vec<u8>> =
        (0..40).map(|number| vec![number; usize::from(number) * 9]).collect();
    let mut at = 0;
    for count in [1, 2, 3, 5, 8, 13, 8] {
        let part: Vec<&[u8]> = records[at..at + count].iter().map(Vec::as_slice).collect();
        append(store, "a", u64::try_from(at).unwrap(), &part);
        at += count;
    }
    for from in 0..=records.len() {
        let found = log_from(store, "a", u64::try_from(from).unwrap(), usize::MAX);
        assert!(found == records[from..], "from {from}");
    }
    for from in [41, 1_000, u64::MAX] {
        assert!(log_from(store, "a", from, usize::MAX).is_empty(), "from {from}");
    }
}

fn a_read_stops_at_the_byte_limit(fixture: &dyn StorageFixture) {
    let opened = fixture.open();
    let store = &*opened.storage;
    append(store, "a", 0, &[&[0; 10], &[1; 20], &[2; 0], &[3; 30]]);
    append(store, "a", 4, &[&[4; 40], &[5; 0], &[6; 10]]);
    for (from, limit, expected) in [
        (0, 0, 1),
        (0, 9, 1),
        (0, 10, 1),
        (0, 29, 1),
        (0, 30, 3),
        (0, 59, 3),
        (0, 60, 4),
        (0, 99, 4),
        (0, 100, 6),
        (0, 110, 7),
        (1, 19, 1),
        (2, 0, 1),
        (2, 29, 1),
        (3, 70, 3),
        (4, 1, 1),
        (6, 1, 1),
    ] {
        let found = log_from(store, "a", from, limit);
        assert_eq!(found.len(), expected, "at most {limit} bytes from {from}");
        let first = usize::try_from(from).unwrap();
        assert!(found == log(store, "a")[first..first + expected], "from {from}");
    }
}

fn records_of_any_size_read_back(fixture: &dyn StorageFixture) {
    let opened = fixture.open();
    let store = &*opened.storage;
    // Around the sizes of sectors and pages.
    let max = usize::try_from(store.value_bytes_max()).expect("it fits in memory");
    let sizes = [0, 1, 2, 454, 455, 510, 511, 512, 513, 4_095, 4_096, 4_097, 65_536];
    let sizes = sizes.map(|size| size.min(max));
    for (at, size) in (0..).zip(sizes) {
        let record: Vec<u8> = (0..=255).cycle().take(size).collect();
        append(store, "a", at, &[&record]);
        assert!(log_from(store, "a", at, usize::MAX) == [record], "{size} bytes");
    }
    let found: Vec<_> = log(store, "a").iter().map(Vec::len).collect();
    assert_eq!(found, sizes);
}

fn a_record_above_the_limit_is_refused(fixture: &dyn StorageFixture) {
    let opened = fixture.open();
    let store = &*opened.storage;
    let max = usize::try_from(store.value_bytes_max()).expect("it fits in memory");
    let result = try_commit(store, appending("a", 0, &[b"small", &vec![0; max + 1]]));
    assert!(matches!(result, Err(StorageError::TooLarge { .. })), "not too large: {result:?}");
    assert!(log(store, "a").is_empty());
    append(store, "a", 0, &[b"small"]);
}

fn a_long_log_reads_back_in_pages(fixture: &dyn StorageFixture) {
    let opened = fixture.open();
    let record = |number: u64| format!("{number}:{}", "x".repeat(900)).into_bytes();
    for batch in 0..20 {
        let records: Vec<_> = (batch * 25..batch * 25 + 25).map(record).collect();
        let group = Group::new(agent("a")).append(Seq(batch * 25), records);
        commit(&*opened.storage, group);
    }
    let opened = fixture.reopen(opened);
    for page in [1, 1_000, 10_000, 100_000] {
        let mut at = 0;
        loop {
            let found = log_from(&*opened.storage, "a", at, page);
            if found.is_empty() {
                break;
            }
            for bytes in found {
                assert!(bytes == record(at), "record {at}");
                at += 1;
            }
        }
        assert_eq!(at, 500, "in pages of {page} bytes");
    }
}
