//! Cases about what is an address and what is none.

use igor_core::Limits;
use igor_core::transport::{Address, TransportError};

use super::TransportFixture;
use super::support::{address, listen, meet, run};
use crate::Case;

pub(super) fn cases() -> Vec<Case<dyn TransportFixture>> {
    crate::cases![dyn TransportFixture;
        what_is_no_address_cannot_be_dialled covers ["bad-addresses-are-refused"],
        what_is_no_address_cannot_be_listened_at covers ["bad-addresses-are-refused"],
        an_address_to_dial_names_the_identity covers ["bad-addresses-are-refused"],
        an_address_of_another_node_cannot_be_listened_at covers ["bad-addresses-are-refused"],
        the_address_of_a_listener_names_its_node covers ["addresses-name-nodes"],
        a_good_address_works_after_many_bad_ones covers
            ["bad-addresses-are-refused", "listeners-can-be-dialled"],
    ]
}

/// Texts near a good address, none of which is one.
fn malformed(good: &Address) -> Vec<Address> {
    let text = &good.0;
    let mut bad: Vec<String> =
        ["", " ", "nonsense", "://", "#", "nowhere://x:1", "http://localhost:1/"]
            .map(str::to_owned)
            .into();
    bad.push(text[..text.len() - 1].to_owned());
    bad.push(format!("{text}0"));
    bad.push(format!("{text}{text}"));
    bad.push(format!(" {text}"));
    bad.push(format!("{text} "));
    bad.push(format!("{text}\n"));
    bad.push(format!("{text}\0"));
    bad.push(format!("é{text}"));
    bad.push(text.to_uppercase());
    bad.push(text.chars().rev().collect());
    bad.push(text.repeat(1_000));
    bad.into_iter().map(Address).collect()
}

#[track_caller]
fn assert_refused<T>(address: &Address, result: Result<T, TransportError>) {
    let shown: String = address.0.chars().take(100).collect();
    match result {
        Err(TransportError::Address { address, .. }) => {
            assert!(address.len() < 3_000, "the error repeats {} bytes", address.len());
        }
        Err(error) => panic!("{shown:?} is no address, and the error is {error}"),
        Ok(_) => panic!("{shown:?} is no address, and was taken for one"),
    }
}

fn what_is_no_address_cannot_be_dialled(fixture: &dyn TransportFixture) {
    run(fixture, async {
        let limits = Limits::default();
        let (one, other) = (fixture.node(1, &limits), fixture.node(2, &limits));
        let listener = listen(&*other).await;
        for bad in malformed(&address(&*listener)) {
            assert_refused(&bad, one.named(&bad));
            assert_refused(&bad, one.connect(&bad).await);
        }
    });
}

fn what_is_no_address_cannot_be_listened_at(fixture: &dyn TransportFixture) {
    run(fixture, async {
        let node = fixture.node(1, &Limits::default());
        let good = address(&*listen(&*node).await);
        for bad in malformed(&good) {
            assert_refused(&bad, node.listen(&bad).await);
        }
    });
}

fn an_address_to_dial_names_the_identity(fixture: &dyn TransportFixture) {
    run(fixture, async {
        let node = fixture.node(1, &Limits::default());
        // It is one to listen at, and names nobody.
        let nobody = node.any_address();
        assert_refused(&nobody, node.connect(&nobody).await);
    });
}

fn an_address_of_another_node_cannot_be_listened_at(fixture: &dyn TransportFixture) {
    run(fixture, async {
        let limits = Limits::default();
        let (one, other) = (fixture.node(1, &limits), fixture.node(2, &limits));
        let listener = listen(&*other).await;
        let theirs = address(&*listener);
        drop(listener);
        assert_refused(&theirs, one.listen(&theirs).await);
    });
}

fn a_good_address_works_after_many_bad_ones(fixture: &dyn TransportFixture) {
    run(fixture, async {
        let limits = Limits { connections_max: 1, ..Limits::default() };
        let (one, other) = (fixture.node(1, &limits), fixture.node(2, &limits));
        let listener = listen(&*other).await;
        for bad in malformed(&address(&*listener)) {
            assert!(one.connect(&bad).await.is_err());
        }
        meet(&*one, &*listener).await;
    });
}

fn the_address_of_a_listener_names_its_node(fixture: &dyn TransportFixture) {
    run(fixture, async {
        let limits = Limits::default();
        let (one, other) = (fixture.node(1, &limits), fixture.node(2, &limits));
        let listener = listen(&*other).await;
        for address in listener.addresses() {
            let named = one.named(&address).expect("it names the node");
            assert_eq!(named, other.local(), "{address}");
        }
    });
}
