//! Where a node listens, and what it tells others to dial. That what it tells can be dialled is the suite's,
//! for the address that is listened at without being told.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use igor_core::format::NodeKey;
use igor_core::transport::{Address, TransportError};
use igor_core::{Limits, Transport};
use igor_transport_libp2p::{Libp2pConfig, Libp2pTransport};

fn node(seed: u8, config: &Libp2pConfig) -> Libp2pTransport {
    let key = Arc::new(NodeKey::from_seed(&[seed; 32]));
    Libp2pTransport::new(key, config, &Limits::default()).unwrap()
}

/// Listens at `place` and is dialled at what begins with `dialled`.
async fn check(place: &str, dialled: &str) {
    let (host, guest) = (node(1, &Libp2pConfig::default()), node(2, &Libp2pConfig::default()));
    let listener = host.listen(&Address(place.to_owned())).await.unwrap();
    let address = listener.addresses().remove(0);
    assert!(address.0.starts_with(dialled), "{address}");
    let (near, far) = tokio::join!(guest.connect(&address), listener.accept());
    assert_eq!(near.unwrap().peer(), host.local());
    assert_eq!(far.unwrap().peer(), guest.local());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_place_can_be_listened_at() {
    check("/ip4/127.0.0.1/tcp/0", "/ip4/127.0.0.1/tcp/").await;
    check("/ip4/0.0.0.0/tcp/0", "/ip4/127.0.0.1/tcp/").await;
    check("/dns4/localhost/tcp/0", "/ip4/127.0.0.1/tcp/").await;
    if std::net::TcpListener::bind("[::1]:0").is_ok() {
        check("/ip6/::1/tcp/0", "/ip6/::1/tcp/").await;
        check("/ip6/::/tcp/0", "/ip6/::1/tcp/").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn others_are_told_what_is_advertised() {
    let advertise = Some("localhost".to_owned());
    let host = node(1, &Libp2pConfig { advertise, ..Libp2pConfig::default() });
    let guest = node(2, &Libp2pConfig::default());
    let listener = host.listen(&host.any_address()).await.unwrap();
    let address = listener.addresses().remove(0);
    assert!(address.0.starts_with("/dns/localhost/tcp/"), "{address}");
    let (near, far) = tokio::join!(guest.connect(&address), listener.accept());
    assert_eq!((near.unwrap().peer(), far.unwrap().peer()), (host.local(), guest.local()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_switched_on_is_no_address() {
    let node = node(1, &Libp2pConfig::default());
    for text in ["/ip4/127.0.0.1/udp/0/quic-v1", "/dns4/localhost/udp/0/quic-v1"] {
        let refused = node.listen(&Address(text.to_owned())).await.map(|_| ());
        assert!(matches!(refused, Err(TransportError::Address { .. })), "{refused:?}");
    }
    let listener = node.listen(&node.any_address()).await.unwrap();
    let address = listener.addresses().remove(0);
    let (_, peer) = address.0.rsplit_once('/').unwrap();
    let nowhere = Address(format!("/p2p/{peer}"));
    assert_eq!(node.named(&nowhere).unwrap(), node.local());
    let refused = node.connect(&nowhere).await.map(|_| ());
    assert!(matches!(refused, Err(TransportError::Address { .. })), "{refused:?}");
}

/// That nobody is there is no proof of anything, and may be otherwise the next time.
#[tokio::test(flavor = "multi_thread")]
async fn where_nobody_listens_the_network_fails() {
    let (host, guest) = (node(1, &Libp2pConfig::default()), node(2, &Libp2pConfig::default()));
    let listener = host.listen(&host.any_address()).await.unwrap();
    let address = listener.addresses().remove(0);
    let port: u16 = address.0.split('/').nth(4).unwrap().parse().unwrap();
    drop((listener, host));
    // The port is free when somebody else can have it.
    while std::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, port)).is_err() {
        tokio::task::yield_now().await;
    }
    match guest.connect(&address).await.map(|_| ()) {
        Err(TransportError::Io { source, .. }) => {
            assert_eq!(source.kind(), std::io::ErrorKind::ConnectionRefused, "{source}");
        }
        other => panic!("{other:?}"),
    }
}

#[cfg(feature = "quic")]
#[tokio::test(flavor = "multi_thread")]
async fn where_nobody_listens_for_quic_it_takes_too_long() {
    let config = Libp2pConfig { quic: true, ..Libp2pConfig::default() };
    let (host, key) = (node(1, &config), Arc::new(NodeKey::from_seed(&[2; 32])));
    let limits = Limits { handshake_ns_max: 500_000_000, ..Limits::default() };
    let guest = Libp2pTransport::new(key, &config, &limits).unwrap();
    let listener = host.listen(&host.any_address()).await.unwrap();
    let told = listener.addresses().remove(0);
    let (_, peer) = told.0.rsplit_once('/').unwrap();
    // A socket that nobody reads.
    let silent = std::net::UdpSocket::bind((std::net::Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = silent.local_addr().unwrap().port();
    let address = Address(format!("/ip4/127.0.0.1/udp/{port}/quic-v1/p2p/{peer}"));
    match guest.connect(&address).await.map(|_| ()) {
        Err(TransportError::TimedOut { .. }) => {}
        Err(TransportError::Io { source, .. }) => {
            assert_eq!(source.kind(), std::io::ErrorKind::TimedOut, "{source}");
        }
        other => panic!("{other:?}"),
    }
}

/// Nobody new is let in while more memory is used than is allowed.
#[tokio::test(flavor = "multi_thread")]
async fn without_memory_nobody_is_let_in() {
    let host = node(1, &Libp2pConfig { memory_bytes_max: Some(1), ..Libp2pConfig::default() });
    let guest = node(2, &Libp2pConfig::default());
    let listener = host.listen(&host.any_address()).await.unwrap();
    let address = listener.addresses().remove(0);
    assert!(guest.connect(&address).await.is_err());
}

#[test]
fn without_a_runtime_it_fails() {
    let node = node(1, &Libp2pConfig::default());
    let mut listening = Box::pin(async { node.listen(&node.any_address()).await.map(|_| ()) });
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match listening.as_mut().poll(&mut context) {
        std::task::Poll::Ready(Err(TransportError::Io { .. })) => {}
        other => panic!("{other:?}"),
    }
}
