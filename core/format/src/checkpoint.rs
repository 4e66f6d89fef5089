//! A checkpoint: an agent's durable state with its budget, its place in the chain and its signature,
//! with exactly the original's bytes. Versions 2 and 3 carry no signature and are only read; version
//! 4 is read and written. It is not a file: where checkpoints lie is the storage's matter.
//!
//! Decoding and verifying are two steps: a decoded checkpoint has a sound structure and sound
//! amounts, and nothing more; [`Checkpoint::verify`] says whether its signature holds. The bytes
//! are specified in `docs/spec/checkpoint.md`.

use core::fmt;

use crate::{AgentKey, AmountError, Decoder, Encoder, Epoch, Hash, Microcents, Price, PublicKey};
use crate::{Signature, Tick};

/// Bytes before the epoch: the whole header of version 2.
const HEADER_V2_BYTES: usize = 57;
/// The header of version 3.
const HEADER_V3_BYTES: usize = 81;
/// The header of version 4 up to its signature.
const SIGNED_PREFIX_BYTES: usize = 145;
/// The header of version 4.
const HEADER_V4_BYTES: usize = 209;

/// The version of a checkpoint's layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CheckpointVersion {
    /// Without epoch and signature; only read.
    V2,
    /// With an epoch, without a signature; only read.
    V3,
    /// With an epoch and a signature.
    V4,
}

impl CheckpointVersion {
    /// The byte a checkpoint of this version begins with.
    pub const fn code(self) -> u8 {
        match self {
            Self::V2 => 2,
            Self::V3 => 3,
            Self::V4 => 4,
        }
    }

    /// Bytes before the state.
    pub const fn header_bytes(self) -> usize {
        match self {
            Self::V2 => HEADER_V2_BYTES,
            Self::V3 => HEADER_V3_BYTES,
            Self::V4 => HEADER_V4_BYTES,
        }
    }
}

impl fmt::Display for CheckpointVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.code().fmt(f)
    }
}

/// What a checkpoint says about its agent besides the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Header {
    /// What the agent has left.
    pub budget: Microcents,
    /// What one nominal second costs it.
    pub price: Price,
    /// The last tick that is part of the state.
    pub tick: Tick,
    /// The hash of the module's original bytes.
    pub code_hash: Hash,
    /// The holder's fencing number.
    pub epoch: Epoch,
    /// When the original's lease ends, in Unix nanoseconds; 0 without one.
    pub lease_expiry_ns: i64,
}

/// A signed checkpoint's place in its chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Lineage {
    /// The hash of the checkpoint before, [`Hash::ZERO`] for the first.
    pub prev: Hash,
    /// The key that is the agent's identity.
    pub public_key: PublicKey,
    /// The signature over everything else.
    pub signature: Signature,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Versioned {
    V2,
    V3,
    V4(Lineage),
}

/// A checkpoint of sound structure. It comes from [`Checkpoint::decode`] or [`Checkpoint::sign`] only,
/// so that its parts always belong together.
#[derive(Clone, PartialEq, Eq)]
pub struct Checkpoint {
    versioned: Versioned,
    header: Header,
    state: Vec<u8>,
}

/// Why bytes are no checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// There are no bytes.
    #[error("read checkpoint: it is empty")]
    Empty,
    /// The first byte is no version that igor reads.
    #[error("read checkpoint: version {0} is not supported, only 2, 3 and 4 are")]
    UnsupportedVersion(u8),
    /// The bytes end within the header.
    #[error("read checkpoint: {length} bytes, a version {version} header has {}", version.header_bytes())]
    TooShort {
        /// The version in the first byte.
        version: CheckpointVersion,
        /// How many bytes there are.
        length: usize,
    },
    /// The budget is negative or above 2^53 - 1 microcents.
    #[error("read checkpoint: budget of {microcents} microcents: {reason}")]
    Budget {
        /// The number that was read.
        microcents: i64,
        /// What is wrong with it.
        reason: AmountError,
    },
    /// The price is negative or above 2^53 - 1 microcents.
    #[error("read checkpoint: price of {microcents} microcents per second: {reason}")]
    Price {
        /// The number that was read.
        microcents: i64,
        /// What is wrong with it.
        reason: AmountError,
    },
    /// The state is larger than the caller allows.
    #[error("read checkpoint: state of {length} bytes, at most {limit} allowed")]
    StateTooLarge {
        /// Bytes of the state.
        length: u64,
        /// The limit it exceeds.
        limit: u64,
    },
}

