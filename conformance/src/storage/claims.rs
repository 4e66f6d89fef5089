//! Cases about claims: which exclude which, for whom, and until when.

use igor_core::storage::{Claim, StorageError};

use super::StorageFixture;
use super::support::{agent, append, checkpoint, hold, put, try_hold, value};
use crate::Case;

pub(super) fn cases() -> Vec<Case<dyn StorageFixture>> {
    crate::cases![dyn StorageFixture;
        claims_exclude_as_their_kinds_say covers ["hold-excludes"],
        a_dropped_hold_frees_its_claim covers ["hold-excludes"],
        a_hold_ends_with_the_last_of_several_sharers covers ["hold-excludes"],
        a_held_claim_says_what_and_who covers ["hold-excludes"],
        a_failed_claim_changes_nothing covers ["hold-excludes", "clean-failures-do-not-poison"],
        a_holder_can_commit covers ["hold-excludes"],
        a_hold_outlives_the_opener_it_came_from covers ["hold-excludes"],
    ]
}

fn every_claim() -> [Claim; 4] {
    let agents = ["a", "b"].map(|name| Claim::Agent(agent(name)));
    let [a, b] = agents;
    [Claim::StoreExclusive, Claim::StoreShared, a, b]
}

/// Whether two claims cannot be held at the same time.
fn conflict(one: &Claim, other: &Claim) -> bool {
    match (one, other) {
        (Claim::StoreShared, Claim::StoreShared) => false,
        (Claim::Agent(one), Claim::Agent(other)) => one == other,
        (Claim::Agent(_), _) | (_, Claim::Agent(_)) => false,
        (Claim::StoreExclusive, _) | (_, Claim::StoreExclusive) => true,
    }
}

fn is_held<T>(result: &Result<T, StorageError>) -> bool {
    matches!(result, Err(StorageError::Held { .. }))
}

fn claims_exclude_as_their_kinds_say(fixture: &dyn StorageFixture) {
    let (one, other) = (fixture.open(), fixture.open());
    for first in every_claim() {
        for second in every_claim() {
            for (opener, which) in [(&one, "the same opener"), (&other, "another opener")] {
                let _held = hold(&*one.storage, &first);
                let result = try_hold(&*opener.storage, &second);
                let expected = conflict(&first, &second);
                assert_eq!(is_held(&result), expected, "{first:?}, then {second:?} by {which}");
                assert_eq!(result.is_ok(), !expected, "{first:?}, then {second:?} by {which}");
            }
        }
    }
}

fn a_dropped_hold_frees_its_claim(fixture: &dyn StorageFixture) {
    let (one, other) = (fixture.open(), fixture.open());
    for claim in every_claim() {
        for _ in 0..3 {
            drop(hold(&*one.storage, &claim));
            drop(hold(&*other.storage, &claim));
        }
    }
}

fn a_hold_ends_with_the_last_of_several_sharers(fixture: &dyn StorageFixture) {
    let (one, other) = (fixture.open(), fixture.open());
    let first = hold(&*one.storage, &Claim::StoreShared);
    let second = hold(&*one.storage, &Claim::StoreShared);
    let third = hold(&*other.storage, &Claim::StoreShared);
    for held in [second, first, third] {
        assert!(is_held(&try_hold(&*other.storage, &Claim::StoreExclusive)));
        drop(held);
    }
    let _alone = hold(&*other.storage, &Claim::StoreExclusive);
    assert!(is_held(&try_hold(&*one.storage, &Claim::StoreShared)));
}

fn a_held_claim_says_what_and_who(fixture: &dyn StorageFixture) {
    let opened = fixture.open();
    for (claim, named) in
        [(Claim::Agent(agent("albert")), "albert"), (Claim::StoreExclusive, "store")]
    {
        let _held = hold(&*opened.storage, &claim);
        match try_hold(&*opened.storage, &claim) {
            Err(StorageError::Held { object, holder }) => {
                assert!(object.contains(named), "{object:?} does not say {named}");
                assert!(!holder.is_empty(), "nobody is named");
            }
            other => panic!("not held: {other:?}"),
        }
    }
}

fn a_failed_claim_changes_nothing(fixture: &dyn StorageFixture) {
    let (one, other) = (fixture.open(), fixture.open());
    let claim = Claim::Agent(agent("a"));
    let held = hold(&*one.storage, &claim);
    for _ in 0..3 {
        assert!(is_held(&try_hold(&*other.storage, &claim)));
    }
    put(&*other.storage, "b", &checkpoint("b"), b"usable");
    drop(held);
    let _held = hold(&*other.storage, &claim);
    assert!(is_held(&try_hold(&*one.storage, &claim)));
}

fn a_holder_can_commit(fixture: &dyn StorageFixture) {
    let opened = fixture.open();
    let store = &*opened.storage;
    let _holds = [Claim::StoreShared, Claim::Agent(agent("a"))].map(|claim| hold(store, &claim));
    put(store, "a", &checkpoint("a"), b"value");
    append(store, "a", 0, &[b"record"]);
    assert_eq!(value(store, &checkpoint("a")).as_deref(), Some(&b"value"[..]));
}

fn a_hold_outlives_the_opener_it_came_from(fixture: &dyn StorageFixture) {
    let (one, other) = (fixture.open(), fixture.open());
    let claim = Claim::Agent(agent("a"));
    let held = hold(&*one.storage, &claim);
    drop(one);
    assert!(is_held(&try_hold(&*other.storage, &claim)));
    drop(held);
    hold(&*other.storage, &claim);
}
