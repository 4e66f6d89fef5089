//! The original's payment receipts. The original signed them as raw bytes with the agent's key, which
//! let a guest have bytes of its choice signed; here they are only read, verified and written
//! back, and nothing can sign one.

use crate::SignatureError;
use crate::{AmountError, DecodeError, Decoder, Encoder, Microcents, PublicKey, Signature};

/// Bytes of a receipt besides recipient and memo.
const FIXED_BYTES: usize = 8 + 8 + 4 + 4 + 32 + 64;

/// A payment that the original took from an agent's budget.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentReceipt {
    /// What was paid.
    pub amount: Microcents,
    /// When, in Unix nanoseconds.
    pub timestamp_ns: i64,
    /// Whom, in the guest's bytes.
    pub recipient: Vec<u8>,
    /// What for, in the guest's bytes.
    pub memo: Vec<u8>,
    /// The agent that paid; 32 zero bytes if it had no identity.
    pub public_key: PublicKey,
    /// The agent's signature; 64 zero bytes if it had no identity.
    pub signature: Signature,
}

/// Why bytes are no payment receipt.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PaymentError {
    /// They end early or go on after the end.
    #[error("read payment receipt: {0}")]
    Malformed(#[from] DecodeError),
    /// The amount is negative or above 2^53 - 1 microcents.
    #[error("read payment receipt: {0}")]
    Amount(#[from] AmountError),
}

impl PaymentReceipt {
    /// The receipt's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut encoder = self.signed_part();
        encoder.raw(self.signature.as_bytes());
        encoder.into_bytes()
    }

    /// Reads a receipt. The signature is not looked at.
    ///
    /// # Errors
    /// [`PaymentError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, PaymentError> {
        let mut decoder = Decoder::new(bytes);
        let (amount, timestamp_ns) = (decoder.i64(), decoder.i64());
        let (recipient, memo) = (decoder.bytes(), decoder.bytes());
        let public_key = PublicKey::from_bytes(decoder.array());
        let signature = Signature::from_bytes(decoder.array());
        decoder.finish()?;
        let amount = Microcents::new(amount)?;
        let (recipient, memo) = (recipient.to_vec(), memo.to_vec());
        Ok(Self { amount, timestamp_ns, recipient, memo, public_key, signature })
    }

    /// Checks the signature against the key that the receipt names. A receipt of an agent without an
    /// identity never verifies.
    ///
    /// # Errors
    /// [`SignatureError`].
    pub fn verify(&self) -> Result<(), SignatureError> {
        self.public_key.verify_parts(&[self.signed_part().as_bytes()], &self.signature)
    }

    fn signed_part(&self) -> Encoder {
        let texts = self.recipient.len().saturating_add(self.memo.len());
        let mut encoder = Encoder::with_capacity(FIXED_BYTES.saturating_add(texts));
        encoder.i64(self.amount.get()).i64(self.timestamp_ns);
        encoder.bytes(&self.recipient).bytes(&self.memo);
        encoder.raw(self.public_key.as_bytes());
        encoder
    }
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::{Signer, SigningKey};

    use super::*;
    use crate::{AgentKey, Domain};

    /// A receipt signed as the original did it, which only a raw key can.
    fn receipt() -> PaymentReceipt {
        let key = SigningKey::from_bytes(&[5; 32]);
        let mut receipt = PaymentReceipt {
            amount: Microcents::new(100_000).expect("in range"),
            timestamp_ns: 1_700_000_000_000_000_000,
            recipient: b"paywall-provider".to_vec(),
            memo: vec![0xff],
            public_key: PublicKey::from_bytes(key.verifying_key().to_bytes()),
            signature: Signature::from_bytes([0; 64]),
        };
        let signature = key.sign(receipt.signed_part().as_bytes());
        receipt.signature = Signature::from_bytes(signature.to_bytes());
        receipt
    }

    #[test]
    fn a_receipt_round_trips_and_verifies() {
        let bytes = receipt().encode();
        assert_eq!(bytes.len(), 56 + 16 + 1 + 64);
        assert_eq!(PaymentReceipt::decode(&bytes), Ok(receipt()));
        assert_eq!(receipt().verify(), Ok(()));
    }

    #[test]
    fn a_change_of_any_byte_is_noticed() {
        let bytes = receipt().encode();
        for index in 0..bytes.len() {
            let mut other = bytes.clone();
            other[index] ^= 1;
            let verified = PaymentReceipt::decode(&other).is_ok_and(|r| r.verify().is_ok());
            assert!(!verified, "byte {index}");
            assert!(PaymentReceipt::decode(&bytes[..index]).is_err(), "cut to {index}");
        }
        let longer = [&bytes[..], &[0]].concat();
        assert_eq!(PaymentReceipt::decode(&longer), Err(DecodeError::TrailingBytes.into()));
    }

    #[test]
    fn a_receipt_without_identity_never_verifies() {
        let unsigned = PaymentReceipt {
            public_key: PublicKey::from_bytes([0; 32]),
            signature: Signature::from_bytes([0; 64]),
            ..receipt()
        };
        assert_eq!(unsigned.verify(), Err(SignatureError));
    }

    #[test]
    fn no_tagged_signature_is_one_of_a_payment_receipt() {
        let key = AgentKey::from_seed(&[5; 32]);
        let data = receipt().signed_part().into_bytes();
        let signature = key.sign(Domain::Fund, &data);
        assert_eq!(PaymentReceipt { signature, ..receipt() }.verify(), Err(SignatureError));
        let tagged = [Domain::Fund.tag(), &data, signature.as_bytes()].concat();
        assert!(PaymentReceipt::decode(&tagged).is_err());
    }
}
