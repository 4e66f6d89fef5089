//! A cable between two nodes that counts what it carries.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

/// A relay of datagrams, whose threads end with the program.
pub(crate) struct Cable {
    /// The node at its other end, by this end.
    pub(crate) address: String,
    bytes: Arc<AtomicU64>,
}

impl Cable {
    /// A cable to the node at this address, `quic://host:port#nodeid`.
    pub(crate) fn to(address: &str) -> Self {
        let (place, id) = address.strip_prefix("quic://").unwrap().split_once('#').unwrap();
        let place: SocketAddr = place.parse().unwrap();
        let near = Arc::new(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
        let far = Arc::new(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
        let address = format!("quic://{}#{id}", near.local_addr().unwrap());
        let (bytes, dialler) = (Arc::new(AtomicU64::new(0)), Arc::new(Mutex::new(None)));
        let there = (Arc::clone(&near), Arc::clone(&far), Arc::clone(&bytes));
        let heard = Arc::clone(&dialler);
        thread::spawn(move || {
            let (near, far, bytes) = there;
            carry(&near, &bytes, |from, datagram| {
                *heard.lock().unwrap() = Some(from);
                far.send_to(datagram, place).unwrap();
            });
        });
        let back = Arc::clone(&bytes);
        thread::spawn(move || {
            carry(&far, &back, |_, datagram| {
                if let Some(dialler) = *dialler.lock().unwrap() {
                    near.send_to(datagram, dialler).unwrap();
                }
            });
        });
        Self { address, bytes }
    }

    /// Counts from nothing again.
    pub(crate) fn reset(&self) {
        self.bytes.store(0, Ordering::Relaxed);
    }

    /// How many bytes of datagrams it carried, both ways.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}

fn carry(from: &UdpSocket, bytes: &AtomicU64, pass_on: impl Fn(SocketAddr, &[u8])) {
    let mut datagram = [0; 65_536];
    while let Ok((length, sender)) = from.recv_from(&mut datagram) {
        bytes.fetch_add(u64::try_from(length).unwrap(), Ordering::Relaxed);
        pass_on(sender, &datagram[..length]);
    }
}
