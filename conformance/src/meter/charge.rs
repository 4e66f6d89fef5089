//! Cases about charging.

use std::sync::Arc;
use std::thread;

use igor_core::format::{Carry, Microcents};
use igor_core::meter::Usage;

use super::{
    Dimension, MAX, MeterSubject, any_carry, any_price, any_usage, carry, exact, for_each_round,
    modest_price, modest_usage, price,
};
use crate::{Case, Rng};

pub(super) fn cases() -> Vec<Case<MeterSubject>> {
    crate::cases![MeterSubject;
        equal_arguments_give_equal_results covers ["meter-is-pure"],
        results_are_equal_on_every_thread covers ["meter-is-pure"],
        more_usage_never_costs_less covers ["charge-is-monotone"],
        a_higher_price_never_costs_less covers ["charge-is-monotone"],
        usage_of_every_size_counts covers ["charge-is-monotone"],
        two_charges_cost_their_sum covers ["charge-loses-nothing"],
        a_thousand_short_charges_cost_one_long_one covers ["charge-loses-nothing"],
        the_order_of_charges_does_not_matter covers ["charge-loses-nothing"],
        a_carry_counts_to_the_last_billionth covers ["charge-loses-nothing"],
        using_nothing_costs_nothing covers ["charge-loses-nothing"],
        a_life_costs_what_its_usage_costs covers ["charge-loses-nothing", "meter-is-pure"],
        every_extreme_is_answered covers ["charge-saturates"],
        the_largest_usage_costs_the_largest_amount covers ["charge-saturates"],
        a_saturated_charge_stays_saturated covers ["charge-saturates"],
        at_price_zero_nothing_is_charged covers ["price-zero-is-free"],
    ]
}

fn equal_arguments_give_equal_results(subject: &MeterSubject) {
    let arguments = |rng: &mut Rng| (any_price(rng), any_usage(rng), any_carry(rng));
    let mut first = Vec::new();
    for_each_round("pure", |rng| {
        let (price, usage, carry) = arguments(rng);
        first.push(subject.meter.charge(price, usage, carry));
    });
    let mut first = first.into_iter();
    for_each_round("pure", |rng| {
        let (price, usage, carry) = arguments(rng);
        let again = subject.meter.charge(price, usage, carry);
        assert_eq!(first.next(), Some(again), "{price} {usage:?} {carry:?}");
    });
}

fn results_are_equal_on_every_thread(subject: &MeterSubject) {
    let run = |meter: &dyn igor_core::Meter| {
        let mut rng = Rng::for_case("threads");
        let charge =
            |_| meter.charge(any_price(&mut rng), any_usage(&mut rng), any_carry(&mut rng));
        (0..500).map(charge).collect::<Vec<_>>()
    };
    let expected = run(&*subject.meter);
    let spawn = |_| {
        let meter = Arc::clone(&subject.meter);
        thread::spawn(move || run(&*meter))
    };
    let threads: Vec<_> = (0..4).map(spawn).collect();
    for thread in threads {
        assert_eq!(thread.join().ok(), Some(expected.clone()), "a thread charges something else");
    }
}

/// A little more and at most twice as much are tried, because a discount shows only near its threshold.
fn more_usage_never_costs_less(subject: &MeterSubject) {
    for_each_round("usage", |rng| {
        let price = if rng.below(2) == 0 { any_price(rng) } else { modest_price(rng) };
        let (usage, carry) = (any_usage(rng), any_carry(rng));
        let less = subject.meter.charge(price, usage, carry).0;
        for dimension in Dimension::ALL {
            let amount = dimension.of(usage);
            let further = rng.below(amount.saturating_add(2)).min(rng.any_size());
            for further in [1, further, amount, rng.any_size()] {
                let more = dimension.set(usage, amount.saturating_add(further));
                let cost = subject.meter.charge(price, more, carry).0;
                assert!(
                    cost >= less,
                    "{price}, {carry:?}: {more:?} costs {cost}, {usage:?} {less}"
                );
            }
        }
    });
}

