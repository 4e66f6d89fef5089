//! The conversation in which an agent comes from another node, and the one in which another node asks what became
//! of an offer. Everything that arrives is checked before anything of it is durable, and it is the desk that
//! decides; this carries out what it says and tells it what came of it.

use std::sync::Arc;

use igor_core::format::{
    AgentId, BillItem, Message as Wire, Offer, Prepare, PublicKey, RefusalCode, SealedKey,
    TransferId, Verdict,
};
use igor_core::gas::CancelFlag;
use igor_core::handoff::{Event, Message, VerifiedOffer};
use igor_core::transport::NodeId;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::timeout;

use super::desk::{Ear, Input, Moves, Said, code_of};
use super::listening::Door;
use super::premises::Premises;
use super::taking::take;
use super::talk::{Talk, TalkError};
use crate::event::{Came, Declined, RunEvent};
use crate::handoff::package::{
    Complete, Expected, Inventory, Known, Package, Receiving, Refusal, Staged, Taken, examine,
    stage,
};
use crate::handoff::{Heard, Whereabouts};
use crate::shell::on_guest_stack;
use crate::shell::wire::WireError;

/// Serves a stream on which another node speaks of an agent.
pub(super) async fn serve(door: Arc<Door>, mut talk: Talk) {
    let peer = talk.peer();
    let served = match talk.receive_first().await {
        Ok(Wire::Prepare(prepare)) => Arrival::new(&door, &mut talk, *prepare).serve().await,
        Ok(Wire::Inquire { offer }) => asked(&door.moves, &mut talk, *offer, false).await,
        Ok(Wire::Withdraw { offer }) => asked(&door.moves, &mut talk, *offer, true).await,
        Ok(other) => {
            let due = "the beginning of a conversation";
            Err(TalkError::OutOfTurn { found: other.name(), due })
        }
        Err(error) => Err(error),
    };
    if let Err(error) = served {
        tracing::info!(%peer, %error, "a conversation about an agent ended");
        if error.is_foul() {
            door.moves.tell(Input::Strike(peer));
        }
        talk.abandon(&error);
    }
}

/// Another node asks what became of an offer.
async fn asked(
    moves: &Moves,
    talk: &mut Talk,
    offer: Offer,
    is_withdrawn: bool,
) -> Result<(), TalkError> {
    let offer = VerifiedOffer::new(offer)?;
    let (agent, transfer) = (offer.terms().agent, offer.terms().transfer);
    let expects = moves.ask(|answer| Input::Expects(agent, transfer, answer)).await;
    if !is_withdrawn && expects != Some(false) {
        // It is being decided where its parts arrive.
        return Err(TalkError::Undecided);
    }
    let (ear, mut said) = unbounded_channel();
    let message = if is_withdrawn { Message::Withdraw(offer) } else { Message::Offer(offer) };
    // Who is not here is known by its key.
    let name = NodeId::of(&agent).to_string().parse().map_err(|_| TalkError::Undecided)?;
    if hear(moves, talk.peer(), (agent, &name), message, ear).await != Some(Heard::Taken) {
        return Err(TalkError::Undecided);
    }
    // What decides nothing is not answered.
    match timeout(talk.idle(), said.recv()).await {
        Ok(Some(Said::Answer(answer))) => talk.send_answer(answer, "").await,
        _ => Err(TalkError::Undecided),
    }
}

pub(super) async fn hear(
    moves: &Moves,
    from: NodeId,
    (agent, name): (PublicKey, &AgentId),
    message: Message,
    ear: Ear,
) -> Option<Heard> {
    let (name, message, ear) = (name.clone(), Box::new(message), Some(ear));
    moves.ask(|heard| Input::Heard { from, agent, name, message, ear, heard: Some(heard) }).await
}

/// An agent that is to come.
struct Arrival<'a> {
    door: &'a Door,
    talk: &'a mut Talk,
    prepare: Prepare,
    expected: Expected,
    said: UnboundedReceiver<Said>,
    ear: Ear,
}

/// What came of an offer.
struct Decision {
    reason: String,
    taken: Option<Taken>,
}

impl<'a> Arrival<'a> {
    fn new(door: &'a Door, talk: &'a mut Talk, prepare: Prepare) -> Self {
        let (ear, said) = unbounded_channel();
        let expected = Expected::from(&prepare);
        Self { door, talk, prepare, expected, said, ear }
    }

    fn transfer(&self) -> TransferId {
        self.prepare.transfer
    }

    fn happened(&self, event: Event) {
        self.door.moves.tell(Input::Happened(self.expected.agent, Box::new(event)));
    }

