//! Cases about single values: what was put is what is read, whatever the key and the bytes.

use igor_core::format::Hash;
use igor_core::storage::{Key, Precondition, StorageError};

use super::StorageFixture;
use super::support::{
    agent, append, checkpoint, delete, every_kind, history, log, put, putting, stored, try_commit,
    value, version,
};
use crate::Case;

pub(super) fn cases() -> Vec<Case<dyn StorageFixture>> {
    crate::cases![dyn StorageFixture;
        an_absent_key_is_none covers ["get-returns-last-put"],
        every_kind_of_key_reads_back covers ["get-returns-last-put"],
        a_later_put_replaces_a_value covers ["get-returns-last-put"],
        a_version_changes_with_the_value covers ["get-returns-last-put"],
        a_put_gives_the_version_that_get_gives covers ["get-returns-last-put"],
        a_deleted_value_is_absent covers ["get-returns-last-put"],
        deleting_an_absent_value_succeeds covers ["get-returns-last-put"],
        any_bytes_read_back covers ["get-returns-last-put"],
        an_empty_value_is_not_an_absent_one covers ["get-returns-last-put"],
        a_value_at_the_limit_reads_back covers ["get-returns-last-put"],
        a_value_above_the_limit_is_refused covers ["clean-failures-do-not-poison"],
        similar_keys_are_different_keys covers ["get-returns-last-put"],
        content_by_hash_is_shared_by_agents covers ["get-returns-last-put"],
    ]
}

fn an_absent_key_is_none(fixture: &dyn StorageFixture) {
    let opened = fixture.open();
    for key in every_kind("a") {
        assert_eq!(value(&*opened.storage, &key), None, "{key}");
    }
    assert_eq!(log(&*opened.storage, "a"), [[0; 0]; 0]);
}

fn every_kind_of_key_reads_back(fixture: &dyn StorageFixture) {
    let opened = fixture.open();
    let store = &*opened.storage;
    for key in every_kind("a") {
        put(store, "a", &key, key.to_string().as_bytes());
    }
    for key in every_kind("a") {
        assert_eq!(value(store, &key), Some(key.to_string().into_bytes()), "{key}");
    }
}

fn a_later_put_replaces_a_value(fixture: &dyn StorageFixture) {
    let opened = fixture.open();
    let store = &*opened.storage;
    for key in every_kind("a") {
        for bytes in [&b"a long first value"[..], b"short", b"", b"the last of four values"] {
            put(store, "a", &key, bytes);
            assert_eq!(value(store, &key).as_deref(), Some(bytes), "{key}");
        }
    }
}

fn a_version_changes_with_the_value(fixture: &dyn StorageFixture) {
    let opened = fixture.open();
    let store = &*opened.storage;
    for key in every_kind("a") {
        let mut versions = Vec::new();
        // The last two differ in nothing but one byte, and were written within one moment.
        for bytes in [&b""[..], b"1", b"12", b"13"] {
            put(store, "a", &key, bytes);
            versions.push(version(store, &key));
        }
        let unique: std::collections::HashSet<_> = versions.iter().collect();
        assert_eq!(unique.len(), versions.len(), "{key}: a version stands for two values");
    }
}

fn a_put_gives_the_version_that_get_gives(fixture: &dyn StorageFixture) {
    let opened = fixture.open();
    let store = &*opened.storage;
    for key in every_kind("a") {
        let version = put(store, "a", &key, b"value");
        let found = stored(store, &key).expect("it was just put");
        assert_eq!(found.version, version, "{key}");
        assert_eq!(stored(store, &key).expect("it is there").version, version, "{key}, again");
    }
}

fn a_deleted_value_is_absent(fixture: &dyn StorageFixture) {
    let opened = fixture.open();
    let store = &*opened.storage;
    for key in every_kind("a") {
        put(store, "a", &key, b"value");
    }
    for key in every_kind("a") {
        delete(store, "a", &key);
        assert_eq!(value(store, &key), None, "{key}");
        put(store, "a", &key, b"again");
        assert_eq!(value(store, &key).as_deref(), Some(&b"again"[..]), "{key}");
    }
}

fn deleting_an_absent_value_succeeds(fixture: &dyn StorageFixture) {
    let opened = fixture.open();
    for key in every_kind("a") {
        delete(&*opened.storage, "a", &key);
        delete(&*opened.storage, "a", &key);
    }
}

fn any_bytes_read_back(fixture: &dyn StorageFixture) {
    let opened = fixture.open();
    let store = &*opened.storage;
    let all: Vec<u8> = (0..=255).cycle().take(70_000).collect();
    let zeros = vec![0; 5_000];
    for bytes in [&all[..], &zeros, &[0xff; 512], b"\n", b"x"] {
        put(store, "a", &checkpoint("a"), bytes);
        assert_eq!(value(store, &checkpoint("a")).as_deref(), Some(bytes));
    }
}

