//! What libp2p's machinery asks about every connection: whether there is room for it, who is at the other end,
//! and what serves it. It opens and accepts no streams.

use std::collections::{HashMap, HashSet, VecDeque};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};

use igor_core::transport::CloseCode;
use libp2p_core::transport::{ListenerId, PortUse};
use libp2p_core::{Endpoint, Multiaddr, PeerId};
use libp2p_swarm::behaviour::{ConnectionClosed, ListenFailure};
use libp2p_swarm::{
    CloseConnection, ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, ToSwarm,
};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::oneshot;

use crate::address::{Carrier, bound};
use crate::handler::{Handler, HangUp};
use crate::identity::proven;
use crate::link::{Arrival, Ending, Link, NewLink};
use crate::listener::{Door, Newcomer, Terms};
use crate::network::WeakNetwork;

/// There is no room for a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NoRoom;

impl std::fmt::Display for NoRoom {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("there is no room for another connection")
    }
}

impl std::error::Error for NoRoom {}

/// A connection that was dialled. It is hung up unless whoever dialled takes it.
pub(crate) struct Dialled {
    link: Arc<Link>,
    arrivals: Option<UnboundedReceiver<Arrival>>,
}

impl Dialled {
    /// Takes it into use.
    pub(crate) fn take(mut self) -> Option<(Arc<Link>, UnboundedReceiver<Arrival>)> {
        Some((Arc::clone(&self.link), self.arrivals.take()?))
    }
}

impl Dialled {
    /// Leaves it to libp2p.
    pub(crate) fn let_idle(mut self) {
        self.arrivals = None;
        self.link.let_idle();
    }
}

impl Drop for Dialled {
    fn drop(&mut self) {
        if self.arrivals.is_some() {
            self.link.hang_up();
        }
    }
}

/// A listener's place, as connections name it.
struct Listening {
    id: ListenerId,
    at: SocketAddr,
    carrier: Carrier,
    door: Door,
}

/// The connections of a node.
pub(crate) struct Behaviour {
    terms: Terms,
    network: WeakNetwork,
    listening: Vec<Listening>,
    /// Those whose handshake is under way.
    arriving: HashSet<ConnectionId>,
    links: HashMap<ConnectionId, Arc<Link>>,
    dialled: HashMap<ConnectionId, Dialled>,
    hang_ups: VecDeque<(PeerId, ConnectionId)>,
}

impl Behaviour {
    pub(crate) fn new(terms: Terms, network: WeakNetwork) -> Self {
        Self {
            terms,
            network,
            listening: Vec::new(),
            arriving: HashSet::new(),
            links: HashMap::new(),
            dialled: HashMap::new(),
            hang_ups: VecDeque::new(),
        }
    }

    /// Connections to `at` are handed over at `door`.
    pub(crate) fn listen(&mut self, id: ListenerId, at: SocketAddr, carrier: Carrier, door: Door) {
        self.listening.push(Listening { id, at, carrier, door });
    }

    /// A listener is gone.
    pub(crate) fn forget(&mut self, id: ListenerId) {
        self.listening.retain(|listening| listening.id != id);
    }

    /// Takes a connection that was dialled.
    pub(crate) fn take(&mut self, id: ConnectionId) -> Option<Dialled> {
        self.dialled.remove(&id)
    }

    fn has_room(&self) -> bool {
        let memory = self.terms.memory_bytes_max.is_none_or(|max| {
            let used = memory_stats::memory_stats().map_or(0, |memory| memory.physical_mem);
            u64::try_from(used).is_ok_and(|used| used <= max)
        });
        // Those that are not let in are told so, and need room until they have heard it.
        let links_max = self.terms.connections_max.saturating_add(self.terms.handshakes_max);
        memory && self.arriving.len() < self.terms.handshakes_max && self.links.len() < links_max
    }

    /// Where a connection to `at` is handed over.
    fn door(&self, at: &Multiaddr) -> Option<&Door> {
        let (at, carrier) = bound(at)?;
        let fits = |listening: &&Listening| {
            let here = listening.at;
            let host = here.ip() == at.ip()
                || (here.ip().is_unspecified() && here.is_ipv4() == at.is_ipv4());
            listening.carrier == carrier && here.port() == at.port() && host
        };
        self.listening.iter().find(fits).map(|listening| &listening.door)
    }
}

impl NetworkBehaviour for Behaviour {
    type ConnectionHandler = Handler;
    type ToSwarm = Infallible;

    fn handle_pending_inbound_connection(
        &mut self,
        id: ConnectionId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<(), ConnectionDenied> {
        if !self.has_room() {
            return Err(ConnectionDenied::new(NoRoom));
        }
        self.arriving.insert(id);
        Ok(())
    }

    fn handle_established_inbound_connection(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        local: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<Handler, ConnectionDenied> {
        self.arriving.remove(&id);
        let node = proven(&peer).map_err(ConnectionDenied::new)?;
        let door = self.door(local).ok_or_else(|| ConnectionDenied::new(NoRoom))?.clone();
        let network = self.network.upgrade().ok_or_else(|| ConnectionDenied::new(NoRoom))?;
        let NewLink { link, wants, arrivals } = Link::begin(node, self.terms.slots());
        let (knock, first) = oneshot::channel();
        let newcomer = Newcomer { link: Arc::clone(&link), arrivals, first, door, network };
        tokio::spawn(newcomer.meet(self.terms.clone()));
        self.links.insert(id, Arc::clone(&link));
        Ok(Handler::new(link, wants, Some(knock), self.terms.handshake_limit))
    }

    fn handle_established_outbound_connection(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<Handler, ConnectionDenied> {
        let node = proven(&peer).map_err(ConnectionDenied::new)?;
        let NewLink { link, wants, arrivals } = Link::begin(node, self.terms.slots());
        self.links.insert(id, Arc::clone(&link));
        let dialled = Dialled { link: Arc::clone(&link), arrivals: Some(arrivals) };
        self.dialled.insert(id, dialled);
        Ok(Handler::new(link, wants, None, self.terms.handshake_limit))
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match event {
            FromSwarm::ConnectionClosed(ConnectionClosed { connection_id, cause, .. }) => {
                self.dialled.remove(&connection_id);
                let Some(link) = self.links.remove(&connection_id) else { return };
                let lost = cause.map_or_else(
                    || "the connection is gone".to_owned(),
                    |cause| format!("the connection is gone: {cause}"),
                );
                link.end_all(match link.has_control() {
                    true => Ending::Lost(lost),
                    // A stranger has no other way to close it.
                    false => Ending::Closed(CloseCode::default()),
                });
            }
            FromSwarm::ListenFailure(ListenFailure { connection_id, .. }) => {
                self.arriving.remove(&connection_id);
                self.links.remove(&connection_id);
            }
            FromSwarm::DialFailure(failure) => {
                self.links.remove(&failure.connection_id);
                self.dialled.remove(&failure.connection_id);
            }
            _ => {}
        }
    }

    fn on_connection_handler_event(&mut self, peer: PeerId, id: ConnectionId, _: HangUp) {
        self.hang_ups.push_back((peer, id));
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Infallible, Infallible>> {
        match self.hang_ups.pop_front() {
            Some((peer_id, id)) => {
                let connection = CloseConnection::One(id);
                Poll::Ready(ToSwarm::CloseConnection { peer_id, connection })
            }
            None => Poll::Pending,
        }
    }
}
