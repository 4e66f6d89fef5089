//! Power cuts and kills at every operation of a script, and what a store must then still hold. Generic
//! in the script, so that a short one can judge any store and a whole life the store that is shipped.

use std::collections::BTreeSet;

use igor_core::Storage;
use igor_core::storage::{Key, StorageError};

use super::StorageFixture;
use super::model::{Model, Part, Planned, Progress, Script, Step, When};
use crate::Case;
use crate::disk::{Counts, Crash, Fault, Image, SimDisk, enumerate};

pub(super) fn cases() -> Vec<Case<dyn StorageFixture>> {
    crate::cases![dyn StorageFixture;
        power_cuts_lose_nothing_acknowledged covers ["ok-is-durable", "group-order-holds"],
        what_a_successor_found_survives_a_power_cut covers ["ok-is-durable"],
        appends_together_lose_nothing_acknowledged covers ["ok-is-durable", "groups-are-independent"],
        what_a_successor_found_of_appends_together_survives covers ["ok-is-durable"],
    ]
}

fn power_cuts_lose_nothing_acknowledged(fixture: &dyn StorageFixture) {
    cut_power_everywhere(fixture, &Script::short());
}

fn what_a_successor_found_survives_a_power_cut(fixture: &dyn StorageFixture) {
    kill_everywhere(fixture, &Script::short());
}

fn appends_together_lose_nothing_acknowledged(fixture: &dyn StorageFixture) {
    cut_power_everywhere(fixture, &Script::together().first_steps(9));
}

fn what_a_successor_found_of_appends_together_survives(fixture: &dyn StorageFixture) {
    kill_everywhere(fixture, &Script::together().first_steps(9));
}

pub(super) fn open(fixture: &dyn StorageFixture, disk: &SimDisk) -> std::sync::Arc<dyn Storage> {
    fixture.on_disk(disk).expect("this case needs a store that can be put on a simulated disk")
}

/// Claims the agents of the script and does it, up to the first error.
fn run(fixture: &dyn StorageFixture, disk: &SimDisk, script: &Script) -> Progress {
    let mut progress = Progress::default();
    let store = open(fixture, disk);
    // The error is the power cut; what matters is how far the script got.
    let _ = script.hold(&*store).and_then(|holds| {
        let result = script.run(&*store, &mut progress);
        drop(holds);
        result
    });
    progress
}

/// What the store on `disk` holds, which must be something that `progress` allows.
pub(super) fn verify(
    fixture: &dyn StorageFixture,
    disk: &SimDisk,
    script: &Script,
    progress: &Progress,
) -> Model {
    let store = open(fixture, disk);
    let found = match Model::read(&*store, script) {
        Ok(found) => found,
        Err(error) => panic!("the store cannot be read: {error}"),
    };
    assert!(
        progress.allows(&found),
        "the store holds {found:?}\nacknowledged was {:?}\nin the middle of {:.300}",
        progress.acknowledged,
        format!("{:?}", progress.failed),
    );
    found
}

/// Checks that the script comes to its end when nothing goes wrong; gives the disk.
fn assert_undisturbed(fixture: &dyn StorageFixture, script: &Script) -> SimDisk {
    let disk = SimDisk::new();
    let progress = run(fixture, &disk, script);
    assert_eq!(progress.done, script.steps.len(), "the script stops at {:?}", progress.failed);
    disk
}

/// One more write for each agent of a script, and if some wrote together, one more of all.
fn touch(script: &Script) -> Script {
    let part = |agent, operations| Part { agent, operations };
    let steps = script.agents().into_iter().map(|agent| {
        let operations = vec![
            Planned::Append(vec![b"goes on".to_vec()]),
            Planned::Put(Key::Record(agent.clone()), b"goes on".to_vec(), When::Always),
        ];
        Step { parts: vec![part(agent, operations)] }
    });
    let mut steps: Vec<_> = steps.collect();
    if script.steps.iter().any(|step| step.parts.len() > 1) {
        let append = || vec![Planned::Append(vec![b"together".to_vec()])];
        let parts = script.agents().into_iter().map(|agent| part(agent, append()));
        steps.push(Step { parts: parts.collect() });
    }
    Script { steps }
}

/// Opens the store on `disk`, claims its agents, reads it, and writes once for each; `known` is what it
/// must hold already. How far it got, and the error that stopped it.
pub(super) fn recover(
    fixture: &dyn StorageFixture,
    disk: &SimDisk,
    script: &Script,
    known: Option<&Model>,
) -> (Progress, Result<(), StorageError>) {
    let acknowledged = known.cloned().unwrap_or_default();
    let mut progress = Progress { acknowledged, ..Progress::default() };
    let store = open(fixture, disk);
    let result = script.hold(&*store).and_then(|holds| {
        // From here on, what is found is promised to stay.
        progress.acknowledged = Model::read(&*store, script)?;
        let result = touch(script).run(&*store, &mut progress);
        drop(holds);
        result
    });
    (progress, result)
}

/// The files that are there between the steps of a script when nothing goes wrong.
fn ordinary_files(fixture: &dyn StorageFixture, script: &Script) -> BTreeSet<String> {
    let disk = SimDisk::new();
    let mut files = BTreeSet::new();
    for count in 1..=script.steps.len() {
        let disk = SimDisk::new();
        run(fixture, &disk, &script.first_steps(count));
        files.extend(disk.files());
    }
    recover(fixture, &disk, script, None).1.expect("nothing goes wrong here");
    files.extend(disk.files());
    files
}

