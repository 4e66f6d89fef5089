//! Meters with one known fault each, to show that the meter suite sees the fault. The last test shows
//! that the suite does not object to a meter without one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use conformance::meter::{MeterSubject, cases};
use conformance::mutants::{assert_caught, failed_cases};
use igor_core::Meter;
use igor_core::format::{Carry, Gas, Microcents, Nanos, Price};
use igor_core::meter::{Usage, affordable_nominal, charge_nominal};

type Charge = (Microcents, Carry);

/// A faulty meter: what it does instead of the reference.
struct Mutant<C, A> {
    charge: C,
    affordable: A,
}

impl<C, A> Meter for Mutant<C, A>
where
    C: Fn(Price, Usage, Carry) -> Charge + Send + Sync,
    A: Fn(Price, Microcents, Carry) -> Usage + Send + Sync,
{
    fn charge(&self, price: Price, usage: Usage, carry: Carry) -> Charge {
        (self.charge)(price, usage, carry)
    }

    fn affordable(&self, price: Price, budget: Microcents, carry: Carry) -> Usage {
        (self.affordable)(price, budget, carry)
    }
}

/// The reference: charges the time.
fn charge(price: Price, usage: Usage, carry: Carry) -> Charge {
    charge_nominal(price, usage.elapsed.0, carry)
}

/// The reference: affords time.
fn affordable(price: Price, budget: Microcents, carry: Carry) -> Usage {
    time(affordable_nominal(price, budget, carry))
}

fn time(nanoseconds: u64) -> Usage {
    Usage { elapsed: Nanos(nanoseconds), ..Usage::UNBOUNDED }
}

fn per_second(price: Price) -> u128 {
    u128::from(price.microcents().get().unsigned_abs())
}

fn one() -> Microcents {
    Microcents::new(1).expect("one is an amount")
}

fn plus_one(amount: Microcents) -> Microcents {
    amount.checked_add(one()).unwrap_or(amount)
}

fn check_charge(
    fault: &str,
    by: &str,
    charge: impl Fn(Price, Usage, Carry) -> Charge + Copy + Send + Sync + 'static,
) {
    let make = || subject(Mutant { charge, affordable });
    assert_caught(fault, by, &cases(), make);
}

fn check_affordable(
    fault: &str,
    by: &str,
    affordable: impl Fn(Price, Microcents, Carry) -> Usage + Copy + Send + Sync + 'static,
) {
    let make = || subject(Mutant { charge, affordable });
    assert_caught(fault, by, &cases(), make);
}

fn subject(meter: impl Meter + 'static) -> Box<MeterSubject> {
    Box::new(MeterSubject { name: "mutant", meter: Arc::new(meter) })
}

#[test]
fn a_meter_that_drops_the_remainder_is_caught() {
    check_charge(
        "truncates the remainder",
        "a_thousand_short_charges_cost_one_long_one",
        |price, usage, carry| (charge(price, usage, carry).0, Carry::ZERO),
    );
}

#[test]
fn a_meter_that_rounds_up_is_caught() {
    check_charge("rounds up", "two_charges_cost_their_sum", |price, usage, carry| {
        match charge(price, usage, carry) {
            (whole, rest) if rest == Carry::ZERO => (whole, rest),
            (whole, _) => (plus_one(whole), Carry::ZERO),
        }
    });
}

#[test]
fn a_meter_that_forgets_the_carry_is_caught() {
    check_charge("forgets the carry", "a_carry_counts_to_the_last_billionth", |price, usage, _| {
        charge(price, usage, Carry::ZERO)
    });
}

#[test]
fn a_meter_that_wraps_around_is_caught() {
    check_charge(
        "overflows 64 bits",
        "the_largest_usage_costs_the_largest_amount",
        |price, usage, carry| {
            let per_second = price.microcents().get().unsigned_abs();
            let total = per_second.wrapping_mul(usage.elapsed.0) / 1_000_000_000;
            let charge = i64::try_from(total).ok().and_then(|total| Microcents::new(total).ok());
            (charge.unwrap_or(Microcents::MAX), carry)
        },
    );
}

#[test]
fn a_meter_that_panics_at_extremes_is_caught() {
    check_charge("panics on overflow", "every_extreme_is_answered", |price, usage, carry| {
        let total = per_second(price) * u128::from(usage.elapsed.0) / 1_000_000_000;
        let total = i64::try_from(total).expect("the mutant's fault");
        (Microcents::new(total).expect("the mutant's fault"), carry)
    });
}

#[test]
fn a_meter_that_carries_beside_the_largest_amount_is_caught() {
    check_charge(
        "keeps a carry when it saturates",
        "the_largest_usage_costs_the_largest_amount",
        |price, usage, carry| match charge(price, usage, carry) {
            (Microcents::MAX, _) => (Microcents::MAX, Carry::new(1).expect("one is a carry")),
            outcome => outcome,
        },
    );
}

