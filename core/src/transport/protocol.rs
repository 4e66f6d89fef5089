//! The name of what is spoken on a stream. It is not a version negotiation: another version is another
//! name.

use std::fmt;

use super::TransportError;

/// Bytes of the longest name.
pub const PROTOCOL_BYTES_MAX: usize = 64;

/// The name of what is spoken on a stream, as in `/igor/ping/1.0.0`: 1 to 64 visible ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProtocolId(String);

impl ProtocolId {
    /// Reads a name.
    ///
    /// # Errors
    /// [`TransportError::Protocol`] when it is empty, too long, or has other characters.
    pub fn new(name: &str) -> Result<Self, TransportError> {
        let refuse = |problem: &str| {
            let name = name.chars().take(PROTOCOL_BYTES_MAX).collect();
            Err(TransportError::Protocol { name, problem: problem.to_owned() })
        };
        if name.is_empty() {
            return refuse("is empty");
        }
        if name.len() > PROTOCOL_BYTES_MAX {
            return refuse("is longer than 64 bytes");
        }
        if !name.bytes().all(|byte| byte.is_ascii_graphic()) {
            return refuse("has characters other than visible ASCII");
        }
        Ok(Self(name.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ProtocolId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_visible_and_bounded() {
        for name in ["/igor/ping/1.0.0", "x", &"x".repeat(64)] {
            assert_eq!(ProtocolId::new(name).expect("it is a name").as_str(), name);
        }
        for (name, problem) in [
            ("", "is empty"),
            (&*"x".repeat(65), "is longer than 64 bytes"),
            ("a b", "has characters other than visible ASCII"),
            ("a\n", "has characters other than visible ASCII"),
            ("é", "has characters other than visible ASCII"),
        ] {
            let error = ProtocolId::new(name).expect_err("it is no name").to_string();
            assert!(error.ends_with(problem), "{error}");
        }
    }
}
