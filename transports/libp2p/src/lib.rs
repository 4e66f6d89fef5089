#![doc = include_str!("../README.md")]

mod address;
mod behaviour;
mod closing;
mod config;
mod connection;
mod control;
mod discovery;
mod failure;
mod frame;
mod half;
mod handler;
mod identity;
mod incoming;
mod link;
mod listener;
mod network;
mod outgoing;
mod pipe;
mod plain;
mod protocol;
mod streams;
mod swarm;
#[cfg(feature = "kad")]
mod table;
mod transport;

use std::sync::Arc;

pub use config::Libp2pConfig;
pub use transport::Libp2pTransport;

/// The name by which configuration chooses this plugin.
pub const NAME: &str = "libp2p";

igor_core::register_transport! {
    name: NAME,
    summary: "libp2p over TCP, with Noise and yamux; both ends are proven by their node keys.",
    example: include_str!("../example.toml"),
    build: |section, context| {
        let config: Libp2pConfig = section.parse()?;
        if let Err((field, problem)) = config.check() {
            return Err(section.refuse(field, problem));
        }
        let key = context.node_key(NAME)?;
        Ok(Arc::new(Libp2pTransport::new(key, &config, &context.limits)?))
    },
}
