//! Carries out the guest commands of a driver: starts incarnations and runs their ticks, one at a
//! time, on the thread that calls it. That thread needs the stack that the engine asks for. A worker
//! knows no timers and no storage.

use std::sync::Arc;

use igor_core::format::Tick;

use crate::driver::Event;
use crate::host::{Environment, GuestIdentity};
use crate::incarnation::{Incarnation, Opening, Report};
use crate::program::Program;
use crate::purse::Purse;

/// Runs one agent's guest code.
pub struct Worker {
    program: Program,
    environment: Environment,
    identity: GuestIdentity,
    receipts: Arc<[Vec<u8>]>,
    incarnation: Option<Incarnation>,
}

impl Worker {
    /// A worker for the agent with this public key and these receipts.
    pub fn new(
        program: Program,
        environment: Environment,
        public_key: [u8; 32],
        receipts: Arc<[Vec<u8>]>,
    ) -> Self {
        let identity = GuestIdentity { code_hash: program.code_hash, public_key };
        Self { program, environment, identity, receipts, incarnation: None }
    }

    /// Drops the running incarnation and starts a new one.
    pub fn start(&mut self, tick: Tick, state: Option<&[u8]>, purse: &Purse) -> Event {
        self.incarnation = None;
        let opening = Opening { identity: self.identity, tick, state };
        let (program, environment) = (&self.program, &self.environment);
        let report = Incarnation::start(program, environment, &self.receipts, purse, &opening);
        let Report { outcome, usage, observations, lines } = report;
        let outcome = outcome.map(|(incarnation, state)| {
            self.incarnation = Some(incarnation);
            state
        });
        Event::Started(Report { outcome, usage, observations, lines })
    }

    /// Runs a tick in the running incarnation.
    ///
    /// # Panics
    /// If no incarnation was started, which no driver asks for.
    pub fn tick(&mut self, tick: Tick, purse: &Purse) -> Event {
        let incarnation =
            self.incarnation.as_mut().expect("a driver ticks only what it has started");
        Event::Ticked(incarnation.tick(tick, purse))
    }
}
