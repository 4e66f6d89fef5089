//! Where connections arrive: what a dialler does first decides who it is, within a time limit and on its own,
//! so that a slow or silent one stalls nobody; what is admitted waits in a bounded queue to be taken.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use igor_core::Limits;
use igor_core::transport::{Address, Admission, Admitted, Connection, Listener, TransportError};
use libp2p_core::transport::ListenerId;
use tokio::sync::mpsc::{self, OwnedPermit, Receiver, Sender, UnboundedReceiver};
use tokio::sync::{Mutex, oneshot, watch};
use tokio::time::{sleep, timeout};

use crate::connection::{Handle, Libp2pConnection, Other};
use crate::control::Control;
use crate::handler::Knock;
use crate::link::{Arrival, Ending, Link};
use crate::network::Network;

/// What every connection is judged by.
#[derive(Debug, Clone)]
pub(crate) struct Terms {
    pub(crate) admission: Arc<Admission>,
    pub(crate) connections_max: usize,
    /// Handshakes at once.
    pub(crate) handshakes_max: usize,
    pub(crate) streams_max: usize,
    pub(crate) handshake_limit: Duration,
    pub(crate) silence: Duration,
    /// Bytes of this process's memory above which nobody new is let in.
    pub(crate) memory_bytes_max: Option<u64>,
    /// Others connect for more than streams of nodes.
    pub(crate) has_others: bool,
}

impl Terms {
    pub(crate) fn new(admission: &Arc<Admission>, limits: &Limits) -> Self {
        let count = |limit: u64| usize::try_from(limit).unwrap_or(usize::MAX);
        let connections_max = count(limits.connections_max);
        Self {
            admission: Arc::clone(admission),
            connections_max,
            handshakes_max: connections_max.max(count(limits.connections_pending_max)),
            streams_max: count(limits.streams_max),
            handshake_limit: Duration::from_nanos(limits.handshake_ns_max),
            silence: Duration::from_nanos(limits.silence_ns_max),
            memory_bytes_max: None,
            has_others: false,
        }
    }

    /// Streams of the other end that there may be at once. Who keeps to the limit may be ahead of what is
    /// known here by those that it gave up.
    pub(crate) const fn slots(&self) -> usize {
        self.streams_max.saturating_mul(2).saturating_add(8)
    }
}

/// Where connections of one listener are handed over.
#[derive(Debug, Clone)]
pub(crate) struct Door {
    closed: Arc<watch::Sender<bool>>,
    queue: Sender<Libp2pConnection>,
}

impl Door {
    /// A door, and what comes through it; up to `pending_max` wait.
    pub(crate) fn new(pending_max: usize) -> (Self, Receiver<Libp2pConnection>) {
        let (queue, arrived) = mpsc::channel(pending_max.max(1));
        (Self { closed: Arc::new(watch::Sender::new(false)), queue }, arrived)
    }

    fn is_closed(&self) -> bool {
        *self.closed.borrow()
    }
}

/// A listener.
pub(crate) struct Libp2pListener {
    pub(crate) address: Address,
    pub(crate) id: ListenerId,
    pub(crate) network: Network,
    pub(crate) door: Door,
    pub(crate) arrived: Mutex<Receiver<Libp2pConnection>>,
}

#[async_trait]
impl Listener for Libp2pListener {
    fn addresses(&self) -> Vec<Address> {
        vec![self.address.clone()]
    }

    async fn accept(&self) -> Result<Arc<dyn Connection>, TransportError> {
        let mut closed = self.door.closed.subscribe();
        let mut arrived = self.arrived.lock().await;
        let connection = tokio::select! {
            biased;
            _ = closed.wait_for(|closed| *closed) => None,
            connection = arrived.recv() => connection,
        };
        match connection {
            Some(connection) => Ok(Arc::new(connection)),
            None => {
                forget(&mut arrived);
                Err(TransportError::Ended { attempt: "accept a connection".to_owned() })
            }
        }
    }

    fn close(&self) {
        self.door.closed.send_replace(true);
        self.network.remove(self.id);
        // Whoever has it locked hears that it is closed and does the same.
        if let Ok(mut arrived) = self.arrived.try_lock() {
            forget(&mut arrived);
        }
    }
}

