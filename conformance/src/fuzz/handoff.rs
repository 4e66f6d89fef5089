//! The handoff machine under any bytes: what happens to three nodes, one agent and a stranger, in any order. Messages
//! are late, doubled, lost and repeated by the stranger as its own; writes fail, turn out to have been durable, or
//! come to nothing in a crash. After each step the clauses of `docs/spec/handoff.md` must hold, and when everything
//! has calmed down the agent ticks once. It looks at the machine from outside, and carries out what it commands.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{LazyLock, Mutex, PoisonError};

use arbitrary::{Result as Drawn, Unstructured};
use igor_core::format::{
    AgentKey, Answer, Epoch, Hash, Microcents, NodeKey, Offer, OfferTerms, PublicKey, Tick,
    TransferId, Verdict,
};
use igor_core::handoff::{
    Action, Custodian, Custody, Ended, Event, Holding, Message, Schedule, VerifiedOffer,
    WriteFailed,
};

/// The nodes that keep to the protocol; whoever comes after them does not.
const NODES: usize = 3;
/// The most that happens in one course.
const STEPS_MAX: usize = 300;
/// Rounds in which everything that was begun comes to its end.
const HEAL_ROUNDS: usize = 12;
const SCHEDULE: Schedule = Schedule { prepare_ns: 20, ask_ns: 2, ask_max_ns: 8, offers_max: 3 };

/// What decides about one agent on one node.
pub trait Machine: Sized {
    /// Goes on from what is durable.
    fn new(me: PublicKey, custody: Custody, schedule: Schedule, now_ns: u64) -> Self;
    /// Takes note of what happened.
    fn handle(&mut self, now_ns: u64, event: Event);
    /// The next thing to do.
    fn poll(&mut self) -> Option<Action>;
    /// When [`Event::Timer`] is due.
    fn wake_at(&self) -> Option<u64>;
}

impl Machine for Custodian {
    fn new(me: PublicKey, custody: Custody, schedule: Schedule, now_ns: u64) -> Self {
        Self::new(me, custody, schedule, now_ns)
    }

    fn handle(&mut self, now_ns: u64, event: Event) {
        self.handle(now_ns, event);
    }

    fn poll(&mut self) -> Option<Action> {
        self.poll()
    }

    fn wake_at(&self) -> Option<u64> {
        self.wake_at()
    }
}

/// A clause does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("clause {clause}: {what}, after {steps} steps")]
pub struct Broken {
    /// Which, of `docs/spec/handoff.md`.
    pub clause: &'static str,
    /// What is seen.
    pub what: String,
    /// How many things had happened.
    pub steps: usize,
}

/// What came of a course.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Course {
    /// How many things happened.
    pub steps: usize,
    /// How often the agent came to another node.
    pub moved: usize,
    /// How often an offer was refused.
    pub refused: usize,
}

/// Lets happen what grows from `entropy`.
///
/// # Errors
/// [`Broken`].
pub fn check<M: Machine>(entropy: &[u8]) -> Result<Course, Broken> {
    let mut world = World::<M>::new();
    let mut entropy = Unstructured::new(entropy);
    while world.course.steps < STEPS_MAX && !entropy.is_empty() {
        world.course.steps += 1;
        if world.step(&mut entropy).is_err() {
            break;
        }
        world.judge()?;
    }
    world.heal()?;
    Ok(world.course)
}

/// The keys of the nodes and of the stranger.
static KEYS: LazyLock<Vec<NodeKey>> =
    LazyLock::new(|| (1..=4).map(|seed| NodeKey::from_seed(&[seed; 32])).collect());
static AGENT: LazyLock<AgentKey> = LazyLock::new(|| AgentKey::from_seed(&[99; 32]));
/// Offers are signed once for all courses.
static OFFERS: LazyLock<Mutex<HashMap<Asked, VerifiedOffer>>> = LazyLock::new(Mutex::default);

/// Who offers, in which attempt, to whom, and in which epoch.
type Asked = (usize, TransferId, PublicKey, u64);

fn offer(source: usize, (transfer, target, epoch): (TransferId, PublicKey, u64)) -> VerifiedOffer {
    let mut offers = OFFERS.lock().unwrap_or_else(PoisonError::into_inner);
    *offers.entry((source, transfer, target, epoch)).or_insert_with(|| {
        let terms = OfferTerms {
            transfer,
            agent: AGENT.public_key(),
            epoch: Epoch { major: epoch, generation: 0 },
            tick: Tick(1),
            budget: Microcents::ZERO,
            checkpoint: Hash::ZERO,
            module: Hash::ZERO,
            manifest: Hash::ZERO,
            record: Hash::ZERO,
            source: KEYS[source].public_key(),
            target,
        };
        let offer = Offer::sign(&AGENT, &KEYS[source], terms).expect("sound terms");
        VerifiedOffer::new(offer).expect("it was just signed")
    })
}

