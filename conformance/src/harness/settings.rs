//! What the environment says about a run of the suites: which plugins, with which configuration. It is
//! read in one place, so that everything else can be tested without it.

use std::collections::BTreeMap;
use std::{env, fs};

use igor_core::config::{Config, Plugins};
use igor_core::plugin::{ConfigSection, Kind};
use igor_core::{Engine, Meter, Storage, Transport};

/// What the environment says about a run.
#[derive(Default)]
pub(super) struct Settings {
    /// `IGOR_CONFORMANCE_EXPECT`.
    pub(super) expected: Option<Vec<String>>,
    /// The names that are selected of each kind that is selected from.
    pub(super) selected: BTreeMap<&'static str, Vec<String>>,
}

impl Settings {
    /// # Errors
    /// When the configuration that it names cannot be used.
    pub(super) fn of_environment() -> Result<Self, String> {
        let kinds =
            [<dyn Engine>::WORD, <dyn Storage>::WORD, <dyn Meter>::WORD, <dyn Transport>::WORD];
        let selected = kinds.into_iter().filter_map(|kind| {
            Some((kind, list_in(&format!("IGOR_CONFORMANCE_{}", kind.to_uppercase()))?))
        });
        configuration().transpose()?;
        Ok(Self { expected: list_in("IGOR_CONFORMANCE_EXPECT"), selected: selected.collect() })
    }
}

/// The section of a plugin: from the file that the environment names, or else from `text`.
pub(crate) fn section<T: ?Sized + Kind>(plugin: &str, text: &str) -> ConfigSection {
    match configuration() {
        Some(Ok(config)) => config.section::<T>(plugin),
        // A file that cannot be used is a problem of the whole run, and reported as such.
        Some(Err(_)) | None => ConfigSection::from_toml(format!("{}.{plugin}", T::WORD), text),
    }
}

/// The configuration that `IGOR_CONFORMANCE_CONFIG` names, if it names one.
fn configuration() -> Option<Result<Config, String>> {
    let name = env::var("IGOR_CONFORMANCE_CONFIG").ok()?;
    let read = || {
        let text = fs::read_to_string(&name).map_err(|error| format!("read {name}: {error}"))?;
        let plugins = Plugins::linked().map_err(|error| error.to_string())?;
        let builder = Config::builder().file(&name, &text);
        builder.and_then(|builder| builder.build(&plugins)).map_err(|error| error.to_string())
    };
    Some(read())
}

/// The names in a variable, separated by commas; none if it is not set.
fn list_in(variable: &str) -> Option<Vec<String>> {
    let text = env::var(variable).ok()?;
    let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
    Some(names.map(str::to_owned).collect())
}
