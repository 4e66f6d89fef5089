//! Cases about a medium that fails: an error, a lack of space or a short write at every operation of a
//! script, and bytes that change by themselves.

use igor_core::Storage;
use igor_core::format::Seq;
use igor_core::storage::{Claim, StorageError};
use pollster::block_on;

use super::StorageFixture;
use super::model::{Model, Progress, Script};
use super::power::{open, succeed, verify};
use super::support::{
    agent, append, appending, assert_all_poisoned, bounds, checkpoint, commit_all, hold, log, put,
    putting, trim, try_commit, try_hold, try_log, try_log_from,
};
use crate::Case;
use crate::disk::{Fault, Image, OperationKind, SimDisk};

pub(super) fn cases() -> Vec<Case<dyn StorageFixture>> {
    crate::cases![dyn StorageFixture;
        any_failed_operation_poisons_the_store covers ["failed-sync-poisons", "ok-is-durable"],
        a_failed_sync_is_not_retried covers ["failed-sync-poisons"],
        what_follows_an_append_in_doubt_is_durable_with_it covers ["ok-is-durable"],
        what_a_failed_successor_lost_is_found_by_the_next covers ["ok-is-durable"],
        a_lack_of_space_leaves_the_old_content covers ["clean-failures-do-not-poison"],
        a_full_disk_takes_writes_again_when_space_is_freed covers ["clean-failures-do-not-poison"],
        short_writes_are_continued covers ["get-returns-last-put"],
        damage_to_a_log_is_reported covers ["read-log-returns-records"],
        damage_to_a_trimmed_log_is_reported covers
            ["read-log-returns-records", "trim-forgets-the-front"],
    ]
}

fn any_failed_operation_poisons_the_store(fixture: &dyn StorageFixture) {
    let outcomes = fail_everywhere(fixture, &Script::short(), Fault::Error);
    assert!(outcomes.poisoned > 0, "no operation failed: {outcomes:?}");
    assert_eq!(outcomes.clean, 0, "a failed operation is not clean: {outcomes:?}");
}

fn a_lack_of_space_leaves_the_old_content(fixture: &dyn StorageFixture) {
    let outcomes = fail_everywhere(fixture, &Script::short(), Fault::NoSpace);
    assert!(outcomes.clean > 0, "no lack of space was clean: {outcomes:?}");
}

fn a_full_disk_takes_writes_again_when_space_is_freed(fixture: &dyn StorageFixture) {
    let outcomes = fail_everywhere(fixture, &Script::short(), Fault::Full);
    assert!(outcomes.clean > 0, "no lack of space was clean: {outcomes:?}");
}

fn short_writes_are_continued(fixture: &dyn StorageFixture) {
    let outcomes = fail_everywhere(fixture, &Script::short(), Fault::ShortWrite);
    assert_eq!((outcomes.clean, outcomes.poisoned), (0, 0), "a short write is no error");
}

/// What came of a fault at each operation of a script.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Outcomes {
    /// The call failed, nothing had changed, and the store went on.
    pub clean: usize,
    /// The call failed and the store was poisoned.
    pub poisoned: usize,
    /// No call failed, and nothing was lost.
    pub harmless: usize,
}

/// Lets `fault` happen at each operation of `script` in turn. A call that fails either leaves the store
/// poisoned, and then a successor finds everything acknowledged and a first part of what was not; or it
/// fails for lack of space, the old content is intact, and the store goes on when there is space. If no
/// call fails, nothing may be lost.
///
/// # Panics
/// When something does not hold, with the place of the fault.
pub fn fail_everywhere(fixture: &dyn StorageFixture, script: &Script, fault: Fault) -> Outcomes {
    let whole = SimDisk::new();
    let mut progress = Progress::default();
    let store = open(fixture, &whole);
    let holds = script.hold(&*store).expect("nothing goes wrong here");
    script.run(&*store, &mut progress).expect("nothing goes wrong here");
    drop((holds, store));
    let mut outcomes = Outcomes::default();
    for (number, operation) in whole.operations().iter().enumerate() {
        let place = format!("{fault:?} at operation {number} ({operation})");
        let disk = SimDisk::new();
        disk.fail_at(number, fault);
        fail_at(fixture, script, &disk, &place, &mut outcomes);
    }
    outcomes
}

