//! A plugin's own part of the configuration, handed to it unread. What the section means is the
//! plugin's business; reporting where a wrong field stands is this module's.

use figment::Figment;
use figment::providers::{Format, Toml};
use serde::de::DeserializeOwned;

use super::RegistryError;
use crate::config::{ConfigError, Source, extract, section_of, source_of};

/// One section of the configuration, as in `[storage.fs]`.
#[derive(Debug, Clone)]
pub struct ConfigSection {
    name: String,
    values: Figment,
}

/// A plugin could not be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// Its configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// It could not start.
    #[error("{plugin}: {problem}")]
    Failed {
        /// The plugin's name.
        plugin: &'static str,
        /// What it attempted and why that failed.
        problem: String,
    },
    /// There is no such plugin.
    #[error(transparent)]
    Registry(#[from] RegistryError),
}

impl ConfigSection {
    /// A section without values: every field has its default.
    pub fn empty(name: impl Into<String>) -> Self {
        Self { name: name.into(), values: Figment::new() }
    }

    /// A section from the text of its table, for tests and embedders. Text that is no TOML is
    /// reported when the section is read.
    pub fn from_toml(name: impl Into<String>, text: &str) -> Self {
        Self { name: name.into(), values: Figment::from(Toml::string(text)) }
    }

    /// The section `name` of a whole configuration.
    pub(crate) fn of(values: &Figment, name: String) -> Self {
        let values = section_of(values, &name);
        Self { name, values }
    }

    /// Reads the section. `T` denies unknown fields and has defaults for all of them.
    ///
    /// # Errors
    /// Names the file or variable, the section and the field.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, BuildError> {
        Ok(extract(&self.name, &self.values)?)
    }

    /// The error for a field whose value can be read but cannot be used, with where it stands.
    pub fn refuse(&self, field: &str, problem: impl std::fmt::Display) -> BuildError {
        let value = self.values.find_value(field);
        let source = value.map_or(Source::Default, |value| source_of(&self.values, &value));
        ConfigError::new(&self.name, format!("{field}: {problem}"), &source).into()
    }
}
