//! Cases about groups and batches: order within a group, independence between them.

use igor_core::format::Seq;
use igor_core::storage::{Group, Key, Precondition, StorageError};

use super::StorageFixture;
use super::support::{
    agent, appending, assert_conflict, checkpoint, commit, commit_all, log, put, putting, stored,
    try_commit, value,
};
use crate::Case;

pub(super) fn cases() -> Vec<Case<dyn StorageFixture>> {
    crate::cases![dyn StorageFixture;
        a_failed_group_leaves_the_others covers ["groups-are-independent"],
        a_batch_of_nothing_has_no_results covers ["groups-are-independent"],
        many_groups_are_answered_in_order covers ["groups-are-independent"],
        the_last_of_several_operations_on_a_key_wins covers ["group-order-holds"],
        versions_come_in_the_order_of_the_puts covers ["group-order-holds"],
        a_whole_save_is_applied covers ["group-order-holds"],
        a_key_of_another_agent_is_refused covers ["clean-failures-do-not-poison"],
    ]
}

fn a_failed_group_leaves_the_others(fixture: &dyn StorageFixture) {
    let opened = fixture.open();
    let store = &*opened.storage;
    let names = ["a", "b", "c", "d"];
    for failing in 0..names.len() {
        let failing_name = names[failing];
        put(store, failing_name, &checkpoint(failing_name), b"old");
        let groups = names.map(|name| {
            let precondition =
                if name == failing_name { Precondition::Absent } else { Precondition::Always };
            Group::new(agent(name)).put(
                checkpoint(name),
                failing.to_string().into_bytes(),
                precondition,
            )
        });
        let results = commit_all(store, groups.into());
        for (name, result) in names.iter().zip(&results) {
            let found = value(store, &checkpoint(name)).expect("all have a value");
            if *name == failing_name {
                assert_conflict(result);
                assert_eq!(found, b"old", "{name}");
            } else {
                assert!(result.is_ok(), "{name}: {result:?}");
                assert_eq!(found, failing.to_string().into_bytes(), "{name}");
            }
        }
    }
}

fn a_batch_of_nothing_has_no_results(fixture: &dyn StorageFixture) {
    let opened = fixture.open();
    let store = &*opened.storage;
    assert!(commit_all(store, Vec::new()).is_empty());
    let results = commit_all(store, vec![Group::new(agent("a")), Group::new(agent("b"))]);
    assert!(results.iter().all(|result| result.as_ref().is_ok_and(|c| c.versions.is_empty())));
    assert_eq!(value(store, &checkpoint("a")), None);
}

fn many_groups_are_answered_in_order(fixture: &dyn StorageFixture) {
    let opened = fixture.open();
    let store = &*opened.storage;
    let names: Vec<_> = (0..30).map(|number| format!("agent{number}")).collect();
    let groups = names.iter().enumerate().map(|(number, name)| {
        // Every third one is wrong.
        appending(name, u64::from(number % 3 == 0), &[name.as_bytes()])
    });
    for (number, result) in commit_all(store, groups.collect()).iter().enumerate() {
        assert_eq!(result.is_err(), number % 3 == 0, "group {number}: {result:?}");
        assert_eq!(log(store, &names[number]).len(), usize::from(number % 3 != 0));
    }
}

fn the_last_of_several_operations_on_a_key_wins(fixture: &dyn StorageFixture) {
    let opened = fixture.open();
    let store = &*opened.storage;
    let key = checkpoint("a");
    let always = || Precondition::Always;
    let put_twice = Group::new(agent("a"))
        .put(key.clone(), b"1".to_vec(), always())
        .put(Key::Record(agent("a")), b"between".to_vec(), always())
        .put(key.clone(), b"2".to_vec(), always());
    commit(store, put_twice);
    assert_eq!(value(store, &key).as_deref(), Some(&b"2"[..]));
    let put_and_delete = Group::new(agent("a"))
        .put(key.clone(), b"3".to_vec(), always())
        .delete(key.clone(), always());
    commit(store, put_and_delete);
    assert_eq!(value(store, &key), None);
    let delete_and_put = Group::new(agent("a")).delete(key.clone(), always()).put(
        key.clone(),
        b"4".to_vec(),
        always(),
    );
    commit(store, delete_and_put);
    assert_eq!(value(store, &key).as_deref(), Some(&b"4"[..]));
}

fn versions_come_in_the_order_of_the_puts(fixture: &dyn StorageFixture) {
    let opened = fixture.open();
    let store = &*opened.storage;
    let keys = super::support::every_kind("a");
    let mut group = Group::new(agent("a"));
    for key in &keys {
        group = group.delete(Key::Fund(agent("a"), [9; 16]), Precondition::Always).put(
            key.clone(),
            key.to_string().into_bytes(),
            Precondition::Absent,
        );
    }
    let versions = commit(store, group).versions;
    assert_eq!(versions.len(), keys.len());
    for (key, version) in keys.iter().zip(versions) {
        assert_eq!(stored(store, key).expect("it was put").version, version, "{key}");
    }
}

/// What the node writes at a checkpoint.
fn a_whole_save_is_applied(fixture: &dyn StorageFixture) {
    let opened = fixture.open();
    let store = &*opened.storage;
    let mut current = Precondition::Absent;
    for tick in 0..5_u64 {
        let blob = vec![u8::try_from(tick).unwrap(); 237];
        let group = Group::new(agent("a"))
            .append(Seq(tick), vec![tick.to_string().into_bytes()])
            .put(Key::Record(agent("a")), vec![1; 300], Precondition::Always)
            .put(super::support::history("a", tick, 0), blob.clone(), Precondition::Absent)
            .put(checkpoint("a"), blob.clone(), current);
        let versions = commit(store, group).versions;
        current = Precondition::Matches(versions[2].clone());
        assert_eq!(value(store, &checkpoint("a")), Some(blob.clone()));
        assert_eq!(value(store, &super::support::history("a", tick, 0)), Some(blob));
        assert_eq!(log(store, "a").len(), usize::try_from(tick).unwrap() + 1);
    }
}

fn a_key_of_another_agent_is_refused(fixture: &dyn StorageFixture) {
    let opened = fixture.open();
    let store = &*opened.storage;
    put(store, "b", &checkpoint("b"), b"old");
    let group = putting("a", &checkpoint("a"), b"own");
    let put_it = group.clone().put(checkpoint("b"), b"new".to_vec(), Precondition::Always);
    let delete_it = group.delete(checkpoint("b"), Precondition::Always);
    for group in [put_it, delete_it] {
        let result = try_commit(store, group);
        assert!(matches!(result, Err(StorageError::Refused { .. })), "not refused: {result:?}");
        assert_eq!(value(store, &checkpoint("b")).as_deref(), Some(&b"old"[..]));
        assert_eq!(value(store, &checkpoint("a")), None);
    }
    put(store, "a", &checkpoint("a"), b"own");
}
