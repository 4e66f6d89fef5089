//! The identity file: an agent's private key at rest, with the original's bytes. It is not
//! encrypted; keeping others from reading it is the storage's duty.
//!
//! The layout is a length of 4 bytes (64), the 32-byte seed and the 32-byte public key. The original
//! takes the public half as it finds it; here it must belong to the seed, as a signature made
//! with a foreign half would give the seed away. Bytes after the 68th are ignored, as in the
//! original; what is written never has any.

use ed25519_dalek::SigningKey;
use zeroize::Zeroizing;

use crate::{AgentKey, Decoder};

/// Bytes of an identity file.
pub const IDENTITY_BYTES: usize = 68;

/// Bytes of a key pair: seed and public key.
const KEY_PAIR_BYTES: u32 = 64;

/// Why bytes are no identity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// The file ends early.
    #[error("read identity: {0} bytes, {IDENTITY_BYTES} expected")]
    Truncated(usize),
    /// The length in front is not that of a key pair.
    #[error("read identity: key of {0} bytes, {KEY_PAIR_BYTES} expected")]
    KeyLength(u32),
    /// The public half does not belong to the private one.
    #[error("read identity: the public key does not belong to the private key")]
    KeyMismatch,
}

/// The identity file of a key, erased from memory when dropped.
pub fn encode_identity(key: &AgentKey) -> Zeroizing<[u8; IDENTITY_BYTES]> {
    let mut bytes = Zeroizing::new([0; IDENTITY_BYTES]);
    let public_key = key.public_key();
    let length = KEY_PAIR_BYTES.to_le_bytes();
    let source = length.iter().chain(key.seed()).chain(public_key.as_bytes());
    for (target, source) in bytes.iter_mut().zip(source) {
        *target = *source;
    }
    bytes
}

/// Reads an identity file.
///
/// # Errors
/// [`IdentityError`].
pub fn decode_identity(bytes: &[u8]) -> Result<AgentKey, IdentityError> {
    let mut decoder = Decoder::new(bytes);
    let length = decoder.u32();
    if decoder.status().is_ok() && length != KEY_PAIR_BYTES {
        return Err(IdentityError::KeyLength(length));
    }
    let seed = Zeroizing::new(decoder.array::<32>());
    let public_key = decoder.array::<32>();
    decoder.status().map_err(|_| IdentityError::Truncated(bytes.len()))?;
    if SigningKey::from_bytes(&seed).verifying_key().to_bytes() != public_key {
        return Err(IdentityError::KeyMismatch);
    }
    Ok(AgentKey::from_seed(&seed))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], expected: &IdentityError) {
        assert_eq!(decode_identity(bytes).err().as_ref(), Some(expected));
    }

    #[test]
    fn an_identity_round_trips_and_may_be_followed_by_bytes() {
        let key = AgentKey::from_seed(&[9; 32]);
        let mut bytes = encode_identity(&key).to_vec();
        for _ in 0..2 {
            let read = decode_identity(&bytes).map(|key| key.public_key());
            assert_eq!(read, Ok(key.public_key()));
            bytes.push(1);
        }
    }

    #[test]
    fn what_is_no_identity_is_refused_by_reason() {
        let bytes = encode_identity(&AgentKey::from_seed(&[9; 32]));
        for length in 0..IDENTITY_BYTES {
            check(&bytes[..length], &IdentityError::Truncated(length));
        }
        for index in 4..IDENTITY_BYTES {
            let mut other = *bytes;
            other[index] ^= 1;
            check(&other, &IdentityError::KeyMismatch);
        }
        let mut other = *bytes;
        other[0] = 32;
        check(&other, &IdentityError::KeyLength(32));
    }
}
