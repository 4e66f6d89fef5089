//! The two directions of a stream between those who use it and the task that carries it. Either side acts on
//! it and has the other look again; neither waits here for anything.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};

use crate::incoming::Incoming;
use crate::outgoing::Outgoing;

/// A stream of bytes in both directions.
#[derive(Debug)]
pub(crate) struct Pipe(Mutex<State>);

/// What is known of it.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) incoming: Incoming,
    pub(crate) outgoing: Outgoing,
    /// Somebody here has it, or had it.
    taken: bool,
    carrier: Option<Waker>,
}

impl State {
    /// Whether both directions have ended, read or not.
    pub(crate) const fn is_said(&self) -> bool {
        self.incoming.has_ended() && self.outgoing.is_over()
    }

    /// Whether nothing more happens on it.
    pub(crate) fn is_over(&self) -> bool {
        self.taken && self.incoming.is_over() && self.outgoing.is_over()
    }
}

impl Pipe {
    /// A stream that the other end opened, and nobody here has taken yet, or one that was opened here.
    pub(crate) fn new(taken: bool) -> Self {
        let (incoming, outgoing) = (Incoming::default(), Outgoing::default());
        Self(Mutex::new(State { incoming, outgoing, taken, carrier: None }))
    }

    /// Somebody takes it.
    pub(crate) fn take(&self) {
        self.use_by(|state| state.taken = true);
    }

    /// Acts on it for those who use it.
    pub(crate) fn use_by<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.lock();
        let result = act(&mut state);
        if let Some(carrier) = state.carrier.take() {
            carrier.wake();
        }
        result
    }

    /// Acts on it for the task that carries it.
    pub(crate) fn carry<T>(&self, context: &Context<'_>, act: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.lock();
        state.carrier = Some(context.waker().clone());
        act(&mut state)
    }

    /// Has those who wait look again: the connection is gone.
    pub(crate) fn wake(&self) {
        let mut state = self.lock();
        state.incoming.wake();
        state.outgoing.wake();
    }

    /// Nobody carries it any more, though it was not over.
    pub(crate) fn lose(&self) {
        let mut state = self.lock();
        state.incoming.reset(Default::default());
        state.outgoing.stopped(Default::default());
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
