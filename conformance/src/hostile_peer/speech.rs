//! One stream of a handoff as an attacker speaks it: in the order of the protocol until it no longer wants to.
//! It checks nothing of what it hears.

use igor_core::Limits;
use igor_core::format::{Answer, Message, Offer, RefusalCode, SealedKey, TransferId, Verdict};
use igor_core::transport::{Stream, TransportError};
use igor_node::shell::wire::{Wire, WireError};
use igor_node::wire::{Close, pieces};

use super::parcel::Parcel;

/// A stream.
pub(super) struct Speech(pub(super) Wire);

/// What came of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reply {
    /// The node is ready.
    Ready,
    /// The node does not want it.
    NotReady(RefusalCode),
    /// The node has decided.
    Answer(Verdict),
    /// The node abandoned the stream.
    Abandoned(Close),
}

impl Speech {
    pub(super) fn on(stream: Stream) -> Self {
        Self(Wire::new(stream, &Limits::default()))
    }

    /// Says something, as far as anybody listens.
    pub(super) async fn say(&mut self, message: &Message) {
        let _ = self.0.writer.send(message).await;
    }

    /// What the node says next; `None` if it has finished.
    pub(super) async fn hear(&mut self) -> Result<Option<Message>, WireError> {
        self.0.reader.next().await
    }

    /// What the node says next, which it does.
    pub(super) async fn reply(&mut self) -> Reply {
        match self.hear().await {
            Ok(Some(Message::Ready { .. })) => Reply::Ready,
            Ok(Some(Message::NotReady { code, .. })) => Reply::NotReady(code),
            Ok(Some(Message::Answer { answer: Answer { verdict, .. }, .. })) => {
                Reply::Answer(verdict)
            }
            Err(WireError::Transport(TransportError::Reset { code, .. })) => {
                Reply::Abandoned(Close::of(code).expect("a code of the specification"))
            }
            other => panic!("the node says {other:?}"),
        }
    }

    /// Announces an agent, sends what is wanted of it, and hears whether the node is ready.
    pub(super) async fn announce(&mut self, parcel: &Parcel) -> Reply {
        self.say(&Message::Prepare(Box::new(parcel.prepare.clone()))).await;
        let wanted = match self.hear().await {
            Ok(Some(Message::Want { items })) => items,
            Ok(Some(Message::NotReady { code, .. })) => return Reply::NotReady(code),
            Err(WireError::Transport(TransportError::Reset { code, .. })) => {
                return Reply::Abandoned(Close::of(code).expect("a code of the specification"));
            }
            other => panic!("the node says {other:?}"),
        };
        for (item, offset) in wanted {
            let index = usize::try_from(item).expect("few items");
            for chunk in pieces(item, &parcel.parts[index], offset) {
                self.say(&Message::Chunk(chunk)).await;
            }
        }
        self.reply().await
    }

    /// Offers what was announced, with its key sealed to the node, and hears what is decided.
    pub(super) async fn offer(&mut self, parcel: &Parcel, offer: Box<Offer>) -> Reply {
        let sealed_key = sealed(parcel, &offer, parcel.prepare.transfer);
        self.say(&Message::Offer { offer, sealed_key, bill: Vec::new() }).await;
        self.reply().await
    }
}

/// The key of an agent, for the target of an offer.
pub(super) fn sealed(parcel: &Parcel, offer: &Offer, transfer: TransferId) -> Box<SealedKey> {
    let target = offer.terms().target;
    let sealed = SealedKey::seal(&parcel.key(), &target, &transfer, &[5; 32]);
    Box::new(sealed.expect("the target is a node"))
}
