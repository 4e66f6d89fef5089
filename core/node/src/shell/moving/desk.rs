//! The task that decides: it feeds what happened to [`Handoffs`] and sees to it that what follows is done, by
//! the fleet, by the store, or by the conversations with other nodes. It waits for nobody.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use igor_core::format::{AgentId, Answer, PublicKey, RefusalCode, TransferId, Verdict};
use igor_core::handoff::{Ended, Event, Message, VerifiedOffer, WriteFailed};
use igor_core::storage::StorageError;
use igor_core::transport::NodeId;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

use super::dialer::Dialer;
use super::leaving::{self, Leaving};
use super::premises::{Premises, Stay};
use super::turns::{Turn, Turns};
use crate::custody::set_custody;
use crate::event::RunEvent;
use crate::handoff::{Handoffs, Heard, NotGiven, Shut, Task, Whereabouts, With};

/// How an attempt to give an agent away ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is there.
    Moved(NodeId),
    /// It is here.
    Stayed(Stay),
}

/// Why an attempt to give an agent away was not begun.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MoveError {
    /// It cannot be given away.
    #[error(transparent)]
    NotGiven(#[from] NotGiven),
    /// There is no randomness to name the attempt by.
    #[error("name the move: {0}")]
    Entropy(String),
    /// The node that decides is gone.
    #[error("the node ends")]
    Ends,
}

/// What the fleet says of an agent that was asked to depart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Departed {
    /// It has stopped, and this is the offer of it.
    Offer(Box<VerifiedOffer>),
    /// It cannot be offered, for this reason, and goes on.
    Cannot(String),
    /// The offer is durable.
    Written,
    /// The offer is not durable, and the agent goes on.
    NotWritten,
    /// Its run ended, and nothing was said of an offer.
    Ended,
}

/// What a conversation is told.
#[derive(Debug, Clone)]
pub(super) enum Said {
    /// Fetch and check what the transfer consists of.
    Prepare,
    /// Say that the agent can come.
    Ready,
    /// Say that it cannot.
    NotReady,
    /// Make everything durable, with this.
    Take(Box<Whereabouts>),
    /// Say what was decided.
    Answer(Answer),
    /// The agent is this node's and is to tick.
    Tick,
    /// Offer the agent.
    Offer,
    /// Nothing more follows.
    Over,
}

pub(super) type Ear = UnboundedSender<Said>;

/// What reaches the desk.
pub(super) enum Input {
    Know(Box<Whereabouts>),
    Renew(AgentId, Option<Box<Whereabouts>>),
    Give {
        name: AgentId,
        target: NodeId,
        place: String,
        turn: Turn,
        begun: oneshot::Sender<Result<(), MoveError>>,
        ended: oneshot::Sender<Outcome>,
    },
    Cancel(AgentId),
    /// A message arrived, in the conversation that `ear` belongs to.
    Heard {
        from: NodeId,
        agent: PublicKey,
        name: AgentId,
        message: Box<Message>,
        ear: Option<Ear>,
        heard: Option<oneshot::Sender<Heard>>,
    },
    Happened(PublicKey, Box<Event>),
    Departed(AgentId, Departed),
    /// Why an agent that is being given away is going to stay.
    Why(AgentId, Stay),
    /// Whether the offer with this transfer counts only with its parts.
    Expects(PublicKey, TransferId, oneshot::Sender<bool>),
    Strike(NodeId),
    /// A node is about to send an agent, of which nothing is known yet.
    Enter(NodeId, TransferId, oneshot::Sender<Result<(), Shut>>),
    Leave(TransferId),
    IsBarred(NodeId, oneshot::Sender<bool>),
    IsLeaving(AgentId, oneshot::Sender<bool>),
    /// No inquiry about the agent is under way any more.
    Inquired(PublicKey),
}

/// Asks the desk.
#[derive(Clone)]
pub struct Moves {
    inputs: UnboundedSender<Input>,
    turns: Arc<Turns>,
}

