//! Peers that fall silent, and what many connections leave behind. One relay stands between two nodes and can
//! be cut like a cable.

#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use igor_core::format::NodeKey;
use igor_core::transport::{Address, CloseCode, TransportError};
use igor_core::{Limits, Transport};
use igor_transport_quic::{QuicConfig, QuicTransport};
use tokio::net::UdpSocket;
use tokio::task::AbortHandle;
use tokio::time::timeout;

/// How long anything that must happen may take.
const SOON: Duration = Duration::from_secs(20);
/// Silence after which a connection is lost.
const SILENCE: Duration = Duration::from_millis(500);

fn node(seed: u8) -> QuicTransport {
    let silence_ns_max = u64::try_from(SILENCE.as_nanos()).unwrap();
    let limits = Limits { silence_ns_max, ..Limits::default() };
    let key = Arc::new(NodeKey::from_seed(&[seed; 32]));
    QuicTransport::new(key, &QuicConfig::default(), &limits).unwrap()
}

/// Carries datagrams between whoever writes first and `to`, until it is aborted.
async fn relay(to: SocketAddr) -> (SocketAddr, AbortHandle) {
    let near = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let far = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let at = near.local_addr().unwrap();
    let carrying = tokio::spawn(async move {
        let (mut there, mut back) = ([0; 2_000], [0; 2_000]);
        let mut dialler = None;
        loop {
            tokio::select! {
                received = near.recv_from(&mut there) => {
                    let (length, from) = received.unwrap();
                    dialler = Some(from);
                    far.send_to(&there[..length], to).await.unwrap();
                }
                received = far.recv_from(&mut back) => {
                    let (length, _) = received.unwrap();
                    if let Some(dialler) = dialler {
                        near.send_to(&back[..length], dialler).await.unwrap();
                    }
                }
            }
        }
    });
    (at, carrying.abort_handle())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_cable_is_noticed_and_an_idle_one_is_not_cut() {
    let (one, other) = (node(1), node(2));
    let listener = other.listen(&other.any_address()).await.unwrap();
    let there = listener.addresses().remove(0).parts("quic").unwrap().place.parse().unwrap();
    let (at, cable) = relay(there).await;
    let address = Address::of("quic", &at.to_string(), other.local());
    let (dialled, accepted) = tokio::join!(one.connect(&address), listener.accept());
    let (dialled, accepted) = (dialled.unwrap(), accepted.unwrap());

    // Nobody says anything for longer than the silence, but signs of life are sent.
    let waited = timeout(SILENCE * 3, accepted.accept()).await;
    assert!(waited.is_err(), "an idle connection ends: {:?}", waited.map(|w| w.map(|_| ())));

    cable.abort();
    let (here, there) =
        timeout(SOON, async { tokio::join!(dialled.accept(), accepted.accept()) }).await.unwrap();
    assert!(matches!(here, Err(TransportError::TimedOut { .. })), "{:?}", here.map(|_| ()));
    assert!(matches!(there, Err(TransportError::TimedOut { .. })), "{:?}", there.map(|_| ()));
}

fn resident_bytes() -> Option<usize> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: usize = statm.split(' ').nth(1)?.parse().ok()?;
    Some(pages * 4_096)
}

fn open_files() -> Option<usize> {
    Some(std::fs::read_dir("/proc/self/fd").ok()?.count())
}

#[tokio::test(flavor = "multi_thread")]
async fn many_connections_leave_no_files_or_memory() {
    let (one, other) = (node(3), node(4));
    let listener = other.listen(&other.any_address()).await.unwrap();
    let address = listener.addresses().remove(0);
    let mut after_ten = None;
    for round in 0..100 {
        let connected = async {
            loop {
                match one.connect(&address).await {
                    Ok(connection) => return connection,
                    // The other end may not have heard that the last one is closed.
                    Err(TransportError::Refused { .. }) => tokio::task::yield_now().await,
                    Err(error) => panic!("{error}"),
                }
            }
        };
        let dialled = timeout(SOON, connected).await.unwrap();
        let accepted = timeout(SOON, listener.accept()).await.unwrap().unwrap();
        dialled.close(CloseCode(1)).await;
        assert!(timeout(SOON, accepted.accept()).await.unwrap().is_err());
        if round == 10 {
            after_ten = open_files().zip(resident_bytes());
        }
    }
    if let (Some(before), Some(after)) = (after_ten, open_files().zip(resident_bytes())) {
        // The other test of this program opens four sockets.
        assert!(after.0 <= before.0 + 8, "{} files are open, {} were", after.0, before.0);
        let grown = after.1.saturating_sub(before.1) >> 20;
        assert!(grown < 16, "90 connections that are over cost {grown} MiB");
    }
}
