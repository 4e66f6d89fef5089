//! An offer: the certificate under which an agent passes from one node to another. It names everything
//! that the agent is at that moment by hash, both nodes, and the epoch that begins; agent and source
//! sign it, so neither can be moved without the other, and nobody else can take it.

use core::fmt;

use crate::key::SignatureError;
use crate::{AgentKey, AmountError, DecodeError, Decoder, Domain, Encoder, Epoch, Hash};
use crate::{Microcents, NodeKey, PublicKey, Signature, Tick};

/// The name of one attempt to move an agent: 16 bytes that the source drew at random.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TransferId([u8; 16]);

impl TransferId {
    /// Takes the 16 bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The 16 bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for TransferId {
    /// 32 lowercase hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for TransferId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TransferId({self})")
    }
}

/// What an offer states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct OfferTerms {
    /// The attempt.
    pub transfer: TransferId,
    /// The agent.
    pub agent: PublicKey,
    /// The epoch that begins when the target takes the agent.
    pub epoch: Epoch,
    /// The agent's last committed tick at the source.
    pub tick: Tick,
    /// The budget that moves with it.
    pub budget: Microcents,
    /// The hash of the last checkpoint.
    pub checkpoint: Hash,
    /// The hash of the module's original bytes.
    pub module: Hash,
    /// The hash of the manifest's text.
    pub manifest: Hash,
    /// The hash of the agent record that goes with the checkpoint, see [`AgentRecord`](crate::AgentRecord).
    pub record: Hash,
    /// The node that holds the agent.
    pub source: PublicKey,
    /// The only node that can take it.
    pub target: PublicKey,
}

/// An offer of sound structure; [`Offer::verify`] says whether its signatures hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Offer {
    terms: OfferTerms,
    agent_signature: Signature,
    source_signature: Signature,
}

/// Why something is no offer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OfferError {
    /// Something else lies here, or a later version of it.
    #[error("read offer: it does not begin with igor/offer/1")]
    NotAnOffer,
    /// It ends early or goes on after its end.
    #[error("read offer: {0}")]
    Malformed(#[from] DecodeError),
    /// The budget is no amount.
    #[error("read offer: budget: {0}")]
    Budget(#[from] AmountError),
    /// Source and target are the same node.
    #[error("an agent cannot be offered to the node that holds it")]
    ToItself,
    /// The epoch is that of an agent that never moved.
    #[error("an offer begins an epoch above 0")]
    Epoch,
}

impl OfferTerms {
    /// Whether they can be the terms of an offer at all.
    fn check(&self) -> Result<(), OfferError> {
        if self.source == self.target {
            return Err(OfferError::ToItself);
        }
        if self.epoch.major == 0 {
            return Err(OfferError::Epoch);
        }
        Ok(())
    }

    fn encode(&self, encoder: &mut Encoder) {
        encoder.raw(self.transfer.as_bytes()).raw(self.agent.as_bytes());
        encoder.u64(self.epoch.major).u64(self.epoch.generation).u64(self.tick.0);
        encoder.i64(self.budget.get());
        for hash in [&self.checkpoint, &self.module, &self.manifest, &self.record] {
            encoder.raw(hash.as_bytes());
        }
        encoder.raw(self.source.as_bytes()).raw(self.target.as_bytes());
    }

    fn decode(decoder: &mut Decoder<'_>) -> Result<Self, OfferError> {
        let terms = Self {
            transfer: TransferId(decoder.array()),
            agent: PublicKey::from_bytes(decoder.array()),
            epoch: Epoch { major: decoder.u64(), generation: decoder.u64() },
            tick: Tick(decoder.u64()),
            budget: Microcents::new(decoder.i64())?,
            checkpoint: Hash::from_bytes(decoder.array()),
            module: Hash::from_bytes(decoder.array()),
            manifest: Hash::from_bytes(decoder.array()),
            record: Hash::from_bytes(decoder.array()),
            source: PublicKey::from_bytes(decoder.array()),
            target: PublicKey::from_bytes(decoder.array()),
        };
        decoder.status()?;
        terms.check()?;
        Ok(terms)
    }
}

impl Offer {
    /// Bytes of an offer.
    pub const BYTES: usize = 13 + Self::TERMS_BYTES + 128;

    const TERMS_BYTES: usize = 16 + 32 + 16 + 8 + 8 + 4 * 32 + 64;

    /// Makes and signs an offer.
    ///
    /// # Errors
    /// [`OfferError::ToItself`], [`OfferError::Epoch`].
    pub fn sign(agent: &AgentKey, source: &NodeKey, terms: OfferTerms) -> Result<Self, OfferError> {
        terms.check()?;
        let message = message(&terms);
        Ok(Self {
            terms,
            agent_signature: agent.sign(Domain::Offer, message.as_bytes()),
            source_signature: source.sign(Domain::Offer, message.as_bytes()),
        })
    }

    /// What the offer states.
    pub const fn terms(&self) -> &OfferTerms {
        &self.terms
    }

    /// The name by which the answer and the records of both nodes mean this very offer: the SHA-256 of
    /// the tag and the terms. It does not depend on the signatures.
    pub fn hash(&self) -> Hash {
        Hash::of_parts(&[Domain::Offer.tag(), message(&self.terms).as_bytes()])
    }

    /// The offer's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut encoder = Encoder::with_capacity(Self::BYTES);
        encoder.raw(Domain::Offer.tag());
        self.terms.encode(&mut encoder);
        encoder.raw(self.agent_signature.as_bytes()).raw(self.source_signature.as_bytes());
        encoder.into_bytes()
    }

    /// Reads an offer. The signatures are not looked at.
    ///
    /// # Errors
    /// [`OfferError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, OfferError> {
        let content = bytes.strip_prefix(Domain::Offer.tag()).ok_or(OfferError::NotAnOffer)?;
        let mut decoder = Decoder::new(content);
        let terms = OfferTerms::decode(&mut decoder)?;
        let agent_signature = Signature::from_bytes(decoder.array());
        let source_signature = Signature::from_bytes(decoder.array());
        decoder.finish()?;
        Ok(Self { terms, agent_signature, source_signature })
    }

    /// Checks both signatures against the keys that the terms name.
    ///
    /// # Errors
    /// [`SignatureError`].
    pub fn verify(&self) -> Result<(), SignatureError> {
        let message = message(&self.terms);
        let OfferTerms { agent, source, .. } = &self.terms;
        agent.verify(Domain::Offer, message.as_bytes(), &self.agent_signature)?;
        source.verify(Domain::Offer, message.as_bytes(), &self.source_signature)
    }
}

