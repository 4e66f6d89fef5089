//! The storage suite: what every store must keep, refuse and survive. It knows a store only through
//! the trait and through a fixture, the one place where that store's content lies.

use std::any::Any;
use std::sync::Arc;

use igor_core::Storage;

use crate::Case;

/// An opened store. Fields drop in this order: first the store, then what it needs.
pub struct Opened {
    /// The store.
    pub storage: Arc<dyn Storage>,
    /// What must outlive it.
    pub guard: Box<dyn Any + Send + Sync>,
}

/// A place for one store's content. Each case gets a fresh, empty one.
pub trait StorageFixture {
    /// Opens the store, beside any other opener of this same fixture.
    fn open(&self) -> Opened;

    /// Closes `old` and opens the store again, as a new process would.
    fn reopen(&self, old: Opened) -> Opened {
        drop(old);
        self.open()
    }
}

/// All cases.
pub fn cases() -> Vec<Case<dyn StorageFixture>> {
    Vec::new()
}
