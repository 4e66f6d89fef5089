//! What strangers send: handshakes that prove nothing, packets that are none, streams that say nothing. Each
//! must be refused, cost little, and leave the node to others. Who keeps to the protocol is the suite's.

#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test fails by panicking")]

mod handshakes;
mod impostors;
mod packets;
mod raw;
mod streams;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use igor_core::format::NodeKey;
use igor_core::transport::{Address, Connection, Listener};
use igor_core::{Limits, Transport};
use igor_transport_quic::{QuicConfig, QuicTransport};
use tokio::time::timeout;

/// How long anything that must happen may take.
const SOON: Duration = Duration::from_secs(20);

fn key(seed: u8) -> Arc<NodeKey> {
    Arc::new(NodeKey::from_seed(&[seed; 32]))
}

/// Limits under which nobody may be slow.
fn impatient() -> Limits {
    Limits { handshake_ns_max: 400_000_000, ..Limits::default() }
}

fn node(seed: u8, limits: &Limits) -> QuicTransport {
    QuicTransport::new(key(seed), &QuicConfig::default(), limits).unwrap()
}

/// A node that listens for strangers.
struct Host {
    listener: Box<dyn Listener>,
    address: Address,
    at: SocketAddr,
}

impl Host {
    async fn new(limits: &Limits) -> Self {
        let node = node(1, limits);
        let listener = node.listen(&node.any_address()).await.unwrap();
        let address = listener.addresses().remove(0);
        let at = address.parts("quic").unwrap().place.parse().unwrap();
        Self { listener, address, at }
    }

    async fn accept(&self) -> Arc<dyn Connection> {
        soon(self.listener.accept()).await.unwrap()
    }

    /// That a node that keeps to the protocol is served, and that nobody else was let in before it.
    async fn assert_serves(&self, seed: u8) {
        let friend = node(seed, &Limits::default());
        let connected = soon(friend.connect(&self.address)).await;
        let accepted = self.accept().await;
        assert_eq!(accepted.peer(), friend.local(), "somebody else was let in");
        drop(connected.unwrap());
    }
}

/// What must come about.
async fn soon<T>(future: impl Future<Output = T>) -> T {
    timeout(SOON, future).await.expect("it takes too long")
}
