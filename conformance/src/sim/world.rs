//! A world: nodes, agents, a network between them, and what happens one thing after another. Everything in it grows
//! from its seed, and it runs on the thread that calls it. What a node does is said in the files beside this one;
//! here is only the order of things.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use igor_core::Clock;
use igor_core::format::TransferId;
use igor_core::lease::Moment;
use igor_core::storage::Batch;
use igor_node::fleet::Work;
use igor_node::handoff::Whereabouts;

use super::mutant::Mutant;
use super::net::{Course, Net};
use super::oracle::{Fact, Oracle};
use super::points::Points;
use super::queue::Queue;
use super::station::{Agent, Letter, Load, Station, Up};
use super::swarm::{MILLISECOND, SECOND, Swarm};
use super::trace::Trace;
use crate::Rng;

/// How many letters are kept for whoever sends them again.
const KEPT_LETTERS: usize = 100;

/// Something that is going to happen.
pub(super) enum Plan {
    /// A letter arrives.
    Arrive(Box<Letter>),
    /// The stream that a letter was on breaks off.
    Break {
        to: usize,
        transfer: TransferId,
    },
    /// A guest call comes to its end.
    Worked {
        node: usize,
        life: u64,
        work: Box<Work>,
    },
    /// A write comes to its end.
    Write {
        node: usize,
        life: u64,
        write: Write,
    },
    /// What an agent consists of has arrived.
    Examine {
        node: usize,
        life: u64,
        transfer: TransferId,
    },
    /// A stream was silent for too long.
    Silence {
        node: usize,
        life: u64,
        transfer: TransferId,
    },
    /// A node has to do something by itself.
    Wake {
        node: usize,
        life: u64,
    },
    /// A mutant loses its patience.
    Tempt {
        node: usize,
        life: u64,
        agent: usize,
    },
    /// Somebody makes an agent go on that stopped because the store failed.
    Relaunch {
        node: usize,
        life: u64,
        agent: usize,
    },
    /// A node starts.
    Boot(usize),
    /// A node's power is cut.
    Cut(usize),
    /// The network parts, or comes together again.
    Part,
    Join,
    /// An operator does something.
    Act,
}

impl Plan {
    /// The node that is to do something then, if it is one.
    fn node(&self) -> Option<usize> {
        match self {
            Self::Arrive(letter) => Some(letter.to),
            Self::Break { to, .. } => Some(*to),
            Self::Worked { node, .. }
            | Self::Write { node, .. }
            | Self::Examine { node, .. }
            | Self::Silence { node, .. }
            | Self::Wake { node, .. }
            | Self::Tempt { node, .. }
            | Self::Relaunch { node, .. } => Some(*node),
            Self::Boot(_) | Self::Cut(_) | Self::Part | Self::Join | Self::Act => None,
        }
    }
}

/// Something to be made durable.
pub(super) enum Write {
    /// What agents wrote.
    Batch(Batch),
    /// What a node decided, and nothing else.
    Custody(Box<Whereabouts>),
    /// An agent that came.
    Arrival(Box<Whereabouts>, TransferId),
    /// What an agent consists of that is to come.
    Stage(TransferId),
}

/// A world.
pub(super) struct World {
    pub(super) swarm: Swarm,
    pub(super) mutant: Option<Mutant>,
    pub(super) rng: Rng,
    pub(super) net: Net,
    pub(super) queue: Queue<Plan>,
    pub(super) now_ns: u64,
    pub(super) stations: Vec<Station>,
    pub(super) agents: Vec<Agent>,
    pub(super) oracle: Oracle,
    pub(super) trace: Trace,
    pub(super) points: Points,
    pub(super) module: Vec<u8>,
    pub(super) letters: VecDeque<Letter>,
    pub(super) is_healed: bool,
    /// How many moves came to a good end.
    pub(super) moved: u64,
    /// The agents whose money is used up.
    pub(super) exhausted: BTreeSet<usize>,
}

