//! The composition root: the one place of this program that names plugins. Linking one registers
//! it and changes nothing else; the configuration chooses by name.

use igor_core::config::{Config, ConfigBuilder, Plugins};
use igor_core::plugin::{Entry, Kind, Registry};
use igor_core::{Engine, Meter, Storage};
use igor_engine_wasmi as _;
use igor_engine_wasmtime as _;
use igor_meter_gas as _;
use igor_meter_wall as _;
use igor_storage_fs as _;
use igor_storage_memory as _;
use igor_transport_libp2p as _;
use igor_transport_memory as _;
use igor_transport_quic as _;

use crate::problem::Problem;

const DEFAULT_ENGINE: &str = "wasmtime";
const DEFAULT_STORAGE: &str = "fs";
const DEFAULT_METER: &str = "wall";

/// What `igor node` is reached by unless something else is chosen.
pub(crate) const DEFAULT_TRANSPORT: &str = "quic";

/// The transport that nodes of the original speak.
pub(crate) const ORIGINAL_TRANSPORT: &str = "libp2p";

/// The meter of a simulation: it charges the same on every machine.
pub(crate) const SIMULATED_METER: &str = "gas";

/// The storage whose agents are files in a directory.
pub(crate) const FILE_STORAGE: &str = DEFAULT_STORAGE;

/// A storage that keeps nothing beyond the process.
pub(crate) const VOLATILE_STORAGE: &str = "memory";

/// A setting of commands that only read: compiled code is not kept.
pub(crate) const WITHOUT_CACHE: (&str, &str, Option<&str>) =
    ("a command that only reads", "engine.wasmtime.cache", Some("false"));

/// The engine that is compared with this one unless another is asked for.
pub(crate) fn other_engine(plugins: &Plugins, engine: &str) -> Option<&'static str> {
    let mut names = plugins.engines.entries().iter().map(|entry| entry.name);
    names.find(|name| *name != engine)
}

/// A configuration in the making that knows the defaults of this program.
pub(crate) fn config() -> ConfigBuilder {
    Config::builder()
        .default_plugin::<dyn Engine>(DEFAULT_ENGINE)
        .default_plugin::<dyn Storage>(DEFAULT_STORAGE)
        .default_plugin::<dyn Meter>(DEFAULT_METER)
}

/// The registries of this program.
pub(crate) fn linked() -> Result<Plugins, Problem> {
    Plugins::linked().map_err(|error| {
        Problem::new(error, "This program was built with two plugins of one name; remove one.")
    })
}

/// What can be said about a plugin without building it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plugin {
    pub(crate) kind: &'static str,
    pub(crate) name: &'static str,
    pub(crate) summary: &'static str,
    pub(crate) example: &'static str,
    pub(crate) default: bool,
}

/// All that is linked, by kind and name.
pub(crate) fn all(plugins: &Plugins) -> Vec<Plugin> {
    let mut all = Vec::new();
    all.extend(list(&plugins.engines, Some(DEFAULT_ENGINE)));
    all.extend(list(&plugins.storages, Some(DEFAULT_STORAGE)));
    all.extend(list(&plugins.meters, Some(DEFAULT_METER)));
    all.extend(list(&plugins.transports, Some(DEFAULT_TRANSPORT)));
    all
}

fn list<T: ?Sized + Kind>(
    registry: &Registry<T>,
    default: Option<&'static str>,
) -> impl Iterator<Item = Plugin> {
    registry.entries().iter().map(move |&Entry { name, summary, example, .. }| Plugin {
        kind: T::WORD,
        name,
        summary,
        example,
        default: Some(name) == default,
    })
}
