//! A node of a world: what of it outlives a power cut, and what does not.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use igor_core::format::{
    AgentId, AgentKey, NodeKey, PublicKey, TransferId, Verdict, encode_node_key,
};
use igor_core::gas::CancelFlag;
use igor_core::handoff::Message;
use igor_core::lease::{Lease, Moment};
use igor_core::plugin::{ConfigSection, Registry};
use igor_core::storage::{Group, Key, Precondition};
use igor_core::transport::NodeId;
use igor_core::{Clock, Limits, Meter, Storage};
use igor_node::fleet::Fleet;
use igor_node::handoff::package::{Complete, Examined, Inventory, Staged, Stock, Taken};
use igor_node::handoff::{GateLimits, Handoffs};
use igor_node::{CommitMode, Defaults, Node, Plan, Request};

use super::clock::NodeClock;
use super::mutant::Mutant;
use super::store::{Disk, Store};
use super::swarm::Swarm;
use crate::Rng;
use crate::world::{COUNTER_MANIFEST, SeededEntropy, engine};

/// An agent of a world.
pub(super) struct Agent {
    pub(super) seed: [u8; 32],
    pub(super) public: PublicKey,
    pub(super) name: AgentId,
    /// Where it comes into being.
    pub(super) home: usize,
    /// Whether it has come into being.
    pub(super) is_born: bool,
}

impl Agent {
    /// The agent of this number in the world of this seed.
    pub(super) fn new(number: usize, nodes: usize, rng: &mut Rng) -> Self {
        let mut seed = [0; 32];
        seed.copy_from_slice(&rng.bytes(32));
        Self {
            seed,
            public: AgentKey::from_seed(&seed).public_key(),
            name: format!("agent-{number}").parse().unwrap(),
            home: number % nodes,
            is_born: false,
        }
    }

    pub(super) fn key(&self) -> AgentKey {
        AgentKey::from_seed(&self.seed)
    }
}

/// A node.
pub(super) struct Station {
    pub(super) key: NodeKey,
    pub(super) id: NodeId,
    pub(super) clock: Arc<NodeClock>,
    pub(super) disk: Disk,
    /// The disk as it was once, if somebody made a copy.
    pub(super) old_disk: Option<Disk>,
    /// Until when it stands still, if it is up.
    pub(super) still_until_ns: u64,
    /// How often it was started.
    pub(super) lives: u64,
    pub(super) up: Option<Box<Up>>,
}

impl Station {
    pub(super) fn new(on_files: bool, agent: &AgentId, rng: &mut Rng) -> Self {
        let mut seed = [0; 32];
        seed.copy_from_slice(&rng.bytes(32));
        let key = NodeKey::from_seed(&seed);
        let disk = Disk::new(on_files);
        let bytes = encode_node_key(&key).to_vec();
        let group = Group::new(agent.clone()).put(Key::Node, bytes, Precondition::Absent);
        let written = pollster::block_on(disk.open(None).commit(group.into()));
        assert!(written.iter().all(Result::is_ok), "a new disk takes a key: {written:?}");
        Self {
            id: NodeId::of(&key.public_key()),
            key,
            clock: Arc::default(),
            disk,
            old_disk: None,
            still_until_ns: 0,
            lives: 0,
            up: None,
        }
    }
}

/// A node that is up.
pub(super) struct Up {
    /// Its number.
    pub(super) number: usize,
    /// Which of its lives this is.
    pub(super) life: u64,
    pub(super) node: Node,
    pub(super) store: Arc<Store>,
    pub(super) fleet: Fleet,
    pub(super) handoffs: Handoffs,
    /// What is leaving, by the agent's number.
    pub(super) outgoing: BTreeMap<usize, Outgoing>,
    /// The agents whose offer is being written.
    pub(super) leaving: BTreeSet<usize>,
    /// The agents that were told to stop at once.
    pub(super) halted: BTreeSet<usize>,
    /// What is coming.
    pub(super) incoming: BTreeMap<TransferId, Incoming>,
    pub(super) cancel: CancelFlag,
    pub(super) is_writing: bool,
    /// When it was planned to wake.
    pub(super) wakes_ns: Option<u64>,
    /// Whether its power is cut as soon as it has said what it has to say.
    pub(super) is_doomed: bool,
    pub(super) is_failing: bool,
}

/// An agent that is leaving.
pub(super) struct Outgoing {
    pub(super) transfer: TransferId,
    /// What was announced.
    pub(super) announced: Inventory,
    /// Whether what came last was sent.
    pub(super) is_sent: bool,
}

/// An agent that is coming.
pub(super) struct Incoming {
    pub(super) agent: usize,
    pub(super) stage: Stage,
    pub(super) bulk: Arc<Bulk>,
}

/// How far it has come.
pub(super) enum Stage {
    /// It was announced, and what it consists of arrives.
    Announced,
    /// It was checked.
    Examined(Box<Examined>),
    /// Its bulk is durable.
    Staged(Box<Staged>),
    /// All of it is here.
    Complete(Box<Complete>),
    /// It is this node's.
    Taken(Box<Taken>),
    /// A mutant took it without looking.
    Raw(Box<Group>),
    /// Something is being done with it.
    Busy,
}

