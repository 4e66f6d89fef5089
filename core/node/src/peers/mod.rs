//! Where an agent could go: the nodes that are known ([`Peers`]), which of them come into question and in which
//! order ([`Wanted`]), what a node may charge ([`agree`]), and how often and where a move is tried
//! ([`Itinerary`]). It is arithmetic on what it is told: it dials nobody, reads no clock and decides nothing about
//! who holds an agent.

mod itinerary;
mod price;
mod registry;
mod select;

pub use itinerary::{Failure, Itinerary, RetryPolicy, Step};
pub use price::{PriceRefused, agree};
pub use registry::{Peer, PeerNews, Peers, PeersFull};
pub use select::Wanted;

#[cfg(test)]
mod tests;