fn fail_at(
    fixture: &dyn StorageFixture,
    script: &Script,
    disk: &SimDisk,
    place: &str,
    outcomes: &mut Outcomes,
) {
    let store = open(fixture, disk);
    let mut progress = Progress::default();
    let mut holds = Vec::new();
    let mut go_on = |progress: &mut Progress| {
        if holds.is_empty() {
            holds = script.hold(&*store)?;
        }
        script.run(&*store, progress)
    };
    let Err(error) = go_on(&mut progress) else {
        outcomes.harmless += 1;
        verify(fixture, &disk.image(Image::Nothing), script, &progress);
        return;
    };
    match Model::read(&*store, script) {
        Err(StorageError::Poisoned { .. }) => {
            outcomes.poisoned += 1;
            assert!(
                !matches!(error, StorageError::NoSpace { .. }),
                "{place}: {error}, and yet the store is poisoned"
            );
            assert_all_poisoned(&*store, "a");
            drop((holds, store));
            disk.free_space();
            succeed(fixture, &disk.copy(), script, &progress, place);
        }
        Ok(found) => {
            outcomes.clean += 1;
            assert!(
                matches!(error, StorageError::NoSpace { .. }),
                "{place}: the store is not poisoned after: {error}"
            );
            assert!(found == progress.acknowledged, "{place}: the store holds {found:?}");
            disk.free_space();
            go_on(&mut progress).unwrap_or_else(|e| panic!("{place}, space freed: {e}"));
            verify(fixture, &disk.image(Image::Nothing), script, &progress);
        }
        Err(error) => panic!("{place}: then reading fails: {error}"),
    }
}

fn a_failed_sync_is_not_retried(fixture: &dyn StorageFixture) {
    for kind in [OperationKind::Sync, OperationKind::SyncDir] {
        let disk = SimDisk::new();
        let store = open(fixture, &disk);
        put(&*store, "a", &checkpoint("a"), b"old");
        append(&*store, "a", 0, &[b"zero"]);
        let before = disk.operations().len();
        disk.fail_next(kind, Fault::Error);
        try_commit(&*store, putting("a", &checkpoint("a"), b"new")).expect_err("the sync failed");
        assert_all_poisoned(&*store, "a");
        let operations = disk.operations();
        let synced: Vec<_> = operations[before..].iter().filter(|o| o.kind == kind).collect();
        let failed = synced.first().expect("a commit syncs");
        let count = synced.iter().filter(|operation| operation == &failed).count();
        assert_eq!(count, 1, "{failed} was done {count} times");
        drop(store);
        assert_eq!(log(&*open(fixture, &disk.copy()), "a"), [b"zero"]);
    }
}

/// Two agents append together through one opener, which fails in the middle, so that nobody knows whether
/// those appends are durable; another opener, which has long been writing for the same agents, goes on
/// behind what it finds.
fn what_follows_an_append_in_doubt_is_durable_with_it(fixture: &dyn StorageFixture) {
    let disk = SimDisk::new();
    let (one, other) = (open(fixture, &disk), open(fixture, &disk));
    let together = |store: &dyn Storage, at: u64| {
        let groups = ["a", "b"].map(|name| appending(name, at, &[&at.to_le_bytes()]));
        commit_all(store, groups.into())
    };
    for (at, store) in (0..5).zip([&one, &other, &one, &one, &one]) {
        for result in together(&**store, at) {
            result.unwrap_or_else(|error| panic!("append at {at}: {error}"));
        }
    }
    disk.fail_next(OperationKind::Sync, Fault::Error);
    assert!(together(&*one, 5).iter().any(Result::is_err), "the sync failed");
    assert_all_poisoned(&*one, "a");
    let lengths = ["a", "b"].map(|name| (name, bounds(&*other, name).1));
    assert!(lengths.iter().all(|(_, length)| (5..=6).contains(length)), "{lengths:?}");
    let groups = lengths.map(|(name, length)| appending(name, length, &[b"goes on"]));
    assert!(commit_all(&*other, groups.into()).iter().all(Result::is_ok));
    let image = disk.image(Image::Nothing);
    for (name, length) in lengths {
        let kept = log(&*open(fixture, &image), name);
        assert_eq!(u64::try_from(kept.len()).unwrap(), length + 1, "of the log of {name}");
        assert_eq!(kept, log(&*other, name));
    }
}

