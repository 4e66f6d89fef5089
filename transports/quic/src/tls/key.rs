//! The node's key as TLS sees it: 44 bytes that say "Ed25519" and give the public half, and a signer that
//! asks the key to prove itself. The private half is never here.

use std::fmt;
use std::sync::Arc;

use igor_core::format::NodeKey;
use igor_core::transport::NodeId;
use rustls::pki_types::SubjectPublicKeyInfoDer;
use rustls::sign::{Signer, SigningKey};
use rustls::{Error, SignatureAlgorithm, SignatureScheme};

/// What precedes the 32 bytes of an Ed25519 key in a SubjectPublicKeyInfo (RFC 8410).
const ED25519_PREFIX: [u8; 12] =
    [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// A node's public key as it is sent.
pub(super) fn raw_public_key(node: &NodeId) -> Vec<u8> {
    [ED25519_PREFIX.as_slice(), node.0.as_slice()].concat()
}

/// The node whose public key this is, if it is an Ed25519 key and nothing else.
pub(crate) fn node_of(raw_public_key: &[u8]) -> Option<NodeId> {
    let key = raw_public_key.strip_prefix(&ED25519_PREFIX)?;
    Some(NodeId(key.try_into().ok()?))
}

/// Signs handshakes.
#[derive(Clone)]
pub(super) struct NodeSigner(Arc<NodeKey>);

impl NodeSigner {
    pub(super) const fn new(key: Arc<NodeKey>) -> Self {
        Self(key)
    }
}

impl fmt::Debug for NodeSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeSigner({})", self.0.public_key())
    }
}

impl SigningKey for NodeSigner {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        let known = offered.contains(&SignatureScheme::ED25519);
        known.then(|| -> Box<dyn Signer> { Box::new(self.clone()) })
    }

    fn public_key(&self) -> Option<SubjectPublicKeyInfoDer<'_>> {
        Some(raw_public_key(&NodeId::of(&self.0.public_key())).into())
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::ED25519
    }
}

impl Signer for NodeSigner {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let signature = self.0.prove(message).map_err(|error| Error::General(error.to_string()))?;
        Ok(signature.as_bytes().to_vec())
    }

    fn scheme(&self) -> SignatureScheme {
        SignatureScheme::ED25519
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_key_is_read_as_it_is_sent() {
        let node = NodeId([7; 32]);
        let sent = raw_public_key(&node);
        assert_eq!(node_of(&sent), Some(node));
        for index in 0..ED25519_PREFIX.len() {
            let mut other = sent.clone();
            other[index] ^= 1;
            assert_eq!(node_of(&other), None, "byte {index}");
        }
        for other in [&[][..], &sent[..43], &sent[1..], &[&sent[..], &[0]].concat()] {
            assert_eq!(node_of(other), None, "{} bytes", other.len());
        }
    }

    #[test]
    fn nothing_but_a_handshake_is_signed_or_shown() {
        let signer = NodeSigner::new(Arc::new(NodeKey::from_seed(&[7; 32])));
        assert!(signer.sign(b"anything").is_err());
        assert!(signer.choose_scheme(&[SignatureScheme::RSA_PSS_SHA256]).is_none());
        assert_eq!(format!("{signer:?}").len(), "NodeSigner()".len() + 64);
    }
}
