//! Who may depend on whom: `cli → node → core → format`, plugins on core only, agents on the SDK. Judged
//! by the manifests, so a dependency that nothing uses yet counts as well.

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};

use super::tree::{check, member_manifests, root};

/// What a package is, by where it lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layer {
    Agent,
    Cli,
    Conformance,
    Core,
    Format,
    Node,
    Plugin,
    Sdk,
    Tool,
}

impl Layer {
    const ALL: [Self; 9] = [
        Self::Agent,
        Self::Cli,
        Self::Conformance,
        Self::Core,
        Self::Format,
        Self::Node,
        Self::Plugin,
        Self::Sdk,
        Self::Tool,
    ];

    fn of(folder: &str) -> Option<Self> {
        let (top, rest) = folder.split_once('/').unwrap_or((folder, ""));
        match (top, rest) {
            ("agents", _) => Some(Self::Agent),
            ("conformance", "") => Some(Self::Conformance),
            ("core", "") => Some(Self::Core),
            ("core", "cli") => Some(Self::Cli),
            ("core", "format") => Some(Self::Format),
            ("core", "node") => Some(Self::Node),
            ("engines" | "meters" | "storage" | "transports", _) => Some(Self::Plugin),
            ("sdk", "") => Some(Self::Sdk),
            ("xtask", "") => Some(Self::Tool),
            _ => None,
        }
    }

    /// What it may depend on in the product.
    fn may_use(self) -> &'static [Self] {
        match self {
            Self::Agent => &[Self::Sdk],
            Self::Cli => &[Self::Node, Self::Core, Self::Format, Self::Plugin],
            Self::Conformance => &[Self::Node, Self::Core, Self::Format, Self::Plugin],
            Self::Core | Self::Sdk => &[Self::Format],
            Self::Format | Self::Tool => &[],
            Self::Node => &[Self::Core, Self::Format],
            Self::Plugin => &[Self::Core],
        }
    }

    /// What it may depend on in its tests, beside that.
    fn may_use_in_tests(self) -> &'static [Self] {
        match self {
            Self::Agent | Self::Core | Self::Format | Self::Sdk => &[],
            Self::Conformance => &Self::ALL,
            Self::Cli | Self::Node | Self::Plugin | Self::Tool => &[Self::Conformance],
        }
    }
}

/// Everything outside the workspace that the two innermost crates are built from. A new name here is a
/// decision: it is in every node, and in every browser that verifies a history.
const CORE_USES: &[&str] = &[
    "async-trait",
    "figment",
    "inventory",
    "serde",
    "serde_json",
    "thiserror",
    "wasm-encoder",
    "wasmparser",
];
const FORMAT_USES: &[&str] = &[
    "base64",
    "bs58",
    "ed25519-dalek",
    "hpke",
    "serde",
    "serde_json",
    "sha2",
    "thiserror",
    "zeroize",
];

fn workspace() -> Metadata {
    let mut command = MetadataCommand::new();
    command.manifest_path(root().join("Cargo.toml")).no_deps();
    command.exec().expect("cargo can read the workspace")
}

fn folder(package: &Package) -> String {
    let folder = package.manifest_path.parent().expect("a manifest lies in a folder");
    let root = root();
    let folder = folder.as_std_path().strip_prefix(&root).expect("a member lies in the workspace");
    folder.to_string_lossy().replace('\\', "/")
}

fn layer(package: &Package) -> Layer {
    let folder = folder(package);
    Layer::of(&folder).unwrap_or_else(|| panic!("{folder} is no place for a package"))
}

#[test]
fn dependencies_point_down_only() {
    let workspace = workspace();
    let member = |name: &str| workspace.packages.iter().find(|package| package.name == name);
    let mut problems = Vec::new();
    for package in &workspace.packages {
        let layer_here = layer(package);
        for dependency in &package.dependencies {
            let Some(used) = member(&dependency.name).map(layer) else { continue };
            let in_tests = dependency.kind == DependencyKind::Development;
            let allowed = layer_here.may_use().contains(&used)
                || (in_tests && layer_here.may_use_in_tests().contains(&used));
            if !allowed {
                let place = if in_tests { "in tests" } else { "in the product" };
                problems.push(format!("{} uses {} {place}", package.name, dependency.name));
            }
        }
    }
    check(problems);
}

#[test]
fn only_the_binary_and_the_suites_name_plugins() {
    let workspace = workspace();
    let is_plugin = |name: &str| {
        let package = workspace.packages.iter().find(|package| package.name == name);
        package.map(layer) == Some(Layer::Plugin)
    };
    let mut problems = Vec::new();
    for package in &workspace.packages {
        let names_some = package.dependencies.iter().any(|used| is_plugin(&used.name));
        if names_some && !matches!(layer(package), Layer::Cli | Layer::Conformance) {
            problems.push(format!("{} names a plugin", package.name));
        }
    }
    check(problems);
}

#[test]
fn the_innermost_crates_use_nothing_unforeseen() {
    let workspace = workspace();
    let mut problems = Vec::new();
    for package in &workspace.packages {
        let foreseen = match layer(package) {
            Layer::Core => CORE_USES,
            Layer::Format => FORMAT_USES,
            _ => continue,
        };
        for dependency in &package.dependencies {
            let own = workspace.packages.iter().any(|package| package.name == dependency.name);
            let in_tests = dependency.kind == DependencyKind::Development;
            if !own && !in_tests && !foreseen.contains(&dependency.name.as_str()) {
                problems.push(format!("{} uses {}", package.name, dependency.name));
            }
        }
    }
    check(problems);
}

#[test]
fn tokio_is_the_shells_the_binarys_and_the_transports() {
    let mut problems = Vec::new();
    for package in &workspace().packages {
        let product = |used: &&cargo_metadata::Dependency| {
            used.name == "tokio" && used.kind != DependencyKind::Development
        };
        let uses = package.dependencies.iter().any(|used| product(&used));
        // A transport over a network waits for sockets; the suites judge it.
        let may = matches!(layer(package), Layer::Node | Layer::Cli | Layer::Conformance)
            || folder(package).starts_with("transports/");
        if uses && !may {
            problems.push(format!("{} uses tokio", package.name));
        }
    }
    check(problems);
}

#[test]
fn every_version_comes_from_the_workspace() {
    let mut problems = Vec::new();
    for (path, manifest) in member_manifests() {
        for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let table = manifest.get(section).and_then(toml::Value::as_table);
            for (name, value) in table.into_iter().flatten() {
                if value.get("workspace") != Some(&true.into()) {
                    problems.push(format!("{path}: {name} does not say workspace = true"));
                }
            }
        }
    }
    check(problems);
}
