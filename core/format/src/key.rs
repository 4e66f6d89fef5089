//! Ed25519 keys and signatures. A private key here cannot sign bytes that carry no meaning: it
//! signs a checkpoint, whose bytes the original fixed, a message under the tag of a [`Domain`], or a
//! handshake of a known form. It is not a general signer, cannot be printed, compared or copied, and
//! does not make randomness.
//!
//! Why this shape: the original signs payment receipts as raw bytes with the key that signs
//! checkpoints, so that a guest could have a checkpoint of its choice signed as a payment.
//!
//! There is no method that signs bytes alone:
//!
//! ```compile_fail
//! use igor_format::AgentKey;
//! let key = AgentKey::from_seed(&[7; 32]);
//! key.sign(b"anything");
//! ```

use core::fmt;

use ed25519_dalek::{Signer, SigningKey, VerifyingKey};
use zeroize::Zeroizing;

use crate::Did;

/// The 32 bytes of an Ed25519 public key. Whether they are a point on the curve shows when a
/// signature is verified: under bytes that are none, every signature is invalid.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// Takes the bytes of a key that was read from somewhere.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The key's 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The identity that this key is.
    pub const fn did(&self) -> Did {
        Did::of(*self)
    }

    /// Whether a signature under this key proves nothing: its bytes are no point on the curve, or one of
    /// the few of small order, for which anyone can sign. Checks here refuse such keys anyway; this is for
    /// keys that somebody else has checked a signature under.
    pub fn is_weak(&self) -> bool {
        VerifyingKey::from_bytes(&self.0).map_or(true, |key| key.is_weak())
    }

    /// Checks a signature over `message` under the tag of `domain`.
    ///
    /// # Errors
    /// [`SignatureError`], without saying why.
    pub fn verify(
        &self,
        domain: Domain,
        message: &[u8],
        signature: &Signature,
    ) -> Result<(), SignatureError> {
        self.verify_parts(&[domain.tag(), message], signature)
    }

    /// Checks a signature over untagged bytes, as the original made them. Strict: small-order keys
    /// and second encodings of a signature are refused.
    pub(crate) fn verify_parts(
        &self,
        parts: &[&[u8]],
        signature: &Signature,
    ) -> Result<(), SignatureError> {
        let key = VerifyingKey::from_bytes(&self.0).map_err(|_| SignatureError)?;
        let signature = ed25519_dalek::Signature::from_bytes(&signature.0);
        key.verify_strict(&parts.concat(), &signature).map_err(|_| SignatureError)
    }
}

impl PublicKey {
    /// The same key as a point for X25519, unless it is no point of full order.
    pub(crate) fn exchange_key(&self) -> Option<[u8; 32]> {
        let key = VerifyingKey::from_bytes(&self.0).ok().filter(|key| !key.is_weak())?;
        Some(key.to_montgomery().to_bytes())
    }
}

impl fmt::Display for PublicKey {
    /// 64 lowercase hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

/// The 64 bytes of an Ed25519 signature.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Signature([u8; 64]);

impl Signature {
    /// Takes the bytes of a signature that was read from somewhere.
    pub const fn from_bytes(bytes: [u8; 64]) -> Self {
        Self(bytes)
    }

    /// The signature's 64 bytes.
    pub const fn as_bytes(&self) -> &[u8; 64] {
        &self.0
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signature(")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str(")")
    }
}

/// The signature is not one of this key over these bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the signature is invalid")]
pub struct SignatureError;

/// What a tagged signature is about. The set is closed: a new kind of signed thing is a new variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Domain {
    /// A fund record, `igor/fund/1`.
    Fund,
    /// The closing of an audit segment, `igor/segment/1`.
    Segment,
    /// A summary of collected segments, `igor/summary/1`.
    Summary,
    /// The terms under which an agent passes from one node to another, `igor/offer/1`.
    Offer,
    /// What the target says to an offer, `igor/answer/1`.
    Answer,
    /// What an agent in a file consists of, `igor/export/1`.
    Export,
    /// The terms under which an agent came from a node that knows no offers, `igor/inheritance/1`.
    Inheritance,
}

impl Domain {
    /// All of them.
    #[cfg(test)]
    const ALL: [Self; 7] = [
        Self::Fund,
        Self::Segment,
        Self::Summary,
        Self::Offer,
        Self::Answer,
        Self::Export,
        Self::Inheritance,
    ];
}

impl Domain {
    /// The bytes before the message under the signature: the name and a zero byte, so that no tag
    /// begins another.
    pub const fn tag(self) -> &'static [u8] {
        match self {
            Self::Fund => b"igor/fund/1\0",
            Self::Segment => b"igor/segment/1\0",
            Self::Summary => b"igor/summary/1\0",
            Self::Offer => b"igor/offer/1\0",
            Self::Answer => b"igor/answer/1\0",
            Self::Export => b"igor/export/1\0",
            Self::Inheritance => b"igor/inheritance/1\0",
        }
    }
}

/// An agent's private key. It is erased from memory when dropped.
pub struct AgentKey(SigningKey);

impl AgentKey {
    /// The key that grows from 32 secret bytes. The caller erases its copy.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// The public half.
    pub fn public_key(&self) -> PublicKey {
        PublicKey(self.0.verifying_key().to_bytes())
    }

