//! A connection that both ends have admitted. It is closed when the last of those who use it is dropped:
//! the connection's own handle and the halves of its streams.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use igor_core::transport::{
    Admitted, CloseCode, Connection, NodeId, ProtocolId, Stream, TransportError, WriteHalf,
};
use quinn::{ConnectionError, RecvStream, SendStream};
use tokio::sync::Semaphore;
use tokio::sync::mpsc::{self, Receiver};

use crate::code;
use crate::half::{Place, Reading, Writing};
use crate::name;
use crate::streams::{self, Named};

/// The place of a connection among those that are counted, until it is over.
type Counted = Arc<Mutex<Option<Admitted>>>;

/// What all users of a connection share.
pub(crate) struct Handle {
    connection: quinn::Connection,
    counted: Counted,
}

impl Handle {
    /// Why the connection is gone, if it is.
    pub(crate) fn closed(&self) -> Option<ConnectionError> {
        self.connection.close_reason()
    }

    fn close(&self, code: CloseCode) {
        self.connection.close(code::sent(code), b"");
        release(&self.counted);
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.close(CloseCode::default());
    }
}

/// Makes room for another connection.
fn release(counted: &Counted) {
    counted.lock().unwrap_or_else(PoisonError::into_inner).take();
}

/// A connection.
pub(crate) struct QuicConnection {
    handle: Arc<Handle>,
    peer: NodeId,
    /// Streams that this end may still open.
    places: Arc<Semaphore>,
    arrived: tokio::sync::Mutex<Receiver<Named>>,
}

impl QuicConnection {
    /// Takes an admitted connection into use; `name_limit` is how long its streams may take to say what
    /// they are for.
    pub(crate) fn new(
        connection: quinn::Connection,
        admitted: Admitted,
        streams_max: usize,
        name_limit: Duration,
    ) -> Self {
        let peer = admitted.peer();
        let counted: Counted = Arc::new(Mutex::new(Some(admitted)));
        let (named, arrived) = mpsc::channel(streams_max.max(1));
        let (taken, counted_there) = (connection.clone(), Arc::clone(&counted));
        tokio::spawn(async move {
            streams::take(taken, named, name_limit).await;
            release(&counted_there);
        });
        let handle = Arc::new(Handle { connection, counted });
        let places = Arc::new(Semaphore::new(streams_max.clamp(1, Semaphore::MAX_PERMITS)));
        Self { handle, peer, places, arrived: tokio::sync::Mutex::new(arrived) }
    }

    fn stream(&self, writer: SendStream, reader: RecvStream, place: Place) -> (Writing, Reading) {
        let writer = Writing::new(writer, place.clone(), Arc::clone(&self.handle));
        (writer, Reading::new(reader, place, Arc::clone(&self.handle)))
    }

    /// Waits until this end may open one more.
    async fn place(&self) -> Place {
        tokio::select! {
            place = Arc::clone(&self.places).acquire_owned() => place.ok().map(Arc::new),
            // Then opening fails as well.
            _ = self.handle.connection.closed() => None,
        }
    }
}

fn boxed((writer, reader): (Writing, Reading)) -> Stream {
    Stream { writer: Box::new(writer), reader: Box::new(reader) }
}

#[async_trait]
impl Connection for QuicConnection {
    fn peer(&self) -> NodeId {
        self.peer
    }

    // If the future is dropped, so are the halves, and the peer is told to forget the stream.
    async fn open(&self, protocol: &ProtocolId) -> Result<Stream, TransportError> {
        let attempt = format!("open {protocol} to {}", self.peer);
        let place = self.place().await;
        let opened = self.handle.connection.open_bi().await;
        let (writer, reader) = opened.map_err(|error| code::connection(&attempt, &error))?;
        let mut halves = self.stream(writer, reader, place);
        halves.0.write_all(&name::opening(protocol)).await?;
        Ok(boxed(halves))
    }

    async fn accept(&self) -> Result<(ProtocolId, Stream), TransportError> {
        let is_left = || self.handle.closed() == Some(ConnectionError::LocallyClosed);
        let mut arrived = self.arrived.lock().await;
        let next = if is_left() { None } else { arrived.recv().await };
        match next {
            Some((protocol, writer, reader)) if !is_left() => {
                Ok((protocol, boxed(self.stream(writer, reader, None))))
            }
            _ => {
                let error = self.handle.closed().unwrap_or(ConnectionError::LocallyClosed);
                Err(code::connection(&format!("accept a stream of {}", self.peer), &error))
            }
        }
    }

    async fn close(&self, code: CloseCode) {
        self.handle.close(code);
    }
}
