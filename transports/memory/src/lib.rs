#![doc = include_str!("../README.md")]

mod config;
mod connection;
mod flow;
mod half;
mod listener;
mod network;
mod state;
mod transport;
mod waiting;

use std::sync::Arc;

pub use config::MemoryConfig;
pub use network::Network;
pub use transport::MemoryTransport;

/// The name by which configuration chooses this plugin, and the scheme of its addresses.
pub const NAME: &str = "memory";

igor_core::register_transport! {
    name: NAME,
    summary: "Connects nodes of one process; for tests and simulation.",
    example: include_str!("../example.toml"),
    build: |section, context| {
        let config: MemoryConfig = section.parse()?;
        if config.buffer_bytes == 0 || config.buffer_bytes > config::BUFFER_BYTES_CEILING {
            let ceiling = config::BUFFER_BYTES_CEILING;
            let problem = format!("must lie between 1 and {ceiling}");
            return Err(section.refuse("buffer_bytes", problem));
        }
        let key = context.node_key(NAME)?;
        let network = Network::named(&config.network);
        Ok(Arc::new(MemoryTransport::new(&network, &key, config.buffer_bytes, &context.limits)))
    },
}
