//! A conversation about an agent: the messages of `/igor/handoff/1` on one stream, as either side says and hears
//! them. It waits with the limits' patience and decides nothing.

use std::sync::Arc;
use std::time::Duration;

use igor_core::Limits;
use igor_core::format::{
    Answer, BillItem, Message, Prepare, Reason, RefusalCode, SignatureError, TransferId,
};
use igor_core::handoff::VerifiedOffer;
use igor_core::transport::{Connection, NodeId, Stream, TransportError};

use super::dialer::{Dialer, Line};
use crate::handoff::checked_answer;
use crate::shell::wire::{Pieces, Wire, WireError, receive_bill, send_bill, send_part};
use crate::wire::{Close, Course, Place, Spoken};

/// How long the other side may work before its next message.
const WORK: Duration = Duration::from_secs(60);

/// Why a conversation ended before its end.
#[derive(Debug, thiserror::Error)]
pub(super) enum TalkError {
    /// It was lost, or something else than messages was said.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// The signatures of an offer do not hold.
    #[error("the offer: {0}")]
    Signature(#[from] SignatureError),
    /// Something was said out of turn.
    #[error("{found} arrived where {due} was due")]
    OutOfTurn { found: &'static str, due: &'static str },
    /// An offer came with something else than it names.
    #[error("what came with the offer: {0}")]
    Parts(String),
    /// The answer is not that of the node that the agent was offered to.
    #[error("the answer is not the other node's, or is about another offer")]
    NoAnswer,
    /// It is not decided yet, or is not going to be.
    #[error("nothing is decided about the agent at present")]
    Undecided,
    /// This node failed.
    #[error("{0}")]
    Own(String),
}

impl From<TransportError> for TalkError {
    fn from(error: TransportError) -> Self {
        Self::Wire(error.into())
    }
}

impl TalkError {
    /// Whether the other node did what no node does that keeps to the protocol.
    pub(super) const fn is_foul(&self) -> bool {
        match self {
            Self::Wire(error) => error.close().is_fault(),
            Self::Signature(_) | Self::OutOfTurn { .. } | Self::Parts(_) | Self::NoAnswer => true,
            Self::Undecided | Self::Own(_) => false,
        }
    }

    const fn close(&self) -> Close {
        match self {
            Self::Wire(error) => error.close(),
            Self::Signature(_) | Self::OutOfTurn { .. } | Self::Parts(_) | Self::NoAnswer => {
                Close::Malformed
            }
            Self::Undecided => Close::Busy,
            Self::Own(_) => Close::Failed,
        }
    }
}

/// A conversation.
pub(super) struct Talk {
    wire: Wire,
    peer: NodeId,
    limits: Limits,
    /// Held, so that the stream goes on.
    _connection: Arc<dyn Connection>,
}

impl Talk {
    /// On a stream of `connection`.
    pub(super) fn new(stream: Stream, connection: Arc<dyn Connection>, limits: &Limits) -> Self {
        let (peer, limits) = (connection.peer(), limits.clone());
        Self { wire: Wire::new(stream, &limits), peer, limits, _connection: connection }
    }

    /// Counts what is kept of what arrives in this place.
    pub(super) fn count_in(&mut self, place: Place) {
        self.wire.reader.count_in(place);
    }

    /// Counts so many bytes more as kept until the conversation ends.
    pub(super) fn keep(&mut self, more: u64) -> Result<(), WireError> {
        let kept = self.wire.reader.kept().saturating_add(more);
        self.wire.reader.keep(kept)
    }

    /// Counts nothing any more but what is being read.
    pub(super) fn keep_nothing(&mut self) {
        // Less always has room.
        let _ = self.wire.reader.keep(0);
    }

    /// With the node at `place`.
    pub(super) async fn open(
        dialer: &Dialer,
        place: &str,
        limits: &Limits,
    ) -> Result<Self, TransportError> {
        let Line { stream, connection } = dialer.open(place, &Spoken::Handoff.protocol()?).await?;
        Ok(Self::new(stream, connection, limits))
    }

    pub(super) const fn peer(&self) -> NodeId {
        self.peer
    }

    /// How long a message may take to come about, in this node too.
    pub(super) const fn idle(&self) -> Duration {
        Duration::from_nanos(self.limits.idle_ns_max)
    }

