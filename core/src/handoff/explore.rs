//! Every order in which things can happen, for a few moves between a few nodes: messages come in any order, late,
//! twice or never; writes fail, come to nothing in a crash, or turn out to have been durable; timers fire at any
//! time. States that were seen before are not gone through again, so what is left is all there is.

use std::collections::{BTreeSet, HashMap, HashSet};

use igor_format::{
    AgentKey, Answer, Epoch, Hash, Microcents, NodeKey, Offer, OfferTerms, PublicKey, Tick,
    TransferId, Verdict,
};

use super::WriteFailed;
use super::{Action, Custodian, Custody, Event, Holding, Message, Schedule, VerifiedOffer};

/// Nothing waits: any timer may fire at any time.
const AT_ONCE: Schedule = Schedule { prepare_ns: 0, ask_ns: 0, ask_max_ns: 0, offers_max: 2 };

/// What may go wrong altogether.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Faults {
    crashes: u8,
    failed_writes: u8,
    cancels: u8,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Node {
    durable: Custody,
    /// `None` while it is down.
    running: Option<Custodian>,
    ticks: bool,
    /// What is being written, and whether it has reached the medium.
    writing: Option<(Custody, bool)>,
    stopping: Option<(TransferId, PublicKey, u64)>,
    preparing: Option<TransferId>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct World {
    nodes: Vec<Node>,
    /// Whatever was ever sent: (from, to, what).
    sent: BTreeSet<Sent>,
    moves: Vec<(usize, usize)>,
    faults: Faults,
    mutant: Mutant,
}

/// A rule that these nodes break.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Mutant {
    None,
    /// What is written is taken for durable before it is.
    AcknowledgesTooEarly,
    /// A crash takes refusals with it.
    ForgetsWhatItRefused,
    /// A crash takes with it under which offers the agent came.
    ForgetsWhatItTook,
    /// Who offered the agent ticks it again after a crash.
    TicksAgainAfterARestart,
}

/// A message in a form that has an order.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Sent {
    from: usize,
    to: usize,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Kind {
    Prepare(TransferId),
    Ready(TransferId),
    NotReady(TransferId),
    Offer(Hash),
    Withdraw(Hash),
    Accepted(Hash),
    Refused(Hash),
}

/// Something that can happen next.
#[derive(Clone, Copy, Debug)]
enum Step {
    Deliver(usize),
    Timer(usize),
    Move,
    Cancel(usize),
    Stopped(usize),
    NotStopped(usize),
    Prepared(usize),
    NotPrepared(usize),
    Sync(usize),
    Acknowledge(usize),
    FailWrite(usize),
    Crash(usize),
    Start(usize),
}

/// Keys are made, and offers and answers signed, once.
struct Notary {
    keys: Vec<NodeKey>,
    agent: AgentKey,
    offers: HashMap<Hash, VerifiedOffer>,
    made: HashMap<(TransferId, u64), Hash>,
    answers: HashMap<(usize, Kind), Answer>,
}

impl Notary {
    fn new(nodes: u8) -> Self {
        let keys = (1..=nodes).map(|number| NodeKey::from_seed(&[number; 32])).collect();
        let agent = AgentKey::from_seed(&[99; 32]);
        Self { keys, agent, offers: HashMap::new(), made: HashMap::new(), answers: HashMap::new() }
    }

    fn id(&self, node: usize) -> PublicKey {
        self.keys[node].public_key()
    }

    fn number(&self, id: PublicKey) -> usize {
        (0..self.keys.len()).find(|node| self.id(*node) == id).expect("one of the nodes")
    }

    fn offer(
        &mut self,
        source: usize,
        (transfer, target, epoch): (TransferId, PublicKey, u64),
    ) -> VerifiedOffer {
        if let Some(hash) = self.made.get(&(transfer, epoch)) {
            return self.offers[hash];
        }
        let terms = OfferTerms {
            transfer,
            agent: self.agent.public_key(),
            epoch: Epoch { major: epoch, generation: 0 },
            tick: Tick(1),
            budget: Microcents::ZERO,
            checkpoint: Hash::ZERO,
            module: Hash::ZERO,
            manifest: Hash::ZERO,
            record: Hash::ZERO,
            source: self.id(source),
            target,
        };
        let offer = Offer::sign(&self.agent, &self.keys[source], terms).expect("sound terms");
        let offer = VerifiedOffer::new(offer).expect("it was just signed");
        self.made.insert((transfer, epoch), offer.offer().hash());
        self.offers.insert(offer.offer().hash(), offer);
        offer
    }

