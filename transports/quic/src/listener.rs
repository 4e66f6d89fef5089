//! Where connections arrive: each handshake and greeting on its own and within a time limit, so that a slow
//! or silent dialler stalls nobody; what is admitted waits in a bounded queue to be taken.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use igor_core::Limits;
use igor_core::transport::{
    Address, Admission, Admitted, Connection, Listener, NodeId, TransportError,
};
use quinn::rustls::pki_types::CertificateDer;
use quinn::{Endpoint, Incoming};
use tokio::sync::mpsc::{self, OwnedPermit, Receiver, Sender};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::timeout;

use crate::code::{REFUSED, own};
use crate::connection::QuicConnection;
use crate::greeting;
use crate::tls::node_of;

/// What every connection that arrives is judged by.
#[derive(Clone)]
pub(crate) struct Terms {
    pub(crate) admission: Arc<Admission>,
    /// Handshakes with unproven addresses before diallers are asked to prove theirs.
    pub(crate) unvalidated_max: usize,
    /// Handshakes at once.
    pub(crate) handshakes_max: usize,
    pub(crate) streams_max: usize,
    pub(crate) handshake_limit: Duration,
}

impl Terms {
    pub(crate) fn new(admission: &Arc<Admission>, unvalidated_max: usize, limits: &Limits) -> Self {
        let count = |limit: u64| usize::try_from(limit).unwrap_or(usize::MAX);
        Self {
            admission: Arc::clone(admission),
            unvalidated_max,
            handshakes_max: count(limits.connections_max).max(unvalidated_max.saturating_add(1)),
            streams_max: count(limits.streams_max),
            handshake_limit: Duration::from_nanos(limits.handshake_ns_max),
        }
    }
}

/// A listener.
pub(crate) struct QuicListener {
    addresses: Vec<Address>,
    endpoint: Endpoint,
    arriving: AbortHandle,
    closed: watch::Sender<bool>,
    arrived: tokio::sync::Mutex<Receiver<QuicConnection>>,
}

impl QuicListener {
    pub(crate) fn new(
        endpoint: Endpoint,
        address: Address,
        terms: Terms,
        pending_max: usize,
    ) -> Self {
        let (queue, arrived) = mpsc::channel(pending_max.max(1));
        let arriving = tokio::spawn(take(endpoint.clone(), queue, terms)).abort_handle();
        Self {
            addresses: vec![address],
            endpoint,
            arriving,
            closed: watch::Sender::new(false),
            arrived: tokio::sync::Mutex::new(arrived),
        }
    }
}

#[async_trait]
impl Listener for QuicListener {
    fn addresses(&self) -> Vec<Address> {
        self.addresses.clone()
    }

    async fn accept(&self) -> Result<Arc<dyn Connection>, TransportError> {
        let mut closed = self.closed.subscribe();
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
        self.endpoint.set_server_config(None);
        self.arriving.abort();
        self.closed.send_replace(true);
        // Whoever has it locked hears that it is closed and does the same.
        if let Ok(mut arrived) = self.arrived.try_lock() {
            forget(&mut arrived);
        }
    }
}

impl Drop for QuicListener {
    fn drop(&mut self) {
        self.close();
    }
}

/// Drops what nobody will take.
fn forget(arrived: &mut Receiver<QuicConnection>) {
    arrived.close();
    while arrived.try_recv().is_ok() {}
}

/// Answers whoever knocks.
async fn take(endpoint: Endpoint, queue: Sender<QuicConnection>, terms: Terms) {
    let mut handshakes = JoinSet::new();
    loop {
        tokio::select! {
            incoming = endpoint.accept() => match incoming {
                Some(incoming) => {
                    let underway = handshakes.len();
                    if let Some(incoming) = let_in(incoming, underway, &terms) {
                        handshakes.spawn(shake_hands(incoming, queue.clone(), terms.clone()));
                    }
                }
                None => break,
            },
            Some(_) = handshakes.join_next() => {}
        }
    }
}

/// Turns away whom there is no room for, and asks for proof of an address when there are many without.
fn let_in(incoming: Incoming, underway: usize, terms: &Terms) -> Option<Incoming> {
    if terms.admission.is_full() || underway >= terms.handshakes_max {
        incoming.refuse();
        return None;
    }
    if !incoming.remote_address_validated() && underway >= terms.unvalidated_max {
        if let Err(error) = incoming.retry() {
            error.into_incoming().refuse();
        }
        return None;
    }
    Some(incoming)
}

async fn shake_hands(incoming: Incoming, queue: Sender<QuicConnection>, terms: Terms) {
    let limit = terms.handshake_limit;
    if timeout(limit, meet(incoming, queue, terms)).await.is_err() {
        tracing::debug!("a dialler was too slow");
    }
}

/// Proves, admits, welcomes. What fails on the way is the dialler's business; nobody here waits for it.
async fn meet(incoming: Incoming, queue: Sender<QuicConnection>, terms: Terms) {
    let from = incoming.remote_address();
    let connecting = match incoming.accept() {
        Ok(connecting) => connecting,
        Err(error) => return tracing::debug!(%from, %error, "a dialler was not answered"),
    };
    let connection = match connecting.await {
        Ok(connection) => connection,
        Err(error) => return tracing::debug!(%from, %error, "a handshake failed"),
    };
    let (admitted, place) = match admit(&connection, queue, &terms) {
        Ok(admitted) => admitted,
        Err(problem) => {
            tracing::debug!(%from, problem, "a connection was refused");
            connection.close(own(REFUSED), problem.as_bytes());
            return;
        }
    };
    let writer = match greeting::hear(&connection).await {
        Ok(writer) => writer,
        Err(_) => return tracing::debug!(%from, "a dialler did not greet"),
    };
    let name_limit = terms.handshake_limit;
    let taken = QuicConnection::new(connection, admitted, terms.streams_max, name_limit);
    if greeting::welcome(writer).await {
        place.send(taken);
    }
}

/// A place among the connections, and one among those that wait to be taken.
fn admit(
    connection: &quinn::Connection,
    queue: Sender<QuicConnection>,
    terms: &Terms,
) -> Result<(Admitted, OwnedPermit<QuicConnection>), String> {
    let peer = peer(connection).ok_or("no key was shown")?;
    let admitted = terms.admission.admit(peer)?;
    let place = queue.try_reserve_owned().map_err(|_| "too many wait to be accepted")?;
    Ok((admitted, place))
}

/// Who proved to be at the other end.
fn peer(connection: &quinn::Connection) -> Option<NodeId> {
    let shown = connection.peer_identity()?.downcast::<Vec<CertificateDer<'static>>>().ok()?;
    node_of(shown.first()?)
}
