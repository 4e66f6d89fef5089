//! The plugin's configuration, `[storage.memory]`.

use serde::Deserialize;

/// What `[storage.memory]` may say.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MemoryConfig {
    /// Stores of one name in one process are one store. Without a name, the data directory is it.
    pub name: Option<String>,
    /// The largest value or log record, in bytes.
    pub value_bytes_max: u64,
}

impl Default for MemoryConfig {
    fn default() -> Self {
        Self { name: None, value_bytes_max: 80 << 20 }
    }
}
