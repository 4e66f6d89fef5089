//! The state machine of one agent's handoffs on one node. It decides what is written, sent and ticked, in which
//! order; it never decides twice about one offer.

mod source;
mod target;

use std::collections::VecDeque;

use igor_format::{Answer, PublicKey, TransferId, Verdict};

use super::{Custody, Holding, VerifiedOffer};

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The agent is to move to `target`.
    Move {
        /// The name of the attempt, never used before.
        transfer: TransferId,
        /// Where to.
        target: PublicKey,
        /// The address of that node, to be noted with the offer.
        place: String,
    },
    /// The agent is to stay, if that can still be decided here.
    Cancel,
    /// What [`Action::Stop`] asked for: the agent does not tick, its last checkpoint is ready to be written with
    /// the custody, and this is the offer of it. Its target is the one that was asked for.
    Stopped(VerifiedOffer),
    /// What [`Action::Stop`] asked for could not be done; the agent can go on.
    NotStopped,
    /// A message of `from`, who proved to be that node.
    Received {
        /// The sender.
        from: PublicKey,
        /// What it says.
        message: Message,
    },
    /// What [`Action::Prepare`] asked for: everything that the transfer brings has arrived and been found in
    /// order, and room is kept for the agent.
    Prepared(TransferId),
    /// The transfer cannot be taken; nothing is kept for it any more.
    NotPrepared(TransferId),
    /// What was prepared is to be taken although nobody offers it: it comes from a node that knows no offers.
    /// The epoch that begins is at least `epoch_min`.
    Inherit {
        /// The name of the attempt.
        transfer: TransferId,
        /// Who sent it.
        source: PublicKey,
        /// The lowest epoch that may begin.
        epoch_min: u64,
    },
    /// What [`Action::Write`] asked for is durable, or what it means that it is not.
    Written(Result<(), WriteFailed>),
    /// The time of [`Custodian::wake_at`] has come.
    Timer,
    /// The operator decides that the agent is here, in a new epoch, whatever others may hold.
    Force,
}

/// What a failed write means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteFailed {
    /// Nothing was changed.
    Clean,
    /// It is not known what is durable; the store is not to be used until it is opened again.
    InDoubt,
}

/// What nodes say to each other. Answers come with the target's signature; what is not signed decides nothing.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Message {
    /// An agent is to come: fetch and check what it consists of.
    Prepare(TransferId),
    /// It can come.
    Ready(TransferId),
    /// It cannot come.
    NotReady(TransferId),
    /// Take it now.
    Offer(VerifiedOffer),
    /// Refuse it, unless it was taken.
    Withdraw(VerifiedOffer),
    /// What was decided; its signature was checked to be the sender's.
    Answer(Answer),
}

/// What is to be done. Each [`Action::Write`], [`Action::Stop`] and [`Action::Prepare`] is answered by one event.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Action {
    /// Send a message; it may get lost.
    Send {
        /// Who to.
        to: PublicKey,
        /// What.
        message: Message,
    },
    /// Sign the verdict on an offer and send it; it may get lost. It is durable.
    Answer {
        /// Who to.
        to: PublicKey,
        /// The offer.
        offer: VerifiedOffer,
        /// The verdict.
        verdict: Verdict,
    },
    /// Make this durable, in one group with what goes with it: the last checkpoint of an agent that is
    /// offered, everything that an agent consists of that is taken.
    Write(Custody),
    /// Stop ticking the agent, and make a last checkpoint and an offer to `target` in this epoch.
    Stop {
        /// The name of the attempt.
        transfer: TransferId,
        /// Where to.
        target: PublicKey,
        /// The epoch of the offer.
        epoch: u64,
    },
    /// Fetch and check what a transfer consists of.
    Prepare {
        /// The name of the attempt.
        transfer: TransferId,
        /// Who offers it.
        source: PublicKey,
    },
    /// Let go of what was kept for a transfer.
    Forget(TransferId),
    /// Tick the agent: it stays, or it came.
    Tick,
    /// Stop ticking the agent at once; nothing is offered.
    Halt,
    /// An attempt of this node to give the agent away has ended.
    Ended(Ended),
}

