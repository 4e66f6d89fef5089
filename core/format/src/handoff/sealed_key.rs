//! An agent's private key on its way: sealed so that only the node that it is meant for can open it, and
//! only as the key of this agent in this attempt. It is not the identity file, and it does not say who
//! sent it; the offer beside it does.
//!
//! It is HPKE (RFC 9180) in base mode with X25519, HKDF-SHA256 and ChaCha20-Poly1305. The node's Ed25519
//! key serves as its X25519 key.

use core::convert::Infallible;
use core::fmt;

use hpke::aead::{AeadTag, ChaCha20Poly1305};
use hpke::inout::InOutBuf;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::rand_core::{TryCryptoRng, TryRng};
use hpke::{Deserializable, HpkeError, Kem, OpModeR, OpModeS, Serializable};
use zeroize::Zeroizing;

use super::TransferId;
use crate::{AgentKey, Hash, NodeKey, PublicKey};

/// What the name of every sealing begins with.
const TAG: &[u8] = b"igor/sealed-key/1\0";
/// Bytes of the ephemeral key, and of the sealed seed.
const KEY_BYTES: usize = 32;

/// An agent's 32-byte seed, sealed to one node.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SealedKey([u8; Self::BYTES]);

/// The key of the node that the seed is for cannot be sealed to: it is no point of full order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("seal an agent's key to {0}: that is no node's key")]
pub struct SealError(pub PublicKey);

/// Why a sealed key gives no agent's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealedKeyError {
    /// It was sealed to another node, for another agent or attempt, or was changed.
    #[error("open the sealed key of {0}: it is not for this node, this agent and this attempt")]
    NotForThis(PublicKey),
    /// What it holds is the key of another agent.
    #[error("open the sealed key of {0}: it holds the key of another agent")]
    OtherAgent(PublicKey),
}

impl SealedKey {
    /// Bytes of a sealed key: an ephemeral key, the seed, and a tag of 16 bytes.
    pub const BYTES: usize = KEY_BYTES + KEY_BYTES + 16;

    /// Takes the bytes of a sealed key that was read from somewhere.
    pub const fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }

    /// Seals `agent`'s seed to the node `target` for the attempt `transfer`. `entropy` is 32 bytes from a
    /// cryptographic source that nothing else was or is made of; the caller erases its copy.
    ///
    /// # Errors
    /// [`SealError`].
    pub fn seal(
        agent: &AgentKey,
        target: &PublicKey,
        transfer: &TransferId,
        entropy: &[u8; 32],
    ) -> Result<Self, SealError> {
        let refuse = || SealError(*target);
        let recipient = target.exchange_key().ok_or_else(refuse)?;
        let recipient = public(&recipient).map_err(|_| refuse())?;
        let info = info(&agent.public_key(), target, transfer);
        let mut seed = Zeroizing::new(*agent.seed());
        let (ephemeral, tag) = hpke::single_shot_seal_inout_detached_with_rng::<
            ChaCha20Poly1305,
            HkdfSha256,
            X25519HkdfSha256,
        >(
            &OpModeS::Base,
            &recipient,
            &info,
            InOutBuf::from(seed.as_mut_slice()),
            &[],
            &mut Draw::new(entropy),
        )
        .map_err(|_| refuse())?;
        let mut bytes = [0; Self::BYTES];
        let (ephemeral, tag) = (ephemeral.to_bytes(), tag.to_bytes());
        let parts = ephemeral.iter().chain(seed.iter()).chain(&tag);
        for (to, from) in bytes.iter_mut().zip(parts) {
            *to = *from;
        }
        Ok(Self(bytes))
    }

    /// The private key of `agent`, if it was sealed to `node` for the attempt `transfer`.
    ///
    /// # Errors
    /// [`SealedKeyError`].
    pub fn open(
        &self,
        node: &NodeKey,
        agent: &PublicKey,
        transfer: &TransferId,
    ) -> Result<AgentKey, SealedKeyError> {
        let refuse = SealedKeyError::NotForThis(*agent);
        let seed = self.open_seed(node, &info(agent, &node.public_key(), transfer));
        let key = AgentKey::from_seed(&*seed.map_err(|_| refuse)?);
        if key.public_key() == *agent { Ok(key) } else { Err(SealedKeyError::OtherAgent(*agent)) }
    }

    fn open_seed(
        &self,
        node: &NodeKey,
        info: &[u8],
    ) -> Result<Zeroizing<[u8; KEY_BYTES]>, HpkeError> {
        let (ephemeral, rest) = self.0.split_at(KEY_BYTES);
        let (sealed, tag) = rest.split_at(KEY_BYTES);
        let ephemeral = <X25519HkdfSha256 as Kem>::EncappedKey::from_bytes(ephemeral)?;
        let tag = AeadTag::<ChaCha20Poly1305>::from_bytes(tag)?;
        let secret = node.exchange_secret();
        let secret = <X25519HkdfSha256 as Kem>::PrivateKey::from_bytes(secret.as_slice())?;
        let mut seed = Zeroizing::new([0; KEY_BYTES]);
        for (to, from) in seed.iter_mut().zip(sealed) {
            *to = *from;
        }
        hpke::single_shot_open_inout_detached::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
            &OpModeR::Base,
            &secret,
            &ephemeral,
            info,
            InOutBuf::from(seed.as_mut_slice()),
            &[],
            &tag,
        )?;
        Ok(seed)
    }
}

impl fmt::Debug for SealedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealedKey(..)")
    }
}

fn public(bytes: &[u8; 32]) -> Result<<X25519HkdfSha256 as Kem>::PublicKey, HpkeError> {
    Deserializable::from_bytes(bytes)
}

