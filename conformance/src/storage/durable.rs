//! Cases about what stays: for the next opener, and for the one after a killed process.

use igor_core::storage::{Claim, Durability, Key, StorageError};

use super::StorageFixture;
use super::child::{Process, Task};
use super::support::{
    agent, all, append, checkpoint, commit, every_kind, every_scope, hold, log, put, putting,
    stored, try_hold, value,
};
use crate::{Case, Effort, Rng};

pub(super) fn cases() -> Vec<Case<dyn StorageFixture>> {
    crate::cases![dyn StorageFixture;
        everything_is_there_after_reopening covers ["ok-is-durable"],
        versions_stay_valid_after_reopening covers ["ok-is-durable", "absent-means-absent"],
        two_openers_see_one_store covers ["get-returns-last-put"],
        reopening_changes_nothing covers ["ok-is-durable"],
    ]
}

/// Cases that kill processes; for stores that survive that, and fixtures that a child can open.
pub(super) fn cases_with_processes() -> Vec<Case<dyn StorageFixture>> {
    crate::cases![dyn StorageFixture;
        killed_processes_lose_nothing_acknowledged covers ["ok-is-durable", "group-order-holds"],
        a_claim_excludes_other_processes_until_they_end covers ["hold-excludes"],
    ]
}

/// Writes something of everything.
fn fill(store: &dyn igor_core::Storage) {
    for name in ["a", "b"] {
        for key in every_kind(name) {
            put(store, name, &key, key.to_string().as_bytes());
        }
        append(store, name, 0, &[name.as_bytes(), b"", b"third"]);
        append(store, name, 3, &[&[0xff; 3_000]]);
    }
}

/// Everything that [`fill`] wrote, as it is read.
fn everything(store: &dyn igor_core::Storage) -> String {
    let mut text = String::new();
    for name in ["a", "b"] {
        for key in every_kind(name) {
            text += &format!("{key} = {:?}\n", stored(store, &key));
        }
        for scope in every_scope(&agent(name)) {
            text += &format!("{scope:?} = {:?}\n", all(store, &scope));
        }
        text += &format!("log of {name} = {:?}\n", log(store, name));
    }
    text
}

fn everything_is_there_after_reopening(fixture: &dyn StorageFixture) {
    let opened = fixture.open();
    fill(&*opened.storage);
    let before = everything(&*opened.storage);
    let opened = fixture.reopen(opened);
    assert_eq!(everything(&*opened.storage), before);
    append(&*opened.storage, "a", 4, &[b"goes on"]);
    let opened = fixture.reopen(opened);
    assert_eq!(log(&*opened.storage, "a").last().map(Vec::as_slice), Some(&b"goes on"[..]));
}

fn versions_stay_valid_after_reopening(fixture: &dyn StorageFixture) {
    use igor_core::storage::{Group, Precondition};
    let opened = fixture.open();
    let version = put(&*opened.storage, "a", &checkpoint("a"), b"old");
    let opened = fixture.reopen(opened);
    let precondition = Precondition::Matches(version);
    commit(
        &*opened.storage,
        Group::new(agent("a")).put(checkpoint("a"), b"new".to_vec(), precondition),
    );
    assert_eq!(value(&*opened.storage, &checkpoint("a")).as_deref(), Some(&b"new"[..]));
}

fn two_openers_see_one_store(fixture: &dyn StorageFixture) {
    let (one, other) = (fixture.open(), fixture.open());
    for round in 0..5_u8 {
        let (writer, reader) = if round % 2 == 0 { (&one, &other) } else { (&other, &one) };
        for key in every_kind("a") {
            let written = commit(&*writer.storage, putting("a", &key, &[round])).versions;
            let read = stored(&*reader.storage, &key).expect("it was just written");
            assert_eq!(read.bytes, [round], "{key}");
            assert_eq!([read.version], written[..], "{key}: one value has two versions");
        }
    }
}

fn reopening_changes_nothing(fixture: &dyn StorageFixture) {
    let mut opened = fixture.open();
    fill(&*opened.storage);
    let before = everything(&*opened.storage);
    for _ in 0..3 {
        opened = fixture.reopen(opened);
        drop(hold(&*opened.storage, &Claim::Agent(agent("a"))));
        assert_eq!(everything(&*opened.storage), before);
    }
}

fn number(bytes: Option<Vec<u8>>) -> Option<u64> {
    bytes.map(|bytes| String::from_utf8(bytes).unwrap().parse().unwrap())
}

fn killed_processes_lose_nothing_acknowledged(fixture: &dyn StorageFixture) {
    let locator = fixture.locator().expect("this case needs a store that a child can open");
    assert!(fixture.open().storage.durability() >= Durability::ProcessKill);
    let mut rng = Rng::for_case("killed_processes_lose_nothing_acknowledged");
    for round in 0..Effort::current().rounds(20) {
        let mut process = Process::start(Task::Save, &locator);
        let mut acknowledged = None;
        for _ in 0..=rng.below(6) {
            acknowledged = process.next_line();
            assert!(acknowledged.is_some(), "round {round}: the child ended by itself");
        }
        let rest = process.kill();
        let acknowledged: u64 = rest.last().or(acknowledged.as_ref()).unwrap().parse().unwrap();

        let opened = fixture.open();
        let store = &*opened.storage;
        let records = log(store, "a");
        let started = u64::try_from(records.len()).unwrap() - 1;
        assert!(
            started == acknowledged || started == acknowledged + 1,
            "round {round}: {acknowledged} was acknowledged, the log ends with {started}"
        );
        for (expected, record) in (0..).zip(records) {
            assert_eq!(number(Some(record)), Some(expected), "round {round}");
        }
        // A group's operations took effect in order, whichever the child was at.
        let places =
            [Key::Record(agent("a")), checkpoint("a")].map(|key| number(value(store, &key)));
        assert!(places[0] >= places[1], "round {round}: {places:?}");
        let found = places[1].expect("several saves were acknowledged");
        assert!(acknowledged <= found && found <= started, "round {round}: {places:?}");
        for tick in 0..=acknowledged {
            let past = value(store, &super::support::history("a", tick, 0));
            assert_eq!(number(past), Some(tick), "round {round}");
        }
        // The one that was cut off is made up for, so that the next child can go on.
        if found < started {
            let bytes = started.to_string();
            for key in
                [Key::Record(agent("a")), super::support::history("a", started, 0), checkpoint("a")]
            {
                put(store, "a", &key, bytes.as_bytes());
            }
        }
    }
}

fn a_claim_excludes_other_processes_until_they_end(fixture: &dyn StorageFixture) {
    let locator = fixture.locator().expect("this case needs a store that a child can open");
    let opened = fixture.open();
    let claims = [Claim::StoreExclusive, Claim::StoreShared, Claim::Agent(agent("a"))];
    let mut process = Process::start(Task::Hold, &locator);
    assert_eq!(process.next_line().as_deref(), Some("held"));
    for claim in &claims {
        let result = try_hold(&*opened.storage, claim);
        let held = matches!(&result, Err(StorageError::Held { .. }));
        assert!(held, "{claim:?} while process {} has it: {result:?}", process.id());
    }
    drop(hold(&*opened.storage, &Claim::Agent(agent("b"))));
    process.kill();
    for claim in &claims {
        drop(hold(&*opened.storage, claim));
    }
}
