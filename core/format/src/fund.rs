//! The fund record: the agent's own signed statement that an amount was added to its budget between
//! two of its checkpoints. It is evidence, kept beside the history; it is not a payment and does not
//! say where the money came from.
//!
//! The file is exactly what is signed, the domain's tag included, followed by the signature. The
//! bytes are specified in `docs/spec/checkpoint.md`.

use core::fmt;
use core::str::FromStr;

use crate::key::SignatureError;
use crate::{AgentKey, AmountError, DecodeError, Decoder, Domain, Encoder, Hash, Microcents};
use crate::{PublicKey, Signature};

/// The name of a fund record: 16 bytes that its maker drew at random.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FundId([u8; 16]);

impl FundId {
    /// Takes the 16 bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The 16 bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for FundId {
    /// 32 lowercase hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for FundId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FundId({self})")
    }
}

impl FromStr for FundId {
    type Err = FundIdError;

    /// Reads 32 lowercase hexadecimal digits.
    fn from_str(text: &str) -> Result<Self, FundIdError> {
        let number = match text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            true if text.len() == 32 => u128::from_str_radix(text, 16).map_err(|_| FundIdError)?,
            _ => return Err(FundIdError),
        };
        Ok(Self(number.to_be_bytes()))
    }
}

/// The text names no fund record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a fund record's id is 32 lowercase hexadecimal digits")]
pub struct FundIdError;

/// What a fund record states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Funding {
    /// The hash of the checkpoint before.
    pub before: Hash,
    /// The hash of the checkpoint after, whose budget is higher by exactly the amount.
    pub after: Hash,
    /// What was added; never zero.
    pub amount: Microcents,
    /// The record's name.
    pub id: FundId,
}

/// A fund record of sound structure; [`FundRecord::verify`] says whether its signature holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FundRecord {
    public_key: PublicKey,
    funding: Funding,
    signature: Signature,
}

/// Why something is no fund record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FundError {
    /// Something else lies here, or a later version of it.
    #[error("read fund record: it does not begin with igor/fund/1")]
    NotARecord,
    /// It ends early or goes on after its end.
    #[error("read fund record: {0}")]
    Malformed(#[from] DecodeError),
    /// The amount is negative or above 2^53 - 1 microcents.
    #[error("read fund record: {0}")]
    Amount(#[from] AmountError),
    /// Nothing would be added.
    #[error("a fund record cannot add nothing")]
    Zero,
}

impl FundRecord {
    /// Bytes of a fund record.
    pub const BYTES: usize = 196;

    /// Makes and signs a record.
    ///
    /// # Errors
    /// [`FundError::Zero`].
    pub fn sign(key: &AgentKey, funding: Funding) -> Result<Self, FundError> {
        if funding.amount.is_zero() {
            return Err(FundError::Zero);
        }
        let public_key = key.public_key();
        let signature = key.sign(Domain::Fund, message(&public_key, &funding).as_bytes());
        Ok(Self { public_key, funding, signature })
    }

    /// The record's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut encoder = Encoder::with_capacity(Self::BYTES);
        encoder.raw(Domain::Fund.tag());
        encoder.raw(message(&self.public_key, &self.funding).as_bytes());
        encoder.raw(self.signature.as_bytes());
        encoder.into_bytes()
    }

    /// Reads a record. The signature is not looked at.
    ///
    /// # Errors
    /// [`FundError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, FundError> {
        let content = bytes.strip_prefix(Domain::Fund.tag()).ok_or(FundError::NotARecord)?;
        let mut decoder = Decoder::new(content);
        let public_key = PublicKey::from_bytes(decoder.array());
        let (before, after) = (decoder.array(), decoder.array());
        let amount = decoder.i64();
        let id = FundId(decoder.array());
        let signature = Signature::from_bytes(decoder.array());
        decoder.finish()?;
        let amount = Microcents::new(amount)?;
        if amount.is_zero() {
            return Err(FundError::Zero);
        }
        let (before, after) = (Hash::from_bytes(before), Hash::from_bytes(after));
        Ok(Self { public_key, funding: Funding { before, after, amount, id }, signature })
    }

    /// Checks the signature against the key that the record names.
    ///
    /// # Errors
    /// [`SignatureError`].
    pub fn verify(&self) -> Result<(), SignatureError> {
        let message = message(&self.public_key, &self.funding);
        self.public_key.verify(Domain::Fund, message.as_bytes(), &self.signature)
    }

    /// The agent that was funded.
    pub const fn public_key(&self) -> PublicKey {
        self.public_key
    }

    /// What the record states.
    pub const fn funding(&self) -> &Funding {
        &self.funding
    }
}

/// What is signed, after the domain's tag.
fn message(public_key: &PublicKey, funding: &Funding) -> Encoder {
    let mut encoder = Encoder::with_capacity(FundRecord::BYTES);
    encoder.raw(public_key.as_bytes());
    encoder.raw(funding.before.as_bytes()).raw(funding.after.as_bytes());
    encoder.i64(funding.amount.get()).raw(funding.id.as_bytes());
    encoder
}

#[cfg(test)]
mod tests {
    use super::*;

    fn funding(amount: i64) -> Funding {
        Funding {
            before: Hash::of(b"before"),
            after: Hash::of(b"after"),
            amount: Microcents::new(amount).expect("in range"),
            id: FundId::from_bytes([0xab; 16]),
        }
    }

    fn record() -> FundRecord {
        FundRecord::sign(&AgentKey::from_seed(&[3; 32]), funding(5)).expect("an amount")
    }

    #[test]
    fn a_record_round_trips_and_verifies() {
        let bytes = record().encode();
        assert_eq!(bytes.len(), FundRecord::BYTES);
        assert!(bytes.starts_with(b"igor/fund/1\0"));
        let read = FundRecord::decode(&bytes).expect("what was encoded");
        assert_eq!(read, record());
        assert_eq!(read.verify(), Ok(()));
    }

    #[test]
    fn a_change_of_any_byte_is_noticed() {
        let bytes = record().encode();
        for index in 0..bytes.len() {
            let mut other = bytes.clone();
            other[index] ^= 1;
            let verified = FundRecord::decode(&other).is_ok_and(|record| record.verify().is_ok());
            assert!(!verified, "byte {index}");
            assert!(FundRecord::decode(&bytes[..index]).is_err(), "cut to {index}");
        }
        let longer = [&bytes[..], &[0]].concat();
        assert_eq!(FundRecord::decode(&longer), Err(DecodeError::TrailingBytes.into()));
    }

    #[test]
    fn amounts_that_add_nothing_or_too_much_are_refused() {
        let key = AgentKey::from_seed(&[3; 32]);
        assert_eq!(FundRecord::sign(&key, funding(0)), Err(FundError::Zero));
        for (amount, expected) in [
            (0, FundError::Zero),
            (-1, AmountError::Negative.into()),
            (i64::MAX, AmountError::TooLarge.into()),
        ] {
            let mut bytes = record().encode();
            bytes[108..116].copy_from_slice(&amount.to_le_bytes());
            assert_eq!(FundRecord::decode(&bytes), Err(expected));
        }
    }

    #[test]
    fn ids_have_one_text_form() {
        let text = "000102030405060708090a0b0c0d0e0f";
        assert_eq!(text.parse::<FundId>().map(|id| id.to_string()), Ok(text.to_owned()));
        for other in ["", "00", &text.to_uppercase(), &text.replace('0', "+"), &"0".repeat(33)] {
            assert_eq!(other.parse::<FundId>(), Err(FundIdError), "{other}");
        }
    }
}
