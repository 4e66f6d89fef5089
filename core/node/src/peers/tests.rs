//! What is known of nodes, whom an agent would go to, what it would be charged, and how often that is tried.

use std::io;
use std::time::Duration;

use igor_core::transport::{Address, CloseCode, NodeId, TransportError};
use igor_format::{Manifest, Microcents, MigrationPolicy, Nanos, Price};

use super::{
    Failure, Itinerary, Peer, PeerNews, Peers, PeersFull, PriceRefused, RetryPolicy, Step, Wanted,
    agree,
};

const fn node(number: u8) -> NodeId {
    NodeId([number; 32])
}

fn price(microcents: i64) -> Price {
    Price::per_second(Microcents::new(microcents).expect("a price"))
}

fn addresses(places: &[&str]) -> Vec<Address> {
    places.iter().map(|place| Address((*place).to_owned())).collect()
}

fn news(price_of: Option<i64>, capabilities: Option<&[&str]>) -> PeerNews {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    PeerNews {
        price: price_of.map(price),
        capabilities: capabilities.map(names),
        ..PeerNews::default()
    }
}

/// Peers 1, 2, 3 … of this news.
fn peers(all: &[PeerNews]) -> Peers {
    let mut peers = Peers::new(100);
    for (number, news) in (1_u8..).zip(all) {
        peers.add(node(number), news.clone()).expect("there is room");
    }
    peers
}

fn check(peers: &Peers, wanted: &Wanted, expected: &[u8]) {
    let found: Vec<_> = peers.candidates(wanted).iter().map(|peer| peer.node).collect();
    let expected: Vec<_> = expected.iter().copied().map(node).collect();
    assert_eq!(found, expected, "{wanted:?}");
}

#[test]
fn a_new_node_is_known_by_what_was_heard() {
    let mut peers = Peers::new(1);
    let heard = PeerNews {
        addresses: addresses(&["quic://a"]),
        seen: Some(Nanos(5)),
        ..news(Some(7), Some(&["clock"]))
    };
    assert_eq!(peers.add(node(1), heard), Ok(()));
    let expected = Peer {
        node: node(1),
        addresses: addresses(&["quic://a"]),
        price: Some(price(7)),
        capabilities: Some(vec!["clock".to_owned()]),
        seen: Some(Nanos(5)),
        failures: 0,
    };
    assert_eq!(peers.get(&node(1)), Some(&expected));
    assert_eq!(peers.get(&node(2)), None);
}

#[test]
fn what_is_new_replaces_and_what_is_not_said_stays() {
    let mut peers = Peers::new(1);
    let first = PeerNews {
        addresses: addresses(&["quic://a"]),
        seen: Some(Nanos(5)),
        ..news(Some(7), Some(&["clock"]))
    };
    peers.add(node(1), first).expect("there is room");
    peers.failed(&node(1));
    let before = peers.get(&node(1)).cloned().expect("it was added");
    peers.add(node(1), PeerNews::default()).expect("it is known");
    assert_eq!(peers.get(&node(1)), Some(&before), "nothing was said");

    let second = PeerNews {
        addresses: addresses(&["quic://b", "quic://c"]),
        seen: Some(Nanos(9)),
        ..news(Some(0), Some(&[]))
    };
    peers.add(node(1), second).expect("it is known");
    let peer = peers.get(&node(1)).expect("it was added");
    assert_eq!(peer.addresses, addresses(&["quic://b", "quic://c"]));
    assert_eq!((peer.price, peer.seen), (Some(price(0)), Some(Nanos(9))));
    assert_eq!((peer.capabilities.as_deref(), peer.failures), (Some(&[][..]), 1));
}

#[test]
fn no_more_nodes_and_addresses_are_kept_than_there_may_be() {
    let mut peers = Peers::new(2);
    for number in [1, 2] {
        peers.add(node(number), PeerNews::default()).expect("there is room");
    }
    let full = PeersFull { node: node(3), peers_max: 2 };
    assert_eq!(peers.add(node(3), PeerNews::default()), Err(full));
    let many = PeerNews { addresses: addresses(&["x"; 100]), ..PeerNews::default() };
    assert_eq!(peers.add(node(2), many), Ok(()), "it is known");
    assert_eq!(peers.get(&node(2)).map(|peer| peer.addresses.len()), Some(8));
    assert!(peers.remove(&node(1)));
    assert_eq!(peers.add(node(3), PeerNews::default()), Ok(()));
}

#[test]
fn a_removed_node_is_not_known() {
    let mut peers = peers(&[PeerNews::default()]);
    assert!(peers.remove(&node(1)));
    assert!(!peers.remove(&node(1)));
    assert_eq!(peers.get(&node(1)), None);
    assert_eq!(peers.all().count(), 0);
}

#[test]
fn failures_are_counted_until_one_succeeds() {
    let mut peers = peers(&[PeerNews::default()]);
    let of = |peers: &Peers| peers.get(&node(1)).map(|peer| (peer.failures, peer.seen));
    peers.failed(&node(1));
    peers.failed(&node(1));
    assert_eq!(of(&peers), Some((2, None)));
    peers.succeeded(&node(1), Nanos(3));
    assert_eq!(of(&peers), Some((0, Some(Nanos(3)))));
    peers.failed(&node(9));
    peers.succeeded(&node(9), Nanos(3));
    assert_eq!(peers.all().count(), 1, "who is not known is not added by the way");
}

