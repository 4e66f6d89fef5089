//! The suites that judge any implementation of igor's traits: what a trait's documentation promises
//! under `# Behaviour`, a case here checks. Cases are plain functions over a trait object; nothing
//! here is specific to a plugin, and no case passes because a plugin is absent.

mod case;

pub use case::Case;
