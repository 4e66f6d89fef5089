//! The handoffs of all agents of a node: which agent is given to whom, which one is taken from whom, and what
//! is done about it. What happened goes in, what is to be done comes out ([`Handoffs::poll`]). It adds to
//! the custodian of each agent ([`igor_core::handoff::Custodian`]) what concerns the node as a whole: which
//! agents there are, how many may come at a time, and who has offered too much that was refused. It has no
//! clock, no socket and no store, and runs no agent.

mod gate;
pub mod original;
pub mod package;
mod post;

use std::collections::{BTreeMap, HashMap, VecDeque};

use igor_core::format::{AgentId, Answer, PublicKey, TransferId, Verdict};
use igor_core::handoff::{Custody, Ended, Event, Holding, Message, Schedule, VerifiedOffer};
use igor_core::transport::NodeId;

use crate::timers::Timers;

pub use gate::{Gate, GateLimits, Shut};
use post::Post;

/// What is known of where an agent is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whereabouts {
    /// The agent.
    pub agent: PublicKey,
    /// Its name on this node.
    pub name: AgentId,
    /// What is durable.
    pub custody: Custody,
}

/// What a write goes together with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum With {
    /// Nothing else.
    Nothing,
    /// The last checkpoint of an agent that is offered.
    Departure,
    /// Everything that an agent consists of that came with this transfer.
    Arrival(TransferId),
}

/// Something to be done. [`Task::Write`], [`Task::Stop`] and [`Task::Prepare`] are each answered by one
/// [`Handoffs::happened`] about the same agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Task {
    /// Send a message about an agent; it may get lost.
    Send {
        /// About which agent.
        agent: PublicKey,
        /// What it is called here.
        name: AgentId,
        /// Who to.
        to: NodeId,
        /// Where that node was last known to be, if this node began the conversation.
        place: String,
        /// What.
        message: Box<Message>,
    },
    /// Sign the verdict on an offer and send it; it may get lost.
    Answer {
        /// Who to.
        to: NodeId,
        /// The offer.
        offer: Box<VerifiedOffer>,
        /// The verdict, which is durable.
        verdict: Verdict,
    },
    /// Make this durable, in one group with what goes with it.
    Write {
        /// What is to be known from now on.
        whereabouts: Box<Whereabouts>,
        /// What goes with it.
        with: With,
    },
    /// Stop ticking an agent and make an offer of it.
    Stop {
        /// Which.
        name: AgentId,
        /// The name of the attempt.
        transfer: TransferId,
        /// Where to.
        target: PublicKey,
        /// The epoch of the offer.
        epoch: u64,
    },
    /// An agent that was asked to stop for an offer is to go on without one.
    GoOn(AgentId),
    /// Fetch and check what a transfer consists of.
    Prepare {
        /// The agent.
        agent: PublicKey,
        /// The name of the attempt.
        transfer: TransferId,
        /// Who offers it.
        source: NodeId,
    },
    /// Let go of what was kept for a transfer.
    Forget(TransferId),
    /// Tick an agent: it came, or it comes back from an attempt to give it away.
    Tick {
        /// Which.
        name: AgentId,
        /// The transfer that it came with.
        came: Option<TransferId>,
    },
    /// Stop ticking an agent at once and write nothing more for it, for the reason that is said.
    Halt {
        /// Which.
        name: AgentId,
        /// Why.
        reason: String,
    },
    /// An attempt to give an agent away has ended.
    Ended {
        /// Which agent.
        name: AgentId,
        /// How.
        ended: Ended,
        /// Who it was, or was to be, given to.
        target: NodeId,
    },
}

/// Why an agent cannot be given away.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotGiven {
    /// It is not known here.
    #[error("this node has no agent {0}")]
    Unknown(AgentId),
    /// It is elsewhere, or it is not certain where it is.
    #[error("{name} is not here to give: {state}")]
    Elsewhere {
        /// Which.
        name: AgentId,
        /// Its state, by the name shown to people.
        state: &'static str,
    },
    /// It is being given away already.
    #[error("{0} is on its way to another node already")]
    Underway(AgentId),
    /// It was to be given to this node.
    #[error("{0} is at that node already: it is this one")]
    Itself(AgentId),
}

