//! The transport: listens and dials. A dialler has a connection when it has seen the other's proof and has
//! been welcomed.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use igor_core::Limits;
use igor_core::format::NodeKey;
use igor_core::plugin::BuildError;
use igor_core::transport::{
    Address, Admission, Admitted, Connection, Listener, NodeId, Transport, TransportError,
};
use tokio::net::lookup_host;
use tokio::time::timeout;

use crate::NAME;
use crate::code;
use crate::config::QuicConfig;
use crate::connection::QuicConnection;
use crate::endpoint::Endpoints;
use crate::greeting::{self, Unwelcome};
use crate::listener::{QuicListener, Terms};
use crate::place::{self, Place};

/// What TLS calls the other end; nobody looks at it.
const SERVER_NAME: &str = "igor";

/// A node's access to others over QUIC.
pub struct QuicTransport {
    local: NodeId,
    config: QuicConfig,
    limits: Limits,
    admission: Arc<Admission>,
    endpoints: Endpoints,
}

impl QuicTransport {
    /// The access of the node that has `key`. Sockets are opened by its calls, which need a tokio runtime.
    ///
    /// # Errors
    /// When the cryptography that is linked does not do what is needed.
    pub fn new(
        key: Arc<NodeKey>,
        config: &QuicConfig,
        limits: &Limits,
    ) -> Result<Self, BuildError> {
        let local = NodeId::of(&key.public_key());
        let endpoints = Endpoints::new(key, config, limits)
            .map_err(|problem| BuildError::Failed { plugin: NAME, problem: problem.to_string() })?;
        Ok(Self {
            local,
            config: config.clone(),
            limits: limits.clone(),
            admission: Admission::new(limits),
            endpoints,
        })
    }

    /// Reaches `node` at one address.
    async fn reach(
        &self,
        at: SocketAddr,
        node: NodeId,
    ) -> Result<quinn::Connection, TransportError> {
        let attempt = format!("connect to {at}");
        let io = |source| TransportError::Io { attempt: attempt.clone(), source };
        let found = Arc::new(OnceLock::new());
        let client = self.endpoints.client(node, &found);
        let client = client.map_err(|error| io(io::Error::other(error.to_string())))?;
        let endpoint = self.endpoints.dialling(at).map_err(io)?;
        let connecting = endpoint.connect_with(client, at, SERVER_NAME);
        let connecting = connecting.map_err(|error| io(io::Error::other(error)))?;
        let meeting = async {
            let connection = connecting.await?;
            greeting::greet(&connection).await?;
            Ok::<_, Unwelcome>(connection)
        };
        let limit = Duration::from_nanos(self.limits.handshake_ns_max);
        match timeout(limit, meeting).await {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(unwelcome)) => Err(match (found.get(), unwelcome) {
                (Some(found), _) => TransportError::WrongPeer { expected: node, found: *found },
                (None, Unwelcome::Gone(error)) => code::connection(&attempt, &error),
                (None, Unwelcome::Misbehaved) => {
                    let problem = "the peer did not welcome the connection".to_owned();
                    TransportError::Unproven { attempt, problem }
                }
            }),
            Err(_) => Err(TransportError::TimedOut { attempt }),
        }
    }

    fn take(&self, connection: quinn::Connection, admitted: Admitted) -> QuicConnection {
        let streams_max = usize::try_from(self.limits.streams_max).unwrap_or(usize::MAX);
        let name_limit = Duration::from_nanos(self.limits.handshake_ns_max);
        QuicConnection::new(connection, admitted, streams_max, name_limit)
    }
}

/// That there is a runtime; without one, sockets and timers panic.
fn runtime(attempt: &Address) -> Result<(), TransportError> {
    let found = tokio::runtime::Handle::try_current();
    found.map(drop).map_err(|error| TransportError::Io {
        attempt: format!("use {attempt}"),
        source: io::Error::other(error),
    })
}

/// The addresses of a place.
async fn look_up(place: &Place) -> Result<Vec<SocketAddr>, TransportError> {
    let attempt = || format!("look up {}", place.host);
    let found = lookup_host((place.host.as_str(), place.port)).await;
    let found = found.map_err(|source| TransportError::Io { attempt: attempt(), source })?;
    let found: Vec<_> = found.collect();
    if found.is_empty() {
        let source = io::Error::new(io::ErrorKind::NotFound, "it has no address");
        return Err(TransportError::Io { attempt: attempt(), source });
    }
    Ok(found)
}

#[async_trait]
impl Transport for QuicTransport {
    fn local(&self) -> NodeId {
        self.local
    }

    fn any_address(&self) -> Address {
        Address(format!("{NAME}://127.0.0.1:0"))
    }

    fn named(&self, address: &Address) -> Result<NodeId, TransportError> {
        address.peer(NAME).map(|(_, node)| node)
    }

    async fn listen(&self, address: &Address) -> Result<Box<dyn Listener>, TransportError> {
        let place = address.own(NAME, self.local)?;
        let place = Place::parse(place).map_err(|problem| address.refuse(problem))?;
        let io = |source| TransportError::Io { attempt: format!("listen at {address}"), source };
        runtime(address)?;
        let mut failed = io::Error::other("nothing was tried");
        for at in look_up(&place).await? {
            match self.endpoints.listening(at) {
                Ok(endpoint) => {
                    let bound = endpoint.local_addr().map_err(io)?;
                    let dialled = place::dialled(bound, self.config.advertise.as_deref());
                    let address = Address::of(NAME, &dialled, self.local);
                    let unvalidated_max = self.config.unvalidated_max;
                    let terms = Terms::new(&self.admission, unvalidated_max, &self.limits);
                    let pending_max = usize::try_from(self.limits.connections_pending_max);
                    let pending_max = pending_max.unwrap_or(usize::MAX);
                    return Ok(Box::new(QuicListener::new(endpoint, address, terms, pending_max)));
                }
                Err(error) => failed = error,
            }
        }
        Err(io(failed))
    }

    async fn connect(&self, address: &Address) -> Result<Arc<dyn Connection>, TransportError> {
        let (place, node) = address.peer(NAME)?;
        let place = Place::parse(place).map_err(|problem| address.refuse(problem))?;
        if place.port == 0 {
            return Err(address.refuse("names port 0, where nobody is"));
        }
        runtime(address)?;
        let refused =
            |problem| TransportError::Refused { attempt: format!("connect to {node}"), problem };
        let admitted = self.admission.admit(node).map_err(refused)?;
        let mut failed = None;
        for at in look_up(&place).await? {
            match self.reach(at, node).await {
                Ok(connection) => return Ok(Arc::new(self.take(connection, admitted))),
                Err(error) => failed = Some(error),
            }
        }
        let attempt = format!("connect to {address}");
        Err(failed.unwrap_or(TransportError::TimedOut { attempt }))
    }
}
