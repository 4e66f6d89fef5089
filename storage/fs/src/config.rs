//! The plugin's configuration, `[storage.fs]`. Where the files lie is not part of it: that is the data
//! directory, which every plugin is given.

use serde::Deserialize;

/// What `[storage.fs]` may say.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FsConfig {
    /// The largest value or log record, in bytes; what is larger is neither written nor read.
    pub value_bytes_max: u64,
    /// How large the redo log grows, in bytes, before the logs in it are synced and it is emptied. One
    /// batch may exceed it.
    pub redo_bytes_max: u64,
}

impl FsConfig {
    /// The highest `value_bytes_max`.
    pub const VALUE_BYTES_CEILING: u64 = 1 << 30;
}

impl Default for FsConfig {
    /// Room for the largest state that the limits table allows, and for every module; a redo log that is
    /// read in a moment and yet not emptied often.
    fn default() -> Self {
        Self { value_bytes_max: 80 << 20, redo_bytes_max: 32 << 20 }
    }
}
