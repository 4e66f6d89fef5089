//! A node speaks of an offer to its target only while its disk says that the offer is open: not before that is
//! durable, and not once it was answered.

use igor_core::handoff::{Holding, Message};

use super::Invariant;
use crate::sim::oracle::{Fact, View};

pub(super) struct NoMessageAfterClose;

impl Invariant for NoMessageAfterClose {
    fn name(&self) -> &'static str {
        "no_message_after_close"
    }

    fn see(&mut self, view: &View, fact: &Fact<'_>) -> Result<(), String> {
        let Fact::Sent(place, Message::Offer(sent) | Message::Withdraw(sent)) = fact else {
            return Ok(());
        };
        match view.holds.get(place).map(|custody| &custody.holding) {
            Some(Holding::Offered { offer, .. }) if offer == sent => Ok(()),
            other => Err(format!("{place:?} sends an offer, and its disk says {other:?}")),
        }
    }
}
