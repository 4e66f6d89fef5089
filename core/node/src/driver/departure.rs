//! How an agent leaves for another node: it is stopped where nothing is running, its last checkpoint and the
//! offer of it are built, and whoever asked says whether both are made durable or the agent goes on. Whether
//! and where it goes is decided elsewhere.

use igor_core::format::{Hash, PublicKey, TransferId};
use igor_core::handoff::Custody;
use igor_core::storage::StorageError;

use super::{Command, Driver, Phase, Stop};
use crate::event::{RunEvent, StopReason};
use crate::ledger::{Departure, Snapshot};

impl Driver {
    /// Offers the agent as soon as nothing is running, if it does not stop before.
    pub(super) fn depart(
        &mut self,
        now_ns: u64,
        transfer: TransferId,
        target: PublicKey,
        epoch: u64,
    ) {
        if self.departure.is_some() || matches!(self.phase, Phase::Offering | Phase::Leaving) {
            let reason = "it is being offered already".to_owned();
            return self.commands.push_back(Command::CannotOffer(reason));
        }
        self.departure = Some(Departure { transfer, target, epoch });
        if self.phase == Phase::Waiting && self.introduction.is_none() {
            self.wait(now_ns);
        }
    }

    /// Builds the offer; everything recorded before is durable.
    pub(super) fn offer(&mut self, now_ns: u64) {
        let Some(departure) = self.departure.take() else { return self.wait(now_ns) };
        let snapshot = Snapshot::of(&self.purse, self.tick, self.state.as_deref());
        match self.ledger.depart(&snapshot, departure) {
            Ok(offer) => {
                self.phase = Phase::Offering;
                self.commands.push_back(Command::Offer(offer));
            }
            Err(error) => {
                self.commands.push_back(Command::CannotOffer(error.to_string()));
                self.wait(now_ns);
            }
        }
    }

    /// Makes the offer durable, unless something was found meanwhile that the agent must not leave with.
    pub(super) fn keep(&mut self, now_ns: u64, custody: &Custody) {
        if self.phase != Phase::Offering {
            return;
        }
        let batch = self.ledger.offer(custody).filter(|_| self.due_stop.is_none());
        match batch {
            Some(batch) => {
                self.phase = Phase::Leaving;
                self.commands.push_back(Command::Commit(batch));
            }
            None => {
                self.commands.push_back(Command::NotOffered("it stops".to_owned()));
                self.spare(now_ns);
            }
        }
    }

    /// Goes on as if nothing had been offered.
    pub(super) fn spare(&mut self, now_ns: u64) {
        if matches!(self.phase, Phase::Offering | Phase::Leaving) {
            self.ledger.refused();
            self.wait(now_ns);
        }
    }

    /// The offer is durable: the agent is not ticked here any more.
    pub(super) fn left(&mut self, checkpoint: Hash) {
        self.emit(RunEvent::Checkpointed { tick: self.tick, hash: checkpoint });
        self.deny_all("it was offered to another node");
        self.end(StopReason::Offered);
    }

    /// The offer could not be written.
    pub(super) fn not_left(&mut self, now_ns: u64, error: &StorageError) {
        let is_clean = matches!(
            error,
            StorageError::NoSpace { .. }
                | StorageError::Refused { .. }
                | StorageError::TooLarge { .. }
                | StorageError::Conflict { .. }
        );
        let detail = error.to_string();
        if is_clean {
            self.commands.push_back(Command::NotOffered(detail.clone()));
        }
        if !is_clean || matches!(error, StorageError::Conflict { .. }) {
            self.phase = Phase::Waiting;
            self.ledger.refused();
            let detail = Some(detail);
            return self.finish(Stop { reason: StopReason::Storage, detail });
        }
        self.spare(now_ns);
    }

    /// Answers who asked for an offer of an agent that stops instead.
    pub(super) fn deny_departure(&mut self) {
        if self.departure.take().is_some() {
            self.commands.push_back(Command::CannotOffer("it stopped".to_owned()));
        }
        if self.phase == Phase::Offering {
            self.commands.push_back(Command::NotOffered("it stopped".to_owned()));
        }
    }
}