    async fn serve(mut self) -> Result<(), TalkError> {
        if !self.door.premises.takes_agents() {
            let reason = "this node runs an agent of its own and takes no other";
            return self.decline(RefusalCode::Unsupported, reason).await;
        }
        let items = self.talk.receive_bill(&self.prepare).await?;
        let about = (self.expected.agent, &self.expected.name);
        let message = Message::Prepare(self.transfer());
        let peer = self.talk.peer();
        let heard = hear(&self.door.moves, peer, about, message, self.ear.clone()).await;
        let heard = heard.ok_or(TalkError::Undecided)?;
        match self.said_after(&heard).await {
            Some(Said::Prepare) => {}
            _ => {
                let (code, reason) = code_of(&heard);
                return self.decline(code, &reason).await;
            }
        }
        let prepared = self.prepare(items).await;
        let staged = match prepared {
            Ok(staged) => staged,
            Err(Broken::Refused(refusal)) => {
                self.happened(Event::NotPrepared(self.transfer()));
                self.strike_if_foul(&refusal);
                return self.decline(refusal.code(), &refusal.to_string()).await;
            }
            Err(Broken::Talk(error)) => {
                self.happened(Event::NotPrepared(self.transfer()));
                return Err(error);
            }
        };
        self.happened(Event::Prepared(self.transfer()));
        match self.said.recv().await {
            Some(Said::Ready) => {}
            _ => return self.decline(RefusalCode::Busy, "the transfer was given up").await,
        }
        let offered = match self.talk.send(&Wire::Ready { transfer: self.transfer() }).await {
            Ok(()) => self.receive_offer().await,
            Err(error) => Err(error),
        };
        let (offer, sealed_key, news) = match offered {
            Ok(offered) => offered,
            Err(error) => {
                self.happened(Event::NotPrepared(self.transfer()));
                return Err(error);
            }
        };
        let completed = self.complete(staged, &offer, &sealed_key, news).await;
        self.decide(offer, completed).await
    }

    /// What the desk says, if it took the message in.
    async fn said_after(&mut self, heard: &Heard) -> Option<Said> {
        match heard {
            Heard::Taken => self.said.recv().await,
            Heard::Dropped | Heard::Shut(_) => None,
        }
    }

    async fn decline(&mut self, code: RefusalCode, reason: &str) -> Result<(), TalkError> {
        self.tell_declined(code, reason);
        self.talk.send_not_ready(self.transfer(), code, reason).await
    }

    /// Receives what is lacking here, checks it, and makes it durable.
    async fn prepare(&mut self, items: Vec<BillItem>) -> Result<Staged, Broken> {
        let premises = Arc::clone(&self.door.premises);
        let (storage, limits) = (&premises.node().storage.0, premises.limits());
        let inventory = Inventory::new(items, limits).map_err(Refusal::from)?;
        let label = (self.talk.peer(), self.expected.agent);
        let remains = self.door.shelf.take(&label);
        if self.talk.keep(inventory.bytes()).is_err() {
            // Nobody may come back for what was put aside.
            self.door.shelf.clear();
            self.talk.keep(inventory.bytes()).map_err(no_room)?;
        }
        let known = Known::read(&**storage, &self.expected, &inventory).await?;
        known.check(&self.expected)?;
        let (lacking, bill) = (known.lacks(&inventory), inventory.items().to_vec());
        let mut package = Package::resumed(inventory, remains);
        let wanted = package.rest(&lacking);
        self.talk.send(&Wire::Want { items: wanted.clone() }).await?;
        if let Err(broken) = self.receive_parts(&bill, &wanted, &mut package).await {
            if matches!(&broken, Broken::Talk(error) if !error.is_foul()) {
                self.talk.keep_nothing();
                let place = self.door.room().place(label.0);
                self.door.shelf.put(label, package.into_remains(), place);
            }
            return Err(broken);
        }
        package.fill(&**storage, &self.expected, &known).await?;
        let expected = self.expected.clone();
        let cancel = CancelFlag::default();
        let examining = Arc::clone(&premises);
        let examined = on_guest_stack(premises.node(), move || {
            let receiving = receiving(&*examining, &cancel);
            examine(expected, package, known, &receiving)
        });
        let examined = examined.await.map_err(|_| Refusal::Failed)??;
        Ok(stage(&**storage, examined).await?)
    }

    async fn receive_parts(
        &mut self,
        bill: &[BillItem],
        wanted: &[(u32, u64)],
        package: &mut Package,
    ) -> Result<(), Broken> {
        let take = |item, offset, bytes: &[u8]| Ok(package.take(item, offset, bytes)?);
        self.talk.receive_parts(bill, wanted, take).await
    }

    async fn receive_offer(&mut self) -> Result<(VerifiedOffer, SealedKey, Package), TalkError> {
        let due = "an offer";
        let (offer, sealed_key, bill) = match self.talk.receive_at_once(due).await? {
            Wire::Offer { offer, sealed_key, bill } => (offer, sealed_key, bill),
            other => return Err(TalkError::OutOfTurn { found: other.name(), due }),
        };
        let offer = VerifiedOffer::new(*offer)?;
        let terms = offer.terms();
        let is_this = terms.transfer == self.transfer()
            && terms.agent == self.expected.agent
            && terms.target == self.door.premises.key().public_key()
            && NodeId::of(&terms.source) == self.talk.peer();
        if !is_this {
            return Err(TalkError::OutOfTurn { found: "an offer of another transfer", due });
        }
        let foul = |refusal: Refusal| TalkError::Parts(refusal.to_string());
        let inventory = Inventory::new(bill.clone(), self.door.premises.limits());
        let inventory = inventory.map_err(|error| foul(error.into()))?;
        self.talk.keep(inventory.bytes())?;
        let wanted: Vec<_> = inventory.distinct().into_iter().map(|item| (item, 0)).collect();
        let mut package = Package::new(inventory);
        match self.receive_parts(&bill, &wanted, &mut package).await {
            Ok(()) => Ok((offer, *sealed_key, package)),
            Err(Broken::Talk(error)) => Err(error),
            Err(Broken::Refused(refusal)) => Err(foul(refusal)),
        }
    }

