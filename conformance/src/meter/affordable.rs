//! Cases about what a budget affords.

use igor_core::format::{Carry, Microcents, Price};
use igor_core::meter::Usage;

use super::{
    Dimension, MAX, MeterSubject, any_amount, any_carry, any_price, carry, for_each_round,
    microcents, price,
};
use crate::Case;

pub(super) fn cases() -> Vec<Case<MeterSubject>> {
    crate::cases![MeterSubject;
        what_is_affordable_costs_at_most_the_budget covers ["affordable-is-exact"],
        one_step_more_costs_more_than_the_budget covers ["affordable-is-exact"],
        an_empty_budget_affords_less_than_a_microcent covers ["affordable-is-exact"],
        the_largest_budget_affords_without_overflow covers ["affordable-is-exact"],
        a_larger_budget_never_affords_less covers ["affordable-is-exact"],
        a_fuller_carry_never_affords_more covers ["affordable-is-exact"],
        at_price_zero_everything_is_affordable covers ["affordable-is-exact", "price-zero-is-free"],
        affordable_is_pure covers ["meter-is-pure"],
        something_is_charged covers ["affordable-is-unbounded-elsewhere"],
        what_is_not_charged_is_unbounded covers ["affordable-is-unbounded-elsewhere"],
    ]
}

/// What is affordable of one charged dimension, with nothing used of the others.
fn affords(
    subject: &MeterSubject,
    dimension: Dimension,
    price: Price,
    budget: Microcents,
    carry: Carry,
) -> u64 {
    dimension.of(subject.meter.affordable(price, budget, carry))
}

/// Prices and budgets of every size, and those near each other where most is decided.
fn arguments(rng: &mut crate::Rng) -> (Price, Microcents, Carry) {
    let price = any_price(rng);
    let budget = if rng.below(2) == 0 { price.microcents() } else { any_amount(rng) };
    (price, budget, any_carry(rng))
}

fn what_is_affordable_costs_at_most_the_budget(subject: &MeterSubject) {
    for_each_round("affordable", |rng| {
        let (price, budget, carry) = arguments(rng);
        let affordable = subject.meter.affordable(price, budget, carry);
        let (cost, _) = subject.meter.charge(price, affordable, carry);
        assert!(cost <= budget, "{price}, {carry:?}: {affordable:?} costs {cost}, not {budget}");
    });
}

fn one_step_more_costs_more_than_the_budget(subject: &MeterSubject) {
    for dimension in subject.charged() {
        for_each_round("one more", |rng| {
            let (price, budget, carry) = arguments(rng);
            let affordable = affords(subject, dimension, price, budget, carry);
            let Some(more) = affordable.checked_add(1) else { return };
            let (cost, _) = subject.meter.charge(price, dimension.only(more), carry);
            // Nothing costs more than the largest amount, so a budget of it is never exceeded.
            let exceeds = cost > budget || budget == Microcents::MAX;
            assert!(exceeds, "{price}, {carry:?}: {more} {dimension:?} cost {cost} of {budget}");
        });
    }
}

fn an_empty_budget_affords_less_than_a_microcent(subject: &MeterSubject) {
    for dimension in subject.charged() {
        for (per_second, carried) in
            [(1, 0), (1_000, 0), (1_000, 999_999_999), (999_999_999, 0), (MAX, 0), (MAX, 7)]
        {
            let (price, carry) = (price(per_second), carry(carried));
            let affordable = affords(subject, dimension, price, Microcents::ZERO, carry);
            let cost = |amount| subject.meter.charge(price, dimension.only(amount), carry).0;
            assert_eq!(cost(affordable), Microcents::ZERO, "{affordable} {dimension:?} at {price}");
            let more = cost(affordable + 1);
            assert!(more > Microcents::ZERO, "{affordable} + 1 {dimension:?} are free at {price}");
        }
    }
}

fn the_largest_budget_affords_without_overflow(subject: &MeterSubject) {
    for dimension in subject.charged() {
        for (per_second, carried) in [(1, 0), (1, 999_999_999), (MAX, 0), (MAX, 999_999_999)] {
            let (price, carry) = (price(per_second), carry(carried));
            let below = affords(subject, dimension, price, microcents(MAX - 1), carry);
            let most = affords(subject, dimension, price, Microcents::MAX, carry);
            assert!(most >= below, "at {price} the largest budget affords {most}, less {below}");
        }
        // A second at the largest price costs exactly the largest amount.
        let second = affords(subject, dimension, price(MAX), Microcents::MAX, Carry::ZERO);
        let (cost, _) = subject.meter.charge(price(MAX), dimension.only(second), Carry::ZERO);
        assert_eq!(cost, Microcents::MAX, "{second} {dimension:?}");
    }
}

fn a_larger_budget_never_affords_less(subject: &MeterSubject) {
    for_each_round("larger budget", |rng| {
        let (price, one, carry) = arguments(rng);
        let other = any_amount(rng);
        for dimension in Dimension::ALL {
            let less = affords(subject, dimension, price, one.min(other), carry);
            let more = affords(subject, dimension, price, one.max(other), carry);
            assert!(more >= less, "{price}, {carry:?}: {one} and {other} afford the wrong way");
        }
    });
}

fn a_fuller_carry_never_affords_more(subject: &MeterSubject) {
    for_each_round("fuller carry", |rng| {
        let (price, budget, one) = arguments(rng);
        let other = any_carry(rng);
        for dimension in Dimension::ALL {
            let more = affords(subject, dimension, price, budget, one.min(other));
            let less = affords(subject, dimension, price, budget, one.max(other));
            assert!(more >= less, "{price}, {budget}: {one:?} and {other:?} afford the wrong way");
        }
    });
}

fn at_price_zero_everything_is_affordable(subject: &MeterSubject) {
    for budget in [0, 1, MAX] {
        for carried in [0, 1, Carry::PER_MICROCENT - 1] {
            let affordable = subject.meter.affordable(price(0), microcents(budget), carry(carried));
            assert_eq!(affordable, Usage::UNBOUNDED, "budget {budget}, carry {carried}");
        }
    }
}

fn affordable_is_pure(subject: &MeterSubject) {
    for_each_round("affordable is pure", |rng| {
        let (price, budget, carry) = arguments(rng);
        let first = subject.meter.affordable(price, budget, carry);
        let (other_price, other_budget, other_carry) = arguments(rng);
        subject.meter.affordable(other_price, other_budget, other_carry);
        let again = subject.meter.affordable(price, budget, carry);
        assert_eq!(first, again, "{price}, {budget}, {carry:?}");
    });
}

fn something_is_charged(subject: &MeterSubject) {
    assert!(!subject.charged().is_empty(), "{} charges no dimension of usage", subject.name);
}

fn what_is_not_charged_is_unbounded(subject: &MeterSubject) {
    let charged = subject.charged();
    for_each_round("unbounded elsewhere", |rng| {
        let (price, budget, carry) = arguments(rng);
        let affordable = subject.meter.affordable(price, budget, carry);
        for dimension in Dimension::ALL.into_iter().filter(|d| !charged.contains(d)) {
            assert_eq!(dimension.of(affordable), u64::MAX, "{dimension:?} costs nothing");
        }
    });
    for dimension in charged {
        let affordable = affords(subject, dimension, price(MAX), Microcents::ZERO, Carry::ZERO);
        assert_ne!(affordable, u64::MAX, "{dimension:?} costs something");
    }
}
