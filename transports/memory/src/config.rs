//! The plugin's configuration, `[transport.memory]`.

use serde::Deserialize;

/// The most that one direction of a stream may hold, in bytes.
pub(crate) const BUFFER_BYTES_CEILING: usize = 16 << 20;

/// What `[transport.memory]` may say.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MemoryConfig {
    /// Nodes of one process reach each other if their networks have the same name.
    pub network: String,
    /// The bytes that one direction of a stream holds before its writer waits.
    pub buffer_bytes: usize,
}

impl Default for MemoryConfig {
    fn default() -> Self {
        Self { network: "default".to_owned(), buffer_bytes: 256 << 10 }
    }
}
