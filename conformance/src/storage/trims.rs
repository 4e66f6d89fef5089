//! Cases about trimmed logs: what is forgotten, and that nothing else is.

use igor_core::format::Seq;
use igor_core::storage::{Group, Precondition, StorageError};

use super::StorageFixture;
use super::support::{
    agent, append, appending, assert_conflict, bounds, checkpoint, commit, log_from, trim,
    trimming, try_commit, try_log, try_log_from, value,
};
use crate::{Case, Effort, Rng};

pub(super) fn cases() -> Vec<Case<dyn StorageFixture>> {
    crate::cases![dyn StorageFixture;
        a_trimmed_log_keeps_its_positions covers ["trim-forgets-the-front", "append-at-expected"],
        a_trim_loses_no_record_that_stays covers ["trim-forgets-the-front"],
        a_trim_of_everything_keeps_the_length covers
            ["trim-forgets-the-front", "append-at-expected"],
        a_trim_to_what_is_trimmed_does_nothing covers ["trim-forgets-the-front"],
        a_trim_beyond_the_length_is_a_conflict covers
            ["trim-forgets-the-front", "preconditions-come-first"],
        a_trim_sees_the_appends_before_it covers ["trim-forgets-the-front", "group-order-holds"],
        a_failed_group_trims_nothing covers ["preconditions-come-first"],
        a_trimmed_position_is_named covers ["trimmed-is-said"],
        a_trimmed_log_is_there_after_reopening covers ["trim-forgets-the-front", "ok-is-durable"],
        a_stale_opener_sees_the_trimmed_log covers ["trim-forgets-the-front", "trimmed-is-said"],
        a_stale_opener_cannot_append_to_a_trimmed_log covers ["append-at-expected"],
        a_trim_leaves_other_agents_alone covers ["trim-forgets-the-front"],
        trims_and_appends_in_any_order_keep_the_rest covers
            ["trim-forgets-the-front", "trimmed-is-said", "append-at-expected"],
    ]
}

/// The number of a record as its content, of a size that differs.
fn record(number: u64) -> Vec<u8> {
    format!("{number}:{}", "x".repeat(usize::try_from(number * 37 % 700).unwrap())).into_bytes()
}

fn records(from: u64, to: u64) -> Vec<Vec<u8>> {
    (from..to).map(record).collect()
}

/// Appends the records `from..to`.
fn fill(store: &dyn igor_core::Storage, from: u64, to: u64) {
    commit(store, Group::new(agent("a")).append(Seq(from), records(from, to)));
}

fn a_trimmed_log_keeps_its_positions(fixture: &dyn StorageFixture) {
    let opened = fixture.open();
    let store = &*opened.storage;
    assert_eq!(bounds(store, "a"), (0, 0));
    fill(store, 0, 3);
    fill(store, 3, 6);
    trim(store, "a", 4);
    assert_eq!(bounds(store, "a"), (4, 6));
    assert_eq!(log_from(store, "a", 5, usize::MAX), records(5, 6));
    for at in [0, 2, 4, 5, 7] {
        assert_conflict(&try_commit(store, appending("a", at, &[b"x"])));
    }
    fill(store, 6, 8);
    assert_eq!(bounds(store, "a"), (4, 8));
    assert_eq!(log_from(store, "a", 4, usize::MAX), records(4, 8));
}

fn a_trim_loses_no_record_that_stays(fixture: &dyn StorageFixture) {
    let opened = fixture.open();
    let store = &*opened.storage;
    let mut end = 0;
    for count in [1, 2, 3, 5, 8, 13, 8] {
        fill(store, end, end + count);
        end += count;
    }
    for before in 1..=end {
        trim(store, "a", before);
        assert_eq!(bounds(store, "a"), (before, end));
        for from in before..=end {
            let found = log_from(store, "a", from, usize::MAX);
            assert!(found == records(from, end), "from {from}, trimmed to {before}");
        }
    }
}

