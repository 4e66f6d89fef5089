//! Every power cut of a workload, one after the other: not a sample. What the workload is and what must
//! hold afterwards is the caller's.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::{Fault, Image, SimDisk};
use crate::{Rng, seed};

/// A disk as it is found when the power is back.
pub struct Crash {
    /// The disk.
    pub disk: SimDisk,
    /// After which operation the power was cut and what survived, for messages.
    pub place: String,
    seed: u64,
}

impl Crash {
    /// The same disk after the power was cut once more, at a random operation of `recover`; `None` if
    /// `recover` changes nothing.
    pub fn again<P>(&self, recover: impl Fn(&SimDisk) -> P) -> Option<(Self, P)> {
        let whole = self.disk.copy();
        recover(&whole);
        let count = whole.operations().len();
        let mut rng = Rng::new(self.seed);
        let at = usize::try_from(rng.below(u64::try_from(count).ok().filter(|n| *n > 0)?)).ok()?;
        let disk = self.disk.copy();
        disk.fail_at(at, Fault::PowerOff);
        let progress = recover(&disk);
        let images = Image::all(rng.next_u64());
        let image = images[usize::try_from(rng.below(u64::try_from(images.len()).ok()?)).ok()?];
        let place = format!("{}; recovery cut off at its operation {at}, {image:?}", self.place);
        Some((Self { disk: disk.image(image), place, seed: rng.next_u64() }, progress))
    }
}

/// What an enumeration went through.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Changes that the workload makes to the disk.
    pub operations: usize,
    /// Disks that were looked at.
    pub images: usize,
    /// Disks that were checked: all but those that were equal to one of the same power cut.
    pub distinct: usize,
}

/// Repeats `run` on a fresh disk of `disk` with the power cut after each of its changes, and after none,
/// and calls `check` with every image of what may then be on the disk and with how far `run` says that
/// it got. `run` must do the same each time, stop at the first error, and return.
///
/// # Panics
/// When `check` does, with the place of the power cut and the seed in the message.
pub fn enumerate<P>(
    disk: impl Fn() -> SimDisk,
    run: impl Fn(&SimDisk) -> P,
    check: impl Fn(&Crash, &P),
) -> Counts {
    let whole = disk();
    run(&whole);
    let operations = whole.operations();
    let mut counts = Counts { operations: operations.len(), images: 0, distinct: 0 };
    let mut rng = Rng::new(seed());
    for done in 0..=operations.len() {
        let disk = disk();
        disk.fail_at(done, Fault::PowerOff);
        let progress = run(&disk);
        let last = match done.checked_sub(1).and_then(|last| operations.get(last)) {
            Some(operation) => format!("after operation {} ({operation})", done - 1),
            None => "before the first operation".to_owned(),
        };
        let mut seen = Vec::new();
        for image in Image::all(rng.next_u64()) {
            counts.images += 1;
            let found = disk.image(image);
            let nodes = found.nodes();
            if seen.contains(&nodes) {
                continue;
            }
            seen.push(nodes);
            let place = format!("power cut {last}, {image:?}, seed {}", seed());
            let crash = Crash { disk: found, place, seed: rng.next_u64() };
            let checked = catch_unwind(AssertUnwindSafe(|| check(&crash, &progress)));
            if let Err(panic) = checked {
                panic!("{}: {}", crash.place, message(&*panic));
            }
            counts.distinct += 1;
        }
    }
    counts
}

/// The text of a panic.
pub(crate) fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("the check panicked")
}