#[test]
fn a_meter_that_keeps_32_bits_is_caught() {
    check_charge(
        "keeps 32 bits of the usage",
        "usage_of_every_size_counts",
        |price, usage, carry| {
            let elapsed = Nanos(usage.elapsed.0 & u64::from(u32::MAX));
            charge(price, Usage { elapsed, ..usage }, carry)
        },
    );
}

#[test]
fn a_meter_with_a_fee_per_call_is_caught() {
    check_charge("charges a fee per call", "using_nothing_costs_nothing", |price, usage, carry| {
        let (whole, rest) = charge(price, usage, carry);
        (plus_one(whole), rest)
    });
}

#[test]
fn a_meter_that_charges_at_price_zero_is_caught() {
    check_charge("has a least price", "at_price_zero_nothing_is_charged", |price, usage, carry| {
        charge(price.max(Price::per_second(one())), usage, carry)
    });
}

#[test]
fn a_meter_with_a_discount_for_long_calls_is_caught() {
    check_charge(
        "charges long calls less",
        "more_usage_never_costs_less",
        |price, usage, carry| {
            let elapsed = usage.elapsed.0;
            let elapsed = Nanos(if elapsed > 1 << 40 { elapsed / 8 } else { elapsed });
            charge(price, Usage { elapsed, ..usage }, carry)
        },
    );
}

#[test]
fn a_meter_with_a_discount_for_high_prices_is_caught() {
    check_charge(
        "charges high prices less",
        "a_higher_price_never_costs_less",
        |price, usage, carry| {
            let half = Microcents::new(price.microcents().get() / 8).expect("less is an amount");
            let high = price.microcents().get() > 1 << 30;
            charge(if high { Price::per_second(half) } else { price }, usage, carry)
        },
    );
}

#[test]
fn a_meter_with_a_memory_is_caught() {
    static CALLS: AtomicU64 = AtomicU64::new(0);
    check_charge(
        "charges every hundredth call more",
        "equal_arguments_give_equal_results",
        |price, usage, carry| {
            let (whole, rest) = charge(price, usage, carry);
            let hundredth = CALLS.fetch_add(1, Ordering::Relaxed).is_multiple_of(101);
            (if hundredth { plus_one(whole) } else { whole }, rest)
        },
    );
}

#[test]
fn a_meter_that_charges_nothing_is_caught() {
    check_charge("charges nothing", "something_is_charged", |_, _, carry| {
        (Microcents::ZERO, carry)
    });
}

#[test]
fn a_budget_that_affords_one_step_too_much_is_caught() {
    check_affordable(
        "affords one nanosecond too much",
        "what_is_affordable_costs_at_most_the_budget",
        |price, budget, carry| time(affordable_nominal(price, budget, carry).saturating_add(1)),
    );
}

#[test]
fn a_budget_that_affords_one_step_too_little_is_caught() {
    check_affordable(
        "affords one nanosecond too little",
        "one_step_more_costs_more_than_the_budget",
        |price, budget, carry| time(affordable_nominal(price, budget, carry).saturating_sub(1)),
    );
}

#[test]
fn a_budget_that_forgets_the_carry_is_caught() {
    check_affordable(
        "forgets that something is already carried",
        "what_is_affordable_costs_at_most_the_budget",
        |price, budget, _| time(affordable_nominal(price, budget, Carry::ZERO)),
    );
}

#[test]
fn a_budget_that_wraps_around_is_caught() {
    check_affordable(
        "overflows on a large budget",
        "a_larger_budget_never_affords_less",
        |price, budget, _| {
            let per_second = price.microcents().get().unsigned_abs().max(1);
            let room = budget.get().unsigned_abs().wrapping_mul(1_000_000_000);
            time(room / per_second)
        },
    );
}

#[test]
fn a_budget_that_divides_by_a_price_of_zero_is_caught() {
    check_affordable(
        "divides by the price",
        "at_price_zero_everything_is_affordable",
        |price, budget, _| {
            let room = u128::from(budget.get().unsigned_abs()) * 1_000_000_000;
            let most = room.checked_div(per_second(price)).expect("the mutant's fault");
            time(u64::try_from(most).unwrap_or(u64::MAX))
        },
    );
}

#[test]
fn a_budget_that_bounds_what_is_free_is_caught() {
    check_affordable(
        "bounds the gas too, which costs nothing",
        "what_is_not_charged_is_unbounded",
        |price, budget, carry| {
            let most = affordable_nominal(price, budget, carry);
            Usage { gas: Gas(most), elapsed: Nanos(most) }
        },
    );
}

#[test]
fn a_budget_that_bounds_nothing_is_caught() {
    check_affordable("affords everything", "what_is_not_charged_is_unbounded", |_, _, _| {
        Usage::UNBOUNDED
    });
}

#[test]
fn a_meter_without_a_fault_passes_every_case() {
    let make = || subject(Mutant { charge, affordable });
    assert_eq!(failed_cases(&cases(), make), Vec::<&str>::new());
}