fn a_trim_of_everything_keeps_the_length(fixture: &dyn StorageFixture) {
    let opened = fixture.open();
    let store = &*opened.storage;
    fill(store, 0, 5);
    trim(store, "a", 5);
    assert_eq!(bounds(store, "a"), (5, 5));
    assert!(log_from(store, "a", 5, usize::MAX).is_empty());
    assert_conflict(&try_commit(store, appending("a", 0, &[b"x"])));
    fill(store, 5, 7);
    assert_eq!(log_from(store, "a", 5, usize::MAX), records(5, 7));
}

fn a_trim_to_what_is_trimmed_does_nothing(fixture: &dyn StorageFixture) {
    let opened = fixture.open();
    let store = &*opened.storage;
    trim(store, "a", 0);
    assert_eq!(bounds(store, "a"), (0, 0));
    fill(store, 0, 5);
    trim(store, "a", 3);
    for before in [3, 2, 0] {
        trim(store, "a", before);
        assert_eq!(bounds(store, "a"), (3, 5));
        assert_eq!(log_from(store, "a", 3, usize::MAX), records(3, 5));
    }
}

fn a_trim_beyond_the_length_is_a_conflict(fixture: &dyn StorageFixture) {
    let opened = fixture.open();
    let store = &*opened.storage;
    assert_conflict(&try_commit(store, trimming("a", 1)));
    fill(store, 0, 3);
    for before in [4, 5, u64::MAX] {
        assert_conflict(&try_commit(store, trimming("a", before)));
    }
    // The append comes too late for the trim.
    let group = trimming("a", 4).append(Seq(3), records(3, 4));
    assert_conflict(&try_commit(store, group));
    assert_eq!(bounds(store, "a"), (0, 3));
    assert_eq!(log_from(store, "a", 0, usize::MAX), records(0, 3));
}

fn a_trim_sees_the_appends_before_it(fixture: &dyn StorageFixture) {
    let opened = fixture.open();
    let store = &*opened.storage;
    fill(store, 0, 3);
    let group = Group::new(agent("a"))
        .append(Seq(3), records(3, 6))
        .trim(Seq(4))
        .append(Seq(6), records(6, 7))
        .put(checkpoint("a"), b"value".to_vec(), Precondition::Absent)
        .append(Seq(7), records(7, 9));
    commit(store, group);
    assert_eq!(bounds(store, "a"), (4, 9));
    assert_eq!(log_from(store, "a", 4, usize::MAX), records(4, 9));
    assert_eq!(value(store, &checkpoint("a")).as_deref(), Some(&b"value"[..]));
    let group = Group::new(agent("a"))
        .trim(Seq(5))
        .append(Seq(9), records(9, 10))
        .append(Seq(10), records(10, 12))
        .trim(Seq(11))
        .trim(Seq(6));
    commit(store, group);
    assert_eq!(bounds(store, "a"), (11, 12));
    assert_eq!(log_from(store, "a", 11, usize::MAX), records(11, 12));
    commit(store, Group::new(agent("a")).append(Seq(12), records(12, 14)).trim(Seq(14)));
    assert_eq!(bounds(store, "a"), (14, 14));
}

fn a_failed_group_trims_nothing(fixture: &dyn StorageFixture) {
    let opened = fixture.open();
    let store = &*opened.storage;
    fill(store, 0, 4);
    super::support::put(store, "a", &checkpoint("a"), b"value");
    let group = trimming("a", 2).put(checkpoint("a"), b"other".to_vec(), Precondition::Absent);
    assert_conflict(&try_commit(store, group));
    let group = trimming("a", 2).append(Seq(3), records(3, 4));
    assert_conflict(&try_commit(store, group));
    assert_eq!(bounds(store, "a"), (0, 4));
    assert_eq!(log_from(store, "a", 0, usize::MAX), records(0, 4));
}

fn a_trimmed_position_is_named(fixture: &dyn StorageFixture) {
    let opened = fixture.open();
    let store = &*opened.storage;
    fill(store, 0, 6);
    for (before, end) in [(2, 6), (6, 6)] {
        trim(store, "a", before);
        for asked in 0..before {
            match try_log_from(store, "a", asked) {
                Err(StorageError::Trimmed { object, from, first }) => {
                    assert!(object.contains('a'), "{object:?} does not name the log");
                    assert_eq!((from, first), (Seq(asked), Seq(before)));
                }
                other => panic!("from {asked}, trimmed to {before}: {other:?}"),
            }
        }
        assert_eq!(bounds(store, "a"), (before, end));
    }
}

