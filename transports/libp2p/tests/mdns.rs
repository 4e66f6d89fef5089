//! Nodes that find each other by their identity on the local network. Where datagrams to many do not come
//! through, there is nothing to see, and the tests say so.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::{Ipv4Addr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use igor_core::format::NodeKey;
use igor_core::transport::{Address, TransportError};
use igor_core::{Limits, Transport};
use igor_transport_libp2p::{Libp2pConfig, Libp2pTransport};
use tokio::time::timeout;

/// How long anything that must happen may take.
const SOON: Duration = Duration::from_secs(30);
/// The group of mDNS.
const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 251);

fn node(seed: u8) -> Libp2pTransport {
    let key = Arc::new(NodeKey::from_seed(&[seed; 32]));
    let config = Libp2pConfig { mdns: true, ..Libp2pConfig::default() };
    let limits = Limits { handshake_ns_max: 3_000_000_000, ..Limits::default() };
    Libp2pTransport::new(key, &config, &limits).unwrap()
}

/// This machine's address on the network that it would use, and that what is sent to many there arrives.
fn network() -> Result<Ipv4Addr, String> {
    let failed = |what: &'static str| move |error| format!("{what}: {error}");
    let ask = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).map_err(failed("no socket"))?;
    ask.connect((GROUP, 5_353)).map_err(failed("no way to the group of mDNS"))?;
    let std::net::IpAddr::V4(here) = ask.local_addr().map_err(failed("no address"))?.ip() else {
        return Err("no IPv4 address".to_owned());
    };
    if here.is_loopback() {
        return Err("no network but this machine's own, where mDNS is not spoken".to_owned());
    }
    let receiver = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).map_err(failed("no socket"))?;
    receiver.join_multicast_v4(&GROUP, &here).map_err(failed("the group of mDNS"))?;
    receiver.set_read_timeout(Some(Duration::from_secs(5))).map_err(failed("no time limit"))?;
    let port = receiver.local_addr().map_err(failed("no address"))?.port();
    let sender = UdpSocket::bind((here, 0)).map_err(failed("no socket"))?;
    sender.send_to(b"?", (GROUP, port)).map_err(failed("nothing can be sent to many"))?;
    receiver.recv_from(&mut [0; 8]).map_err(failed("nothing that is sent to many arrives"))?;
    Ok(here)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_of_the_same_network_is_found_by_its_identity() {
    if let Err(why) = network() {
        return println!("skipped: {why}");
    }
    let (seeker, sought) = (node(41), node(42));
    let listener = sought.listen(&Address("/ip4/0.0.0.0/tcp/0".to_owned())).await.unwrap();
    let address = listener.addresses().remove(0);
    let (_, peer) = address.0.rsplit_once('/').unwrap();
    let identity = Address(format!("/p2p/{peer}"));
    let found = async {
        loop {
            match seeker.connect(&identity).await {
                Ok(connection) => return connection,
                Err(TransportError::TimedOut { .. }) => {}
                Err(error) => panic!("{error}"),
            }
        }
    };
    let (near, far) =
        timeout(SOON, async { tokio::join!(found, listener.accept()) }).await.unwrap();
    assert_eq!(near.peer(), sought.local());
    assert_eq!(far.unwrap().peer(), seeker.local());
}