/// What is signed, after the domain's tag.
fn message(terms: &OfferTerms) -> Encoder {
    let mut encoder = Encoder::with_capacity(Offer::TERMS_BYTES);
    terms.encode(&mut encoder);
    encoder
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) fn terms() -> OfferTerms {
        OfferTerms {
            transfer: TransferId::from_bytes([0xab; 16]),
            agent: AgentKey::from_seed(&[3; 32]).public_key(),
            epoch: Epoch { major: 5, generation: 0 },
            tick: Tick(7),
            budget: Microcents::new(9).expect("in range"),
            checkpoint: Hash::of(b"checkpoint"),
            module: Hash::of(b"module"),
            manifest: Hash::of(b"{}"),
            record: Hash::of(b"record"),
            source: NodeKey::from_seed(&[1; 32]).public_key(),
            target: NodeKey::from_seed(&[2; 32]).public_key(),
        }
    }

    pub(crate) fn offer() -> Offer {
        let (agent, source) = (AgentKey::from_seed(&[3; 32]), NodeKey::from_seed(&[1; 32]));
        Offer::sign(&agent, &source, terms()).expect("sound terms")
    }

    #[test]
    fn an_offer_round_trips_and_verifies() {
        let bytes = offer().encode();
        assert_eq!(bytes.len(), Offer::BYTES);
        assert!(bytes.starts_with(b"igor/offer/1\0"));
        let read = Offer::decode(&bytes).expect("what was encoded");
        assert_eq!(read, offer());
        assert_eq!(read.verify(), Ok(()));
        assert_eq!(read.hash(), Hash::of(&bytes[..bytes.len() - 128]));
    }

    #[test]
    fn a_change_of_any_byte_is_noticed() {
        let bytes = offer().encode();
        for index in 0..bytes.len() {
            let mut other = bytes.clone();
            other[index] ^= 1;
            let verified = Offer::decode(&other).is_ok_and(|offer| offer.verify().is_ok());
            assert!(!verified, "byte {index}");
            assert!(Offer::decode(&bytes[..index]).is_err(), "cut to {index}");
        }
        let longer = [&bytes[..], &[0]].concat();
        assert_eq!(Offer::decode(&longer), Err(DecodeError::TrailingBytes.into()));
    }

    #[test]
    fn both_signatures_are_needed() {
        let (agent, node) = (AgentKey::from_seed(&[3; 32]), NodeKey::from_seed(&[1; 32]));
        let (other_agent, other_node) =
            (AgentKey::from_seed(&[4; 32]), NodeKey::from_seed(&[4; 32]));
        for (agent, node, is_valid) in
            [(&agent, &node, true), (&other_agent, &node, false), (&agent, &other_node, false)]
        {
            let offer = Offer::sign(agent, node, terms()).expect("sound terms");
            assert_eq!(offer.verify().is_ok(), is_valid);
        }
    }

    #[test]
    fn unsound_terms_are_neither_signed_nor_read() {
        let (agent, source) = (AgentKey::from_seed(&[3; 32]), NodeKey::from_seed(&[1; 32]));
        for (unsound, expected) in [
            (OfferTerms { target: terms().source, ..terms() }, OfferError::ToItself),
            (OfferTerms { epoch: Epoch { major: 0, generation: 9 }, ..terms() }, OfferError::Epoch),
        ] {
            assert_eq!(Offer::sign(&agent, &source, unsound), Err(expected.clone()));
            let bytes = Offer { terms: unsound, ..offer() }.encode();
            assert_eq!(Offer::decode(&bytes), Err(expected));
        }
        let mut bytes = offer().encode();
        bytes[13 + 16 + 32 + 16 + 8..][..8].copy_from_slice(&(-1_i64).to_le_bytes());
        assert_eq!(Offer::decode(&bytes), Err(AmountError::Negative.into()));
    }
}
