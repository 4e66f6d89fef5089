//! A node runs, ticks and saves only what its disk says that it holds: nothing that it offered, released, or has
//! seen another node hold. This holds whatever was done to the disk before.

use igor_core::handoff::Holding;
use igor_node::RunEvent;

use super::Invariant;
use crate::sim::oracle::{Fact, View};

pub(super) struct ReleasedNeverTicks;

impl Invariant for ReleasedNeverTicks {
    fn name(&self) -> &'static str {
        "released_never_ticks"
    }

    fn see(&mut self, view: &View, fact: &Fact<'_>) -> Result<(), String> {
        let (Fact::Told(place, RunEvent::Ticked(_)) | Fact::Runs(place)) = fact else {
            return Ok(());
        };
        // Until its first checkpoint nothing says that an agent is there.
        let Some(custody) = view.holds.get(place) else { return Ok(()) };
        if view.is_held(*place) {
            return Ok(());
        }
        // What was written together with the offer is told after it.
        if let (
            Fact::Told(_, RunEvent::Ticked(ticked)),
            Holding::Offered { offer, .. } | Holding::Released { offer, .. },
        ) = (fact, &custody.holding)
            && ticked.tick <= offer.terms().tick
        {
            return Ok(());
        }
        let state = custody.holding.name().unwrap_or("absent");
        Err(format!("{place:?} is {state} and goes on: {fact:?}"))
    }
}
