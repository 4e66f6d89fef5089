//! What is to happen, in order of time; what is due at the same time happens in the order in which it was
//! planned. It knows nothing of what that is.

use std::collections::BTreeMap;

/// What is to happen.
#[derive(Debug)]
pub(super) struct Queue<T> {
    plans: BTreeMap<(u64, u64), T>,
    planned: u64,
}

impl<T> Queue<T> {
    pub(super) const fn new() -> Self {
        Self { plans: BTreeMap::new(), planned: 0 }
    }

    /// Plans something for a time.
    pub(super) fn plan(&mut self, at_ns: u64, what: T) {
        self.plans.insert((at_ns, self.planned), what);
        self.planned += 1;
    }

    /// The next thing that happens, and when.
    pub(super) fn next(&mut self) -> Option<(u64, T)> {
        self.plans.pop_first().map(|((at_ns, _), what)| (at_ns, what))
    }

    pub(super) fn len(&self) -> usize {
        self.plans.len()
    }
}
