//! Cases about listing: complete, ordered, and cut into pages that fit together.

use std::collections::BTreeSet;
use std::thread;

use igor_core::storage::{Key, Scope};

use super::StorageFixture;
use super::support::{
    agent, all, checkpoint, commit_all, delete, every_kind, every_scope, history, list, put,
    putting,
};
use crate::Case;

pub(super) fn cases() -> Vec<Case<dyn StorageFixture>> {
    crate::cases![dyn StorageFixture;
        an_empty_scope_lists_nothing covers ["list-is-ordered-and-paged"],
        checkpoints_are_listed_by_agent covers ["list-is-ordered-and-paged"],
        history_is_listed_by_tick_and_number covers ["list-is-ordered-and-paged"],
        fund_records_are_listed_by_id covers ["list-is-ordered-and-paged"],
        certificates_are_listed_by_epoch covers ["list-is-ordered-and-paged"],
        custodies_are_listed_by_agent covers ["list-is-ordered-and-paged"],
        a_scope_lists_only_its_own_keys covers ["list-is-ordered-and-paged"],
        pages_add_up_to_the_whole covers ["list-is-ordered-and-paged"],
        a_page_may_start_after_an_absent_key covers ["list-is-ordered-and-paged"],
        a_deleted_key_is_not_listed covers ["list-is-ordered-and-paged"],
        pages_beside_a_writer_miss_nothing_that_stays covers ["list-is-ordered-and-paged"],
    ]
}

fn an_empty_scope_lists_nothing(fixture: &dyn StorageFixture) {
    let opened = fixture.open();
    for scope in every_scope(&agent("a")) {
        assert_eq!(all(&*opened.storage, &scope), []);
    }
}

fn checkpoints_are_listed_by_agent(fixture: &dyn StorageFixture) {
    let opened = fixture.open();
    let store = &*opened.storage;
    let names = ["b", "a", "a.checkpoint", "a b", "B", "ä", "a_1", "a-1", "a1", "b.b"];
    for name in names {
        put(store, name, &checkpoint(name), b"value");
    }
    let expected: BTreeSet<_> = names.map(checkpoint).into();
    assert_eq!(all(store, &Scope::Checkpoints), Vec::from_iter(expected));
}

/// Keys of a history in order: not that of their digits, nor that of their writing.
fn a_history(name: &str) -> Vec<Key> {
    let ticks = [0, 1, 2, 9, 10, 99, 1_000, 9_999_999_999, 10_000_000_000, u64::MAX];
    let keys = ticks.iter().flat_map(|tick| {
        [0, 1, 2, 10, 999, 1_000, u32::MAX].map(|copy| history(name, *tick, copy))
    });
    keys.collect()
}

fn history_is_listed_by_tick_and_number(fixture: &dyn StorageFixture) {
    let opened = fixture.open();
    let store = &*opened.storage;
    let expected = a_history("a");
    for key in expected.iter().rev() {
        put(store, "a", key, b"value");
    }
    assert_eq!(all(store, &Scope::History(agent("a"))), expected);
}

fn fund_records_are_listed_by_id(fixture: &dyn StorageFixture) {
    let opened = fixture.open();
    let store = &*opened.storage;
    let ids = [0_u128, 1, 0x0f, 0x10, 0xff, 1 << 64, u128::MAX - 1, u128::MAX];
    let expected = ids.map(|id| Key::Fund(agent("a"), id.to_be_bytes()));
    for key in expected.iter().rev() {
        put(store, "a", key, b"value");
    }
    assert_eq!(all(store, &Scope::Funds(agent("a"))), expected);
}

fn certificates_are_listed_by_epoch(fixture: &dyn StorageFixture) {
    let opened = fixture.open();
    let store = &*opened.storage;
    let epochs = [1, 2, 9, 10, 9_999_999_999, 10_000_000_000, u64::MAX];
    let expected = epochs.map(|epoch| Key::Certificate(agent("a"), epoch));
    for key in expected.iter().rev() {
        put(store, "a", key, b"value");
    }
    assert_eq!(all(store, &Scope::Certificates(agent("a"))), expected);
    assert_eq!(all(store, &Scope::Certificates(agent("b"))), []);
}

/// What was decided about an agent outlives it: it is listed where there is no checkpoint.
fn custodies_are_listed_by_agent(fixture: &dyn StorageFixture) {
    let opened = fixture.open();
    let store = &*opened.storage;
    let names = ["b", "a", "a.checkpoint", "a b", "B", "ä", "a_1", "a-1", "a1", "b.b"];
    for name in names {
        put(store, name, &Key::Custody(agent(name)), b"value");
    }
    put(store, "c", &checkpoint("c"), b"value");
    let expected: BTreeSet<_> = names.map(|name| Key::Custody(agent(name))).into();
    assert_eq!(all(store, &Scope::Custodies), Vec::from_iter(expected));
    assert_eq!(all(store, &Scope::Checkpoints), [checkpoint("c")]);
}

