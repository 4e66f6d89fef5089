//! An answer: the target's signed word on one offer. Whoever holds it can prove that the agent was
//! taken, or that it never will be under that offer.

use crate::key::SignatureError;
use crate::{DecodeError, Decoder, Domain, Encoder, Hash, NodeKey, PublicKey, Signature};

/// What became of an offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// The target holds the agent, durably.
    Accepted,
    /// The target has durably refused the offer and never takes the agent under it.
    Refused,
}

/// An answer of sound structure; [`Answer::verify`] says whether its signature holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Answer {
    /// The offer, by [`Offer::hash`](crate::Offer::hash).
    pub offer: Hash,
    /// What became of it.
    pub verdict: Verdict,
    signature: Signature,
}

/// Why something is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AnswerError {
    /// Something else lies here, or a later version of it.
    #[error("read answer: it does not begin with igor/answer/1")]
    NotAnAnswer,
    /// It ends early or goes on after its end.
    #[error("read answer: {0}")]
    Malformed(#[from] DecodeError),
    /// The verdict is not known.
    #[error("read answer: a verdict of kind {0} is not known")]
    Verdict(u8),
}

impl Answer {
    /// Bytes of an answer.
    pub const BYTES: usize = 14 + 32 + 1 + 64;

    /// Makes and signs an answer. What it says must be durable before it is shown to anyone.
    pub fn sign(target: &NodeKey, offer: Hash, verdict: Verdict) -> Self {
        let signature = target.sign(Domain::Answer, message(&offer, verdict).as_bytes());
        Self { offer, verdict, signature }
    }

    /// The answer's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut encoder = Encoder::with_capacity(Self::BYTES);
        encoder.raw(Domain::Answer.tag()).raw(message(&self.offer, self.verdict).as_bytes());
        encoder.raw(self.signature.as_bytes());
        encoder.into_bytes()
    }

    /// Reads an answer. The signature is not looked at.
    ///
    /// # Errors
    /// [`AnswerError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, AnswerError> {
        let content = bytes.strip_prefix(Domain::Answer.tag()).ok_or(AnswerError::NotAnAnswer)?;
        let mut decoder = Decoder::new(content);
        let (offer, verdict) = (Hash::from_bytes(decoder.array()), decoder.u8());
        let signature = Signature::from_bytes(decoder.array());
        decoder.finish()?;
        let verdict = match verdict {
            1 => Verdict::Accepted,
            2 => Verdict::Refused,
            other => return Err(AnswerError::Verdict(other)),
        };
        Ok(Self { offer, verdict, signature })
    }

    /// Checks that `target` gave this answer.
    ///
    /// # Errors
    /// [`SignatureError`].
    pub fn verify(&self, target: &PublicKey) -> Result<(), SignatureError> {
        let message = message(&self.offer, self.verdict);
        target.verify(Domain::Answer, message.as_bytes(), &self.signature)
    }
}

/// What is signed, after the domain's tag.
fn message(offer: &Hash, verdict: Verdict) -> Encoder {
    let mut encoder = Encoder::with_capacity(33);
    encoder.raw(offer.as_bytes()).u8(match verdict {
        Verdict::Accepted => 1,
        Verdict::Refused => 2,
    });
    encoder
}

#[cfg(test)]
mod tests {
    use super::super::offer::tests::{offer, terms};
    use super::*;

    fn target() -> NodeKey {
        NodeKey::from_seed(&[2; 32])
    }

    #[test]
    fn an_answer_round_trips_and_is_that_of_the_target() {
        for verdict in [Verdict::Accepted, Verdict::Refused] {
            let answer = Answer::sign(&target(), offer().hash(), verdict);
            let bytes = answer.encode();
            assert_eq!(bytes.len(), Answer::BYTES);
            assert!(bytes.starts_with(b"igor/answer/1\0"));
            let read = Answer::decode(&bytes).expect("what was encoded");
            assert_eq!(read, answer);
            assert_eq!(read.verify(&terms().target), Ok(()));
            assert_eq!(read.verify(&terms().source), Err(SignatureError));
        }
    }

    #[test]
    fn a_change_of_any_byte_is_noticed() {
        let bytes = Answer::sign(&target(), offer().hash(), Verdict::Accepted).encode();
        for index in 0..bytes.len() {
            for bit in [1, 2, 3] {
                let mut other = bytes.clone();
                other[index] ^= bit;
                let verified = Answer::decode(&other);
                let verified = verified.is_ok_and(|it| it.verify(&terms().target).is_ok());
                assert!(!verified, "byte {index}");
            }
            assert!(Answer::decode(&bytes[..index]).is_err(), "cut to {index}");
        }
        let mut other = bytes.clone();
        other[14 + 32] = 3;
        assert_eq!(Answer::decode(&other), Err(AnswerError::Verdict(3)));
        let longer = [&bytes[..], &[0]].concat();
        assert_eq!(Answer::decode(&longer), Err(DecodeError::TrailingBytes.into()));
    }
}
