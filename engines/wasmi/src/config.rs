//! The plugin's configuration section, `[engine.wasmi]`, which has no field: what could be set about
//! an interpreter either changes what a guest computes or is preparation's business.

use serde::Deserialize;

/// The values of `[engine.wasmi]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WasmiConfig {}

#[cfg(test)]
mod tests {
    use igor_core::plugin::ConfigSection;

    use super::*;

    #[test]
    fn the_example_parses() {
        let section = ConfigSection::from_toml("engine.wasmi", include_str!("../example.toml"));
        assert_eq!(section.parse::<WasmiConfig>().unwrap(), WasmiConfig {});
    }

    #[test]
    fn an_unknown_field_is_refused() {
        let section = ConfigSection::from_toml("engine.wasmi", "fuel = 1");
        let error = section.parse::<WasmiConfig>().unwrap_err().to_string();
        assert!(error.contains("fuel"), "{error}");
    }
}