fn an_empty_value_is_not_an_absent_one(fixture: &dyn StorageFixture) {
    let opened = fixture.open();
    let store = &*opened.storage;
    for key in every_kind("a") {
        put(store, "a", &key, b"");
        assert_eq!(value(store, &key), Some(Vec::new()), "{key}");
    }
}

/// The largest value that `store` takes.
fn largest(fixture: &dyn StorageFixture) -> usize {
    usize::try_from(fixture.open().storage.value_bytes_max()).expect("it fits in memory")
}

fn a_value_at_the_limit_reads_back(fixture: &dyn StorageFixture) {
    let opened = fixture.open();
    let store = &*opened.storage;
    let mut bytes = vec![7; largest(fixture)];
    *bytes.last_mut().expect("a store takes more than nothing") = 8;
    put(store, "a", &checkpoint("a"), &bytes);
    assert!(value(store, &checkpoint("a")) == Some(bytes), "another value was read");
}

fn a_value_above_the_limit_is_refused(fixture: &dyn StorageFixture) {
    let opened = fixture.open();
    let store = &*opened.storage;
    put(store, "a", &checkpoint("a"), b"old");
    let bytes = vec![7; largest(fixture) + 1];
    let group = putting("a", &Key::Record(agent("a")), b"before");
    let group = group.put(checkpoint("a"), bytes, Precondition::Always);
    let result = try_commit(store, group);
    let expected = store.value_bytes_max();
    assert!(
        matches!(result, Err(StorageError::TooLarge { bytes, max, .. })
            if max == expected && bytes == expected + 1),
        "not too large: {result:?}"
    );
    assert_eq!(value(store, &checkpoint("a")).as_deref(), Some(&b"old"[..]));
    assert_eq!(value(store, &Key::Record(agent("a"))), None);
    put(store, "a", &checkpoint("a"), b"new");
}

/// Keys whose names a store may be tempted to confuse.
fn similar_keys() -> Vec<(String, Key)> {
    let long = "n".repeat(200);
    let other = format!("{}m", "n".repeat(199));
    let names = [
        "a",
        "A",
        "a.checkpoint",
        "a.identity",
        "a_001",
        "a b",
        "a%2Fb",
        "history",
        "igor",
        "temp-0",
        "journal",
        "record",
        "con",
        "größe",
        "gro\u{308}ße",
        "агент",
        "0000000007",
        "~",
        "$HOME",
        "*",
        &long,
        &other,
    ];
    let mut keys = Vec::new();
    for name in names {
        keys.push((name.to_owned(), checkpoint(name)));
        keys.push((name.to_owned(), Key::Record(agent(name))));
        keys.push((name.to_owned(), Key::Custody(agent(name))));
        keys.push((name.to_owned(), Key::Certificate(agent(name), 1)));
        for (tick, copy) in [(0, 0), (0, 1), (1, 0), (1, 1), (10, 0), (u64::MAX, 0), (1, 1_000)] {
            keys.push((name.to_owned(), history(name, tick, copy)));
        }
        for id in [[0; 16], [0xff; 16]] {
            keys.push((name.to_owned(), Key::Fund(agent(name), id)));
        }
    }
    keys
}

fn similar_keys_are_different_keys(fixture: &dyn StorageFixture) {
    let opened = fixture.open();
    let store = &*opened.storage;
    let keys = similar_keys();
    for (number, (name, key)) in keys.iter().enumerate() {
        put(store, name, key, number.to_string().as_bytes());
        append(store, name, log(store, name).len().try_into().unwrap(), &[name.as_bytes()]);
    }
    for (number, (name, key)) in keys.iter().enumerate() {
        assert_eq!(value(store, key), Some(number.to_string().into_bytes()), "{key}");
        let records = log(store, name);
        assert!(records.iter().all(|record| record == name.as_bytes()), "log of {name}");
        assert_eq!(records.len(), keys.iter().filter(|(other, _)| other == name).count());
    }
}

fn content_by_hash_is_shared_by_agents(fixture: &dyn StorageFixture) {
    let opened = fixture.open();
    let store = &*opened.storage;
    let module = Key::Module(Hash::of(b"module"));
    put(store, "a", &module, b"module");
    put(store, "b", &module, b"module");
    assert_eq!(value(store, &module).as_deref(), Some(&b"module"[..]));
    delete(store, "a", &module);
    assert_eq!(value(store, &module), None);
    put(store, "b", &module, b"module");
    assert_eq!(value(store, &module).as_deref(), Some(&b"module"[..]));
}
