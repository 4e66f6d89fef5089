#![doc = include_str!("../README.md")]

mod batch;
mod beside;
mod combine;
mod commit;
mod config;
mod error;
mod handles;
mod layout;
mod lock;
mod log;
mod redo;
mod storage;
mod threads;
mod tree;
mod trim;
pub mod vfs;

use std::sync::Arc;

pub use config::FsConfig;
use igor_core::plugin::BuildError;
pub use storage::FsStorage;

/// The name by which configuration chooses this plugin.
pub const NAME: &str = "fs";

igor_core::register_storage! {
    name: NAME,
    summary: "Checkpoints and logs as files in one directory; survives a power cut.",
    example: include_str!("../example.toml"),
    build: |section, context| {
        let config: FsConfig = section.parse()?;
        match FsStorage::open(&context.data_dir, &config) {
            Ok(storage) => Ok(Arc::new(storage)),
            Err(error) => Err(BuildError::Failed { plugin: NAME, problem: error.to_string() }),
        }
    },
}