fn a_trimmed_log_is_there_after_reopening(fixture: &dyn StorageFixture) {
    let mut opened = fixture.open();
    fill(&*opened.storage, 0, 9);
    for before in [3, 4, 9] {
        trim(&*opened.storage, "a", before);
        opened = fixture.reopen(opened);
        assert_eq!(bounds(&*opened.storage, "a"), (before, 9));
        assert_eq!(log_from(&*opened.storage, "a", before, usize::MAX), records(before, 9));
    }
    fill(&*opened.storage, 9, 11);
    let opened = fixture.reopen(opened);
    assert_eq!(bounds(&*opened.storage, "a"), (9, 11));
    assert_eq!(log_from(&*opened.storage, "a", 9, usize::MAX), records(9, 11));
}

/// Whoever read a log before another one trimmed it reads what stays, and is told about the rest.
fn a_stale_opener_sees_the_trimmed_log(fixture: &dyn StorageFixture) {
    let (one, other) = (fixture.open(), fixture.open());
    let mut end = 0;
    for round in 0..12 {
        let (writer, reader) = if round % 2 == 0 { (&one, &other) } else { (&other, &one) };
        fill(&*writer.storage, end, end + 4);
        end += 4;
        assert_eq!(bounds(&*reader.storage, "a").1, end);
        let before = end - round % 5;
        trim(&*writer.storage, "a", before);
        let found = log_from(&*reader.storage, "a", before, usize::MAX);
        assert!(found == records(before, end), "round {round}");
        let result = try_log_from(&*reader.storage, "a", before - 1);
        assert!(matches!(result, Err(StorageError::Trimmed { .. })), "round {round}: {result:?}");
        assert_eq!(bounds(&*reader.storage, "a"), (before, end));
    }
}

/// A paused owner wakes up after its successor has trimmed the log.
fn a_stale_opener_cannot_append_to_a_trimmed_log(fixture: &dyn StorageFixture) {
    let (old, new) = (fixture.open(), fixture.open());
    fill(&*old.storage, 0, 5);
    fill(&*new.storage, 5, 6);
    trim(&*new.storage, "a", 6);
    assert_conflict(&try_commit(&*old.storage, appending("a", 5, &[b"late"])));
    assert_conflict(&try_commit(&*old.storage, appending("a", 0, &[b"late"])));
    fill(&*old.storage, 6, 7);
    assert_eq!(log_from(&*new.storage, "a", 6, usize::MAX), records(6, 7));
}

fn a_trim_leaves_other_agents_alone(fixture: &dyn StorageFixture) {
    let opened = fixture.open();
    let store = &*opened.storage;
    append(store, "b", 0, &[b"of b"]);
    fill(store, 0, 3);
    trim(store, "a", 3);
    assert_eq!((bounds(store, "a"), bounds(store, "b")), ((3, 3), (0, 1)));
    assert_eq!(try_log(store, "b").unwrap(), [b"of b"]);
}

fn trims_and_appends_in_any_order_keep_the_rest(fixture: &dyn StorageFixture) {
    let mut rng = Rng::for_case("trims_and_appends_in_any_order_keep_the_rest");
    let openers = [fixture.open(), fixture.open()];
    let (mut first, mut end) = (0, 0);
    for round in 0..Effort::current().rounds(60) {
        let mut group = Group::new(agent("a"));
        for _ in 0..=rng.below(2) {
            if rng.below(3) == 0 {
                let before = rng.below(end + 1);
                group = group.trim(Seq(before));
                first = first.max(before);
            } else {
                let count = rng.below(4);
                group = group.append(Seq(end), records(end, end + count));
                end += count;
            }
        }
        let [one, other] = &openers;
        let writer = if rng.below(2) == 0 { one } else { other };
        commit(&*writer.storage, group);
        for opened in &openers {
            assert_eq!(bounds(&*opened.storage, "a"), (first, end), "round {round}");
            let from = first + (end - first) / 2;
            for from in [first, from] {
                let found = log_from(&*opened.storage, "a", from, usize::MAX);
                assert!(found == records(from, end), "round {round}, from {from}");
            }
        }
    }
}
