//! What a thread does for an agent: it is handed everything that is needed, and hands it back with what
//! happened. A thread belongs to no agent, and an agent to no thread. What breaks down while it works is
//! caught here, so that it ends the one agent and not the node.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::Seat;
use crate::driver::{Command, Event};
use crate::purse::Purse;
use crate::verify::{Job, Verification, Verifier};
use crate::worker::{Carried, Worker};

/// Guest code to be run, on a thread with the stack that the engine asks for.
pub struct Work {
    seat: Seat,
    worker: Box<Worker>,
    command: Command,
    purse: Purse,
}

/// What came of [`Work`].
pub struct Worked {
    pub(super) seat: Seat,
    pub(super) outcome: Result<(Box<Worker>, Event), String>,
}

impl Work {
    pub(super) fn new(seat: Seat, worker: Worker, command: Command, purse: Purse) -> Self {
        Self { seat, worker: Box::new(worker), command, purse }
    }

    /// Does it, on the calling thread.
    pub fn carry_out(self) -> Worked {
        let Self { seat, mut worker, command, purse } = self;
        let body = move || match worker.carry_out(command, &purse) {
            Carried::Out(event) => Ok((worker, event)),
            Carried::Back(command) => Err(format!("{command:?} is not about the guest")),
        };
        let outcome = catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|panic| Err(why(panic)));
        Worked { seat, outcome }
    }
}

/// Something to be checked, on a thread with the stack that the verifier's engine asks for.
pub struct Check {
    seat: Seat,
    verifier: Box<Verifier>,
    job: Job,
}

/// What came of a [`Check`].
pub struct Checked {
    pub(super) seat: Seat,
    pub(super) outcome: Result<(Box<Verifier>, Verification), String>,
}

impl Check {
    pub(super) fn new(seat: Seat, verifier: Verifier, job: Job) -> Self {
        Self { seat, verifier: Box::new(verifier), job }
    }

    /// Does it, on the calling thread.
    pub fn carry_out(self) -> Checked {
        let Self { seat, mut verifier, job } = self;
        let body = move || {
            let verification = verifier.check(job);
            (verifier, verification)
        };
        let outcome = catch_unwind(AssertUnwindSafe(body)).map_err(why);
        Checked { seat, outcome }
    }
}

/// What a panic says, in words.
fn why(panic: Box<dyn Any + Send>) -> String {
    let text = panic.downcast_ref::<&str>().copied().map(str::to_owned);
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    let text = text.unwrap_or_else(|| "it did not say why".to_owned());
    format!("a defect of the node: {text}")
}