    pub(super) async fn send(&mut self, message: &Message) -> Result<(), TalkError> {
        Ok(self.wire.writer.send(message).await?)
    }

    pub(super) async fn send_bill(
        &mut self,
        prepare: Prepare,
        bill: &[BillItem],
    ) -> Result<(), TalkError> {
        Ok(send_bill(&mut self.wire.writer, prepare, bill).await?)
    }

    pub(super) async fn receive_bill(
        &mut self,
        begun: &Prepare,
    ) -> Result<Vec<BillItem>, TalkError> {
        Ok(receive_bill(&mut self.wire.reader, &self.limits, begun).await?)
    }

    pub(super) async fn send_part(
        &mut self,
        number: u32,
        bytes: &[u8],
        offset: u64,
    ) -> Result<(), TalkError> {
        Ok(send_part(&mut self.wire.writer, number, bytes, offset).await?)
    }

    /// Receives what is wanted of a bill and hands each piece to `take`: the number of its item, where in the
    /// part it begins, and its bytes.
    pub(super) async fn receive_parts<E: From<TalkError>>(
        &mut self,
        bill: &[BillItem],
        wanted: &[(u32, u64)],
        mut take: impl FnMut(u32, u64, &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let course = Course::new(bill, wanted).map_err(|error| talk(error.into()))?;
        let mut pieces = Pieces::new(course, &self.limits);
        loop {
            let piece = pieces.next(&mut self.wire.reader).await.map_err(talk)?;
            let Some(piece) = piece else { return Ok(()) };
            take(piece.item, piece.offset, &piece.bytes)?;
        }
    }

    /// The first message of a conversation.
    pub(super) async fn receive_first(&mut self) -> Result<Message, TalkError> {
        Ok(self.wire.reader.expect("a first message").await?)
    }

    /// The next message, which may take some work.
    pub(super) async fn receive(&mut self, due: &'static str) -> Result<Message, TalkError> {
        let next = self.wire.reader.next_within(WORK).await?;
        Ok(next.ok_or(WireError::Cut { due })?)
    }

    /// The next message, which the other side is to have ready.
    pub(super) async fn receive_at_once(
        &mut self,
        due: &'static str,
    ) -> Result<Message, TalkError> {
        Ok(self.wire.reader.expect(due).await?)
    }

    pub(super) async fn send_not_ready(
        &mut self,
        transfer: TransferId,
        code: RefusalCode,
        reason: &str,
    ) -> Result<(), TalkError> {
        let reason = Reason::new(reason);
        self.send(&Message::NotReady { transfer, code, reason }).await?;
        self.finish().await
    }

    pub(super) async fn send_answer(
        &mut self,
        answer: Answer,
        reason: &str,
    ) -> Result<(), TalkError> {
        self.send(&Message::Answer { answer, reason: Reason::new(reason) }).await?;
        self.finish().await
    }

    /// The answer to an offer, and why.
    pub(super) async fn receive_answer(
        &mut self,
        offer: &VerifiedOffer,
    ) -> Result<(Answer, String), TalkError> {
        let due = "an answer";
        match self.receive(due).await? {
            Message::Answer { answer, reason } => {
                let answer = checked_answer(answer, offer).ok_or(TalkError::NoAnswer)?;
                Ok((answer, reason.as_str().to_owned()))
            }
            other => Err(TalkError::OutOfTurn { found: other.name(), due }),
        }
    }

    /// Says that nothing more follows, and waits until the other side has all of it.
    async fn finish(&mut self) -> Result<(), TalkError> {
        self.wire.writer.finish().await?;
        Ok(self.wire.writer.delivered().await?)
    }

    /// Ends the conversation before its end, and waits until the other side has let go of what it kept for it.
    pub(super) async fn give_up(mut self) {
        self.wire.writer.abandon(Close::Done);
        let _ = self.wire.reader.next_within(WORK).await;
    }

    /// Ends the conversation because of `error`.
    pub(super) fn abandon(&mut self, error: &TalkError) {
        self.wire.abandon(error.close());
    }
}

fn talk<E: From<TalkError>>(error: WireError) -> E {
    TalkError::Wire(error).into()
}
