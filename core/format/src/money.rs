//! Amounts of money and the price of running. They are integers of microcents and never pass
//! through a float; a value of these types cannot be negative or larger than a JSON number holds
//! exactly.

use core::fmt;
use core::str::FromStr;

/// Microcents in one unit.
const UNIT: i64 = 1_000_000;

/// An amount of money in microcents: 0 to 2^53 - 1, where 1 unit is 1,000,000.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Microcents(i64);

/// The number or text is no amount of money.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AmountError {
    /// Below zero.
    #[error("an amount cannot be negative")]
    Negative,
    /// Above 2^53 - 1 microcents.
    #[error("an amount cannot be more than {} units", Microcents::MAX)]
    TooLarge,
    /// More than six digits after the point.
    #[error("an amount has at most six digits after the point")]
    TooPrecise,
    /// Not a plain decimal number.
    #[error("an amount is a plain decimal number of units, such as 2.5")]
    NotANumber,
}

impl Microcents {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// 2^53 - 1 microcents, the largest integer that every JSON reader keeps exact.
    pub const MAX: Self = Self((1 << 53) - 1);

    /// Takes a number of microcents.
    pub const fn new(microcents: i64) -> Result<Self, AmountError> {
        if microcents < 0 {
            Err(AmountError::Negative)
        } else if microcents > Self::MAX.0 {
            Err(AmountError::TooLarge)
        } else {
            Ok(Self(microcents))
        }
    }

    /// The number of microcents.
    pub const fn get(self) -> i64 {
        self.0
    }

    /// The sum, or `None` above [`Self::MAX`].
    pub fn checked_add(self, other: Self) -> Option<Self> {
        Self::new(self.0.checked_add(other.0)?).ok()
    }

    /// The difference, or `None` below zero.
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        Self::new(self.0.checked_sub(other.0)?).ok()
    }

    /// Whether this is nothing.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }
}

impl fmt::Display for Microcents {
    /// Units with six digits after the point, as in `1.000000`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06}", self.0 / UNIT, self.0 % UNIT)
    }
}

impl FromStr for Microcents {
    type Err = AmountError;

    /// Reads a decimal number of units exactly; no sign but `+`, no exponent, no separators.
    fn from_str(text: &str) -> Result<Self, AmountError> {
        let negative = text.starts_with('-');
        let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
        let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(whole) || !digits(fraction) || (whole.is_empty() && fraction.is_empty()) {
            return Err(AmountError::NotANumber);
        }
        if negative {
            return Err(AmountError::Negative);
        }
        let fraction = fraction.trim_end_matches('0');
        if fraction.len() > 6 {
            return Err(AmountError::TooPrecise);
        }
        let mut amount: i64 = 0;
        let fraction_digits = fraction.bytes().chain(core::iter::repeat(b'0')).take(6);
        for byte in whole.bytes().chain(fraction_digits) {
            amount = amount
                .checked_mul(10)
                .and_then(|amount| amount.checked_add(i64::from(byte - b'0')))
                .ok_or(AmountError::TooLarge)?;
        }
        Self::new(amount)
    }
}

/// What one nominal second costs, in microcents.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Price(Microcents);

impl Price {
    /// A price of `per_second` for each nominal second; zero is allowed, as old checkpoints hold it.
    pub const fn per_second(per_second: Microcents) -> Self {
        Self(per_second)
    }

    /// The amount for one nominal second.
    pub const fn microcents(self) -> Microcents {
        self.0
    }
}

impl fmt::Display for Price {
    /// Units per second with six digits after the point.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<i64, AmountError>) {
        assert_eq!(text.parse::<Microcents>().map(Microcents::get), expected, "{text:?}");
    }

    #[test]
    fn units_are_read_exactly() {
        check("1", Ok(1_000_000));
        check("1.0", Ok(1_000_000));
        check("1.005", Ok(1_005_000));
        check("0.000001", Ok(1));
        check(".5", Ok(500_000));
        check("5.", Ok(5_000_000));
        check("+2.50000000", Ok(2_500_000));
        check("0", Ok(0));
        check("9007199254.740991", Ok(Microcents::MAX.get()));
    }

    #[test]
    fn what_is_no_amount_is_refused_by_reason() {
        check("-1", Err(AmountError::Negative));
        check("-0.000001", Err(AmountError::Negative));
        check("-x", Err(AmountError::NotANumber));
        check("9007199254.740992", Err(AmountError::TooLarge));
        check("99999999999999999999999999", Err(AmountError::TooLarge));
        check("0.0000001", Err(AmountError::TooPrecise));
        for text in ["", ".", "NaN", "inf", "1e3", "1,5", " 1", "0x1", "--1", "1.2.3", "١"] {
            check(text, Err(AmountError::NotANumber));
        }
    }

    #[test]
    fn arithmetic_stays_in_range() {
        let one = Microcents::new(1).expect("one is an amount");
        assert_eq!(Microcents::MAX.checked_add(one), None);
        assert_eq!(Microcents::ZERO.checked_sub(one), None);
        assert_eq!(one.checked_sub(one), Some(Microcents::ZERO));
    }

    #[test]
    fn amounts_print_as_units() {
        for (microcents, text) in [(0, "0.000000"), (1, "0.000001"), (1_005_000, "1.005000")] {
            assert_eq!(Microcents::new(microcents).map(|a| a.to_string()), Ok(text.to_owned()));
        }
    }
}
