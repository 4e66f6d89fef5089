//! Where the control API is at a TCP address: how such an address is written, and listening at one. What is said there
//! is not encrypted, and everyone who can connect may try, so each request carries a [`super::token`].

use std::net::{Ipv4Addr, SocketAddr, ToSocketAddrs};

use tokio::net::TcpListener;

use crate::problem::Problem;

/// Reads an address; a port alone is one of this machine that nobody else reaches.
pub(crate) fn address(text: &str) -> Result<SocketAddr, String> {
    if let Ok(port) = text.strip_prefix(':').unwrap_or(text).parse() {
        return Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    }
    let mut found = text.to_socket_addrs().map_err(|error| {
        format!(
            "an address is a port, such as 7400, or HOST:PORT, such as 127.0.0.1:7400 ({error})"
        )
    })?;
    found.next().ok_or_else(|| "no such host has an address".to_owned())
}

/// Listens at `address`.
pub(crate) async fn listen(address: SocketAddr) -> Result<TcpListener, Problem> {
    if !address.ip().is_loopback() {
        tracing::warn!(
            "the control API at {address} can be reached from elsewhere, and what is said there can be read \
             on the way, the token included: let it be reached through ssh or a proxy with TLS only"
        );
    }
    TcpListener::bind(address).await.map_err(|error| {
        Problem::new(
            format_args!("listen at {address}: {error}"),
            "Give an address of this machine that is free with --control-listen.",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_alone_is_of_this_machine() {
        for text in ["7400", ":7400", "127.0.0.1:7400"] {
            let found = address(text).expect("an address");
            assert_eq!(found.to_string(), "127.0.0.1:7400", "{text}");
        }
        assert_eq!(address("[::1]:7").map(|found| found.port()), Ok(7));
        for text in ["", ":", "70000", "127.0.0.1", "/run/x"] {
            assert!(address(text).is_err(), "{text}");
        }
    }
}