/// A node, and what it was asked to do.
struct Node<M> {
    durable: Custody,
    /// `None` while it is down.
    running: Option<M>,
    ticks: bool,
    /// What is being written, and whether it has reached the medium.
    writing: Option<(Custody, bool)>,
    stopping: Option<(TransferId, PublicKey, u64)>,
    preparing: Option<TransferId>,
}

struct World<M> {
    nodes: Vec<Node<M>>,
    /// Whatever was ever sent: from whom, to whom, what.
    sent: Vec<(usize, usize, Message)>,
    /// Every offer that was durable.
    offered: BTreeSet<Hash>,
    /// What was said about each offer.
    verdicts: BTreeMap<Hash, Verdict>,
    transfers: u8,
    now_ns: u64,
    course: Course,
    broken: Option<(&'static str, String)>,
}

impl<M: Machine> World<M> {
    fn new() -> Self {
        let node = |number| Node {
            durable: if number == 0 { Custody::held(0) } else { Custody::default() },
            running: None,
            ticks: false,
            writing: None,
            stopping: None,
            preparing: None,
        };
        let mut world = Self {
            nodes: (0..NODES).map(node).collect(),
            sent: Vec::new(),
            offered: BTreeSet::new(),
            verdicts: BTreeMap::new(),
            transfers: 0,
            now_ns: 0,
            course: Course::default(),
            broken: None,
        };
        (0..NODES).for_each(|node| world.start(node));
        world
    }

    fn start(&mut self, node: usize) {
        if self.nodes[node].running.is_none() {
            let (me, custody) = (KEYS[node].public_key(), self.nodes[node].durable.clone());
            self.nodes[node].running = Some(M::new(me, custody, SCHEDULE, self.now_ns));
            self.settle(node);
        }
    }

    fn crash(&mut self, node: usize) {
        let node = &mut self.nodes[node];
        (node.running, node.ticks, node.writing) = (None, false, None);
        (node.stopping, node.preparing) = (None, None);
    }

    fn tell(&mut self, node: usize, event: Event) {
        let now_ns = self.now_ns;
        if let Some(machine) = &mut self.nodes[node].running {
            machine.handle(now_ns, event);
            self.settle(node);
        }
    }

    fn breaks(&mut self, clause: &'static str, what: String) {
        self.broken.get_or_insert((clause, what));
    }

    /// Carries out what can be carried out at once, and notes down the rest.
    fn settle(&mut self, number: usize) {
        while let Some(action) = self.nodes[number].running.as_mut().and_then(M::poll) {
            match action {
                Action::Send { to, message } => self.send(number, to, message),
                Action::Answer { to, offer, verdict } => self.answer(number, to, &offer, verdict),
                Action::Write(custody) => self.write(number, custody),
                Action::Stop { transfer, target, epoch } => {
                    let node = &mut self.nodes[number];
                    node.ticks = false;
                    node.stopping = Some((transfer, target, epoch));
                    let decided = node.durable.decided;
                    if epoch <= decided {
                        self.breaks(
                            "2.2",
                            format!("epoch {epoch} is offered, {decided} is decided"),
                        );
                    }
                }
                Action::Prepare { transfer, .. } => self.nodes[number].preparing = Some(transfer),
                Action::Forget(transfer) => {
                    self.nodes[number].preparing.take_if(|preparing| *preparing == transfer);
                }
                Action::Tick => self.nodes[number].ticks = true,
                Action::Halt => self.nodes[number].ticks = false,
                Action::Ended(ended) => self.course.moved += usize::from(ended == Ended::Moved),
            }
        }
    }

    fn send(&mut self, from: usize, to: PublicKey, message: Message) {
        if let Message::Offer(offer) | Message::Withdraw(offer) = &message {
            // While the answer to it is being written, an offer may be repeated.
            if !self.offered.contains(&offer.offer().hash()) {
                let what = format!("an offer is sent by {:?}", self.nodes[from].durable.holding);
                self.breaks("2.4", what);
            }
        }
        self.post(from, to, message);
    }