impl Moves {
    /// Starts to decide, within a tokio runtime.
    pub fn start(handoffs: Handoffs, premises: Arc<dyn Premises>, dialer: Arc<Dialer>) -> Self {
        let (sender, inputs) = unbounded_channel();
        let moves = Self { inputs: sender, turns: Arc::clone(&dialer.turns) };
        let desk = Desk {
            handoffs,
            premises,
            dialer,
            moves: moves.clone(),
            conversations: HashMap::new(),
            askers: HashMap::new(),
            attempts: HashMap::new(),
            inquiries: HashSet::new(),
        };
        tokio::spawn(desk.run(inputs));
        moves
    }

    /// Makes an agent known that was begun here, or what is durable of it.
    pub fn know(&self, whereabouts: Whereabouts) {
        self.tell(Input::Know(Box::new(whereabouts)));
    }

    /// Makes known what is durable of an agent that was removed.
    pub fn renew(&self, agent: &AgentId, whereabouts: Option<Whereabouts>) {
        self.tell(Input::Renew(agent.clone(), whereabouts.map(Box::new)));
    }

    /// Gives an agent to the node `target` at `place`, as soon as it is its turn; what is returned tells how it ends.
    ///
    /// # Errors
    /// [`MoveError`]; nothing was begun then.
    pub async fn give(
        &self,
        agent: &AgentId,
        (target, place): (NodeId, &str),
    ) -> Result<oneshot::Receiver<Outcome>, MoveError> {
        let turn = self.turns.take(target).await;
        let ((begun, answer), (ended, outcome)) = (oneshot::channel(), oneshot::channel());
        let (name, place) = (agent.clone(), place.to_owned());
        self.tell(Input::Give { name, target, place, turn, begun, ended });
        answer.await.map_err(|_| MoveError::Ends)??;
        Ok(outcome)
    }

    /// Whether an agent is being given away, or tried to be.
    pub async fn is_leaving(&self, agent: &AgentId) -> bool {
        self.ask(|answer| Input::IsLeaving(agent.clone(), answer)).await == Some(true)
    }

    /// Lets an agent stay, if that can still be decided here.
    pub fn cancel(&self, agent: &AgentId) {
        self.tell(Input::Cancel(agent.clone()));
    }

    /// Passes on what the fleet says of an agent that was asked to depart.
    pub fn departed(&self, agent: &AgentId, departed: Departed) {
        self.tell(Input::Departed(agent.clone(), departed));
    }

    pub(super) fn tell(&self, input: Input) {
        // Without a desk the node ends, and nobody decides anything.
        let _ = self.inputs.send(input);
    }

    pub(super) async fn ask<T>(
        &self,
        input: impl FnOnce(oneshot::Sender<T>) -> Input,
    ) -> Option<T> {
        let (sender, answer) = oneshot::channel();
        self.tell(input(sender));
        answer.await.ok()
    }
}

/// An attempt to give an agent away that somebody asked for.
struct Attempt {
    transfer: TransferId,
    place: String,
    /// Until the conversation begins, which has it then.
    turn: Option<Turn>,
    why: Option<Stay>,
    ended: oneshot::Sender<Outcome>,
}

struct Desk {
    handoffs: Handoffs,
    premises: Arc<dyn Premises>,
    dialer: Arc<Dialer>,
    moves: Moves,
    /// The conversations that parts are carried in.
    conversations: HashMap<TransferId, Ear>,
    /// Who waits for an answer to the offer of a transfer.
    askers: HashMap<TransferId, Vec<Ear>>,
    attempts: HashMap<AgentId, Attempt>,
    /// The agents that another node is being asked about.
    inquiries: HashSet<PublicKey>,
}

impl Desk {
    async fn run(mut self, mut inputs: UnboundedReceiver<Input>) {
        loop {
            while let Ok(input) = inputs.try_recv() {
                self.take(input);
            }
            self.handoffs.wake(self.now_ns());
            self.do_all();
            let wait = self
                .handoffs
                .wake_at()
                .map(|at_ns| Duration::from_nanos(at_ns.saturating_sub(self.now_ns())));
            tokio::select! {
                biased;
                input = inputs.recv() => match input {
                    Some(input) => self.take(input),
                    None => return,
                },
                () = tokio::time::sleep(wait.unwrap_or_default()), if wait.is_some() => {}
            }
        }
    }

