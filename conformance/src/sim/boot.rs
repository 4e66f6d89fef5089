//! The start and the end of a node: what it finds on its disk, what it takes up again, and what a power cut leaves.

use igor_core::handoff::{Custody, Holding};
use igor_core::storage::{Group, Key, Precondition};
use igor_core::{Storage, format::Seq};
use igor_node::handoff::Whereabouts;
use igor_node::{LaunchError, Launched, launch, whereabouts};

use super::mutant::{self, Mutant};
use super::oracle::Fact;
use super::points::Step;
use super::station::{Agent, Up, never, plan, request};
use super::store::Store;
use super::swarm::SECOND;
use super::world::{Plan, World};

impl World {
    /// A node starts, unless it is up.
    pub(super) fn boot(&mut self, node: usize) {
        if self.stations[node].up.is_some() {
            return;
        }
        self.stations[node].lives += 1;
        let up = Up::start(node, &self.stations[node], &self.swarm, self.mutant, self.now_ns);
        self.note(format_args!("node {node} starts, life {}", up.life));
        self.stations[node].up = Some(Box::new(up));
        self.at(node, None, |world, up| {
            for agent in 0..world.agents.len() {
                world.take_up(up, agent);
            }
        });
    }

    /// Takes up what a node's disk says of an agent.
    fn take_up(&mut self, up: &mut Up, agent: usize) {
        let place = (up.number, agent);
        let found = whereabouts(&*up.store, &self.agents[agent].name);
        let found = pollster::block_on(found).ok().flatten().map(|found| found.custody);
        let is_new = found.is_none() && self.agents[agent].home == up.number;
        let Some(custody) = found else {
            if is_new && !self.agents[agent].is_born {
                self.know(up, agent, Custody::held(0));
                self.launch(up, agent);
            }
            return;
        };
        self.oracle.see(&Fact::Holds(place, &custody));
        if self.mutant == Some(Mutant::IgnoresCustody)
            && let Holding::Offered { held, .. } = custody.holding
        {
            self.overrule(up, agent, &Custody::held(held));
        }
        let custody = mutant::read_at_start(self.mutant, custody);
        let is_held = matches!(custody.holding, Holding::Held(_));
        self.know(up, agent, custody);
        if is_held {
            if self.mutant == Some(Mutant::ForgetsTheJournal) {
                forget_journal(up, &self.agents[agent].name);
            }
            self.launch(up, agent);
        }
    }

    /// Writes down, as a mutant does, what was not decided.
    pub(super) fn overrule(&mut self, up: &mut Up, agent: usize, custody: &Custody) {
        let Agent { name, public, .. } = &self.agents[agent];
        let key = Key::Custody(name.clone());
        let group = Group::new(name.clone()).put(key, custody.encode(public), Precondition::Always);
        drop(pollster::block_on(up.store.commit(group.into())));
        self.report(up);
    }

    fn know(&mut self, up: &mut Up, agent: usize, custody: Custody) {
        let (agent, name) = (self.agents[agent].public, self.agents[agent].name.clone());
        up.handoffs.know(self.now_ns, Whereabouts { agent, name, custody });
    }

    /// Runs an agent that the store did not let go on, if it is still here.
    pub(super) fn relaunch(&mut self, up: &mut Up, agent: usize) {
        let place = (up.number, agent);
        let is_unborn = !self.agents[agent].is_born && self.agents[agent].home == up.number;
        let is_here = is_unborn || self.oracle.view.is_held(place);
        if is_here && !self.oracle.view.runs.contains(&place) && !up.store.is_poisoned() {
            self.launch(up, agent);
        }
    }

    /// Plans that an agent goes on later, as somebody sees to it.
    pub(super) fn plan_relaunch(&mut self, up: &Up, agent: usize) {
        let after = self.rng.between(1, 5) * SECOND;
        let (node, life) = (up.number, up.life);
        self.plan(after, Plan::Relaunch { node, life, agent });
    }

    /// Runs an agent from what the store has of it.
    pub(super) fn launch(&mut self, up: &mut Up, agent: usize) {
        if up.store.is_cut() {
            return;
        }
        self.decide(up, Step::Launch);
        let request = request(&self.agents[agent], &self.module, self.swarm.budget);
        let launched = launch(&up.node, request, plan(&self.swarm), never());
        let launched = pollster::block_on(launched);
        up.store.decide(super::store::Fate::Done);
        self.launched(up, agent, launched);
    }

    pub(super) fn launched(
        &mut self,
        up: &mut Up,
        agent: usize,
        launched: Result<Launched, LaunchError>,
    ) {
        self.report(up);
        if up.store.is_cut() || up.store.is_poisoned() {
            return;
        }
        let place = (up.number, agent);
        match launched {
            Ok(launched) => match up.fleet.add(self.now_ns, launched) {
                Ok(()) => self.runs(up, agent),
                Err(error) => self.note(format_args!("{place:?}: {error}")),
            },
            Err(error) => {
                self.note(format_args!("{place:?} cannot run: {error}"));
                let is_space = error.to_string().contains("no space");
                if is_space {
                    self.plan_relaunch(up, agent);
                } else if !self.oracle.view.doubled.contains(&agent) {
                    self.oracle.object("agents_go_on", format!("{place:?}: {error}"));
                }
            }
        }
    }

    /// A node's power is cut; it starts again after a while.
    pub(super) fn down(&mut self, up: Up) {
        let node = up.number;
        self.note(format_args!("node {node} is down"));
        let before = up.store.take_before();
        drop(up);
        self.oracle.see(&Fact::Down(node));
        let disk = match before {
            Some(disk) => disk,
            None => self.stations[node].disk.cut(&mut self.rng),
        };
        self.stations[node].disk = disk;
        if self.swarm.is_restored && self.rng.chance(600) {
            self.restore(node);
        }
        let after = if self.is_healed { 0 } else { self.rng.between(0, self.swarm.down_max_ns) };
        self.plan(after, Plan::Boot(node));
    }

    /// Puts an old copy of a node's disk back.
    fn restore(&mut self, node: usize) {
        let Some(old) = self.stations[node].old_disk.take() else { return };
        self.note(format_args!("the disk of node {node} is put back as it was"));
        let (now, then) = (self.stations[node].disk.open(None), old.open(None));
        for agent in 0..self.agents.len() {
            let name = &self.agents[agent].name;
            let keys = [Key::Custody(name.clone()), Key::Checkpoint(name.clone())];
            let log = |store: &Store| pollster::block_on(store.log_bounds(name)).ok();
            let is_other = keys.iter().any(|key| now.peek(key) != then.peek(key));
            if is_other || log(&now) != log(&then) {
                self.oracle.view.doubled.insert(agent);
            }
            self.oracle.view.holds.remove(&(node, agent));
        }
        self.stations[node].disk = old;
    }
}

/// Loses what was journaled since the last checkpoint.
fn forget_journal(up: &Up, name: &igor_core::format::AgentId) {
    let end = pollster::block_on(up.store.log_bounds(name)).map_or(Seq(0), |bounds| bounds.end);
    let group = Group::new(name.clone()).trim(end);
    drop(pollster::block_on(up.store.commit(group.into())));
}