fn a_higher_price_never_costs_less(subject: &MeterSubject) {
    for_each_round("price", |rng| {
        let (one, other) = (any_price(rng), any_price(rng));
        let (low, high) = (one.min(other), one.max(other));
        let (usage, carry) = (any_usage(rng), any_carry(rng));
        let less = subject.meter.charge(low, usage, carry).0;
        let more = subject.meter.charge(high, usage, carry).0;
        assert!(more >= less, "{usage:?}, {carry:?}: {high} costs {more}, {low} costs {less}");
    });
}

/// Doubling from 1 up to the largest: each size costs more than the one before, until the charge is the
/// largest amount. A meter that keeps 32 bits of anything stops growing.
fn usage_of_every_size_counts(subject: &MeterSubject) {
    for dimension in subject.charged() {
        let mut before = 0;
        for bits in 0..64 {
            let usage = dimension.only(1 << bits);
            let cost = exact(subject.meter.charge(price(1_000_000), usage, Carry::ZERO));
            assert!(cost > before, "{usage:?} costs no more than half of it");
            before = cost;
        }
    }
}

fn two_charges_cost_their_sum(subject: &MeterSubject) {
    for_each_round("sum", |rng| {
        let (price, carry) = (modest_price(rng), any_carry(rng));
        let (one, other) = (modest_usage(rng), modest_usage(rng));
        let (first, between) = subject.meter.charge(price, one, carry);
        let (second, left) = subject.meter.charge(price, other, between);
        let at_once = subject.meter.charge(price, one.plus(other), carry);
        let total = first.checked_add(second).expect("modest charges do not saturate");
        assert_eq!((total, left), at_once, "{price}, {carry:?}: {one:?}, then {other:?}");
    });
}

fn a_thousand_short_charges_cost_one_long_one(subject: &MeterSubject) {
    for dimension in subject.charged() {
        for (per_second, step) in [(1_000, 7), (1_000_000, 999), (1, 1), (3, 333_333)] {
            let mut total = Microcents::ZERO;
            let mut kept = Carry::ZERO;
            for _ in 0..1_000 {
                let (charge, left) =
                    subject.meter.charge(price(per_second), dimension.only(step), kept);
                total = total.checked_add(charge).expect("short charges do not saturate");
                kept = left;
            }
            let long = dimension.only(step * 1_000);
            let at_once = subject.meter.charge(price(per_second), long, Carry::ZERO);
            assert_eq!((total, kept), at_once, "1,000 times {step} at {per_second} microcents");
        }
    }
}

fn the_order_of_charges_does_not_matter(subject: &MeterSubject) {
    for_each_round("order", |rng| {
        let (price, carry) = (modest_price(rng), any_carry(rng));
        let (one, other) = (modest_usage(rng), modest_usage(rng));
        let run = |first, second| {
            let (charge, between) = subject.meter.charge(price, first, carry);
            let (last, left) = subject.meter.charge(price, second, between);
            (charge.checked_add(last), left)
        };
        assert_eq!(run(one, other), run(other, one), "{price}, {carry:?}: {one:?}, {other:?}");
    });
}

/// What is carried in comes out again, as charge or as carry, whatever else is charged.
fn a_carry_counts_to_the_last_billionth(subject: &MeterSubject) {
    for_each_round("carry", |rng| {
        let (price, usage, carried) = (modest_price(rng), modest_usage(rng), any_carry(rng));
        let with = exact(subject.meter.charge(price, usage, carried));
        let without = exact(subject.meter.charge(price, usage, Carry::ZERO));
        let counted = with.checked_sub(without);
        assert_eq!(counted, Some(u128::from(carried.get())), "{price}, {usage:?}, {carried:?}");
    });
}

