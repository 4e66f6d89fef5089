//! An end of a connection: the state behind a lock, and the errors in words. The rules are the state's.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;

use async_trait::async_trait;
use igor_core::Limits;
use igor_core::transport::{
    Admitted, CloseCode, Connection, NodeId, ProtocolId, Stream, TransportError,
};

use crate::flow::Over;
use crate::half::{Reading, Writing};
use crate::state::{End, Gone, State};

/// What both ends of a connection share.
pub(crate) struct Shared {
    state: Mutex<State>,
    /// Both nodes count the connection until it is closed or both have dropped it.
    admitted: Mutex<Vec<Admitted>>,
}

impl Shared {
    pub(crate) fn new(admitted: [Admitted; 2], buffer_bytes: usize, limits: &Limits) -> Arc<Self> {
        let streams_max = usize::try_from(limits.streams_max).unwrap_or(usize::MAX);
        Arc::new(Self {
            state: Mutex::new(State::new(streams_max, buffer_bytes)),
            admitted: Mutex::new(admitted.into()),
        })
    }

    /// Does something with the state, and wakes whoever waited for it.
    pub(crate) fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        let (outcome, awake, is_closed) = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            let outcome = act(&mut state);
            (outcome, std::mem::take(&mut state.awake), state.is_closed())
        };
        if is_closed {
            self.admitted.lock().unwrap_or_else(PoisonError::into_inner).clear();
        }
        for waker in awake {
            waker.wake();
        }
        outcome
    }
}

/// One end.
pub(crate) struct MemoryConnection {
    shared: Arc<Shared>,
    end: End,
    peer: NodeId,
}

impl MemoryConnection {
    pub(crate) fn new(shared: Arc<Shared>, end: End, peer: NodeId) -> Self {
        shared.with(|state| state.hold(end));
        Self { shared, end, peer }
    }

    fn stream(&self, id: u64) -> Stream {
        Stream {
            writer: Box::new(Writing::new(Arc::clone(&self.shared), self.end, id)),
            reader: Box::new(Reading::new(Arc::clone(&self.shared), self.end, id)),
        }
    }
}

/// The error of a call that found something gone.
pub(crate) fn error(attempt: &str, gone: Gone) -> TransportError {
    let attempt = attempt.to_owned();
    match gone {
        Gone::Stream(Over::Here) | Gone::Connection(Over::Here) => {
            TransportError::Ended { attempt }
        }
        Gone::Stream(Over::There(code)) => TransportError::Reset { attempt, code },
        Gone::Connection(Over::There(code)) => TransportError::Closed { attempt, code },
    }
}

#[async_trait]
impl Connection for MemoryConnection {
    fn peer(&self) -> NodeId {
        self.peer
    }

    // A stream is made in the poll that also hands it out, so a dropped future leaves none behind.
    async fn open(&self, protocol: &ProtocolId) -> Result<Stream, TransportError> {
        poll_fn(|context| {
            let opened = self.shared.with(|state| state.poll_open(self.end, protocol, context));
            opened.map(|opened| match opened {
                Ok(id) => Ok(self.stream(id)),
                Err(gone) => Err(error(&format!("open {protocol} to {}", self.peer), gone)),
            })
        })
        .await
    }

    async fn accept(&self) -> Result<(ProtocolId, Stream), TransportError> {
        poll_fn(|context| match self.shared.with(|state| state.poll_accept(self.end, context)) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok((id, protocol))) => Poll::Ready(Ok((protocol, self.stream(id)))),
            Poll::Ready(Err(gone)) => {
                let attempt = format!("accept a stream of {}", self.peer);
                Poll::Ready(Err(error(&attempt, gone)))
            }
        })
        .await
    }

    async fn close(&self, code: CloseCode) {
        self.shared.with(|state| state.close(self.end, code));
    }
}

impl Drop for MemoryConnection {
    fn drop(&mut self) {
        self.shared.with(|state| state.release(self.end));
    }
}