/// How an attempt to give an agent away ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ended {
    /// The agent is at the target.
    Moved,
    /// The agent is here; the target did not want it, or did not answer while it could still be told to wait.
    Stayed,
    /// The agent is here; somebody cancelled.
    Cancelled,
    /// It was asked for while something else was going on, or the agent is not here to give.
    NotPossible,
}

/// How long things take, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Schedule {
    /// How long a target may prepare before the source gives up on it.
    pub prepare_ns: u64,
    /// How long to wait for an answer before asking again; doubled each time, up to `ask_max_ns`.
    pub ask_ns: u64,
    /// The longest wait before asking again.
    pub ask_max_ns: u64,
    /// How often an offer is repeated before it is withdrawn.
    pub offers_max: u32,
}

impl Default for Schedule {
    /// 60 s to prepare; asks after 1 s and at last every 10 s, so that an agent is where it belongs within
    /// 30 s once nothing is in the way; withdraws after 5 offers.
    fn default() -> Self {
        let second = 1_000_000_000;
        Self { prepare_ns: 60 * second, ask_ns: second, ask_max_ns: 10 * second, offers_max: 5 }
    }
}

/// One agent's handoffs on one node.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Custodian {
    me: PublicKey,
    schedule: Schedule,
    /// What is durable.
    custody: Custody,
    /// What is being made durable, and what follows then.
    writing: Option<Writing>,
    /// What this node is doing to give the agent away.
    giving: Giving,
    /// Where it is being given.
    place: String,
    /// The transfer that everything is ready for, and who it comes from.
    reserved: Option<(TransferId, PublicKey)>,
    /// The transfer that is being prepared.
    preparing: Option<(TransferId, PublicKey)>,
    wake_at: Option<u64>,
    actions: VecDeque<Action>,
    /// Whether the store can no longer be trusted: nothing is decided any more.
    is_in_doubt: bool,
}

/// A write that is under way.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Writing {
    custody: Custody,
    then: Then,
}

/// What follows from a write.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Then {
    /// The offer can be sent.
    Ask,
    /// The agent is gone.
    Gone,
    /// The agent is here and ticks.
    Keep(Ended),
    /// The verdict can be told.
    Tell(Box<VerifiedOffer>, Verdict),
    /// The agent is here, with this transfer, and nobody waits for a verdict.
    Inherited(TransferId),
    /// The operator's word holds.
    Forced,
}

/// How far an attempt to give the agent away has come.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Giving {
    /// There is none.
    No,
    /// The target prepares; the agent ticks.
    Preparing { transfer: TransferId, target: PublicKey },
    /// The agent is being stopped.
    Stopping { transfer: TransferId, target: PublicKey },
    /// The offer was made, and once it is durable it is sent; it was so many times.
    Offered { asked: u32, is_withdrawn: bool },
}

impl Custodian {
    /// Goes on from what is durable, as at the start of a node.
    pub fn new(me: PublicKey, custody: Custody, schedule: Schedule, now_ns: u64) -> Self {
        let mut custodian = Self {
            me,
            schedule,
            custody,
            place: String::new(),
            writing: None,
            giving: Giving::No,
            reserved: None,
            preparing: None,
            wake_at: None,
            actions: VecDeque::new(),
            is_in_doubt: false,
        };
        match custodian.custody.holding {
            Holding::Held(_) => custodian.actions.push_back(Action::Tick),
            Holding::Offered { .. } => custodian.ask_again(now_ns),
            Holding::Absent | Holding::Released { .. } | Holding::Contested { .. } => {}
        }
        custodian
    }

    /// What is durable.
    pub const fn custody(&self) -> &Custody {
        &self.custody
    }

    /// When [`Event::Timer`] is due, if ever.
    pub const fn wake_at(&self) -> Option<u64> {
        self.wake_at
    }