/// An opener that goes on with other agents hands one over, to a successor whose first sync fails and to
/// one after that.
fn what_a_failed_successor_lost_is_found_by_the_next(fixture: &dyn StorageFixture) {
    let disk = SimDisk::new();
    let before = open(fixture, &disk);
    for at in 0..4 {
        let groups = ["a", "b"].map(|name| appending(name, at, &[&at.to_le_bytes()]));
        assert!(commit_all(&*before, groups.into()).iter().all(Result::is_ok));
    }
    let failing = open(fixture, &disk);
    disk.fail_next(OperationKind::Sync, Fault::Error);
    try_hold(&*failing, &Claim::Agent(agent("a"))).expect_err("the sync failed");
    drop(failing);
    let next = open(fixture, &disk);
    let _hold = hold(&*next, &Claim::Agent(agent("a")));
    for store in [next, open(fixture, &disk.image(Image::Nothing))] {
        assert_eq!(log(&*store, "a"), [0_u64, 1, 2, 3].map(u64::to_le_bytes));
    }
    drop(before);
}

/// Every byte of every file, changed in several ways: what is read of the log is what was written, or it
/// is reported.
fn damage_to_a_log_is_reported(fixture: &dyn StorageFixture) {
    let disk = SimDisk::new();
    let records: [&[u8]; 5] = [b"zero", b"", &[1; 700], &[0; 300], &[0xff; 40]];
    {
        let store = open(fixture, &disk);
        append(&*store, "a", 0, &records[..2]);
        append(&*store, "a", 2, &records[2..3]);
        append(&*store, "a", 3, &records[3..]);
    }
    let reported = damage_everywhere(fixture, &disk, &|store| {
        try_log(store, "a").map(|found| found == records)
    });
    assert!(reported > 1_000, "only {reported} damages were reported");
}

/// The same with a log that was trimmed, to some records and to none.
fn damage_to_a_trimmed_log_is_reported(fixture: &dyn StorageFixture) {
    for (before, at_least) in [(2, 1_000), (4, 100)] {
        let disk = SimDisk::new();
        let records: [&[u8]; 4] = [b"zero", &[1; 700], &[0; 300], &[0xff; 40]];
        {
            let store = open(fixture, &disk);
            append(&*store, "a", 0, &records);
            trim(&*store, "a", before);
        }
        let left = &records[usize::try_from(before).unwrap()..];
        let reported = damage_everywhere(fixture, &disk, &|store| {
            let bounds = block_on(store.log_bounds(&agent("a")))?;
            let found = try_log_from(store, "a", before)?;
            Ok(found == left && bounds == (Seq(before)..Seq(4)))
        });
        assert!(reported > at_least, "only {reported} damages were reported");
    }
}

/// Damages every byte of every file in turn and reads; the number of damages that were reported. Whatever
/// is read otherwise must be right.
fn damage_everywhere(
    fixture: &dyn StorageFixture,
    disk: &SimDisk,
    read: &dyn Fn(&dyn Storage) -> Result<bool, StorageError>,
) -> usize {
    let mut reported = 0;
    for path in disk.files() {
        let content = disk.content(&path);
        for (at, byte) in content.iter().enumerate() {
            for wrong in [byte ^ 0x01, byte ^ 0x80, !byte, 0, 0xff] {
                if wrong == *byte {
                    continue;
                }
                let damaged = disk.copy();
                let mut bytes = content.clone();
                bytes[at] = wrong;
                damaged.overwrite(&path, &bytes);
                let store = open(fixture, &damaged);
                match read(&*store) {
                    Ok(is_right) => assert!(
                        is_right,
                        "{path}: byte {at} is {wrong:#x} instead of {byte:#x}, and something \
                         else is read"
                    ),
                    Err(StorageError::Corrupt { .. }) => reported += 1,
                    Err(error) => panic!("{path}: byte {at} is {wrong:#x}: {error}"),
                }
            }
        }
    }
    reported
}
