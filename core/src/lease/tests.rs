//! When a lease is renewed, and when it ends, on two clocks.

use super::*;

const S: u64 = 1_000_000_000;
const WALL: i64 = 1_700_000_000_000_000_000;

fn at(seconds: u64) -> Moment {
    let ns = seconds * S;
    Moment { monotonic_ns: ns, unix_ns: WALL + i64::try_from(ns).expect("a small number") }
}

fn lease() -> Lease {
    let terms = LeaseTerms::new(Duration::from_secs(60), Duration::from_secs(10));
    Lease::new(terms.expect("a duration"), at(0))
}

#[test]
fn a_duration_of_nothing_is_no_lease_and_no_grace_is_fine() {
    assert_eq!(LeaseTerms::new(Duration::ZERO, Duration::from_secs(10)), None);
    let terms = LeaseTerms::new(Duration::from_secs(2), Duration::ZERO).expect("a duration");
    let mut lease = Lease::new(terms, at(0));
    assert_eq!(lease.look(at(3)), Some(Due::Lapse(3 * S)));
}

#[test]
fn a_lease_is_renewed_at_its_half_and_counts_from_when_it_was_asked_for() {
    let mut lease = lease();
    assert_eq!((lease.look_ns(), lease.look(at(29))), (30 * S, None));
    assert_eq!(lease.look(at(31)), Some(Due::Renewal));
    assert_eq!(lease.look(at(32)), None, "one reading at a time");
    lease.renew();
    assert_eq!((lease.look_ns(), lease.look(at(60))), (61 * S, None));
    assert_eq!(lease.look(at(61)), Some(Due::Renewal));
}

#[test]
fn it_lasts_to_the_end_of_its_grace_and_no_longer() {
    assert_eq!(lease().look(at(70)), Some(Due::Renewal));
    assert_eq!(lease().look(at(71)), Some(Due::Lapse(71 * S)));
}

#[test]
fn a_reading_that_does_not_come_back_ends_it() {
    let mut lease = lease();
    assert_eq!(lease.look(at(30)), Some(Due::Renewal));
    assert_eq!((lease.look(at(100)), lease.look_ns()), (None, 100 * S + 1));
    assert_eq!(lease.look(at(101)), Some(Due::Lapse(101 * S)));
    assert_eq!(lease.look(at(102)), None, "it is being read");
    assert_eq!(lease.look(at(172)), Some(Due::Lapse(172 * S)), "and stood still again meanwhile");
    lease.renew();
    assert_eq!((lease.look(at(173)), lease.look_ns()), (None, 202 * S));
}

/// The monotonic clock of a machine that sleeps may stand still, and a wall clock may be set.
#[test]
fn either_clock_tells_that_the_machine_slept() {
    let hour = i64::try_from(3_600 * S).expect("a small number");
    let slept = Moment { monotonic_ns: S, unix_ns: WALL + hour };
    assert_eq!(lease().look(slept), Some(Due::Lapse(3_600 * S)));
    let set_back = Moment { monotonic_ns: 3_600 * S, unix_ns: WALL - hour };
    assert_eq!(lease().look(set_back), Some(Due::Lapse(3_600 * S)));
    let set_back = Moment { monotonic_ns: S, unix_ns: i64::MIN };
    assert_eq!(lease().look(set_back), None);
}

#[test]
fn the_longest_terms_never_end() {
    let mut lease = Lease::new(LeaseTerms::new(Duration::MAX, Duration::MAX).expect("one"), at(0));
    let last = Moment { monotonic_ns: u64::MAX - 1, unix_ns: i64::MAX };
    assert_eq!(lease.look(at(70)), None);
    assert_eq!(lease.look(last), Some(Due::Renewal));
    assert_eq!(lease.look_ns(), u64::MAX);
}
