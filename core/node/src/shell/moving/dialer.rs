//! Opens streams to other nodes. A connection is shared by those who use it at the same time, and closed when
//! the last of them is gone, and so many agents only are sent to one node at a time. It repeats nothing but an
//! attempt on a connection that turns out to be lost.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use igor_core::Transport;
use igor_core::transport::{Address, Connection, NodeId, ProtocolId, Stream, TransportError};

use super::turns::Turns;
use crate::handoff::GateLimits;

/// How long a connection and a stream may take to come about.
const OPEN: Duration = Duration::from_secs(15);

/// A stream with the connection that it needs.
pub struct Line {
    /// The stream.
    pub stream: Stream,
    /// The connection, with who is at its other end. The stream ends with it.
    pub connection: Arc<dyn Connection>,
}

/// Opens streams to other nodes.
pub struct Dialer {
    transport: Arc<dyn Transport>,
    connections: Mutex<HashMap<String, Weak<dyn Connection>>>,
    /// For who sends an agent.
    pub(super) turns: Arc<Turns>,
}

impl Dialer {
    /// By this transport.
    pub fn new(transport: Arc<dyn Transport>) -> Self {
        // Others are taken to have the limits that nodes have unless told otherwise.
        let turns = Turns::new(GateLimits::default().inbound_per_peer_max);
        Self { transport, connections: Mutex::default(), turns: Arc::new(turns) }
    }

    /// Opens a stream to the node at `place`.
    ///
    /// # Errors
    /// When nobody is there who is named by the address, or it takes longer than 15 s.
    pub async fn open(&self, place: &str, protocol: &ProtocolId) -> Result<Line, TransportError> {
        let opened = tokio::time::timeout(OPEN, self.open_in_time(place, protocol)).await;
        opened.unwrap_or_else(|_| Err(late(place)))
    }

    async fn open_in_time(
        &self,
        place: &str,
        protocol: &ProtocolId,
    ) -> Result<Line, TransportError> {
        if let Some(connection) = self.known(place)
            && let Ok(stream) = connection.open(protocol).await
        {
            return Ok(Line { stream, connection });
        }
        let connection = self.connect(place).await?;
        let stream = connection.open(protocol).await?;
        Ok(Line { stream, connection })
    }

    /// A connection to the node at `place`, new or shared.
    ///
    /// # Errors
    /// Those of [`Dialer::open`].
    pub async fn reach(&self, place: &str) -> Result<Arc<dyn Connection>, TransportError> {
        if let Some(connection) = self.known(place) {
            return Ok(connection);
        }
        tokio::time::timeout(OPEN, self.connect(place)).await.unwrap_or_else(|_| Err(late(place)))
    }

    async fn connect(&self, place: &str) -> Result<Arc<dyn Connection>, TransportError> {
        let connection = self.transport.connect(&Address(place.to_owned())).await?;
        self.keep(place, &connection);
        Ok(connection)
    }

    /// Who an address names.
    ///
    /// # Errors
    /// When it names nobody, or is none of this transport's.
    pub fn who(&self, place: &str) -> Result<NodeId, TransportError> {
        self.transport.named(&Address(place.to_owned()))
    }

    fn known(&self, place: &str) -> Option<Arc<dyn Connection>> {
        let connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        connections.get(place).and_then(Weak::upgrade)
    }

    fn keep(&self, place: &str, connection: &Arc<dyn Connection>) {
        let mut connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        connections.retain(|_, connection| connection.strong_count() > 0);
        connections.insert(place.to_owned(), Arc::downgrade(connection));
    }
}

fn late(place: &str) -> TransportError {
    TransportError::TimedOut { attempt: format!("reach {place}") }
}