/// Why a checkpoint does not prove who wrote it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// Versions 2 and 3 carry no signature.
    #[error("verify checkpoint: version {0} carries no signature")]
    Unsigned(CheckpointVersion),
    /// The signature does not belong to the key and the bytes.
    #[error("verify checkpoint: the signature is invalid")]
    BadSignature,
    /// The signature holds, but it is another agent's.
    #[error("verify checkpoint: signed by {found}, expected {expected}")]
    OtherKey {
        /// Whose checkpoint it should have been.
        expected: PublicKey,
        /// Whose it is.
        found: PublicKey,
    },
}

impl Checkpoint {
    /// Reads a checkpoint whose state has at most `state_bytes_max` bytes. The signature is not
    /// looked at.
    ///
    /// # Errors
    /// [`CheckpointError`], the first that applies in the order of its variants.
    pub fn decode(bytes: &[u8], state_bytes_max: u64) -> Result<Self, CheckpointError> {
        let version = match bytes.first() {
            None => return Err(CheckpointError::Empty),
            Some(2) => CheckpointVersion::V2,
            Some(3) => CheckpointVersion::V3,
            Some(4) => CheckpointVersion::V4,
            Some(other) => return Err(CheckpointError::UnsupportedVersion(*other)),
        };
        let Some((header, state)) = bytes.split_at_checked(version.header_bytes()) else {
            return Err(CheckpointError::TooShort { version, length: bytes.len() });
        };
        let mut decoder = Decoder::new(header);
        decoder.u8();
        let budget = amount(decoder.i64())
            .map_err(|(microcents, reason)| CheckpointError::Budget { microcents, reason })?;
        let price = amount(decoder.i64())
            .map_err(|(microcents, reason)| CheckpointError::Price { microcents, reason })?;
        let length = u64::try_from(state.len()).unwrap_or(u64::MAX);
        if length > state_bytes_max {
            return Err(CheckpointError::StateTooLarge { length, limit: state_bytes_max });
        }
        let mut header = Header {
            budget,
            price: Price::per_second(price),
            tick: Tick(decoder.u64()),
            code_hash: Hash::from_bytes(decoder.array()),
            epoch: Epoch::default(),
            lease_expiry_ns: 0,
        };
        if version != CheckpointVersion::V2 {
            header.epoch = Epoch { major: decoder.u64(), generation: decoder.u64() };
            header.lease_expiry_ns = decoder.i64();
        }
        let versioned = match version {
            CheckpointVersion::V2 => Versioned::V2,
            CheckpointVersion::V3 => Versioned::V3,
            CheckpointVersion::V4 => Versioned::V4(Lineage {
                prev: Hash::from_bytes(decoder.array()),
                public_key: PublicKey::from_bytes(decoder.array()),
                signature: Signature::from_bytes(decoder.array()),
            }),
        };
        debug_assert_eq!(decoder.finish(), Ok(()), "a header is read to its end");
        Ok(Self { versioned, header, state: state.to_vec() })
    }

    /// Makes and signs a checkpoint of version 4 that follows the one whose hash is `prev`.
    pub fn sign(key: &AgentKey, header: Header, prev: Hash, state: Vec<u8>) -> Self {
        let public_key = key.public_key();
        let mut message = signed_prefix(&header, &prev, &public_key, state.len());
        message.raw(&state);
        let signature = key.sign_untagged(message.as_bytes());
        let versioned = Versioned::V4(Lineage { prev, public_key, signature });
        Self { versioned, header, state }
    }

