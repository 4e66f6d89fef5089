//! A plugin's own part of the configuration, handed to it unread. What the section means is the
//! plugin's business; reporting where a wrong field stands is this module's.

use figment::Figment;
use serde::de::DeserializeOwned;

use super::RegistryError;

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
    #[error("{0}")]
    Config(String),
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

    /// A section from the text of its table, for tests and embedders.
    pub fn from_toml(name: impl Into<String>, text: &str) -> Self {
        use figment::providers::{Format, Toml};
        Self { name: name.into(), values: Figment::from(Toml::string(text)) }
    }

    /// Reads the section.
    ///
    /// # Errors
    /// Names the file or variable, the section and the field.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, BuildError> {
        self.values
            .extract()
            .map_err(|error| BuildError::Config(format!("[{}] {}", self.name, error.kind)))
    }
}
