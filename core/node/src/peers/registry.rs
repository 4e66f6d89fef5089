//! The nodes that are known, with what was heard of them and how dealing with them went. Nothing in it is proven
//! and nothing is durable: it says whom to ask first, and whoever is asked answers for itself.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use igor_core::transport::{Address, NodeId};
use igor_format::{Nanos, Price};

/// Addresses kept of one node: the first ones that are named.
const ADDRESSES_MAX: usize = 8;

/// A node that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Who it is.
    pub node: NodeId,
    /// Where it can be dialled, the best known place first.
    pub addresses: Vec<Address>,
    /// What it says that it charges; `None` if it was not heard.
    pub price: Option<Price>,
    /// The capabilities that it says it offers; `None` if it was not heard.
    pub capabilities: Option<Vec<String>>,
    /// When it last did what it was asked, by the clock of whoever records it; `None` if it never did.
    pub seen: Option<Nanos>,
    /// How often in a row it did not.
    pub failures: u32,
}

/// What is heard of a node; what is `None` or empty leaves that as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PeerNews {
    /// Where it can be dialled.
    pub addresses: Vec<Address>,
    /// What it charges.
    pub price: Option<Price>,
    /// The capabilities it offers.
    pub capabilities: Option<Vec<String>>,
    /// When it was heard from.
    pub seen: Option<Nanos>,
}

/// A node was not added, as there are as many as there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("add node {node}: {peers_max} nodes are known, which is all that are kept")]
pub struct PeersFull {
    /// The node.
    pub node: NodeId,
    /// How many are kept.
    pub peers_max: usize,
}

/// The nodes that are known, by who they are.
#[derive(Debug, Clone)]
pub struct Peers {
    peers_max: usize,
    peers: BTreeMap<NodeId, Peer>,
}

impl Peers {
    /// Nobody; at most `peers_max` can be added.
    pub const fn new(peers_max: usize) -> Self {
        Self { peers_max, peers: BTreeMap::new() }
    }

    /// Takes a node in, or what is new about one that is known.
    ///
    /// # Errors
    /// When it is a new one, and there are as many as there may be.
    pub fn add(&mut self, node: NodeId, news: PeerNews) -> Result<(), PeersFull> {
        let count = self.peers.len();
        let peer = match self.peers.entry(node) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(_) if count >= self.peers_max => {
                return Err(PeersFull { node, peers_max: self.peers_max });
            }
            Entry::Vacant(entry) => entry.insert(Peer::new(node)),
        };
        peer.learn(news);
        Ok(())
    }

    /// Forgets a node; says whether it was known.
    pub fn remove(&mut self, node: &NodeId) -> bool {
        self.peers.remove(node).is_some()
    }

    /// What is known of a node.
    pub fn get(&self, node: &NodeId) -> Option<&Peer> {
        self.peers.get(node)
    }

    /// All of them, in order of who they are.
    pub fn all(&self) -> impl Iterator<Item = &Peer> {
        self.peers.values()
    }

    /// Notes that a node did what it was asked. One that is not known stays so.
    pub fn succeeded(&mut self, node: &NodeId, now: Nanos) {
        if let Some(peer) = self.peers.get_mut(node) {
            (peer.failures, peer.seen) = (0, Some(now));
        }
    }

    /// Notes that a node did not do what it was asked. One that is not known stays so.
    pub fn failed(&mut self, node: &NodeId) {
        if let Some(peer) = self.peers.get_mut(node) {
            peer.failures = peer.failures.saturating_add(1);
        }
    }
}

impl Peer {
    const fn new(node: NodeId) -> Self {
        let addresses = Vec::new();
        Self { node, addresses, price: None, capabilities: None, seen: None, failures: 0 }
    }

    fn learn(&mut self, news: PeerNews) {
        let PeerNews { mut addresses, price, capabilities, seen } = news;
        if !addresses.is_empty() {
            addresses.truncate(ADDRESSES_MAX);
            self.addresses = addresses;
        }
        self.price = price.or(self.price);
        self.seen = seen.or(self.seen);
        if capabilities.is_some() {
            self.capabilities = capabilities;
        }
    }
}
