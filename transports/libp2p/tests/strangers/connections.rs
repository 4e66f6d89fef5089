//! Peers that prove who they are and then do not say what nodes say about a connection.

use futures::io::{AsyncReadExt, AsyncWriteExt};
use igor_core::Limits;
use igor_core::transport::{CloseCode, TransportError};

use super::raw::{CONNECTION, Raw, STREAM};
use super::{Host, impatient, soon};

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_greet_is_hung_up() {
    let host = Host::new(&impatient()).await;
    Raw::dial(2, host.at).await.hung_up().await;
    // Asking and then saying nothing is no greeting.
    let raw = Raw::dial(2, host.at).await;
    let _control = raw.ask(CONNECTION).await.unwrap();
    raw.hung_up().await;
    // Nor is a stream that only nodes have.
    let raw = Raw::dial(2, host.at).await;
    let mut stream = raw.ask(STREAM).await.unwrap();
    stream.write_all(b"\x02/x").await.unwrap();
    stream.flush().await.unwrap();
    raw.hung_up().await;
    host.assert_serves(100).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_greets_otherwise_is_hung_up() {
    let host = Host::new(&Limits::default()).await;
    for byte in [1, 2, 3, 4, 255] {
        let raw = Raw::dial(2, host.at).await;
        let mut control = raw.ask(CONNECTION).await.unwrap();
        control.write_all(&[byte]).await.unwrap();
        control.flush().await.unwrap();
        raw.hung_up().await;
    }
    host.assert_serves(100).await;
}

/// The reason is heard, and the connection does not stay.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_refused_is_told_and_hung_up() {
    let host = Host::new(&Limits { connections_per_peer_max: 1, ..Limits::default() }).await;
    let (_held, _control) = Raw::admitted(2, host.at).await;
    let _accepted = host.accept().await;
    let raw = Raw::dial(2, host.at).await;
    let mut control = raw.ask(CONNECTION).await.unwrap();
    control.write_all(&[0]).await.unwrap();
    control.flush().await.unwrap();
    let mut head = [0; 2];
    soon(control.read_exact(&mut head)).await.unwrap();
    assert_eq!(head[0], 2);
    let mut reason = vec![0; usize::from(head[1])];
    soon(control.read_exact(&mut reason)).await.unwrap();
    let reason = String::from_utf8(reason).unwrap();
    assert!(reason.ends_with("are open, the most there may be"), "{reason}");
    raw.hung_up().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_greeting_is_not_heard() {
    let host = Host::new(&Limits::default()).await;
    let (raw, _control) = Raw::admitted(2, host.at).await;
    let accepted = host.accept().await;
    let mut again = raw.ask(CONNECTION).await.unwrap();
    again.write_all(&[0]).await.unwrap_or_default();
    again.flush().await.unwrap_or_default();
    assert!(!matches!(soon(again.read(&mut [0; 1])).await, Ok(1..)), "it is answered");
    host.assert_serves(100).await;
    drop(accepted);
}

#[tokio::test(flavor = "multi_thread")]
async fn words_that_are_none_end_the_connection() {
    let host = Host::new(&Limits::default()).await;
    for word in [0, 1, 2, 5, 255] {
        let (raw, mut control) = Raw::admitted(2, host.at).await;
        let accepted = host.accept().await;
        control.write_all(&[word]).await.unwrap();
        control.flush().await.unwrap();
        let ended = soon(accepted.accept()).await.map(|_| ());
        assert!(matches!(ended, Err(TransportError::Io { .. })), "{word}: {ended:?}");
        raw.hung_up().await;
    }
    host.assert_serves(100).await;
}

/// A close whose code comes in pieces, between signs of life, is heard whole.
#[tokio::test(flavor = "multi_thread")]
async fn a_close_may_come_in_pieces() {
    let host = Host::new(&Limits { silence_ns_max: 300_000_000, ..Limits::default() }).await;
    let (raw, mut control) = Raw::admitted(2, host.at).await;
    let accepted = host.accept().await;
    for byte in [3, 4, 0x78, 0x56, 0x34, 0x12] {
        let mut sign = [0; 1];
        // The other end's signs of life set the pace.
        soon(control.read_exact(&mut sign)).await.unwrap();
        assert_eq!(sign, [3]);
        control.write_all(&[byte]).await.unwrap();
        control.flush().await.unwrap();
        if byte == 4 {
            break;
        }
    }
    for byte in [0x78, 0x56, 0x34, 0x12] {
        control.write_all(&[byte]).await.unwrap();
        control.flush().await.unwrap();
        tokio::task::yield_now().await;
    }
    let ended = soon(accepted.accept()).await.map(|_| ());
    let Err(TransportError::Closed { code, .. }) = ended else { panic!("{ended:?}") };
    assert_eq!(code, CloseCode(0x1234_5678));
    raw.hung_up().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_falls_silent_is_lost() {
    let host = Host::new(&Limits { silence_ns_max: 300_000_000, ..Limits::default() }).await;
    let (raw, _control) = Raw::admitted(2, host.at).await;
    let accepted = host.accept().await;
    let ended = soon(accepted.accept()).await.map(|_| ());
    assert!(matches!(ended, Err(TransportError::TimedOut { .. })), "{ended:?}");
    raw.hung_up().await;
    host.assert_serves(100).await;
}

/// However many are held back before they greet, others get in when those are hung up.
#[tokio::test(flavor = "multi_thread")]
async fn silent_strangers_are_bounded() {
    let limits = Limits { connections_max: 4, connections_pending_max: 4, ..impatient() };
    let host = Host::new(&limits).await;
    for _ in 0..5 {
        let mut held = Vec::new();
        for seed in 2..6 {
            held.push(Raw::dial(seed, host.at).await);
        }
        for raw in held {
            raw.hung_up().await;
        }
    }
    host.assert_serves(100).await;
}
