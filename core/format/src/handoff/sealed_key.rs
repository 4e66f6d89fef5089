//! An agent's private key on its way: sealed so that only the node that it is meant for can open it.
//! It is not the identity file, and it does not say whom the agent belongs to; the offer does.

use core::fmt;

/// An agent's 32-byte seed, sealed to one node.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SealedKey([u8; Self::BYTES]);

impl SealedKey {
    /// Bytes of a sealed key.
    pub const BYTES: usize = 80;

    /// Takes the bytes of a sealed key that was read from somewhere.
    pub const fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }
}

impl fmt::Debug for SealedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealedKey(..)")
    }
}
