//! The transport suite: what every transport must prove, carry, bound and report. It knows a transport only
//! through the trait and through a fixture, which makes nodes of chosen identities that can reach each
//! other.
//!
//! A case waits for what must happen with no other bound than its own time limit, and for what must *not*
//! happen for a short while: a slow machine can hide a fault there, and never makes one up.

mod addresses;
mod bytes;
mod closing;
mod dropping;
mod ending;
mod fixture;
mod identity;
mod limits;
mod listening;
mod streams;
mod support;

use std::pin::Pin;
use std::sync::Arc;

pub use fixture::{PluginFixture, run_on_tokio};
use igor_core::transport::{Address, NodeId};
use igor_core::{Limits, Transport};

use crate::Case;

/// A place with nodes that can reach each other. Each case gets a fresh one.
pub trait TransportFixture: Sync {
    /// The transport of the node whose key grows from 32 bytes `seed`, under `limits`.
    fn node(&self, seed: u8, limits: &Limits) -> Arc<dyn Transport>;

    /// Runs a case where the transport can work, and fails if it does not end. The case uses tokio's
    /// timers.
    fn run(&self, case: Pin<Box<dyn Future<Output = ()> + '_>>);

    /// `address`, which names `from`, naming `to` instead. Addresses show an identity as it is displayed,
    /// or as a multiaddr does.
    fn renamed(&self, address: &Address, from: NodeId, to: NodeId) -> Address {
        let renamed = address.0.replace(&from.to_string(), &to.to_string());
        Address(renamed.replace(&peer_id(from), &peer_id(to)))
    }
}

/// A node's identity as multiaddrs show it: base58 of an Ed25519 key in libp2p's encoding.
fn peer_id(node: NodeId) -> String {
    let key = [&[0x00, 0x24, 0x08, 0x01, 0x12, 0x20][..], &node.0[..]].concat();
    bs58::encode(key).into_string()
}

/// All cases.
pub fn cases() -> Vec<Case<dyn TransportFixture>> {
    [
        identity::cases(),
        addresses::cases(),
        listening::cases(),
        streams::cases(),
        bytes::cases(),
        ending::cases(),
        closing::cases(),
        limits::cases(),
        dropping::cases(),
    ]
    .concat()
}