/// What an agent consists of.
pub(super) struct Bulk {
    pub(super) stock: Stock,
    pub(super) parts: Vec<Vec<u8>>,
}

/// What goes with a message.
#[derive(Clone)]
pub(super) enum Load {
    Nothing,
    /// Everything that an agent consists of.
    Bulk(Arc<Bulk>),
    /// What came last, and the agent's key.
    Last(Arc<Bulk>, [u8; 32]),
}

/// A message on its way.
#[derive(Clone)]
pub(super) struct Letter {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) agent: usize,
    pub(super) message: Message,
    pub(super) load: Load,
}

impl Letter {
    /// The transfer that it is about, if it goes to the target.
    pub(super) fn transfer(&self) -> Option<TransferId> {
        match &self.message {
            Message::Prepare(transfer) => Some(*transfer),
            Message::Offer(offer) => Some(offer.terms().transfer),
            _ => None,
        }
    }

    /// What it is, in a word or two.
    pub(super) fn describe(&self) -> String {
        let Self { from, to, agent, message, load } = self;
        let load = match load {
            Load::Nothing => "",
            Load::Bulk(_) => " with all parts",
            Load::Last(..) => " with the last parts",
        };
        let what = match message {
            Message::Prepare(transfer) => format!("prepare {}", short(*transfer)),
            Message::Ready(transfer) => format!("ready {}", short(*transfer)),
            Message::NotReady(transfer) => format!("not ready {}", short(*transfer)),
            Message::Offer(offer) => format!("offer of epoch {}", offer.terms().epoch.major),
            Message::Withdraw(offer) => format!("withdraw epoch {}", offer.terms().epoch.major),
            Message::Answer(answer) => match answer.verdict {
                Verdict::Accepted => "accepted".to_owned(),
                Verdict::Refused => "refused".to_owned(),
            },
        };
        format!("{from} -> {to} agent {agent}: {what}{load}")
    }
}

fn short(transfer: TransferId) -> String {
    transfer.to_string().chars().take(6).collect()
}

impl Up {
    /// A node that starts on this disk.
    pub(super) fn start(
        number: usize,
        station: &Station,
        swarm: &Swarm,
        mutant: Option<Mutant>,
        now_ns: u64,
    ) -> Self {
        let store = Arc::new(station.disk.open(mutant));
        station.clock.set(now_ns);
        let clock: Arc<dyn Clock> = station.clock.clone();
        let fleet = Fleet::under(Lease::new(swarm.lease(), Moment::of(&*clock)));
        let entropy_seed = station.lives.wrapping_mul(0x9e37_79b9).wrapping_add(now_ns);
        let node = Node {
            engine: (engine("wasmi"), "wasmi".to_owned()),
            storage: (store.clone(), "simulated".to_owned()),
            meter: Box::new(|name| {
                let section = ConfigSection::empty(format!("meter.{name}"));
                let context = crate::world::context(std::path::Path::new(""));
                Registry::<dyn Meter>::linked()?.build(name, &section, &context)
            }),
            price: swarm.prices[number],
            mode: CommitMode::Journal,
            verifier: None,
            clock,
            entropy: Arc::new(SeededEntropy::new(entropy_seed)),
        };
        let handoffs = Handoffs::new(station.id, swarm.schedule, GateLimits::default());
        Self {
            number,
            life: station.lives,
            node,
            store,
            fleet,
            handoffs,
            outgoing: BTreeMap::new(),
            leaving: BTreeSet::new(),
            halted: BTreeSet::new(),
            cancel: never(),
            incoming: BTreeMap::new(),
            is_writing: false,
            wakes_ns: None,
            is_doomed: false,
            is_failing: false,
        }
    }

    /// When it has to do something by itself.
    pub(super) fn next_ns(&self) -> Option<u64> {
        let times = [self.fleet.next_timer_ns(), self.handoffs.wake_at()];
        times.into_iter().flatten().min()
    }
}

/// How agents of these worlds are driven.
pub(super) fn plan(swarm: &Swarm) -> Plan {
    Plan {
        first_tick_ns: swarm.tick_ns,
        tick_interval_ns: swarm.tick_ns,
        checkpoint_interval_ns: swarm.checkpoint_ns,
        ticks: None,
        checks: None,
    }
}

/// What is asked for when an agent is started.
pub(super) fn request(agent: &Agent, module: &[u8], budget: i64) -> Request {
    Request {
        agent: agent.name.clone(),
        module: module.to_vec(),
        manifest: Some(COUNTER_MANIFEST.as_bytes().to_vec()),
        budget: None,
        meter: None,
        defaults: Defaults {
            budget: igor_core::format::Microcents::new(budget).unwrap(),
            meter: "gas".to_owned(),
            limits: Limits::default(),
            key: agent.key(),
        },
    }
}

/// What never stops a guest call: nothing in these worlds waits for the wall.
pub(super) fn never() -> CancelFlag {
    CancelFlag::default()
}
