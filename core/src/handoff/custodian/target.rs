//! The target's part: getting ready, and deciding once about every offer.

use igor_format::{PublicKey, TransferId, Verdict};

use super::{Action, Custodian, Ended, Giving, Message, Then};
use crate::handoff::{Holding, VerifiedOffer};

/// How far an offer's epoch may lie above what was decided here. An agent that moves a thousand times a second
/// gets that far in fifty days away.
const EPOCH_LEAP_MAX: u64 = 1 << 32;

impl Custodian {
    /// Clause 3.1: one transfer at a time is prepared, and none of an agent that is here.
    pub(super) fn prepare(&mut self, transfer: TransferId, source: PublicKey) {
        if self.reserved == Some((transfer, source)) {
            self.actions.push_back(Action::Send { to: source, message: Message::Ready(transfer) });
            return;
        }
        let is_here = !matches!(self.custody.holding, Holding::Absent | Holding::Released { .. });
        let is_busy = self.writing.is_some()
            || self.preparing.is_some_and(|other| other != (transfer, source));
        if is_here || is_busy || source == self.me {
            let message = Message::NotReady(transfer);
            self.actions.push_back(Action::Send { to: source, message });
        } else if self.preparing.is_none() {
            // A later attempt takes the place of one that was not followed up.
            if let Some((old, _)) = self.reserved.take() {
                self.actions.push_back(Action::Forget(old));
            }
            self.preparing = Some((transfer, source));
            self.actions.push_back(Action::Prepare { transfer, source });
        }
    }

    pub(super) fn prepared(&mut self, transfer: TransferId) {
        if let Some((_, source)) = self.preparing.take_if(|(preparing, _)| *preparing == transfer) {
            self.reserved = Some((transfer, source));
            self.actions.push_back(Action::Send { to: source, message: Message::Ready(transfer) });
        }
    }

    pub(super) fn not_prepared(&mut self, transfer: TransferId) {
        let preparing = self.preparing.take_if(|(preparing, _)| *preparing == transfer);
        let reserved = self.reserved.take_if(|(reserved, _)| *reserved == transfer);
        if let Some((_, source)) = preparing.or(reserved) {
            let message = Message::NotReady(transfer);
            self.actions.push_back(Action::Send { to: source, message });
        }
    }

    /// Takes what was prepared without an offer. It is decided as an offer is: the epoch that begins is above every
    /// one that was decided here.
    pub(super) fn inherit(&mut self, transfer: TransferId, source: PublicKey, epoch_min: u64) {
        let is_prepared = self.reserved == Some((transfer, source)) && self.writing.is_none();
        let is_elsewhere =
            matches!(self.custody.holding, Holding::Absent | Holding::Released { .. });
        match self.custody.inherited(epoch_min) {
            Some(custody) if is_prepared && is_elsewhere => {
                self.reserved = None;
                self.write(custody, Then::Inherited(transfer));
            }
            _ => self.not_prepared(transfer),
        }
    }

    /// Clauses 3.2 to 3.6.
    pub(super) fn offered(&mut self, offer: &VerifiedOffer, from: PublicKey) {
        if !self.is_for_me(offer, from) || self.has_decided(offer) || self.writing.is_some() {
            return;
        }
        let terms = offer.terms();
        let is_prepared = self.reserved == Some((terms.transfer, terms.source));
        if let Holding::Held(held) | Holding::Contested { held, .. } = self.custody.holding {
            self.contest(held, offer);
        } else if is_prepared {
            self.reserved = None;
            let mut custody = self.custody.clone();
            custody.decided = offer.epoch();
            custody.taken.insert(offer.epoch(), offer.offer().hash());
            custody.holding = Holding::Held(offer.epoch());
            self.write(custody, Then::Tell(Box::new(*offer), Verdict::Accepted));
        } else {
            self.refuse(offer);
        }
    }

    /// Clause 3.7: what is withdrawn and was not taken is refused.
    pub(super) fn withdrawn(&mut self, offer: &VerifiedOffer, from: PublicKey) {
        if self.is_for_me(offer, from) && !self.has_decided(offer) && self.writing.is_none() {
            self.refuse(offer);
        }
    }

    /// Clause 3.2: an offer is answered to its source only, and only by its target.
    fn is_for_me(&self, offer: &VerifiedOffer, from: PublicKey) -> bool {
        let is_ours = offer.terms().target == self.me && offer.terms().source == from;
        // Whoever made such an epoch up could otherwise use up all that there are.
        is_ours && offer.epoch() <= self.custody.decided.saturating_add(EPOCH_LEAP_MAX)
    }

    /// Clause 3.3: says again what was decided before, if it was.
    fn has_decided(&mut self, offer: &VerifiedOffer) -> bool {
        if offer.epoch() > self.custody.decided {
            return false;
        }
        let verdict =
            if self.custody.has_taken(offer) { Verdict::Accepted } else { Verdict::Refused };
        self.answer(offer, verdict);
        true
    }

    /// Clause 3.5: a refusal is durable before it is said.
    fn refuse(&mut self, offer: &VerifiedOffer) {
        let mut custody = self.custody.clone();
        custody.decided = offer.epoch();
        self.write(custody, Then::Tell(Box::new(*offer), Verdict::Refused));
    }

    /// Clause 3.6: somebody else holds the agent in a higher epoch than this node does. One of the two should
    /// not; the lower one stops.
    fn contest(&mut self, held: u64, offer: &VerifiedOffer) {
        let mut custody = self.custody.clone();
        custody.decided = offer.epoch();
        custody.holding = Holding::Contested { held, seen: offer.epoch() };
        self.end_if_giving(Ended::NotPossible);
        self.actions.push_back(Action::Halt);
        self.write(custody, Then::Tell(Box::new(*offer), Verdict::Refused));
    }

    pub(super) fn tell(&mut self, offer: &VerifiedOffer, verdict: Verdict) {
        if let Some((transfer, _)) =
            self.reserved.take_if(|(transfer, _)| *transfer == offer.terms().transfer)
        {
            self.actions.push_back(Action::Forget(transfer));
        }
        self.answer(offer, verdict);
        if verdict == Verdict::Accepted {
            self.take_up();
        }
    }

    /// Ticks the agent that came.
    pub(super) fn take_up(&mut self) {
        self.giving = Giving::No;
        self.wake_at = None;
        self.actions.push_back(Action::Tick);
    }

    fn answer(&mut self, offer: &VerifiedOffer, verdict: Verdict) {
        let to = offer.terms().source;
        self.actions.push_back(Action::Answer { to, offer: *offer, verdict });
    }
}