    fn message(&mut self, sent: Sent) -> Message {
        let Self { offers, answers, keys, .. } = self;
        let mut answer = |offer, verdict| {
            let sign = || Answer::sign(&keys[sent.from], offer, verdict);
            Message::Answer(*answers.entry((sent.from, sent.kind)).or_insert_with(sign))
        };
        match sent.kind {
            Kind::Prepare(transfer) => Message::Prepare(transfer),
            Kind::Ready(transfer) => Message::Ready(transfer),
            Kind::NotReady(transfer) => Message::NotReady(transfer),
            Kind::Offer(hash) => Message::Offer(offers[&hash]),
            Kind::Withdraw(hash) => Message::Withdraw(offers[&hash]),
            Kind::Accepted(hash) => answer(hash, Verdict::Accepted),
            Kind::Refused(hash) => answer(hash, Verdict::Refused),
        }
    }
}

impl World {
    fn new(notary: &Notary, moves: &[(usize, usize)], faults: Faults, mutant: Mutant) -> Self {
        let nodes = (0..notary.keys.len()).map(|number| {
            let durable = if number == 0 { Custody::held(0) } else { Custody::default() };
            Node {
                durable,
                running: None,
                ticks: false,
                writing: None,
                stopping: None,
                preparing: None,
            }
        });
        let mut moves = moves.to_vec();
        moves.reverse();
        let mut world =
            Self { nodes: nodes.collect(), sent: BTreeSet::new(), moves, faults, mutant };
        for node in 0..world.nodes.len() {
            world.start(node, notary);
        }
        world
    }

    fn start(&mut self, node: usize, notary: &Notary) {
        let custody = self.nodes[node].durable.clone();
        self.nodes[node].running = Some(Custodian::new(notary.id(node), custody, AT_ONCE, 0));
        self.settle(node, notary);
    }

    fn tell(&mut self, node: usize, event: Event, notary: &Notary) {
        if let Some(custodian) = &mut self.nodes[node].running {
            custodian.handle(0, event);
            self.settle(node, notary);
        }
    }

    /// Carries out what can be carried out at once, and notes down the rest.
    fn settle(&mut self, number: usize, notary: &Notary) {
        while let Some(action) = self.nodes[number].running.as_mut().and_then(Custodian::poll) {
            let node = &mut self.nodes[number];
            let mut send = |to, kind| {
                self.sent.insert(Sent { from: number, to: notary.number(to), kind });
            };
            match action {
                Action::Send { to, message } => send(
                    to,
                    match message {
                        Message::Prepare(transfer) => Kind::Prepare(transfer),
                        Message::Ready(transfer) => Kind::Ready(transfer),
                        Message::NotReady(transfer) => Kind::NotReady(transfer),
                        Message::Offer(offer) => Kind::Offer(offer.offer().hash()),
                        Message::Withdraw(offer) => Kind::Withdraw(offer.offer().hash()),
                        Message::Answer(_) => {
                            unreachable!("answers are signed by whoever sends them")
                        }
                    },
                ),
                Action::Answer { to, offer, verdict } => send(
                    to,
                    match verdict {
                        Verdict::Accepted => Kind::Accepted(offer.offer().hash()),
                        Verdict::Refused => Kind::Refused(offer.offer().hash()),
                    },
                ),
                Action::Write(custody) => {
                    assert!(node.writing.is_none(), "one write at a time");
                    node.writing = Some((custody, false));
                }
                Action::Stop { transfer, target, epoch } => {
                    node.ticks = false;
                    node.stopping = Some((transfer, target, epoch));
                }
                Action::Prepare { transfer, .. } => node.preparing = Some(transfer),
                Action::Forget(transfer) => {
                    node.preparing.take_if(|preparing| *preparing == transfer);
                }
                Action::Tick => node.ticks = true,
                Action::Halt => node.ticks = false,
                Action::Ended(_) => {}
            }
        }
    }

    /// Everything that can happen now.
    fn steps(&self) -> Vec<Step> {
        let mut steps: Vec<Step> = (0..self.sent.len()).map(Step::Deliver).collect();
        if !self.moves.is_empty() {
            steps.push(Step::Move);
        }
        for (number, node) in self.nodes.iter().enumerate() {
            let Some(custodian) = &node.running else {
                steps.push(Step::Start(number));
                continue;
            };
            let mut add = |is_possible: bool, step| {
                if is_possible {
                    steps.push(step);
                }
            };
            add(custodian.wake_at().is_some(), Step::Timer(number));
            add(self.faults.cancels > 0, Step::Cancel(number));
            add(node.stopping.is_some(), Step::Stopped(number));
            add(node.stopping.is_some(), Step::NotStopped(number));
            add(node.preparing.is_some(), Step::Prepared(number));
            add(node.preparing.is_some(), Step::NotPrepared(number));
            let is_synced = node.writing.as_ref().map(|(_, is_synced)| *is_synced);
            add(is_synced == Some(false), Step::Sync(number));
            let is_early = self.mutant == Mutant::AcknowledgesTooEarly && is_synced.is_some();
            add(is_synced == Some(true) || is_early, Step::Acknowledge(number));
            add(is_synced == Some(false) && self.faults.failed_writes > 0, Step::FailWrite(number));
            add(self.faults.crashes > 0, Step::Crash(number));
        }
        steps
    }

