//! Every attack of the hostile peers over every linked transport, and nodes with one known fault each, to show
//! that the attacks see the fault.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use async_trait::async_trait;
use conformance::Case;
use conformance::hostile_peer::{Attacked, Serve, Served, as_a_node_does, cases};
use conformance::transport::PluginFixture;
use igor_core::Transport;
use igor_core::plugin::Registry;
use igor_core::transport::{Address, Connection, Listener, TransportError};
use igor_node::shell::moving::Door;

include!(concat!(env!("OUT_DIR"), "/linked.rs"));

/// Attacks that run at a time; most of their time is waiting.
const THREADS: usize = 4;

#[test]
fn no_attack_brings_a_node_down_over_any_transport() {
    let transports = Registry::<dyn Transport>::linked().expect("plugin names differ");
    let expected = EXPECTED.iter().filter(|plugin| plugin.starts_with("transport::")).count();
    assert!(expected >= 2 && transports.entries().len() == expected, "{expected} are linked");
    let attacks: Vec<_> = transports
        .entries()
        .iter()
        .flat_map(|entry| cases().into_iter().map(move |case| (*entry, case)))
        .collect();
    assert!(attacks.len() > 40, "{} attacks", attacks.len());
    let (next, failed) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Some((entry, case)) = attacks.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let transport = Box::new(PluginFixture::new(*entry, ""));
                    let attacked = Attacked { transport, serve: as_a_node_does };
                    if catch_unwind(AssertUnwindSafe(|| (case.run)(&attacked))).is_err() {
                        let name = format!("{}: {}", entry.name, case.name);
                        failed.lock().expect("nobody panics with it").push(name);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().expect("nobody panics with it");
    assert!(failed.is_empty(), "{} attacks succeed:\n{}", failed.len(), failed.join("\n"));
}

/// The attacks that a node with this fault does not stand, over the transport within one process.
fn successes(serve: Serve) -> Vec<&'static str> {
    let transports = Registry::<dyn Transport>::linked().expect("plugin names differ");
    let entry = *transports.find("memory").expect("it is linked");
    let succeeds = |case: &Case<Attacked>| {
        let attacked = Attacked { transport: Box::new(PluginFixture::new(entry, "")), serve };
        catch_unwind(AssertUnwindSafe(|| (case.run)(&attacked))).is_err()
    };
    cases().into_iter().filter(succeeds).map(|case| case.name).collect()
}

/// Drops every stream: it is abandoned, but nobody learns why.
fn says_nothing(listener: Box<dyn Listener>, _: Arc<Door>) -> Served {
    Box::pin(async move {
        let mut connections = Vec::new();
        while let Ok(connection) = listener.accept().await {
            let streams = async move { while connection.accept().await.is_ok() {} };
            connections.push(tokio::spawn(streams));
        }
    })
}

/// Answers the first connection, and nobody after it.
fn serves_one(listener: Box<dyn Listener>, door: Arc<Door>) -> Served {
    Box::pin(async move {
        let first = listener.accept().await.expect("somebody connects");
        listener.close();
        as_a_node_does(Box::new(Only(Mutex::new(Some(first)))), door).await;
    })
}

/// A listener at which one connection arrives.
struct Only(Mutex<Option<Arc<dyn Connection>>>);

#[async_trait]
impl Listener for Only {
    fn addresses(&self) -> Vec<Address> {
        Vec::new()
    }

    async fn accept(&self) -> Result<Arc<dyn Connection>, TransportError> {
        let first = self.0.lock().expect("nobody panics with it").take();
        match first {
            Some(first) => Ok(first),
            None => std::future::pending().await,
        }
    }

    fn close(&self) {}
}

#[test]
fn nodes_with_a_fault_do_not_stand_the_attacks() {
    let all = cases().len();
    let seen = successes(says_nothing);
    assert_eq!(seen.len(), all, "every attack asks for a code or an answer: {seen:?}");
    let seen = successes(serves_one);
    assert_eq!(seen.len(), all, "every attack asks whether the node is still there: {seen:?}");
}
