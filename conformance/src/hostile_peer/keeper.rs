//! The process around a node under attack: agents really run in it, those that come tick on, and what happened
//! can be asked. It has a store in memory that notes down what is written.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{JoinHandle, spawn};
use std::time::Instant;

use async_trait::async_trait;
use igor_core::format::{AgentId, NodeKey, RefusalCode, encode_node_key};
use igor_core::gas::CancelFlag;
use igor_core::storage::{Group, Key, Precondition};
use igor_core::transport::NodeId;
use igor_core::{Clock, Limits, Storage};
use igor_node::handoff::package::Taken;
use igor_node::shell::moving::{Departed, Moves, Premises};
use igor_node::shell::{Crew, Deck, FleetHandle, FleetOrders, Told, block_on, run_fleet};
use igor_node::{Node, RunEvent, StopReason, whereabouts};

use super::ledger::Ledger;
use crate::world::{Guest, SeededEntropy, World};

/// Between two ticks of an agent: so many that an agent that does not tick is seen at once.
const TICK_INTERVAL_NS: u64 = 5_000_000;

/// What became of an agent.
#[derive(Debug, Clone, Default)]
pub(super) struct Fate {
    /// How many ticks it made here.
    pub(super) ticks: u64,
    /// How often it came.
    pub(super) came: u64,
    /// Why it was not taken, each time.
    pub(super) declined: Vec<RefusalCode>,
    /// Why it was halted, if it was.
    pub(super) halted: Option<String>,
}

/// A process in which agents come and go.
pub(super) struct Keeper {
    world: World,
    key: Arc<NodeKey>,
    handle: FleetHandle,
    pub(super) ledger: Arc<Ledger>,
    moves: OnceLock<Moves>,
    fates: Mutex<BTreeMap<AgentId, Fate>>,
}

/// A clock that goes by itself.
#[derive(Debug)]
struct Real(Instant);

impl Clock for Real {
    fn unix_ns(&self) -> i64 {
        1_700_000_000_000_000_000_i64.saturating_add_unsigned(self.monotonic_ns())
    }

