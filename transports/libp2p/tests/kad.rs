//! Nodes that are found by their identity through others. That who is found is proven is the suite's.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::Duration;

use igor_core::format::NodeKey;
use igor_core::transport::{Address, Connection, Listener, TransportError};
use igor_core::{Limits, Transport};
use igor_transport_libp2p::{Libp2pConfig, Libp2pTransport};
use tokio::net::TcpListener;
use tokio::time::timeout;

/// How long anything that must happen may take.
const SOON: Duration = Duration::from_secs(30);

/// A node that begins with those at `peers`.
fn node(seed: u8, peers: &[&Address], advertise: Option<&str>) -> Libp2pTransport {
    let key = Arc::new(NodeKey::from_seed(&[seed; 32]));
    let config = Libp2pConfig {
        kad: true,
        kad_peers: peers.iter().map(|peer| peer.0.clone()).collect(),
        advertise: advertise.map(str::to_owned),
        ..Libp2pConfig::default()
    };
    let limits = Limits { handshake_ns_max: 2_000_000_000, ..Limits::default() };
    Libp2pTransport::new(key, &config, &limits).unwrap()
}

async fn listen(node: &Libp2pTransport) -> (Box<dyn Listener>, Address) {
    let listener = node.listen(&node.any_address()).await.unwrap();
    let address = listener.addresses().remove(0);
    (listener, address)
}

/// The identity that an address ends with, and no place.
fn identity(address: &Address) -> Address {
    let (_, peer) = address.0.rsplit_once('/').unwrap();
    Address(format!("/p2p/{peer}"))
}

/// Connects to who may not be known yet to those who are asked.
async fn find(seeker: &Libp2pTransport, whom: Address) -> Arc<dyn Connection> {
    let found = async {
        loop {
            match seeker.connect(&whom).await {
                Ok(connection) => return connection,
                Err(TransportError::TimedOut { .. }) => {}
                Err(error) => panic!("{error:?}"),
            }
        }
    };
    timeout(SOON, found).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_is_found_through_one_that_both_know() {
    let known = node(1, &[], None);
    let (_known, at) = listen(&known).await;
    let (seeker, sought) = (node(2, &[&at], None), node(3, &[&at], None));
    let (listener, address) = listen(&sought).await;
    let (near, far) = tokio::join!(find(&seeker, identity(&address)), listener.accept());
    assert_eq!(near.peer(), sought.local());
    assert_eq!(far.unwrap().peer(), seeker.local());
    // It goes on where others are asked who is where.
    drop(near);
    let again = find(&seeker, identity(&address)).await;
    assert_eq!(again.peer(), sought.local());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_listens_at_another_port_is_found_there() {
    let known = node(11, &[], None);
    let (_known, at) = listen(&known).await;
    let (seeker, sought) = (node(12, &[&at], None), node(13, &[&at], None));
    let (listener, first) = listen(&sought).await;
    drop(find(&seeker, identity(&first)).await);
    drop(listener);
    drop(sought);
    let sought = node(13, &[&at], None);
    let (_listener, second) = listen(&sought).await;
    assert_ne!(first, second);
    let found = async {
        loop {
            // Where it was, nobody is any more, which is an error until it has been forgotten.
            match seeker.connect(&identity(&second)).await {
                Ok(connection) => return connection,
                Err(TransportError::TimedOut { .. } | TransportError::Io { .. }) => {}
                Err(error) => panic!("{error:?}"),
            }
        }
    };
    assert_eq!(timeout(SOON, found).await.unwrap().peer(), sought.local());
}

#[tokio::test(flavor = "multi_thread")]
async fn others_are_told_what_is_advertised() {
    let (known, host) = (node(21, &[], None), "127.0.0.2");
    let (_known, at) = listen(&known).await;
    let (seeker, sought) = (node(22, &[&at], None), node(23, &[&at], Some(host)));
    let (_listener, address) = listen(&sought).await;
    let port = address.0.split('/').nth(4).unwrap();
    let advertised = match TcpListener::bind(format!("{host}:{port}")).await {
        Ok(advertised) => advertised,
        Err(error) => return println!("skipped: nobody can listen at {host} here: {error}"),
    };
    // Somebody else is there, who is dialled because it was told and not because it is reached.
    let (_found, dialled) =
        tokio::join!(find(&seeker, identity(&address)), timeout(SOON, advertised.accept()));
    dialled.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn whom_nobody_knows_is_not_found() {
    let known = node(31, &[], None);
    let (_known, at) = listen(&known).await;
    let seeker = node(32, &[&at], None);
    let nobody = node(33, &[], None);
    let (listener, address) = listen(&nobody).await;
    let refused = timeout(SOON, seeker.connect(&identity(&address))).await.unwrap().map(|_| ());
    assert!(matches!(refused, Err(TransportError::TimedOut { .. })), "{refused:?}");
    drop(listener);
}