    /// Checks the offer and what came with it.
    async fn complete(
        &mut self,
        staged: Staged,
        offer: &VerifiedOffer,
        sealed_key: &SealedKey,
        news: Package,
    ) -> Result<Complete, Refusal> {
        let premises = Arc::clone(&self.door.premises);
        let key = sealed_key.open(premises.key(), &self.expected.agent, &self.transfer())?;
        let (offer, completing) = (*offer, Arc::clone(&premises));
        let completed = on_guest_stack(premises.node(), move || {
            let cancel = CancelFlag::default();
            staged.complete(&offer, key, &news, &receiving(&*completing, &cancel))
        });
        completed.await.map_err(|_| Refusal::Failed)?
    }

    /// Lets the desk decide, does what it says, and answers.
    async fn decide(
        &mut self,
        offer: VerifiedOffer,
        completed: Result<Complete, Refusal>,
    ) -> Result<(), TalkError> {
        let mut decision = Decision { reason: String::new(), taken: None };
        let mut complete = match completed {
            Ok(complete) => Some(complete),
            Err(refusal) => {
                decision.reason = refusal.to_string();
                self.tell_declined(refusal.code(), &decision.reason);
                self.strike_if_foul(&refusal);
                self.happened(Event::NotPrepared(self.transfer()));
                None
            }
        };
        let about = (self.expected.agent, &self.expected.name);
        let (peer, ear) = (self.talk.peer(), self.ear.clone());
        hear(&self.door.moves, peer, about, Message::Offer(offer), ear).await;
        let (mut answer, mut ticks) = (None, false);
        while let Ok(Some(said)) = timeout(self.talk.idle(), self.said.recv()).await {
            match said {
                Said::Take(whereabouts) => {
                    self.take(&mut complete, *whereabouts, &mut decision).await
                }
                Said::Answer(said) => {
                    let is_over = said.verdict == Verdict::Refused;
                    answer = Some(said);
                    if is_over || ticks {
                        break;
                    }
                }
                Said::Tick => {
                    ticks = true;
                    if let Some(taken) = decision.taken.take() {
                        self.door.premises.move_in(taken).await;
                    }
                    if answer.is_some() {
                        break;
                    }
                }
                Said::Over => break,
                Said::Prepare | Said::Ready | Said::NotReady | Said::Offer => {}
            }
        }
        let Some(answer) = answer else {
            self.happened(Event::NotPrepared(self.transfer()));
            return Err(TalkError::Undecided);
        };
        if ticks {
            let (source, tick) = (self.talk.peer(), offer.terms().tick);
            let came = RunEvent::Came(Came { source, tick });
            self.door.premises.told(&self.expected.name, came);
        }
        self.talk.send_answer(answer, &decision.reason).await
    }

    fn tell_declined(&self, code: RefusalCode, reason: &str) {
        let (source, reason) = (self.talk.peer(), reason.to_owned());
        let declined = RunEvent::Declined(Declined { source, code, reason });
        self.door.premises.told(&self.expected.name, declined);
    }

    fn strike_if_foul(&self, refusal: &Refusal) {
        if is_foul(refusal.code()) {
            self.door.moves.tell(Input::Strike(self.talk.peer()));
        }
    }

    /// Makes it durable that the agent is this node's.
    async fn take(
        &mut self,
        complete: &mut Option<Complete>,
        whereabouts: Whereabouts,
        decision: &mut Decision,
    ) {
        let (event, taken) =
            take(&*self.door.premises, complete.take(), &whereabouts.custody).await;
        decision.taken = taken.ok();
        self.happened(event);
    }
}

pub(super) fn receiving<'a>(premises: &'a dyn Premises, cancel: &'a CancelFlag) -> Receiving<'a> {
    Receiving {
        node: premises.node(),
        limits: premises.limits(),
        accepts_unproven: premises.accepts_unproven(),
        cancel,
    }
}

/// What it means for a preparation that it cannot be counted.
fn no_room(error: WireError) -> Broken {
    match error {
        WireError::NoRoom(no_room) => Broken::Refused(no_room.into()),
        other => Broken::Talk(other.into()),
    }
}

/// Why a preparation did not come to its end.
enum Broken {
    Refused(Refusal),
    Talk(TalkError),
}

impl From<Refusal> for Broken {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<TalkError> for Broken {
    fn from(error: TalkError) -> Self {
        Self::Talk(error)
    }
}

/// Whether an honest node never brings what is refused with this code.
pub(super) const fn is_foul(code: RefusalCode) -> bool {
    matches!(code, RefusalCode::Hash | RefusalCode::Signature | RefusalCode::Lineage)
}
