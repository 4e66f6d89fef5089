#![doc = include_str!("../README.md")]

mod cache;
mod config;
mod engine;
mod error;
mod folder;
mod host;
mod instance;
mod limiter;
mod module;

use std::sync::Arc;

use igor_core::plugin::BuildError;

pub use crate::config::WasmtimeConfig;
pub use crate::engine::WasmtimeEngine;

/// The name by which configuration chooses this engine.
pub const NAME: &str = "wasmtime";

igor_core::register_engine! {
    name: NAME,
    summary: "Compiles to machine code with Cranelift; fast ticks, slow first start.",
    example: include_str!("../example.toml"),
    build: |section, context| {
        let config: WasmtimeConfig = section.parse()?;
        match WasmtimeEngine::new(&config, &context.data_dir) {
            Ok(engine) => Ok(Arc::new(engine)),
            Err(error) => Err(BuildError::Failed { plugin: NAME, problem: error.to_string() }),
        }
    },
}
