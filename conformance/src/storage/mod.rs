//! The storage suite: what every store must keep, refuse and survive. It knows a store only through
//! the trait and through a fixture, the one place where that store's content lies.
//!
//! Some cases need more than opening: another process, or a disk that can fail. A fixture declares that
//! by what it offers ([`StorageFixture::locator`], [`StorageFixture::on_disk`]); cases that then do not
//! apply are listed as ignored, and [`inapplicable`] names them.

pub mod child;
mod claims;
mod concurrency;
mod durable;
mod faults;
mod fixture;
mod groups;
mod lists;
mod logs;
pub mod model;
mod power;
mod preconditions;
mod support;
mod trims;
mod values;

use std::any::Any;
use std::sync::Arc;

use igor_core::Storage;
use igor_core::storage::Durability;

use crate::Case;
use crate::disk::SimDisk;

pub use faults::{Outcomes, fail_everywhere};
pub use fixture::PluginFixture;
pub use power::{Turns, cut_power_everywhere, cut_power_in_turns, kill_everywhere};

/// An opened store. Fields drop in this order: first the store, then what it needs.
pub struct Opened {
    /// The store.
    pub storage: Arc<dyn Storage>,
    /// What must outlive it.
    pub guard: Box<dyn Any + Send + Sync>,
}

/// A place for one store's content. Each case gets a fresh, empty one.
pub trait StorageFixture: Sync {
    /// Opens the store, beside any other opener of this same fixture.
    fn open(&self) -> Opened;

    /// Closes `old` and opens the store again, as a new process would.
    fn reopen(&self, old: Opened) -> Opened {
        drop(old);
        self.open()
    }

    /// How a child process of this program opens the same store, as [`PluginFixture`] understands it.
    fn locator(&self) -> Option<String> {
        None
    }

    /// The store over a simulated disk, if its file operations can be replaced.
    fn on_disk(&self, _disk: &SimDisk) -> Option<Arc<dyn Storage>> {
        None
    }
}

/// All cases.
pub fn cases() -> Vec<Case<dyn StorageFixture>> {
    [
        values::cases(),
        lists::cases(),
        preconditions::cases(),
        groups::cases(),
        logs::cases(),
        trims::cases(),
        concurrency::cases(),
        claims::cases(),
        durable::cases(),
        durable::cases_with_processes(),
        faults::cases(),
        power::cases(),
    ]
    .concat()
}

/// The names of those cases that `fixture` offers too little for.
pub fn inapplicable(fixture: &dyn StorageFixture) -> Vec<&'static str> {
    let survives = fixture.open().storage.durability() >= Durability::ProcessKill;
    let mut cases = Vec::new();
    if !survives || fixture.locator().is_none() {
        cases.extend(durable::cases_with_processes());
    }
    if fixture.on_disk(&SimDisk::new()).is_none() {
        cases.extend(faults::cases());
        cases.extend(power::cases());
    }
    cases.into_iter().map(|case| case.name).collect()
}