    fn now_ns(&self) -> u64 {
        self.premises.node().clock.monotonic_ns()
    }

    fn take(&mut self, input: Input) {
        let now_ns = self.now_ns();
        match input {
            Input::Know(whereabouts) => self.handoffs.know(now_ns, *whereabouts),
            Input::Renew(name, left) => self.handoffs.renew(now_ns, &name, left.map(|it| *it)),
            Input::Give { name, target, place, turn, begun, ended } => {
                let given = self.give(now_ns, &name, target, &place);
                let _ = begun.send(given.map(|transfer| {
                    self.attempts.insert(
                        name,
                        Attempt { transfer, place, turn: Some(turn), why: None, ended },
                    );
                }));
            }
            Input::Cancel(name) => self.handoffs.cancel(now_ns, &name),
            Input::Heard { from, agent, name, message, ear, heard } => {
                let said = self.hear(now_ns, from, (agent, &name), *message, ear);
                if let Some(heard) = heard {
                    let _ = heard.send(said);
                }
            }
            Input::Happened(agent, event) => self.handoffs.happened(now_ns, agent, *event),
            Input::Departed(name, departed) => self.departed(now_ns, &name, departed),
            Input::Why(name, why) => {
                if let Some(attempt) = self.attempts.get_mut(&name) {
                    attempt.why = Some(why);
                }
            }
            Input::Expects(agent, transfer, answer) => {
                let _ = answer.send(self.handoffs.expects(&agent, transfer));
            }
            Input::Strike(peer) => self.handoffs.strike(now_ns, peer),
            Input::Enter(peer, transfer, answer) => {
                let _ = answer.send(self.handoffs.enter(now_ns, peer, transfer));
            }
            Input::Leave(transfer) => self.handoffs.leave(transfer),
            Input::IsBarred(peer, answer) => {
                let _ = answer.send(self.handoffs.is_barred(now_ns, peer));
            }
            Input::IsLeaving(name, answer) => {
                let _ = answer.send(self.attempts.contains_key(&name));
            }
            Input::Inquired(agent) => {
                self.inquiries.remove(&agent);
            }
        }
    }

    fn give(
        &mut self,
        now_ns: u64,
        name: &AgentId,
        target: NodeId,
        place: &str,
    ) -> Result<TransferId, MoveError> {
        let mut transfer = [0; 16];
        let filled = self.premises.node().entropy.fill(&mut transfer);
        filled.map_err(|error| MoveError::Entropy(error.to_string()))?;
        let transfer = TransferId::from_bytes(transfer);
        self.handoffs.give(now_ns, name, transfer, (target, place))?;
        Ok(transfer)
    }

    fn hear(
        &mut self,
        now_ns: u64,
        from: NodeId,
        about: (PublicKey, &AgentId),
        message: Message,
        ear: Option<Ear>,
    ) -> Heard {
        match (&message, ear) {
            (Message::Prepare(transfer), Some(ear)) => {
                self.converse(*transfer, ear);
            }
            (Message::Offer(offer) | Message::Withdraw(offer), Some(ear)) => {
                self.askers.retain(|_, ears| {
                    ears.retain(|ear| !ear.is_closed());
                    !ears.is_empty()
                });
                self.askers.entry(offer.terms().transfer).or_default().push(ear);
            }
            _ => {}
        }
        self.handoffs.received(now_ns, from, about, message)
    }

    fn departed(&mut self, now_ns: u64, name: &AgentId, departed: Departed) {
        let Some(agent) = self.handoffs.agent(name) else { return };
        let event = match departed {
            Departed::Offer(offer) => Event::Stopped(*offer),
            Departed::Cannot(reason) => {
                if let Some(attempt) = self.attempts.get_mut(name) {
                    attempt.why = Some(Stay::Unfit(reason));
                }
                Event::NotStopped
            }
            Departed::Written => Event::Written(Ok(())),
            Departed::NotWritten => Event::Written(Err(WriteFailed::Clean)),
            Departed::Ended => return self.handoffs.broke_off(now_ns, agent),
        };
        self.handoffs.happened(now_ns, agent, event);
    }

