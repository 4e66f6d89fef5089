//! Stacks the layers of a configuration and checks the result as a whole. The order of the calls does
//! not matter; the order of the layers is fixed.

use figment::providers::{Format, Toml};
use figment::value::{Dict, Map, Value};
use figment::{Error, Figment, Metadata, Profile, Provider};

use super::error::one_of;
use super::settings::{
    HandoffSettings, HistorySettings, NodeSettings, ReplaySettings, RunSettings, default_sections,
};
use super::{Config, ConfigError, Plugins, Source, extract, section_of, source_of};
use crate::plugin::{Kind, Registry};
use crate::{Engine, Limits, Meter, Storage, Transport};

/// The beginning of every environment variable that configures a node.
const PREFIX: &str = "IGOR_";
/// Variables that configure the conformance suites, not a node.
const FOREIGN_PREFIX: &str = "IGOR_CONFORMANCE_";
/// Between the parts of a path in a variable's name.
const SEPARATOR: &str = "__";
/// The sections that are not a kind of plugin's.
const OWN_SECTIONS: [&str; 6] = ["handoff", "history", "limits", "node", "replay", "run"];

/// A configuration in the making; see [`Config::builder`].
#[derive(Debug, Default)]
pub struct ConfigBuilder {
    defaults: Vec<Layer>,
    files: Vec<Layer>,
    variables: Vec<Layer>,
    flags: Vec<Layer>,
}

impl ConfigBuilder {
    pub(super) fn new() -> Self {
        let mut builder = Self::default();
        builder.defaults.push(Layer { source: Source::Default, data: default_sections() });
        builder
    }

    /// The plugin of a kind when nothing else is said. Who composes a node knows its name.
    pub fn default_plugin<T: ?Sized + Kind>(mut self, name: &str) -> Self {
        self.defaults.push(Layer::text(Source::Default, &[T::WORD, "plugin"], name));
        self
    }

    /// Adds a file, by its name and its text in TOML.
    ///
    /// # Errors
    /// When the text is no TOML.
    pub fn file(mut self, name: &str, text: &str) -> Result<Self, ConfigError> {
        let source = Source::File(name.to_owned());
        let data = Toml::string(text).data().map_err(|error| {
            ConfigError::new("", format!("read configuration: {}", error.kind), &source)
        })?;
        let data = data.into_values().next().unwrap_or_default();
        self.files.push(Layer { source, data });
        Ok(self)
    }

    /// Adds environment variables; those that do not begin with `IGOR_` are somebody else's. A path's
    /// parts are separated by two underscores: `IGOR_STORAGE__FS__ROOT` is `storage.fs.root`.
    ///
    /// # Errors
    /// When a variable that begins with `IGOR_` names no section and field.
    pub fn env(
        mut self,
        pairs: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        for (name, text) in pairs {
            let Some(path) = name.strip_prefix(PREFIX) else { continue };
            if name.starts_with(FOREIGN_PREFIX) {
                continue;
            }
            let path = path.to_lowercase();
            let parts: Vec<_> = path.split(SEPARATOR).collect();
            let source = Source::Environment(name.clone());
            if parts.len() < 2 || parts.iter().any(|part| part.is_empty()) {
                let problem = "a variable names a section and a field, separated by two \
                               underscores, as in IGOR_NODE__PRICE";
                return Err(ConfigError::new("", problem, &source));
            }
            self.variables.push(Layer::text(source, &parts, &text));
        }
        Ok(self)
    }

    /// Adds a flag's text as the value at `path`, as in `flag("--price", "node.price", "0.002")`.
    pub fn flag(mut self, flag: &str, path: &str, text: &str) -> Self {
        let parts: Vec<_> = path.split('.').collect();
        self.flags.push(Layer::text(Source::Flag(flag.to_owned()), &parts, text));
        self
    }

