//! Where a node is: `scheme://place#nodeid`. The frame is the same for every transport that has no
//! notation of its own; what a place is, is the transport's business.

use std::fmt;

use super::{NodeId, TransportError};

/// Bytes of the longest address.
pub const ADDRESS_BYTES_MAX: usize = 512;

/// The address of a node in a transport's own notation, as it was given: it may be anything.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(pub String);

/// An address of the form `scheme://place#nodeid`, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddressParts<'a> {
    /// Between the scheme and the identity; not empty.
    pub place: &'a str,
    /// Who is there, if the address says so.
    pub node: Option<NodeId>,
}

impl Address {
    /// The address of `node` at `place`.
    pub fn of(scheme: &str, place: &str, node: NodeId) -> Self {
        Self(format!("{scheme}://{place}#{node}"))
    }

    /// Takes the address apart.
    ///
    /// # Errors
    /// [`TransportError::Address`] when it has another scheme, no place, or something behind `#` that is
    /// no NodeId.
    pub fn parts(&self, scheme: &str) -> Result<AddressParts<'_>, TransportError> {
        if self.0.len() > ADDRESS_BYTES_MAX {
            return Err(self.refuse(format!("is longer than {ADDRESS_BYTES_MAX} bytes")));
        }
        let rest = self.0.strip_prefix(scheme).and_then(|rest| rest.strip_prefix("://"));
        let rest = rest.ok_or_else(|| self.refuse(format!("does not begin with {scheme}://")))?;
        let (place, node) = match rest.split_once('#') {
            None => (rest, None),
            Some((place, id)) => {
                let id =
                    id.parse().map_err(|problem| self.refuse(format!("behind #: {problem}")))?;
                (place, Some(id))
            }
        };
        if place.is_empty() {
            return Err(self.refuse("names no place"));
        }
        if !place.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(self.refuse("has characters other than visible ASCII"));
        }
        Ok(AddressParts { place, node })
    }

    /// The same, of an address that must name the identity.
    ///
    /// # Errors
    /// Those of [`parts`](Self::parts), and when it names none.
    pub fn peer(&self, scheme: &str) -> Result<(&str, NodeId), TransportError> {
        let AddressParts { place, node } = self.parts(scheme)?;
        let node = node.ok_or_else(|| self.refuse("does not name the identity, as in …#nodeid"))?;
        Ok((place, node))
    }

    /// The same, of an address that must not name another identity than `local`.
    ///
    /// # Errors
    /// Those of [`parts`](Self::parts), and when it does.
    pub fn own(&self, scheme: &str, local: NodeId) -> Result<&str, TransportError> {
        let AddressParts { place, node } = self.parts(scheme)?;
        match node {
            Some(node) if node != local => Err(self.refuse("names another node than this one")),
            _ => Ok(place),
        }
    }

    /// The error for this address; what is shown of it is bounded.
    pub fn refuse(&self, problem: impl Into<String>) -> TransportError {
        let address = self.0.chars().take(ADDRESS_BYTES_MAX).collect();
        TransportError::Address { address, problem: problem.into() }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NODE: NodeId = NodeId([0xab; 32]);

    #[test]
    fn an_address_has_a_place_and_perhaps_an_identity() {
        let full = Address::of("quic", "host:1", NODE);
        assert_eq!(full.0, format!("quic://host:1#{}", "ab".repeat(32)));
        let parts = full.parts("quic").expect("it is an address");
        assert_eq!(parts, AddressParts { place: "host:1", node: Some(NODE) });
        let bare = Address("quic://host:1".to_owned());
        let parts = bare.parts("quic").expect("it is an address");
        assert_eq!(parts, AddressParts { place: "host:1", node: None });
    }

    #[test]
    fn who_is_dialled_is_named_and_who_listens_is_no_other() {
        let full = Address::of("quic", "host:1", NODE);
        let bare = Address("quic://host:1".to_owned());
        assert_eq!(full.peer("quic").expect("it names one"), ("host:1", NODE));
        assert!(bare.peer("quic").is_err());
        assert_eq!(full.own("quic", NODE).expect("it names this node"), "host:1");
        assert_eq!(bare.own("quic", NODE).expect("it names none"), "host:1");
        assert!(full.own("quic", NodeId([1; 32])).is_err());
    }

    #[test]
    fn what_is_no_address_is_refused_by_reason() {
        let id = NODE.to_string();
        for (text, problem) in [
            ("", "does not begin with quic://"),
            ("quic:host:1", "does not begin with quic://"),
            ("QUIC://host:1", "does not begin with quic://"),
            ("memory://host", "does not begin with quic://"),
            ("quic://", "names no place"),
            (&format!("quic://#{id}"), "names no place"),
            ("quic://host:1#", "a NodeId has 64"),
            (&format!("quic://host:1#{id}0"), "a NodeId has 64"),
            (&format!("quic://host:1#{id}#{id}"), "a NodeId has 64"),
            ("quic://ho st:1", "characters other than"),
            (&format!("quic://{}", "x".repeat(600)), "is longer than 512 bytes"),
        ] {
            let error = Address(text.to_owned()).parts("quic").expect_err("it is no address");
            assert!(error.to_string().contains(problem), "{error}");
        }
    }
}
