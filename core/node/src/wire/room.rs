//! Room for what arrives from other nodes: how many bytes of it a node keeps altogether, and how many of one
//! node's, so that nobody's streams take the room of everybody. It counts bytes and keeps none; whoever keeps
//! some has a [`Place`] for them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use igor_core::Limits;
use igor_core::transport::NodeId;

/// There is no room for what is to be kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoRoom {
    /// The node itself has as much here as one may.
    #[error(
        "there is no room for {more} bytes more of this node: {kept} are kept, of {max} for one node"
    )]
    OfPeer {
        /// How many were to be kept more.
        more: u64,
        /// How many of this node are kept.
        kept: u64,
        /// The limit.
        max: u64,
    },
    /// All nodes together have as much here as they may.
    #[error("there is no room for {more} bytes more: {kept} are kept, of {max} for all nodes")]
    OfAll {
        /// How many were to be kept more.
        more: u64,
        /// How many are kept.
        kept: u64,
        /// The limit.
        max: u64,
    },
}

/// The room of a node.
#[derive(Debug)]
pub struct Room {
    max: u64,
    per_peer_max: u64,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    all: u64,
    peers: HashMap<NodeId, u64>,
}

impl Room {
    /// As much as these limits say.
    pub fn new(limits: &Limits) -> Arc<Self> {
        let (max, per_peer_max) = (limits.inbound_bytes_max, limits.inbound_bytes_per_peer_max);
        Arc::new(Self { max, per_peer_max, kept: Mutex::default() })
    }

    /// A place of no bytes for what arrives from `peer`.
    pub fn place(self: &Arc<Self>, peer: NodeId) -> Place {
        Place { room: Arc::clone(self), peer, bytes: 0 }
    }

    /// The bytes that are kept of all nodes.
    pub fn kept(&self) -> u64 {
        self.lock().all
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, peer: NodeId, more: u64) -> Result<(), NoRoom> {
        let mut kept = self.lock();
        let of_peer = kept.peers.get(&peer).copied().unwrap_or_default();
        let (of_peer_then, all_then) =
            (of_peer.saturating_add(more), kept.all.saturating_add(more));
        if of_peer_then > self.per_peer_max {
            return Err(NoRoom::OfPeer { more, kept: of_peer, max: self.per_peer_max });
        }
        if all_then > self.max {
            return Err(NoRoom::OfAll { more, kept: kept.all, max: self.max });
        }
        kept.all = all_then;
        kept.peers.insert(peer, of_peer_then);
        Ok(())
    }

    fn give_back(&self, peer: NodeId, less: u64) {
        let mut kept = self.lock();
        kept.all = kept.all.saturating_sub(less);
        let of_peer = kept.peers.get(&peer).copied().unwrap_or_default().saturating_sub(less);
        if of_peer == 0 {
            kept.peers.remove(&peer);
        } else {
            kept.peers.insert(peer, of_peer);
        }
    }
}

/// A place in a node's room. What it takes is given back when it is dropped.
#[derive(Debug)]
pub struct Place {
    room: Arc<Room>,
    peer: NodeId,
    bytes: u64,
}

impl Place {
    /// Makes it as large as this; smaller always succeeds.
    ///
    /// # Errors
    /// [`NoRoom`]; it is as large as before then.
    pub fn resize(&mut self, bytes: u64) -> Result<(), NoRoom> {
        if bytes > self.bytes {
            self.room.add(self.peer, bytes.saturating_sub(self.bytes))?;
        } else if bytes < self.bytes {
            self.room.give_back(self.peer, self.bytes.saturating_sub(bytes));
        }
        self.bytes = bytes;
        Ok(())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.room.give_back(self.peer, self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: NodeId = NodeId([1; 32]);
    const OTHER: NodeId = NodeId([2; 32]);
    const THIRD: NodeId = NodeId([3; 32]);

    fn room() -> Arc<Room> {
        let limits =
            Limits { inbound_bytes_max: 100, inbound_bytes_per_peer_max: 60, ..Limits::default() };
        Room::new(&limits)
    }

    #[test]
    fn one_node_takes_its_share_and_others_go_on() {
        let room = room();
        let (mut first, mut second) = (room.place(ONE), room.place(ONE));
        assert_eq!(first.resize(40), Ok(()));
        assert_eq!(second.resize(20), Ok(()));
        for (bytes, more) in [(21, 1), (20 + 60_000, 60_000), (u64::MAX, u64::MAX - 20)] {
            assert_eq!(second.resize(bytes), Err(NoRoom::OfPeer { more, kept: 60, max: 60 }));
        }
        let mut other = room.place(OTHER);
        assert_eq!(other.resize(40), Ok(()));
        assert_eq!(other.resize(41), Err(NoRoom::OfAll { more: 1, kept: 100, max: 100 }));
        assert_eq!(first.resize(30), Ok(()));
        assert_eq!(other.resize(50), Ok(()));
    }

    #[test]
    fn what_is_dropped_is_given_back() {
        let room = room();
        for _ in 0..1_000 {
            let mut places: Vec<_> =
                [ONE, OTHER, THIRD].map(|peer| room.place(peer)).into_iter().collect();
            for place in &mut places {
                assert_eq!(place.resize(33), Ok(()));
            }
            assert_eq!(room.kept(), 99);
        }
        assert_eq!(room.kept(), 0);
        assert!(room.lock().peers.is_empty(), "nobody is remembered who has nothing here");
    }
}
