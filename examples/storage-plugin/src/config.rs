//! The plugin's configuration, `[storage.onefile]`.

use serde::Deserialize;

/// What `[storage.onefile]` may say.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OneFileConfig {
    /// The largest value or log record, in bytes.
    pub value_bytes_max: u64,
}

impl Default for OneFileConfig {
    fn default() -> Self {
        Self { value_bytes_max: 1 << 20 }
    }
}
