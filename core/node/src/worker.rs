//! Carries out the guest commands of a driver: starts incarnations and runs their ticks, one at a
//! time, on the thread that calls it. That thread needs the stack that the engine asks for. A worker
//! knows no timers and no storage.

use std::sync::Arc;

use igor_core::Entropy;
use igor_core::format::{Record, SegmentOpening, Tick};

use crate::driver::{Command, Event};
use crate::host::{Environment, GuestIdentity};
use crate::incarnation::{Holdings, Incarnation, Opening};
use crate::program::Program;
use crate::purse::Purse;
use crate::replay::{Arrived, Refutation, SegmentReplay};

/// What became of a command.
#[derive(Debug)]
pub enum Carried {
    /// It was about the guest, and this happened.
    Out(Event),
    /// It is not about the guest, and nothing was done.
    Back(Command),
}

/// Runs one agent's guest code.
pub struct Worker {
    program: Program,
    environment: Environment,
    identity: GuestIdentity,
    holdings: Holdings,
    incarnation: Option<Incarnation>,
    native_stack_bytes: usize,
}

/// An incarnation that stands where a process before left it.
#[derive(Clone)]
pub struct Recovered {
    /// What is left of its money.
    pub purse: Purse,
    /// The last committed tick.
    pub tick: Tick,
    /// The state after it.
    pub state: Option<Vec<u8>>,
    /// Whether the incarnation can go on.
    pub is_running: bool,
    /// How many ticks were repeated.
    pub ticks: u64,
}

impl std::fmt::Debug for Recovered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Recovered({} ticks to {})", self.ticks, self.tick)
    }
}

/// Why what is journaled could not be repeated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecoverError {
    /// The operator stopped it.
    #[error("it was stopped before it had repeated what is journaled")]
    Cancelled,
    /// It came out otherwise, or did not come to an end.
    #[error("what is journaled cannot be repeated: {0}")]
    Refuted(#[from] Refutation),
}

impl Worker {
    /// A worker for the agent with this public key and these receipts, whose engine needs so much
    /// stack.
    pub(crate) fn new(
        program: Program,
        environment: Environment,
        public_key: [u8; 32],
        receipts: Arc<[Vec<u8>]>,
        native_stack_bytes: usize,
    ) -> Self {
        let identity = GuestIdentity { code_hash: program.code_hash, public_key };
        let holdings = Holdings { receipts, answers: None };
        let incarnation = None;
        Self { program, environment, identity, holdings, incarnation, native_stack_bytes }
    }

    /// Lets the guest find this outside itself from its next start on.
    pub(crate) fn move_into(&mut self, entropy: Arc<dyn Entropy>, holdings: Holdings) {
        self.environment.entropy = entropy;
        self.holdings = holdings;
    }

    /// The stack that guest calls need, in bytes.
    pub const fn native_stack_bytes(&self) -> usize {
        self.native_stack_bytes
    }

    /// Carries out a command if it is about the guest.
    ///
    /// # Panics
    /// If it is a tick and no incarnation was started, which no driver asks for.
    pub fn carry_out(&mut self, command: Command, purse: &Purse) -> Carried {
        match command {
            Command::Recover { state, opening, records } => {
                Carried::Out(self.recover(state, &opening, &records, purse))
            }
            Command::Start { tick, state } => {
                Carried::Out(self.start(tick, state.as_deref(), purse))
            }
            Command::Tick(tick) => Carried::Out(self.tick(tick, purse)),
            other => Carried::Back(other),
        }
    }

    /// Drops the running incarnation and starts a new one.
    fn start(&mut self, tick: Tick, state: Option<&[u8]>, purse: &Purse) -> Event {
        self.incarnation = None;
        let opening = Opening { identity: self.identity, tick, state };
        let (program, environment) = (&self.program, &self.environment);
        let holdings = self.holdings.clone();
        let report = Incarnation::start_with(program, environment, holdings, purse, &opening, None);
        Event::Started(report.map(|(incarnation, state)| {
            self.incarnation = Some(incarnation);
            state
        }))
    }

    /// Drops the running incarnation and brings a new one to where these records lead.
    fn recover(
        &mut self,
        state: Option<Vec<u8>>,
        opening: &SegmentOpening,
        records: &[Record],
        purse: &Purse,
    ) -> Event {
        self.incarnation = None;
        let (program, receipts) = (self.program.clone(), Arc::clone(&self.holdings.receipts));
        let meter = Arc::clone(&purse.meter);
        let mut replay =
            SegmentReplay::new(program, &self.environment, meter, receipts, opening, state);
        for record in records {
            if let Err(refutation) = replay.step(record) {
                let is_cancelled = self.environment.cancel.is_cancelled();
                let error = match refutation {
                    Refutation::Unverified { .. } if is_cancelled => RecoverError::Cancelled,
                    refutation => refutation.into(),
                };
                return Event::Recovered(Err(error));
            }
        }
        let Arrived { incarnation, purse, tick, state } = replay.into_arrived();
        self.incarnation = incarnation.map(|incarnation| incarnation.live(&self.environment));
        Event::Recovered(Ok(Recovered {
            purse,
            tick,
            state,
            is_running: self.incarnation.is_some(),
            ticks: tick.0.saturating_sub(opening.tick.0),
        }))
    }

    /// Runs a tick in the running incarnation.
    fn tick(&mut self, tick: Tick, purse: &Purse) -> Event {
        let incarnation =
            self.incarnation.as_mut().expect("a driver ticks only what it has started");
        Event::Ticked(incarnation.tick(tick, purse, None))
    }
}
