//! What most attacks begin and end with: a node that is served, an attacker that is connected with it, a stream
//! on which something was said, and what came of it.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use igor_core::format::{
    AgentId, AgentKey, BillItem, Epoch, Hash, Message, Microcents, NodeKey, Offer, OfferTerms,
    Part, Prepare, Price, Tick, TransferId,
};
use igor_core::handoff::Holding;
use igor_core::storage::Key;
use igor_core::transport::{Address, Connection, ProtocolId, Stream, TransportError};
use igor_core::{Limits, Transport};
use igor_node::handoff::GateLimits;
use igor_node::shell::moving::Outcome;
use igor_node::shell::wire::ping;
use igor_node::wire::{Close, frame};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::interval;

use super::Attacked;
use super::house::{House, node_of, until};
use super::ledger::Entry;
use super::speech::{Reply, Speech};

/// The protocol of a handoff.
pub(super) const HANDOFF: &str = "/igor/handoff/1";
/// What the keys of the attacker, of the attacked node and of an honest one grow from.
pub(super) const ATTACKER: u8 = 1;
pub(super) const TARGET: u8 = 2;
const HONEST: u8 = 3;
/// Tries until a node counts as dead; each takes as long as a question may.
const TRIES: usize = 20;

/// Limits under which little patience is shown, for attacks whose only fault is that they are slow: whatever
/// the machine's load, they are not faster than that.
pub(super) fn impatient() -> Limits {
    let ns = |milliseconds: u64| milliseconds * 1_000_000;
    Limits {
        first_byte_ns_max: ns(300),
        idle_ns_max: ns(400),
        message_ns_max: ns(700),
        question_ns_max: ns(500),
        ..Limits::default()
    }
}

/// A node under attack, and the attacker.
pub(super) struct Scene<'a> {
    attacked: &'a Attacked,
    limits: Limits,
    pub(super) house: House,
    /// An agent that lives there.
    pub(super) resident: AgentId,
    pub(super) attacker: Arc<dyn Transport>,
    pub(super) address: Address,
    pub(super) connection: Arc<dyn Connection>,
    expected: Mutex<Expected>,
    served: JoinHandle<()>,
    /// The tasks that were there before the attacker was.
    tasks: usize,
}

/// What an attack changes, as it should.
#[derive(Default)]
struct Expected {
    /// What is written.
    values: BTreeSet<Key>,
    /// The agents of which anything is written.
    agents: BTreeSet<AgentId>,
    /// How many tasks stay: that of a transport that has dialled, and one of each other node.
    tasks: usize,
    /// Whether the resident leaves.
    loses_resident: bool,
    /// Whether the node knows of as many agents as it may.
    is_full: bool,
}

