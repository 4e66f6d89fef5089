//! Listeners that are not who was dialled: what the dialler makes of them.

use std::sync::Arc;

use igor_core::Transport;
use igor_core::transport::{Address, NodeId, TransportError};

use super::raw::{Proof, server};
use super::{impatient, key, node, soon};

async fn dial(proof: Proof, alpn: &[u8]) -> TransportError {
    let listening = server(proof, alpn);
    let at = listening.local_addr().unwrap().to_string();
    let answering = tokio::spawn(async move {
        while let Some(incoming) = listening.accept().await {
            if let Ok(connection) = incoming.await {
                connection.closed().await;
            }
        }
    });
    let expected = NodeId::of(&key(2).public_key());
    let dialled = soon(node(1, &impatient()).connect(&Address::of("quic", &at, expected))).await;
    answering.abort();
    dialled.err().expect("an impostor was taken for the one who was dialled")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stolen_key_without_its_secret_proves_nothing() {
    let proof = Proof { sign: Proof::of(&key(3)).sign, ..Proof::of(&key(2)) };
    let error = dial(proof, b"igor/1").await;
    assert!(matches!(error, TransportError::Unproven { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_node_is_named() {
    let error = dial(Proof::of(&key(3)), b"igor/1").await;
    let TransportError::WrongPeer { found, .. } = error else { panic!("{error}") };
    assert_eq!(found.public_key(), key(3).public_key());
}

/// Who only claims to be another node is not reported as one.
#[tokio::test(flavor = "multi_thread")]
async fn a_claim_is_not_reported_as_a_proof() {
    let proof = Proof { sign: Arc::new(|_| vec![1; 64]), ..Proof::of(&key(3)) };
    let error = dial(proof, b"igor/1").await;
    assert!(matches!(error, TransportError::Unproven { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_speaks_another_protocol_is_no_node() {
    let error = dial(Proof::of(&key(2)), b"h3").await;
    assert!(matches!(error, TransportError::Unproven { .. }), "{error}");
}

/// The right key, but no welcome.
#[tokio::test(flavor = "multi_thread")]
async fn who_never_welcomes_is_given_up() {
    let error = dial(Proof::of(&key(2)), b"igor/1").await;
    assert!(matches!(error, TransportError::TimedOut { .. }), "{error}");
}
