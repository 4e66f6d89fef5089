//! Where the suites' randomness comes from: one seed for a whole run, named in every failure, and a
//! small generator. It is not cryptographic and reads no entropy, so a run can always be repeated.

use std::env;

/// The variable that holds the seed.
pub(crate) const SEED_VARIABLE: &str = "IGOR_CONFORMANCE_SEED";
/// The variable that holds the effort.
const EFFORT_VARIABLE: &str = "IGOR_CONFORMANCE_EFFORT";

/// The seed of this run: `IGOR_CONFORMANCE_SEED`, or 1.
///
/// # Panics
/// When the variable is set and is no number: a mistyped seed must not look like a repeated run.
pub fn seed() -> u64 {
    env::var(SEED_VARIABLE).map_or(1, |text| {
        text.parse().unwrap_or_else(|_| panic!("{SEED_VARIABLE}={text:?} is not a whole number"))
    })
}

/// How long the seeded cases may look for a counterexample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effort {
    /// Seconds in all; the default.
    Quick,
    /// Minutes.
    Full,
    /// Hours.
    Soak,
}

impl Effort {
    /// The effort of this run: `IGOR_CONFORMANCE_EFFORT`, or quick.
    ///
    /// # Panics
    /// When the variable is set to something else than `quick`, `full` or `soak`.
    pub fn current() -> Self {
        match env::var(EFFORT_VARIABLE).as_deref() {
            Err(_) | Ok("quick") => Self::Quick,
            Ok("full") => Self::Full,
            Ok("soak") => Self::Soak,
            Ok(other) => panic!("{EFFORT_VARIABLE}={other:?} is not quick, full or soak"),
        }
    }

    /// `quick` rounds, or that many times 10 or 1,000 with more effort.
    pub fn rounds(self, quick: usize) -> usize {
        match self {
            Self::Quick => quick,
            Self::Full => quick * 10,
            Self::Soak => quick * 1_000,
        }
    }
}

/// A small deterministic generator (SplitMix64).
#[derive(Debug, Clone)]
pub struct Rng(u64);

impl Rng {
    /// A generator that always gives the same numbers for `seed`.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A generator of this run's seed, different for each `purpose`.
    pub fn for_case(purpose: &str) -> Self {
        let mixed = purpose.bytes().fold(seed(), |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3).rotate_left(17)
        });
        Self(mixed)
    }

    /// The next number.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`, which must not be 0. Slightly uneven, which no case minds.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next_u64() % bound
    }

    /// A number from `low` to `high`, both included.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below((high - low).saturating_add(1))
    }

    /// Whether something happens that happens in so many of a thousand cases.
    pub fn chance(&mut self, per_mille: u64) -> bool {
        self.below(1_000) < per_mille
    }

    /// A number that is exponentially distributed with about this mean, and at most 65 times as much:
    /// straight lines between the powers of two, so that it is the same on every machine.
    pub fn exponential(&mut self, mean: u64) -> u64 {
        let halvings = u64::from(self.next_u64().trailing_zeros());
        let thousandths = halvings * 1_000 + self.below(1_000);
        mean.saturating_mul(thousandths) / 1_000 * 7 / 10
    }

    /// A number whose size in bits is itself random, so that small, large and extreme ones all occur.
    pub fn any_size(&mut self) -> u64 {
        match self.below(20) {
            0 => 0,
            1 => u64::MAX,
            _ => {
                let shift = self.below(64);
                self.next_u64() >> shift
            }
        }
    }

    /// `length` bytes.
    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        let words = std::iter::repeat_with(|| self.next_u64().to_le_bytes());
        words.flatten().take(length).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_seeds_give_equal_numbers_and_different_ones_do_not() {
        let numbers = |seed| {
            let mut rng = Rng::new(seed);
            [rng.next_u64(), rng.any_size(), rng.below(1_000)]
        };
        assert_eq!(numbers(7), numbers(7));
        assert_ne!(numbers(7), numbers(8));
        // The published first output of SplitMix64 for seed 0.
        assert_eq!(Rng::new(0).next_u64(), 0xe220_a839_7b1d_cdaf);
    }

    #[test]
    fn purposes_have_generators_of_their_own() {
        assert_ne!(Rng::for_case("a").next_u64(), Rng::for_case("b").next_u64());
    }
}
