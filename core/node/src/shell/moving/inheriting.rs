//! The conversation in which a node of the original sends an agent: one object of JSON, and one line that answers
//! it. It stands where [`arriving`](super::arriving) stands for igor's own: the same limits, the same desk
//! decides, and nothing durable is changed before everything was checked. There is no offer, so whether the
//! sender lets go of the agent is not known here, and not asked.

use std::sync::Arc;

use igor_core::format::migrate::MigrateError;
use igor_core::format::{AgentId, MeterName, RefusalCode, TransferId};
use igor_core::gas::CancelFlag;
use igor_core::handoff::{Custody, Event, Message, WriteFailed};
use igor_core::transport::{NodeId, ReadHalf, Stream};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::arriving::{hear, is_foul, receiving};
use super::desk::{Ear, Input, Moves, Said, code_of};
use super::listening::Door;
use super::taking::take;
use crate::event::{Came, Declined, RunEvent};
use crate::handoff::Heard;
use crate::handoff::original::{Inherited, Parcel, Rejection, answer, transfer_bytes_max};
use crate::handoff::package::{Expected, Known, Refusal, Taken};
use crate::shell::on_guest_stack;
use crate::shell::wire::{WireError, read_object, write_line};
use crate::wire::{self, Close};

/// For each byte of the message, it and what is read from it are held.
const HELD_PER_BYTE: u64 = 2;

/// Serves a stream on which a node of the original sends an agent.
pub(super) async fn serve(door: Arc<Door>, meter: MeterName, mut stream: Stream, peer: NodeId) {
    let mut transfer = [0; 16];
    if let Err(error) = door.premises.node().entropy.fill(&mut transfer) {
        tracing::warn!(%error, "there is no randomness to name an arrival by");
        return stream.reset(Close::Failed.code());
    }
    let transfer = TransferId::from_bytes(transfer);
    let (ear, said) = unbounded_channel();
    let mut delivery = Delivery { door, peer, transfer, name: String::new(), ear, said };
    let taken = match delivery.receive(&meter, &mut *stream.reader).await {
        Ok(()) => Ok(()),
        Err(Broken::Rejected(rejection)) => Err(rejection),
        Err(Broken::Lost(error)) => {
            tracing::info!(%peer, %error, "an agent of the original did not arrive");
            delivery.strike_if(error.close().is_fault());
            return stream.reset(error.close().code());
        }
        // It is not known what is durable, so nothing is said.
        Err(Broken::InDoubt) => return stream.reset(Close::Failed.code()),
    };
    if let Err(rejection) = &taken {
        delivery.declined(rejection);
    }
    let node = NodeId::of(&delivery.door.premises.key().public_key()).to_string();
    let line = answer(&delivery.name, &node, taken.as_ref().copied());
    let limits = delivery.door.premises.limits();
    if let Err(error) = write_line(&mut *stream.writer, limits, &line).await {
        tracing::info!(%peer, %error, "the sender of an agent did not hear what became of it");
        stream.reset(error.close().code());
    }
}

/// Why there is no answer, or which.
enum Broken {
    Rejected(Rejection),
    Lost(WireError),
    InDoubt,
}

impl From<Rejection> for Broken {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}

/// A place among the transfers that are under way, until it is dropped.
struct Place {
    moves: Moves,
    transfer: TransferId,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.moves.tell(Input::Leave(self.transfer));
    }
}

/// An agent that is being delivered.
struct Delivery {
    door: Arc<Door>,
    peer: NodeId,
    transfer: TransferId,
    /// What the message calls the agent; empty as long as that is not known.
    name: String,
    ear: Ear,
    said: UnboundedReceiver<Said>,
}

impl Delivery {
    /// Receives an agent and takes it.
    async fn receive(
        &mut self,
        meter: &MeterName,
        reader: &mut dyn ReadHalf,
    ) -> Result<(), Broken> {
        if !self.door.premises.takes_agents() {
            let reason = "this node runs an agent of its own and takes no other";
            return Err(turned(RefusalCode::Unsupported, reason).into());
        }
        let _place = self.enter().await?;
        let (json, room) = self.read(reader).await?;
        let parcel = self.open(json, meter.clone()).await?;
        let expected = parcel.expected().clone();
        self.announce(&expected).await?;
        let inherited = match self.prepare(parcel).await {
            Ok(inherited) => inherited,
            Err(rejection) => {
                self.happened(&expected, Event::NotPrepared(self.transfer));
                return Err(rejection.into());
            }
        };
        let taken = self.take(inherited, &expected).await;
        drop(room);
        taken
    }

    async fn enter(&self) -> Result<Place, Rejection> {
        let moves = self.door.moves.clone();
        let (peer, transfer) = (self.peer, self.transfer);
        match moves.ask(|answer| Input::Enter(peer, transfer, answer)).await {
            Some(Ok(())) => Ok(Place { moves, transfer }),
            Some(Err(shut)) => {
                let (code, reason) = code_of(&Heard::Shut(shut));
                Err(turned(code, &reason))
            }
            None => Err(turned(RefusalCode::Busy, "the node ends")),
        }
    }