#[test]
fn all_nodes_are_listed_in_one_order() {
    let mut peers = Peers::new(3);
    for number in [2, 3, 1] {
        peers.add(node(number), PeerNews::default()).expect("there is room");
    }
    let all: Vec<_> = peers.all().map(|peer| peer.node).collect();
    assert_eq!(all, [node(1), node(2), node(3)]);
}

#[test]
fn who_is_too_dear_is_out_of_the_question() {
    let peers = peers(&[news(Some(500), None), news(Some(501), None), news(None, None)]);
    check(&peers, &Wanted { price_max: Some(price(500)), ..Wanted::default() }, &[1, 3]);
    check(&peers, &Wanted::default(), &[1, 2, 3]);
}

#[test]
fn who_says_it_lacks_a_capability_is_out_of_the_question() {
    let offers = |names| news(None, Some(names));
    let peers = peers(&[offers(&["clock"]), offers(&["rand", "clock"]), offers(&[])]);
    let capabilities = vec!["clock".to_owned(), "rand".to_owned()];
    check(&peers, &Wanted { capabilities, ..Wanted::default() }, &[2]);
}

#[test]
fn who_did_not_say_what_it_offers_is_asked() {
    let peers = peers(&[news(None, None), news(None, Some(&[]))]);
    let capabilities = vec!["clock".to_owned()];
    check(&peers, &Wanted { capabilities, ..Wanted::default() }, &[1]);
}

#[test]
fn who_failed_too_often_is_out_of_the_question() {
    let mut peers = peers(&[PeerNews::default(), PeerNews::default()]);
    for number in [1, 1, 1, 2, 2] {
        peers.failed(&node(number));
    }
    check(&peers, &Wanted { failures_max: Some(2), ..Wanted::default() }, &[2]);
    check(&peers, &Wanted { failures_max: Some(3), ..Wanted::default() }, &[2, 1]);
    check(&peers, &Wanted { failures_max: Some(0), ..Wanted::default() }, &[]);
    check(&peers, &Wanted::default(), &[2, 1]);
}

#[test]
fn who_is_excluded_is_out_of_the_question() {
    let peers = peers(&[PeerNews::default(), PeerNews::default(), PeerNews::default()]);
    check(&peers, &Wanted { exclude: vec![node(1), node(3)], ..Wanted::default() }, &[2]);
}

#[test]
fn the_cheaper_come_first_and_the_unknown_last() {
    let prices = [Some(300), None, Some(100), Some(0), Some(200)];
    let peers = peers(&prices.map(|price| news(price, None)));
    check(&peers, &Wanted::default(), &[4, 3, 5, 1, 2]);
}

#[test]
fn at_one_price_the_reliable_come_first_then_those_seen_last() {
    let seen = |at: Option<u64>| PeerNews { seen: at.map(Nanos), ..news(Some(1), None) };
    let mut peers = peers(&[seen(Some(10)), seen(Some(30)), seen(None), seen(Some(20))]);
    peers.failed(&node(2));
    check(&peers, &Wanted::default(), &[4, 1, 3, 2]);
}

#[test]
fn a_manifest_says_what_an_agent_wants() {
    let text = br#"{"capabilities":{"log":{"version":1},"clock":{"version":1}},
        "migration_policy":{"enabled":true,"max_price_per_second":10000}}"#;
    let manifest = Manifest::parse(text, 1_000).expect("a manifest");
    let wanted = Wanted::of(&manifest);
    assert_eq!(wanted.price_max, Some(price(10_000)));
    assert_eq!(wanted.capabilities, ["clock", "log"]);
    assert_eq!(Wanted::of(&Manifest::parse(b"", 1_000).expect("an empty one")), Wanted::default());
}

#[test]
fn an_agent_is_charged_what_its_holder_asks_or_stays_away() {
    let policy =
        |enabled, most: Option<i64>| MigrationPolicy { enabled, max_price: most.map(price) };
    let exceeded =
        |asked, most| Err(PriceRefused::Exceeded { asked: price(asked), most: price(most) });
    for (policy, asked, expected) in [
        (None, 2_000, Ok(price(2_000))),
        (Some(policy(true, None)), 2_000, Ok(price(2_000))),
        (Some(policy(true, Some(5_000))), 2_000, Ok(price(2_000))),
        (Some(policy(true, Some(2_000))), 2_000, Ok(price(2_000))),
        (Some(policy(true, Some(1_500))), 2_000, exceeded(2_000, 1_500)),
        (Some(policy(false, None)), 1, Err(PriceRefused::Disabled)),
        (Some(policy(false, Some(5_000))), 1, Err(PriceRefused::Disabled)),
    ] {
        assert_eq!(agree(policy.as_ref(), price(asked)), expected, "{policy:?}");
    }
    let text = |refused: PriceRefused| refused.to_string();
    assert!(text(PriceRefused::Disabled).contains("disabled"));
    let exceeded = exceeded(2_000, 1_500).expect_err("it is too dear");
    assert!(text(exceeded).contains("0.002000 per second exceeds"), "{exceeded}");
}

