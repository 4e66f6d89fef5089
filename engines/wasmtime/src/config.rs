//! The plugin's configuration section, `[engine.wasmtime]`. Nothing here changes what a guest
//! computes.

use serde::Deserialize;

/// The values of `[engine.wasmtime]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WasmtimeConfig {
    /// Whether compiled code is kept below the data directory.
    pub cache: bool,
    /// The most bytes of compiled code kept there.
    pub cache_bytes_max: u64,
    /// Bytes of address space reserved for each memory.
    pub memory_reservation: u64,
}

impl Default for WasmtimeConfig {
    fn default() -> Self {
        Self { cache: true, cache_bytes_max: 256 << 20, memory_reservation: 4 << 30 }
    }
}

#[cfg(test)]
mod tests {
    use igor_core::plugin::ConfigSection;

    use super::*;

    #[test]
    fn the_example_states_the_defaults() {
        let section = ConfigSection::from_toml("engine.wasmtime", include_str!("../example.toml"));
        assert_eq!(section.parse::<WasmtimeConfig>().unwrap(), WasmtimeConfig::default());
    }

    #[test]
    fn an_unknown_field_is_refused() {
        let section = ConfigSection::from_toml("engine.wasmtime", "fuel = 1");
        let error = section.parse::<WasmtimeConfig>().unwrap_err().to_string();
        assert!(error.contains("fuel"), "{error}");
    }
}
