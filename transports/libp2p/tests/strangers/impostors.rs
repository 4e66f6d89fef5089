//! Peers that show a key which is not theirs.

use igor_core::Limits;
use igor_core::format::NodeKey;
use igor_core::transport::{NodeId, Transport, TransportError};
use tokio::net::TcpListener;

use super::noise::{self, Proof, agree, ed25519, forged, neutral, signed_by_7};
use super::socket::Socket;
use super::{Host, address, impatient, node, soon};

/// Everything that proves nothing, with who it claims to be.
fn proofs() -> Vec<(&'static str, NodeId, Proof)> {
    let own = *NodeKey::from_seed(&[7; 32]).public_key().as_bytes();
    let other = *NodeKey::from_seed(&[8; 32]).public_key().as_bytes();
    let not_a_key = [&[0x08, 0x01, 0x12, 0x21][..], &own, &[0]].concat();
    vec![
        ("another's key", NodeId(other), Proof { key: ed25519(&other), sign: signed_by_7 }),
        ("a weak key", NodeId(neutral()), Proof { key: ed25519(&neutral()), sign: forged }),
        ("no signature", NodeId(own), Proof { key: ed25519(&own), sign: |_| Vec::new() }),
        ("a signature of zeros", NodeId(own), Proof { key: ed25519(&own), sign: |_| vec![0; 64] }),
        ("no key", NodeId(own), Proof { key: Vec::new(), sign: signed_by_7 }),
        ("33 bytes as a key", NodeId(own), Proof { key: not_a_key, sign: signed_by_7 }),
        (
            "a key of no known kind",
            NodeId(own),
            Proof { key: [&[0x08, 0x63, 0x12, 0x20][..], &own].concat(), sign: signed_by_7 },
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dialler_without_a_proof_is_not_let_in() {
    let host = Host::new(&impatient()).await;
    for (name, _, proof) in proofs() {
        let mut stream = Socket::connect(host.at).await;
        noise::dial(&mut stream, &proof).await.unwrap();
        // Whatever is said now, the other end hangs up.
        let rest = tokio::time::timeout(super::SOON, stream.hung_up()).await;
        assert!(rest.is_ok(), "{name} is let in");
    }
    host.assert_serves(100).await;
}

/// That the handshake by hand is one: with a proof, it is taken.
#[tokio::test(flavor = "multi_thread")]
async fn a_proof_is_taken() {
    let host = Host::new(&Limits::default()).await;
    let own = *NodeKey::from_seed(&[7; 32]).public_key().as_bytes();
    let mut stream = Socket::connect(host.at).await;
    let proof = Proof { key: ed25519(&own), sign: signed_by_7 };
    noise::dial(&mut stream, &proof).await.unwrap();
    // It goes on to wait for the multiplexer, encrypted.
    let heard = tokio::time::timeout(std::time::Duration::from_millis(300), stream.read_u8()).await;
    assert!(heard.is_err(), "it hung up, or spoke first: {heard:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_without_a_proof_is_not_connected_to() {
    for (name, claimed, proof) in proofs() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let answering = async {
            let mut stream = Socket::accept(&listener).await;
            noise::answer(&mut stream, &proof).await.unwrap();
            // The dialler goes on if it believes this.
            stream.hung_up().await;
        };
        let dialler = node(1, &Limits::default());
        let address = address(at, claimed);
        let (connected, ()) = tokio::join!(soon(dialler.connect(&address)), soon(answering));
        match connected.map(|connection| connection.peer()) {
            Err(TransportError::Unproven { .. }) => {}
            Err(error) => panic!("{name}: the error is {error}"),
            Ok(peer) => panic!("{name}: it was taken for {peer}"),
        }
    }
}

/// Another protocol of encryption, or none, is not spoken.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_but_the_handshake_is_agreed_to() {
    let host = Host::new(&impatient()).await;
    for protocol in ["/plaintext/2.0.0", "/tls/1.0.0", "/secio/1.0.0", "/yamux/1.0.0"] {
        let mut stream = Socket::connect(host.at).await;
        let agreed = tokio::spawn(async move { agree(&mut stream, protocol).await });
        match soon(agreed).await {
            // It says no, in other words than were asked for, or hangs up.
            Err(refused) => assert!(refused.is_panic()),
            Ok(result) => assert!(result.is_err(), "it agrees to {protocol}"),
        }
    }
    host.assert_serves(100).await;
}
