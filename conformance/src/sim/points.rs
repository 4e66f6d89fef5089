//! The moments at which something goes wrong with a write. Each seed forces one cut: at some step of a handoff,
//! before, within, after the write, or after it was answered for; so that rare moments are met often enough.

use std::collections::BTreeMap;

use super::store::Fate;
use super::swarm::Disk;
use crate::Rng;

/// What is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Records and checkpoints of agents that run.
    Batch,
    /// What a start finishes that a cut left unfinished.
    Launch,
    /// What is to come.
    Stage,
    /// That an agent is offered.
    Offer,
    /// That an agent was taken.
    Accept,
    /// That an offer was refused.
    Refuse,
    /// That an agent was released.
    Release,
    /// That an agent stays after all.
    Keep,
    /// That an agent is contested.
    Contest,
}

/// When the power is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Moment {
    /// Before anything is written.
    Before,
    /// While it is written.
    Within,
    /// Once it is durable, before anybody heard of it.
    After,
    /// Once it was said.
    Said,
}

/// A step and a moment of it.
pub type Cut = (Step, Moment);

/// The cuts that are forced.
pub const CUTS: [Cut; 24] = {
    use Moment::{After, Before, Said, Within};
    use Step::{Accept, Keep, Offer, Refuse, Release, Stage};
    [
        (Offer, Before),
        (Offer, Within),
        (Offer, After),
        (Offer, Said),
        (Accept, Before),
        (Accept, Within),
        (Accept, After),
        (Accept, Said),
        (Refuse, Before),
        (Refuse, Within),
        (Refuse, After),
        (Refuse, Said),
        (Release, Before),
        (Release, Within),
        (Release, After),
        (Release, Said),
        (Keep, Before),
        (Keep, Within),
        (Keep, After),
        (Keep, Said),
        (Stage, Before),
        (Stage, Within),
        (Stage, After),
        (Stage, Said),
    ]
};

/// Decides about every write.
#[derive(Debug)]
pub(super) struct Points {
    forced: Cut,
    /// At which of the writes of this step.
    occurrence: u64,
    seen: u64,
    cuts: BTreeMap<Cut, u64>,
}

impl Points {
    /// Forces the cut of this number.
    pub(super) fn new(number: u64) -> Self {
        let count = u64::try_from(CUTS.len()).unwrap_or(1);
        let forced = CUTS[super::swarm::index(number % count)];
        Self { forced, occurrence: number / count % 3, seen: 0, cuts: BTreeMap::new() }
    }

    /// What becomes of a write, and whether the power is cut once it was said.
    pub(super) fn decide(
        &mut self,
        step: Step,
        disk: &Disk,
        rng: &mut Rng,
        is_healed: bool,
    ) -> (Fate, bool) {
        if is_healed {
            return (Fate::Done, false);
        }
        let mut moment = None;
        if step == self.forced.0 {
            if self.seen == self.occurrence {
                moment = Some(self.forced.1);
            }
            self.seen += 1;
        }
        if moment.is_none() && rng.chance(disk.cut) {
            let moments = [Moment::Before, Moment::Within, Moment::After, Moment::Said];
            moment = Some(moments[super::swarm::index(rng.below(4))]);
        }
        if let Some(moment) = moment {
            *self.cuts.entry((step, moment)).or_default() += 1;
        }
        match moment {
            Some(Moment::Before) => (Fate::CutBefore, true),
            Some(Moment::Within) => (Fate::CutWithin(rng.next_u64()), true),
            Some(Moment::After) => (Fate::CutAfter, true),
            Some(Moment::Said) => (Fate::Done, true),
            None if rng.chance(disk.failing) => (Fate::Fails(rng.next_u64()), false),
            None if rng.chance(disk.full) => (Fate::Full, false),
            None => (Fate::Done, false),
        }
    }

    pub(super) fn cuts(&self) -> &BTreeMap<Cut, u64> {
        &self.cuts
    }
}
