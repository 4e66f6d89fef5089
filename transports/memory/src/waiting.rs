//! Who is to be woken when something changes. All of them are, so that a waiter that has gone away
//! takes nothing with it; nobody is woken while a lock is held.

use std::task::{Context, Waker};

/// Tasks that wait for one thing.
#[derive(Default)]
pub(crate) struct Waiting(Vec<Waker>);

impl Waiting {
    /// Adds the task that polls, once.
    pub(crate) fn add(&mut self, context: &Context<'_>) {
        if !self.0.iter().any(|waker| waker.will_wake(context.waker())) {
            self.0.push(context.waker().clone());
        }
    }

    /// Moves all of them to those that are woken next.
    pub(crate) fn wake(&mut self, awake: &mut Vec<Waker>) {
        awake.append(&mut self.0);
    }
}
