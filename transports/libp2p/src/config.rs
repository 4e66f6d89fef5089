//! The plugin's configuration, `[transport.libp2p]`.

use igor_core::transport::Address;
use libp2p_core::{Multiaddr, PeerId};
use serde::Deserialize;

use crate::address;

/// What `[transport.libp2p]` may say.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Libp2pConfig {
    /// What others are told to dial instead of the address that is listened on: a host name or an IP
    /// address.
    pub advertise: Option<String>,
    /// Bytes of memory of this process above which nobody new is let in; none means that nobody looks.
    pub memory_bytes_max: Option<u64>,
    /// Speaks libp2p's QUIC as well.
    pub quic: bool,
    /// Finds nodes of the local network by their identity.
    pub mdns: bool,
    /// Finds nodes by their identity through others.
    pub kad: bool,
    /// Addresses of nodes to begin with when nodes are looked for through others.
    pub kad_peers: Vec<String>,
}

impl Libp2pConfig {
    /// Refuses a value that cannot be used: the field, and why.
    pub(crate) fn check(&self) -> Result<(), (&'static str, String)> {
        for (field, wanted, built) in [
            ("quic", self.quic, cfg!(feature = "quic")),
            ("mdns", self.mdns, cfg!(feature = "mdns")),
            ("kad", self.kad, cfg!(feature = "kad")),
        ] {
            if wanted && !built {
                return Err((field, format!("this program was built without the feature {field}")));
            }
        }
        if let Some(host) = &self.advertise
            && !is_host(host)
        {
            let problem = "must be a host name or an IP address, without a port";
            return Err(("advertise", problem.to_owned()));
        }
        if !self.kad && !self.kad_peers.is_empty() {
            return Err(("kad_peers", "are of no use without kad = true".to_owned()));
        }
        self.beginnings().map_err(|problem| ("kad_peers", problem))?;
        Ok(())
    }
}

impl Libp2pConfig {
    /// Whom to begin with when nodes are looked for through others.
    pub(crate) fn beginnings(&self) -> Result<Vec<(PeerId, Multiaddr)>, String> {
        let one = |text: &String| {
            let parts =
                address::parse(&Address(text.clone())).map_err(|error| error.to_string())?;
            let at = parts.place.and_then(|place| place.socket().map(|at| (at, place.carrier)));
            let (at, carrier) = at.ok_or_else(|| format!("{text:?} names no IP address"))?;
            let peer = parts.node.and_then(|node| address::peer_of(&node));
            let peer = peer.ok_or_else(|| format!("{text:?} names nobody, as in /p2p/…"))?;
            Ok((peer, address::multiaddr(at, carrier)))
        };
        self.kad_peers.iter().map(one).collect()
    }
}

/// Whether this is an IP address or a host name.
fn is_host(text: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
    let name = (1..=253).contains(&text.len()) && text.bytes().all(known);
    name || text.parse::<std::net::IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_used_is_refused_by_field() {
        let check = |config: Libp2pConfig| config.check().expect_err("it cannot be used").0;
        for host in ["", "host:1", "a b", "[::1]"] {
            let config = Libp2pConfig { advertise: Some(host.to_owned()), ..Default::default() };
            assert_eq!(check(config), "advertise", "{host:?}");
        }
        let kad_peers = vec!["/ip4/127.0.0.1/tcp/1".to_owned()];
        assert_eq!(check(Libp2pConfig { kad_peers, ..Default::default() }), "kad_peers");
        for host in ["::1", "192.0.2.1", "node.example.org"] {
            let config = Libp2pConfig { advertise: Some(host.to_owned()), ..Default::default() };
            assert_eq!(config.check(), Ok(()), "{host:?}");
        }
    }

    #[test]
    fn what_was_not_built_in_cannot_be_switched_on() {
        for (config, built) in [
            (Libp2pConfig { quic: true, ..Default::default() }, cfg!(feature = "quic")),
            (Libp2pConfig { mdns: true, ..Default::default() }, cfg!(feature = "mdns")),
            (Libp2pConfig { kad: true, ..Default::default() }, cfg!(feature = "kad")),
        ] {
            assert_eq!(config.check().is_ok(), built, "{config:?}");
        }
    }
}
