//! Fields that several of the journal's formats have, and what can be wrong with one. The order of
//! the fields is the formats' own matter.

use crate::{AmountError, Carry, DecodeError, Decoder, Encoder, Hash, Microcents, Predecessor};

/// The longest reason in words, in bytes.
pub(crate) const REASON_BYTES_MAX: usize = 1_024;

/// What is wrong with a field of a journal's record, of a segment or of a summary.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FieldError {
    /// The bytes end early, go on after the end, or hold a text that is not UTF-8.
    #[error("{0}")]
    Malformed(#[from] DecodeError),
    /// An amount is negative or above 2^53 - 1 microcents.
    #[error("{0}")]
    Amount(#[from] AmountError),
    /// A carry holds a whole microcent.
    #[error("a carry of {0} is not below 1,000,000,000")]
    Carry(u32),
    /// A byte that says yes or no is neither 0 nor 1.
    #[error("{0} where 0 or 1 is expected")]
    Flag(u8),
    /// A byte that says what kind of predecessor there is says something else.
    #[error("a predecessor of kind {0} is not known")]
    Predecessor(u8),
    /// The meter's name is none.
    #[error("a meter's name has 1 to 64 printable ASCII characters")]
    Meter,
    /// The name of a failure is none.
    #[error("the name of a failure has 1 to 64 printable ASCII characters")]
    Failure,
    /// A reason in words is too long.
    #[error("a reason of {0} bytes, at most {REASON_BYTES_MAX} allowed")]
    Reason(usize),
}

pub(crate) fn amount(decoder: &mut Decoder<'_>) -> Result<Microcents, FieldError> {
    Ok(Microcents::new(decoder.i64())?)
}

pub(crate) fn carry(decoder: &mut Decoder<'_>) -> Result<Carry, FieldError> {
    let carry = decoder.u32();
    Carry::new(carry).map_err(|_| FieldError::Carry(carry))
}

pub(crate) fn flag(decoder: &mut Decoder<'_>) -> Result<bool, FieldError> {
    match decoder.u8() {
        0 => Ok(false),
        1 => Ok(true),
        other => Err(FieldError::Flag(other)),
    }
}

pub(crate) fn reason<'a>(decoder: &mut Decoder<'a>) -> Result<&'a str, FieldError> {
    let reason = decoder.str();
    match reason.len() {
        0..=REASON_BYTES_MAX => Ok(reason),
        longer => Err(FieldError::Reason(longer)),
    }
}

/// As much of a reason as a record holds.
pub(crate) fn cut(reason: &str) -> &str {
    reason.get(..reason.floor_char_boundary(REASON_BYTES_MAX)).unwrap_or(reason)
}

impl Predecessor {
    pub(crate) fn encode(self, encoder: &mut Encoder) {
        match self {
            Self::Genesis => encoder.u8(0),
            Self::NotJournaled => encoder.u8(1),
            Self::Segment(hash) => encoder.u8(2).raw(hash.as_bytes()),
        };
    }

    pub(crate) fn decode(decoder: &mut Decoder<'_>) -> Result<Self, FieldError> {
        match decoder.u8() {
            0 => Ok(Self::Genesis),
            1 => Ok(Self::NotJournaled),
            2 => Ok(Self::Segment(Hash::from_bytes(decoder.array()))),
            other => Err(FieldError::Predecessor(other)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_cut_between_two_characters() {
        for (reason, bytes) in [
            (String::new(), 0),
            ("a".repeat(1_024), 1_024),
            ("a".repeat(1_025), 1_024),
            (format!("a{}", "ö".repeat(600)), 1_023),
        ] {
            assert_eq!(cut(&reason), &reason[..bytes]);
        }
    }
}
