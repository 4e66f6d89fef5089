//! Programs of other people, in other languages, at the other end of a connection. What they need is installed
//! below the build folder; where that cannot be done, each test says so on the terminal and passes, or fails
//! if `IGOR_FOREIGN=require` is set.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod javascript;
mod python;
mod site;
mod tools;

use std::sync::Arc;

use igor_core::format::{Microcents, NodeKey, Price};
use igor_core::plugin::{ConfigSection, Context, Registry};
use igor_core::transport::{Address, Connection, Listener};
use igor_core::{Limits, Transport};
use igor_node::shell::wire::{answer_ping, answer_price};
use igor_node::wire::{PriceReply, Spoken};

include!(concat!(env!("OUT_DIR"), "/linked.rs"));

/// What a second costs at the node that is asked.
const PRICE: i64 = 1_234;

/// A node that listens, and answers pings and questions for its price.
struct Host {
    address: Address,
    answering: tokio::task::JoinHandle<()>,
}

impl Host {
    async fn new(transport: &str) -> Self {
        assert!(EXPECTED.iter().any(|plugin| *plugin == format!("transport::{transport}")));
        let node = node(transport, 1);
        let listener = node.listen(&node.any_address()).await.unwrap();
        let address = listener.addresses().remove(0);
        let answering = tokio::spawn(async move { answer(&*node, &*listener).await });
        Self { address, answering }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.answering.abort();
    }
}

/// A node's access to others.
fn node(name: &str, seed: u8) -> Arc<dyn Transport> {
    transport(name, &Arc::new(NodeKey::from_seed(&[seed; 32])))
}

/// The same for the node of this key.
fn transport(transport: &str, key: &Arc<NodeKey>) -> Arc<dyn Transport> {
    let context = Context::new("nowhere", Limits::default()).with_node_key(Arc::clone(key));
    let section = ConfigSection::empty(format!("transport.{transport}"));
    Registry::<dyn Transport>::linked().unwrap().build(transport, &section, &context).unwrap()
}

async fn answer(node: &dyn Transport, listener: &dyn Listener) {
    while let Ok(connection) = listener.accept().await {
        tokio::spawn(serve(connection, node.local().to_string()));
    }
}

/// Answers on one connection until it ends.
async fn serve(connection: Arc<dyn Connection>, node_id: String) {
    let limits = Limits::default();
    let price = Price::per_second(Microcents::new(PRICE).unwrap());
    let reply = PriceReply { price, node_id };
    while let Ok((protocol, stream)) = connection.accept().await {
        // What is wrong with a question is the asker's business.
        match Spoken::of(&protocol) {
            Some(Spoken::Ping) => drop(answer_ping(stream, &limits).await),
            Some(Spoken::Price) => drop(answer_price(stream, &limits, &reply).await),
            _ => drop(stream),
        }
    }
}
