//! Cases about writers that race, through one opener and through several.

use std::collections::BTreeSet;
use std::thread;

use igor_core::format::Hash;
use igor_core::storage::{Claim, Group, Key, Precondition, StorageError};

use super::StorageFixture;
use super::support::{
    agent, append, appending, checkpoint, commit, log, put, stored, try_commit, try_hold, value,
};
use crate::{Case, Effort};

pub(super) fn cases() -> Vec<Case<dyn StorageFixture>> {
    crate::cases![dyn StorageFixture;
        racing_increments_lose_none covers ["absent-means-absent", "preconditions-come-first"],
        racing_appenders_each_win_their_position covers ["append-at-expected"],
        racing_groups_are_applied_whole_or_not covers ["preconditions-come-first"],
        racing_puts_of_one_module_all_succeed covers ["get-returns-last-put"],
        racing_creators_have_one_winner covers ["absent-means-absent"],
        racing_claimers_have_one_winner covers ["hold-excludes"],
    ]
}

/// Sixteen threads on four openers count up one value by compare-and-swap.
fn racing_increments_lose_none(fixture: &dyn StorageFixture) {
    const THREADS: usize = 16;
    let each = Effort::current().rounds(8);
    let openers: Vec<_> = (0..4).map(|_| fixture.open()).collect();
    let key = checkpoint("a");
    put(&*openers[0].storage, "a", &key, b"0");
    let written: Vec<u64> = thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|number| {
                let (store, key) = (openers[number % openers.len()].storage.clone(), key.clone());
                scope.spawn(move || (0..each).map(|_| increment(&*store, &key)).collect::<Vec<_>>())
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let expected = u64::try_from(THREADS * each).unwrap();
    let unique: BTreeSet<_> = written.iter().copied().collect();
    assert_eq!(unique, (1..=expected).collect(), "each number is written once");
    let last = value(&*openers[1].storage, &key).expect("it is there");
    assert_eq!(last, expected.to_string().into_bytes());
}

/// Adds one to a number; gives the number that was written.
fn increment(store: &dyn igor_core::Storage, key: &Key) -> u64 {
    loop {
        let found = stored(store, key).expect("nobody deletes it");
        let number: u64 = String::from_utf8(found.bytes).unwrap().parse().unwrap();
        let bytes = (number + 1).to_string().into_bytes();
        let group =
            Group::new(agent("a")).put(key.clone(), bytes, Precondition::Matches(found.version));
        match try_commit(store, group) {
            Ok(_) => return number + 1,
            Err(StorageError::Conflict { .. }) => {}
            Err(error) => panic!("increment: {error}"),
        }
    }
}

fn racing_appenders_each_win_their_position(fixture: &dyn StorageFixture) {
    const THREADS: usize = 8;
    let each = Effort::current().rounds(10);
    let openers: Vec<_> = (0..4).map(|_| fixture.open()).collect();
    thread::scope(|scope| {
        for number in 0..THREADS {
            let store = openers[number % openers.len()].storage.clone();
            scope.spawn(move || {
                let mut at = 0;
                for round in 0..each {
                    let record = format!("{number}:{round}").into_bytes();
                    while let Err(error) = try_commit(&*store, appending("a", at, &[&record])) {
                        assert!(matches!(error, StorageError::Conflict { .. }), "{error}");
                        at = u64::try_from(log(&*store, "a").len()).unwrap();
                    }
                    at += 1;
                }
            });
        }
    });
    let records: Vec<_> =
        log(&*openers[0].storage, "a").into_iter().map(|r| String::from_utf8(r).unwrap()).collect();
    assert_eq!(records.len(), THREADS * each);
    for number in 0..THREADS {
        let own = records.iter().filter(|record| record.starts_with(&format!("{number}:")));
        let expected = (0..each).map(|round| format!("{number}:{round}"));
        assert!(own.cloned().eq(expected), "the records of thread {number} are out of order");
    }
}

/// Two values and a log, always changed together, never differ in how often.
fn racing_groups_are_applied_whole_or_not(fixture: &dyn StorageFixture) {
    let each = Effort::current().rounds(8);
    let openers: Vec<_> = (0..2).map(|_| fixture.open()).collect();
    let record_key = Key::Record(agent("a"));
    thread::scope(|scope| {
        for opened in &openers {
            for _ in 0..3 {
                scope.spawn(|| {
                    let store = &*opened.storage;
                    let mut done = 0;
                    while done < each {
                        let length = u64::try_from(log(store, "a").len()).unwrap();
                        let text = (length + 1).to_string().into_bytes();
                        let group = appending("a", length, &[&text])
                            .put(record_key.clone(), text.clone(), Precondition::Always)
                            .put(checkpoint("a"), text, Precondition::Always);
                        match try_commit(store, group) {
                            Ok(_) => done += 1,
                            Err(StorageError::Conflict { .. }) => {}
                            Err(error) => panic!("commit: {error}"),
                        }
                    }
                });
            }
        }
    });
    let store = &*openers[0].storage;
    let expected = (6 * each).to_string().into_bytes();
    assert_eq!(log(store, "a").len(), 6 * each);
    assert_eq!(value(store, &record_key), Some(expected.clone()));
    assert_eq!(value(store, &checkpoint("a")), Some(expected));
}

fn racing_puts_of_one_module_all_succeed(fixture: &dyn StorageFixture) {
    let openers: Vec<_> = (0..4).map(|_| fixture.open()).collect();
    let bytes = vec![3; 50_000];
    let module = Key::Module(Hash::of(&bytes));
    thread::scope(|scope| {
        for (number, opened) in openers.iter().enumerate() {
            let (bytes, module) = (&bytes, &module);
            scope.spawn(move || {
                for _ in 0..5 {
                    put(&*opened.storage, &format!("agent{number}"), module, bytes);
                    let found = value(&*opened.storage, module);
                    assert!(found.as_ref() == Some(bytes), "the module was not there whole");
                }
            });
        }
    });
}

fn racing_creators_have_one_winner(fixture: &dyn StorageFixture) {
    let openers: Vec<_> = (0..4).map(|_| fixture.open()).collect();
    for round in 0..5 {
        let key = super::support::history("a", round, 0);
        let wins: usize = thread::scope(|scope| {
            let threads: Vec<_> = openers
                .iter()
                .map(|opened| {
                    let key = key.clone();
                    scope.spawn(move || {
                        let group =
                            Group::new(agent("a")).put(key, b"mine".to_vec(), Precondition::Absent);
                        usize::from(try_commit(&*opened.storage, group).is_ok())
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(wins, 1, "round {round}");
    }
    commit(&*openers[0].storage, Group::new(agent("a")));
    append(&*openers[0].storage, "a", 0, &[b"usable"]);
}

fn racing_claimers_have_one_winner(fixture: &dyn StorageFixture) {
    let openers: Vec<_> = (0..4).map(|_| fixture.open()).collect();
    for claim in [Claim::StoreExclusive, Claim::Agent(agent("a"))] {
        for round in 0..5 {
            let holds: Vec<_> = thread::scope(|scope| {
                let threads: Vec<_> = openers
                    .iter()
                    .map(|opened| scope.spawn(|| try_hold(&*opened.storage, &claim)))
                    .collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            let won = holds.iter().filter(|hold| hold.is_ok()).count();
            assert_eq!(won, 1, "{claim:?}, round {round}: {holds:?}");
        }
    }
}