    fn after(&self, step: Step, notary: &mut Notary) -> Self {
        let mut world = self.clone();
        match step {
            Step::Deliver(index) => {
                let sent = *world.sent.iter().nth(index).expect("one of them");
                let event =
                    Event::Received { from: notary.id(sent.from), message: notary.message(sent) };
                world.tell(sent.to, event, notary);
            }
            Step::Timer(node) => world.tell(node, Event::Timer, notary),
            Step::Move => {
                let (from, to) = world.moves.pop().expect("one is left");
                let number = u8::try_from(world.moves.len()).expect("a few moves");
                let transfer = TransferId::from_bytes([number; 16]);
                let (target, place) = (notary.id(to), String::new());
                world.tell(from, Event::Move { transfer, target, place }, notary);
            }
            Step::Cancel(node) => {
                world.faults.cancels -= 1;
                world.tell(node, Event::Cancel, notary);
            }
            Step::Stopped(node) => {
                let stopping = world.nodes[node].stopping.take().expect("it is");
                let offer = notary.offer(node, stopping);
                world.tell(node, Event::Stopped(offer), notary);
            }
            Step::NotStopped(node) => {
                world.nodes[node].stopping = None;
                world.tell(node, Event::NotStopped, notary);
            }
            Step::Prepared(node) => {
                let transfer = world.nodes[node].preparing.take().expect("it is");
                world.tell(node, Event::Prepared(transfer), notary);
            }
            Step::NotPrepared(node) => {
                let transfer = world.nodes[node].preparing.take().expect("it is");
                world.tell(node, Event::NotPrepared(transfer), notary);
            }
            Step::Sync(node) => {
                let node = &mut world.nodes[node];
                let (custody, is_synced) = node.writing.as_mut().expect("it writes");
                node.durable = custody.clone();
                *is_synced = true;
            }
            Step::Acknowledge(node) => {
                world.nodes[node].writing = None;
                world.tell(node, Event::Written(Ok(())), notary);
            }
            Step::FailWrite(node) => {
                world.faults.failed_writes -= 1;
                world.nodes[node].writing = None;
                world.tell(node, Event::Written(Err(WriteFailed::Clean)), notary);
            }
            Step::Crash(node) => {
                world.faults.crashes -= 1;
                let mutant = world.mutant;
                let node = &mut world.nodes[node];
                *node = Node {
                    durable: mutant.after_crash(node.durable.clone()),
                    running: None,
                    ticks: false,
                    writing: None,
                    stopping: None,
                    preparing: None,
                };
            }
            Step::Start(node) => world.start(node, notary),
        }
        world
    }

    /// What must hold in every state.
    fn check(&self) -> Result<(), String> {
        let ticking: Vec<_> = self.nodes.iter().map(|node| node.ticks).collect();
        if ticking.iter().filter(|ticks| **ticks).count() > 1 {
            return Err(format!("active twice: {ticking:?}"));
        }
        let holds = |node: &&Node| matches!(node.durable.holding, Holding::Held(_));
        match self.nodes.iter().filter(holds).count() {
            0 | 1 => {}
            _ => return Err("two disks say that they hold it".to_owned()),
        }
        for node in self.nodes.iter().filter(|node| node.ticks) {
            if !matches!(node.durable.holding, Holding::Held(_)) {
                return Err(format!("ticks what it does not hold: {:?}", node.durable.holding));
            }
        }
        let contested = |node: &Node| matches!(node.durable.holding, Holding::Contested { .. });
        match self.nodes.iter().any(contested) {
            true => Err("honest nodes contest each other".to_owned()),
            false => Ok(()),
        }
    }

    /// What must hold when everything has calmed down.
    fn check_active(&self) -> Result<(), String> {
        let active = self.nodes.iter().filter(|node| node.ticks).count();
        let holdings: Vec<_> = self.nodes.iter().map(|node| node.durable.holding.name()).collect();
        match active {
            1 => Ok(()),
            _ => Err(format!("healed, active on {active}: {holdings:?}")),
        }
    }

