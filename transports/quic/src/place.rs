//! Where a node listens: `host:port`, with an IPv6 address in brackets. Nothing is looked up here.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Bytes of the longest host name.
const HOST_BYTES_MAX: usize = 253;

/// A host and a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// As it is looked up, without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl Place {
    /// Reads `host:port`.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        let (host, port) = text.rsplit_once(':').ok_or("names no port, as in host:port")?;
        if port.is_empty() || !port.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err("names no port, as in host:port");
        }
        let port = port.parse().map_err(|_| "names a port above 65535")?;
        if !is_host(host) {
            return Err("names no host, as in host:port");
        }
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        Ok(Self { host, port })
    }
}

/// Whether this is a host name, an IPv4 address, or an IPv6 address in brackets.
pub(crate) fn is_host(text: &str) -> bool {
    if let Some(address) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return address.parse::<Ipv6Addr>().is_ok();
    }
    let known = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
    (1..=HOST_BYTES_MAX).contains(&text.len()) && text.bytes().all(known)
}

/// How an address that is listened on is dialled: if it is any of this machine's, by its own machine.
pub(crate) fn dialled(bound: SocketAddr, advertise: Option<&str>) -> String {
    let host = match (advertise, bound.ip()) {
        (Some(host), _) => return format!("{host}:{}", bound.port()),
        (None, IpAddr::V4(any)) if any.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        (None, IpAddr::V6(any)) if any.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        (None, host) => host,
    };
    SocketAddr::new(host, bound.port()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_host_and_a_port() {
        for (text, host, port) in [
            ("127.0.0.1:0", "127.0.0.1", 0),
            ("node.example.org:65535", "node.example.org", 65_535),
            ("[::1]:7", "::1", 7),
        ] {
            let expected = Place { host: host.to_owned(), port };
            assert_eq!(Place::parse(text), Ok(expected));
        }
    }

    #[test]
    fn what_is_no_place_is_refused() {
        for text in [
            "",
            ":",
            "host",
            "host:",
            ":1",
            "host:65536",
            "host:+1",
            "host:-1",
            "host: 1",
            "::1:7",
            "[::1]",
            "[::1",
            "[host]:1",
            "a/b:1",
            "a@b:1",
            "é:1",
        ] {
            assert!(Place::parse(text).is_err(), "{text:?}");
        }
        assert!(Place::parse(&format!("{}:1", "x".repeat(254))).is_err());
    }

    #[test]
    fn others_are_told_what_they_can_dial() {
        let bound = |text: &str| text.parse::<SocketAddr>().expect("it is an address");
        assert_eq!(dialled(bound("127.0.0.1:5"), None), "127.0.0.1:5");
        assert_eq!(dialled(bound("0.0.0.0:5"), None), "127.0.0.1:5");
        assert_eq!(dialled(bound("[::]:5"), None), "[::1]:5");
        assert_eq!(dialled(bound("0.0.0.0:5"), Some("node.example.org")), "node.example.org:5");
    }
}
