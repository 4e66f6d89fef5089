//! The meter trait: what a guest call costs. A meter is pure arithmetic over usage and price; it
//! knows no agent, keeps nothing and reads no clock. Whether a charge exceeds the budget is decided
//! by the caller, once, after the call.

use igor_format::{Carry, Gas, Microcents, Nanos, Price};

/// What a guest call consumed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Usage {
    /// Deterministic gas.
    pub gas: Gas,
    /// Wall-clock time.
    pub elapsed: Nanos,
}

impl Usage {
    /// More than any call consumes.
    pub const UNBOUNDED: Self = Self { gas: Gas(u64::MAX), elapsed: Nanos(u64::MAX) };

    /// The sum of two usages, at most [`Usage::UNBOUNDED`].
    pub const fn plus(self, other: Self) -> Self {
        Self {
            gas: Gas(self.gas.0.saturating_add(other.gas.0)),
            elapsed: Nanos(self.elapsed.0.saturating_add(other.elapsed.0)),
        }
    }
}

/// A plugin that turns usage into money.
///
/// # Behaviour
/// - `meter-is-pure`: equal arguments give equal results, always.
/// - `charge-is-monotone`: more usage or a higher price never costs less.
/// - `charge-loses-nothing`: charging two usages one after another, with the carry between them,
///   costs what charging their sum at once costs, and leaves the same carry.
/// - `charge-saturates`: extremes give [`Microcents::MAX`] and no carry, never an overflow.
/// - `price-zero-is-free`: at price zero nothing is charged and the carry stays.
/// - `affordable-is-exact`: what is affordable costs at most the budget; one step more of the dimension
///   the meter charges costs more than the budget.
/// - `affordable-is-unbounded-elsewhere`: a dimension that the meter does not charge is unbounded.
pub trait Meter: Send + Sync {
    /// The charge for `usage` at `price`, given what was carried over, and the new carry.
    fn charge(&self, price: Price, usage: Usage, carry: Carry) -> (Microcents, Carry);

    /// The most usage that costs no more than `budget`.
    fn affordable(&self, price: Price, budget: Microcents, carry: Carry) -> Usage;
}

/// Charges a length of nominal time, in nanoseconds: `nominal_ns × price / 10^9`, with the remainder
/// carried so that short ticks are not free. Every meter of the price-per-second kind uses this.
pub fn charge_nominal(price: Price, nominal_ns: u64, carry: Carry) -> (Microcents, Carry) {
    let per_second = u128::from(price.microcents().get().unsigned_abs());
    let total = per_second * u128::from(nominal_ns) + u128::from(carry.get());
    let whole = total / u128::from(Carry::PER_MICROCENT);
    let rest = total % u128::from(Carry::PER_MICROCENT);
    let charge = i64::try_from(whole).ok().and_then(|whole| Microcents::new(whole).ok());
    let rest = u32::try_from(rest).ok().and_then(|rest| Carry::new(rest).ok());
    match (charge, rest) {
        (Some(charge), Some(carry)) => (charge, carry),
        _ => (Microcents::MAX, Carry::ZERO),
    }
}

/// The most nominal nanoseconds that [`charge_nominal`] charges at most `budget` for.
pub fn affordable_nominal(price: Price, budget: Microcents, carry: Carry) -> u64 {
    let per_second = u128::from(price.microcents().get().unsigned_abs());
    if per_second == 0 {
        return u64::MAX;
    }
    let budget = u128::from(budget.get().unsigned_abs());
    let below = (budget + 1) * u128::from(Carry::PER_MICROCENT);
    let room = below - 1 - u128::from(carry.get());
    u64::try_from(room / per_second).unwrap_or(u64::MAX)
}
