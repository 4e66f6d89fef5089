//! An inheritance: the certificate under which a node took an agent from one that knows no offers, a node of the
//! original. It names the checkpoint that the agent came with; agent and target sign it. It is no word of the
//! source: who gave the agent away is what the target saw, and nobody else can check it.

use crate::key::SignatureError;
use crate::{AgentKey, AmountError, DecodeError, Decoder, Domain, Encoder, Epoch, Hash};
use crate::{Microcents, NodeKey, PublicKey, Signature, Tick};

/// What an inheritance states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct InheritanceTerms {
    /// The agent.
    pub agent: PublicKey,
    /// The epoch that began when the target took the agent.
    pub epoch: Epoch,
    /// The agent's last tick at the source.
    pub tick: Tick,
    /// The budget that came with it.
    pub budget: Microcents,
    /// The hash of the checkpoint that it came with.
    pub checkpoint: Hash,
    /// The hash of the module's original bytes.
    pub module: Hash,
    /// The hash of the manifest's text.
    pub manifest: Hash,
    /// The node that sent it, as the connection proved it.
    pub source: PublicKey,
    /// The node that took it.
    pub target: PublicKey,
}

/// An inheritance of sound structure; [`Inheritance::verify`] says whether its signatures hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Inheritance {
    terms: InheritanceTerms,
    agent_signature: Signature,
    target_signature: Signature,
}

/// Why something is no inheritance.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InheritanceError {
    /// Something else lies here, or a later version of it.
    #[error("read inheritance: it does not begin with igor/inheritance/1")]
    NotAnInheritance,
    /// It ends early or goes on after its end.
    #[error("read inheritance: {0}")]
    Malformed(#[from] DecodeError),
    /// The budget is no amount.
    #[error("read inheritance: budget: {0}")]
    Budget(#[from] AmountError),
    /// Source and target are the same node.
    #[error("an agent cannot be inherited from the node that takes it")]
    FromItself,
    /// The epoch is that of an agent that never moved.
    #[error("an inheritance begins an epoch above 0")]
    Epoch,
}

impl InheritanceTerms {
    /// Whether they can be the terms of an inheritance at all.
    fn check(&self) -> Result<(), InheritanceError> {
        if self.source == self.target {
            return Err(InheritanceError::FromItself);
        }
        if self.epoch.major == 0 {
            return Err(InheritanceError::Epoch);
        }
        Ok(())
    }

    fn encode(&self, encoder: &mut Encoder) {
        encoder.raw(self.agent.as_bytes()).u64(self.epoch.major).u64(self.epoch.generation);
        encoder.u64(self.tick.0).i64(self.budget.get());
        for hash in [&self.checkpoint, &self.module, &self.manifest] {
            encoder.raw(hash.as_bytes());
        }
        encoder.raw(self.source.as_bytes()).raw(self.target.as_bytes());
    }

    fn decode(decoder: &mut Decoder<'_>) -> Result<Self, InheritanceError> {
        let terms = Self {
            agent: PublicKey::from_bytes(decoder.array()),
            epoch: Epoch { major: decoder.u64(), generation: decoder.u64() },
            tick: Tick(decoder.u64()),
            budget: Microcents::new(decoder.i64())?,
            checkpoint: Hash::from_bytes(decoder.array()),
            module: Hash::from_bytes(decoder.array()),
            manifest: Hash::from_bytes(decoder.array()),
            source: PublicKey::from_bytes(decoder.array()),
            target: PublicKey::from_bytes(decoder.array()),
        };
        decoder.status()?;
        terms.check()?;
        Ok(terms)
    }
}

impl Inheritance {
    /// Bytes of an inheritance.
    pub const BYTES: usize = 19 + Self::TERMS_BYTES + 128;

    const TERMS_BYTES: usize = 32 + 16 + 8 + 8 + 3 * 32 + 64;

    /// Makes and signs an inheritance.
    ///
    /// # Errors
    /// [`InheritanceError::FromItself`], [`InheritanceError::Epoch`].
    pub fn sign(
        agent: &AgentKey,
        target: &NodeKey,
        terms: InheritanceTerms,
    ) -> Result<Self, InheritanceError> {
        terms.check()?;
        let message = message(&terms);
        Ok(Self {
            terms,
            agent_signature: agent.sign(Domain::Inheritance, message.as_bytes()),
            target_signature: target.sign(Domain::Inheritance, message.as_bytes()),
        })
    }

    /// What it states.
    pub const fn terms(&self) -> &InheritanceTerms {
        &self.terms
    }

    /// Its bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut encoder = Encoder::with_capacity(Self::BYTES);
        encoder.raw(Domain::Inheritance.tag());
        self.terms.encode(&mut encoder);
        encoder.raw(self.agent_signature.as_bytes()).raw(self.target_signature.as_bytes());
        encoder.into_bytes()
    }

    /// Reads an inheritance. The signatures are not looked at.
    ///
    /// # Errors
    /// [`InheritanceError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, InheritanceError> {
        let content = bytes.strip_prefix(Domain::Inheritance.tag());
        let mut decoder = Decoder::new(content.ok_or(InheritanceError::NotAnInheritance)?);
        let terms = InheritanceTerms::decode(&mut decoder)?;
        let agent_signature = Signature::from_bytes(decoder.array());
        let target_signature = Signature::from_bytes(decoder.array());
        decoder.finish()?;
        Ok(Self { terms, agent_signature, target_signature })
    }

    /// Checks both signatures against the keys that the terms name.
    ///
    /// # Errors
    /// [`SignatureError`].
    pub fn verify(&self) -> Result<(), SignatureError> {
        let message = message(&self.terms);
        let InheritanceTerms { agent, target, .. } = &self.terms;
        agent.verify(Domain::Inheritance, message.as_bytes(), &self.agent_signature)?;
        target.verify(Domain::Inheritance, message.as_bytes(), &self.target_signature)
    }
}