/// Runs an attack on a node under these limits, and asks afterwards whether the node is as it was: nothing was
/// written, nothing is left over, its agent ticks, and the next agent comes.
pub(super) fn attack(attacked: &Attacked, limits: Limits, attack: impl AsyncFnOnce(&Scene<'_>)) {
    // What is attacked here is not the patience for faults.
    let gate = GateLimits { strikes_max: u32::MAX, ..GateLimits::default() };
    attack_at(attacked, (limits, gate), attack);
}

/// The same at a node that takes no more than `gate` from others.
pub(super) fn attack_at(
    attacked: &Attacked,
    (limits, gate): (Limits, GateLimits),
    attack: impl AsyncFnOnce(&Scene<'_>),
) {
    attacked.transport.run(Box::pin(async move {
        let scene = Scene::new(attacked, limits, gate).await;
        attack(&scene).await;
        scene.assert_as_before().await;
    }));
}

impl<'a> Scene<'a> {
    async fn new(attacked: &'a Attacked, limits: Limits, gate: GateLimits) -> Self {
        let transport = attacked.transport.node(TARGET, &limits);
        let house = House::build((TARGET, transport), &limits, gate);
        let resident = house.keeper.bear("resident");
        let (listener, address) = house.listen().await;
        let served = tokio::spawn((attacked.serve)(listener, Arc::clone(&house.door)));
        house.assert_ticks(&resident).await;
        house.keeper.ledger.written();
        let tasks = tasks();
        let attacker = attacked.transport.node(ATTACKER, &Limits::default());
        let connection = attacker.connect(&address).await.expect("the node listens");
        Self {
            attacked,
            limits,
            house,
            resident,
            attacker,
            address,
            connection,
            expected: Mutex::default(),
            served,
            tasks,
        }
    }

    /// Says that the attack writes this, as it should.
    pub(super) fn writes(&self, key: Key) {
        self.expects().values.insert(key);
    }

    /// Says that this agent comes, or is looked at before it is refused.
    pub(super) fn owns(&self, agent: &AgentId) {
        self.expects().agents.insert(agent.clone());
    }

    /// Says that the attack leaves no place for agents that the node does not know.
    pub(super) fn is_full(&self) {
        self.expects().is_full = true;
    }

    /// Says that the node dials in the course of the attack.
    pub(super) fn dials(&self) {
        self.expects().tasks += 1;
    }

    fn expects(&self) -> MutexGuard<'_, Expected> {
        self.expected.lock().expect("nobody panics with it")
    }

    /// Says that the resident leaves in the course of the attack.
    pub(super) fn loses_resident(&self) {
        self.expects().loses_resident = true;
    }

    /// A node of this number beside the attacked one.
    pub(super) fn neighbour(&self, seed: u8) -> House {
        self.expects().tasks += 1;
        let transport = self.attacked.transport.node(seed, &Limits::default());
        House::build((seed, transport), &Limits::default(), GateLimits::default())
    }

    /// A connection of another attacker's.
    pub(super) async fn connect_as(
        &self,
        seed: u8,
    ) -> (Arc<dyn Transport>, Result<Arc<dyn Connection>, TransportError>) {
        let other = self.attacked.transport.node(seed, &Limits::default());
        let connection = other.connect(&self.address).await;
        (other, connection)
    }

    /// A stream of the attacker's.
    pub(super) async fn open(&self, name: &str) -> Stream {
        let protocol = ProtocolId::new(name).expect("it is a name");
        self.connection.open(&protocol).await.expect("the connection stands")
    }

    /// A stream for a handoff, on which the attacker is about to speak.
    pub(super) async fn speak(&self) -> Speech {
        Speech::on(self.open(HANDOFF).await)
    }

    /// What the node replies to one message.
    pub(super) async fn ask(&self, message: &Message) -> Reply {
        let mut speech = self.speak().await;
        speech.say(message).await;
        speech.reply().await
    }

    /// A stream for a handoff on which `bytes` are said, as far as anybody listens.
    pub(super) async fn say(&self, bytes: &[u8]) -> Stream {
        let mut stream = self.open(HANDOFF).await;
        let _ = stream.writer.write_all(bytes).await;
        stream
    }

    /// That the node abandons a handoff's stream with this code on which `bytes` are said, after which the
    /// attacker does no more.
    pub(super) async fn assert_refused(&self, bytes: &[u8], close: Close) {
        let mut stream = self.say(bytes).await;
        assert_abandoned(&mut stream, close).await;
    }

    /// The same when the attacker finishes then.
    pub(super) async fn assert_refused_at_end(&self, bytes: &[u8], close: Close) {
        let mut stream = self.say(bytes).await;
        let _ = stream.writer.finish();
        assert_abandoned(&mut stream, close).await;
    }

    async fn assert_as_before(self) {
        let Self { attacked, limits, house, resident, attacker, address, connection, .. } = self;
        connection.close(Close::Done.code()).await;
        drop((connection, attacker));
        let room = house.door.room();
        until(|| room.kept() == 0, || format!("{} bytes are kept", room.kept())).await;
        let expected = self.expected.into_inner().expect("nobody panicked with it");
        let most = self.tasks + expected.tasks;
        until(|| tasks() <= most, || format!("{} tasks where {most} were", tasks())).await;
        if !expected.loses_resident {
            house.assert_ticks(&resident).await;
            assert_eq!(house.keeper.fate(&resident).halted, None);
        }
        for entry in house.keeper.ledger.written() {
            let is_custody = matches!(&entry, Entry::Value(Key::Custody(_)));
            let is_life = entry.agent() == Some(&resident) && !is_custody;
            let is_owned = match entry.agent() {
                Some(agent) => expected.agents.contains(agent),
                // Modules and manifests are anybody's.
                None => !expected.agents.is_empty(),
            };
            let is_named = matches!(&entry, Entry::Value(key) if expected.values.contains(key));
            let is_left = expected.loses_resident && entry.agent() == Some(&resident);
            let is_expected = is_life || is_owned || is_named || is_left;
            assert!(is_expected, "the attack has written {entry:?}");
        }
        let transport = attacked.transport.node(HONEST, &Limits::default());
        assert_answers(&*transport, &limits, &address).await;
        if !expected.is_full {
            assert_takes_agents(transport, &house, &address).await;
        }
        self.served.abort();
    }
}

/// That the node answers somebody else.
async fn assert_answers(transport: &dyn Transport, limits: &Limits, address: &Address) {
    let mut last = String::new();
    for _ in 0..TRIES {
        let answer = match transport.connect(address).await {
            Ok(connection) => ping(&*connection, limits).await.map_err(|e| e.to_string()),
            Err(error) => Err(error.to_string()),
        };
        match answer {
            Ok(_) => return,
            Err(error) => last = error,
        }
    }
    panic!("the node does not answer any more: {last}");
}

/// That an agent of an honest node comes and ticks.
async fn assert_takes_agents(transport: Arc<dyn Transport>, house: &House, address: &Address) {
    let mut last = String::new();
    let gate = GateLimits::default();
    let honest = House::build((HONEST, transport), &Limits::default(), gate);
    let agent = honest.keeper.bear("honest");
    honest.assert_ticks(&agent).await;
    for _ in 0..TRIES {
        match honest.give(&agent, (node_of(TARGET), address)).await {
            Outcome::Moved(_) => {
                house.assert_ticks(&agent).await;
                assert!(matches!(house.holding(&agent).await, Holding::Held(_)));
                return;
            }
            Outcome::Stayed(why) => last = why.to_string(),
        }
    }
    panic!("the node takes no agents any more: {last}");
}

/// The tasks of the runtime that all nodes of an attack are on.
fn tasks() -> usize {
    Handle::current().metrics().num_alive_tasks()
}

/// Says a byte again and again until nobody listens; at most for a minute.
pub(super) async fn trickle(stream: &mut Stream, pieces: impl Iterator<Item = Vec<u8>>) {
    let mut ticks = interval(Duration::from_millis(50));
    for piece in pieces.take(1_200) {
        ticks.tick().await;
        if stream.writer.write_all(&piece).await.is_err() {
            return;
        }
    }
    panic!("the node listens for as long as one likes");
}

/// With which code the node abandoned what it said; `None` if it finished.
pub(super) async fn ended(stream: &mut Stream) -> Option<Close> {
    let mut buffer = [0; 4_096];
    loop {
        match stream.reader.read(&mut buffer).await {
            Ok(0) => return None,
            Ok(_) => {}
            Err(TransportError::Reset { code, .. }) => {
                return Some(Close::of(code).unwrap_or_else(|| panic!("the code is {}", code.0)));
            }
            Err(other) => panic!("{other}"),
        }
    }
}

/// That the node abandoned the stream with this code.
pub(super) async fn assert_abandoned(stream: &mut Stream, close: Close) {
    assert_eq!(ended(stream).await, Some(close));
}

/// The frame of a message.
pub(super) fn framed(message: &Message) -> Vec<u8> {
    frame(message, u64::MAX).expect("there is no limit")
}

/// An item of a bill, whose place follows from `tick`.
pub(super) fn item(tick: u64, bytes: u64) -> BillItem {
    BillItem { part: Part::History(Tick(tick), 0), hash: Hash::of(b"part"), bytes }
}

/// The beginning of a handoff.
pub(super) fn prepare(bill: Vec<BillItem>, more: u32) -> Message {
    Message::Prepare(Box::new(Prepare {
        transfer: TransferId::from_bytes([0xee; 16]),
        agent: AgentKey::from_seed(&[0xee; 32]).public_key(),
        name: "trojan".parse().expect("it is a name"),
        tick: Tick(1),
        budget: Microcents::MAX,
        price: Price::default(),
        module: Hash::of(b"module"),
        manifest: Hash::of(b"{}"),
        bill,
        more,
    }))
}

/// An offer of the attacker's to the attacked node, soundly signed.
pub(super) fn offer() -> Box<Offer> {
    let (agent, source) = (AgentKey::from_seed(&[0xee; 32]), NodeKey::from_seed(&[ATTACKER; 32]));
    let terms = OfferTerms {
        transfer: TransferId::from_bytes([0xee; 16]),
        agent: agent.public_key(),
        epoch: Epoch { major: 1, generation: 0 },
        tick: Tick(1),
        budget: Microcents::MAX,
        checkpoint: Hash::of(b"checkpoint"),
        module: Hash::of(b"module"),
        manifest: Hash::of(b"{}"),
        record: Hash::of(b"record"),
        source: source.public_key(),
        target: NodeKey::from_seed(&[TARGET; 32]).public_key(),
    };
    Box::new(Offer::sign(&agent, &source, terms).expect("the terms are sound"))
}
