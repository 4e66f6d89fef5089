//! Cases about how many connections there may be.

use std::sync::Arc;

use igor_core::Limits;
use igor_core::transport::{CloseCode, Connection, TransportError};

use super::TransportFixture;
use super::support::{Pair, address, assert_works, closed, listen, meet, run, until};
use crate::{Case, Effort};

pub(super) fn cases() -> Vec<Case<dyn TransportFixture>> {
    crate::cases![dyn TransportFixture;
        connections_are_bounded_at_the_listener covers ["connections-are-bounded"],
        connections_are_bounded_at_the_dialler covers ["connections-are-bounded"],
        connections_with_one_peer_are_bounded covers ["connections-are-bounded"],
        both_directions_count_together covers ["connections-are-bounded"],
        connections_that_nobody_takes_are_bounded covers ["connections-are-bounded"],
        a_connection_that_is_over_makes_room covers ["connections-are-bounded"],
        many_connections_in_turn_leave_nothing covers ["connections-are-bounded"],
    ]
}

#[track_caller]
fn assert_refused(result: Result<Arc<dyn Connection>, TransportError>, what: &str) {
    match result {
        Err(TransportError::Refused { .. }) => {}
        Err(error) => panic!("{what} is not refused, but fails: {error}"),
        Ok(_) => panic!("{what} is admitted"),
    }
}

fn connections_are_bounded_at_the_listener(fixture: &dyn TransportFixture) {
    run(fixture, async {
        let limits = Limits { connections_max: 2, ..Limits::default() };
        let host = fixture.node(9, &limits);
        let listener = listen(&*host).await;
        let mut held = Vec::new();
        for seed in 1..=2 {
            let node = fixture.node(seed, &Limits::default());
            held.push((meet(&*node, &*listener).await, node));
        }
        let third = fixture.node(3, &Limits::default());
        assert_refused(third.connect(&address(&*listener)).await, "a third connection");
        for ((dialled, accepted), _) in &held {
            assert_works(&**dialled, &**accepted).await;
        }
    });
}

fn connections_are_bounded_at_the_dialler(fixture: &dyn TransportFixture) {
    run(fixture, async {
        let limits = Limits { connections_max: 2, ..Limits::default() };
        let node = fixture.node(1, &limits);
        let mut held = Vec::new();
        for seed in 2..=3 {
            let host = fixture.node(seed, &Limits::default());
            let listener = listen(&*host).await;
            held.push((meet(&*node, &*listener).await, listener, host));
        }
        let host = fixture.node(4, &Limits::default());
        let listener = listen(&*host).await;
        assert_refused(node.connect(&address(&*listener)).await, "a third connection");
        for ((dialled, accepted), ..) in &held {
            assert_works(&**dialled, &**accepted).await;
        }
    });
}

fn connections_with_one_peer_are_bounded(fixture: &dyn TransportFixture) {
    run(fixture, async {
        let limits = Limits { connections_per_peer_max: 2, ..Limits::default() };
        let host = fixture.node(9, &limits);
        let listener = listen(&*host).await;
        let free = Limits { connections_per_peer_max: 9, ..Limits::default() };
        let node = fixture.node(1, &free);
        let first = meet(&*node, &*listener).await;
        let second = meet(&*node, &*listener).await;
        assert_refused(node.connect(&address(&*listener)).await, "a third connection of one peer");
        let other = fixture.node(2, &free);
        let third = meet(&*other, &*listener).await;
        for (dialled, accepted) in [&first, &second, &third] {
            assert_works(&**dialled, &**accepted).await;
        }
    });
}

fn both_directions_count_together(fixture: &dyn TransportFixture) {
    run(fixture, async {
        let limits = Limits { connections_per_peer_max: 1, ..Limits::default() };
        let pair = Pair::with(fixture, &limits).await;
        let back = listen(&*pair.one).await;
        assert_refused(pair.other.connect(&address(&*back)).await, "a connection back");
        assert_works(&*pair.dialled, &*pair.accepted).await;
    });
}

fn connections_that_nobody_takes_are_bounded(fixture: &dyn TransportFixture) {
    run(fixture, async {
        let limits = Limits { connections_pending_max: 2, ..Limits::default() };
        let host = fixture.node(9, &limits);
        let listener = listen(&*host).await;
        let mut dialled = Vec::new();
        for seed in 1..=2 {
            let node = fixture.node(seed, &Limits::default());
            let connection = node.connect(&address(&*listener)).await;
            dialled.push((connection.expect("there is room"), node));
        }
        let third = fixture.node(3, &Limits::default());
        assert_refused(third.connect(&address(&*listener)).await, "a third that nobody takes");
        let accepted = listener.accept().await.expect("two wait");
        let _again = third.connect(&address(&*listener)).await.expect("there is room again");
        let by = dialled.iter().find(|(_, node)| node.local() == accepted.peer());
        assert_works(&*by.expect("one of the two").0, &*accepted).await;
    });
}

fn a_connection_that_is_over_makes_room(fixture: &dyn TransportFixture) {
    run(fixture, async {
        let limits = Limits { connections_max: 1, ..Limits::default() };
        let pair = Pair::with(fixture, &limits).await;
        let address = pair.address();
        assert_refused(pair.one.connect(&address).await, "a second connection");
        pair.accepted.close(CloseCode(1)).await;
        assert_eq!(closed(pair.dialled.accept().await), Some(CloseCode(1)));
        // Both are still held; that they are closed is enough.
        until("room", async || pair.one.connect(&address).await.ok()).await;
        drop((pair.dialled, pair.accepted));
    });
}

/// With room for one, the second connection shows whether anything of the first is left.
fn many_connections_in_turn_leave_nothing(fixture: &dyn TransportFixture) {
    run(fixture, async {
        let limits = Limits { connections_max: 1, ..Limits::default() };
        let (one, other) = (fixture.node(1, &limits), fixture.node(2, &limits));
        let listener = listen(&*other).await;
        let address = address(&*listener);
        for round in 0..Effort::current().rounds(100) {
            let dialled = until("room", async || one.connect(&address).await.ok()).await;
            let accepted = listener.accept().await.expect("it was admitted");
            let (closing, hearing) =
                if round % 2 == 0 { (&dialled, &accepted) } else { (&accepted, &dialled) };
            closing.close(CloseCode(3)).await;
            assert_eq!(closed(hearing.accept().await), Some(CloseCode(3)));
        }
    });
}
