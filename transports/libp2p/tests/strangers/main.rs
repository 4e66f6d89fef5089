//! What strangers send: handshakes that prove nothing, bytes that are none, streams that say nothing. Each must
//! be refused, cost little, and leave the node to others. Who keeps to the protocol is the suite's.

#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test fails by panicking")]

mod connections;
mod handshakes;
mod impostors;
mod noise;
mod plain;
mod raw;
mod socket;
mod streams;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use igor_core::format::NodeKey;
use igor_core::transport::{Address, Connection, Listener, NodeId};
use igor_core::{Limits, Transport};
use igor_transport_libp2p::{Libp2pConfig, Libp2pTransport};
use libp2p_core::PeerId;
use tokio::time::timeout;

/// How long anything that must happen may take.
const SOON: Duration = Duration::from_secs(20);

/// Limits under which nobody may be slow.
fn impatient() -> Limits {
    Limits { handshake_ns_max: 400_000_000, ..Limits::default() }
}

fn key(seed: u8) -> Arc<NodeKey> {
    Arc::new(NodeKey::from_seed(&[seed; 32]))
}

fn node(seed: u8, limits: &Limits) -> Libp2pTransport {
    Libp2pTransport::new(key(seed), &Libp2pConfig::default(), limits).unwrap()
}

/// The address of `node` at a port of this machine.
fn address(at: SocketAddr, node: NodeId) -> Address {
    let bytes = [&[0x00, 0x24, 0x08, 0x01, 0x12, 0x20][..], &node.0[..]].concat();
    let peer = PeerId::from_bytes(&bytes).unwrap();
    Address(format!("/ip4/{}/tcp/{}/p2p/{peer}", at.ip(), at.port()))
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
        let port = address.0.split('/').nth(4).unwrap().parse().unwrap();
        Self { listener, address, at: SocketAddr::from((Ipv4Addr::LOCALHOST, port)) }
    }

    async fn accept(&self) -> Arc<dyn Connection> {
        soon(self.listener.accept()).await.unwrap()
    }

    /// That a node that keeps to the protocol is served, and that nobody else was let in before it.
    async fn assert_serves(&self, seed: u8) {
        let friend = node(seed, &Limits::default());
        let connected = soon(friend.connect(&self.address)).await;
        let connected = connected.unwrap_or_else(|error| panic!("a friend is not served: {error}"));
        let accepted = self.accept().await;
        assert_eq!(accepted.peer(), friend.local(), "somebody else was let in");
        drop(connected);
    }
}

/// What must come about.
async fn soon<T>(future: impl Future<Output = T>) -> T {
    timeout(SOON, future).await.expect("it takes too long")
}
