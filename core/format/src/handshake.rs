//! How a node proves to a peer that it holds its key, while a connection is set up: it signs what the
//! handshake of a known protocol has it sign, recognised by its form, and nothing else. It is no general
//! signer: bytes of another form are refused, and no form can be taken for a [`Domain`](crate::Domain)'s
//! tag or a checkpoint.
//!
//! Why this shape: a transport is given the key itself, so that the private half stays in it, and cannot use
//! it for anything but a handshake. The one exception is lent by name.

use zeroize::Zeroizing;

use crate::key::{NodeKey, PublicKey, Signature, SignatureError};

/// What precedes the name of who signs in TLS 1.3 (RFC 8446, 4.4.3).
const TLS_PADDING: [u8; 64] = [0x20; 64];
/// Who signs, and the zero byte before the hash of the handshake so far.
const TLS_SIGNERS: [&[u8]; 2] =
    [b"TLS 1.3, server CertificateVerify\0", b"TLS 1.3, client CertificateVerify\0"];
/// Bytes of a hash in TLS 1.3: SHA-256 or SHA-384.
const TLS_HASH_BYTES: [usize; 2] = [32, 48];

/// The bytes are not what a known handshake has a node sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("sign a handshake: the bytes are of no known handshake")]
pub struct HandshakeError;

/// Whether `message` is what TLS 1.3 has its server or client sign.
fn is_handshake(message: &[u8]) -> bool {
    let rest = message.strip_prefix(&TLS_PADDING);
    let hash = rest.and_then(|rest| TLS_SIGNERS.iter().find_map(|name| rest.strip_prefix(*name)));
    hash.is_some_and(|hash| TLS_HASH_BYTES.contains(&hash.len()))
}

impl NodeKey {
    /// Signs what a handshake has the node sign, to prove that it holds this key. The one form so far is
    /// the content of TLS 1.3's `CertificateVerify`, of the server or of the client.
    ///
    /// # Errors
    /// When `message` is of no known form.
    pub fn prove(&self, message: &[u8]) -> Result<Signature, HandshakeError> {
        if is_handshake(message) { Ok(self.sign_untagged(message)) } else { Err(HandshakeError) }
    }

    /// Lends the 32 secret bytes to a library of handshakes that signs by itself and has no other way, or to a
    /// one-way function by which another secret of this node comes from them. What is lent is a copy that is
    /// erased when `use_it` returns. Only for a transport, and only where [`prove`](Self::prove) cannot be
    /// used.
    pub fn lend_seed<T>(&self, use_it: impl FnOnce(&mut [u8; 32]) -> T) -> T {
        let mut seed = Zeroizing::new(*self.seed());
        use_it(&mut seed)
    }
}

impl PublicKey {
    /// Checks what [`NodeKey::prove`] signed. Strict: small-order keys, which anyone can sign for, prove
    /// nothing.
    ///
    /// # Errors
    /// [`SignatureError`], without saying why.
    pub fn verify_proof(
        &self,
        message: &[u8],
        signature: &Signature,
    ) -> Result<(), SignatureError> {
        if is_handshake(message) {
            self.verify_parts(&[message], signature)
        } else {
            Err(SignatureError)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Domain;

    fn message(signer: &str, hash_bytes: usize) -> Vec<u8> {
        [
            &[b' '; 64],
            format!("TLS 1.3, {signer} CertificateVerify\0").as_bytes(),
            &vec![7; hash_bytes],
        ]
        .concat()
    }

    #[test]
    fn a_proof_is_valid_for_its_key_and_message_only() {
        let key = NodeKey::from_seed(&[9; 32]);
        for message in [message("server", 32), message("client", 48)] {
            let proof = key.prove(&message).expect("it is a handshake's");
            assert_eq!(key.public_key().verify_proof(&message, &proof), Ok(()));
            let other = NodeKey::from_seed(&[8; 32]).public_key();
            assert_eq!(other.verify_proof(&message, &proof), Err(SignatureError));
            let mut changed = message.clone();
            *changed.last_mut().expect("it is not empty") ^= 1;
            assert_eq!(key.public_key().verify_proof(&changed, &proof), Err(SignatureError));
        }
    }

    #[test]
    fn nothing_but_a_handshake_is_signed_or_accepted() {
        let key = NodeKey::from_seed(&[9; 32]);
        let tls = message("server", 32);
        let tagged = [Domain::Segment.tag(), b"anything"].concat();
        for other in [
            &b""[..],
            b"anything",
            &tagged,
            &tls[1..],
            &tls[..tls.len() - 1],
            &[&tls[..], &[0]].concat(),
            &message("server", 0),
            &message("anyone", 32),
            &[b' '; 130],
        ] {
            assert_eq!(key.prove(other), Err(HandshakeError), "{other:?}");
            let signature = key.sign_untagged(other);
            assert_eq!(key.public_key().verify_proof(other, &signature), Err(SignatureError));
        }
    }

    #[test]
    fn what_is_lent_is_the_key_and_no_part_of_it() {
        let key = NodeKey::from_seed(&[9; 32]);
        key.lend_seed(|seed| {
            assert_eq!(NodeKey::from_seed(seed).public_key(), key.public_key());
            // Whatever is done to what is lent.
            *seed = [0; 32];
        });
        assert_eq!(key.lend_seed(|seed| *seed), [9; 32]);
    }

    #[test]
    fn a_key_that_anyone_can_sign_for_proves_nothing() {
        let mut neutral = [0; 32];
        neutral[0] = 1;
        let mut forged = [0; 64];
        forged[0] = 1;
        let key = PublicKey::from_bytes(neutral);
        let proof = Signature::from_bytes(forged);
        assert_eq!(key.verify_proof(&message("client", 32), &proof), Err(SignatureError));
    }
}