    fn monotonic_ns(&self) -> u64 {
        u64::try_from(self.0.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

/// The threads that agents run on.
pub(super) struct Crewed {
    handle: FleetHandle,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Crewed {
    fn drop(&mut self) {
        self.handle.abandon();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Keeper {
    /// The process of the node whose key grows from `seed`, and its threads.
    pub(super) fn start(seed: u8, limits: &Limits) -> (Arc<Self>, Crewed) {
        let mut world = World::in_memory("wasmi");
        let key = Arc::new(NodeKey::from_seed(&[seed; 32]));
        let ledger = Arc::new(Ledger::new(Arc::clone(&world.node.storage.0)));
        let own = Group::new("nobody".parse().expect("a name"));
        let own = own.put(Key::Node, encode_node_key(&key).to_vec(), Precondition::Absent);
        for result in pollster::block_on(world.node.storage.0.commit(own.into())) {
            result.unwrap_or_else(|error| panic!("{error}"));
        }
        world.node.storage.0 = Arc::<Ledger>::clone(&ledger);
        world.node.clock = Arc::new(Real(Instant::now()));
        world.node.entropy = Arc::new(SeededEntropy::new(seed.into()));
        world.limits = limits.clone();
        world.plan.first_tick_ns = 0;
        world.plan.tick_interval_ns = TICK_INTERVAL_NS;
        world.plan.checkpoint_interval_ns = 10 * TICK_INTERVAL_NS;
        world.key_seed = [seed ^ 0x5a; 32];
        let (handle, orders) = FleetHandle::new();
        let keeper = Arc::new(Self {
            world,
            key,
            handle: handle.clone(),
            ledger,
            moves: OnceLock::new(),
            fates: Mutex::default(),
        });
        let crew = Arc::clone(&keeper);
        let thread = spawn(move || crew.sail(orders));
        (keeper, Crewed { handle, thread: Some(thread) })
    }

    fn sail(&self, orders: FleetOrders) {
        let node = &self.world.node;
        let stack_bytes = node.engine.0.native_stack_bytes();
        let deck = Deck {
            guests: Crew { threads: 1, stack_bytes },
            checks: Crew { threads: 0, stack_bytes },
            storage: Arc::clone(&node.storage.0),
            clock: Arc::clone(&node.clock),
            lease: None,
        };
        let mut sink = |agent: &AgentId, told: Told| {
            self.hear(agent, &told);
            ControlFlow::Continue(())
        };
        let sailed = block_on(run_fleet(deck, orders, false, &mut sink));
        sailed.and_then(|sailed| sailed).unwrap_or_else(|error| panic!("{error}"));
    }

    fn hear(&self, agent: &AgentId, told: &Told) {
        let departed = match told {
            Told::Event(event) => {
                if matches!(event, RunEvent::Started(_)) {
                    self.make_known(agent);
                }
                return self.told(agent, event.clone());
            }
            Told::Offer(offer) => Departed::Offer(offer.clone()),
            Told::CannotOffer(why) => Departed::Cannot(why.clone()),
            Told::NotOffered(_) => Departed::NotWritten,
            Told::Ended(StopReason::Offered) => Departed::Written,
            Told::Ended(_) => Departed::Ended,
            Told::Refused => return,
        };
        if let Some(moves) = self.moves.get() {
            moves.departed(agent, departed);
        }
    }

    fn make_known(&self, agent: &AgentId) {
        let found = pollster::block_on(whereabouts(&*self.world.node.storage.0, agent));
        if let (Ok(Some(found)), Some(moves)) = (found, self.moves.get()) {
            moves.know(found);
        }
    }

    /// Says where moves are decided.
    pub(super) fn connect(&self, moves: Moves) {
        assert!(self.moves.set(moves).is_ok(), "it is connected once");
    }

    /// Lets an agent of this name come into being here, and tick.
    pub(super) fn bear(&self, name: &str) -> AgentId {
        let guest = Guest { agent: name.to_owned(), ..Guest::counter() };
        let launched = self.world.launch(&guest, None).unwrap_or_else(|error| panic!("{error}"));
        self.handle.add(launched);
        name.parse().expect("tests name their agents well")
    }

    /// What became of an agent here.
    pub(super) fn fate(&self, agent: &AgentId) -> Fate {
        self.fates().get(agent).cloned().unwrap_or_default()
    }

    fn fates(&self) -> MutexGuard<'_, BTreeMap<AgentId, Fate>> {
        self.fates.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn storage(&self) -> &dyn Storage {
        &*self.world.node.storage.0
    }
}

#[async_trait]
impl Premises for Keeper {
    fn node(&self) -> &Node {
        &self.world.node
    }

    fn key(&self) -> &Arc<NodeKey> {
        &self.key
    }

    fn limits(&self) -> &Limits {
        &self.world.limits
    }

    fn takes_agents(&self) -> bool {
        true
    }

    fn accepts_unproven(&self) -> bool {
        false
    }

    fn fleet(&self) -> &FleetHandle {
        &self.handle
    }

    async fn move_in(&self, taken: Taken) {
        let plan = self.world.plan.clone();
        let launched = taken.launch(&self.world.node, plan, CancelFlag::default()).await;
        self.handle.add(launched.unwrap_or_else(|error| panic!("{error}")));
    }

    async fn start_again(&self, agent: &AgentId) {
        let guest = Guest { agent: agent.to_string(), ..Guest::counter() };
        let launched = self.world.launch(&guest, None);
        self.handle.add(launched.unwrap_or_else(|error| panic!("{error}")));
    }

    fn told(&self, agent: &AgentId, event: RunEvent) {
        let mut fates = self.fates();
        let fate = fates.entry(agent.clone()).or_default();
        match event {
            RunEvent::Ticked(_) => fate.ticks += 1,
            RunEvent::Came(_) => fate.came += 1,
            RunEvent::Declined(declined) => fate.declined.push(declined.code),
            _ => {}
        }
    }

    fn moved_out(&self, _: &AgentId, _: NodeId, _: &str) {}

    fn halted(&self, agent: &AgentId, reason: &str) {
        self.fates().entry(agent.clone()).or_default().halted = Some(reason.to_owned());
    }
}
