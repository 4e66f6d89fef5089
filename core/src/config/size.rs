//! Numbers of bytes in configuration, as people write them: `4096`, `64KiB`, `1.5GiB`, and `all` where
//! there need be no end. Only powers of 1,024 have names.

use std::fmt;

use serde::Deserializer;
use serde::de::{Error, Visitor};

const UNITS: [(&str, u64); 6] =
    [("", 1), ("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40)];

/// How much of something is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retention {
    /// Everything.
    All,
    /// At most this many bytes.
    Bytes(u64),
}

/// Reads `all`, or a number of bytes with a unit of `B`, `KiB`, `MiB`, `GiB` or `TiB`, or none.
pub(super) fn retention<'de, D: Deserializer<'de>>(from: D) -> Result<Retention, D::Error> {
    from.deserialize_any(Kept)
}

struct Kept;

impl Visitor<'_> for Kept {
    type Value = Retention;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`all` or a size such as 64MiB")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Retention, E> {
        let malformed =
            || E::custom(format!("must be `all` or a size such as 64MiB, not {text:?}"));
        if text == "all" {
            return Ok(Retention::All);
        }
        parse(text).map(Retention::Bytes).ok_or_else(malformed)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Retention, E> {
        Ok(Retention::Bytes(number))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Retention, E> {
        self.visit_str(&number.to_string())
    }
}

/// A number of bytes; a part of a byte is dropped.
fn parse(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'.').count();
    let (number, unit) = text.split_at_checked(digits)?;
    let scale = UNITS.iter().find(|(name, _)| *name == unit.trim_start())?.1;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let bytes = whole.parse::<u64>().ok()?.checked_mul(scale)?;
    let places = u32::try_from(fraction.len()).ok()?;
    let part = u128::from(fraction.parse::<u64>().ok()?).checked_mul(u128::from(scale))?;
    let part = part.checked_div(10_u128.checked_pow(places)?)?;
    bytes.checked_add(u64::try_from(part).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_written() {
        for (text, bytes) in [
            ("0", 0),
            ("4096", 4_096),
            ("17B", 17),
            ("64 KiB", 65_536),
            ("1.5MiB", 1_572_864),
            ("2GiB", 2 << 30),
            ("16777215TiB", 16_777_215 << 40),
        ] {
            assert_eq!(parse(text), Some(bytes), "{text}");
        }
    }

    #[test]
    fn what_is_no_size_is_refused() {
        for text in ["", "all", "-1", "1,5MiB", "1.5.2KiB", "MiB", ".5KiB", "3MB", "16777216TiB"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
