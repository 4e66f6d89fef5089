//! Where one can listen, what others are told to dial, and what is said where nothing works.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::{Ipv6Addr, UdpSocket};
use std::sync::Arc;

use igor_core::format::NodeKey;
use igor_core::transport::{Address, TransportError};
use igor_core::{Limits, Transport};
use igor_transport_quic::{QuicConfig, QuicTransport};

fn node(seed: u8, config: &QuicConfig) -> QuicTransport {
    let key = Arc::new(NodeKey::from_seed(&[seed; 32]));
    QuicTransport::new(key, config, &Limits::default()).unwrap()
}

/// Listens at `place`, and connects to what it says of itself.
async fn check(place: &str, told: &str) {
    let config = QuicConfig::default();
    let (one, other) = (node(1, &config), node(2, &config));
    let listener = other.listen(&Address(format!("quic://{place}"))).await.unwrap();
    let address = listener.addresses().remove(0);
    assert!(address.0.starts_with(&format!("quic://{told}:")), "{place} is told as {address}");
    let (dialled, accepted) = tokio::join!(one.connect(&address), listener.accept());
    assert_eq!(dialled.unwrap().peer(), other.local());
    assert_eq!(accepted.unwrap().peer(), one.local());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_can_listen_at_any_kind_of_address() {
    check("127.0.0.1:0", "127.0.0.1").await;
    check("0.0.0.0:0", "127.0.0.1").await;
    if UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).is_err() {
        eprintln!("SKIPPED: this machine has no IPv6");
        return;
    }
    check("[::1]:0", "[::1]").await;
    check("[::]:0", "[::1]").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn others_are_told_what_is_advertised() {
    let advertise = Some("node.example.org".to_owned());
    let node = node(1, &QuicConfig { advertise, ..QuicConfig::default() });
    let listener = node.listen(&node.any_address()).await.unwrap();
    let address = listener.addresses().remove(0);
    assert!(address.0.starts_with("quic://node.example.org:"), "{address}");
    assert!(!address.0.contains(":0#"), "{address} names no port");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_is_taken_is_an_error() {
    let taken = UdpSocket::bind(("127.0.0.1", 0)).unwrap();
    let address = Address(format!("quic://{}", taken.local_addr().unwrap()));
    let error = node(1, &QuicConfig::default()).listen(&address).await.err().unwrap();
    assert!(matches!(error, TransportError::Io { .. }), "{error}");
}

#[test]
fn without_a_runtime_calls_fail_and_do_not_panic() {
    let node = node(1, &QuicConfig::default());
    let other = NodeKey::from_seed(&[2; 32]).public_key();
    for place in ["127.0.0.1:9", "localhost:9"] {
        let address = Address(format!("quic://{place}#{other}"));
        let error = pollster::block_on(node.connect(&address)).err().unwrap();
        assert!(matches!(error, TransportError::Io { .. }), "{error}");
        let bare = Address(format!("quic://{place}"));
        let error = pollster::block_on(node.listen(&bare)).err().unwrap();
        assert!(matches!(error, TransportError::Io { .. }), "{error}");
    }
}