    fn do_all(&mut self) {
        while let Some(task) = self.handoffs.poll() {
            self.do_one(task);
        }
    }

    fn do_one(&mut self, task: Task) {
        match task {
            Task::Send { agent, name, to, place, message } => {
                self.send(agent, name, to, place, *message);
            }
            Task::Answer { offer, verdict, .. } => self.answer(&offer, verdict),
            Task::Write { whereabouts, with } => self.write(whereabouts, with),
            Task::Stop { name, transfer, target, epoch } => {
                let (fleet, moves) = (self.premises.fleet().clone(), self.moves.clone());
                tokio::spawn(async move {
                    if !fleet.depart(name.clone(), transfer, target, epoch).await {
                        moves.departed(&name, Departed::Cannot(format!("{name} does not run")));
                    }
                });
            }
            Task::GoOn(name) => self.premises.fleet().go_on(name),
            Task::Prepare { agent, transfer, .. } => {
                if !self.say(transfer, Said::Prepare) {
                    let lost = Event::NotPrepared(transfer);
                    self.moves.tell(Input::Happened(agent, Box::new(lost)));
                }
            }
            Task::Forget(transfer) => {
                self.say(transfer, Said::Over);
                self.conversations.remove(&transfer);
            }
            Task::Tick { name, came: None } => {
                let premises = Arc::clone(&self.premises);
                tokio::spawn(async move { premises.start_again(&name).await });
            }
            Task::Tick { came: Some(transfer), .. } => {
                self.say(transfer, Said::Tick);
                self.conversations.remove(&transfer);
            }
            Task::Halt { name, reason } => {
                self.premises.fleet().halt(name.clone(), reason.clone());
                self.premises.halted(&name, &reason);
            }
            Task::Ended { name, ended, target } => self.ended(name, ended, target),
        }
    }

    /// Remembers who carries a transfer.
    fn converse(&mut self, transfer: TransferId, ear: Ear) {
        self.conversations.retain(|_, ear| !ear.is_closed());
        self.conversations.insert(transfer, ear);
    }

    /// Tells a conversation something. `false` if nobody is there to hear it.
    fn say(&self, transfer: TransferId, said: Said) -> bool {
        self.conversations.get(&transfer).is_some_and(|ear| ear.send(said).is_ok())
    }

    fn send(
        &mut self,
        agent: PublicKey,
        name: AgentId,
        to: NodeId,
        place: String,
        message: Message,
    ) {
        match message {
            Message::Prepare(transfer) => {
                let (ear, said) = unbounded_channel();
                self.converse(transfer, ear);
                let attempt = self.attempts.get_mut(&name);
                let turn = attempt.and_then(|attempt| attempt.turn.take());
                let leaving = Leaving { agent, name, to, place, transfer, _turn: turn };
                let (premises, dialer) = (Arc::clone(&self.premises), Arc::clone(&self.dialer));
                tokio::spawn(leaving::leave(leaving, said, premises, dialer, self.moves.clone()));
            }
            Message::Ready(transfer) => {
                self.say(transfer, Said::Ready);
            }
            Message::NotReady(transfer) => {
                self.say(transfer, Said::NotReady);
                self.conversations.remove(&transfer);
            }
            Message::Offer(offer) => {
                if !self.say(offer.terms().transfer, Said::Offer) {
                    self.inquire((agent, name), to, place, (offer, false));
                }
            }
            Message::Withdraw(offer) => self.inquire((agent, name), to, place, (offer, true)),
            // An answer is signed where it is sent.
            Message::Answer(_) => {}
        }
    }

