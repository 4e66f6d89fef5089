#![doc = include_str!("../README.md")]

mod config;
mod engine;
mod error;
mod host;
mod instance;
mod limiter;
mod module;

use std::sync::Arc;

pub use crate::config::WasmiConfig;
pub use crate::engine::WasmiEngine;

/// The name by which configuration chooses this engine.
pub const NAME: &str = "wasmi";

igor_core::register_engine! {
    name: NAME,
    summary: "Interprets; starts at once, runs anywhere Rust does.",
    example: include_str!("../example.toml"),
    build: |section, _| {
        let WasmiConfig {} = section.parse()?;
        Ok(Arc::new(WasmiEngine))
    },
}
