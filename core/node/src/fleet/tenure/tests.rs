//! Who is read when, and who ticks meanwhile.

use igor_core::lease::LeaseTerms;

use super::*;

const S: u64 = 1_000_000_000;

fn at(seconds: u64) -> Moment {
    Moment { monotonic_ns: seconds * S, unix_ns: 0 }
}

fn tenancies() -> Tenancies {
    let terms = LeaseTerms::new(Duration::from_secs(60), Duration::from_secs(10));
    Tenancies::new(Lease::new(terms.expect("a duration"), at(0)))
}

fn seats(seats: &[u64]) -> Vec<Seat> {
    seats.iter().map(|seat| Seat(*seat)).collect()
}

fn look(tenancies: &mut Tenancies, seconds: u64, all: &[u64]) -> Look {
    tenancies.look(at(seconds), seats(all).into_iter())
}

fn unknown() -> Tenure {
    Tenure::Unknown("the disk is away".to_owned())
}

#[test]
fn a_renewal_reads_all_and_nothing_rests() {
    let mut them = tenancies();
    assert_eq!(look(&mut them, 29, &[1, 2]), Look::Nothing);
    assert_eq!(look(&mut them, 30, &[1, 2]), Look::Read(seats(&[1, 2])));
    assert_eq!(them.found(Seat(1), Tenure::Ours), Verdict::GoesOn);
    assert_eq!(them.found(Seat(2), Tenure::Ended("gone".into())), Verdict::Retires("gone".into()));
    them.end(at(31));
    assert_eq!(look(&mut them, 59, &[1]), Look::Nothing);
    assert_eq!(look(&mut them, 60, &[1]), Look::Read(seats(&[1])));
}

#[test]
fn a_fleet_without_agents_has_nothing_to_read() {
    let mut them = tenancies();
    assert_eq!(look(&mut them, 30, &[]), Look::Read(Vec::new()));
    assert_eq!((look(&mut them, 59, &[1]), them.look_ns()), (Look::Nothing, 60 * S));
    assert_eq!(look(&mut them, 60, &[1]), Look::Read(seats(&[1])));
}

#[test]
fn what_cannot_be_read_is_read_again_and_ticks_until_the_lease_ends() {
    let mut them = tenancies();
    assert_eq!(look(&mut them, 30, &[1, 2]), Look::Read(seats(&[1, 2])));
    assert_eq!(them.found(Seat(1), Tenure::Ours), Verdict::GoesOn);
    assert_eq!(them.found(Seat(2), unknown()), Verdict::GoesOn);
    them.end(at(30));
    assert_eq!((look(&mut them, 30, &[1, 2]), them.look_ns()), (Look::Nothing, 31 * S));
    assert_eq!(look(&mut them, 31, &[1, 2]), Look::Read(seats(&[2])));
    assert_eq!(look(&mut them, 40, &[1, 2]), Look::Nothing, "one reading at a time");
    assert_eq!(look(&mut them, 101, &[1, 2]), Look::Doubt(seats(&[1, 2])));
}

#[test]
fn after_a_stall_each_goes_on_when_it_was_read() {
    let mut them = tenancies();
    assert_eq!(look(&mut them, 3_600, &[1, 2, 3]), Look::Doubt(seats(&[1, 2, 3])));
    assert_eq!(them.found(Seat(1), Tenure::Ours), Verdict::Assured(3_600 * S));
    assert_eq!(them.found(Seat(2), unknown()), Verdict::Unknown("the disk is away".to_owned()));
    assert_eq!(them.found(Seat(3), Tenure::Ended("gone".into())), Verdict::Retires("gone".into()));
    them.end(at(3_600));
    them.forget(Seat(3));
    assert_eq!(look(&mut them, 3_601, &[1, 2]), Look::Read(seats(&[2])));
    assert_eq!(them.found(Seat(2), unknown()), Verdict::GoesOn, "it was told");
    them.end(at(3_601));
    assert_eq!(look(&mut them, 3_630, &[1, 2]), Look::Read(seats(&[1, 2])), "the lease goes on");
    assert_eq!(them.found(Seat(1), Tenure::Ours), Verdict::GoesOn);
    assert_eq!(them.found(Seat(2), Tenure::Ours), Verdict::Assured(3_600 * S));
    them.end(at(3_630));
    assert_eq!((look(&mut them, 3_640, &[1, 2]), them.look_ns()), (Look::Nothing, 3_660 * S));
}

#[test]
fn who_joins_after_a_stall_is_read_before_it_ticks() {
    let mut them = tenancies();
    assert_eq!(look(&mut them, 3_600, &[]), Look::Doubt(Vec::new()), "nobody was here");
    assert!(!them.join(Seat(1), at(3_530)), "it was read before the lease would have ended");
    assert!(them.join(Seat(2), at(3_529)), "it was not");
    assert_eq!(look(&mut them, 3_600, &[1, 2]), Look::Read(seats(&[2])));
    assert_eq!(them.found(Seat(2), Tenure::Ours), Verdict::Assured(3_600 * S));
    them.end(at(3_600));
    assert_eq!((look(&mut them, 3_600, &[1, 2]), them.look_ns()), (Look::Nothing, 3_630 * S));
}

#[test]
fn who_joins_while_others_are_read_is_read_after_them() {
    let mut them = tenancies();
    assert_eq!(look(&mut them, 3_600, &[1]), Look::Doubt(seats(&[1])));
    assert!(them.join(Seat(2), at(10)));
    assert_eq!(look(&mut them, 3_600, &[1, 2]), Look::Nothing, "one reading at a time");
    assert_eq!(them.found(Seat(1), Tenure::Ours), Verdict::Assured(3_600 * S));
    them.end(at(3_600));
    assert_eq!(look(&mut them, 3_601, &[1, 2]), Look::Read(seats(&[2])));
}

#[test]
fn what_was_read_before_a_second_stall_is_of_no_use() {
    let mut them = tenancies();
    assert_eq!(look(&mut them, 100, &[1]), Look::Doubt(seats(&[1])));
    let first = them.round();
    assert_eq!(look(&mut them, 200, &[1]), Look::Doubt(seats(&[1])));
    assert_ne!(them.round(), first);
}

#[test]
fn an_agent_that_ends_while_it_is_read_holds_nothing_up() {
    let mut them = tenancies();
    assert_eq!(look(&mut them, 30, &[1, 2]), Look::Read(seats(&[1, 2])));
    assert_eq!(them.found(Seat(1), Tenure::Ours), Verdict::GoesOn);
    them.end(at(31));
    them.forget(Seat(2));
    assert_eq!(look(&mut them, 71, &[1]), Look::Read(seats(&[1])));
}
