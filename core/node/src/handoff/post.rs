//! One agent's place among a node's handoffs: its custodian, what it is called here, and how far the node is
//! with stopping it for an offer. It turns what the custodian commands into the node's tasks.

use std::collections::VecDeque;

use igor_core::format::{AgentId, Hash, PublicKey, TransferId};
use igor_core::handoff::{
    Action, Custodian, Custody, Event, Holding, Schedule, VerifiedOffer, WriteFailed,
};
use igor_core::transport::NodeId;

use super::{Task, Whereabouts, With};

/// An agent.
#[derive(Debug)]
pub(super) struct Post {
    agent: PublicKey,
    name: AgentId,
    place: String,
    /// Who it is being given to, or was last.
    target: NodeId,
    custodian: Custodian,
    stage: Stage,
    is_giving: bool,
    /// The transfer that is being prepared or is ready here.
    inbound: Option<TransferId>,
    /// The offer that came last, and with which transfer.
    offered: Option<(Hash, TransferId)>,
    /// The transfer that is to be taken without an offer.
    inheriting: Option<TransferId>,
    tasks: VecDeque<Task>,
}

/// How far the node is with stopping the agent for an offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// It is not asked to.
    Not,
    /// It is asked to.
    Asked,
    /// It has stopped, and waits to hear whether the offer is made.
    Waiting,
    /// The offer is being written.
    Writing,
    /// It is not written, and the agent goes on by itself.
    Spared,
}

impl Post {
    pub(super) fn new(
        me: NodeId,
        whereabouts: Whereabouts,
        schedule: Schedule,
        now_ns: u64,
    ) -> Self {
        let Whereabouts { agent, name, custody } = whereabouts;
        let place = custody.place.clone();
        let target = match &custody.holding {
            Holding::Offered { offer, .. } | Holding::Released { offer, .. } => {
                NodeId::of(&offer.terms().target)
            }
            Holding::Absent | Holding::Held(_) | Holding::Contested { .. } => me,
        };
        let is_giving = matches!(custody.holding, Holding::Offered { .. });
        let custodian = Custodian::new(me.public_key(), custody, schedule, now_ns);
        Self {
            agent,
            name,
            place,
            target,
            custodian,
            stage: Stage::Not,
            is_giving,
            inbound: None,
            offered: None,
            inheriting: None,
            tasks: VecDeque::new(),
        }
    }

    pub(super) const fn name(&self) -> &AgentId {
        &self.name
    }

    pub(super) const fn custody(&self) -> &Custody {
        self.custodian.custody()
    }

    pub(super) const fn is_giving(&self) -> bool {
        self.is_giving
    }

    pub(super) const fn wake_at(&self) -> Option<u64> {
        self.custodian.wake_at()
    }

    /// Whether nothing is under way.
    pub(super) fn is_idle(&self) -> bool {
        self.inbound.is_none()
            && self.stage == Stage::Not
            && self.custodian.is_idle()
            && self.tasks.is_empty()
    }

    /// Whether this custody was decided later than anything that is known here, or nothing here is certain any more.
    pub(super) fn is_behind(&self, custody: &Custody) -> bool {
        let is_later = custody.decided > self.custody().decided;
        self.custodian.is_in_doubt() || (self.is_idle() && is_later)
    }

    /// What it means for an offer that the agent's run has ended.
    pub(super) const fn broken_off(&self) -> Option<Event> {
        match self.stage {
            Stage::Not | Stage::Spared => None,
            Stage::Asked | Stage::Waiting => Some(Event::NotStopped),
            Stage::Writing => Some(Event::Written(Err(WriteFailed::InDoubt))),
        }
    }

    /// Whether nothing is known of it that is worth keeping in memory.
    pub(super) fn is_blank(&self) -> bool {
        *self.custody() == Custody::default() && self.is_idle()
    }

    /// The transfer that is being prepared or is ready.
    pub(super) const fn inbound(&self) -> Option<TransferId> {
        self.inbound
    }

    /// Takes up what follows from what is durable. Whether an agent that is held ticks is left to others.
    pub(super) fn resume(&mut self) {
        while let Some(action) = self.custodian.poll() {
            if action != Action::Tick {
                self.take_up(action);
            }
        }
    }