    /// The checkpoint's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut encoder = self.encode_header(self.state.len());
        encoder.raw(&self.state);
        encoder.into_bytes()
    }

    /// The hash of the checkpoint's bytes: its content address, and the `prev` of the next one.
    pub fn hash(&self) -> Hash {
        Hash::of_parts(&[self.encode_header(0).as_bytes(), &self.state])
    }

    /// Checks the signature against the key that the checkpoint names.
    ///
    /// # Errors
    /// [`VerifyError::Unsigned`], [`VerifyError::BadSignature`].
    pub fn verify(&self) -> Result<&Lineage, VerifyError> {
        let Versioned::V4(lineage) = &self.versioned else {
            return Err(VerifyError::Unsigned(self.version()));
        };
        let Lineage { prev, public_key, signature } = lineage;
        let prefix = signed_prefix(&self.header, prev, public_key, 0);
        public_key
            .verify_parts(&[prefix.as_bytes(), &self.state], signature)
            .map_err(|_| VerifyError::BadSignature)?;
        Ok(lineage)
    }

    /// Checks the signature and that it is made by the key `expected`.
    ///
    /// # Errors
    /// [`VerifyError`].
    pub fn verify_by(&self, expected: PublicKey) -> Result<&Lineage, VerifyError> {
        let lineage = self.verify()?;
        if lineage.public_key != expected {
            return Err(VerifyError::OtherKey { expected, found: lineage.public_key });
        }
        Ok(lineage)
    }

    /// The layout's version.
    pub const fn version(&self) -> CheckpointVersion {
        match self.versioned {
            Versioned::V2 => CheckpointVersion::V2,
            Versioned::V3 => CheckpointVersion::V3,
            Versioned::V4(_) => CheckpointVersion::V4,
        }
    }

    /// What it says about the agent. Epoch and lease expiry are zero in version 2.
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The place in the chain, unless the checkpoint is unsigned. Not verified.
    pub const fn lineage(&self) -> Option<&Lineage> {
        match &self.versioned {
            Versioned::V4(lineage) => Some(lineage),
            Versioned::V2 | Versioned::V3 => None,
        }
    }

    /// The agent's state, as its `agent_checkpoint` gave it.
    pub fn state(&self) -> &[u8] {
        &self.state
    }

    /// Takes the state out.
    pub fn into_state(self) -> Vec<u8> {
        self.state
    }

    fn encode_header(&self, state_bytes: usize) -> Encoder {
        match &self.versioned {
            Versioned::V2 => unsigned_prefix(&self.header, CheckpointVersion::V2, state_bytes),
            Versioned::V3 => unsigned_prefix(&self.header, CheckpointVersion::V3, state_bytes),
            Versioned::V4(Lineage { prev, public_key, signature }) => {
                let mut encoder = signed_prefix(&self.header, prev, public_key, state_bytes);
                encoder.raw(signature.as_bytes());
                encoder
            }
        }
    }
}

impl fmt::Debug for Checkpoint {
    /// Everything but the state, of which only the length is shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Checkpoint")
            .field("version", &self.version())
            .field("header", &self.header)
            .field("lineage", &self.lineage())
            .field("state_bytes", &self.state.len())
            .finish()
    }
}

fn amount(microcents: i64) -> Result<Microcents, (i64, AmountError)> {
    Microcents::new(microcents).map_err(|reason| (microcents, reason))
}

/// The header of an unsigned version, or the fields that version 4 shares with version 3, with room
/// for the longest header and a state.
fn unsigned_prefix(header: &Header, version: CheckpointVersion, state_bytes: usize) -> Encoder {
    let mut encoder = Encoder::with_capacity(HEADER_V4_BYTES.saturating_add(state_bytes));
    encoder.u8(version.code());
    encoder.i64(header.budget.get()).i64(header.price.microcents().get());
    encoder.u64(header.tick.0).raw(header.code_hash.as_bytes());
    if version != CheckpointVersion::V2 {
        encoder.u64(header.epoch.major).u64(header.epoch.generation).i64(header.lease_expiry_ns);
    }
    encoder
}

