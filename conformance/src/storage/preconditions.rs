//! Cases about preconditions: each kind against each state, and that a failed one spoils all of its
//! group and nothing else.

use igor_core::storage::{Group, Key, Operation, Precondition, Version};

use super::StorageFixture;
use super::support::{
    agent, append, assert_conflict, checkpoint, commit, delete, every_kind, log, put, try_commit,
    value, with,
};
use crate::Case;

pub(super) fn cases() -> Vec<Case<dyn StorageFixture>> {
    crate::cases![dyn StorageFixture;
        a_put_follows_its_precondition covers ["absent-means-absent"],
        a_delete_follows_its_precondition covers ["absent-means-absent"],
        a_large_put_follows_its_precondition covers ["absent-means-absent", "preconditions-come-first"],
        a_put_needs_the_version_of_the_value covers ["absent-means-absent"],
        a_deleted_value_matches_no_version covers ["absent-means-absent"],
        a_failed_precondition_spoils_its_whole_group covers
            ["preconditions-come-first", "clean-failures-do-not-poison"],
        preconditions_look_at_the_state_before_the_group covers ["preconditions-come-first"],
        a_conflict_leaves_the_store_usable covers ["clean-failures-do-not-poison"],
    ]
}

/// What is under a key before the commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Before {
    Absent,
    Present,
    /// There, but replaced since its version was taken.
    Replaced,
}

/// A precondition as a writer comes by it.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Always,
    Absent,
    Matches,
}

/// Every precondition in every state, and whether it holds.
const MATRIX: [(Before, Kind, bool); 9] = [
    (Before::Absent, Kind::Always, true),
    (Before::Absent, Kind::Absent, true),
    (Before::Absent, Kind::Matches, false),
    (Before::Present, Kind::Always, true),
    (Before::Present, Kind::Absent, false),
    (Before::Present, Kind::Matches, true),
    (Before::Replaced, Kind::Always, true),
    (Before::Replaced, Kind::Absent, false),
    (Before::Replaced, Kind::Matches, false),
];

/// Brings `key` into the state `before`; gives the precondition of that kind and the value.
fn prepare(
    fixture: &super::Opened,
    key: &Key,
    before: Before,
    kind: Kind,
) -> (Precondition, Option<&'static [u8]>) {
    let store = &*fixture.storage;
    let version = put(store, "a", key, b"first");
    let now: Option<&[u8]> = match before {
        Before::Absent => {
            delete(store, "a", key);
            None
        }
        Before::Present => Some(b"first"),
        Before::Replaced => {
            put(store, "a", key, b"second");
            Some(b"second")
        }
    };
    let precondition = match kind {
        Kind::Always => Precondition::Always,
        Kind::Absent => Precondition::Absent,
        Kind::Matches => Precondition::Matches(version),
    };
    (precondition, now)
}

fn a_put_follows_its_precondition(fixture: &dyn StorageFixture) {
    let opened = fixture.open();
    let store = &*opened.storage;
    for key in every_kind("a") {
        for (before, kind, holds) in MATRIX {
            let (precondition, now) = prepare(&opened, &key, before, kind);
            let group = Group::new(agent("a")).put(key.clone(), b"new".to_vec(), precondition);
            let result = try_commit(store, group);
            let expected = if holds { Some(&b"new"[..]) } else { now };
            assert_eq!(result.is_ok(), holds, "{key}, {before:?}, {kind:?}: {result:?}");
            assert_eq!(value(store, &key).as_deref(), expected, "{key}, {before:?}, {kind:?}");
            if !holds {
                assert_conflict(&result);
            }
        }
    }
}

fn a_delete_follows_its_precondition(fixture: &dyn StorageFixture) {
    let opened = fixture.open();
    let store = &*opened.storage;
    for key in every_kind("a") {
        for (before, kind, holds) in MATRIX {
            let (precondition, now) = prepare(&opened, &key, before, kind);
            let result =
                try_commit(store, Group::new(agent("a")).delete(key.clone(), precondition));
            let expected = if holds { None } else { now };
            assert_eq!(result.is_ok(), holds, "{key}, {before:?}, {kind:?}: {result:?}");
            assert_eq!(value(store, &key).as_deref(), expected, "{key}, {before:?}, {kind:?}");
            if !holds {
                assert_conflict(&result);
            }
        }
    }
}

/// As large as values get that a store may treat in another way than small ones.
fn a_large_put_follows_its_precondition(fixture: &dyn StorageFixture) {
    let opened = fixture.open();
    let store = &*opened.storage;
    let size = usize::try_from(store.value_bytes_max().min(1 << 19)).expect("it fits in memory");
    let (old, new) = (vec![1; size], vec![2; size]);
    let key = checkpoint("a");
    let with_record = |precondition| {
        Group::new(agent("a"))
            .put(Key::Record(agent("a")), b"record".to_vec(), Precondition::Always)
            .put(key.clone(), new.clone(), precondition)
    };
    let stale = put(store, "a", &key, b"first");
    assert_conflict(&try_commit(store, with_record(Precondition::Absent)));
    let current = put(store, "a", &key, &old);
    assert_conflict(&try_commit(store, with_record(Precondition::Matches(stale.clone()))));
    assert!(value(store, &key) == Some(old), "a failed precondition has changed the value");
    delete(store, "a", &key);
    assert_conflict(&try_commit(store, with_record(Precondition::Matches(current))));
    assert_eq!(value(store, &Key::Record(agent("a"))), None);
    let current = put(store, "a", &key, b"small now");
    let versions = commit(store, with_record(Precondition::Matches(current))).versions;
    assert!(value(store, &key) == Some(new.clone()), "the new value was not read");
    assert_conflict(&try_commit(store, with_record(Precondition::Matches(stale))));
    commit(store, with_record(Precondition::Matches(versions[1].clone())));
}