/// What is signed, after the domain's tag.
fn message(terms: &InheritanceTerms) -> Encoder {
    let mut encoder = Encoder::with_capacity(Inheritance::TERMS_BYTES);
    terms.encode(&mut encoder);
    encoder
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms() -> InheritanceTerms {
        InheritanceTerms {
            agent: AgentKey::from_seed(&[3; 32]).public_key(),
            epoch: Epoch { major: 5, generation: 0 },
            tick: Tick(7),
            budget: Microcents::new(9).expect("in range"),
            checkpoint: Hash::of(b"checkpoint"),
            module: Hash::of(b"module"),
            manifest: Hash::of(b"{}"),
            source: NodeKey::from_seed(&[1; 32]).public_key(),
            target: NodeKey::from_seed(&[2; 32]).public_key(),
        }
    }

    fn sign(agent: u8, target: u8) -> Inheritance {
        let (agent, target) =
            (AgentKey::from_seed(&[agent; 32]), NodeKey::from_seed(&[target; 32]));
        Inheritance::sign(&agent, &target, terms()).expect("sound terms")
    }

    #[test]
    fn an_inheritance_round_trips_and_a_change_of_any_byte_is_noticed() {
        let bytes = sign(3, 2).encode();
        assert_eq!(bytes.len(), Inheritance::BYTES);
        assert!(bytes.starts_with(b"igor/inheritance/1\0"));
        let read = Inheritance::decode(&bytes).expect("what was encoded");
        assert_eq!((read, read.verify()), (sign(3, 2), Ok(())));
        for index in 0..bytes.len() {
            let mut other = bytes.clone();
            other[index] ^= 1;
            let verified = Inheritance::decode(&other).is_ok_and(|read| read.verify().is_ok());
            assert!(!verified, "byte {index}");
            assert!(Inheritance::decode(&bytes[..index]).is_err(), "cut to {index}");
        }
        let longer = [&bytes[..], &[0]].concat();
        assert_eq!(Inheritance::decode(&longer), Err(DecodeError::TrailingBytes.into()));
    }

    #[test]
    fn agent_and_target_have_to_sign_and_the_source_does_not() {
        for (agent, target, is_valid) in [(3, 2, true), (4, 2, false), (3, 4, false), (3, 1, false)]
        {
            assert_eq!(sign(agent, target).verify().is_ok(), is_valid, "{agent} {target}");
        }
    }

    #[test]
    fn unsound_terms_are_neither_signed_nor_read() {
        let (agent, target) = (AgentKey::from_seed(&[3; 32]), NodeKey::from_seed(&[2; 32]));
        let first = Epoch { major: 0, generation: 9 };
        for (unsound, expected) in [
            (InheritanceTerms { source: terms().target, ..terms() }, InheritanceError::FromItself),
            (InheritanceTerms { epoch: first, ..terms() }, InheritanceError::Epoch),
        ] {
            assert_eq!(Inheritance::sign(&agent, &target, unsound), Err(expected.clone()));
            let bytes = Inheritance { terms: unsound, ..sign(3, 2) }.encode();
            assert_eq!(Inheritance::decode(&bytes), Err(expected));
        }
    }
}