impl World {
    /// The world of this seed, in which nothing has happened yet.
    pub(super) fn new(seed: u64, mutant: Option<Mutant>, keeps_all: bool) -> Self {
        let mut rng = Rng::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x1906);
        let mut swarm = Swarm::draw(seed, &mut rng);
        swarm.on_files |= mutant.is_some_and(|mutant| mutant.omission().is_some());
        let nodes = swarm.nodes;
        let agents: Vec<_> =
            (0..swarm.agents).map(|number| Agent::new(number, nodes, &mut rng)).collect();
        let stations =
            (0..nodes).map(|_| Station::new(swarm.on_files, &agents[0].name, &mut rng)).collect();
        let net = Net::new(Rng::new(rng.next_u64()), nodes);
        Self {
            points: Points::new(swarm.forced),
            oracle: Oracle::new(swarm.budget),
            trace: Trace::new(keeps_all),
            queue: Queue::new(),
            now_ns: 0,
            module: super::guest(),
            letters: VecDeque::new(),
            is_healed: false,
            moved: 0,
            exhausted: BTreeSet::new(),
            swarm,
            mutant,
            rng,
            net,
            stations,
            agents,
        }
    }

    /// Lets everything begin.
    pub(super) fn begin(&mut self) {
        let swarm = format!("{:?}", self.swarm);
        self.note(format_args!("{swarm}"));
        for node in 0..self.stations.len() {
            let skew = self.swarm.skew_max_ns;
            let width = skew.unsigned_abs().saturating_mul(2);
            let drawn = i64::try_from(self.rng.between(0, width)).unwrap_or_default();
            self.stations[node].clock.skew(drawn - skew);
            self.plan(0, Plan::Boot(node));
        }
        self.plan(self.swarm.operator_ns, Plan::Act);
        if let Some(mean) = self.swarm.network.partition_ns {
            let after = self.rng.exponential(mean);
            self.plan(after, Plan::Part);
        }
        self.plan_power_cut();
    }

    /// Lets the next thing happen; `false` if there is none.
    pub(super) fn step(&mut self) -> bool {
        let Some((at_ns, plan)) = self.queue.next() else { return false };
        self.now_ns = at_ns.max(self.now_ns);
        self.stations.iter().for_each(|station| station.clock.set(self.now_ns));
        self.happen(plan);
        if self.queue.len() > 4_000 {
            self.oracle
                .object("bounded_queues", format!("{} things are planned", self.queue.len()));
        }
        true
    }

    /// Until when the node stands still that this is about.
    fn is_still(&self, plan: &Plan) -> Option<u64> {
        let node = plan.node()?;
        let until_ns = self.stations[node].still_until_ns;
        (until_ns > self.now_ns).then_some(until_ns)
    }

    fn happen(&mut self, plan: Plan) {
        if let Some(until_ns) = self.is_still(&plan) {
            return self.queue.plan(until_ns, plan);
        }
        match plan {
            Plan::Arrive(letter) => self.arrive(*letter),
            Plan::Break { to, transfer } => self.broken(to, None, transfer),
            Plan::Silence { node, life, transfer } => self.broken(node, Some(life), transfer),
            Plan::Worked { node, life, work } => self.at(node, Some(life), |world, up| {
                up.fleet.worked(world.now_ns, work.carry_out());
            }),
            Plan::Write { node, life, write } => {
                self.at(node, Some(life), |world, up| world.write(up, write));
            }
            Plan::Examine { node, life, transfer } => {
                self.at(node, Some(life), |world, up| world.examine(up, transfer));
            }
            Plan::Wake { node, life } => self.at(node, Some(life), Self::wake),
            Plan::Tempt { node, life, agent } => {
                self.at(node, Some(life), |world, up| world.tempt(up, agent));
            }
            Plan::Relaunch { node, life, agent } => {
                self.at(node, Some(life), |world, up| world.relaunch(up, agent));
            }
            Plan::Boot(node) => self.boot(node),
            Plan::Cut(node) => {
                self.at(node, None, |world, up| up.is_doomed |= !world.is_healed || up.is_failing);
                self.plan_power_cut();
            }
            Plan::Part if self.is_healed => {}
            Plan::Part => {
                let how = self.net.part();
                self.note(format_args!("the network parts: {how}"));
                let parted = self.rng.between(0, self.swarm.network.parted_max_ns);
                self.plan(parted, Plan::Join);
            }
            Plan::Join => {
                self.note(format_args!("the network is whole"));
                self.net.join();
                if let Some(mean) = self.swarm.network.partition_ns {
                    let after = self.rng.exponential(mean);
                    self.plan(after, Plan::Part);
                }
            }
            Plan::Act => self.act(),
        }
    }

    /// Lets something happen at a node that is up, and whatever follows from it there.
    pub(super) fn at(
        &mut self,
        node: usize,
        life: Option<u64>,
        act: impl FnOnce(&mut Self, &mut Up),
    ) {
        if self.stations[node].still_until_ns > self.now_ns {
            return;
        }
        let is_meant = |up: &mut Box<Up>| life.is_none_or(|life| life == up.life);
        let Some(mut up) = self.stations[node].up.take_if(is_meant) else { return };
        up.fleet.look(self.moment(node));
        act(self, &mut up);
        self.settle(&mut up);
        if up.is_doomed || up.store.is_cut() {
            self.down(*up);
            return;
        }
        if up.store.is_poisoned() && !up.is_failing {
            // Somebody notices, and starts the node anew.
            up.is_failing = true;
            let after = self.rng.between(1, 5) * SECOND;
            self.plan(after, Plan::Cut(node));
        }
        let is_waiting = self.mutant == Some(Mutant::NeverAsksAgain) && up.handoffs.is_giving();
        let next_ns = if is_waiting { up.fleet.next_timer_ns() } else { up.next_ns() };
        let next_ns = next_ns.filter(|next| up.wakes_ns.is_none_or(|wakes| *next < wakes));
        if let Some(next_ns) = next_ns {
            up.wakes_ns = Some(next_ns);
            let life = up.life;
            self.queue.plan(next_ns.max(self.now_ns), Plan::Wake { node, life });
        }
        self.stations[node].up = Some(up);
    }

    fn wake(&mut self, up: &mut Up) {
        up.wakes_ns = None;
        up.fleet.wake(self.now_ns);
        let is_waiting = self.mutant == Some(Mutant::NeverAsksAgain) && up.handoffs.is_giving();
        if !is_waiting {
            up.handoffs.wake(self.now_ns);
        }
    }

    /// What time it is for a node.
    pub(super) fn moment(&self, node: usize) -> Moment {
        Moment { monotonic_ns: self.now_ns, unix_ns: self.stations[node].clock.unix_ns() }
    }

    /// Plans something for so many nanoseconds from now.
    pub(super) fn plan(&mut self, after_ns: u64, plan: Plan) {
        self.queue.plan(self.now_ns.saturating_add(after_ns), plan);
    }

    pub(super) fn plan_power_cut(&mut self) {
        let Some(mean) = self.swarm.power_cut_ns else { return };
        let after = self.rng.exponential(mean);
        let node = self.draw(self.stations.len());
        self.plan(after, Plan::Cut(node));
    }

    /// Plans a write of `up`, which takes its time.
    pub(super) fn plan_write(&mut self, up: &Up, write: Write) {
        let after = self.rng.between(MILLISECOND / 10, self.swarm.disk.sync_max_ns);
        self.plan(after, Plan::Write { node: up.number, life: up.life, write });
    }

    /// A number below `count`.
    pub(super) fn draw(&mut self, count: usize) -> usize {
        let below = u64::try_from(count.max(1)).unwrap_or(u64::MAX);
        super::swarm::index(self.rng.below(below))
    }

    pub(super) fn note(&mut self, what: std::fmt::Arguments<'_>) {
        self.trace.note(self.now_ns, what);
    }

    /// Sends a letter.
    pub(super) fn send(&mut self, letter: Letter) {
        let place = (letter.from, letter.agent);
        self.oracle.see(&Fact::Sent(place, &letter.message));
        let course = self.net.send(&self.swarm.network, letter.from, letter.to);
        let what = letter.describe();
        match course {
            Course::Arrives(delays) => {
                self.note(format_args!("{what}, arrives {} times", delays.len()));
                for delay in delays {
                    self.plan(delay, Plan::Arrive(Box::new(letter.clone())));
                }
            }
            Course::Lost => self.note(format_args!("{what}, is lost")),
            Course::Breaks(delay) => {
                self.note(format_args!("{what}, breaks off"));
                if let Some(transfer) = letter.transfer() {
                    self.plan(delay, Plan::Break { to: letter.to, transfer });
                }
            }
        }
        if self.swarm.is_replayed && !matches!(letter.load, Load::Nothing) {
            if self.letters.len() >= KEPT_LETTERS {
                self.letters.pop_front();
            }
            self.letters.push_back(letter);
        }
    }

    /// The number of the agent with this key.
    pub(super) fn agent(&self, key: &igor_core::format::PublicKey) -> usize {
        self.agents.iter().position(|agent| agent.public == *key).expect("agents are of the world")
    }

    /// The number of the agent of this name.
    pub(super) fn named(&self, name: &igor_core::format::AgentId) -> usize {
        self.agents.iter().position(|agent| agent.name == *name).expect("agents are of the world")
    }

    /// The number of the node with this id.
    pub(super) fn node(&self, id: igor_core::transport::NodeId) -> usize {
        self.stations.iter().position(|station| station.id == id).expect("nodes are of the world")
    }

    /// How often each step of a handoff was where the power was cut.
    pub(super) fn cuts(&self) -> &BTreeMap<super::points::Cut, u64> {
        self.points.cuts()
    }
}