    fn answer(&mut self, from: usize, to: PublicKey, offer: &VerifiedOffer, verdict: Verdict) {
        let (hash, custody) = (offer.offer().hash(), &self.nodes[from].durable);
        let has_taken = custody.taken.get(&offer.epoch()) == Some(&hash);
        let is_durable =
            custody.decided >= offer.epoch() && has_taken == (verdict == Verdict::Accepted);
        if !is_durable {
            let clause = if verdict == Verdict::Accepted { "3.4" } else { "3.5" };
            let what = format!("{verdict:?} is said of epoch {} under {custody:?}", offer.epoch());
            self.breaks(clause, what);
        }
        if to != offer.terms().source || KEYS[from].public_key() != offer.terms().target {
            self.breaks("3.2", "an offer is answered to somebody, or by somebody, else".to_owned());
        }
        let said = *self.verdicts.entry(hash).or_insert(verdict);
        if said != verdict {
            self.breaks("3.3", format!("{verdict:?} is said after {said:?}"));
        }
        self.course.refused += usize::from(verdict == Verdict::Refused);
        self.post(from, to, Message::Answer(Answer::sign(&KEYS[from], hash, verdict)));
    }

    /// What was sent once can arrive again at any time, so it is kept once.
    fn post(&mut self, from: usize, to: PublicKey, message: Message) {
        let Some(to) = KEYS.iter().position(|key| key.public_key() == to) else { return };
        let sent = (from, to, message);
        if to < NODES && !self.sent.contains(&sent) {
            self.sent.push(sent);
        }
    }

    fn write(&mut self, number: usize, custody: Custody) {
        let node = &mut self.nodes[number];
        let (is_writing, before) = (node.writing.is_some(), node.durable.decided);
        let decided = custody.decided;
        node.writing = Some((custody, false));
        if is_writing {
            self.breaks("3.9", "something is decided while something is being written".to_owned());
        }
        if decided < before {
            self.breaks("2.2", format!("{before} was decided, {decided} is to be"));
        }
    }

    /// Lets one thing happen.
    fn step(&mut self, entropy: &mut Unstructured<'_>) -> Drawn<()> {
        let any = entropy.int_in_range(0..=NODES - 1)?;
        match entropy.int_in_range(0..=31_u8)? {
            0 => self.begin(entropy, any)?,
            1 => self.begin(entropy, self.next(any, |node| node.ticks))?,
            2..=12 => self.deliver(entropy)?,
            13..=16 => {
                let writes = self.next(any, |node| node.writing.is_some());
                self.write_on(writes, entropy.int_in_range(0..=15)?);
            }
            17..=18 => self.sync(self.next(any, |node| node.writing.is_some())),
            19..=21 => self.stopped(self.next(any, |node| node.stopping.is_some()), true),
            22..=24 => self.prepared(self.next(any, |node| node.preparing.is_some()), true),
            25..=27 => self.start(self.next(any, |node| node.running.is_none())),
            28 => self.fire(any),
            29 => self.meddle(entropy, any)?,
            _ => match entropy.int_in_range(0..=4_u8)? {
                0 => self.tell(any, Event::Cancel),
                1 => self.stopped(any, false),
                2 => self.prepared(any, false),
                _ => self.crash(any),
            },
        }
        Ok(())
    }

    /// The first node from this one on of which something is so; this one if there is none.
    fn next(&self, node: usize, is_so: impl Fn(&Node<M>) -> bool) -> usize {
        let mut others = (0..NODES).map(|step| (node + step) % NODES);
        others.find(|other| is_so(&self.nodes[*other])).unwrap_or(node)
    }

    fn begin(&mut self, entropy: &mut Unstructured<'_>, node: usize) -> Drawn<()> {
        // Seldom to the stranger.
        let target = entropy.int_in_range(0..=4 * NODES)?;
        let target = if target == 4 * NODES { NODES } else { target % NODES };
        self.transfers = self.transfers.wrapping_add(1);
        let transfer = TransferId::from_bytes([self.transfers; 16]);
        let (target, place) = (KEYS[target].public_key(), String::new());
        self.tell(node, Event::Move { transfer, target, place });
        Ok(())
    }

    /// Lets something arrive that was sent; what came last rather than what is old.
    fn deliver(&mut self, entropy: &mut Unstructured<'_>) -> Drawn<()> {
        let Some(last) = self.sent.len().checked_sub(1) else { return Ok(()) };
        let back = entropy.int_in_range(0..=last)?;
        let index = if entropy.ratio(3, 4)? { last - (back % 3).min(last) } else { back };
        let (from, to, message) = self.sent[index].clone();
        self.tell(to, Event::Received { from: KEYS[from].public_key(), message });
        Ok(())
    }