/// What became of a message that arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// It was taken in; what follows from it are tasks.
    Taken,
    /// It means nothing now, and nothing follows from it.
    Dropped,
    /// It is not taken in, for this reason.
    Shut(Shut),
}

/// The handoffs of a node.
#[derive(Debug)]
pub struct Handoffs {
    me: NodeId,
    schedule: Schedule,
    gate: Gate,
    posts: BTreeMap<PublicKey, Post>,
    names: HashMap<AgentId, PublicKey>,
    timers: Timers<PublicKey>,
    tasks: VecDeque<Task>,
}

impl Handoffs {
    /// Of the node `me`, which knows of no agent yet.
    pub fn new(me: NodeId, schedule: Schedule, limits: GateLimits) -> Self {
        Self {
            me,
            schedule,
            gate: Gate::new(limits),
            posts: BTreeMap::new(),
            names: HashMap::new(),
            timers: Timers::default(),
            tasks: VecDeque::new(),
        }
    }

    /// Takes in what is durable of an agent: at the start of a node, and when an agent comes into being here
    /// or is brought here. An agent that is held is not asked to tick: who makes it known decides that. What
    /// was read before the last of what is known was decided says nothing, and neither does anything while a
    /// transfer is under way.
    pub fn know(&mut self, now_ns: u64, whereabouts: Whereabouts) {
        let agent = whereabouts.agent;
        if self.posts.get(&agent).is_some_and(|post| !post.is_behind(&whereabouts.custody)) {
            return;
        }
        self.drop_post(&agent);
        self.names.insert(whereabouts.name.clone(), agent);
        let mut post = Post::new(self.me, whereabouts, self.schedule, now_ns);
        post.resume();
        self.posts.insert(agent, post);
        self.work_off(agent);
    }

    /// Forgets an agent of which nothing is durable any more.
    pub fn forget(&mut self, name: &AgentId) {
        if let Some(agent) = self.names.remove(name) {
            self.drop_post(&agent);
        }
    }

    /// Takes in all that is durable of an agent of this name after it was removed: less than before, or nothing. What
    /// is under way, or was decided since that was read, is known better.
    pub fn renew(&mut self, now_ns: u64, name: &AgentId, whereabouts: Option<Whereabouts>) {
        let is_older = |post: &Post| {
            whereabouts.as_ref().is_some_and(|it| it.custody.decided < post.custody().decided)
        };
        if self.post(name).is_some_and(|post| !post.is_idle() || is_older(post)) {
            return;
        }
        self.forget(name);
        whereabouts.into_iter().for_each(|it| self.know(now_ns, it));
    }

    fn drop_post(&mut self, agent: &PublicKey) {
        self.timers.clear(*agent);
        let post = self.posts.remove(agent);
        if let Some(transfer) = post.as_ref().and_then(Post::inbound) {
            self.gate.end(transfer);
        }
    }

    /// What is known of an agent of this name.
    pub fn custody(&self, name: &AgentId) -> Option<&Custody> {
        self.post(name).map(Post::custody)
    }

    /// The name of an agent on this node.
    pub fn name(&self, agent: &PublicKey) -> Option<&AgentId> {
        self.posts.get(agent).map(Post::name)
    }

    /// Who an agent of this name is.
    pub fn agent(&self, name: &AgentId) -> Option<PublicKey> {
        self.names.get(name).copied()
    }

    /// Whether an attempt to give an agent away is under way.
    pub fn is_giving(&self) -> bool {
        self.posts.values().any(Post::is_giving)
    }

