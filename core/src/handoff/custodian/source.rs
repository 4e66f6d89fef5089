//! The source's part: preparing while the agent ticks, the offer, and asking until the target has answered.

use igor_format::{Answer, PublicKey, TransferId, Verdict};

use super::{Action, Custodian, Ended, Giving, Message, Then};
use crate::handoff::{Holding, VerifiedOffer};

impl Custodian {
    /// Clause 2.1: the target prepares while the agent ticks.
    pub(super) fn begin(
        &mut self,
        now_ns: u64,
        transfer: TransferId,
        target: PublicKey,
        place: String,
    ) {
        let is_free = self.giving == Giving::No && self.writing.is_none() && target != self.me;
        if !is_free || !matches!(self.custody.holding, Holding::Held(_)) {
            self.actions.push_back(Action::Ended(Ended::NotPossible));
            return;
        }
        self.giving = Giving::Preparing { transfer, target };
        self.place = place;
        self.wake_at = Some(now_ns.saturating_add(self.schedule.prepare_ns));
        self.actions.push_back(Action::Send { to: target, message: Message::Prepare(transfer) });
    }

    /// Clause 2.2: the agent stops only for a target that is ready.
    pub(super) fn target_is_ready(&mut self, ready: TransferId, from: PublicKey) {
        let Giving::Preparing { transfer, target } = self.giving else { return };
        if ready != transfer || from != target {
            return;
        }
        self.giving = Giving::Stopping { transfer, target };
        self.wake_at = None;
        let epoch = self.custody.decided.saturating_add(1);
        self.actions.push_back(Action::Stop { transfer, target, epoch });
    }

    pub(super) fn target_is_not_ready(&mut self, refused: TransferId, from: PublicKey) {
        if self.giving == (Giving::Preparing { transfer: refused, target: from }) {
            self.end(Ended::Stayed);
        }
    }

    /// Clause 2.3: until the offer is durable, everything can be called off.
    pub(super) fn cancel(&mut self) {
        match self.giving {
            Giving::Preparing { .. } => self.end(Ended::Cancelled),
            // Whether it was stopped is not known yet; what it answers is dropped.
            Giving::Stopping { .. } => {
                self.end(Ended::Cancelled);
                self.actions.push_back(Action::Tick);
            }
            // The target decides, but it can be asked to decide now; or as soon as it can be asked.
            Giving::Offered { ref mut is_withdrawn, .. } => {
                *is_withdrawn = true;
                self.ask();
            }
            Giving::No => {}
        }
    }

    /// Clause 2.4: the offer is durable before it is sent.
    pub(super) fn stopped(&mut self, offer: &VerifiedOffer) {
        let Giving::Stopping { transfer, target } = self.giving else { return };
        let Holding::Held(held) = self.custody.holding else { return };
        let terms = offer.terms();
        let is_asked_for = terms.transfer == transfer
            && terms.target == target
            && terms.source == self.me
            && offer.epoch() > self.custody.decided;
        if !is_asked_for || self.writing.is_some() {
            self.not_stopped();
            return;
        }
        let mut custody = self.custody.clone();
        custody.decided = offer.epoch();
        custody.holding = Holding::Offered { held, offer: *offer };
        custody.place = std::mem::take(&mut self.place);
        self.giving = Giving::Offered { asked: 0, is_withdrawn: false };
        self.write(custody, Then::Ask);
    }

    pub(super) fn not_stopped(&mut self) {
        if matches!(self.giving, Giving::Stopping { .. }) {
            self.end(Ended::Stayed);
            self.actions.push_back(Action::Tick);
        }
    }

    /// Clause 2.5: what is offered is asked for until it is answered, after a restart too.
    pub(super) fn ask_again(&mut self, now_ns: u64) {
        self.giving = Giving::Offered { asked: 0, is_withdrawn: false };
        self.ask_now(now_ns);
    }

    pub(super) fn timer(&mut self, now_ns: u64) {
        if self.wake_at.is_none_or(|at| now_ns < at) {
            return;
        }
        self.wake_at = None;
        match self.giving {
            Giving::Preparing { .. } => self.end(Ended::Stayed),
            Giving::Offered { .. } => self.ask_now(now_ns),
            Giving::No | Giving::Stopping { .. } => {}
        }
    }

    /// Asks, and says when to ask again.
    pub(super) fn ask_now(&mut self, now_ns: u64) {
        self.ask();
        let Giving::Offered { ref mut asked, ref mut is_withdrawn } = self.giving else { return };
        let wait = self.schedule.ask_ns.saturating_mul(1 << (*asked).min(32));
        self.wake_at = Some(now_ns.saturating_add(wait.min(self.schedule.ask_max_ns)));
        *asked = asked.saturating_add(1).min(self.schedule.offers_max);
        *is_withdrawn |= *asked == self.schedule.offers_max;
    }

    fn ask(&mut self) {
        let Giving::Offered { is_withdrawn, .. } = self.giving else { return };
        let Holding::Offered { offer, .. } = self.custody.holding else { return };
        let message = if is_withdrawn { Message::Withdraw(offer) } else { Message::Offer(offer) };
        self.actions.push_back(Action::Send { to: offer.terms().target, message });
    }

    /// Clauses 2.6 and 2.7: only the target's answer to this very offer counts.
    pub(super) fn answered(&mut self, answer: Answer, from: PublicKey) {
        let Holding::Offered { held, offer } = self.custody.holding else { return };
        let is_of_this = from == offer.terms().target && answer.offer == offer.offer().hash();
        if !is_of_this || self.writing.is_some() {
            return;
        }
        let mut custody = self.custody.clone();
        match answer.verdict {
            Verdict::Accepted => {
                custody.holding = Holding::Released { offer, answer: Some(answer) };
                self.write(custody, Then::Gone);
            }
            Verdict::Refused => {
                custody.holding = Holding::Held(held);
                self.write(custody, Then::Keep(Ended::Stayed));
            }
        }
    }

    pub(super) fn end(&mut self, ended: Ended) {
        self.giving = Giving::No;
        self.wake_at = None;
        self.actions.push_back(Action::Ended(ended));
    }

    pub(super) fn end_if_giving(&mut self, ended: Ended) {
        if self.giving != Giving::No {
            self.end(ended);
        }
    }
}
