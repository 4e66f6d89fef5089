//! L1 and L2: once nothing goes wrong any more, every agent is active on exactly one node within thirty seconds, or
//! it is visible that an operator must decide; and nothing waits that will not come.

use igor_core::handoff::Holding;

use super::swarm::SECOND;
use super::world::{Plan, World};

/// How long it may take.
const WITHIN_NS: u64 = 30 * SECOND;

impl World {
    /// Ends all trouble, lets time pass, and looks.
    pub(super) fn heal_and_look(&mut self) {
        self.note(format_args!("from here on nothing goes wrong"));
        self.swarm.heal();
        self.is_healed = true;
        self.net.join();
        self.letters.clear();
        for node in 0..self.stations.len() {
            self.stations[node].still_until_ns = 0;
            let is_failing = self.stations[node].up.as_ref().is_some_and(|up| up.is_failing);
            let plan = if is_failing { Plan::Cut(node) } else { Plan::Boot(node) };
            self.plan(0, plan);
        }
        for agent in 0..self.agents.len() {
            self.ask(agent, igor_node::Event::Unpause);
        }
        let until = self.now_ns.saturating_add(WITHIN_NS);
        while self.now_ns < until && self.oracle.violation().is_none() {
            if !self.step() {
                break;
            }
        }
        for agent in 0..self.agents.len() {
            self.look_at(agent);
        }
    }

    fn look_at(&mut self, agent: usize) {
        let view = &self.oracle.view;
        let runs: Vec<_> = view.runs.iter().filter(|place| place.1 == agent).collect();
        let is_contested = view.holds.iter().any(|(place, custody)| {
            place.1 == agent && matches!(custody.holding, Holding::Contested { .. })
        });
        let is_over = self.exhausted.contains(&agent);
        let is_doubled = view.doubled.contains(&agent);
        if runs.len() != 1 && !is_contested && !is_over && !is_doubled {
            let holds: Vec<_> = view.holds.iter().filter(|(place, _)| place.1 == agent).collect();
            let what = format!("agent {agent} runs at {runs:?}; {holds:?}");
            self.oracle.object("liveness", what);
        }
    }
}
