//! Work of the processor beside work of the disk. A commit waits for syncs most of its time; hashing large
//! values fits into that. Nothing here decides what is worth a thread except the size.

use std::panic::resume_unwind;
use std::thread::{Builder, Scope, ScopedJoinHandle};

/// Bytes from which hashing takes longer than starting a thread for it.
pub(crate) const LARGE: usize = 128 << 10;

/// The result of work that may still be going on.
pub(crate) enum Beside<'scope, T> {
    Thread(ScopedJoinHandle<'scope, T>),
    Done(T),
}

impl<'scope, T: Send + 'scope> Beside<'scope, T> {
    /// Starts `work` on a thread if it is about that many `bytes` that this is worth it, and if there is
    /// a thread to be had; otherwise does it at once.
    pub(crate) fn start(
        scope: &'scope Scope<'scope, '_>,
        bytes: usize,
        work: impl FnOnce() -> T + Copy + Send + 'scope,
    ) -> Self {
        if bytes < LARGE {
            return Self::Done(work());
        }
        match Builder::new().spawn_scoped(scope, work) {
            Ok(thread) => Self::Thread(thread),
            Err(_) => Self::Done(work()),
        }
    }

    /// Waits for the result.
    pub(crate) fn wait(self) -> T {
        match self {
            Self::Thread(thread) => thread.join().unwrap_or_else(|panic| resume_unwind(panic)),
            Self::Done(result) => result,
        }
    }
}
