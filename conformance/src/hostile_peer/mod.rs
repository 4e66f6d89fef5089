//! Hostile peers: ends of a connection that have proven who they are and then say too much, too little, too
//! slowly or the wrong thing. What they attack is a node as it is, with an agent that ticks. After each attack
//! the stream has been abandoned with the right code, nothing was written, nothing is left over in memory, the agent
//! ticks on, and an honest node's agent comes. What a package can hold that is a lie is tried without a network, one by
//! one, elsewhere; here only whether it matters how it arrives.
//!
//! The cases know a transport through its fixture, and the node through what serves its listener, so that the
//! same attacks meet any transport, and nodes with a known fault.

mod frames;
mod greedy;
mod house;
mod keeper;
mod ledger;
mod offers;
mod parcel;
mod parcels;
mod slow;
mod speech;
mod streams;
mod strikes;
mod support;
mod talk;
mod targets;

use std::pin::Pin;

use std::sync::Arc;

use igor_core::transport::Listener;
use igor_node::shell::moving::{Door, listen};

use crate::Case;
use crate::transport::TransportFixture;

/// What serves a listener until it is closed.
pub type Served = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Serves a listener.
pub type Serve = fn(Box<dyn Listener>, Arc<Door>) -> Served;

/// Serves a listener as a node does.
pub fn as_a_node_does(listener: Box<dyn Listener>, door: Arc<Door>) -> Served {
    Box::pin(listen(listener, door))
}

/// What is attacked.
pub struct Attacked {
    /// The nodes that can reach each other.
    pub transport: Box<dyn TransportFixture>,
    /// What the attacked node does with its listener.
    pub serve: Serve,
}

/// All cases.
pub fn cases() -> Vec<Case<Attacked>> {
    [
        frames::cases(),
        greedy::cases(),
        offers::cases(),
        parcels::cases(),
        slow::cases(),
        streams::cases(),
        strikes::cases(),
        talk::cases(),
        targets::cases(),
    ]
    .concat()
}
