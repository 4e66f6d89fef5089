#![doc = include_str!("../README.md")]

mod config;
mod state;
mod storage;

use std::sync::Arc;

pub use config::MemoryConfig;
pub use storage::MemoryStorage;

/// The name by which configuration chooses this plugin.
pub const NAME: &str = "memory";

igor_core::register_storage! {
    name: NAME,
    summary: "Everything in memory; gone when the process ends.",
    example: include_str!("../example.toml"),
    build: |section, context| {
        let config: MemoryConfig = section.parse()?;
        let directory = context.data_dir.to_string_lossy();
        let name = config.name.as_deref().unwrap_or(&directory);
        Ok(Arc::new(MemoryStorage::named(name, config.value_bytes_max)))
    },
}
