//! What the operator asks of an agent that runs: to rest, to go on, and to take money. Money becomes
//! real with a checkpoint that follows another one directly, so that its fund record explains the whole
//! difference between the two.

use igor_core::format::{FundId, Hash, Microcents, Segment};
use igor_core::storage::StorageError;

use super::{After, Command, Driver, Phase};
use crate::event::{Granted, NotGranted, RunEvent, StopReason};
use crate::ledger::Snapshot;

/// Money that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Grant {
    pub(super) amount: Microcents,
    pub(super) id: FundId,
}

impl Driver {
    /// Runs no tick until [`Driver::unpause`]; one that runs comes to its end first.
    pub(super) fn pause(&mut self, now_ns: u64) {
        self.is_paused = true;
        self.look_again(now_ns);
    }

    /// Ticks again, at once if the time for it came in the meantime.
    pub(super) fn unpause(&mut self, now_ns: u64) {
        self.is_paused = false;
        self.look_again(now_ns);
    }

    /// Begins no tick while it is doubtful whether the agent may be ticked here.
    pub(super) fn doubt(&mut self, now_ns: u64, is_doubted: bool) {
        self.is_doubted = is_doubted;
        self.look_again(now_ns);
    }

    /// Says that the agent rests or goes on, once it does; what it did before is said first.
    pub(super) fn tell_rest(&mut self) {
        if let Some(reason) = self.untold_exile.take() {
            self.emit(RunEvent::MustMove { tick: self.tick, reason });
        }
        if self.is_paused != self.is_pause_told {
            self.is_pause_told = self.is_paused;
            let tick = self.tick;
            let event =
                if self.is_paused { RunEvent::Paused(tick) } else { RunEvent::Unpaused(tick) };
            self.emit(event);
        }
    }

    /// Does what is due now, if nothing is running.
    pub(super) fn look_again(&mut self, now_ns: u64) {
        if self.phase == Phase::Waiting && self.introduction.is_none() {
            self.proceed(now_ns);
        }
    }

    /// Adds to the budget as soon as nothing is running.
    pub(super) fn fund(&mut self, now_ns: u64, amount: Microcents, id: FundId) {
        self.grants.push_back(Grant { amount, id });
        if self.phase == Phase::Waiting && self.introduction.is_none() {
            self.wait(now_ns);
        }
    }

    /// Writes the next grant down; the checkpoint before it is written.
    pub(super) fn grant(&mut self, now_ns: u64) {
        let Some(grant) = self.grants.pop_front() else { return self.go_on(now_ns) };
        let before = self.purse.budget;
        let Some(budget) = before.checked_add(grant.amount) else {
            let reason = format!("with what it has, {before}, it would exceed {}", Microcents::MAX);
            self.deny(grant, reason);
            return self.grant(now_ns);
        };
        let snapshot = Snapshot {
            tick: self.tick,
            budget,
            carry: self.purse.carry,
            price: self.purse.price,
            state: self.state.as_deref().unwrap_or_default(),
        };
        match self.ledger.fund(&snapshot, before, grant.amount, grant.id) {
            Ok(batch) => {
                self.phase = Phase::Granting(grant);
                if self.checks.is_some() {
                    self.opened_with = (self.state.clone(), self.tick);
                }
                self.commands.push_back(Command::Commit(batch));
            }
            Err(error) => {
                self.deny(grant, error.to_string());
                self.grant(now_ns);
            }
        }
    }

    /// A grant is durable, in the checkpoint of this hash.
    pub(super) fn granted(
        &mut self,
        now_ns: u64,
        Grant { amount, id }: Grant,
        checkpoint: Hash,
        segment: Option<&Segment>,
    ) {
        let before = self.purse.budget;
        self.purse.budget = before.checked_add(amount).unwrap_or(Microcents::MAX);
        let (tick, budget) = (self.tick, self.purse.budget);
        let granted = Granted { id, tick, amount, before, budget, checkpoint };
        self.emit(RunEvent::Checkpointed { tick, hash: checkpoint });
        self.emit(RunEvent::Granted(granted));
        if let Some(segment) = segment {
            self.check_segment(segment);
        }
        self.grant(now_ns);
    }

    /// A grant could not be written, and nothing of it was.
    pub(super) fn not_granted(&mut self, now_ns: u64, grant: Grant, error: &StorageError) {
        self.ledger.withdraw();
        self.deny(grant, error.to_string());
        self.grant(now_ns);
    }

    /// Answers every grant that waits with a no.
    pub(super) fn deny_all(&mut self, reason: &str) {
        while let Some(grant) = self.grants.pop_front() {
            self.deny(grant, reason.to_owned());
        }
    }

    fn deny(&mut self, Grant { amount, id }: Grant, reason: String) {
        let denied = NotGranted { id, tick: self.tick, amount, reason };
        self.commands.push_back(Command::Emit(RunEvent::NotGranted(denied)));
    }

    /// Goes on after a checkpoint, with nothing left to be granted.
    fn go_on(&mut self, now_ns: u64) {
        if self.purse.budget.is_zero() {
            self.finish(StopReason::BudgetExhausted.into());
        } else if self.is_stop_asked {
            self.close(now_ns, After::Finish(StopReason::Signal.into()));
        } else {
            self.start();
        }
    }
}
