//! Finds the plugins that this package's manifest names and writes `linked.rs`, which links them and
//! says which ones must therefore be registered. It links nothing itself.

use std::path::Path;
use std::{env, error, fs};

use toml::{Table, Value};

/// Dependencies whose names begin like this are plugins of that kind.
const PREFIXES: [(&str, &str); 4] = [
    ("igor-engine-", "engine"),
    ("igor-storage-", "storage"),
    ("igor-meter-", "meter"),
    ("igor-transport-", "transport"),
];

fn main() -> Result<(), Box<dyn error::Error>> {
    let manifest = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("Cargo.toml");
    let manifest: Table = fs::read_to_string(manifest)?.parse()?;
    let (mut crates, mut expected) = (Vec::new(), Vec::new());
    for (dependency, value) in table(&manifest, &["dependencies"]).into_iter().flatten() {
        let plugin = PREFIXES.iter().find_map(|(prefix, kind)| {
            dependency.strip_prefix(prefix).map(|name| format!("{kind}::{name}"))
        });
        if let Some(plugin) = plugin.filter(|_| is_enabled(dependency, value)) {
            crates.push(dependency.replace('-', "_"));
            expected.push(plugin);
        }
    }
    let others = table(&manifest, &["package", "metadata", "conformance"])
        .and_then(|table| table.get("link"))
        .and_then(Value::as_array);
    crates.extend(others.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned));

    let uses: String = crates.iter().map(|name| format!("use {name} as _;\n")).collect();
    let docs = "/// The plugins that the manifest names.";
    let text = format!("{uses}\n{docs}\nconst EXPECTED: &[&str] = &{expected:?};\n");
    fs::write(Path::new(&env::var("OUT_DIR")?).join("linked.rs"), text)?;
    println!("cargo::rerun-if-changed=Cargo.toml");
    Ok(())
}

fn table<'a>(root: &'a Table, path: &[&str]) -> Option<&'a Table> {
    path.iter().try_fold(root, |table, name| table.get(*name)?.as_table())
}

/// Whether a dependency is part of this build: it is not optional, or its feature is on.
fn is_enabled(dependency: &str, value: &Value) -> bool {
    let optional = value.get("optional").and_then(Value::as_bool).unwrap_or(false);
    let feature = dependency.to_uppercase().replace('-', "_");
    !optional || env::var_os(format!("CARGO_FEATURE_{feature}")).is_some()
}