fn a_put_needs_the_version_of_the_value(fixture: &dyn StorageFixture) {
    let opened = fixture.open();
    let store = &*opened.storage;
    let key = checkpoint("a");
    let first = put(store, "a", &key, b"first");
    let other = put(store, "a", &Key::Record(agent("a")), b"other");
    for version in [other, Version::new(b""), Version::new(&[0; 32]), Version::new(b"first")] {
        let precondition = Precondition::Matches(version);
        let group = Group::new(agent("a")).put(key.clone(), b"new".to_vec(), precondition);
        assert_conflict(&try_commit(store, group));
    }
    let precondition = Precondition::Matches(first);
    commit(store, Group::new(agent("a")).put(key.clone(), b"new".to_vec(), precondition));
    assert_eq!(value(store, &key).as_deref(), Some(&b"new"[..]));
}

fn a_deleted_value_matches_no_version(fixture: &dyn StorageFixture) {
    let opened = fixture.open();
    let store = &*opened.storage;
    let key = checkpoint("a");
    let version = put(store, "a", &key, b"value");
    delete(store, "a", &key);
    let precondition = Precondition::Matches(version);
    let group = Group::new(agent("a")).put(key.clone(), b"new".to_vec(), precondition);
    assert_conflict(&try_commit(store, group));
    assert_eq!(value(store, &key), None);
}

/// The operation that fails stands at each place of the group in turn.
fn a_failed_precondition_spoils_its_whole_group(fixture: &dyn StorageFixture) {
    let opened = fixture.open();
    let store = &*opened.storage;
    put(store, "a", &checkpoint("a"), b"old");
    put(store, "a", &Key::Identity(agent("a")), b"key");
    append(store, "a", 0, &[b"zero"]);
    let stale = put(store, "a", &Key::Receipts(agent("a")), b"receipts");
    put(store, "a", &Key::Receipts(agent("a")), b"other receipts");
    let put_op =
        |key: Key, precondition| Operation::Put { key, bytes: b"new".to_vec(), precondition };
    let good = [
        put_op(Key::Record(agent("a")), Precondition::Absent),
        put_op(checkpoint("a"), Precondition::Always),
        Operation::Delete { key: Key::Identity(agent("a")), precondition: Precondition::Always },
        Operation::Append { at: igor_core::format::Seq(1), records: vec![b"one".to_vec()] },
    ];
    let bad = [
        put_op(checkpoint("a"), Precondition::Absent),
        put_op(Key::Receipts(agent("a")), Precondition::Matches(stale.clone())),
        Operation::Delete { key: checkpoint("a"), precondition: Precondition::Absent },
        Operation::Delete {
            key: Key::Receipts(agent("a")),
            precondition: Precondition::Matches(stale),
        },
    ];
    let wrong_append =
        |at| Operation::Append { at: igor_core::format::Seq(at), records: vec![b"x".to_vec()] };
    for place in 0..=good.len() {
        for bad in bad.iter().cloned().chain([wrong_append(0), wrong_append(5)]) {
            let mut operations = good.to_vec();
            operations.insert(place, bad);
            let group = operations.into_iter().fold(Group::new(agent("a")), with);
            assert_conflict(&try_commit(store, group));
            assert_eq!(value(store, &Key::Record(agent("a"))), None);
            assert_eq!(value(store, &checkpoint("a")).as_deref(), Some(&b"old"[..]));
            assert_eq!(value(store, &Key::Identity(agent("a"))).as_deref(), Some(&b"key"[..]));
            assert_eq!(log(store, "a"), [b"zero"]);
        }
    }
    commit(store, good.into_iter().fold(Group::new(agent("a")), with));
    assert_eq!(log(store, "a").len(), 2, "the good operations alone are applied");
}

fn preconditions_look_at_the_state_before_the_group(fixture: &dyn StorageFixture) {
    let opened = fixture.open();
    let store = &*opened.storage;
    let key = checkpoint("a");
    let group = Group::new(agent("a"))
        .put(key.clone(), b"first".to_vec(), Precondition::Absent)
        .put(key.clone(), b"second".to_vec(), Precondition::Absent);
    let versions = commit(store, group).versions;
    assert_eq!(value(store, &key).as_deref(), Some(&b"second"[..]));
    let group = Group::new(agent("a"))
        .delete(key.clone(), Precondition::Matches(versions[1].clone()))
        .put(key.clone(), b"third".to_vec(), Precondition::Matches(versions[1].clone()));
    commit(store, group);
    assert_eq!(value(store, &key).as_deref(), Some(&b"third"[..]));
}

fn a_conflict_leaves_the_store_usable(fixture: &dyn StorageFixture) {
    let opened = fixture.open();
    let store = &*opened.storage;
    put(store, "a", &checkpoint("a"), b"old");
    for round in 0..3 {
        let group =
            Group::new(agent("a")).put(checkpoint("a"), b"new".to_vec(), Precondition::Absent);
        assert_conflict(&try_commit(store, group));
        assert_eq!(value(store, &checkpoint("a")).as_deref(), Some(&b"old"[..]));
        append(store, "a", round, &[b"record"]);
    }
}