/// What the sealing is bound to.
fn info(agent: &PublicKey, target: &PublicKey, transfer: &TransferId) -> Vec<u8> {
    [TAG, transfer.as_bytes(), agent.as_bytes(), target.as_bytes()].concat()
}

/// A generator that expands what was drawn, so that it has an answer however often it is asked.
struct Draw {
    entropy: Zeroizing<[u8; 32]>,
    blocks: u64,
}

impl Draw {
    fn new(entropy: &[u8; 32]) -> Self {
        Self { entropy: Zeroizing::new(*entropy), blocks: 0 }
    }

    fn block(&mut self) -> Zeroizing<[u8; 32]> {
        let parts = [b"igor/draw/1\0", self.entropy.as_slice(), &self.blocks.to_le_bytes()];
        self.blocks = self.blocks.wrapping_add(1);
        Zeroizing::new(*Hash::of_parts(&parts).as_bytes())
    }
}

impl TryRng for Draw {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        for piece in out.chunks_mut(32) {
            let block = self.block();
            for (to, from) in piece.iter_mut().zip(block.iter()) {
                *to = *from;
            }
        }
        Ok(())
    }
}

impl TryCryptoRng for Draw {}

#[cfg(test)]
mod tests {
    use super::*;

    const TRANSFER: TransferId = TransferId::from_bytes([0xab; 16]);

    fn agent() -> AgentKey {
        AgentKey::from_seed(&[3; 32])
    }

    fn target() -> NodeKey {
        NodeKey::from_seed(&[2; 32])
    }

    fn sealed() -> SealedKey {
        let sealed = SealedKey::seal(&agent(), &target().public_key(), &TRANSFER, &[9; 32]);
        sealed.expect("it is a node's key")
    }

    #[test]
    fn the_target_opens_what_was_sealed_to_it() {
        let opened = sealed().open(&target(), &agent().public_key(), &TRANSFER);
        let opened = opened.expect("it was sealed to this node");
        assert_eq!(opened.seed(), agent().seed());
        let seed = agent();
        let seed = seed.seed();
        assert!(!sealed().as_bytes().windows(32).any(|window| window == seed));
    }

    #[test]
    fn nobody_else_opens_it_and_not_as_anything_else() {
        let key = agent().public_key();
        let check = |node: &NodeKey, agent: &PublicKey, transfer: [u8; 16]| {
            let opened = sealed().open(node, agent, &TransferId::from_bytes(transfer));
            assert_eq!(opened.err(), Some(SealedKeyError::NotForThis(*agent)));
        };
        check(&NodeKey::from_seed(&[4; 32]), &key, [0xab; 16]);
        check(&target(), &AgentKey::from_seed(&[4; 32]).public_key(), [0xab; 16]);
        check(&target(), &key, [0xac; 16]);
    }

    #[test]
    fn a_change_of_any_byte_is_noticed() {
        for index in 0..SealedKey::BYTES {
            let mut bytes = *sealed().as_bytes();
            bytes[index] ^= 1;
            let opened =
                SealedKey::from_bytes(bytes).open(&target(), &agent().public_key(), &TRANSFER);
            assert!(opened.is_err(), "byte {index}");
        }
        let zero = SealedKey::from_bytes([0; SealedKey::BYTES]);
        assert!(zero.open(&target(), &agent().public_key(), &TRANSFER).is_err());
    }

    /// The source sealed another key than that of the agent it names.
    #[test]
    fn the_key_of_another_agent_is_not_taken_for_this_ones() {
        let named = AgentKey::from_seed(&[4; 32]).public_key();
        let info = info(&named, &target().public_key(), &TRANSFER);
        let recipient = target().public_key().exchange_key().expect("it is a node's key");
        let mut seed = *agent().seed();
        let (ephemeral, tag) = hpke::single_shot_seal_inout_detached_with_rng::<
            ChaCha20Poly1305,
            HkdfSha256,
            X25519HkdfSha256,
        >(
            &OpModeS::Base,
            &public(&recipient).expect("32 bytes"),
            &info,
            InOutBuf::from(seed.as_mut_slice()),
            &[],
            &mut Draw::new(&[9; 32]),
        )
        .expect("it can be sealed");
        let bytes = [&ephemeral.to_bytes()[..], &seed, &tag.to_bytes()].concat();
        let sealed = SealedKey::from_bytes(bytes.try_into().expect("80 bytes"));
        let opened = sealed.open(&target(), &named, &TRANSFER);
        assert_eq!(opened.err(), Some(SealedKeyError::OtherAgent(named)));
    }

    #[test]
    fn weak_and_impossible_keys_are_not_sealed_to() {
        // Of these, the first two have a small order, and with y = 2 there is no point.
        let [mut neutral, mut none] = [[0; 32]; 2];
        (neutral[0], none[0]) = (1, 2);
        for bytes in [[0; 32], neutral, none] {
            let key = PublicKey::from_bytes(bytes);
            let sealed = SealedKey::seal(&agent(), &key, &TRANSFER, &[9; 32]);
            assert_eq!(sealed, Err(SealError(key)), "{key}");
        }
    }

    #[test]
    fn each_draw_seals_differently_and_nothing_is_shown() {
        let other = SealedKey::seal(&agent(), &target().public_key(), &TRANSFER, &[8; 32]);
        assert_ne!(other, Ok(sealed()));
        assert_eq!(format!("{:?}", sealed()), "SealedKey(..)");
        let mut draw = Draw::new(&[9; 32]);
        let mut bytes = [0; 64];
        draw.try_fill_bytes(&mut bytes).expect("it cannot fail");
        assert_ne!(bytes[..32], bytes[32..]);
    }
}
