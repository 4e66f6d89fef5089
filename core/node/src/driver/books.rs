//! What the driver writes down, and what it shows once that is durable.

use igor_core::format::Tick;
use igor_core::storage::{Committed, StorageError};

use super::{After, Command, Driver, Phase, Stop};
use crate::event::{RunEvent, StopReason};
use crate::ledger::{Snapshot, Written};

impl Driver {
    /// Hands what was recorded to the store, unless something is on its way already.
    pub(super) fn flush(&mut self) {
        if !self.ledger.is_writing()
            && let Some(batch) = self.ledger.append()
        {
            self.commands.push_back(Command::Commit(batch));
        }
    }

    /// Writes a checkpoint as soon as nothing else is on its way; then `after` follows.
    pub(super) fn close(&mut self, now_ns: u64, after: After) {
        self.phase = Phase::Closing(after);
        self.save(now_ns);
    }

    /// Writes the checkpoint that the current phase is about.
    fn save(&mut self, now_ns: u64) {
        let Phase::Closing(after) = &self.phase else { return };
        if self.ledger.is_writing() {
            return;
        }
        if *after == After::Depart {
            return self.offer(now_ns);
        }
        let is_final = matches!(after, After::Finish(_));
        let snapshot = Snapshot::of(&self.purse, self.tick, self.state.as_deref());
        let is_forced = !is_final && !self.grants.is_empty();
        let batch =
            self.ledger.save(&snapshot, is_final, is_forced).or_else(|| self.ledger.append());
        match batch {
            Some(batch) => self.commands.push_back(Command::Commit(batch)),
            None => self.closed(now_ns),
        }
    }

    /// Does what follows a checkpoint.
    fn closed(&mut self, now_ns: u64) {
        let phase = std::mem::replace(&mut self.phase, Phase::Waiting);
        if let Some(stop) = self.due_stop.take() {
            return self.close(now_ns, After::Finish(stop));
        }
        match phase {
            Phase::Closing(After::Finish(stop)) if self.waits_for_check(&stop) => {
                self.wait_for_check(now_ns, stop);
            }
            Phase::Closing(After::Finish(stop)) => self.finish(stop),
            _ if !self.grants.is_empty() => self.grant(now_ns),
            _ if self.purse.budget.is_zero() => self.finish(StopReason::BudgetExhausted.into()),
            _ => self.start(),
        }
    }

    pub(super) fn committed(&mut self, now_ns: u64, result: Result<Committed, StorageError>) {
        let committed = match result {
            Ok(committed) => committed,
            Err(error) => return self.refused(now_ns, error),
        };
        self.is_short = false;
        match self.ledger.committed(&committed) {
            Written::Records => {
                self.release();
                match self.phase {
                    Phase::Closing(_) => self.save(now_ns),
                    Phase::Waiting => self.proceed(now_ns),
                    _ => self.flush(),
                }
            }
            Written::Checkpoint(hash, segment) => {
                self.release_all();
                self.has_news = false;
                self.next_checkpoint_ns = now_ns.saturating_add(self.plan.checkpoint_interval_ns);
                self.introduce();
                if let Phase::Granting(grant) = self.phase {
                    return self.granted(now_ns, grant, hash, segment.as_deref());
                }
                if self.phase == Phase::Leaving {
                    return self.left(hash);
                }
                self.emit(RunEvent::Checkpointed { tick: self.tick, hash });
                if let Some(segment) = segment {
                    self.check_segment(&segment);
                }
                self.closed(now_ns);
            }
        }
    }

    /// Tries again to write the checkpoint without which nothing can be started, or to end the run.
    pub(super) fn save_again(&mut self, now_ns: u64) {
        if self.ledger.is_writing() {
            return;
        }
        if self.is_stop_asked {
            return self.stop(now_ns, StopReason::Signal.into());
        }
        self.save(now_ns);
    }

    /// What was to be written is not.
    fn refused(&mut self, now_ns: u64, error: StorageError) {
        if self.phase == Phase::Leaving {
            return self.not_left(now_ns, &error);
        }
        self.ledger.refused();
        let is_first = self.ledger.is_unborn();
        let can_wait = matches!(error, StorageError::NoSpace { .. }) && !is_first;
        if !can_wait || matches!(self.phase, Phase::Closing(After::Finish(_))) {
            let detail = Some(error.to_string());
            return self.finish(Stop { reason: StopReason::Storage, detail });
        }
        if let Phase::Granting(grant) = self.phase {
            return self.not_granted(now_ns, grant, &error);
        }
        let retry_ns = now_ns.saturating_add(self.plan.checkpoint_interval_ns);
        if let Phase::Closing(_) = self.phase {
            self.deny_all(&error.to_string());
            self.tell(format!("no checkpoint was written, the next interval tries again: {error}"));
            self.next_checkpoint_ns = retry_ns;
            if self.is_standing {
                return self.wait(now_ns);
            }
            // There is nothing to tick until the checkpoint is there from which it is started.
            self.commands.push_back(Command::SetTimer(retry_ns));
        } else {
            self.tell(format!("nothing could be journaled, no tick is run until it can: {error}"));
            (self.is_short, self.retry_ns) = (true, retry_ns);
            if self.phase == Phase::Waiting {
                self.proceed(now_ns);
            }
        }
    }

    /// Shows something once all that was recorded so far is durable.
    pub(super) fn emit(&mut self, event: RunEvent) {
        let position = self.ledger.position();
        if self.held.is_empty() && position <= self.ledger.synced() {
            self.commands.push_back(Command::Emit(event));
        } else {
            self.held.push_back((position, event));
        }
    }

    /// Shows what an operation of `tick` logged once what was recorded of it is durable.
    pub(super) fn show(&mut self, tick: Tick, lines: Vec<String>) {
        for message in lines {
            self.emit(RunEvent::Logged { tick, message });
        }
    }

    /// Shows what an operation logged of which nothing will ever be recorded.
    pub(super) fn show_at_once(&mut self, tick: Tick, lines: Vec<String>) {
        for message in lines {
            self.commands.push_back(Command::Emit(RunEvent::Logged { tick, message }));
        }
    }

    /// Tells the operator something that depends on no record.
    pub(super) fn tell(&mut self, notice: String) {
        self.commands.push_back(Command::Emit(RunEvent::Notice(notice)));
    }

    /// Shows what depends on nothing that is not durable.
    fn release(&mut self) {
        let synced = self.ledger.synced();
        while let Some((_, event)) = self.held.pop_front_if(|(position, _)| *position <= synced) {
            self.commands.push_back(Command::Emit(event));
        }
    }

    fn release_all(&mut self) {
        let held = self.held.drain(..).map(|(_, event)| Command::Emit(event));
        self.commands.extend(held);
    }
}