/// After a power cut at every operation of `script`, checks every image of the disk: the store opens and
/// holds what was acknowledged and a first part of what was not; opening and claiming it changes nothing
/// of that; it can be written to, which leaves no file that does not belong there; and all this holds
/// likewise after a second power cut during the recovery.
///
/// # Panics
/// When something does not hold, with the place of the power cut.
pub fn cut_power_everywhere(fixture: &dyn StorageFixture, script: &Script) -> Counts {
    assert_undisturbed(fixture, script);
    cut_everywhere(fixture, script, &|disk| run(fixture, disk, script))
}

/// How two openers take turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turns {
    /// Each claims the agents when the other has freed them.
    Claimed,
    /// None claims anything: what keeps them apart are the preconditions.
    Unclaimed,
}

/// The same where two openers, both alive all the time, do the script in turns, so many steps at a time.
///
/// # Panics
/// When something does not hold, with the place of the power cut.
pub fn cut_power_in_turns(
    fixture: &dyn StorageFixture,
    script: &Script,
    (turns, each): (Turns, usize),
) -> Counts {
    let in_turns = |disk: &SimDisk| {
        let openers = [open(fixture, disk), open(fixture, disk)];
        let mut progress = Progress::default();
        for (first, store) in (0..script.steps.len()).step_by(each).zip(openers.iter().cycle()) {
            let part = script.first_steps(first + each);
            let holds = match turns {
                Turns::Claimed => script.hold(&**store),
                Turns::Unclaimed => Ok(Vec::new()),
            };
            let result = holds.and_then(|holds| {
                let result = part.run(&**store, &mut progress);
                drop(holds);
                result
            });
            if result.is_err() {
                break;
            }
        }
        progress
    };
    assert_eq!(in_turns(&SimDisk::new()).done, script.steps.len(), "the script stops");
    cut_everywhere(fixture, script, &in_turns)
}

fn cut_everywhere(
    fixture: &dyn StorageFixture,
    script: &Script,
    run: &dyn Fn(&SimDisk) -> Progress,
) -> Counts {
    let ordinary = ordinary_files(fixture, script);
    let check = |crash: &Crash, progress: &Progress| {
        let found = verify(fixture, &crash.disk, script, progress);
        let again = crash.again(|disk| recover(fixture, disk, script, Some(&found)).0);
        if let Some((crash, progress)) = &again {
            let found = verify(fixture, &crash.disk, script, progress);
            finish(fixture, &crash.disk, script, &found, &ordinary);
        }
        finish(fixture, &crash.disk, script, &found, &ordinary);
    };
    enumerate(SimDisk::new, run, check)
}

/// The last recovery, which nothing disturbs.
fn finish(
    fixture: &dyn StorageFixture,
    disk: &SimDisk,
    script: &Script,
    found: &Model,
    ordinary: &BTreeSet<String>,
) {
    {
        let store = open(fixture, disk);
        let holds = script.hold(&*store).expect("claims are free after a power cut");
        let again = Model::read(&*store, script).expect("it could be read before");
        assert!(again == *found, "claiming changed the content: {again:?}");
        drop(holds);
    }
    let (progress, result) = recover(fixture, disk, script, Some(found));
    result.expect("the recovered store takes a write");
    verify(fixture, disk, script, &progress);
    verify(fixture, &disk.image(Image::Nothing), script, &progress);
    let left: Vec<_> = disk.files().into_iter().filter(|file| !ordinary.contains(file)).collect();
    assert!(left.is_empty(), "left over after a successful write: {left:?}");
}

/// Kills the process at every operation of `script`, without a power cut; a successor claims, reads and
/// writes; then the power is cut. What the successor found must still be there: it may have acted on it.
///
/// # Panics
/// When something does not hold.
pub fn kill_everywhere(fixture: &dyn StorageFixture, script: &Script) -> Counts {
    let whole = assert_undisturbed(fixture, script);
    let mut counts = Counts { operations: whole.operations().len(), ..Counts::default() };
    for at in 0..=counts.operations {
        let disk = SimDisk::new();
        disk.fail_at(at, Fault::PowerOff);
        let progress = run(fixture, &disk, script);
        succeed(fixture, &disk.copy(), script, &progress, &format!("killed at operation {at}"));
        counts.images += 1;
    }
    counts
}

/// A successor takes the store over as it is in memory, and then the power is cut.
pub(super) fn succeed(
    fixture: &dyn StorageFixture,
    disk: &SimDisk,
    script: &Script,
    before: &Progress,
    place: &str,
) {
    {
        let store = open(fixture, disk);
        let holds = script.hold(&*store).unwrap_or_else(|error| panic!("{place}: {error}"));
        let found = Model::read(&*store, script).unwrap_or_else(|e| panic!("{place}: {e}"));
        assert!(before.allows(&found), "{place}: the successor finds {found:?}");
        drop(holds);
        // What it found holds even if it never writes.
        let image = disk.image(Image::Nothing);
        let kept = Model::read(&*open(fixture, &image), script);
        let kept = kept.unwrap_or_else(|error| panic!("{place}, power cut: {error}"));
        assert!(kept == found, "{place}: the successor found {found:?}, kept is {kept:?}");
    }
    let (after, result) = recover(fixture, disk, script, None);
    result.unwrap_or_else(|error| panic!("{place}: the successor cannot write: {error}"));
    for image in [Image::Nothing, Image::Everything, Image::Random(1)] {
        verify(fixture, &disk.image(image), script, &after);
    }
}
