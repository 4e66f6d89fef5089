//! Where a node is, in libp2p's notation: `/ip4/127.0.0.1/tcp/4001/p2p/<peer id>`. A peer id is the node's
//! Ed25519 key in another spelling; peers with keys of another kind are no nodes. Nothing is looked up here.

use std::net::{IpAddr, SocketAddr};

use igor_core::transport::{ADDRESS_BYTES_MAX, Address, NodeId, TransportError};
use libp2p_core::multiaddr::{Multiaddr, Protocol};
use libp2p_identity::PeerId;

/// What precedes the 32 bytes of an Ed25519 key in a peer id: a hash that is none, of 36 bytes, which are
/// the key's kind and length in protobuf.
const ED25519_PREFIX: [u8; 6] = [0x00, 0x24, 0x08, 0x01, 0x12, 0x20];

/// A node as libp2p calls it; `None` for 32 bytes that cannot be a key.
pub(crate) fn peer_of(node: &NodeId) -> Option<PeerId> {
    PeerId::from_bytes(&[&ED25519_PREFIX[..], &node.0[..]].concat()).ok()
}

/// The node that has this peer id, if its key is an Ed25519 key.
pub(crate) fn node_of(peer: &PeerId) -> Option<NodeId> {
    let bytes = peer.to_bytes();
    Some(NodeId(bytes.strip_prefix(&ED25519_PREFIX)?.try_into().ok()?))
}

/// Which host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Host {
    /// By its address.
    Ip(IpAddr),
    /// By a name, and whether it is to be an address of IPv4 or of IPv6.
    Name(String, Family),
}

/// Addresses of which version a name may stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    /// `/dns`
    Any,
    /// `/dns4`
    V4,
    /// `/dns6`
    V6,
}

impl Family {
    pub(crate) const fn admits(self, address: IpAddr) -> bool {
        match self {
            Self::Any => true,
            Self::V4 => address.is_ipv4(),
            Self::V6 => address.is_ipv6(),
        }
    }
}

/// What carries a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Carrier {
    /// `/tcp/port`
    Tcp,
    /// `/udp/port/quic-v1`
    Quic,
}

/// A host, a port and what is spoken there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) host: Host,
    pub(crate) port: u16,
    pub(crate) carrier: Carrier,
}

impl Place {
    /// Where it is, if that need not be looked up.
    pub(crate) const fn socket(&self) -> Option<SocketAddr> {
        match self.host {
            Host::Ip(ip) => Some(SocketAddr::new(ip, self.port)),
            Host::Name(..) => None,
        }
    }
}

/// An address, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Parts {
    /// Where; an identity alone can be looked for.
    pub(crate) place: Option<Place>,
    /// Who is there, if the address says so.
    pub(crate) node: Option<NodeId>,
}

/// Takes an address apart.
pub(crate) fn parse(address: &Address) -> Result<Parts, TransportError> {
    if address.0.len() > ADDRESS_BYTES_MAX {
        return Err(address.refuse(format!("is longer than {ADDRESS_BYTES_MAX} bytes")));
    }
    let parsed: Multiaddr = address
        .0
        .parse()
        .map_err(|problem| address.refuse(format!("is no multiaddr: {problem}")))?;
    parts(&parsed).map_err(|problem| address.refuse(problem))
}

/// The same, of an address in libp2p's own form.
pub(crate) fn parts(address: &Multiaddr) -> Result<Parts, &'static str> {
    const SHAPE: &str = "is not of the form /ip4/…/tcp/…/p2p/…, with ip6, dns, dns4 or dns6 for another kind of host";
    let mut rest = address.iter().peekable();
    let host = match rest.peek() {
        Some(Protocol::Ip4(ip)) => Some(Host::Ip(IpAddr::V4(*ip))),
        Some(Protocol::Ip6(ip)) => Some(Host::Ip(IpAddr::V6(*ip))),
        Some(Protocol::Dns(name)) => Some(Host::Name(name.to_string(), Family::Any)),
        Some(Protocol::Dns4(name)) => Some(Host::Name(name.to_string(), Family::V4)),
        Some(Protocol::Dns6(name)) => Some(Host::Name(name.to_string(), Family::V6)),
        _ => None,
    };
    let place = match host {
        None => None,
        Some(host) => {
            rest.next();
            let (port, carrier) = match (rest.next(), rest.peek()) {
                (Some(Protocol::Tcp(port)), _) => (port, Carrier::Tcp),
                (Some(Protocol::Udp(port)), Some(Protocol::QuicV1)) => (port, Carrier::Quic),
                _ => return Err(SHAPE),
            };
            if carrier == Carrier::Quic {
                rest.next();
            }
            Some(Place { host, port, carrier })
        }
    };
    let node = match rest.next() {
        None => None,
        Some(Protocol::P2p(peer)) => {
            Some(node_of(&peer).ok_or("names a peer whose key is no Ed25519 key")?)
        }
        Some(_) => return Err(SHAPE),
    };
    if rest.next().is_some() || (place.is_none() && node.is_none()) {
        return Err(SHAPE);
    }
    Ok(Parts { place, node })
}

/// A socket's address as libp2p writes it.
pub(crate) fn multiaddr(at: SocketAddr, carrier: Carrier) -> Multiaddr {
    carried(Multiaddr::from(at.ip()), at.port(), carrier)
}

