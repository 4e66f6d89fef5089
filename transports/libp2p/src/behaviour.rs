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
    is_closed: bool,
    /// The connections that arrived there.
    served: HashSet<ConnectionId>,
}

impl Listening {
    /// Whether it can be taken down. With a listener for QUIC, all connections that arrived there are gone.
    fn is_over(&self) -> bool {
        self.is_closed && (self.carrier == Carrier::Tcp || self.served.is_empty())
    }

    /// Whether connections to `at` arrive here.
    fn is_at(&self, at: SocketAddr, carrier: Carrier) -> bool {
        let here = self.at;
        let host =
            here.ip() == at.ip() || (here.ip().is_unspecified() && here.is_ipv4() == at.is_ipv4());
        self.carrier == carrier && here.port() == at.port() && host
    }
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
        let (is_closed, served) = (false, HashSet::new());
        self.listening.push(Listening { id, at, carrier, door, is_closed, served });
    }

    /// Nobody is let in there any more.
    pub(crate) fn close(&mut self, id: ListenerId) {
        for listening in self.listening.iter_mut().filter(|listening| listening.id == id) {
            listening.is_closed = true;
        }
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

    /// Where the connection `id` to `at` is handed over.
    fn door(&mut self, id: ConnectionId, at: &Multiaddr) -> Option<Door> {
        let (at, carrier) = bound(at)?;
        let mut open = self.listening.iter_mut().filter(|listening| !listening.is_closed);
        let listening = open.find(|listening| listening.is_at(at, carrier))?;
        listening.served.insert(id);
        Some(listening.door.clone())
    }

    /// A connection is over.
    fn leave(&mut self, id: ConnectionId) -> Option<Arc<Link>> {
        self.arriving.remove(&id);
        self.dialled.remove(&id);
        for listening in &mut self.listening {
            listening.served.remove(&id);
        }
        self.links.remove(&id)
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
        let door = self.door(id, local).ok_or_else(|| ConnectionDenied::new(NoRoom))?;
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
                let Some(link) = self.leave(connection_id) else { return };
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
                self.leave(connection_id);
            }
            FromSwarm::DialFailure(failure) => {
                self.leave(failure.connection_id);
            }
            _ => {}
        }
    }

    fn on_connection_handler_event(&mut self, peer: PeerId, id: ConnectionId, _: HangUp) {
        self.hang_ups.push_back((peer, id));
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Infallible, Infallible>> {
        if let Some(over) = self.listening.iter().position(Listening::is_over) {
            let id = self.listening.swap_remove(over).id;
            return Poll::Ready(ToSwarm::RemoveListener { id });
        }
        match self.hang_ups.pop_front() {
            Some((peer_id, id)) => {
                let connection = CloseConnection::One(id);
                Poll::Ready(ToSwarm::CloseConnection { peer_id, connection })
            }
            None => Poll::Pending,
        }
    }
}
