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

/// The connection to a place, if it is still there; locked while it is made, so that who comes meanwhile shares it.
type Slot = Arc<tokio::sync::Mutex<Option<Weak<dyn Connection>>>>;

/// Opens streams to other nodes.
pub struct Dialer {
    transport: Arc<dyn Transport>,
    slots: Mutex<HashMap<String, Slot>>,
    /// For who sends an agent.
    pub(super) turns: Arc<Turns>,
}

/// A connection, and whether others had it before.
struct Reached {
    connection: Arc<dyn Connection>,
    is_shared: bool,
}

impl Dialer {
    /// By this transport.
    pub fn new(transport: Arc<dyn Transport>) -> Self {
        // Others are taken to have the limits that nodes have unless told otherwise.
        let turns = Turns::new(GateLimits::default().inbound_per_peer_max);
        Self { transport, slots: Mutex::default(), turns: Arc::new(turns) }
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
        let Reached { connection, is_shared } = self.connection(place, None).await?;
        match connection.open(protocol).await {
            Ok(stream) => return Ok(Line { stream, connection }),
            Err(error) if !is_shared => return Err(error),
            Err(_) => {}
        }
        let lost = Arc::downgrade(&connection);
        drop(connection);
        let Reached { connection, .. } = self.connection(place, Some(lost)).await?;
        let stream = connection.open(protocol).await?;
        Ok(Line { stream, connection })
    }

    /// A connection to the node at `place`, new or shared.
    ///
    /// # Errors
    /// Those of [`Dialer::open`].
    pub async fn reach(&self, place: &str) -> Result<Arc<dyn Connection>, TransportError> {
        let reached = tokio::time::timeout(OPEN, self.connection(place, None)).await;
        reached.unwrap_or_else(|_| Err(late(place))).map(|reached| reached.connection)
    }

    /// The connection to `place`, unless that is the one that was `lost`; a new one if there is none.
    async fn connection(
        &self,
        place: &str,
        lost: Option<Weak<dyn Connection>>,
    ) -> Result<Reached, TransportError> {
        let slot = self.slot(place);
        let mut slot = slot.lock().await;
        let is_lost = |known: &&Weak<dyn Connection>| {
            lost.as_ref().is_some_and(|lost| Weak::ptr_eq(lost, known))
        };
        let known = slot.as_ref().filter(|known| !is_lost(known)).and_then(Weak::upgrade);
        if let Some(connection) = known {
            return Ok(Reached { connection, is_shared: true });
        }
        let connection = self.transport.connect(&Address(place.to_owned())).await?;
        *slot = Some(Arc::downgrade(&connection));
        Ok(Reached { connection, is_shared: false })
    }

    /// Who an address names.
    ///
    /// # Errors
    /// When it names nobody, or is none of this transport's.
    pub fn who(&self, place: &str) -> Result<NodeId, TransportError> {
        self.transport.named(&Address(place.to_owned()))
    }

    fn slot(&self, place: &str) -> Slot {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.retain(|_, slot| is_used(slot));
        Arc::clone(slots.entry(place.to_owned()).or_default())
    }
}

/// Whether somebody waits for a connection, or has one.
fn is_used(slot: &Slot) -> bool {
    let has_connection = |it: &Option<Weak<dyn Connection>>| {
        it.as_ref().is_some_and(|connection| connection.strong_count() > 0)
    };
    Arc::strong_count(slot) > 1 || slot.try_lock().is_ok_and(|slot| has_connection(&slot))
}

fn late(place: &str) -> TransportError {
    TransportError::TimedOut { attempt: format!("reach {place}") }
}