#[test]
fn three_attempts_are_made_with_growing_pauses() {
    let policy = RetryPolicy::default();
    assert_eq!((policy.attempts, policy.delay), (3, Duration::from_secs(1)));
    assert_eq!(policy.delay_max, Duration::from_secs(30));
    let pauses: Vec<_> = (0..4).map(|attempt| policy.pause(attempt).as_secs()).collect();
    assert_eq!(pauses, [1, 2, 4, 8]);
}

#[test]
fn pauses_stop_growing() {
    let policy = RetryPolicy { delay_max: Duration::from_secs(5), ..RetryPolicy::default() };
    for attempt in [3, 10, 31, 32, u32::MAX] {
        assert_eq!(policy.pause(attempt), Duration::from_secs(5), "{attempt}");
    }
    assert_eq!(RetryPolicy::new(1, Duration::ZERO).pause(u32::MAX), Duration::ZERO);
    assert_eq!(RetryPolicy::new(1, Duration::MAX).pause(1), Duration::from_secs(30));
}

#[test]
fn a_broken_connection_may_work_the_next_time() {
    let attempt = || "connect to a".to_owned();
    let io = |kind: io::ErrorKind| TransportError::Io { attempt: attempt(), source: kind.into() };
    for error in [
        io(io::ErrorKind::ConnectionRefused),
        io(io::ErrorKind::BrokenPipe),
        TransportError::Closed { attempt: attempt(), code: CloseCode(1) },
        TransportError::Reset { attempt: attempt(), code: CloseCode(1) },
        TransportError::Refused { attempt: attempt(), problem: "full".to_owned() },
        TransportError::TimedOut { attempt: attempt() },
    ] {
        assert_eq!(Failure::of_transport(&error), Failure::Retriable, "{error}");
    }
}

#[test]
fn a_wrong_node_or_address_stays_wrong() {
    for error in [
        Address("nonsense".to_owned()).refuse("is none"),
        TransportError::Unproven { attempt: String::new(), problem: String::new() },
        TransportError::WrongPeer { expected: node(1), found: node(2) },
    ] {
        assert_eq!(Failure::of_transport(&error), Failure::NotHere, "{error}");
    }
}

/// Two targets, two attempts at each.
fn itinerary() -> Itinerary {
    let policy = RetryPolicy::new(2, Duration::from_secs(1));
    Itinerary::new(policy, node(1), [node(2), node(1), node(2)])
}

fn try_after(number: u8, seconds: u64) -> Step {
    Step::Try { target: node(number), after: Duration::from_secs(seconds) }
}

fn check_itinerary(failures: &[Failure], expected: &[Step]) {
    let mut itinerary = itinerary();
    assert_eq!(itinerary.start(), try_after(1, 0));
    let steps: Vec<_> = failures.iter().map(|failure| itinerary.failed(*failure)).collect();
    assert_eq!(steps, expected, "{failures:?}");
}

#[test]
fn each_target_is_tried_as_often_as_it_may_help() {
    use Failure::{NotHere, Nowhere, Retriable};
    check_itinerary(
        &[Retriable; 5],
        &[try_after(1, 1), try_after(2, 0), try_after(2, 1), Step::Stay, Step::Stay],
    );
    check_itinerary(&[NotHere; 3], &[try_after(2, 0), Step::Stay, Step::Stay]);
    check_itinerary(&[Retriable, NotHere], &[try_after(1, 1), try_after(2, 0)]);
    check_itinerary(&[Nowhere, Retriable], &[Step::Stay, Step::Stay]);
    let once = RetryPolicy::new(0, Duration::ZERO);
    let mut itinerary = Itinerary::new(once, node(1), []);
    assert_eq!((itinerary.start(), itinerary.failed(Retriable)), (try_after(1, 0), Step::Stay));
}

#[test]
fn an_agent_that_a_target_may_have_is_never_tried_elsewhere() {
    let after = [Failure::Retriable, Failure::NotHere, Failure::Nowhere, Failure::Ambiguous];
    for failure in after {
        check_itinerary(&[Failure::Ambiguous, failure, failure], &[Step::Ask(node(1)); 3]);
    }
}

#[test]
fn a_target_that_says_it_did_not_take_the_agent_ends_the_doubt() {
    let mut itinerary = itinerary();
    assert_eq!(itinerary.failed(Failure::Ambiguous), Step::Ask(node(1)));
    assert_eq!(itinerary.refused(Failure::Retriable), try_after(1, 1));
    assert_eq!(itinerary.failed(Failure::Ambiguous), Step::Ask(node(1)));
    assert_eq!(itinerary.refused(Failure::NotHere), try_after(2, 0));
    assert_eq!(itinerary.failed(Failure::Ambiguous), Step::Ask(node(2)));
    assert_eq!(itinerary.refused(Failure::Nowhere), Step::Stay);
}
