//! The suites that judge any implementation of igor's traits: what a trait's documentation promises
//! under `# Behaviour`, a case here checks. Cases are plain functions over a trait object; nothing
//! here is specific to a plugin, and no case passes because a plugin is absent.
//!
//! A plugin's own repository runs its suite with one line in `tests/conformance.rs` (and
//! `[[test]] name = "conformance"`, `harness = false`):
//!
//! ```ignore
//! conformance::engine_suite!(my_engine);
//! ```
//!
//! Environment variables select and configure: see [`harness`].

#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "a case fails by panicking")]

mod case;
pub mod disk;
pub mod engine;
pub mod fuzz;
pub mod harness;
pub mod hostile;
pub mod hostile_peer;
pub mod meter;
pub mod mutants;
pub mod replay;
mod seed;
#[cfg(feature = "igor-storage-memory")]
pub mod sim;
pub mod storage;
pub mod transport;
pub mod world;

pub use case::Case;
pub use seed::{Effort, Rng, seed};