fn using_nothing_costs_nothing(subject: &MeterSubject) {
    for_each_round("nothing", |rng| {
        let (price, carry) = (any_price(rng), any_carry(rng));
        let outcome = subject.meter.charge(price, Usage::default(), carry);
        assert_eq!(outcome, (Microcents::ZERO, carry), "{price}");
    });
}

/// A whole life of charges, run twice: the same bill both times, equal to the charge of all its usage.
fn a_life_costs_what_its_usage_costs(subject: &MeterSubject) {
    let live = || {
        let mut rng = Rng::for_case("life");
        let price = modest_price(&mut rng);
        let mut bill = vec![(Microcents::ZERO, Carry::ZERO)];
        let mut used = Usage::default();
        for _ in 0..1_000 {
            let usage = modest_usage(&mut rng);
            used = used.plus(usage);
            let kept = bill.last().map_or(Carry::ZERO, |last| last.1);
            bill.push(subject.meter.charge(price, usage, kept));
        }
        (price, used, bill)
    };
    let (price, used, bill) = live();
    assert_eq!(bill, live().2, "the same life costs something else the second time");
    let add = |sum: Microcents, entry: &(Microcents, Carry)| sum.checked_add(entry.0);
    let total = bill.iter().try_fold(Microcents::ZERO, add);
    let total = total.expect("a modest life does not saturate");
    let kept = bill.last().map_or(Carry::ZERO, |last| last.1);
    assert_eq!((total, kept), subject.meter.charge(price, used, Carry::ZERO));
}

fn every_extreme_is_answered(subject: &MeterSubject) {
    let amounts = [0, 1, MAX - 1, MAX];
    let sizes = [0, 1, u64::from(u32::MAX), 1 << 63, u64::MAX - 1, u64::MAX];
    let carries = [0, 1, Carry::PER_MICROCENT - 1];
    for (amount, carried) in amounts.into_iter().flat_map(|a| carries.map(|c| (a, c))) {
        for (gas, elapsed) in sizes.into_iter().flat_map(|g| sizes.map(|e| (g, e))) {
            let usage = Dimension::Elapsed.set(Dimension::Gas.only(gas), elapsed);
            let (charge, left) = subject.meter.charge(price(amount), usage, carry(carried));
            let largest = charge == Microcents::MAX && amount == MAX && usage == Usage::UNBOUNDED;
            assert!(!largest || left == Carry::ZERO, "a saturated charge carries {left:?}");
        }
    }
}

fn the_largest_usage_costs_the_largest_amount(subject: &MeterSubject) {
    for carried in [0, 1, Carry::PER_MICROCENT - 1] {
        for dimension in subject.charged() {
            let usage = dimension.only(u64::MAX);
            let outcome = subject.meter.charge(price(MAX), usage, carry(carried));
            assert_eq!(outcome, (Microcents::MAX, Carry::ZERO), "{usage:?}, carry {carried}");
        }
    }
}

/// Beyond the first doubling that saturates, every larger one does.
fn a_saturated_charge_stays_saturated(subject: &MeterSubject) {
    for dimension in subject.charged() {
        let outcome =
            |bits: u32| subject.meter.charge(price(MAX), dimension.only(1 << bits), Carry::ZERO);
        let saturated = (Microcents::MAX, Carry::ZERO);
        let first = (0..64).find(|bits| outcome(*bits) == saturated);
        let first = first.expect("the largest usage at the largest price costs the largest amount");
        for bits in first..64 {
            assert_eq!(outcome(bits), saturated, "2^{bits} of {dimension:?}");
        }
    }
}

fn at_price_zero_nothing_is_charged(subject: &MeterSubject) {
    for_each_round("free", |rng| {
        let (usage, carry) = (any_usage(rng), any_carry(rng));
        let outcome = subject.meter.charge(price(0), usage, carry);
        assert_eq!(outcome, (Microcents::ZERO, carry), "{usage:?}");
    });
}
