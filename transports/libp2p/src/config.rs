//! The plugin's configuration, `[transport.libp2p]`.

use serde::Deserialize;

/// What `[transport.libp2p]` may say.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Libp2pConfig {
    /// What others are told to dial instead of the address that is listened on: a host name or an IP
    /// address.
    pub advertise: Option<String>,
    /// Bytes of memory of this process above which nobody new is let in; none means that nobody looks.
    pub memory_bytes_max: Option<u64>,
}

impl Libp2pConfig {
    /// Refuses a value that cannot be used: the field, and why.
    pub(crate) fn check(&self) -> Result<(), (&'static str, String)> {
        if let Some(host) = &self.advertise
            && !is_host(host)
        {
            let problem = "must be a host name or an IP address, without a port";
            return Err(("advertise", problem.to_owned()));
        }
        Ok(())
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
        for host in ["::1", "192.0.2.1", "node.example.org"] {
            let config = Libp2pConfig { advertise: Some(host.to_owned()), ..Default::default() };
            assert_eq!(config.check(), Ok(()), "{host:?}");
        }
    }
}
