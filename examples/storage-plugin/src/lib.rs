#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod config;
mod entry;
mod state;
mod storage;

use std::sync::Arc;

pub use config::OneFileConfig;
use igor_core::plugin::BuildError;
pub use storage::OneFileStorage;

igor_core::register_storage! {
    name: "onefile",
    summary: "Everything in one file of JSON lines.",
    example: include_str!("../example.toml"),
    build: |section, context| {
        let config: OneFileConfig = section.parse()?;
        match OneFileStorage::open(&context.data_dir, config) {
            Ok(storage) => Ok(Arc::new(storage)),
            Err(error) => {
                Err(BuildError::Failed { plugin: "onefile", problem: error.to_string() })
            }
        }
    },
}
