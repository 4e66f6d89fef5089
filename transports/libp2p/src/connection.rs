//! A connection that both ends have admitted. It is closed when the last of those who use it is dropped:
//! the connection's own handle and the halves of its streams.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use igor_core::transport::{CloseCode, Connection, NodeId, ProtocolId, Stream, TransportError};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::link::{Arrival, Link, NotOpened};
use crate::network::Network;
use crate::pipe::Pipe;
use crate::{half, plain, protocol, streams};

/// How long a close waits for the other end to hear of it.
const FAREWELL: Duration = Duration::from_secs(1);

/// What all users of a connection share.
pub(crate) struct Handle {
    link: Arc<Link>,
    /// The network goes on as long as somebody uses it.
    _network: Network,
}

impl Handle {
    pub(crate) const fn new(link: Arc<Link>, network: Network) -> Self {
        Self { link, _network: network }
    }

    pub(crate) fn link(&self) -> &Link {
        &self.link
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.link.leave(CloseCode::default());
    }
}

/// Who is at the other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Other {
    /// A node like this one.
    Node,
    /// A program that speaks some of the same protocols.
    Stranger,
}

/// A connection.
pub(crate) struct Libp2pConnection {
    handle: Arc<Handle>,
    other: Other,
    /// Streams that this end may still open.
    places: Arc<Semaphore>,
    arrived: Mutex<UnboundedReceiver<Arrival>>,
}

impl Libp2pConnection {
    pub(crate) fn new(
        handle: Arc<Handle>,
        other: Other,
        streams_max: usize,
        arrived: UnboundedReceiver<Arrival>,
    ) -> Self {
        let places = Arc::new(Semaphore::new(streams_max.clamp(1, Semaphore::MAX_PERMITS)));
        Self { handle, other, places, arrived: Mutex::new(arrived) }
    }

    /// Waits until this end may open one more, unless the connection ends before.
    async fn place(&self, attempt: &str) -> Result<OwnedSemaphorePermit, TransportError> {
        let link = self.handle.link();
        if let Some(ending) = link.ending() {
            return Err(ending.error(attempt));
        }
        let ended = TransportError::Ended { attempt: attempt.to_owned() };
        tokio::select! {
            place = Arc::clone(&self.places).acquire_owned() => place.map_err(|_| ended),
            ending = link.ended() => Err(ending.error(attempt)),
        }
    }

    /// Why a stream could not be opened.
    async fn not_opened(&self, attempt: String, why: NotOpened) -> TransportError {
        let source = match why {
            NotOpened::Slow => return TransportError::TimedOut { attempt },
            NotOpened::Unknown => {
                let problem = "the peer does not speak it".to_owned();
                return TransportError::Refused { attempt, problem };
            }
            NotOpened::Gone(problem) => io::Error::other(problem),
        };
        // If the connection is going, that is the better reason.
        match timeout(FAREWELL, self.handle.link().ended()).await {
            Ok(ending) => ending.error(&attempt),
            Err(_) => TransportError::Io { attempt, source },
        }
    }
}

#[async_trait]
impl Connection for Libp2pConnection {
    fn peer(&self) -> NodeId {
        self.handle.link().peer()
    }

    // If the future is dropped before there is a stream, none is used; libp2p forgets it.
    async fn open(&self, protocol: &ProtocolId) -> Result<Stream, TransportError> {
        let attempt = format!("open {protocol} to {}", self.peer());
        let place = self.place(&attempt).await?;
        let plain = protocol::plain(protocol);
        if plain.is_none() && self.other == Other::Stranger {
            return Err(self.not_opened(attempt, NotOpened::Unknown).await);
        }
        let wire = plain.clone().unwrap_or(protocol::STREAM);
        let stream = match self.handle.link.request(wire).await {
            Ok(stream) => stream,
            Err(why) => return Err(self.not_opened(attempt, why).await),
        };
        let pipe = Arc::new(Pipe::new(true));
        let (carried, link) = (Arc::clone(&pipe), Arc::clone(&self.handle.link));
        if plain.is_some() {
            tokio::spawn(plain::carry(stream, carried, link, place));
        } else {
            tokio::spawn(streams::open(stream, protocol.clone(), carried, link, place));
        }
        Ok(half::stream(pipe, Arc::clone(&self.handle)))
    }

    async fn accept(&self) -> Result<(ProtocolId, Stream), TransportError> {
        let attempt = || format!("accept a stream of {}", self.peer());
        let link = self.handle.link();
        let mut arrived = self.arrived.lock().await;
        if link.is_left() {
            return Err(TransportError::Ended { attempt: attempt() });
        }
        // What arrived before the end can still be taken.
        let next = tokio::select! {
            biased;
            next = arrived.recv() => next,
            ending = link.ended() => return Err(ending.error(&attempt())),
        };
        match next {
            Some(Arrival { protocol, pipe }) => {
                pipe.take();
                Ok((protocol, half::stream(pipe, Arc::clone(&self.handle))))
            }
            None => Err(TransportError::Ended { attempt: attempt() }),
        }
    }

    async fn close(&self, code: CloseCode) {
        let link = self.handle.link();
        link.leave(code);
        // Then the other end has heard of it, and the program may end.
        drop(timeout(FAREWELL, link.over()).await);
    }
}
