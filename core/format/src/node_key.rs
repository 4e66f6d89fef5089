//! The node key file: a node's private key at rest. It is not encrypted; keeping others from reading
//! it is the business of whoever writes the file. It is not an agent's identity, whose bytes the
//! original fixed.
//!
//! The layout is the tag `igor/node-key/1` with a zero byte, the 32-byte seed and the 32-byte public
//! key, which must belong to the seed.

use zeroize::Zeroizing;

use crate::{Decoder, NodeKey};

/// What every node key file begins with.
const TAG: [u8; 16] = *b"igor/node-key/1\0";
/// Bytes of a node key file.
pub const NODE_KEY_BYTES: usize = 80;

/// Why bytes are no node key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NodeKeyError {
    /// Something else lies here, or a later version of it.
    #[error("read node key: it does not begin with igor/node-key/1")]
    NotANodeKey,
    /// The file ends early or goes on after its end.
    #[error("read node key: {0} bytes, {NODE_KEY_BYTES} expected")]
    Length(usize),
    /// The public half does not belong to the private one.
    #[error("read node key: the public key does not belong to the private key")]
    KeyMismatch,
}

/// The node key file of a key, erased from memory when dropped.
pub fn encode_node_key(key: &NodeKey) -> Zeroizing<[u8; NODE_KEY_BYTES]> {
    let mut bytes = Zeroizing::new([0; NODE_KEY_BYTES]);
    let public_key = key.public_key();
    let source = TAG.iter().chain(key.seed()).chain(public_key.as_bytes());
    for (target, source) in bytes.iter_mut().zip(source) {
        *target = *source;
    }
    bytes
}

/// Reads a node key file.
///
/// # Errors
/// [`NodeKeyError`].
pub fn decode_node_key(bytes: &[u8]) -> Result<NodeKey, NodeKeyError> {
    let content = bytes.strip_prefix(&TAG).ok_or(NodeKeyError::NotANodeKey)?;
    let mut decoder = Decoder::new(content);
    let seed = Zeroizing::new(decoder.array::<32>());
    let public_key = decoder.array::<32>();
    decoder.finish().map_err(|_| NodeKeyError::Length(bytes.len()))?;
    let key = NodeKey::from_seed(&seed);
    if *key.public_key().as_bytes() == public_key {
        Ok(key)
    } else {
        Err(NodeKeyError::KeyMismatch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_key_round_trips() {
        let key = NodeKey::from_seed(&[9; 32]);
        let read = decode_node_key(encode_node_key(&key).as_slice()).map(|key| key.public_key());
        assert_eq!(read, Ok(key.public_key()));
    }

    #[test]
    fn what_is_no_node_key_is_refused_by_reason() {
        let bytes = encode_node_key(&NodeKey::from_seed(&[9; 32]));
        let check = |bytes: &[u8], expected| {
            assert_eq!(decode_node_key(bytes).err(), Some(expected));
        };
        for length in 0..NODE_KEY_BYTES {
            let expected = match length {
                0..16 => NodeKeyError::NotANodeKey,
                _ => NodeKeyError::Length(length),
            };
            check(&bytes[..length], expected);
        }
        check(&[bytes.as_slice(), &[0]].concat(), NodeKeyError::Length(81));
        for index in 0..NODE_KEY_BYTES {
            let mut other = *bytes;
            other[index] ^= 1;
            let expected = match index {
                0..16 => NodeKeyError::NotANodeKey,
                _ => NodeKeyError::KeyMismatch,
            };
            check(&other, expected);
        }
    }
}