    /// Remembers where the agent is about to be given.
    pub(super) fn give(&mut self, place: &str, target: NodeId) {
        (self.place, self.target, self.is_giving) = (place.to_owned(), target, true);
    }

    /// Remembers which transfer an offer that arrived is about.
    pub(super) fn offered(&mut self, offer: &VerifiedOffer) {
        self.offered = Some((offer.offer().hash(), offer.terms().transfer));
    }

    pub(super) fn handle(&mut self, now_ns: u64, event: Event) {
        self.stage = match (&event, self.stage) {
            (Event::Stopped(_), _) => Stage::Waiting,
            (Event::NotStopped, Stage::Asked) | (Event::Written(Ok(())), Stage::Writing) => {
                Stage::Not
            }
            (Event::Written(Err(WriteFailed::Clean)), Stage::Writing) => Stage::Spared,
            (_, stage) => stage,
        };
        let is_not_stopped = event == Event::NotStopped;
        self.inheriting = match &event {
            Event::Inherit { transfer, .. } => Some(*transfer),
            _ => None,
        };
        if let Event::NotPrepared(transfer) = &event {
            self.inbound.take_if(|inbound| inbound == transfer);
        }
        self.custodian.handle(now_ns, event);
        while let Some(action) = self.custodian.poll() {
            // An agent that could not be stopped was never stopped.
            if !(is_not_stopped && action == Action::Tick) {
                self.take_up(action);
            }
        }
        match self.stage {
            Stage::Waiting => {
                self.stage = Stage::Not;
                self.tasks.push_back(Task::GoOn(self.name.clone()));
            }
            Stage::Spared => self.stage = Stage::Not,
            Stage::Not | Stage::Asked | Stage::Writing => {}
        }
    }

    fn take_up(&mut self, action: Action) {
        let (agent, name) = (self.agent, self.name.clone());
        let task = match action {
            Action::Send { to, message } => {
                let to = NodeId::of(&to);
                let place = if to == self.target { self.place.clone() } else { String::new() };
                Task::Send { agent, name, to, place, message: Box::new(message) }
            }
            Action::Answer { to, offer, verdict } => {
                Task::Answer { to: NodeId::of(&to), offer: Box::new(offer), verdict }
            }
            Action::Write(custody) => {
                let with = self.what_goes_with(&custody);
                if with == With::Departure {
                    self.stage = Stage::Writing;
                }
                let whereabouts = Box::new(Whereabouts { agent, name, custody });
                Task::Write { whereabouts, with }
            }
            Action::Stop { transfer, target, epoch } => {
                self.stage = Stage::Asked;
                Task::Stop { name, transfer, target, epoch }
            }
            Action::Prepare { transfer, source } => {
                self.inbound = Some(transfer);
                Task::Prepare { agent, transfer, source: NodeId::of(&source) }
            }
            Action::Forget(transfer) => {
                self.inbound.take_if(|inbound| *inbound == transfer);
                Task::Forget(transfer)
            }
            Action::Tick => match self.stage {
                Stage::Not => Task::Tick { name, came: self.inbound.take() },
                // It has not stopped, or is told to go on when it has.
                Stage::Asked | Stage::Waiting | Stage::Writing | Stage::Spared => return,
            },
            Action::Halt => Task::Halt { name, reason: self.why_halted() },
            Action::Ended(ended) => {
                self.is_giving = false;
                Task::Ended { name, ended, target: self.target }
            }
        };
        self.tasks.push_back(task);
    }

    fn what_goes_with(&self, custody: &Custody) -> With {
        match &custody.holding {
            Holding::Offered { .. } => With::Departure,
            Holding::Held(epoch) => {
                let taken = custody.taken.get(epoch).filter(|_| *epoch > self.custody().decided);
                let offered = self.offered.filter(|(offer, _)| Some(offer) == taken);
                let transfer = offered.map(|(_, transfer)| transfer).or(self.inheriting);
                transfer.map_or(With::Nothing, With::Arrival)
            }
            Holding::Absent | Holding::Released { .. } | Holding::Contested { .. } => With::Nothing,
        }
    }

    fn why_halted(&self) -> String {
        if self.custodian.is_in_doubt() {
            "it is not known what is durable of where it is".to_owned()
        } else {
            "another node holds it in a higher epoch".to_owned()
        }
    }

    pub(super) fn poll(&mut self) -> Option<Task> {
        self.tasks.pop_front()
    }
}