    /// Asks another node, beside every other conversation, what became of an offer.
    fn inquire(
        &mut self,
        (agent, name): (PublicKey, AgentId),
        to: NodeId,
        place: String,
        (offer, is_withdrawn): (VerifiedOffer, bool),
    ) {
        if !self.inquiries.insert(agent) {
            return;
        }
        let (dialer, moves) = (Arc::clone(&self.dialer), self.moves.clone());
        let limits = self.premises.limits().clone();
        tokio::spawn(async move {
            let asked = leaving::inquire(&dialer, &limits, (to, &place), &offer, is_withdrawn);
            let answer = asked.await;
            moves.tell(Input::Inquired(agent));
            match answer {
                Ok(answer) => {
                    let message = Box::new(Message::Answer(answer));
                    let (ear, heard) = (None, None);
                    moves.tell(Input::Heard { from: to, agent, name, message, ear, heard });
                }
                Err(error) => tracing::debug!(%name, %to, %error, "no answer to an offer yet"),
            }
        });
    }

    fn answer(&mut self, offer: &VerifiedOffer, verdict: Verdict) {
        let answer = Answer::sign(self.premises.key(), offer.offer().hash(), verdict);
        for ear in self.askers.remove(&offer.terms().transfer).unwrap_or_default() {
            // Who has left asks again.
            let _ = ear.send(Said::Answer(answer));
        }
    }

    fn write(&mut self, whereabouts: Box<Whereabouts>, with: With) {
        let agent = whereabouts.agent;
        match with {
            With::Departure => {
                self.premises.fleet().keep(whereabouts.name, whereabouts.custody);
            }
            With::Arrival(transfer) => {
                if !self.say(transfer, Said::Take(whereabouts)) {
                    let failed = Event::Written(Err(WriteFailed::Clean));
                    self.moves.tell(Input::Happened(agent, Box::new(failed)));
                }
            }
            With::Nothing => {
                let (premises, moves) = (Arc::clone(&self.premises), self.moves.clone());
                tokio::spawn(async move {
                    let storage = &*premises.node().storage.0;
                    let written = set_custody(storage, &whereabouts).await;
                    let written = written.map_err(|error| {
                        let agent = &whereabouts.name;
                        tracing::warn!(%agent, %error, "where an agent is was not written");
                        failure(&error)
                    });
                    moves.tell(Input::Happened(agent, Box::new(Event::Written(written))));
                });
            }
        }
    }

    fn ended(&mut self, name: AgentId, ended: Ended, target: NodeId) {
        let attempt = self.attempts.remove(&name);
        let (why, place) =
            attempt.as_ref().map_or((None, String::new()), |it| (it.why.clone(), it.place.clone()));
        let place = match self.handoffs.custody(&name) {
            Some(custody) if place.is_empty() => custody.place.clone(),
            _ => place,
        };
        let outcome = match ended {
            Ended::Moved => Outcome::Moved(target),
            Ended::Stayed => Outcome::Stayed(why.unwrap_or(Stay::Late)),
            Ended::Cancelled => Outcome::Stayed(Stay::Cancelled),
            Ended::NotPossible => Outcome::Stayed(why.unwrap_or(Stay::Cancelled)),
        };
        match &outcome {
            Outcome::Moved(target) => self.premises.moved_out(&name, *target, &place),
            Outcome::Stayed(why) => self.premises.told(&name, RunEvent::Stayed(why.to_string())),
        }
        if let Some(Attempt { transfer, ended, .. }) = attempt {
            self.say(transfer, Said::Over);
            self.conversations.remove(&transfer);
            let _ = ended.send(outcome);
        }
    }
}

/// What a failed write of a custody means.
pub(super) fn failure(error: &StorageError) -> WriteFailed {
    match error {
        StorageError::Conflict { .. }
        | StorageError::Held { .. }
        | StorageError::NoSpace { .. }
        | StorageError::Refused { .. }
        | StorageError::TooLarge { .. } => WriteFailed::Clean,
        _ => WriteFailed::InDoubt,
    }
}

/// The code for programs of why a message was not taken in.
pub(super) fn code_of(heard: &Heard) -> (RefusalCode, String) {
    match heard {
        Heard::Shut(shut) => {
            let code = match shut {
                Shut::NameTaken(_) | Shut::OtherName(_) => RefusalCode::NameTaken,
                _ => RefusalCode::Busy,
            };
            (code, shut.to_string())
        }
        Heard::Taken | Heard::Dropped => {
            (RefusalCode::Held, "the agent is here, or not certainly elsewhere".to_owned())
        }
    }
}
