//! What people do to a world: move agents and change their minds, pause them, give them money, cut the power, copy
//! disks, take agents over on the disk of a node that stands still, and send again what was sent long ago.

use igor_core::format::{FundId, TransferId};
use igor_core::handoff::{Custody, Holding};

use super::swarm::SECOND;
use super::world::{Plan, World};
use crate::world::amount;

impl World {
    /// Somebody does something, and will again.
    pub(super) fn act(&mut self) {
        let agent = self.draw(self.agents.len());
        match self.rng.below(20) {
            0..10 => self.migrate(agent),
            10 | 11 => self.cancel(agent),
            12 => self.ask(agent, igor_node::Event::Pause),
            13 | 14 => self.ask(agent, igor_node::Event::Unpause),
            15 => {
                let id = FundId::from_bytes(self.sixteen());
                self.ask(agent, igor_node::Event::Fund { amount: amount("1"), id });
            }
            16 => self.copy_disk(),
            17 => self.take_over(),
            _ => self.replay(),
        }
        if !self.is_healed {
            let after = self.rng.exponential(self.swarm.operator_ns);
            self.plan(after, Plan::Act);
        }
    }

    /// Moves an agent from wherever it is to some other node.
    fn migrate(&mut self, agent: usize) {
        let holders = self.oracle.view.holders(agent);
        let Some(from) = holders.first().copied() else { return };
        let to = self.draw(self.stations.len());
        let (target, transfer) = (self.stations[to].id, TransferId::from_bytes(self.sixteen()));
        let name = self.agents[agent].name.clone();
        self.at(from, None, |world, up| {
            let given = up.handoffs.give(world.now_ns, &name, transfer, (target, "there"));
            world.note(format_args!("move agent {agent} from {from} to {to}: {given:?}"));
        });
    }

    fn cancel(&mut self, agent: usize) {
        let name = self.agents[agent].name.clone();
        for node in 0..self.stations.len() {
            self.at(node, None, |world, up| {
                if up.handoffs.agent(&name).is_some() {
                    world.note(format_args!("cancel the move of agent {agent} at {node}"));
                    up.handoffs.cancel(world.now_ns, &name);
                }
            });
        }
    }

    pub(super) fn ask(&mut self, agent: usize, event: igor_node::Event) {
        let runs = self.oracle.view.runs.iter().find(|place| place.1 == agent);
        let Some((node, _)) = runs.copied() else { return };
        let name = self.agents[agent].name.clone();
        self.at(node, None, |world, up| {
            world.note(format_args!("ask agent {agent} at {node}: {event:?}"));
            up.fleet.ask(world.now_ns, &name, event);
        });
    }

    fn copy_disk(&mut self) {
        let node = self.draw(self.stations.len());
        if self.swarm.is_restored {
            self.stations[node].old_disk = Some(self.stations[node].disk.copy());
        }
    }

    /// A node stands still for longer than its lease. Meanwhile somebody who has the same disk elsewhere, where no lock
    /// of this node keeps him away, forces the epochs of its agents; in the end he starts the node anew.
    fn take_over(&mut self) {
        let node = self.draw(self.stations.len());
        if !self.swarm.is_restored || self.stations[node].still_until_ns > self.now_ns {
            return;
        }
        // What is on its way to the disk cannot be called back.
        let Some(mut up) = self.stations[node].up.take_if(|up| !up.is_failing && !up.is_writing)
        else {
            return;
        };
        for agent in 0..self.agents.len() {
            let held = self.oracle.view.holds.get(&(node, agent)).cloned();
            if let Some(Custody { holding: Holding::Held(_), .. }) = held {
                let custody = held.unwrap_or_default();
                let decided = custody.decided.saturating_add(1);
                self.oracle.view.doubled.insert(agent);
                let forced = Custody { decided, holding: Holding::Held(decided), ..custody };
                self.overrule(&mut up, agent, &forced);
            }
        }
        let still_ns = self.swarm.lapse_ns().saturating_add(self.rng.between(0, 10) * SECOND);
        self.note(format_args!("node {node} stands still, and its agents are taken over"));
        up.is_failing = true;
        self.stations[node].up = Some(up);
        self.stations[node].still_until_ns = self.now_ns.saturating_add(still_ns);
        let after = still_ns.saturating_add(self.rng.between(1, 5) * SECOND);
        self.plan(after, Plan::Cut(node));
    }

    fn replay(&mut self) {
        if self.letters.is_empty() {
            return;
        }
        let number = self.draw(self.letters.len());
        let letter = self.letters[number].clone();
        self.note(format_args!("sends again: {}", letter.describe()));
        let after = self.rng.between(0, 10) * SECOND;
        self.plan(after, Plan::Arrive(Box::new(letter)));
    }

    fn sixteen(&mut self) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&self.rng.bytes(16));
        bytes
    }
}
