//! The original's epoch receipts: a node's bill for a stretch of ticks, signed with the node's key,
//! and the file that lists them. They are only read, verified and written back; there is no way
//! to sign one here. A receipt says what a node claims, not what an agent owes.
//!
//! Stricter than the original: a signature of another length, bytes after the signature or after the
//! list, and names that are not UTF-8 are errors. Its writer produces none of these.

use crate::{DecodeError, Decoder, Encoder, PublicKey, Signature, SignatureError};

/// Bytes of a receipt's numbers.
const NUMBERS_BYTES: usize = 40;
/// Bytes of the smallest receipt: two empty names, the numbers and the signature.
const RECEIPT_BYTES_MIN: usize = 4 + 4 + NUMBERS_BYTES + 4 + 64;
/// Bytes of a signature, as they are written before it.
const SIGNATURE_BYTES: u32 = 64;

/// A node's bill for a stretch of ticks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EpochReceipt {
    /// The agent's name on the node.
    pub agent_id: String,
    /// The node, as the text of a libp2p peer id.
    pub node_id: String,
    /// The first tick.
    pub epoch_start: u64,
    /// The last tick; one less than the first if there was none.
    pub epoch_end: u64,
    /// What the ticks cost, in microcents. The original does not bound it.
    pub cost_microcents: i64,
    /// What was left afterwards, in microcents; the original let it fall below zero.
    pub budget_after_microcents: i64,
    /// When the receipt was made, in Unix nanoseconds.
    pub timestamp_ns: i64,
    /// The node's signature.
    pub signature: Signature,
}

/// Why bytes are no receipt, or no list of receipts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReceiptError {
    /// They end early, go on after the end, or hold a name that is not text.
    #[error("read receipt: {0}")]
    Malformed(#[from] DecodeError),
    /// The signature is of another length.
    #[error("read receipt: signature of {0} bytes, {SIGNATURE_BYTES} expected")]
    SignatureLength(u32),
}

impl EpochReceipt {
    /// The receipt's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut encoder = self.signed_part();
        encoder.bytes(self.signature.as_bytes());
        encoder.into_bytes()
    }

    /// Reads a receipt. The signature is not looked at.
    ///
    /// # Errors
    /// [`ReceiptError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, ReceiptError> {
        let mut decoder = Decoder::new(bytes);
        let (agent_id, node_id) = (decoder.str(), decoder.str());
        let mut receipt = Self {
            agent_id: String::new(),
            node_id: String::new(),
            epoch_start: decoder.u64(),
            epoch_end: decoder.u64(),
            cost_microcents: decoder.i64(),
            budget_after_microcents: decoder.i64(),
            timestamp_ns: decoder.i64(),
            signature: Signature::from_bytes([0; 64]),
        };
        let signature_bytes = decoder.u32();
        decoder.status()?;
        if signature_bytes != SIGNATURE_BYTES {
            return Err(ReceiptError::SignatureLength(signature_bytes));
        }
        receipt.signature = Signature::from_bytes(decoder.array());
        decoder.finish()?;
        receipt.agent_id = agent_id.to_owned();
        receipt.node_id = node_id.to_owned();
        Ok(receipt)
    }

    /// Checks the signature against the node's key.
    ///
    /// # Errors
    /// [`SignatureError`].
    pub fn verify(&self, node: &PublicKey) -> Result<(), SignatureError> {
        node.verify_parts(&[self.signed_part().as_bytes()], &self.signature)
    }

    fn signed_part(&self) -> Encoder {
        let names = self.agent_id.len().saturating_add(self.node_id.len());
        let mut encoder = Encoder::with_capacity(RECEIPT_BYTES_MIN.saturating_add(names));
        encoder.str(&self.agent_id).str(&self.node_id);
        encoder.u64(self.epoch_start).u64(self.epoch_end);
        encoder.i64(self.cost_microcents).i64(self.budget_after_microcents);
        encoder.i64(self.timestamp_ns);
        encoder
    }
}

/// The bytes of a receipts file.
///
/// # Panics
/// If there are 2^32 receipts or more, which no memory holds.
pub fn encode_receipts(receipts: &[EpochReceipt]) -> Vec<u8> {
    let mut encoder = Encoder::new();
    encoder.u32(u32::try_from(receipts.len()).expect("fewer receipts than 2^32"));
    for receipt in receipts {
        encoder.bytes(&receipt.encode());
    }
    encoder.into_bytes()
}

/// Reads a receipts file. The count in front is believed only as far as the bytes reach.
///
/// # Errors
/// [`ReceiptError`].
pub fn decode_receipts(bytes: &[u8]) -> Result<Vec<EpochReceipt>, ReceiptError> {
    let mut decoder = Decoder::new(bytes);
    let count = decoder.u32();
    decoder.status()?;
    let capacity = usize::try_from(count).unwrap_or(usize::MAX);
    if capacity > decoder.remaining() / (4 + RECEIPT_BYTES_MIN) {
        return Err(DecodeError::ShortRead.into());
    }
    let mut receipts = Vec::with_capacity(capacity);
    for _ in 0..count {
        let receipt = decoder.bytes();
        decoder.status()?;
        receipts.push(EpochReceipt::decode(receipt)?);
    }
    decoder.finish()?;
    Ok(receipts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receipt() -> EpochReceipt {
        EpochReceipt {
            agent_id: "agent".to_owned(),
            node_id: "node".to_owned(),
            epoch_start: 6,
            epoch_end: 5,
            cost_microcents: 0,
            budget_after_microcents: -1,
            timestamp_ns: i64::MIN,
            signature: Signature::from_bytes([1; 64]),
        }
    }

    #[test]
    fn receipts_round_trip() {
        assert_eq!(EpochReceipt::decode(&receipt().encode()), Ok(receipt()));
        for list in [vec![], vec![receipt()], vec![receipt(); 3]] {
            assert_eq!(decode_receipts(&encode_receipts(&list)), Ok(list));
        }
    }

    #[test]
    fn a_count_that_the_bytes_do_not_hold_is_refused() {
        let short = Err(DecodeError::ShortRead.into());
        assert_eq!(decode_receipts(&[0xff; 4]), short);
        assert_eq!(decode_receipts(&[0xff; 400]), short);
        assert_eq!(decode_receipts(&[0; 3]), short);
        let mut bytes = encode_receipts(&[receipt()]);
        bytes[0] = 2;
        assert_eq!(decode_receipts(&bytes), short);
        bytes[0] = 0;
        assert_eq!(decode_receipts(&bytes), Err(DecodeError::TrailingBytes.into()));
    }

    #[test]
    fn a_count_of_what_is_not_there_reserves_nothing() {
        for count in [u32::MAX, u32::MAX / 2, 1 << 24, 1] {
            assert!(decode_receipts(&count.to_le_bytes()).is_err(), "{count}");
        }
    }

    #[test]
    fn malformed_receipts_are_refused() {
        let bytes = receipt().encode();
        for length in 0..bytes.len() {
            let read = EpochReceipt::decode(&bytes[..length]);
            assert_eq!(read, Err(DecodeError::ShortRead.into()), "cut to {length}");
        }
        let longer = [&bytes[..], &[0]].concat();
        assert_eq!(EpochReceipt::decode(&longer), Err(DecodeError::TrailingBytes.into()));
        let mut other = bytes.clone();
        other[bytes.len() - 68] = 63;
        assert_eq!(EpochReceipt::decode(&other), Err(ReceiptError::SignatureLength(63)));
        let mut other = bytes;
        other[4] = 0xff;
        assert_eq!(EpochReceipt::decode(&other), Err(DecodeError::NotUtf8.into()));
    }
}
