//! The wish: what the operator of a node wants of an agent, so that a node that starts again does the
//! same. It is the node's own note, unsigned and guarded against damage only; it says nothing of what
//! the agent did and never leaves the node. Its bytes are specified in `docs/spec/wish.md`.

use crate::journal::{REASON_BYTES_MAX, cut};
use crate::{DecodeError, Decoder, Encoder, Hash};

/// What every wish begins with.
const TAG: [u8; 12] = *b"igor/wish/1\0";
/// Bytes of the checksum at the end.
const CHECKSUM_BYTES: usize = 32;

/// What is wanted of an agent.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Wish {
    /// It is to run.
    Run,
    /// It is to run but for its ticks.
    Pause,
    /// It is to rest until it is started.
    Rest {
        /// Why it stopped, in one word; of more than 1,024 bytes only the first are kept.
        reason: String,
        /// What exactly happened; cut like the reason.
        detail: Option<String>,
    },
}

/// Why bytes are no wish.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WishError {
    /// Something else lies here, or a later version of it.
    #[error("read wish: it does not begin with igor/wish/1")]
    NotAWish,
    /// The bytes are not those that were written.
    #[error("read wish: the checksum does not match, the wish is damaged")]
    Checksum,
    /// It ends early or goes on after its end.
    #[error("read wish: {0}")]
    Malformed(#[from] DecodeError),
    /// It wants something unknown.
    #[error("read wish: a wish of kind {0} is not known")]
    Kind(u8),
    /// A byte that says whether something follows is neither 0 nor 1.
    #[error("read wish: {0} where 0 or 1 is expected")]
    Presence(u8),
    /// A text is too long.
    #[error("read wish: a text of {0} bytes, at most {REASON_BYTES_MAX} allowed")]
    Text(usize),
}

impl Wish {
    /// The wish's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut encoder = Encoder::new();
        encoder.raw(&TAG);
        match self {
            Self::Run => encoder.u8(0),
            Self::Pause => encoder.u8(1),
            Self::Rest { reason, detail } => {
                encoder.u8(2).str(cut(reason)).bool(detail.is_some());
                encoder.str(detail.as_deref().map_or("", cut))
            }
        };
        let checksum = Hash::of(encoder.as_bytes());
        encoder.raw(checksum.as_bytes());
        encoder.into_bytes()
    }

    /// Reads a wish.
    ///
    /// # Errors
    /// [`WishError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, WishError> {
        if !bytes.starts_with(&TAG) {
            return Err(WishError::NotAWish);
        }
        let (content, checksum) =
            bytes.split_last_chunk::<CHECKSUM_BYTES>().ok_or(DecodeError::ShortRead)?;
        if Hash::of(content).as_bytes() != checksum {
            return Err(WishError::Checksum);
        }
        let mut decoder = Decoder::new(content);
        decoder.fixed(TAG.len());
        let wish = match decoder.u8() {
            0 => Self::Run,
            1 => Self::Pause,
            2 => Self::rest(&mut decoder)?,
            other => return Err(WishError::Kind(other)),
        };
        decoder.finish()?;
        Ok(wish)
    }

    fn rest(decoder: &mut Decoder<'_>) -> Result<Self, WishError> {
        let reason = text(decoder)?;
        let has_detail = match decoder.u8() {
            0 => false,
            1 => true,
            other => return Err(WishError::Presence(other)),
        };
        let detail = text(decoder)?;
        if !has_detail && !detail.is_empty() {
            return Err(WishError::Presence(0));
        }
        Ok(Self::Rest { reason, detail: has_detail.then_some(detail) })
    }
}

fn text(decoder: &mut Decoder<'_>) -> Result<String, WishError> {
    let text = decoder.str();
    match text.len() {
        0..=REASON_BYTES_MAX => Ok(text.to_owned()),
        longer => Err(WishError::Text(longer)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rest(reason: &str, detail: Option<&str>) -> Wish {
        Wish::Rest { reason: reason.to_owned(), detail: detail.map(str::to_owned) }
    }

    #[test]
    fn wishes_round_trip() {
        for wish in [Wish::Run, Wish::Pause, rest("trap", Some("it broke")), rest("signal", None)] {
            assert_eq!(Wish::decode(&wish.encode()), Ok(wish));
        }
        let long = "ä".repeat(1_000);
        let Ok(Wish::Rest { reason, .. }) = Wish::decode(&rest(&long, None).encode()) else {
            panic!("a long reason is cut")
        };
        assert_eq!(reason.len(), 1_024);
    }

    /// With a checksum that fits.
    fn sealed(content: &[u8]) -> Vec<u8> {
        [content, Hash::of(content).as_bytes()].concat()
    }

    #[test]
    fn what_is_no_wish_is_refused_by_reason() {
        let bytes = rest("trap", Some("x")).encode();
        for length in 0..bytes.len() {
            let found = Wish::decode(&bytes[..length]);
            let expected = match length {
                0..12 => WishError::NotAWish,
                12..32 => WishError::Malformed(DecodeError::ShortRead),
                _ => WishError::Checksum,
            };
            assert_eq!(found, Err(expected), "{length} bytes");
        }
        for index in 0..bytes.len() {
            let mut other = bytes.clone();
            other[index] ^= 1;
            let expected = if index < 12 { WishError::NotAWish } else { WishError::Checksum };
            assert_eq!(Wish::decode(&other), Err(expected), "byte {index}");
        }
        for (rest, expected) in [
            (&[3][..], WishError::Kind(3)),
            (&[0, 0], WishError::Malformed(DecodeError::TrailingBytes)),
            (&[2, 0, 0, 0, 0, 2, 0, 0, 0, 0], WishError::Presence(2)),
            (&[2, 0, 0, 0, 0, 0, 1, 0, 0, 0, b'x'], WishError::Presence(0)),
        ] {
            assert_eq!(Wish::decode(&sealed(&[&TAG, rest].concat())), Err(expected), "{rest:?}");
        }
    }
}
