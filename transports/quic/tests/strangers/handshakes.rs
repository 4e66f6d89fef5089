//! Diallers that prove nothing, or something else.

use std::sync::Arc;

use igor_core::Limits;
use quinn::{ClientConfig, ConnectionError};
use rustls::SignatureScheme;

use super::raw::{ED25519, P256, Proof, Shows, client, endpoint, greet, honest, own};
use super::{Host, impatient, key, soon};

const ALPN: &[&[u8]] = &[b"igor/1"];

fn raw(proof: Proof) -> ClientConfig {
    client(Shows::RawKey(proof), ALPN)
}

/// Each is wrong in one way.
fn strangers() -> Vec<(&'static str, ClientConfig)> {
    let good = Proof::of(&key(2));
    let other = Proof::of(&key(3));
    let mut neutral = [0; 32];
    neutral[0] = 1;
    let forged: Vec<u8> = [&neutral[..], &[0; 32]].concat();
    let show = |shown: Vec<u8>| Proof { shown: vec![shown], ..good.clone() };
    let sign =
        |signature: Vec<u8>| Proof { sign: Arc::new(move |_| signature.clone()), ..good.clone() };
    let twice = vec![good.shown[0].clone(), good.shown[0].clone()];
    vec![
        ("shows no key", client(Shows::Nothing, ALPN)),
        ("has a certificate of X.509", client(Shows::Certificate(good.clone()), ALPN)),
        ("is not the one who signed", raw(Proof { sign: other.sign.clone(), ..good.clone() })),
        ("shows two keys", raw(Proof { shown: twice, ..good.clone() })),
        ("shows a key on P-256", raw(show([&P256[..], &[7; 64]].concat()))),
        ("shows an empty key", raw(show(Vec::new()))),
        ("shows a key that is cut", raw(show(good.shown[0][..43].to_vec()))),
        ("shows a key and more", raw(show([&good.shown[0][..], &[0]].concat()))),
        ("shows a key of 16 KB", raw(show([&ED25519[..], &[7; 16_000]].concat()))),
        (
            "shows a key for which anyone can sign",
            raw(Proof { shown: vec![[&ED25519[..], &neutral].concat()], ..sign(forged) }),
        ),
        ("signs with zeros", raw(sign(vec![0; 64]))),
        ("signs with nothing", raw(sign(Vec::new()))),
        ("signs with too much", raw(sign(vec![1; 65]))),
        (
            "signs by another scheme",
            raw(Proof { scheme: SignatureScheme::ECDSA_NISTP256_SHA256, ..good.clone() }),
        ),
        ("speaks another protocol", client(Shows::RawKey(good.clone()), &[b"igor/2"])),
        ("speaks HTTP", client(Shows::RawKey(good.clone()), &[b"h3"])),
        ("names no protocol", client(Shows::RawKey(good), &[])),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn who_keeps_to_everything_is_let_in() {
    let host = Host::new(&Limits::default()).await;
    let socket = endpoint();
    let connection = soon(greet(&socket, honest(&key(2)), host.at)).await.unwrap();
    let accepted = host.accept().await;
    assert_eq!(accepted.peer().public_key(), key(2).public_key());
    drop(connection);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_proves_nothing_is_refused_in_the_handshake() {
    let host = Host::new(&Limits::default()).await;
    for (seed, (fault, config)) in strangers().into_iter().enumerate() {
        let socket = endpoint();
        match soon(greet(&socket, config, host.at)).await {
            Err(ConnectionError::ConnectionClosed(close)) => {
                let code = u64::from(close.error_code);
                assert!((0x100..0x200).contains(&code), "who {fault} is told {close}");
            }
            Err(ConnectionError::TransportError(error)) => {
                let code = u64::from(error.code);
                assert!((0x100..0x200).contains(&code), "who {fault} fails with {error}");
            }
            Err(error) => panic!("who {fault} is refused otherwise: {error}"),
            Ok(_) => panic!("who {fault} is let in"),
        }
        host.assert_serves(u8::try_from(seed).unwrap() + 100).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_greets_otherwise_is_closed() {
    let host = Host::new(&impatient()).await;
    for greeting in [&b""[..], &[1], &[0, 0], b"GET / HTTP/1.1\r\n\r\n", &[0; 5_000]] {
        let socket = endpoint();
        let connecting = socket.connect_with(honest(&key(2)), host.at, "igor").unwrap();
        let connection = soon(connecting).await.unwrap();
        let (mut writer, _reader) = connection.open_bi().await.unwrap();
        // It may be closed before all of it is written.
        writer.write_all(greeting).await.unwrap_or_default();
        writer.finish().unwrap_or_default();
        match soon(connection.closed()).await {
            ConnectionError::ApplicationClosed(close) => assert_eq!(close.error_code, own(1)),
            error => panic!("{greeting:?} ends otherwise: {error}"),
        }
    }
    host.assert_serves(100).await;
}

/// With room for one: who is silent has to make it within the time for a handshake.
#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_greet_is_closed() {
    let host = Host::new(&Limits { connections_max: 1, ..impatient() }).await;
    let socket = endpoint();
    let connecting = socket.connect_with(honest(&key(2)), host.at, "igor").unwrap();
    let connection = soon(connecting).await.unwrap();
    let error = soon(connection.closed()).await;
    assert!(matches!(error, ConnectionError::ApplicationClosed(_)), "{error}");
    host.assert_serves(100).await;
}
