//! A node as it is: agents that tick, a desk that decides about moves, and a door that others come in by. An
//! attacked node is one, and so is the honest one that comes after the attack.

use std::sync::Arc;
use std::time::Duration;

use igor_core::format::{AgentId, NodeKey};
use igor_core::handoff::{Holding, Schedule};
use igor_core::transport::{Address, Listener, NodeId};
use igor_core::{Limits, Transport};
use igor_node::handoff::{GateLimits, Handoffs};
use igor_node::shell::moving::{Dialer, Door, Moves, Outcome};
use igor_node::whereabouts;
use tokio::time::{Instant, interval};

use super::keeper::{Crewed, Keeper};

/// Asks soon and withdraws soon, so that what was offered to a liar comes back within a test.
const SCHEDULE: Schedule = Schedule {
    prepare_ns: 10_000_000_000,
    ask_ns: 50_000_000,
    ask_max_ns: 200_000_000,
    offers_max: 3,
};
/// How long anything may take that is going to happen: longer than a connection whose end was not heard of.
const SOON: Duration = Duration::from_secs(45);

/// A node.
pub(super) struct House {
    pub(super) keeper: Arc<Keeper>,
    pub(super) moves: Moves,
    pub(super) door: Arc<Door>,
    pub(super) transport: Arc<dyn Transport>,
    _crew: Crewed,
}

impl House {
    /// The node whose key grows from `seed`. `gate` says what it takes from others.
    pub(super) fn build(
        (seed, transport): (u8, Arc<dyn Transport>),
        limits: &Limits,
        gate: GateLimits,
    ) -> Self {
        let (keeper, crew) = Keeper::start(seed, limits);
        let dialer = Arc::new(Dialer::new(Arc::clone(&transport)));
        let handoffs = Handoffs::new(transport.local(), SCHEDULE, gate);
        let moves = Moves::start(handoffs, Arc::<Keeper>::clone(&keeper), dialer);
        keeper.connect(moves.clone());
        let door = Door::new(Arc::<Keeper>::clone(&keeper), moves.clone(), None, None);
        Self { keeper, moves, door, transport, _crew: crew }
    }

    pub(super) async fn listen(&self) -> (Box<dyn Listener>, Address) {
        let place = self.transport.any_address();
        let listener = self.transport.listen(&place).await.expect("a free place");
        let address = listener.addresses().into_iter().next().expect("it has an address");
        (listener, address)
    }

    /// Gives an agent to the node at `address`, once.
    pub(super) async fn give(&self, agent: &AgentId, (to, at): (NodeId, &Address)) -> Outcome {
        let begun = self.moves.give(agent, (to, &at.0)).await;
        let ended = begun.unwrap_or_else(|error| panic!("{error}"));
        let ended = tokio::time::timeout(SOON, ended).await.expect("a move ends");
        ended.expect("the desk is there")
    }

    /// That an agent ticks on here.
    pub(super) async fn assert_ticks(&self, agent: &AgentId) {
        let before = self.keeper.fate(agent).ticks;
        let ticks = || self.keeper.fate(agent).ticks > before + 2;
        until(ticks, || format!("{agent} does not tick: {:?}", self.keeper.fate(agent))).await;
    }

    /// Where an agent is, as far as this node's disk says.
    pub(super) async fn holding(&self, agent: &AgentId) -> Holding {
        let found = whereabouts(self.keeper.storage(), agent).await;
        found.expect("it is readable").map_or(Holding::Absent, |found| found.custody.holding)
    }
}

/// The node that keys of this seed make.
pub(super) fn node_of(seed: u8) -> NodeId {
    NodeId::of(&NodeKey::from_seed(&[seed; 32]).public_key())
}

/// Waits until something is so.
pub(super) async fn until(is_so: impl Fn() -> bool, why: impl Fn() -> String) {
    let (begun, mut ticks) = (Instant::now(), interval(Duration::from_millis(5)));
    while !is_so() {
        assert!(begun.elapsed() < SOON, "{}", why());
        ticks.tick().await;
    }
}