    /// Begins to give an agent to the node `target`, which is at `place`. `transfer` was never used before.
    ///
    /// # Errors
    /// [`NotGiven`]; nothing has begun then. Otherwise [`Task::Ended`] says how it ended.
    pub fn give(
        &mut self,
        now_ns: u64,
        name: &AgentId,
        transfer: TransferId,
        (target, place): (NodeId, &str),
    ) -> Result<(), NotGiven> {
        if target == self.me {
            return Err(NotGiven::Itself(name.clone()));
        }
        let agent = self.agent(name).ok_or_else(|| NotGiven::Unknown(name.clone()))?;
        let post = self.posts.get_mut(&agent).ok_or_else(|| NotGiven::Unknown(name.clone()))?;
        if post.is_giving() {
            return Err(NotGiven::Underway(name.clone()));
        }
        if !matches!(post.custody().holding, Holding::Held(_)) {
            let state = post.custody().holding.name().unwrap_or("not here");
            return Err(NotGiven::Elsewhere { name: name.clone(), state });
        }
        post.give(place, target);
        let (target, place) = (target.public_key(), place.to_owned());
        self.happened(now_ns, agent, Event::Move { transfer, target, place });
        Ok(())
    }

    /// Lets an agent stay, if that can still be decided here; otherwise asks its target to refuse it.
    pub fn cancel(&mut self, now_ns: u64, name: &AgentId) {
        if let Some(agent) = self.agent(name) {
            self.happened(now_ns, agent, Event::Cancel);
        }
    }

    /// Takes in a message of the node `from` about an agent, which is to be called `name` here unless it is
    /// known by another name.
    pub fn received(
        &mut self,
        now_ns: u64,
        from: NodeId,
        (agent, name): (PublicKey, &AgentId),
        message: Message,
    ) -> Heard {
        let is_from_target =
            matches!(message, Message::Ready(_) | Message::NotReady(_) | Message::Answer(_));
        if is_from_target {
            return self.heard_of_target(now_ns, from, agent, message);
        }
        if let Message::Offer(offer) | Message::Withdraw(offer) = &message {
            let terms = offer.terms();
            let is_for_me = NodeId::of(&terms.target) == self.me;
            if terms.agent != agent || !is_for_me || NodeId::of(&terms.source) != from {
                return Heard::Dropped;
            }
        }
        if let Err(shut) = self.gate.admit(now_ns, from, &message) {
            return Heard::Shut(shut);
        }
        let is_prepare = matches!(message, Message::Prepare(_));
        if !self.posts.contains_key(&agent)
            && let Err(shut) = self.meet(now_ns, agent, name, is_prepare)
        {
            return Heard::Shut(shut);
        }
        let Some(post) = self.posts.get_mut(&agent) else { return Heard::Dropped };
        if is_prepare && post.name() != name {
            return Heard::Shut(Shut::OtherName(post.name().clone()));
        }
        if let Message::Offer(offer) = &message {
            post.offered(offer);
        }
        self.happened(now_ns, agent, Event::Received { from: from.public_key(), message });
        Heard::Taken
    }

    /// What a node says that an agent was offered to.
    fn heard_of_target(
        &mut self,
        now_ns: u64,
        from: NodeId,
        agent: PublicKey,
        message: Message,
    ) -> Heard {
        if !self.posts.contains_key(&agent) {
            return Heard::Dropped;
        }
        self.happened(now_ns, agent, Event::Received { from: from.public_key(), message });
        Heard::Taken
    }

    /// Gets to know an agent that was never here. One that is not to come, but was offered, is known by its
    /// key if its name is another agent's.
    fn meet(
        &mut self,
        now_ns: u64,
        agent: PublicKey,
        name: &AgentId,
        is_to_come: bool,
    ) -> Result<(), Shut> {
        let taken = || Shut::NameTaken(name.clone());
        let name = match self.names.get(name) {
            None => name.clone(),
            Some(_) if is_to_come => return Err(taken()),
            Some(_) => NodeId::of(&agent).to_string().parse().map_err(|_| taken())?,
        };
        if self.posts.len() >= self.gate.agents_max() {
            return Err(Shut::Full);
        }
        let whereabouts = Whereabouts { agent, name, custody: Custody::default() };
        self.names.insert(whereabouts.name.clone(), agent);
        self.posts.insert(agent, Post::new(self.me, whereabouts, self.schedule, now_ns));
        Ok(())
    }

