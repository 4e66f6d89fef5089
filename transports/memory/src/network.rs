//! The names on which nodes listen. A network is shared by those who are to reach each other: by name
//! within a process, or handed around by whoever builds the nodes.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use crate::listener::Door;

/// Names, and who listens there.
#[derive(Clone, Default)]
pub struct Network(Arc<Mutex<Places>>);

#[derive(Default)]
struct Places {
    doors: HashMap<String, Arc<Door>>,
    /// Names that were made up so far.
    made: u64,
}

impl Network {
    /// A network of its own.
    pub fn new() -> Self {
        Self::default()
    }

    /// The process's network of that name.
    pub fn named(name: &str) -> Self {
        static NETWORKS: LazyLock<Mutex<HashMap<String, Network>>> = LazyLock::new(Mutex::default);
        let mut networks = NETWORKS.lock().unwrap_or_else(PoisonError::into_inner);
        networks.entry(name.to_owned()).or_default().clone()
    }

    /// Puts `door` at `place`, unless someone is there.
    pub(crate) fn put(&self, place: &str, door: &Arc<Door>) -> bool {
        let mut places = self.places();
        if places.doors.contains_key(place) {
            return false;
        }
        places.doors.insert(place.to_owned(), Arc::clone(door));
        true
    }

    /// A name that nobody has used.
    pub(crate) fn unused(&self) -> String {
        let mut places = self.places();
        loop {
            places.made += 1;
            let name = format!("place-{}", places.made);
            if !places.doors.contains_key(&name) {
                return name;
            }
        }
    }

    pub(crate) fn find(&self, place: &str) -> Option<Arc<Door>> {
        self.places().doors.get(place).cloned()
    }

    /// Frees `place`, if `door` is what is there.
    pub(crate) fn remove(&self, place: &str, door: &Arc<Door>) {
        let mut places = self.places();
        if places.doors.get(place).is_some_and(|there| Arc::ptr_eq(there, door)) {
            places.doors.remove(place);
        }
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
