//! Amounts of money in configuration: text such as "0.001", or a number. No arithmetic is done on
//! floating-point numbers; a number in a file is taken as its shortest decimal text, and refused
//! where that text might not be what was written.

use std::fmt;

use igor_format::{Microcents, Price};
use serde::Deserializer;
use serde::de::{Error, Visitor};

/// So many decimal digits survive being read as a 64-bit floating-point number.
const EXACT_DIGITS: usize = 15;

/// Reads an amount of units.
pub(super) fn amount<'de, D: Deserializer<'de>>(from: D) -> Result<Microcents, D::Error> {
    from.deserialize_any(Amount)
}

/// Reads a price in units per second, which is more than nothing.
pub(super) fn price<'de, D: Deserializer<'de>>(from: D) -> Result<Price, D::Error> {
    let amount = amount(from)?;
    if amount.is_zero() {
        return Err(D::Error::custom("a price is more than 0"));
    }
    Ok(Price::per_second(amount))
}

struct Amount;

impl Visitor<'_> for Amount {
    type Value = Microcents;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an amount of units such as \"2.5\"")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Microcents, E> {
        text.parse().map_err(|error| E::custom(format!("{error}, not {text:?}")))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Microcents, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Microcents, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Microcents, E> {
        let text = number.to_string();
        if text.bytes().filter(u8::is_ascii_digit).count() > EXACT_DIGITS {
            return Err(E::custom("a number with so many digits is not exact; write it in quotes"));
        }
        self.visit_str(&text)
    }
}