    /// Reads the message, for as much of which as there is room is kept.
    async fn read(&self, reader: &mut dyn ReadHalf) -> Result<(Vec<u8>, wire::Place), Broken> {
        let limits = self.door.premises.limits();
        let bytes_max = transfer_bytes_max(limits);
        let mut room = self.door.room().place(self.peer);
        let keep = |bytes: u64| room.resize(bytes.saturating_mul(HELD_PER_BYTE));
        match read_object(reader, limits, bytes_max, keep).await {
            Ok(json) => Ok((json, room)),
            Err(WireError::NoRoom(full)) => Err(Rejection::from(Refusal::from(full)).into()),
            Err(WireError::TooLong { bytes_max: limit, .. }) => {
                let length = limit.saturating_add(1);
                Err(Rejection::from(MigrateError::TooLarge { length, limit }).into())
            }
            Err(error) => Err(Broken::Lost(error)),
        }
    }

    /// Takes the message apart.
    async fn open(&mut self, json: Vec<u8>, meter: MeterName) -> Result<Parcel, Rejection> {
        let premises = Arc::clone(&self.door.premises);
        let limits = premises.limits().clone();
        let read =
            on_guest_stack(premises.node(), move || Parcel::read(&json, &meter, &limits)).await;
        let (name, parcel) = read.map_err(|_| Refusal::Failed)?;
        self.name = name;
        parcel
    }

    /// Lets the desk say whether the agent can come at all.
    async fn announce(&mut self, expected: &Expected) -> Result<(), Rejection> {
        let (about, message) = ((expected.agent, &expected.name), Message::Prepare(self.transfer));
        let heard = hear(&self.door.moves, self.peer, about, message, self.ear.clone()).await;
        let heard = heard.unwrap_or(Heard::Dropped);
        let said = if heard == Heard::Taken { self.said.recv().await } else { None };
        if matches!(said, Some(Said::Prepare)) {
            return Ok(());
        }
        let (code, reason) = code_of(&heard);
        Err(turned(code, &reason))
    }

    /// Checks the agent, and makes durable what does not make it this node's yet.
    async fn prepare(&self, parcel: Parcel) -> Result<Inherited, Rejection> {
        let premises = Arc::clone(&self.door.premises);
        let storage = &*premises.node().storage.0;
        let known = Known::read(storage, parcel.expected(), parcel.inventory()).await?;
        let examining = Arc::clone(&premises);
        let admitted = on_guest_stack(premises.node(), move || {
            let cancel = CancelFlag::default();
            parcel.examine(known, &receiving(&*examining, &cancel))
        });
        let admitted = admitted.await.map_err(|_| Refusal::Failed)??;
        admitted.stage(storage).await
    }

    /// Lets the desk decide, and does what it says.
    async fn take(&mut self, inherited: Inherited, expected: &Expected) -> Result<(), Broken> {
        let (transfer, source) = (self.transfer, self.peer.public_key());
        let epoch_min = inherited.epoch_min();
        self.happened(expected, Event::Prepared(transfer));
        self.happened(expected, Event::Inherit { transfer, source, epoch_min });
        let (mut inherited, mut taken) = (Some(inherited), None);
        while let Some(said) = self.said.recv().await {
            match said {
                Said::Take(whereabouts) => {
                    let custody = whereabouts.custody;
                    taken = Some(self.write(inherited.take(), &custody, expected).await?);
                }
                Said::Tick => {
                    if let Some(taken) = taken.take() {
                        self.door.premises.move_in(taken).await;
                    }
                    let came = Came { source: self.peer, tick: expected.tick };
                    self.door.premises.told(&expected.name, RunEvent::Came(came));
                    return Ok(());
                }
                Said::NotReady | Said::Over => break,
                Said::Prepare | Said::Ready | Said::Offer | Said::Answer(_) => {}
            }
        }
        Err(turned(RefusalCode::Held, "the agent came in another way meanwhile").into())
    }

    /// Makes it durable that the agent is this node's, with the certificate of how it came.
    async fn write(
        &self,
        inherited: Option<Inherited>,
        custody: &Custody,
        expected: &Expected,
    ) -> Result<Taken, Broken> {
        let premises = &*self.door.premises;
        let complete = inherited.map(|it| it.complete(premises.key(), self.peer, custody));
        let (complete, why) = match complete.transpose() {
            Ok(complete) => (complete, None),
            Err(rejection) => (None, Some(rejection)),
        };
        let (event, written) = take(premises, complete, custody).await;
        let is_in_doubt = event == Event::Written(Err(WriteFailed::InDoubt));
        self.happened(expected, event);
        match (written, why) {
            (Ok(taken), _) => Ok(taken),
            (Err(_), _) if is_in_doubt => Err(Broken::InDoubt),
            (Err(_), Some(rejection)) => Err(rejection.into()),
            (Err(problem), None) => Err(turned(RefusalCode::Internal, &problem).into()),
        }
    }

    fn happened(&self, expected: &Expected, event: Event) {
        self.door.moves.tell(Input::Happened(expected.agent, Box::new(event)));
    }

    /// Tells that the agent was not taken, where it is known which.
    fn declined(&self, rejection: &Rejection) {
        let (source, code, reason) = (self.peer, rejection.code(), rejection.to_string());
        tracing::info!(peer = %source, %reason, "an agent of the original was not taken");
        self.strike_if(is_foul(code) || matches!(rejection, Rejection::Message(_)));
        if let Ok(name) = self.name.parse::<AgentId>() {
            let declined = RunEvent::Declined(Declined { source, code, reason });
            self.door.premises.told(&name, declined);
        }
    }

    fn strike_if(&self, is_foul: bool) {
        if is_foul {
            self.door.moves.tell(Input::Strike(self.peer));
        }
    }
}

fn turned(code: RefusalCode, reason: &str) -> Rejection {
    Rejection::Turned { code, reason: reason.to_owned() }
}
