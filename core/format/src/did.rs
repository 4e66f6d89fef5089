//! An agent's identity as text: the `did:key` form of its public key. It is not the agent's name on
//! a node and says nothing about who holds the private key.

use core::fmt;
use core::str::FromStr;

use crate::PublicKey;

/// What every DID begins with; `z` names the base, base58btc.
const PREFIX: &str = "did:key:z";
/// The multicodec of an Ed25519 public key, as a varint.
const CODEC: [u8; 2] = [0xed, 0x01];
/// Longer text cannot hold a key of 32 bytes; decoding takes quadratic time, so it is refused first.
const TEXT_BYTES_MAX: usize = 64;

/// The identity of an agent: `did:key:z6Mk…`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Did(PublicKey);

/// The text is no DID of an agent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DidError {
    /// Shorter or longer than any DID.
    #[error("a DID of {0} bytes: {PREFIX} and a key expected")]
    Length(usize),
    /// Another method or another base.
    #[error("a DID must begin with {PREFIX}")]
    Prefix,
    /// A character that base58btc does not have.
    #[error("a DID holds only base58btc characters after {PREFIX}")]
    Character,
    /// Not an Ed25519 key.
    #[error("the DID's key is not an Ed25519 key")]
    Codec,
    /// An Ed25519 key of the wrong length.
    #[error("the DID's key has {0} bytes, 32 expected")]
    KeyLength(usize),
}

impl Did {
    /// The identity that a key is.
    pub const fn of(key: PublicKey) -> Self {
        Self(key)
    }

    /// The key that this identity is.
    pub const fn public_key(&self) -> PublicKey {
        self.0
    }

    /// The first 16 characters, three dots, and the last 4, for narrow places.
    pub fn short(&self) -> String {
        let text = self.to_string();
        let tail = text.len().saturating_sub(4);
        let (head, tail) = (text.get(..16), text.get(tail..));
        format!("{}...{}", head.unwrap_or_default(), tail.unwrap_or_default())
    }
}

impl FromStr for Did {
    type Err = DidError;

    fn from_str(text: &str) -> Result<Self, DidError> {
        if text.len() <= PREFIX.len() || text.len() > TEXT_BYTES_MAX {
            return Err(DidError::Length(text.len()));
        }
        let encoded = text.strip_prefix(PREFIX).ok_or(DidError::Prefix)?;
        let bytes = bs58::decode(encoded).into_vec().map_err(|_| DidError::Character)?;
        let key = bytes.strip_prefix(&CODEC).ok_or(DidError::Codec)?;
        let key = key.try_into().map_err(|_| DidError::KeyLength(key.len()))?;
        Ok(Self(PublicKey::from_bytes(key)))
    }
}

impl fmt::Display for Did {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [&CODEC[..], self.0.as_bytes()].concat();
        f.pad(&format!("{PREFIX}{}", bs58::encode(bytes).into_string()))
    }
}

impl fmt::Debug for Did {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Did({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "did:key:z6MkehRgf7yJbgaGfYsdoAsKdBPE3dj2CYhowQdcjqSJgvVd";

    #[test]
    fn text_form_round_trips() {
        let did: Did = TEXT.parse().expect("a DID of the original");
        assert_eq!(did.to_string(), TEXT);
        assert_eq!(did.short(), "did:key:z6MkehRg...gvVd");
        assert_eq!(
            did.public_key().to_string(),
            "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8"
        );
        for byte in [0, 1, 0xff] {
            let did = Did::of(PublicKey::from_bytes([byte; 32]));
            assert_eq!(did.to_string().parse(), Ok(did));
            assert!(did.to_string().starts_with("did:key:z6Mk"), "{did}");
        }
    }

    #[test]
    fn other_text_is_refused_by_reason() {
        let encoded = |bytes: &[u8]| format!("{PREFIX}{}", bs58::encode(bytes).into_string());
        let cases = [
            (String::new(), DidError::Length(0)),
            (PREFIX.to_owned(), DidError::Length(9)),
            (TEXT.replace("key", "web"), DidError::Prefix),
            (TEXT.replace("z6Mk", "f6Mk"), DidError::Prefix),
            (TEXT.replace("ehRg", "eh0g"), DidError::Character),
            (TEXT.replace("ehRg", "ehRé"), DidError::Character),
            (encoded(&[0xed]), DidError::Codec),
            (encoded(&[0xec, 0x01, 1]), DidError::Codec),
            (encoded(&[0xed, 0x01]), DidError::KeyLength(0)),
            (encoded(&[&CODEC[..], &[7; 31]].concat()), DidError::KeyLength(31)),
            (encoded(&[&CODEC[..], &[7; 33]].concat()), DidError::KeyLength(33)),
            (format!("{TEXT}1111111111111"), DidError::Length(69)),
        ];
        for (text, expected) in cases {
            assert_eq!(text.parse::<Did>(), Err(expected), "{text}");
        }
    }
}
