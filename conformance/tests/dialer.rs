//! How one node reaches another: those who want to at the same time share one connection, also when the one that they
//! had is lost. What goes over it is not looked at.

#![cfg(feature = "igor-transport-quic")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use igor_core::format::NodeKey;
use igor_core::transport::{CloseCode, Connection, Listener, ProtocolId};
use igor_core::{Limits, Transport};
use igor_node::shell::moving::{Dialer, Line};
use igor_transport_quic::{QuicConfig, QuicTransport};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinSet;

fn node(seed: u8) -> Arc<dyn Transport> {
    let key = Arc::new(NodeKey::from_seed(&[seed; 32]));
    Arc::new(QuicTransport::new(key, &QuicConfig::default(), &Limits::default()).unwrap())
}

/// The connections that arrive.
fn arrivals(listener: Box<dyn Listener>) -> UnboundedReceiver<Arc<dyn Connection>> {
    let (sender, arrivals) = unbounded_channel();
    tokio::spawn(async move {
        while let Ok(connection) = listener.accept().await {
            sender.send(connection).unwrap_or_default();
        }
    });
    arrivals
}

/// Opens streams, all at once.
async fn open(dialer: &Arc<Dialer>, place: &str) -> Vec<Line> {
    let mut lines = JoinSet::new();
    for _ in 0..8 {
        let (dialer, place) = (Arc::clone(dialer), place.to_owned());
        let protocol = ProtocolId::new("ping").unwrap();
        lines.spawn(async move { dialer.open(&place, &protocol).await.unwrap() });
    }
    lines.join_all().await
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_come_at_once_share_a_connection_and_a_new_one_when_it_is_lost() {
    let (one, other) = (node(1), node(2));
    let listener = other.listen(&other.any_address()).await.unwrap();
    let place = listener.addresses().remove(0).0;
    let mut arrivals = arrivals(listener);
    let dialer = Arc::new(Dialer::new(one));
    let lines = open(&dialer, &place).await;
    let accepted = arrivals.recv().await.unwrap();
    assert!(lines.iter().all(|line| Arc::ptr_eq(&line.connection, &lines[0].connection)));
    assert!(arrivals.try_recv().is_err(), "there is one connection");

    accepted.close(CloseCode(0)).await;
    lines[0].connection.accept().await.map(drop).unwrap_err();
    let again = open(&dialer, &place).await;
    arrivals.recv().await.unwrap();
    assert!(again.iter().all(|line| Arc::ptr_eq(&line.connection, &again[0].connection)));
    assert!(!Arc::ptr_eq(&lines[0].connection, &again[0].connection));
    assert!(arrivals.try_recv().is_err(), "there is one more");
}