    /// Lets everything that was begun come to its end without further faults.
    fn heal(&self, notary: &mut Notary) -> Self {
        let mut world = self.clone();
        world.moves.clear();
        world.faults = Faults { crashes: 0, failed_writes: 0, cancels: 0 };
        for _ in 0..12 {
            for node in 0..world.nodes.len() {
                for step in [Step::Start(node), Step::Stopped(node), Step::Prepared(node)]
                    .into_iter()
                    .chain([Step::Sync(node), Step::Acknowledge(node), Step::Timer(node)])
                {
                    let kind = core::mem::discriminant(&step);
                    let is_possible = world.steps().into_iter().any(|possible| {
                        core::mem::discriminant(&possible) == kind && possible.node() == Some(node)
                    });
                    if is_possible {
                        world = world.after(step, notary);
                    }
                }
            }
            for index in 0..world.sent.len() {
                world = world.after(Step::Deliver(index), notary);
            }
        }
        world
    }
}

impl Mutant {
    /// What is found after a crash.
    fn after_crash(self, mut durable: Custody) -> Custody {
        match (self, &durable.holding) {
            (Self::ForgetsWhatItRefused, Holding::Absent) => durable.decided = 0,
            (Self::ForgetsWhatItTook, _) => durable.taken.clear(),
            (Self::TicksAgainAfterARestart, Holding::Offered { held, .. }) => {
                durable.holding = Holding::Held(*held);
            }
            _ => {}
        }
        durable
    }
}

impl Step {
    const fn node(self) -> Option<usize> {
        match self {
            Self::Deliver(_) | Self::Move => None,
            Self::Timer(node)
            | Self::Cancel(node)
            | Self::Stopped(node)
            | Self::NotStopped(node)
            | Self::Prepared(node)
            | Self::NotPrepared(node)
            | Self::Sync(node)
            | Self::Acknowledge(node)
            | Self::FailWrite(node)
            | Self::Crash(node)
            | Self::Start(node) => Some(node),
        }
    }
}

/// Goes through everything; gives the number of states, or what went wrong and how it came to that.
fn explore(
    nodes: u8,
    moves: &[(usize, usize)],
    faults: Faults,
    mutant: Mutant,
) -> Result<usize, String> {
    let mut notary = Notary::new(nodes);
    let first = World::new(&notary, moves, faults, mutant);
    let mut seen = HashSet::from([first.clone()]);
    // The step that led to each state, and the number of the state before.
    let mut trail: Vec<(usize, Option<Step>)> = vec![(0, None)];
    let mut open = vec![(first, 0)];
    while let Some((world, number)) = open.pop() {
        let checked = world.check().and_then(|()| match number % HEAL_EVERY {
            0 => world.heal(&mut notary).check_active(),
            _ => Ok(()),
        });
        checked.map_err(|problem| format!("{problem}, after {:?}", path(&trail, number)))?;
        for step in world.steps() {
            let next = world.after(step, &mut notary);
            if seen.insert(next.clone()) {
                open.push((next, trail.len()));
                trail.push((number, Some(step)));
            }
        }
    }
    Ok(seen.len())
}

/// The steps that led to a state.
fn path(trail: &[(usize, Option<Step>)], mut number: usize) -> Vec<Step> {
    let mut steps = Vec::new();
    while let (before, Some(step)) = trail[number] {
        steps.push(step);
        number = before;
    }
    steps.reverse();
    steps
}

/// One state in so many is also followed until everything has calmed down.
const HEAL_EVERY: usize = 64;

#[test]
fn one_move_in_every_order_with_crashes_failed_writes_and_a_cancel() {
    let faults = Faults { crashes: 3, failed_writes: 2, cancels: 1 };
    let states = explore(2, &[(0, 1)], faults, Mutant::None).unwrap_or_else(|it| panic!("{it}"));
    assert!(states > 10_000, "{states} states");
}

#[test]
fn there_and_back_in_every_order() {
    let faults = Faults { crashes: 2, failed_writes: 1, cancels: 0 };
    let moves = [(0, 1), (1, 0)];
    let states = explore(2, &moves, faults, Mutant::None).unwrap_or_else(|it| panic!("{it}"));
    assert!(states > 10_000, "{states} states");
}

#[test]
fn once_around_three_nodes_in_every_order() {
    let faults = Faults { crashes: 0, failed_writes: 0, cancels: 0 };
    let moves = [(0, 1), (1, 2), (2, 0)];
    let states = explore(3, &moves, faults, Mutant::None).unwrap_or_else(|it| panic!("{it}"));
    assert!(states > 5_000, "{states} states");
}

/// What is explored is worth something: nodes that break one rule are caught.
#[test]
fn nodes_that_break_a_rule_are_caught() {
    let faults = Faults { crashes: 2, failed_writes: 0, cancels: 0 };
    for mutant in [
        Mutant::AcknowledgesTooEarly,
        Mutant::ForgetsWhatItRefused,
        Mutant::ForgetsWhatItTook,
        Mutant::TicksAgainAfterARestart,
    ] {
        let result = explore(2, &[(0, 1), (1, 0)], faults, mutant);
        assert!(result.is_err(), "{mutant:?} was not caught in {result:?} states");
    }
}
