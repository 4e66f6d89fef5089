//! Every power cut, error and lack of space in the life of an agent on the file store, from the first
//! start through journaled ticks, checkpoints, funding, ends without a word, and another program that
//! goes on behind the journal's back: whatever was told to the outside is still there afterwards, the
//! history proves the life, and starting again finishes what was left unfinished, once.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod faulty;
mod life;
mod recovery;

use conformance::disk::{Counts, Crash, Fault as DiskFault, SimDisk, enumerate};
use conformance::mutants::panic_of;
use igor_core::storage::Key;
use igor_node::LaunchError;

use crate::faulty::Fault;
use crate::life::{Told, agent, guest, life, run, world};
use crate::recovery::{lives_on, recovers};

mod linked {
    #![allow(dead_code, reason = "the expected names are for the harness")]

    include!(concat!(env!("OUT_DIR"), "/linked.rs"));
}

/// Cuts the power at every operation of a life on a node with this fault.
fn cut_off(fault: Fault) -> Counts {
    let check = |crash: &Crash, told: &Told| {
        let again = crash.again(|disk| world(disk, fault).launch(&guest(), Some(0)).is_ok());
        recovers(&crash.disk, told, fault);
        lives_on(&crash.disk, told, fault);
        if let Some((crash, _)) = again {
            recovers(&crash.disk, told, fault);
        }
    };
    enumerate(SimDisk::new, |disk| life(disk, fault), check)
}

#[test]
fn a_life_survives_a_power_cut_at_every_operation() {
    let counts = cut_off(Fault::None);
    println!("{counts:?}, each of them cut off once more in its recovery");
    assert!(counts.operations >= 300 && counts.images >= 5_000, "{counts:?}");
}

#[test]
fn the_power_cuts_catch_nodes_that_lose_or_invent_something() {
    let caught = [
        (Fault::ShowsTooEarly, "ticks that were told of are gone"),
        (Fault::ForgetsTheJournal, "it goes on from its last durable tick"),
        (Fault::TrimsFirst, "ticks that were told of are gone"),
        (Fault::ChargesTwice, "it goes on from its last durable tick"),
    ];
    for (fault, by) in caught {
        let message = panic_of(|| println!("{:?}", cut_off(fault)));
        let message = message.unwrap_or_else(|| panic!("{fault:?} passes"));
        assert!(message.contains(by), "{fault:?} fails by {message}");
    }
}

#[test]
fn a_life_survives_an_error_or_a_lack_of_space_at_every_operation() {
    let whole = SimDisk::new();
    assert_eq!(life(&whole, Fault::None).failure, None);
    let operations = whole.operations().len();
    let mut failures = 0;
    for fault in [DiskFault::Error, DiskFault::NoSpace] {
        for at in 0..operations {
            let disk = SimDisk::new();
            disk.fail_at(at, fault);
            let told = life(&disk, Fault::None);
            failures += usize::from(told.failure.is_some());
            disk.free_space();
            let checked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                recovers(&disk, &told, Fault::None);
                lives_on(&disk, &told, Fault::None);
            }));
            assert!(checked.is_ok(), "{fault:?} at operation {at}: {told:?}");
        }
    }
    println!("{operations} operations, {failures} of them ended the life early");
    assert!(operations >= 300 && failures > operations, "most faults are noticed");
}

#[test]
fn a_store_without_space_refuses_a_first_start_and_keeps_nothing_of_it() {
    let disk = SimDisk::new();
    disk.fail_at(0, DiskFault::Full);
    let mut told = Told::default();
    assert!(run(&disk, Fault::None, 1, &mut told).is_err());
    assert_eq!((told.checkpoints, told.ticks), (Vec::new(), Vec::new()));
    disk.free_space();
    let world = world(&disk, Fault::None);
    assert!(matches!(world.launch(&guest(), Some(0)), Ok(_) | Err(LaunchError::Open(_))));
    let key = Key::Checkpoint(agent());
    assert_eq!(pollster::block_on(world.node.storage.0.get(&key)).unwrap(), None);
}