    /// The stranger says what somebody else said, answers what it was not asked, or names a transfer.
    fn meddle(&mut self, entropy: &mut Unstructured<'_>, to: usize) -> Drawn<()> {
        let transfer = TransferId::from_bytes([entropy.arbitrary()?; 16]);
        let message = match entropy.int_in_range(0..=5_u8)? {
            0 => Message::Prepare(transfer),
            1 => Message::Ready(transfer),
            2 => Message::NotReady(transfer),
            _ if self.sent.is_empty() => return Ok(()),
            3 => entropy.choose(&self.sent)?.2.clone(),
            _ => match entropy.choose(&self.sent)?.2.clone() {
                Message::Offer(offer) | Message::Withdraw(offer) => {
                    let verdict =
                        if entropy.arbitrary()? { Verdict::Accepted } else { Verdict::Refused };
                    Message::Answer(Answer::sign(&KEYS[NODES], offer.offer().hash(), verdict))
                }
                other => other,
            },
        };
        self.tell(to, Event::Received { from: KEYS[NODES].public_key(), message });
        Ok(())
    }

    fn sync(&mut self, node: usize) {
        let node = &mut self.nodes[node];
        if let Some((custody, is_synced)) = &mut node.writing {
            node.durable = custody.clone();
            *is_synced = true;
            if let Holding::Offered { offer, .. } = &custody.holding {
                self.offered.insert(offer.offer().hash());
            }
        }
    }

    /// Brings a write to its end: mostly well, sometimes not, and sometimes nobody knows.
    fn write_on(&mut self, number: usize, luck: u8) {
        let Some((_, is_synced)) = self.nodes[number].writing else { return };
        let result = match luck {
            0 if !is_synced => Err(WriteFailed::Clean),
            1 => Err(WriteFailed::InDoubt),
            _ => {
                self.sync(number);
                Ok(())
            }
        };
        self.nodes[number].writing = None;
        self.tell(number, Event::Written(result));
        if result == Err(WriteFailed::InDoubt) {
            // The store is opened again.
            self.crash(number);
        }
    }

    fn stopped(&mut self, number: usize, is_done: bool) {
        if let Some(stopping) = self.nodes[number].stopping.take() {
            let done = || Event::Stopped(offer(number, stopping));
            self.tell(number, if is_done { done() } else { Event::NotStopped });
        }
    }

    fn prepared(&mut self, number: usize, is_done: bool) {
        if let Some(transfer) = self.nodes[number].preparing.take() {
            let event =
                if is_done { Event::Prepared(transfer) } else { Event::NotPrepared(transfer) };
            self.tell(number, event);
        }
    }

    fn fire(&mut self, number: usize) {
        let wake_at = self.nodes[number].running.as_ref().and_then(M::wake_at);
        if let Some(at_ns) = wake_at {
            self.now_ns = self.now_ns.max(at_ns);
            self.tell(number, Event::Timer);
        }
    }

    /// What must hold after every step.
    fn judge(&mut self) -> Result<(), Broken> {
        let holds = |node: &&Node<M>| matches!(node.durable.holding, Holding::Held(_));
        let (held, ticking) = (
            self.nodes.iter().filter(holds).count(),
            self.nodes.iter().filter(|node| node.ticks).count(),
        );
        if held > 1 {
            self.breaks("5.1", format!("{held} disks say that they hold it"));
        }
        if ticking > 1 {
            self.breaks("5.1", format!("it ticks on {ticking} nodes"));
        }
        if self.nodes.iter().any(|node| node.ticks && !holds(&node)) {
            self.breaks("5.1", "it ticks where it is not held".to_owned());
        }
        let is_contested =
            |node: &Node<M>| matches!(node.durable.holding, Holding::Contested { .. });
        if self.nodes.iter().any(is_contested) {
            self.breaks("3.6", "honest nodes contest each other".to_owned());
        }
        match self.broken.take() {
            None => Ok(()),
            Some((clause, what)) => Err(Broken { clause, what, steps: self.course.steps }),
        }
    }

    /// Lets everything that was begun come to its end without further faults.
    fn heal(&mut self) -> Result<(), Broken> {
        for _ in 0..HEAL_ROUNDS {
            for node in 0..NODES {
                self.start(node);
                self.stopped(node, true);
                self.prepared(node, true);
                self.write_on(node, u8::MAX);
                self.fire(node);
            }
            for index in 0..self.sent.len() {
                let (from, to, message) = self.sent[index].clone();
                self.tell(to, Event::Received { from: KEYS[from].public_key(), message });
                self.write_on(to, u8::MAX);
            }
            self.judge()?;
        }
        let is_with_the_stranger = self.nodes.iter().any(|node| match &node.durable.holding {
            Holding::Offered { offer, .. } => offer.terms().target == KEYS[NODES].public_key(),
            _ => false,
        });
        let ticking = self.nodes.iter().filter(|node| node.ticks).count();
        if ticking != usize::from(!is_with_the_stranger) {
            let holdings: Vec<_> = self.nodes.iter().map(|it| it.durable.holding.name()).collect();
            self.breaks("5.2", format!("healed, it ticks on {ticking} nodes: {holdings:?}"));
        }
        self.judge()
    }
}
