//! A place where connections arrive: a bounded queue that diallers add to and the listener takes from.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use async_trait::async_trait;
use igor_core::transport::{Address, Admission, Connection, Listener, NodeId, TransportError};

use crate::NAME;
use crate::connection::MemoryConnection;
use crate::network::Network;
use crate::waiting::Waiting;

/// What diallers find at a place.
pub(crate) struct Door {
    pub(crate) local: NodeId,
    pub(crate) admission: Arc<Admission>,
    pending_max: usize,
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    closed: bool,
    pending: VecDeque<MemoryConnection>,
    accepting: Waiting,
}

impl Door {
    pub(crate) fn new(local: NodeId, admission: Arc<Admission>, pending_max: usize) -> Arc<Self> {
        Arc::new(Self { local, admission, pending_max, queue: Mutex::default() })
    }

    /// Whether one more may wait here.
    pub(crate) fn has_room(&self) -> bool {
        let queue = self.queue();
        !queue.closed && queue.pending.len() < self.pending_max
    }

    /// Leaves a connection here, unless there is no room.
    pub(crate) fn leave(&self, connection: MemoryConnection) -> Result<(), MemoryConnection> {
        let mut awake = Vec::new();
        {
            let mut queue = self.queue();
            if queue.closed || queue.pending.len() >= self.pending_max {
                return Err(connection);
            }
            queue.pending.push_back(connection);
            queue.accepting.wake(&mut awake);
        }
        awake.into_iter().for_each(std::task::Waker::wake);
        Ok(())
    }

    fn poll_accept(&self, context: &Context<'_>) -> Poll<Option<MemoryConnection>> {
        let mut queue = self.queue();
        if queue.closed {
            return Poll::Ready(None);
        }
        let next = queue.pending.pop_front();
        if next.is_none() {
            queue.accepting.add(context);
            return Poll::Pending;
        }
        Poll::Ready(next)
    }

    fn close(&self) {
        let mut awake = Vec::new();
        let left = {
            let mut queue = self.queue();
            queue.closed = true;
            queue.accepting.wake(&mut awake);
            std::mem::take(&mut queue.pending)
        };
        drop(left);
        awake.into_iter().for_each(std::task::Waker::wake);
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The listener at a door.
pub(crate) struct MemoryListener {
    pub(crate) network: Network,
    pub(crate) place: String,
    pub(crate) door: Arc<Door>,
}

#[async_trait]
impl Listener for MemoryListener {
    fn addresses(&self) -> Vec<Address> {
        vec![Address::of(NAME, &self.place, self.door.local)]
    }

    async fn accept(&self) -> Result<Arc<dyn Connection>, TransportError> {
        match poll_fn(|context| self.door.poll_accept(context)).await {
            Some(connection) => Ok(Arc::new(connection)),
            None => Err(TransportError::Ended { attempt: format!("accept at {}", self.place) }),
        }
    }

    fn close(&self) {
        self.network.remove(&self.place, &self.door);
        self.door.close();
    }
}

impl Drop for MemoryListener {
    fn drop(&mut self) {
        self.close();
    }
}
