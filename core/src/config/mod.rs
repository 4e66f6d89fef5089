//! The configuration of a node: defaults, overridden by a file, overridden by environment variables,
//! overridden by flags. Every value remembers where it comes from, so that a mistake is reported with
//! its file, section and field, and so that an explicit setting can be told from a default.
//!
//! It reads no file and no environment: whoever composes the node hands in the text and the pairs. It
//! knows no plugin by name either; which ones may be configured is asked of the registries, and what
//! a plugin's own section means is the plugin's business ([`ConfigSection`]).

mod amount;
mod builder;
mod duration;
mod error;
mod extract;
mod list;
mod number;
mod settings;
mod size;
mod source;

use std::sync::Arc;

use figment::value::Value;
use figment::{Figment, Profile, Provider};

pub use builder::ConfigBuilder;
pub use duration::parse_duration;
pub use error::ConfigError;
pub(crate) use extract::{extract, section_of, source_of};
pub use settings::{
    DivergencePolicy, DurabilitySetting, HandoffSettings, HiddenStatePolicy, HistorySettings,
    LogLevel, NodeSettings, OutputFormat, ReplayMode, ReplaySettings, RunSettings,
};
pub use size::Retention;
pub use source::Source;

use crate::plugin::{BuildError, ConfigSection, Context, Kind, Registry, RegistryError};
use crate::{Engine, Limits, Meter, Storage, Transport};

/// The plugins that a configuration may choose from.
#[derive(Debug)]
pub struct Plugins {
    /// The engines.
    pub engines: Registry<dyn Engine>,
    /// The stores.
    pub storages: Registry<dyn Storage>,
    /// The meters.
    pub meters: Registry<dyn Meter>,
    /// The transports.
    pub transports: Registry<dyn Transport>,
}

impl Plugins {
    /// Those linked into this program.
    ///
    /// # Errors
    /// When two of one kind have the same name.
    pub fn linked() -> Result<Self, RegistryError> {
        Ok(Self {
            engines: Registry::linked()?,
            storages: Registry::linked()?,
            meters: Registry::linked()?,
            transports: Registry::linked()?,
        })
    }
}

/// An effective value, for `igor config show`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Section and field, as in `storage.fs.root`.
    pub path: String,
    /// The value; text is in quotes.
    pub value: String,
    /// Where it comes from.
    pub source: Source,
}

/// A node's configuration, checked.
#[derive(Debug, Clone)]
pub struct Config {
    values: Figment,
    handoff: HandoffSettings,
    history: HistorySettings,
    node: NodeSettings,
    run: RunSettings,
    replay: ReplaySettings,
    limits: Limits,
}

impl Config {
    /// A configuration that holds only the defaults so far.
    pub fn builder() -> ConfigBuilder {
        ConfigBuilder::new()
    }

    /// The section `[handoff]`.
    pub fn handoff(&self) -> &HandoffSettings {
        &self.handoff
    }

    /// The section `[history]`.
    pub fn history(&self) -> &HistorySettings {
        &self.history
    }

    /// The section `[node]`.
    pub fn node(&self) -> &NodeSettings {
        &self.node
    }

    /// The section `[run]`.
    pub fn run(&self) -> &RunSettings {
        &self.run
    }

    /// The section `[replay]`.
    pub fn replay(&self) -> &ReplaySettings {
        &self.replay
    }

    /// The section `[limits]`.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// What every plugin is given when it is built; a transport gets the node's key as well.
    pub fn context(&self) -> Context {
        Context::new(self.run.checkpoint_dir.clone(), self.limits.clone())
    }

    /// The name of the chosen plugin of a kind; `None` if nothing chooses one.
    pub fn chosen<T: ?Sized + Kind>(&self) -> Option<String> {
        let value = self.values.find_value(&format!("{}.plugin", T::WORD)).ok()?;
        value.as_str().map(str::to_owned)
    }

    /// A plugin's own section, empty if it is nowhere configured.
    pub fn section<T: ?Sized + Kind>(&self, name: &str) -> ConfigSection {
        ConfigSection::of(&self.values, format!("{}.{name}", T::WORD))
    }

    /// Builds the chosen plugin of a kind.
    ///
    /// # Errors
    /// When none is chosen, or it refuses its section, or cannot start.
    pub fn build<T: ?Sized + Kind>(&self, plugins: &Registry<T>) -> Result<Arc<T>, BuildError> {
        let name = self.chosen::<T>().unwrap_or_default();
        plugins.build(&name, &self.section::<T>(&name), &self.context())
    }

    /// Where the value at `path`, as in `run.budget`, comes from; a path without a value has its
    /// default.
    pub fn source(&self, path: &str) -> Source {
        self.values
            .find_value(path)
            .map_or(Source::Default, |value| source_of(&self.values, &value))
    }

    /// Whether someone set the value at `path`: only then may it contradict what an agent has.
    pub fn is_explicit(&self, path: &str) -> bool {
        self.source(path) != Source::Default
    }

    /// Every effective value in order of its path, with where it comes from. What a plugin fills in
    /// by itself is not among them.
    pub fn settings(&self) -> Vec<Setting> {
        let mut settings = Vec::new();
        let data = self.values.data().unwrap_or_default();
        for (name, value) in data.get(&Profile::Default).into_iter().flatten() {
            self.collect(name, value, &mut settings);
        }
        settings
    }

    fn collect(&self, path: &str, value: &Value, settings: &mut Vec<Setting>) {
        if let Some(table) = value.as_dict() {
            for (name, value) in table {
                self.collect(&format!("{path}.{name}"), value, settings);
            }
            return;
        }
        let source = source_of(&self.values, value);
        settings.push(Setting { path: path.to_owned(), value: extract::show(value), source });
    }
}

#[cfg(test)]
mod tests;
