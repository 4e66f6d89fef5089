//! Runs a fleet to its end on the calling thread, in an order that grows from a seed: which of the
//! things that are under way comes to its end next. Time stands still until nothing is under way. It is
//! the node's shell without threads and without waiting, and decides nothing that may matter.

use std::collections::BTreeMap;

use igor_core::format::AgentId;
use igor_core::storage::Batch;
use igor_core::{Clock, Storage};
use igor_node::fleet::{Check, Fleet, Task, Work};
use igor_node::{RunEvent, StopReason};

use super::{SteppingClock, Transcript};
use crate::Rng;

/// What a fleet's agents told, and how what they wrote went together.
#[derive(Debug, Default)]
pub struct FleetTranscript {
    /// What each agent told until its end.
    pub agents: BTreeMap<AgentId, Transcript>,
    /// How many groups each batch had.
    pub batches: Vec<usize>,
}

/// Runs the fleet until no agent is left. `watch` sees every event, and may ask things of the fleet.
///
/// # Panics
/// If agents are left that wait for nothing, or one is let go while something is written for it.
pub fn run_fleet(
    fleet: &mut Fleet,
    storage: &dyn Storage,
    clock: &SteppingClock,
    seed: u64,
    mut watch: impl FnMut(&mut Fleet, &AgentId, &RunEvent),
) -> FleetTranscript {
    let (mut rng, mut under_way) = (Rng::new(seed), UnderWay::default());
    let mut events: BTreeMap<AgentId, Vec<RunEvent>> = BTreeMap::new();
    let mut transcript = FleetTranscript::default();
    loop {
        while let Some(task) = fleet.poll() {
            match task {
                Task::Work(work) => under_way.works.push(work),
                Task::Check(check) => under_way.checks.push(check),
                Task::Read(_) => panic!("a fleet without a lease reads nothing again"),
                Task::Emit(agent, event) => {
                    watch(fleet, &agent, &event);
                    events.entry(agent).or_default().push(event);
                }
                Task::Offer(agent, _)
                | Task::CannotOffer(agent, _)
                | Task::NotOffered(agent, _) => panic!("nobody asked {agent} to leave"),
                Task::Ended(agent, reason) => {
                    assert!(
                        !under_way.writes_for(&agent),
                        "{agent} ended while it was written for"
                    );
                    let events = events.remove(&agent).unwrap_or_default();
                    transcript.agents.insert(agent, Transcript { events, reason });
                }
            }
        }
        if let Some(batch) = fleet.take_batch() {
            transcript.batches.push(batch.groups.len());
            under_way.batch = Some(batch);
        }
        if under_way.end_one(fleet, storage, clock, &mut rng) {
            continue;
        }
        match fleet.next_timer_ns() {
            Some(at_ns) => clock.advance_to(at_ns),
            None if fleet.is_empty() => return transcript,
            None => panic!("{} agents wait for nothing", fleet.len()),
        }
        fleet.wake(clock.monotonic_ns());
    }
}

/// What was begun and has not come to its end.
#[derive(Default)]
struct UnderWay {
    works: Vec<Work>,
    checks: Vec<Check>,
    batch: Option<Batch>,
}

impl UnderWay {
    fn writes_for(&self, agent: &AgentId) -> bool {
        let mut groups = self.batch.iter().flat_map(|batch| &batch.groups);
        groups.any(|group| group.agent == *agent)
    }

    /// Brings one of them to its end, if there is any.
    fn end_one(
        &mut self,
        fleet: &mut Fleet,
        storage: &dyn Storage,
        clock: &SteppingClock,
        rng: &mut Rng,
    ) -> bool {
        let (works, checks) = (self.works.len(), self.checks.len());
        let all = works + checks + usize::from(self.batch.is_some());
        if all == 0 {
            return false;
        }
        let below = u64::try_from(all).unwrap_or(u64::MAX);
        let chosen = usize::try_from(rng.below(below)).unwrap_or_default();
        let now_ns = clock.monotonic_ns();
        if chosen < works {
            fleet.worked(now_ns, self.works.swap_remove(chosen).carry_out());
        } else if chosen - works < checks {
            fleet.checked(now_ns, self.checks.swap_remove(chosen - works).carry_out());
        } else if let Some(batch) = self.batch.take() {
            fleet.committed(now_ns, pollster::block_on(storage.commit(batch)));
        }
        true
    }
}

impl FleetTranscript {
    /// Why an agent's run ended.
    ///
    /// # Panics
    /// If it did not.
    pub fn reason(&self, agent: &str) -> StopReason {
        let found = self.agents.iter().find(|(name, _)| name.as_str() == agent);
        found.unwrap_or_else(|| panic!("{agent} did not end")).1.reason
    }
}
