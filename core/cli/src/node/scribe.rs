//! Writes down what is wanted of each agent, one thing after the other, so that a node that starts again
//! does the same. Wishes that come while others are being written go together.

use std::sync::Arc;

use igor_core::Storage;
use igor_core::format::{AgentId, Wish};
use igor_core::storage::StorageError;
use igor_node::set_wishes;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

/// Takes wishes to be written.
#[derive(Clone)]
pub(crate) struct Scribe(UnboundedSender<Note>);

struct Note {
    agent: AgentId,
    wish: Wish,
    written: oneshot::Sender<Result<(), StorageError>>,
}

impl Scribe {
    /// A scribe, and what does the writing until the last of its clones is gone.
    pub(crate) fn new(storage: Arc<dyn Storage>) -> (Self, impl Future<Output = ()> + Send) {
        let (sender, receiver) = unbounded_channel();
        (Self(sender), write_all(storage, receiver))
    }

    /// Hands a wish over; the answer comes when it is durable.
    pub(crate) fn note(
        &self,
        agent: AgentId,
        wish: Wish,
    ) -> oneshot::Receiver<Result<(), StorageError>> {
        let (written, answer) = oneshot::channel();
        let _ = self.0.send(Note { agent, wish, written });
        answer
    }

    /// Writes a wish down.
    ///
    /// # Errors
    /// When it could not be written.
    pub(crate) async fn write(&self, agent: AgentId, wish: Wish) -> Result<(), StorageError> {
        let gone = || StorageError::Poisoned { cause: "the node ends".to_owned() };
        self.note(agent, wish).await.unwrap_or_else(|_| Err(gone()))
    }
}

async fn write_all(storage: Arc<dyn Storage>, mut notes: UnboundedReceiver<Note>) {
    let mut next = notes.recv().await;
    while let Some(first) = next.take() {
        let mut together = vec![first];
        while let Ok(note) = notes.try_recv() {
            // A batch has one group of an agent at most.
            if together.iter().any(|other| other.agent == note.agent) {
                next = Some(note);
                break;
            }
            together.push(note);
        }
        let wishes: Vec<_> =
            together.iter().map(|note| (note.agent.clone(), note.wish.clone())).collect();
        let results = set_wishes(&*storage, &wishes).await;
        for (note, result) in together.into_iter().zip(results) {
            if let Err(error) = &result {
                tracing::error!("the wish for {} was not written: {error}", note.agent);
            }
            // Not everybody waits for the answer.
            let _ = note.written.send(result);
        }
        if next.is_none() {
            next = notes.recv().await;
        }
    }
}