    /// Signs `message` under the tag of `domain`.
    pub fn sign(&self, domain: Domain, message: &[u8]) -> Signature {
        self.sign_untagged(&[domain.tag(), message].concat())
    }

    /// Signs bytes whose first one tells them from every tagged message. Only for the checkpoint.
    pub(crate) fn sign_untagged(&self, message: &[u8]) -> Signature {
        Signature(self.0.sign(message).to_bytes())
    }

    /// The 32 secret bytes. Only for the identity file.
    pub(crate) fn seed(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }
}

/// A node's private key. It is erased from memory when dropped, and signs no checkpoint.
pub struct NodeKey(SigningKey);

impl NodeKey {
    /// The key that grows from 32 secret bytes. The caller erases its copy.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// The public half, which is the node's NodeId.
    pub fn public_key(&self) -> PublicKey {
        PublicKey(self.0.verifying_key().to_bytes())
    }

    /// Signs `message` under the tag of `domain`.
    pub fn sign(&self, domain: Domain, message: &[u8]) -> Signature {
        self.sign_untagged(&[domain.tag(), message].concat())
    }

    /// Signs bytes whose form tells them from every tagged message. Only for handshakes.
    pub(crate) fn sign_untagged(&self, message: &[u8]) -> Signature {
        Signature(self.0.sign(message).to_bytes())
    }

    /// The 32 secret bytes. Only for the node key file and for what is lent to a handshake.
    pub(crate) fn seed(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// The same key as a scalar for X25519. Only to open what was sealed to the node.
    pub(crate) fn exchange_secret(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.to_scalar_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fails to compile if a private key implements the trait: then both implementations apply and the
    /// inference of `_` is ambiguous.
    macro_rules! assert_not_implemented {
        ($($name:ident: $($bound:path),+;)*) => {$(
            mod $name {
                pub(super) trait AmbiguousIf<A> {
                    fn check() {}
                }
                impl<T: ?Sized> AmbiguousIf<()> for T {}
                pub(super) struct Marker;
                impl<T: ?Sized $(+ $bound)+> AmbiguousIf<Marker> for T {}
            }
            let _ = <AgentKey as $name::AmbiguousIf<_>>::check;
            let _ = <NodeKey as $name::AmbiguousIf<_>>::check;
        )*};
    }

    #[test]
    fn a_private_key_can_be_neither_copied_nor_shown_nor_compared() {
        assert_not_implemented! {
            clone: Clone;
            debug: core::fmt::Debug;
            display: core::fmt::Display;
            equality: PartialEq;
            bytes: AsRef<[u8]>;
        }
    }

    #[test]
    fn a_private_key_is_erased_on_drop() {
        fn erased<T: zeroize::ZeroizeOnDrop>(_: &T) {}
        erased(&AgentKey::from_seed(&[7; 32]).0);
        erased(&NodeKey::from_seed(&[7; 32]).0);
    }

    #[test]
    fn a_tagged_signature_is_valid_only_for_its_key_domain_and_message() {
        let key = AgentKey::from_seed(&[7; 32]);
        let signature = key.sign(Domain::Fund, b"message");
        let public = key.public_key();
        assert_eq!(public.verify(Domain::Fund, b"message", &signature), Ok(()));
        assert!(!public.is_weak());
        assert_eq!(public.verify(Domain::Fund, b"messagf", &signature), Err(SignatureError));
        let untagged = public.verify_parts(&[b"message"], &signature);
        assert_eq!(untagged, Err(SignatureError));
        let other = AgentKey::from_seed(&[8; 32]).public_key();
        assert_eq!(other.verify(Domain::Fund, b"message", &signature), Err(SignatureError));
    }

    #[test]
    fn no_tag_begins_like_a_checkpoint_or_ends_without_a_zero() {
        for tag in Domain::ALL.map(Domain::tag) {
            assert!(tag.starts_with(b"igor/"), "a checkpoint begins with its version, 2 to 4");
            assert_eq!(tag.iter().filter(|byte| **byte == 0).count(), 1);
            assert_eq!(tag.last(), Some(&0));
        }
    }

    #[test]
    fn weak_and_impossible_keys_verify_nothing() {
        // The neutral element as key and as R, and 0 as s: without the strict rules this is a valid
        // signature over every message.
        let mut neutral = [0; 32];
        neutral[0] = 1;
        let mut forged = [0; 64];
        forged[0] = 1;
        let lax = VerifyingKey::from_bytes(&neutral).expect("a point on the curve");
        let signature = ed25519_dalek::Signature::from_bytes(&forged);
        assert!(ed25519_dalek::Verifier::verify(&lax, b"anything", &signature).is_ok());

        // The last is of no small order, but not the way to write it.
        for (key, is_weak) in [(neutral, true), ([0; 32], true), ([0xff; 32], false)] {
            assert_eq!(PublicKey::from_bytes(key).is_weak(), is_weak);
            for signature in [forged, [0; 64]] {
                let key = PublicKey::from_bytes(key);
                let signature = Signature::from_bytes(signature);
                assert_eq!(key.verify(Domain::Fund, b"", &signature), Err(SignatureError), "{key}");
            }
        }
    }
}
