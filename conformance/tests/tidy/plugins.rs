//! Every plugin looks like every other one, and its example is true: it is read and built by the plugin
//! itself.

use std::sync::Arc;

use igor_core::Limits;
use igor_core::format::NodeKey;
use igor_core::plugin::{ConfigSection, Context, Kind, Registry};
use igor_core::{Engine, Meter, Storage, Transport};

use super::tree::{check, paths, read};

include!(concat!(env!("OUT_DIR"), "/linked.rs"));

/// The folders of plugins, with the file that holds the trait's implementation.
const KINDS: [(&str, &str); 4] = [
    ("engines", "engine.rs"),
    ("meters", "meter.rs"),
    ("storage", "storage.rs"),
    ("transports", "transport.rs"),
];

/// The plugins' folders, with the name of the file of the kind.
fn plugins() -> Vec<(String, &'static str)> {
    let mut plugins = Vec::new();
    for path in paths() {
        let folder = path.strip_suffix("/Cargo.toml").unwrap_or_default();
        let kind = KINDS.iter().find(|(kind, _)| {
            folder.strip_prefix(kind).is_some_and(|rest| rest.matches('/').count() == 1)
        });
        plugins.extend(kind.map(|(_, file)| (folder.to_owned(), *file)));
    }
    plugins
}

#[test]
fn every_plugin_has_the_same_files() {
    let (plugins, paths) = (plugins(), paths());
    assert_eq!(plugins.len(), EXPECTED.len(), "the suites link all plugins: {EXPECTED:?}");
    let mut problems = Vec::new();
    for (folder, kind) in plugins {
        let files = [
            "README.md".to_owned(),
            "example.toml".to_owned(),
            "src/config.rs".to_owned(),
            "src/lib.rs".to_owned(),
            format!("src/{kind}"),
            "tests/conformance.rs".to_owned(),
        ];
        for file in files {
            if !paths.contains(&format!("{folder}/{file}")) {
                problems.push(format!("{folder} has no {file}"));
            }
        }
        let source = read(&format!("{folder}/src/lib.rs"));
        for line in ["#![doc = include_str!(\"../README.md\")]", "pub const NAME: &str = "] {
            if !source.contains(line) {
                problems.push(format!("{folder}/src/lib.rs does not say {line}"));
            }
        }
        let readme = read(&format!("{folder}/README.md"));
        if !readme.contains("\n## Configuration\n") {
            problems.push(format!("{folder}/README.md has no section on configuration"));
        }
    }
    check(problems);
}

/// Builds every linked plugin of a kind from its own example, and from a field that it cannot have.
fn check_examples<T: ?Sized + Kind>(problems: &mut Vec<String>) {
    let registry = Registry::<T>::linked().expect("names differ");
    for entry in registry.entries() {
        let name = format!("{}.{}", T::WORD, entry.name);
        let data = tempfile::tempdir().expect("a temporary directory can be made");
        let key = Arc::new(NodeKey::from_seed(&[7; 32]));
        let context = Context::new(data.path(), Limits::default()).with_node_key(key);
        let build = |text: &str| {
            (entry.build)(&ConfigSection::from_toml(&name, text), &context).map(|_| ())
        };
        if let Err(error) = build(entry.example) {
            problems.push(format!("the example of {name}: {error}"));
        }
        match build("no_such_field = 1") {
            Err(error) if error.to_string().contains("unknown field `no_such_field`") => {}
            other => problems.push(format!("{name} answers an unknown field with {other:?}")),
        }
        if entry.summary.len() < 20 {
            problems.push(format!("{name} has no summary"));
        }
    }
}

#[test]
fn every_example_is_what_the_plugin_reads() {
    let mut problems = Vec::new();
    check_examples::<dyn Engine>(&mut problems);
    check_examples::<dyn Meter>(&mut problems);
    check_examples::<dyn Storage>(&mut problems);
    check_examples::<dyn Transport>(&mut problems);
    check(problems);
}

#[test]
fn every_expected_plugin_is_linked() {
    let mut linked = Vec::new();
    fn names<T: ?Sized + Kind>(linked: &mut Vec<String>) {
        let registry = Registry::<T>::linked().expect("names differ");
        linked.extend(registry.entries().iter().map(|e| format!("{}::{}", T::WORD, e.name)));
    }
    names::<dyn Engine>(&mut linked);
    names::<dyn Meter>(&mut linked);
    names::<dyn Storage>(&mut linked);
    names::<dyn Transport>(&mut linked);
    assert_eq!(linked, EXPECTED);
}

/// A transport that nobody gave a key could prove nothing.
#[test]
fn no_transport_is_built_without_the_nodes_key() {
    let mut problems = Vec::new();
    for entry in Registry::<dyn Transport>::linked().expect("names differ").entries() {
        let section = ConfigSection::empty(format!("transport.{}", entry.name));
        let context = Context::new("nowhere", Limits::default());
        match (entry.build)(&section, &context).map(|_| ()) {
            Err(error) if error.to_string().ends_with("no key to prove itself by") => {}
            other => problems.push(format!("{} without a key: {other:?}", entry.name)),
        }
    }
    check(problems);
}