    /// Lets a transfer of the node `from` in before it is known which agent it brings; it counts until
    /// [`Handoffs::leave`].
    ///
    /// # Errors
    /// [`Shut`].
    pub fn enter(&mut self, now_ns: u64, from: NodeId, transfer: TransferId) -> Result<(), Shut> {
        self.gate.admit(now_ns, from, &Message::Prepare(transfer))?;
        self.gate.begin(transfer, from);
        Ok(())
    }

    /// Counts a transfer no more.
    pub fn leave(&mut self, transfer: TransferId) {
        self.gate.end(transfer);
    }

    /// Whether a transfer is being prepared, or is ready to be taken, so that its offer counts only where its
    /// parts arrive.
    pub fn expects(&self, agent: &PublicKey, transfer: TransferId) -> bool {
        self.posts.get(agent).is_some_and(|post| post.inbound() == Some(transfer))
    }

    /// Takes note of what a task led to, or of what happened to an agent.
    pub fn happened(&mut self, now_ns: u64, agent: PublicKey, event: Event) {
        let Some(post) = self.posts.get_mut(&agent) else { return };
        let inbound = post.inbound();
        post.handle(now_ns, event);
        if let Some(transfer) = inbound.filter(|_| post.inbound() != inbound) {
            self.gate.end(transfer);
        }
        self.work_off(agent);
    }

    /// Takes note that an agent's run has ended. If it was being offered, it is not known what is durable; if it was
    /// to be, it is not.
    pub fn broke_off(&mut self, now_ns: u64, agent: PublicKey) {
        let Some(event) = self.posts.get(&agent).and_then(Post::broken_off) else { return };
        self.happened(now_ns, agent, event);
    }

    /// Takes note that what `from` sent was not what it should be.
    pub fn strike(&mut self, now_ns: u64, from: NodeId) {
        self.gate.strike(now_ns, from);
    }

    /// Whether nothing of this node is listened to at present.
    pub fn is_barred(&self, now_ns: u64, peer: NodeId) -> bool {
        self.gate.is_barred(now_ns, peer)
    }

    /// The next thing to be done.
    pub fn poll(&mut self) -> Option<Task> {
        self.tasks.pop_front()
    }

    /// When [`Handoffs::wake`] is due.
    pub fn wake_at(&self) -> Option<u64> {
        self.timers.next_ns()
    }

    /// Lets the timers fire that are due.
    pub fn wake(&mut self, now_ns: u64) {
        let due: Vec<_> = std::iter::from_fn(|| self.timers.pop_due(now_ns)).collect();
        for agent in due {
            self.happened(now_ns, agent, Event::Timer);
        }
    }

    fn post(&self, name: &AgentId) -> Option<&Post> {
        self.names.get(name).and_then(|agent| self.posts.get(agent))
    }

    /// Takes up what an agent's custodian commands.
    fn work_off(&mut self, agent: PublicKey) {
        let Some(post) = self.posts.get_mut(&agent) else { return };
        while let Some(task) = post.poll() {
            if let Task::Prepare { transfer, source, .. } = &task {
                self.gate.begin(*transfer, *source);
            }
            self.tasks.push_back(task);
        }
        self.timers.set(agent, post.wake_at().unwrap_or(u64::MAX));
        if post.is_blank() {
            self.timers.clear(agent);
            self.names.remove(post.name());
            self.posts.remove(&agent);
        }
    }
}

/// The answer that a message of the wire contains, if `target` gave it and it is about `offer`.
pub fn checked_answer(answer: Answer, offer: &VerifiedOffer) -> Option<Answer> {
    let is_about = answer.offer == offer.offer().hash();
    let target = offer.terms().target;
    (is_about && answer.verify(&target).is_ok()).then_some(answer)
}

#[cfg(test)]
mod tests;