/// What a signature covers before the state: the header of version 4 up to the signature.
fn signed_prefix(
    header: &Header,
    prev: &Hash,
    public_key: &PublicKey,
    state_bytes: usize,
) -> Encoder {
    let mut encoder = unsigned_prefix(header, CheckpointVersion::V4, state_bytes);
    encoder.raw(prev.as_bytes()).raw(public_key.as_bytes());
    debug_assert_eq!(encoder.as_bytes().len(), SIGNED_PREFIX_BYTES);
    encoder
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        Header {
            budget: Microcents::new(5).expect("in range"),
            price: Price::per_second(Microcents::MAX),
            tick: Tick(u64::MAX),
            code_hash: Hash::of(b"code"),
            epoch: Epoch { major: 3, generation: 7 },
            lease_expiry_ns: -1,
        }
    }

    fn signed(state: &[u8]) -> Checkpoint {
        Checkpoint::sign(
            &AgentKey::from_seed(&[1; 32]),
            header(),
            Hash::of(b"prev"),
            state.to_vec(),
        )
    }

    #[test]
    fn what_is_signed_verifies_and_round_trips() {
        let checkpoint = signed(b"state");
        let bytes = checkpoint.encode();
        assert_eq!(bytes.len(), 209 + 5);
        assert_eq!(Hash::of(&bytes), checkpoint.hash());
        let read = Checkpoint::decode(&bytes, 5).expect("what was encoded");
        assert_eq!(read, checkpoint);
        let key = AgentKey::from_seed(&[1; 32]).public_key();
        assert_eq!(read.verify_by(key).map(|lineage| lineage.prev), Ok(Hash::of(b"prev")));
        let expected = AgentKey::from_seed(&[2; 32]).public_key();
        let error = VerifyError::OtherKey { expected, found: key };
        assert_eq!(read.verify_by(expected), Err(error));
    }

    #[test]
    fn a_change_of_any_bit_is_noticed() {
        let bytes = signed(b"state").encode();
        for index in 0..bytes.len() {
            for bit in 0..8 {
                let mut other = bytes.clone();
                other[index] ^= 1 << bit;
                let verified = Checkpoint::decode(&other, 5).is_ok_and(|c| c.verify().is_ok());
                assert!(!verified, "bit {bit} of byte {index}");
            }
        }
    }

    #[test]
    fn errors_come_in_the_order_of_the_original() {
        let bytes = signed(b"state").encode();
        let set = |index: usize, value: &[u8]| {
            let mut other = bytes.clone();
            other[index..index + value.len()].copy_from_slice(value);
            other
        };
        let check = |bytes: &[u8], limit, expected: CheckpointError| {
            assert_eq!(Checkpoint::decode(bytes, limit), Err(expected));
        };
        check(&[], 5, CheckpointError::Empty);
        for version in [0, 1, 5, 255] {
            check(&[version], 5, CheckpointError::UnsupportedVersion(version));
        }
        use CheckpointVersion::{V2, V3, V4};
        for (version, code, header) in [(V2, 2, 57), (V3, 3, 81), (V4, 4, 209)] {
            for length in [1, header - 1] {
                let cut = &set(0, &[code])[..length];
                check(cut, 5, CheckpointError::TooShort { version, length });
            }
            assert!(Checkpoint::decode(&set(0, &[code])[..header], 0).is_ok());
        }
        let reason = AmountError::Negative;
        check(&set(1, &[0xff; 16]), 0, CheckpointError::Budget { microcents: -1, reason });
        let reason = AmountError::Negative;
        check(&set(9, &[0xff; 8]), 0, CheckpointError::Price { microcents: -1, reason });
        let (microcents, reason) = (1 << 53, AmountError::TooLarge);
        let above = (1_i64 << 53).to_le_bytes();
        check(&set(1, &above), 5, CheckpointError::Budget { microcents, reason });
        let reason = AmountError::TooLarge;
        check(&set(9, &above), 5, CheckpointError::Price { microcents, reason });
        check(&bytes, 4, CheckpointError::StateTooLarge { length: 5, limit: 4 });
    }

    #[test]
    fn a_signed_checkpoint_cut_down_to_an_old_version_is_unsigned() {
        let mut bytes = signed(b"").encode();
        for (code, version) in [(2, CheckpointVersion::V2), (3, CheckpointVersion::V3)] {
            bytes[0] = code;
            let read = Checkpoint::decode(&bytes, 1_000).expect("a sound structure");
            assert_eq!(read.verify(), Err(VerifyError::Unsigned(version)));
            assert_eq!(read.lineage(), None);
            assert_eq!(read.encode(), bytes);
        }
    }
}
