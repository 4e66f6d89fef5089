#![doc = include_str!("../README.md")]

mod code;
mod config;
mod connection;
mod endpoint;
mod greeting;
mod half;
mod listener;
mod name;
mod place;
mod reset;
mod streams;
mod tls;
mod transport;

use std::sync::Arc;

pub use config::QuicConfig;
use igor_core::plugin::BuildError;
pub use transport::QuicTransport;

/// The name by which configuration chooses this plugin, and the scheme of its addresses.
pub const NAME: &str = "quic";

igor_core::register_transport! {
    name: NAME,
    summary: "QUIC over UDP; both ends are proven by their node keys.",
    example: include_str!("../example.toml"),
    build: |section, context| {
        let config: QuicConfig = section.parse()?;
        if let Err((field, problem)) = config.check(&context.limits) {
            return Err(section.refuse(field, problem));
        }
        let key = context.node_key(NAME)?;
        match QuicTransport::new(key, &config, &context.limits) {
            Ok(transport) => Ok(Arc::new(transport)),
            Err(problem) => Err(BuildError::Failed { plugin: NAME, problem: problem.to_string() }),
        }
    },
}
