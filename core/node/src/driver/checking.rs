//! How a driver has what happens checked, and what follows from a verdict.

use igor_core::format::{Observations, Record, Segment, Tick};

use super::{After, Command, Driver, Phase, RecordedTick, Stop, Verification};
use crate::event::{RunEvent, StopReason, Ticked};
use crate::verify::Consequence;

/// How long the end of a run waits for a check that still runs, in nanoseconds.
const GRACE_NS: u64 = 5_000_000_000;

impl Driver {
    /// What a process before recorded of the incarnation that is being recovered.
    pub(super) fn take_up_checks(&mut self, records: &[Record]) {
        let Some(checks) = &mut self.checks else { return };
        self.opened_with = (self.state.clone(), self.tick);
        for record in records {
            if let Record::Started(started) = record {
                checks.started(&started.observations);
            }
        }
    }

    /// A tick was committed, from this state.
    pub(super) fn check_tick(
        &mut self,
        ticked: &Ticked,
        observations: &Observations,
        before: Option<Vec<u8>>,
    ) {
        let Some(checks) = &mut self.checks else { return };
        let (tick, state) = (ticked.tick, ticked.state_hash);
        let recorded = RecordedTick { tick, observations: observations.clone(), state };
        if let Some(job) = checks.ticked(recorded, before.unwrap_or_default()) {
            self.commands.push_back(Command::Verify(job));
        }
    }

    /// A segment was sealed, which ends with the current state.
    pub(super) fn check_segment(&mut self, segment: &Segment) {
        let Some(checks) = &mut self.checks else { return };
        let (opening_state, opened_at) = std::mem::replace(&mut self.opened_with, (None, Tick(0)));
        let states = (opening_state, self.state.clone().unwrap_or_default());
        match checks.sealed(segment, opened_at, states) {
            Ok(job) => self.commands.extend(job.map(Command::Verify)),
            Err(skipped) => self.commands.push_back(Command::Emit(RunEvent::Verified(skipped))),
        }
    }

    /// Whether the end of the run is to wait for a check.
    pub(super) fn waits_for_check(&self, stop: &Stop) -> bool {
        let ends_by_itself = matches!(stop.reason, StopReason::Ticks | StopReason::BudgetExhausted);
        ends_by_itself && self.checks.as_ref().is_some_and(|checks| checks.is_busy())
    }

    /// Lets a check come to its end before the run ends.
    pub(super) fn wait_for_check(&mut self, now_ns: u64, stop: Stop) {
        self.phase = Phase::Checking(stop);
        self.commands.push_back(Command::SetTimer(now_ns.saturating_add(GRACE_NS)));
    }

    pub(super) fn verified(&mut self, now_ns: u64, verification: &Verification) {
        let Some(checks) = &mut self.checks else { return };
        let (consequence, is_told) = checks.done(verification);
        if consequence == Consequence::None {
            self.commands.extend(checks.next().map(Command::Verify));
        }
        let tells_cost = checks.tells_cost();
        if is_told {
            let event = RunEvent::Verified(verification.clone());
            self.commands.push_back(Command::Emit(event));
        }
        if tells_cost {
            let Verification { kind, from, to, gas, elapsed, .. } = verification;
            let what = kind.name();
            self.tell(format!(
                "the check of a {what} from tick {from} to {to} took {elapsed} and {gas} gas"
            ));
        }
        let (reason, detail) = match consequence {
            Consequence::None => {
                return match &self.phase {
                    Phase::Checking(stop) if !self.waits_for_check(stop) => {
                        self.finish(stop.clone());
                    }
                    _ => {}
                };
            }
            Consequence::Exile(reason) if !matches!(self.phase, Phase::Checking(_)) => {
                return self.exile(now_ns, reason);
            }
            Consequence::Divergence(detail) | Consequence::Exile(detail) => {
                (StopReason::Divergence, detail)
            }
            Consequence::HiddenState(detail) => (StopReason::HiddenState, detail),
        };
        self.distrust(now_ns, reason, detail);
    }

    /// Begins no more ticks, and says so once none is running.
    fn exile(&mut self, now_ns: u64, reason: String) {
        if !std::mem::replace(&mut self.is_exiled, true) {
            self.untold_exile = Some(reason);
        }
        self.look_again(now_ns);
    }

    /// Ends the run, and leaves it to the operator how the agent goes on.
    pub(super) fn distrust(&mut self, now_ns: u64, reason: StopReason, detail: String) {
        self.ledger.halt(self.tick, format!("{reason}: {detail}"));
        let stop = Stop { reason, detail: Some(detail) };
        match self.phase {
            Phase::Waiting | Phase::Checking(_) => self.close(now_ns, After::Finish(stop)),
            _ => self.due_stop = Some(stop),
        }
    }
}