fn a_scope_lists_only_its_own_keys(fixture: &dyn StorageFixture) {
    let opened = fixture.open();
    let store = &*opened.storage;
    for name in ["a", "a2"] {
        for key in every_kind(name) {
            put(store, name, &key, b"value");
        }
        super::support::append(store, name, 0, &[b"record"]);
    }
    assert_eq!(all(store, &Scope::Checkpoints), ["a", "a2"].map(checkpoint));
    let custodies = ["a", "a2"].map(|name| Key::Custody(agent(name)));
    assert_eq!(all(store, &Scope::Custodies), custodies);
    for name in ["a", "a2"] {
        for scope in every_scope(&agent(name)) {
            if matches!(scope, Scope::Checkpoints | Scope::Custodies) {
                continue;
            }
            let expected = every_kind(name).into_iter().filter(|key| scope.contains(key));
            assert_eq!(all(store, &scope), Vec::from_iter(expected), "{scope:?}");
        }
    }
}

fn pages_add_up_to_the_whole(fixture: &dyn StorageFixture) {
    let opened = fixture.open();
    let store = &*opened.storage;
    let scope = Scope::History(agent("a"));
    let expected = a_history("a");
    for key in &expected {
        put(store, "a", key, b"value");
    }
    assert_eq!(list(store, &scope, None, 0), []);
    for limit in [1, 2, 3, expected.len() - 1, expected.len(), expected.len() + 1, usize::MAX] {
        let mut found: Vec<Key> = Vec::new();
        loop {
            let page = list(store, &scope, found.last(), limit);
            assert!(page.len() <= limit, "{} keys where {limit} were asked for", page.len());
            if page.is_empty() {
                break;
            }
            found.extend(page);
        }
        assert_eq!(found, expected, "in pages of {limit}");
    }
}

fn a_page_may_start_after_an_absent_key(fixture: &dyn StorageFixture) {
    let opened = fixture.open();
    let store = &*opened.storage;
    for tick in [10, 20, 30] {
        put(store, "a", &history("a", tick, 0), b"value");
    }
    let scope = Scope::History(agent("a"));
    for (after, expected) in [(5, 3), (10, 2), (15, 2), (20, 1), (30, 0), (u64::MAX, 0)] {
        let page = list(store, &scope, Some(&history("a", after, 0)), usize::MAX);
        assert_eq!(page.len(), expected, "after tick {after}");
    }
    let after_a_copy = list(store, &scope, Some(&history("a", 10, 5)), usize::MAX);
    assert_eq!(after_a_copy, [20, 30].map(|tick| history("a", tick, 0)));
}

fn a_deleted_key_is_not_listed(fixture: &dyn StorageFixture) {
    let opened = fixture.open();
    let store = &*opened.storage;
    for key in a_history("a") {
        put(store, "a", &key, b"value");
    }
    let mut expected = a_history("a");
    while let Some(key) = expected.pop() {
        delete(store, "a", &key);
        if expected.len().is_multiple_of(16) {
            assert_eq!(all(store, &Scope::History(agent("a"))), expected);
        }
    }
}

/// Whatever is there all the time must be on exactly one page, while other keys come and go.
fn pages_beside_a_writer_miss_nothing_that_stays(fixture: &dyn StorageFixture) {
    let opened = fixture.open();
    let store = &*opened.storage;
    let staying: Vec<_> = (0..20).map(|tick| history("a", tick * 2, 0)).collect();
    let groups = staying.iter().map(|key| putting("a", key, b"value"));
    groups.for_each(|group| {
        commit_all(store, vec![group]).into_iter().for_each(|r| drop(r.unwrap()))
    });
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for round in 0..4 {
                for tick in (1..40).step_by(2) {
                    let key = history("a", tick, round);
                    put(store, "a", &key, b"value");
                    delete(store, "a", &key);
                }
            }
        });
        loop {
            let done = writer.is_finished();
            let mut found: Vec<Key> = Vec::new();
            loop {
                let page = list(store, &Scope::History(agent("a")), found.last(), 3);
                if page.is_empty() {
                    break;
                }
                found.extend(page);
            }
            assert!(found.is_sorted_by(|a, b| a < b), "not in order: {found:?}");
            let missed = staying.iter().find(|key| !found.contains(key));
            assert_eq!(missed, None, "was there all the time");
            if done {
                break;
            }
        }
    });
}
