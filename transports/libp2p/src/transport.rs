//! The transport: listens and dials. A dialler has a connection when it has seen the other's proof and, if that
//! is a node, has been welcomed.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use igor_core::Limits;
use igor_core::format::NodeKey;
use igor_core::plugin::BuildError;
use igor_core::transport::{
    Address, Admission, Connection, Listener, NodeId, Transport, TransportError,
};
use libp2p_core::{Multiaddr, PeerId};
use tokio::net::lookup_host;
use tokio::time::timeout;

use crate::NAME;
use crate::address::{self, Carrier, Host, Parts, Place};
use crate::config::Libp2pConfig;
use crate::connection::{Handle, Libp2pConnection, Other};
use crate::control::{Answer, Control};
use crate::link::{Link, NotOpened};
use crate::listener::{Door, Libp2pListener, Terms};
use crate::network::Network;
use crate::protocol;
use crate::swarm;
use crate::{discovery, failure};

/// A node's access to others over libp2p.
pub struct Libp2pTransport {
    key: Arc<NodeKey>,
    local: NodeId,
    peer: PeerId,
    config: Libp2pConfig,
    terms: Terms,
    pending_max: usize,
    network: Mutex<Option<Network>>,
}

impl Libp2pTransport {
    /// The access of the node that has `key`. Sockets are opened by its calls, which need a tokio runtime.
    ///
    /// # Errors
    /// When the key is no node's.
    pub fn new(
        key: Arc<NodeKey>,
        config: &Libp2pConfig,
        limits: &Limits,
    ) -> Result<Self, BuildError> {
        let local = NodeId::of(&key.public_key());
        let failed = |problem| BuildError::Failed { plugin: NAME, problem };
        let mut terms = Terms::new(&Admission::new(limits), limits);
        terms.memory_bytes_max = config.memory_bytes_max;
        terms.has_others = config.kad;
        Ok(Self {
            key,
            local,
            peer: swarm::local(&local).map_err(failed)?,
            config: config.clone(),
            terms,
            pending_max: usize::try_from(limits.connections_pending_max).unwrap_or(usize::MAX),
            network: Mutex::default(),
        })
    }

    /// The network, which is started by the first call that needs it.
    fn network(&self, attempt: &str) -> Result<Network, TransportError> {
        let io = |source| TransportError::Io { attempt: attempt.to_owned(), source };
        // Without a runtime, sockets and timers panic.
        tokio::runtime::Handle::try_current().map_err(|error| io(io::Error::other(error)))?;
        let mut network = self.network.lock().unwrap_or_else(PoisonError::into_inner);
        match &*network {
            Some(running) if !running.is_gone() => Ok(running.clone()),
            _ => {
                let started = Network::start(self.terms.clone(), |nodes| {
                    swarm::swarm(&self.key, &self.config, &self.terms, nodes)
                });
                let started = started.map_err(|problem| io(io::Error::other(problem)))?;
                Ok(network.insert(started).clone())
            }
        }
    }

    /// Whether the configuration lets this carrier be used.
    fn allow(&self, address: &Address, place: &Place) -> Result<(), TransportError> {
        match place.carrier {
            Carrier::Quic if !self.config.quic => {
                Err(address.refuse("is for QUIC, which quic = true switches on"))
            }
            _ => Ok(()),
        }
    }

    /// Where to dial, nowhere if the node is to be looked for.
    async fn places(
        &self,
        address: &Address,
        place: Option<Place>,
    ) -> Result<Vec<Multiaddr>, TransportError> {
        let Some(place) = place else {
            let looks = discovery::is_wanted(&self.config);
            return if looks { Ok(Vec::new()) } else { Err(address.refuse("names no place")) };
        };
        if place.port == 0 {
            return Err(address.refuse("names port 0, where nobody is"));
        }
        self.allow(address, &place)?;
        let found = look_up(&place).await?.into_iter();
        Ok(found.map(|at| address::multiaddr(at, place.carrier)).collect())
    }

