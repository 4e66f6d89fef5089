//! Cases about who the peer is.

use std::collections::BTreeSet;

use igor_core::Limits;
use igor_core::transport::TransportError;

use super::TransportFixture;
use super::support::{Pair, address, assert_works, listen, meet, run};
use crate::Case;

pub(super) fn cases() -> Vec<Case<dyn TransportFixture>> {
    crate::cases![dyn TransportFixture;
        both_ends_know_who_the_other_is covers ["peer-is-proven"],
        nodes_are_told_apart covers ["peer-is-proven"],
        one_key_is_one_identity covers ["peer-is-proven"],
        another_node_than_was_dialled_is_refused covers ["wrong-peer-is-refused"],
        a_refused_dialler_leaves_nothing_behind covers
            ["wrong-peer-is-refused", "connected-is-admitted"],
        two_nodes_can_dial_each_other_at_once covers ["peer-is-proven", "connected-is-admitted"],
    ]
}

fn both_ends_know_who_the_other_is(fixture: &dyn TransportFixture) {
    run(fixture, async {
        let pair = Pair::new(fixture).await;
        assert_eq!(pair.dialled.peer(), pair.other.local(), "who answered");
        assert_eq!(pair.accepted.peer(), pair.one.local(), "who dialled");
        assert_ne!(pair.one.local(), pair.other.local());
    });
}

fn nodes_are_told_apart(fixture: &dyn TransportFixture) {
    run(fixture, async {
        let limits = Limits::default();
        let host = fixture.node(9, &limits);
        let listener = listen(&*host).await;
        let (mut expected, mut found, mut held) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
        for seed in 1..=3 {
            let node = fixture.node(seed, &limits);
            let (dialled, accepted) = meet(&*node, &*listener).await;
            expected.insert(node.local());
            found.insert(accepted.peer());
            held.push((node, dialled, accepted));
        }
        assert_eq!(found, expected);
        for (_, dialled, accepted) in &held {
            assert_works(&**dialled, &**accepted).await;
        }
    });
}

fn one_key_is_one_identity(fixture: &dyn TransportFixture) {
    run(fixture, async {
        let limits = Limits::default();
        let key = igor_core::format::NodeKey::from_seed(&[5; 32]);
        let local = fixture.node(5, &limits).local();
        assert_eq!(local.public_key(), key.public_key());
        assert_eq!(local, fixture.node(5, &limits).local());
    });
}

fn another_node_than_was_dialled_is_refused(fixture: &dyn TransportFixture) {
    run(fixture, async {
        let limits = Limits::default();
        let (one, other) = (fixture.node(1, &limits), fixture.node(2, &limits));
        let named = fixture.node(3, &limits).local();
        let listener = listen(&*other).await;
        let wrong = fixture.renamed(&address(&*listener), other.local(), named);
        match one.connect(&wrong).await {
            Err(TransportError::WrongPeer { expected, found }) => {
                assert_eq!((expected, found), (named, other.local()));
            }
            Err(error) => panic!("the error does not say who answered: {error}"),
            Ok(connection) => panic!("{} was taken for {named}", connection.peer()),
        }
    });
}

/// With room for one connection: one that was refused takes none of it, and nobody accepts it.
fn a_refused_dialler_leaves_nothing_behind(fixture: &dyn TransportFixture) {
    run(fixture, async {
        let limits = Limits { connections_max: 1, ..Limits::default() };
        let (one, other) = (fixture.node(1, &limits), fixture.node(2, &limits));
        let named = fixture.node(3, &limits).local();
        let listener = listen(&*other).await;
        let wrong = fixture.renamed(&address(&*listener), other.local(), named);
        for _ in 0..5 {
            assert!(one.connect(&wrong).await.is_err());
        }
        let (dialled, accepted) = meet(&*one, &*listener).await;
        assert_works(&*dialled, &*accepted).await;
    });
}

fn two_nodes_can_dial_each_other_at_once(fixture: &dyn TransportFixture) {
    run(fixture, async {
        let limits = Limits::default();
        let (one, other) = (fixture.node(1, &limits), fixture.node(2, &limits));
        let (here, there) = (listen(&*one).await, listen(&*other).await);
        let ((first, first_end), (second, second_end)) =
            tokio::join!(meet(&*one, &*there), meet(&*other, &*here));
        assert_eq!((first.peer(), second.peer()), (other.local(), one.local()));
        assert_works(&*first, &*first_end).await;
        assert_works(&*second, &*second_end).await;
    });
}
