//! An offer is decided once: who refused it never accepts it, nor the other way round, and neither is said before
//! it is on the disk.

use std::collections::BTreeMap;

use igor_core::format::{Hash, Verdict};

use super::Invariant;
use crate::sim::oracle::{Fact, View};

#[derive(Default)]
pub(super) struct RefusedNeverAccepted {
    verdicts: BTreeMap<Hash, Verdict>,
}

impl Invariant for RefusedNeverAccepted {
    fn name(&self) -> &'static str {
        "refused_never_accepted"
    }

    fn see(&mut self, view: &View, fact: &Fact<'_>) -> Result<(), String> {
        let Fact::Answered(place, offer, verdict) = fact else { return Ok(()) };
        if view.doubled.contains(&place.1) {
            return Ok(());
        }
        let (hash, epoch) = (offer.offer().hash(), offer.terms().epoch.major);
        let known = *self.verdicts.entry(hash).or_insert(*verdict);
        if known != *verdict {
            return Err(format!("{place:?} says {verdict:?} of what was {known:?}"));
        }
        let custody = view.holds.get(place).ok_or_else(|| format!("{place:?} decided nothing"))?;
        let is_taken = custody.taken.get(&epoch) == Some(&hash);
        if is_taken != (*verdict == Verdict::Accepted) || custody.decided < epoch {
            return Err(format!("{place:?} says {verdict:?} of epoch {epoch}, its disk does not"));
        }
        Ok(())
    }
}
