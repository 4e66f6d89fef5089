//! The integers that cross function boundaries, each with a name of its own so that no two of them
//! can be confused. They carry no behaviour beyond what their meaning fixes.

use core::fmt;

/// The number of a tick; 0 is the state before the first one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tick(pub u64);

impl fmt::Display for Tick {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The position of a record in a log, counted from 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seq(pub u64);

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An amount of deterministic work; 1,000,000,000 is one nominal second.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Gas(pub u64);

impl fmt::Display for Gas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A length of time in nanoseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nanos(pub u64);

impl fmt::Display for Nanos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ns", self.0)
    }
}

/// What was used but is not yet a whole microcent: billionths of a microcent, below 10^9.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Carry(u32);

/// The number is no carry: it holds a whole microcent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a carry is below 1,000,000,000 billionths of a microcent")]
pub struct CarryError;

impl Carry {
    /// Nothing carried.
    pub const ZERO: Self = Self(0);
    /// Billionths in one microcent.
    pub const PER_MICROCENT: u32 = 1_000_000_000;

    /// Takes a number of billionths of a microcent.
    pub const fn new(billionths: u32) -> Result<Self, CarryError> {
        if billionths < Self::PER_MICROCENT { Ok(Self(billionths)) } else { Err(CarryError) }
    }

    /// The number of billionths of a microcent.
    pub const fn get(self) -> u32 {
        self.0
    }
}

/// The fencing number of an agent's holder, compared by `major`, then by `generation`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch {
    /// Grows on every change of holder.
    pub major: u64,
    /// Written by the original on lease renewal; 0 here.
    pub generation: u64,
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({},{})", self.major, self.generation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epochs_are_compared_by_the_first_number_and_then_by_the_second() {
        let epoch = |major, generation| Epoch { major, generation };
        for (higher, lower) in [
            (epoch(1, 0), epoch(0, 0)),
            (epoch(0, 1), epoch(0, 0)),
            (epoch(3, 8), epoch(3, 7)),
            (epoch(2, 0), epoch(1, u64::MAX)),
            (epoch(u64::MAX, 0), epoch(u64::MAX - 1, 9)),
        ] {
            assert!(higher > lower && higher != lower, "{higher} {lower}");
        }
        assert!(epoch(3, 7) == epoch(3, 7) && epoch(3, 7) <= epoch(3, 7));
        assert_eq!(epoch(3, 7).to_string(), "(3,7)");
    }
}
