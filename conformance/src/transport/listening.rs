//! Cases about the places where connections arrive.

use std::collections::BTreeSet;
use std::sync::Arc;

use igor_core::Limits;
use igor_core::transport::Connection;

use super::TransportFixture;
use super::support::{Pair, address, assert_works, ended, listen, meet, run, until};
use crate::Case;

pub(super) fn cases() -> Vec<Case<dyn TransportFixture>> {
    crate::cases![dyn TransportFixture;
        listening_anywhere_gives_places_of_their_own covers ["any-address-is-free"],
        every_address_of_a_listener_can_be_dialled covers ["listeners-can-be-dialled"],
        nobody_there_is_an_error covers ["connected-is-admitted"],
        a_closed_listener_accepts_nothing covers ["listeners-close"],
        a_waiting_accept_hears_that_the_listener_closes covers ["listeners-close"],
        a_dropped_listener_cannot_be_dialled covers ["listeners-close"],
        accepted_connections_outlive_their_listener covers ["listeners-close"],
        an_address_can_be_listened_at_again covers ["addresses-are-free-again"],
    ]
}

/// Limits under which a dialler whom nobody answers soon gives up.
fn impatient() -> Limits {
    Limits { handshake_ns_max: 500_000_000, ..Limits::default() }
}

fn listening_anywhere_gives_places_of_their_own(fixture: &dyn TransportFixture) {
    run(fixture, async {
        let node = fixture.node(1, &Limits::default());
        let mut listeners = Vec::new();
        for _ in 0..5 {
            listeners.push(listen(&*node).await);
        }
        let addresses: BTreeSet<_> = listeners.iter().flat_map(|each| each.addresses()).collect();
        assert!(addresses.len() >= 5, "{addresses:?}");
        let other = fixture.node(2, &Limits::default()).local();
        for address in &addresses {
            let renamed = fixture.renamed(address, node.local(), other);
            assert_ne!(renamed, *address, "it does not name the node");
        }
    });
}

fn every_address_of_a_listener_can_be_dialled(fixture: &dyn TransportFixture) {
    run(fixture, async {
        let limits = Limits::default();
        let (one, other) = (fixture.node(1, &limits), fixture.node(2, &limits));
        let listener = listen(&*other).await;
        for address in listener.addresses() {
            let (dialled, accepted) = tokio::join!(one.connect(&address), listener.accept());
            let (dialled, accepted) = (dialled.unwrap(), accepted.unwrap());
            assert_works(&*dialled, &*accepted).await;
        }
    });
}

fn nobody_there_is_an_error(fixture: &dyn TransportFixture) {
    run(fixture, async {
        let (one, other) = (fixture.node(1, &impatient()), fixture.node(2, &impatient()));
        let address = address(&*listen(&*other).await);
        assert!(one.connect(&address).await.is_err());
    });
}

fn a_closed_listener_accepts_nothing(fixture: &dyn TransportFixture) {
    run(fixture, async {
        let (one, other) = (fixture.node(1, &impatient()), fixture.node(2, &impatient()));
        let listener = listen(&*other).await;
        let address = address(&*listener);
        listener.close();
        assert!(ended(listener.accept().await), "a closed listener accepts");
        assert!(one.connect(&address).await.is_err(), "a closed listener can be dialled");
        listener.close();
        assert!(ended(listener.accept().await), "a listener closed twice accepts");
    });
}

fn a_waiting_accept_hears_that_the_listener_closes(fixture: &dyn TransportFixture) {
    run(fixture, async {
        let node = fixture.node(1, &Limits::default());
        let listener = listen(&*node).await;
        let (waiting, ()) = tokio::join!(listener.accept(), async {
            tokio::task::yield_now().await;
            listener.close();
        });
        assert!(ended(waiting));
    });
}

fn a_dropped_listener_cannot_be_dialled(fixture: &dyn TransportFixture) {
    run(fixture, async {
        let (one, other) = (fixture.node(1, &impatient()), fixture.node(2, &impatient()));
        let listener = listen(&*other).await;
        let address = address(&*listener);
        let (_dialled, _accepted) = meet(&*one, &*listener).await;
        drop(listener);
        assert!(one.connect(&address).await.is_err(), "a dropped listener can be dialled");
    });
}

fn accepted_connections_outlive_their_listener(fixture: &dyn TransportFixture) {
    run(fixture, async {
        let Pair { listener, dialled, accepted, .. } = Pair::new(fixture).await;
        listener.close();
        assert_works(&*dialled, &*accepted).await;
        drop(listener);
        assert_works(&*dialled, &*accepted).await;
    });
}

fn an_address_can_be_listened_at_again(fixture: &dyn TransportFixture) {
    run(fixture, async {
        let pair = Pair::new(fixture).await;
        let address = pair.address();
        let Pair { one, other, listener, dialled, accepted } = pair;
        let connections: [Arc<dyn Connection>; 2] = [dialled, accepted];
        drop((listener, connections));
        for _ in 0..3 {
            let listener =
                until("a free address", async || other.listen(&address).await.ok()).await;
            assert!(listener.addresses().contains(&address));
            let (dialled, accepted) = meet(&*one, &*listener).await;
            assert_works(&*dialled, &*accepted).await;
        }
    });
}