    /// Asks to be admitted; a peer that does not know the question needs no admission.
    async fn greet(&self, link: &Arc<Link>) -> Result<Other, TransportError> {
        let attempt = format!("connect to {}", link.peer());
        let refused = |problem: &str| TransportError::Refused {
            attempt: attempt.clone(),
            problem: problem.to_owned(),
        };
        let stream = match link.request(protocol::CONNECTION).await {
            Ok(stream) => stream,
            Err(NotOpened::Unknown) => return Ok(Other::Stranger),
            Err(NotOpened::Slow) => return Err(TransportError::TimedOut { attempt }),
            Err(NotOpened::Gone(_)) => {
                return Err(refused("the peer hung up before it welcomed the connection"));
            }
        };
        let mut control = Control::new(stream);
        match control.greet().await {
            Ok(Answer::Welcome) => {
                link.set_control();
                tokio::spawn(control.watch(Arc::clone(link), self.terms.silence));
                Ok(Other::Node)
            }
            Ok(Answer::Refused(reason)) => Err(refused(&format!("refused by the peer: {reason}"))),
            Ok(Answer::Nonsense) => {
                let problem = "the peer did not welcome the connection".to_owned();
                Err(TransportError::Unproven { attempt, problem })
            }
            Err(_) => Err(refused("the peer hung up before it welcomed the connection")),
        }
    }
}

/// The sockets of a place.
async fn look_up(place: &Place) -> Result<Vec<SocketAddr>, TransportError> {
    let (name, family) = match &place.host {
        Host::Ip(ip) => return Ok(vec![SocketAddr::new(*ip, place.port)]),
        Host::Name(name, family) => (name, *family),
    };
    let failed = |source| TransportError::Io { attempt: format!("look up {name}"), source };
    let found = lookup_host((name.as_str(), place.port)).await.map_err(failed)?;
    let found: Vec<_> = found.filter(|at| family.admits(at.ip())).collect();
    if found.is_empty() {
        return Err(failed(io::Error::new(io::ErrorKind::NotFound, "it has no such address")));
    }
    Ok(found)
}

#[async_trait]
impl Transport for Libp2pTransport {
    fn local(&self) -> NodeId {
        self.local
    }

    fn any_address(&self) -> Address {
        Address("/ip4/127.0.0.1/tcp/0".to_owned())
    }

    fn named(&self, address: &Address) -> Result<NodeId, TransportError> {
        let Parts { node, .. } = address::parse(address)?;
        node.ok_or_else(|| address.refuse("does not name the identity, as in /p2p/…"))
    }

    async fn listen(&self, address: &Address) -> Result<Box<dyn Listener>, TransportError> {
        let Parts { place, node } = address::parse(address)?;
        let place = place.ok_or_else(|| address.refuse("names no place"))?;
        if node.is_some_and(|node| node != self.local) {
            return Err(address.refuse("names another node than this one"));
        }
        self.allow(address, &place)?;
        let attempt = format!("listen at {address}");
        let advertise = self.config.advertise.as_deref();
        let network = self.network(&attempt)?;
        let mut failed = io::Error::other("nothing was tried");
        for at in look_up(&place).await? {
            let (door, arrived) = Door::new(self.pending_max);
            let multiaddr = address::multiaddr(at, place.carrier);
            let told = advertise.and_then(|host| host.parse().ok());
            match network.listen(multiaddr, told, door.clone()).await {
                Ok((id, at, carrier)) => {
                    return Ok(Box::new(Libp2pListener {
                        address: address::dialled(at, carrier, advertise, self.peer),
                        id,
                        network,
                        door,
                        arrived: tokio::sync::Mutex::new(arrived),
                    }));
                }
                Err(error) => failed = error,
            }
        }
        Err(TransportError::Io { attempt, source: failed })
    }

    async fn connect(&self, address: &Address) -> Result<Arc<dyn Connection>, TransportError> {
        let Parts { place, node } = address::parse(address)?;
        let node =
            node.ok_or_else(|| address.refuse("does not name the identity, as in /p2p/…"))?;
        let peer = address::peer_of(&node).ok_or_else(|| address.refuse("names nobody"))?;
        let found = self.places(address, place).await?;
        let attempt = format!("connect to {address}");
        let network = self.network(&attempt)?;
        let refused =
            |problem| TransportError::Refused { attempt: format!("connect to {node}"), problem };
        let admitted = self.terms.admission.admit(node).map_err(refused)?;
        let meeting = async {
            let dialled = network.dial(peer, found).await;
            let dialled = dialled.map_err(|error| failure::dial(&attempt, node, error))?;
            let gone = || TransportError::TimedOut { attempt: attempt.clone() };
            let (link, arrivals) = dialled.take().ok_or_else(gone)?;
            // From here on it is closed if this future is dropped.
            let handle = Arc::new(Handle::new(Arc::clone(&link), network.clone()));
            let other = self.greet(&link).await?;
            link.admit(admitted);
            Ok(Libp2pConnection::new(handle, other, self.terms.streams_max, arrivals))
        };
        match timeout(self.terms.handshake_limit, meeting).await {
            Ok(connected) => Ok(Arc::new(connected?)),
            Err(_) => Err(TransportError::TimedOut { attempt }),
        }
    }
}