    /// Checks everything but the plugins' own sections, which only they can read.
    ///
    /// # Errors
    /// An unknown section, field or plugin, or a value that is none, with where it stands.
    pub fn build(self, plugins: &Plugins) -> Result<Config, ConfigError> {
        let layers = [self.defaults, self.files, self.variables, self.flags];
        let values = layers.into_iter().flatten().fold(Figment::new(), Figment::merge);
        check_sections(&values)?;
        check_kind(&values, &plugins.engines)?;
        check_kind(&values, &plugins.storages)?;
        check_kind(&values, &plugins.meters)?;
        check_kind(&values, &plugins.transports)?;
        let handoff: HandoffSettings = extract("handoff", &section_of(&values, "handoff"))?;
        let history: HistorySettings = extract("history", &section_of(&values, "history"))?;
        let node: NodeSettings = extract("node", &section_of(&values, "node"))?;
        let run: RunSettings = extract("run", &section_of(&values, "run"))?;
        let replay: ReplaySettings = extract("replay", &section_of(&values, "replay"))?;
        let limits: Limits = extract("limits", &section_of(&values, "limits"))?;
        limits.validate().map_err(|error| {
            let value = values.find_value(&format!("limits.{}", error.row()));
            let source = value.map_or(Source::Default, |value| source_of(&values, &value));
            ConfigError::new("", error.to_string(), &source)
        })?;
        Ok(Config { values, handoff, history, node, run, replay, limits })
    }
}

/// The values of one source.
#[derive(Debug)]
struct Layer {
    source: Source,
    data: Dict,
}

impl Layer {
    /// A layer of one text.
    fn text(source: Source, path: &[&str], text: &str) -> Self {
        let mut value = Value::from(text);
        for part in path.iter().skip(1).rev() {
            value = Value::from(Dict::from([((*part).to_owned(), value)]));
        }
        let first = path.first().copied().unwrap_or_default();
        Self { source, data: Dict::from([(first.to_owned(), value)]) }
    }
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        self.source.to_metadata()
    }

    fn data(&self) -> Result<Map<Profile, Dict>, Error> {
        Ok(Map::from([(Profile::Default, self.data.clone())]))
    }
}

/// Refuses a section that does not exist, and a value where a section belongs.
fn check_sections(values: &Figment) -> Result<(), ConfigError> {
    let kinds = [<dyn Engine>::WORD, <dyn Storage>::WORD, <dyn Meter>::WORD, <dyn Transport>::WORD];
    let mut known: Vec<_> = kinds.into_iter().chain(OWN_SECTIONS).collect();
    known.sort_unstable();
    let data = values.data().unwrap_or_default();
    for (name, value) in data.get(&Profile::Default).into_iter().flatten() {
        let source = first_source(values, value);
        if !known.contains(&name.as_str()) {
            let problem = format!("unknown section, {}", one_of(&known));
            return Err(ConfigError::new(name, problem, &source));
        }
        if value.as_dict().is_none() {
            return Err(ConfigError::new(name, "must be a table", &source));
        }
    }
    Ok(())
}

/// Refuses a plugin that is not linked, and a field beside `plugin`.
fn check_kind<T: ?Sized + Kind>(
    values: &Figment,
    registry: &Registry<T>,
) -> Result<(), ConfigError> {
    let Ok(section) = values.find_value(T::WORD) else { return Ok(()) };
    for (name, value) in section.as_dict().into_iter().flatten() {
        let source = first_source(values, value);
        if name == "plugin" {
            let Some(chosen) = value.as_str() else {
                return Err(ConfigError::new(T::WORD, "plugin: expected a name", &source));
            };
            registry
                .find(chosen)
                .map_err(|error| ConfigError::new(T::WORD, format!("plugin: {error}"), &source))?;
        } else if value.as_dict().is_some() {
            registry.find(name).map_err(|error| {
                ConfigError::new(&format!("{}.{name}", T::WORD), error.to_string(), &source)
            })?;
        } else if registry.find(name).is_ok() {
            let problem = "must be a table";
            return Err(ConfigError::new(&format!("{}.{name}", T::WORD), problem, &source));
        } else {
            let problem = format!(
                "unknown field `{name}`, expected `plugin` or the section of one {}",
                T::WORD
            );
            return Err(ConfigError::new(T::WORD, problem, &source));
        }
    }
    Ok(())
}

/// The source of a value; of a table, that of the first value in it that somebody set.
fn first_source(values: &Figment, value: &Value) -> Source {
    let Some(table) = value.as_dict() else { return source_of(values, value) };
    let mut sources = table.values().map(|value| first_source(values, value));
    sources.find(|source| *source != Source::Default).unwrap_or_else(|| source_of(values, value))
}
