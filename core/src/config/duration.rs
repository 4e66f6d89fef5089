//! Lengths of time in configuration, as people write them: `10ms`, `1.5s`, `1m30s`. No dates, no
//! months, no negative ones.

use std::fmt;
use std::time::Duration;

use serde::Deserializer;
use serde::de::{Error, Visitor};

/// Longer than any sensible setting, and short enough that sums of them stay in range.
const DURATION_MAX: Duration = Duration::from_secs(366 * 24 * 3600);

const UNITS: [(&str, u128); 7] = [
    ("ns", 1),
    ("us", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
];

/// Reads a length of time: numbers, each with a unit of `ns`, `us`, `ms`, `s`, `m`, `h` or `d`.
///
/// # Errors
/// A sentence that says what a length of time looks like, or that this one is too long.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let malformed = || format!("a length of time looks like 500ms, 1.5s or 1m30s, not {text:?}");
    let mut rest = text.trim();
    let mut total = Some(0_u128);
    if rest.is_empty() {
        return Err(malformed());
    }
    if rest == "0" {
        return Ok(Duration::ZERO);
    }
    while !rest.is_empty() {
        let number = leading(rest, |byte| byte.is_ascii_digit() || byte == b'.');
        rest = rest.strip_prefix(number).unwrap_or_default();
        let unit = leading(rest, |byte| byte.is_ascii_alphabetic());
        rest = rest.strip_prefix(unit).unwrap_or_default().trim_start();
        let scale = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(malformed)?.1;
        let part = scaled(number, scale).ok_or_else(malformed)?;
        total = total.and_then(|total| total.checked_add(part));
    }
    let nanoseconds = total.and_then(|total| u64::try_from(total).ok());
    let duration = nanoseconds.map(Duration::from_nanos).filter(|length| *length <= DURATION_MAX);
    duration.ok_or_else(|| format!("a length of time is at most a year, not {text:?}"))
}

/// The longest beginning of `text` whose bytes are all `wanted`.
fn leading(text: &str, wanted: fn(u8) -> bool) -> &str {
    let length = text.bytes().take_while(|byte| wanted(*byte)).count();
    text.get(..length).unwrap_or_default()
}

/// A plain decimal number times `scale`; what is smaller than one is dropped, what is too large is
/// the largest.
fn scaled(number: &str, scale: u128) -> Option<u128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
        return None;
    }
    let digit = |byte: u8| u128::from(byte.saturating_sub(b'0'));
    let whole = whole
        .bytes()
        .try_fold(0_u128, |sum, byte| sum.checked_mul(10)?.checked_add(digit(byte)))
        .and_then(|whole| whole.checked_mul(scale))
        .unwrap_or(u128::MAX);
    let mut place = scale;
    let mut below = 0_u128;
    for byte in fraction.bytes() {
        place /= 10;
        below += place * digit(byte);
    }
    Some(whole.saturating_add(below))
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    from.deserialize_any(Text)
}

struct Text;

impl Visitor<'_> for Text {
    type Value = Duration;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a length of time such as \"1.5s\"")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Duration, E> {
        parse_duration(text).map_err(E::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, nanoseconds: u64) {
        assert_eq!(parse_duration(text), Ok(Duration::from_nanos(nanoseconds)), "{text:?}");
    }

    #[test]
    fn lengths_of_time_are_read_exactly() {
        check("1ns", 1);
        check("10us", 10_000);
        check("10ms", 10_000_000);
        check("1s", 1_000_000_000);
        check("1.5s", 1_500_000_000);
        check(".25s", 250_000_000);
        check("1m30s", 90_000_000_000);
        check("1h 5m", 3_900_000_000_000);
        check("0", 0);
        check("0s", 0);
        check(" 2d ", 172_800_000_000_000);
        check("0.0000000001s", 0);
    }

    #[test]
    fn what_is_no_length_of_time_is_refused() {
        for text in ["", "s", "1", "1x", "-1s", "1.2.3s", ".s", "1 s", "1e3s", "NaN", "1s5", "١s"]
        {
            let error = parse_duration(text).expect_err(text);
            assert!(error.starts_with("a length of time looks like"), "{text:?}: {error}");
        }
        for text in ["367d", "99999999999999999999999999999999999999999d", "9999999999s9999999999s"]
        {
            let error = parse_duration(text).expect_err(text);
            assert!(error.starts_with("a length of time is at most a year"), "{text:?}: {error}");
        }
    }
}
