//! Datagrams that are no QUIC, and beginnings of handshakes that nobody goes on with.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use igor_core::Limits;
use tokio::net::UdpSocket;
use tokio::time::{Instant, timeout_at};

use super::raw::{endpoint, honest};
use super::{Host, key, soon};

async fn socket() -> UdpSocket {
    UdpSocket::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await.unwrap()
}

/// Bytes that always are the same and look like nothing.
fn noise(length: usize, mut state: u32) -> Vec<u8> {
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    std::iter::repeat_with(next).take(length).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn noise_is_ignored() {
    let host = Host::new(&Limits::default()).await;
    let socket = socket().await;
    for number in 0..2_000_u32 {
        let length = usize::try_from(number % 1_400).unwrap();
        let mut datagram = noise(length, number);
        if let (Some(first), 1..) = (datagram.first_mut(), number % 3) {
            // Every form of a header, and the fixed bit.
            *first |= 0x40;
        }
        if number % 5 == 0 && length > 1_200 {
            // The beginning of a handshake of version 1.
            datagram[..5].copy_from_slice(&[0xc0, 0, 0, 0, 1]);
        }
        socket.send_to(&datagram, host.at).await.unwrap();
    }
    host.assert_serves(100).await;
}

/// The first datagrams of `count` handshakes: caught on a socket that never answers.
async fn beginnings(count: usize) -> Vec<Vec<u8>> {
    let (trap, dialler) = (socket().await, endpoint());
    let at = trap.local_addr().unwrap();
    let config = honest(&key(2));
    let mut held = Vec::new();
    let mut caught = Vec::new();
    let mut buffer = vec![0; 2_000];
    for _ in 0..count {
        held.push(dialler.connect_with(config.clone(), at, "igor").unwrap());
        let (length, _) = soon(trap.recv_from(&mut buffer)).await.unwrap();
        caught.push(buffer[..length].to_vec());
    }
    caught
}

/// Whether a datagram asks its receiver to prove its address (RFC 9000, 17.2.5).
fn is_retry(datagram: &[u8]) -> bool {
    matches!(datagram, [first, 0, 0, 0, 1, ..] if first & 0xf0 == 0xf0)
}

fn resident_bytes() -> Option<usize> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: usize = statm.split(' ').nth(1)?.parse().ok()?;
    Some(pages * 4_096)
}

/// Above the bound, whoever begins is asked for proof, and that costs the node nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_beginnings_is_bounded() {
    let host = Host::new(&Limits::default()).await;
    let flood = beginnings(400).await;
    let before = resident_bytes();
    let mut sockets = Vec::new();
    for datagram in &flood {
        let socket = socket().await;
        socket.send_to(datagram, host.at).await.unwrap();
        sockets.push(socket);
    }
    // In the middle of it, the node still serves others, which prove their addresses.
    host.assert_serves(100).await;
    let (mut answered, mut asked) = (0, 0);
    let mut buffer = vec![0; 2_000];
    // Some get no answer: the system drops what does not fit into a socket.
    let enough = Instant::now() + Duration::from_secs(2);
    for socket in &sockets {
        match timeout_at(enough, socket.recv_from(&mut buffer)).await {
            Err(_) => {}
            Ok(received) => {
                let (length, _) = received.unwrap();
                if is_retry(&buffer[..length]) { asked += 1 } else { answered += 1 }
            }
        }
    }
    assert!(asked > 0, "nobody was asked for a proof; {answered} were answered");
    assert!(answered <= 100, "{answered} were answered without a proof, and {asked} asked for it");
    if let (Some(before), Some(after)) = (before, resident_bytes()) {
        let grown = after.saturating_sub(before) >> 20;
        assert!(grown < 64, "{} beginnings cost {grown} MiB", flood.len());
    }
}
