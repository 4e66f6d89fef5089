//! A node within this process that takes agents of the original and lets them tick, on real time: what listens,
//! decides and runs agents is what `igor node` is made of.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use async_trait::async_trait;
use conformance::world::World;
use igor_core::format::{AgentId, MeterName, NodeKey};
use igor_core::gas::CancelFlag;
use igor_core::handoff::Schedule;
use igor_core::storage::{Key, Scope};
use igor_core::transport::{Address, NodeId};
use igor_core::{Clock, Limits, Storage};
use igor_node::handoff::package::Taken;
use igor_node::handoff::{GateLimits, Handoffs};
use igor_node::shell::moving::{Dialer, Door, Moves, Premises, listen};
use igor_node::shell::{Crew, Deck, FleetHandle, FleetOrders, Told, run_fleet};
use igor_node::{Node, Plan, RunEvent, own_key};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::timeout;

/// How long a test waits for a tick before it fails; none takes this long.
const PATIENCE: Duration = Duration::from_secs(60);

/// The time of the machine.
struct WallClock(Instant);

impl Clock for WallClock {
    fn unix_ns(&self) -> i64 {
        let since = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
    }

    fn monotonic_ns(&self) -> u64 {
        u64::try_from(self.0.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

/// What happens at a node.
enum Seen {
    Ticked(AgentId, u64),
    Declined(String),
    Other,
}

impl From<(&AgentId, RunEvent)> for Seen {
    fn from((agent, event): (&AgentId, RunEvent)) -> Self {
        match event {
            RunEvent::Ticked(ticked) => Self::Ticked(agent.clone(), ticked.tick.0),
            RunEvent::Declined(declined) => Self::Declined(declined.reason),
            _ => Self::Other,
        }
    }
}

struct Home {
    world: World,
    key: Arc<NodeKey>,
    fleet: FleetHandle,
    seen: UnboundedSender<Seen>,
}

#[async_trait]
impl Premises for Home {
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
        &self.fleet
    }

    async fn move_in(&self, taken: Taken) {
        let plan =
            Plan { first_tick_ns: 0, tick_interval_ns: 5_000_000, ..self.world.plan.clone() };
        let launched = taken.launch(&self.world.node, plan, CancelFlag::default()).await;
        self.fleet.add(launched.unwrap_or_else(|error| panic!("{error}")));
    }

    async fn start_again(&self, agent: &AgentId) {
        panic!("nobody gives {agent} away");
    }

    fn told(&self, agent: &AgentId, event: RunEvent) {
        self.seen.send((agent, event).into()).unwrap_or_default();
    }

    fn moved_out(&self, agent: &AgentId, _: NodeId, _: &str) {
        panic!("nobody gives {agent} away");
    }

    fn halted(&self, agent: &AgentId, reason: &str) {
        panic!("{agent}: {reason}");
    }
}

/// The node, as a test sees it.
pub(crate) struct Site {
    pub(crate) address: Address,
    storage: Arc<dyn Storage>,
    fleet: FleetHandle,
    seen: UnboundedReceiver<Seen>,
}

impl Site {
    pub(crate) async fn new() -> Self {
        let mut world = World::in_memory("wasmtime");
        world.node.clock = Arc::new(WallClock(Instant::now()));
        let storage = Arc::clone(&world.node.storage.0);
        let anyone = "anyone".parse().unwrap();
        let key = own_key(&*storage, &anyone, &*world.node.entropy).await.unwrap();
        let transport = super::transport("libp2p", &key);
        let (fleet, orders) = FleetHandle::new();
        let (sender, seen) = unbounded_channel();
        run(&world, orders, sender.clone());
        let home = Home { world, key, fleet: fleet.clone(), seen: sender };
        let home: Arc<dyn Premises> = Arc::new(home);
        let handoffs = Handoffs::new(transport.local(), Schedule::default(), GateLimits::default());
        let dialer = Arc::new(Dialer::new(Arc::clone(&transport)));
        let moves = Moves::start(handoffs, Arc::clone(&home), dialer);
        let listener = transport.listen(&transport.any_address()).await.unwrap();
        let address = listener.addresses().remove(0);
        let door = Door::new(home, moves, None, Some(MeterName::new("gas").unwrap()));
        tokio::spawn(listen(listener, door));
        Self { address, storage, fleet, seen }
    }

    /// What is stored of this agent.
    pub(crate) async fn stored(&self, agent: &AgentId) -> Vec<Key> {
        let of_agent = |name: &AgentId| {
            [Key::Checkpoint(name.clone()), Key::Identity(name.clone()), Key::Custody(name.clone())]
        };
        let mut found = Vec::new();
        for key in of_agent(agent) {
            if self.storage.get(&key).await.unwrap().is_some() {
                found.push(key);
            }
        }
        let history = Scope::History(agent.clone());
        found.extend(self.storage.list(&history, None, 10).await.unwrap());
        found
    }

    /// Why agents were not taken so far.
    pub(crate) fn declined(&mut self) -> Vec<String> {
        let seen = std::iter::from_fn(|| self.seen.try_recv().ok());
        let reason = |seen| if let Seen::Declined(reason) = seen { Some(reason) } else { None };
        seen.filter_map(reason).collect()
    }

    /// Waits for the agent's next tick.
    pub(crate) async fn tick(&mut self, agent: &AgentId) -> u64 {
        loop {
            let seen = timeout(PATIENCE, self.seen.recv()).await;
            match seen.unwrap_or_else(|_| panic!("no tick within {PATIENCE:?}")).unwrap() {
                Seen::Ticked(other, tick) if other == *agent => return tick,
                _ => {}
            }
        }
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.fleet.abandon();
    }
}

/// Runs the node's agents, on a thread of its own, until it is abandoned.
fn run(world: &World, orders: FleetOrders, seen: UnboundedSender<Seen>) {
    let stack_bytes = world.node.engine.0.native_stack_bytes();
    let deck = Deck {
        guests: Crew { threads: 1, stack_bytes },
        checks: Crew { threads: 0, stack_bytes: 0 },
        storage: Arc::clone(&world.node.storage.0),
        clock: Arc::clone(&world.node.clock),
        lease: None,
    };
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let mut sink = |agent: &AgentId, told: Told| {
            if let Told::Event(event) = told {
                seen.send((agent, event).into()).unwrap_or_default();
            }
            ControlFlow::Continue(())
        };
        runtime.block_on(run_fleet(deck, orders, false, &mut sink)).unwrap();
    });
}
