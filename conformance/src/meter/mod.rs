//! The meter suite: the arithmetic that every meter must do, checked on chosen and on seeded values.
//! It knows nothing of what a meter measures; which dimensions of usage it charges is found by asking.

mod affordable;
mod charge;

use std::sync::Arc;

use igor_core::Meter;
use igor_core::format::{Carry, Gas, Microcents, Nanos, Price};
use igor_core::meter::Usage;

use crate::{Case, Effort, Rng};

/// The meter under test.
pub struct MeterSubject {
    /// Its name, as in the registry.
    pub name: &'static str,
    /// The meter.
    pub meter: Arc<dyn Meter>,
}

/// All cases.
pub fn cases() -> Vec<Case<MeterSubject>> {
    [charge::cases(), affordable::cases()].concat()
}

/// Rounds of a seeded case.
const ROUNDS: usize = 2_000;

/// A dimension of usage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dimension {
    Gas,
    Elapsed,
}

impl Dimension {
    const ALL: [Self; 2] = [Self::Gas, Self::Elapsed];

    fn of(self, usage: Usage) -> u64 {
        match self {
            Self::Gas => usage.gas.0,
            Self::Elapsed => usage.elapsed.0,
        }
    }

    /// `usage` with this dimension set to `amount`.
    fn set(self, usage: Usage, amount: u64) -> Usage {
        match self {
            Self::Gas => Usage { gas: Gas(amount), ..usage },
            Self::Elapsed => Usage { elapsed: Nanos(amount), ..usage },
        }
    }

    /// Nothing but `amount` of this dimension.
    fn only(self, amount: u64) -> Usage {
        self.set(Usage::default(), amount)
    }
}

impl MeterSubject {
    /// The dimensions that cost something.
    fn charged(&self) -> Vec<Dimension> {
        let costs = |dimension: &Dimension| {
            let charge = self.meter.charge(price(MAX), dimension.only(u64::MAX), Carry::ZERO);
            charge != (Microcents::ZERO, Carry::ZERO)
        };
        Dimension::ALL.into_iter().filter(costs).collect()
    }
}

/// The largest amount of microcents.
const MAX: i64 = Microcents::MAX.get();

/// Runs `check` on this run's rounds of arguments, each with a generator of its own.
fn for_each_round(case: &str, mut check: impl FnMut(&mut Rng)) {
    let mut rng = Rng::for_case(case);
    for _ in 0..Effort::current().rounds(ROUNDS) {
        check(&mut rng);
    }
}

fn microcents(amount: i64) -> Microcents {
    Microcents::new(amount).expect("the suite's amounts lie in range")
}

fn price(per_second: i64) -> Price {
    Price::per_second(microcents(per_second))
}

fn carry(billionths: u32) -> Carry {
    Carry::new(billionths).expect("the suite's carries lie below a microcent")
}

fn any_amount(rng: &mut Rng) -> Microcents {
    let below = u64::try_from(MAX).expect("an amount is not negative") + 1;
    let amount = rng.any_size().min(below - 1);
    microcents(i64::try_from(amount).expect("an amount fits"))
}

fn any_price(rng: &mut Rng) -> Price {
    Price::per_second(any_amount(rng))
}

fn any_carry(rng: &mut Rng) -> Carry {
    let billionths = rng.any_size().min(u64::from(Carry::PER_MICROCENT) - 1);
    carry(u32::try_from(billionths).expect("a carry fits"))
}

fn any_usage(rng: &mut Rng) -> Usage {
    Usage { gas: Gas(rng.any_size()), elapsed: Nanos(rng.any_size()) }
}

/// A charge in billionths of a microcent, so that charges with their carries can be compared.
fn exact((charge, carry): (Microcents, Carry)) -> u128 {
    let whole = u128::from(charge.get().unsigned_abs());
    whole * u128::from(Carry::PER_MICROCENT) + u128::from(carry.get())
}

/// Usage whose charge is far from the largest, so that sums of a few of them are exact.
fn modest_usage(rng: &mut Rng) -> Usage {
    let below = 1 << (1 + rng.below(40));
    Usage { gas: Gas(rng.below(below)), elapsed: Nanos(rng.below(below)) }
}

/// A price whose charges for [`modest_usage`] are far from the largest.
fn modest_price(rng: &mut Rng) -> Price {
    let bits = 1 + rng.below(30);
    price(i64::try_from(1 + rng.below(1 << bits)).expect("31 bits fit"))
}