impl Drop for Libp2pListener {
    fn drop(&mut self) {
        self.close();
    }
}

/// Drops what nobody will take.
fn forget(arrived: &mut Receiver<Libp2pConnection>) {
    arrived.close();
    while arrived.try_recv().is_ok() {}
}

/// A connection that has arrived and proven who it is with.
pub(crate) struct Newcomer {
    pub(crate) link: Arc<Link>,
    pub(crate) arrivals: UnboundedReceiver<Arrival>,
    pub(crate) first: oneshot::Receiver<Knock>,
    pub(crate) door: Door,
    pub(crate) network: Network,
}

impl Newcomer {
    /// Sees what it wants, and lets it in or turns it away, in time.
    pub(crate) async fn meet(self, terms: Terms) {
        let link = Arc::clone(&self.link);
        let met = tokio::select! {
            met = timeout(terms.handshake_limit, self.admit(&terms)) => met,
            _ = link.ended() => return,
        };
        match met {
            Ok(Ok(None)) => watch_stranger(&link, &terms).await,
            Ok(Ok(Some(control))) => control.watch(link, terms.silence).await,
            Ok(Err(error)) => {
                tracing::debug!(peer = %link.peer(), %error, "a connection was not let in");
                link.hang_up();
            }
            // It may be here for something else, which ends by itself.
            Err(_) if terms.has_others => link.let_idle(),
            Err(_) => {
                tracing::debug!(peer = %link.peer(), "a dialler was too slow");
                link.hang_up();
            }
        }
    }

    /// Lets it in; gives what watches over it, if it speaks as a node.
    async fn admit(self, terms: &Terms) -> io::Result<Option<Control>> {
        match self.first.await {
            Err(_) => Err(io::Error::other("it is gone")),
            Ok(Knock::Stranger) => {
                let places = places(&self.link, &self.door, terms).map_err(io::Error::other)?;
                let handle = Arc::new(Handle::new(Arc::clone(&self.link), self.network));
                enter(handle, Other::Stranger, terms, self.arrivals, places);
                Ok(None)
            }
            Ok(Knock::Node(stream)) => {
                let mut control = Control::new(stream);
                if !control.hear().await? {
                    return Err(io::Error::other("it does not greet"));
                }
                match places(&self.link, &self.door, terms) {
                    Ok(places) => {
                        self.link.set_control();
                        let handle = Arc::new(Handle::new(Arc::clone(&self.link), self.network));
                        control.welcome().await?;
                        enter(handle, Other::Node, terms, self.arrivals, places);
                        Ok(Some(control))
                    }
                    Err(problem) => {
                        control.refuse(&problem).await?;
                        Err(io::Error::other(problem))
                    }
                }
            }
        }
    }
}

/// Hangs up on a stranger that has had no stream for as long as a node may be silent.
async fn watch_stranger(link: &Link, terms: &Terms) {
    let mut was_idle = false;
    loop {
        tokio::select! {
            _ = link.ended() => return,
            () = sleep(terms.silence) => {}
        }
        let is_idle = link.slots.available_permits() >= terms.slots();
        if is_idle && was_idle {
            link.end(Ending::Silent);
            return link.hang_up();
        }
        was_idle = is_idle;
    }
}

/// A place among the connections, and one among those that wait to be taken.
type Places = (Admitted, OwnedPermit<Libp2pConnection>);

fn places(link: &Link, door: &Door, terms: &Terms) -> Result<Places, String> {
    if door.is_closed() {
        return Err("nobody listens any more".to_owned());
    }
    let admitted = terms.admission.admit(link.peer())?;
    let place = door.queue.clone().try_reserve_owned();
    Ok((admitted, place.map_err(|_| "too many wait to be accepted".to_owned())?))
}

fn enter(
    handle: Arc<Handle>,
    other: Other,
    terms: &Terms,
    arrivals: UnboundedReceiver<Arrival>,
    (admitted, place): Places,
) {
    handle.link().admit(admitted);
    place.send(Libp2pConnection::new(handle, other, terms.streams_max, arrivals));
}