    /// Whether nothing is under way: nothing is written, given away or expected.
    pub fn is_idle(&self) -> bool {
        let is_expecting = self.reserved.is_some() || self.preparing.is_some();
        self.writing.is_none() && self.giving == Giving::No && !is_expecting
    }

    /// Whether the store cannot be trusted any more, so that nothing is decided until it is opened again.
    pub const fn is_in_doubt(&self) -> bool {
        self.is_in_doubt
    }

    /// The next thing to do.
    pub fn poll(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// Takes note of what happened at `now_ns`.
    pub fn handle(&mut self, now_ns: u64, event: Event) {
        if self.is_in_doubt {
            return;
        }
        match event {
            Event::Move { transfer, target, place } => self.begin(now_ns, transfer, target, place),
            Event::Cancel => self.cancel(),
            Event::Stopped(offer) => self.stopped(&offer),
            Event::NotStopped => self.not_stopped(),
            Event::Received { from, message } => self.received(from, message),
            Event::Prepared(transfer) => self.prepared(transfer),
            Event::NotPrepared(transfer) => self.not_prepared(transfer),
            Event::Inherit { transfer, source, epoch_min } => {
                self.inherit(transfer, source, epoch_min);
            }
            Event::Written(Ok(())) => self.written(now_ns),
            Event::Written(Err(failed)) => self.not_written(failed),
            Event::Timer => self.timer(now_ns),
            Event::Force => self.force(),
        }
    }

    fn received(&mut self, from: PublicKey, message: Message) {
        match message {
            Message::Prepare(transfer) => self.prepare(transfer, from),
            Message::Ready(transfer) => self.target_is_ready(transfer, from),
            Message::NotReady(transfer) => self.target_is_not_ready(transfer, from),
            Message::Offer(offer) => self.offered(&offer, from),
            Message::Withdraw(offer) => self.withdrawn(&offer, from),
            Message::Answer(answer) => self.answered(answer, from),
        }
    }

    /// Begins to make `custody` durable.
    fn write(&mut self, custody: Custody, then: Then) {
        self.actions.push_back(Action::Write(custody.clone()));
        self.writing = Some(Writing { custody, then });
    }

    fn written(&mut self, now_ns: u64) {
        let Some(Writing { custody, then }) = self.writing.take() else { return };
        self.custody = custody;
        match then {
            Then::Ask => self.ask_now(now_ns),
            Then::Gone => self.end(Ended::Moved),
            Then::Keep(ended) => {
                self.end(ended);
                self.actions.push_back(Action::Tick);
            }
            Then::Tell(offer, verdict) => self.tell(&offer, verdict),
            Then::Inherited(_) => self.take_up(),
            Then::Forced => {
                self.end_if_giving(Ended::Stayed);
                self.actions.push_back(Action::Tick);
            }
        }
    }

    fn not_written(&mut self, failed: WriteFailed) {
        let Some(Writing { then, .. }) = self.writing.take() else { return };
        if failed == WriteFailed::InDoubt {
            self.is_in_doubt = true;
            self.wake_at = None;
            self.actions.push_back(Action::Halt);
            return;
        }
        match then {
            Then::Ask => {
                self.end(Ended::Stayed);
                self.actions.push_back(Action::Tick);
            }
            Then::Tell(offer, Verdict::Accepted) => {
                self.actions.push_back(Action::Forget(offer.terms().transfer));
            }
            Then::Inherited(transfer) => self.actions.push_back(Action::Forget(transfer)),
            // Nothing was decided, so nothing is said: who waits for it asks again.
            Then::Tell(..) | Then::Gone | Then::Keep(_) | Then::Forced => {}
        }
    }

    /// Takes the operator's word for it that the agent is here.
    fn force(&mut self) {
        if self.writing.is_some() || matches!(self.custody.holding, Holding::Absent) {
            self.actions.push_back(Action::Ended(Ended::NotPossible));
            return;
        }
        let epoch = self.custody.decided.saturating_add(1);
        let mut custody = self.custody.clone();
        custody.decided = epoch;
        custody.holding = Holding::Held(epoch);
        self.write(custody, Then::Forced);
    }
}
