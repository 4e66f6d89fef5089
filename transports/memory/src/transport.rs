//! The transport: who may listen where, and how one node reaches another. Nothing here waits; whoever is
//! not there at once is not there.

use std::io;
use std::sync::Arc;

use async_trait::async_trait;
use igor_core::Limits;
use igor_core::format::NodeKey;
use igor_core::transport::{
    Address, Admission, Connection, Listener, NodeId, Transport, TransportError,
};

use crate::NAME;
use crate::connection::{MemoryConnection, Shared};
use crate::listener::{Door, MemoryListener};
use crate::network::Network;
use crate::state::End;

/// The place that stands for one that nobody uses.
const ANYWHERE: &str = "*";

/// A node's access to a network.
pub struct MemoryTransport {
    network: Network,
    local: NodeId,
    buffer_bytes: usize,
    limits: Limits,
    admission: Arc<Admission>,
}

impl MemoryTransport {
    /// The access of the node that has `key`: having it here is the proof. `buffer_bytes` is what one
    /// direction of a stream holds before its writer waits.
    pub fn new(network: &Network, key: &NodeKey, buffer_bytes: usize, limits: &Limits) -> Self {
        Self {
            network: network.clone(),
            local: NodeId::of(&key.public_key()),
            buffer_bytes: buffer_bytes.max(1),
            limits: limits.clone(),
            admission: Admission::new(limits),
        }
    }

    fn reach(&self, place: &str, node: NodeId) -> Result<MemoryConnection, TransportError> {
        let attempt = || format!("connect to {place}");
        let refused = |problem| TransportError::Refused { attempt: attempt(), problem };
        let Some(door) = self.network.find(place) else {
            let source = io::Error::new(io::ErrorKind::ConnectionRefused, "nobody listens there");
            return Err(TransportError::Io { attempt: attempt(), source });
        };
        if door.local != node {
            return Err(TransportError::WrongPeer { expected: node, found: door.local });
        }
        let here = self.admission.admit(node).map_err(refused)?;
        let full = |problem| refused(format!("refused by the peer: {problem}"));
        if !door.has_room() {
            return Err(full("too many wait to be accepted".to_owned()));
        }
        let there = door.admission.admit(self.local).map_err(full)?;
        let shared = Shared::new([here, there], self.buffer_bytes, &self.limits);
        let dialled = MemoryConnection::new(Arc::clone(&shared), End::Dialler, node);
        let arrived = MemoryConnection::new(shared, End::Listener, self.local);
        let left = door.leave(arrived);
        left.map_err(|_| full("too many wait to be accepted".to_owned()))?;
        Ok(dialled)
    }
}

#[async_trait]
impl Transport for MemoryTransport {
    fn local(&self) -> NodeId {
        self.local
    }

    fn any_address(&self) -> Address {
        Address(format!("{NAME}://{ANYWHERE}"))
    }

    fn named(&self, address: &Address) -> Result<NodeId, TransportError> {
        address.peer(NAME).map(|(_, node)| node)
    }

    async fn listen(&self, address: &Address) -> Result<Box<dyn Listener>, TransportError> {
        let place = match address.own(NAME, self.local)? {
            ANYWHERE => self.network.unused(),
            place => place.to_owned(),
        };
        let pending_max = usize::try_from(self.limits.connections_pending_max);
        let admission = Arc::clone(&self.admission);
        let door = Door::new(self.local, admission, pending_max.unwrap_or(usize::MAX));
        if !self.network.put(&place, &door) {
            let source = io::Error::new(io::ErrorKind::AddrInUse, "someone listens there");
            return Err(TransportError::Io { attempt: format!("listen at {place}"), source });
        }
        Ok(Box::new(MemoryListener { network: self.network.clone(), place, door }))
    }

    async fn connect(&self, address: &Address) -> Result<Arc<dyn Connection>, TransportError> {
        let (place, node) = address.peer(NAME)?;
        if place == ANYWHERE {
            return Err(address.refuse("stands for a free place, where nobody is"));
        }
        Ok(Arc::new(self.reach(place, node)?))
    }
}