fn carried(host: Multiaddr, port: u16, carrier: Carrier) -> Multiaddr {
    match carrier {
        Carrier::Tcp => host.with(Protocol::Tcp(port)),
        Carrier::Quic => host.with(Protocol::Udp(port)).with(Protocol::QuicV1),
    }
}

/// Where a listener is, of the address that libp2p reports.
pub(crate) fn bound(address: &Multiaddr) -> Option<(SocketAddr, Carrier)> {
    let place = parts(address).ok()?.place?;
    Some((place.socket()?, place.carrier))
}

/// How a listener is dialled: by what is advertised, or where it listens; if that is any address of this
/// machine, by its own machine.
pub(crate) fn dialled(
    bound: SocketAddr,
    carrier: Carrier,
    advertise: Option<&str>,
    peer: PeerId,
) -> Address {
    let host = match (advertise.map(str::parse::<IpAddr>), bound.ip()) {
        (Some(Ok(ip)), _) => Multiaddr::from(ip),
        (Some(Err(_)), _) => {
            let name = advertise.unwrap_or_default().to_owned();
            Multiaddr::empty().with(Protocol::Dns(name.into()))
        }
        (None, IpAddr::V4(any)) if any.is_unspecified() => {
            Multiaddr::from(std::net::Ipv4Addr::LOCALHOST)
        }
        (None, IpAddr::V6(any)) if any.is_unspecified() => {
            Multiaddr::from(std::net::Ipv6Addr::LOCALHOST)
        }
        (None, ip) => Multiaddr::from(ip),
    };
    Address(carried(host, bound.port(), carrier).with(Protocol::P2p(peer)).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN";

    fn node() -> NodeId {
        node_of(&ID.parse().expect("it is a peer id")).expect("its key is an Ed25519 key")
    }

    fn parse(text: &str) -> Result<Parts, TransportError> {
        super::parse(&Address(text.to_owned()))
    }

    #[test]
    fn a_peer_id_is_the_nodes_key() {
        let peer = peer_of(&node()).expect("it is a key");
        assert_eq!(peer.to_string(), ID);
        // A peer id with an RSA key.
        let other = "QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N";
        assert_eq!(node_of(&other.parse().expect("it is a peer id")), None);
    }

    #[test]
    fn an_address_has_a_place_and_perhaps_an_identity() {
        let ip = |text: &str| Host::Ip(text.parse().expect("it is an address"));
        let name = |family| Host::Name("node.example.org".to_owned(), family);
        for (text, host, carrier) in [
            ("/ip4/127.0.0.1/tcp/7", ip("127.0.0.1"), Carrier::Tcp),
            ("/ip6/::1/tcp/7", ip("::1"), Carrier::Tcp),
            ("/dns/node.example.org/tcp/7", name(Family::Any), Carrier::Tcp),
            ("/dns4/node.example.org/tcp/7", name(Family::V4), Carrier::Tcp),
            ("/dns6/node.example.org/udp/7/quic-v1", name(Family::V6), Carrier::Quic),
        ] {
            let place = Some(Place { host, port: 7, carrier });
            let bare = parse(text).expect("it is an address");
            assert_eq!(bare, Parts { place: place.clone(), node: None });
            let full = parse(&format!("{text}/p2p/{ID}")).expect("it is an address");
            assert_eq!(full, Parts { place, node: Some(node()) });
        }
        let who = parse(&format!("/p2p/{ID}")).expect("it can be looked for");
        assert_eq!(who, Parts { place: None, node: Some(node()) });
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            "/",
            "127.0.0.1:7",
            "/ip4/127.0.0.1",
            "/ip4/127.0.0.1/udp/7",
            "/tcp/7",
            "/ip4/127.0.0.1/tcp/7/ws",
            "/ip4/127.0.0.1/tcp/65536",
            &format!("/ip4/127.0.0.1/tcp/7/p2p/{ID}/p2p-circuit"),
            &format!("/ip4/127.0.0.1/tcp/7/p2p/{ID}/p2p/{ID}"),
            &format!("/p2p/{ID}/ip4/127.0.0.1/tcp/7"),
            "/ip4/127.0.0.1/tcp/7/p2p/QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N",
            &format!("/dns/{}/tcp/7", "x".repeat(600)),
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn others_are_told_what_they_can_dial() {
        let peer = peer_of(&node()).expect("it is a key");
        let check = |bound: &str, advertise: Option<&str>, expected: &str| {
            let bound = bound.parse().expect("it is an address");
            let found = dialled(bound, Carrier::Tcp, advertise, peer);
            assert_eq!(found.0, format!("{expected}/p2p/{ID}"));
        };
        check("127.0.0.1:5", None, "/ip4/127.0.0.1/tcp/5");
        check("0.0.0.0:5", None, "/ip4/127.0.0.1/tcp/5");
        check("[::]:5", None, "/ip6/::1/tcp/5");
        check("0.0.0.0:5", Some("192.0.2.1"), "/ip4/192.0.2.1/tcp/5");
        check("0.0.0.0:5", Some("node.example.org"), "/dns/node.example.org/tcp/5");
    }
}
