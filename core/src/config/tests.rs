//! What a configuration means and how its mistakes are reported, on registries with made-up plugins.

use std::path::PathBuf;
use std::time::Duration;

use igor_format::Microcents;
use serde::Deserialize;

use super::{Config, ConfigBuilder, ConfigError, LogLevel, OutputFormat, Plugins, Source};
use crate::plugin::{BuildError, ConfigSection, Context, Entry, Kind, Registry};
use crate::{Limits, Meter, Storage};

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct DiskConfig {
    root: Option<String>,
    sync: bool,
    pages: u32,
    nested: Nested,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Nested {
    depth: u32,
}

fn entry<T: ?Sized + Kind>(name: &'static str) -> Entry<T> {
    let build = |_: &ConfigSection, _: &Context| {
        Err(BuildError::Failed { plugin: "test", problem: "is not built in this test".into() })
    };
    Entry { name, summary: "", example: "", build }
}

fn plugins() -> Plugins {
    let storages = Registry::empty().with(entry("disk")).and_then(|all| all.with(entry("ram")));
    Plugins {
        engines: Registry::empty().with(entry("fast")).expect("one name"),
        storages: storages.expect("two names"),
        meters: Registry::empty().with(entry("clock")).expect("one name"),
        transports: Registry::empty(),
    }
}

fn build(builder: Result<ConfigBuilder, ConfigError>) -> Result<Config, String> {
    builder.and_then(|builder| builder.build(&plugins())).map_err(|error| error.to_string())
}

fn from_file(text: &str) -> Result<Config, String> {
    build(Config::builder().file("igor.toml", text))
}

fn from_env(name: &str, value: &str) -> Result<Config, String> {
    build(Config::builder().env([(name.to_owned(), value.to_owned())]))
}

fn disk(config: &Config) -> Result<DiskConfig, String> {
    config.section::<dyn Storage>("disk").parse().map_err(|error: BuildError| error.to_string())
}

fn check_refused(text: &str, expected: &str) {
    let found = from_file(text).and_then(|config| disk(&config).map(|_| config));
    assert_eq!(found.err().as_deref(), Some(expected), "{text:?}");
}

#[test]
fn nothing_configured_gives_the_documented_defaults() {
    let config = from_file("").expect("an empty file is a configuration");
    assert_eq!(config.node().price.microcents().get(), 1_000);
    assert_eq!(config.run().budget.get(), 1_000_000);
    assert_eq!(config.run().checkpoint_dir, PathBuf::from("checkpoints"));
    assert_eq!(config.run().checkpoint_interval, Duration::from_secs(5));
    assert_eq!(config.run().tick_interval, Duration::from_secs(1));
    assert_eq!(config.run().log_level, LogLevel::Warn);
    assert_eq!(config.run().output, OutputFormat::Text);
    assert_eq!(config.run().manifest, None);
    let lease = (config.node().lease_duration, config.node().lease_grace);
    assert_eq!(lease, (Duration::from_secs(60), Duration::from_secs(10)));
    let retries = (config.handoff().retries, config.handoff().retry_delay);
    assert_eq!(retries, (3, Duration::from_secs(1)));
    assert_eq!(config.limits(), &Limits::default());
    assert_eq!(config.chosen::<dyn Storage>(), None);
    assert_eq!(disk(&config), Ok(DiskConfig::default()));
    assert!(config.settings().iter().all(|setting| setting.source == Source::Default));
}

#[test]
fn later_layers_win_whatever_the_order_of_the_calls() {
    let layers = |builder: ConfigBuilder, flag, env, file| {
        let builder = if flag { builder.flag("--price", "node.price", "4") } else { builder };
        let pairs = [("IGOR_NODE__PRICE".to_owned(), "3".to_owned())];
        let builder = if env { builder.env(pairs).expect("one pair") } else { builder };
        if file { builder.file("a.toml", "[node]\nprice = 2") } else { Ok(builder) }
    };
    let table = [
        (false, false, false, 1_000, Source::Default),
        (false, false, true, 2_000_000, Source::File("a.toml".into())),
        (false, true, true, 3_000_000, Source::Environment("IGOR_NODE__PRICE".into())),
        (true, true, true, 4_000_000, Source::Flag("--price".into())),
        (true, false, true, 4_000_000, Source::Flag("--price".into())),
    ];
    for (flag, env, file, price, source) in table {
        let config = build(layers(Config::builder(), flag, env, file)).expect("valid layers");
        assert_eq!(config.node().price.microcents().get(), price);
        assert_eq!(config.source("node.price"), source);
        assert_eq!(config.is_explicit("node.price"), source != Source::Default);
    }
}

#[test]
fn a_default_that_is_written_out_is_explicit() {
    let config = from_file("[run]\nbudget = \"1.0\"").expect("valid");
    assert!(config.is_explicit("run.budget"));
    assert!(!config.is_explicit("run.manifest"));
    assert!(!config.is_explicit("meter.plugin"));
}

#[test]
fn amounts_are_read_exactly_from_text_and_numbers() {
    let table = [
        ("\"0.001\"", 1_000),
        ("0.001", 1_000),
        ("2", 2_000_000),
        ("0.000001", 1),
        ("1e-6", 1),
        ("1234567.891234", 1_234_567_891_234),
        ("\"9007199254.740991\"", Microcents::MAX.get()),
    ];
    for (text, microcents) in table {
        let config = from_file(&format!("[node]\nprice = {text}")).expect(text);
        assert_eq!(config.node().price.microcents().get(), microcents, "{text}");
    }
}

#[test]
fn amounts_that_are_none_are_refused_with_their_place() {
    let table = [
        ("-1", "an amount cannot be negative, not \"-1\""),
        ("nan", "an amount is a plain decimal number of units, such as 2.5, not \"NaN\""),
        ("inf", "an amount is a plain decimal number of units, such as 2.5, not \"inf\""),
        ("\"0.0000001\"", "an amount has at most six digits after the point, not \"0.0000001\""),
        ("9007199254.740991", "a number with so many digits is not exact; write it in quotes"),
        ("0", "a price is more than 0"),
        ("true", "expected an amount of units such as \"2.5\", found bool true"),
    ];
    for (text, problem) in table {
        let expected = format!("[node] price: {problem} (igor.toml)");
        check_refused(&format!("[node]\nprice = {text}"), &expected);
    }
}

#[test]
fn a_mistake_in_a_file_is_reported_with_section_field_and_file() {
    check_refused(
        "[storage.disk]\nrot = 1",
        "[storage.disk] unknown field `rot`, expected `root`, `sync`, `pages` or `nested` (igor.toml)",
    );
    check_refused(
        "[storage.disk.nested]\ndeep = 1",
        "[storage.disk] nested: unknown field `deep`, expected `depth` (igor.toml)",
    );
    check_refused(
        "[storage.disk]\nroot = 5",
        "[storage.disk] root: expected a string, found the number 5 (igor.toml)",
    );
    check_refused(
        "[storage.disk]\npages = -1",
        "[storage.disk] pages: expected u32, found the number -1 (igor.toml)",
    );
    check_refused(
        "[run]\nbudgte = 1",
        "[run] unknown field `budgte`, expected `budget`, `checkpoint_dir`, `checkpoint_interval`, `durability`, \
         `log_level`, `manifest`, `output` or `tick_interval` (igor.toml)",
    );
    check_refused(
        "[run]\nlog_level = \"loud\"",
        "[run] log_level: unknown value `loud`, expected `off`, `error`, `warn`, `info`, `debug` or \
         `trace` (igor.toml)",
    );
    check_refused(
        "[run]\ntick_interval = 5",
        "[run] tick_interval: expected a length of time such as \"1.5s\", found the number 5 \
         (igor.toml)",
    );
    check_refused(
        "[limits]\nstate_bytes_max = 0",
        "[limits] state_bytes_max = 0: must lie between 1 and 67108864 (igor.toml)",
    );
}

#[test]
fn sections_and_plugins_that_do_not_exist_are_refused() {
    check_refused(
        "[nodes]\nprice = 1",
        "[nodes] unknown section, expected `engine`, `handoff`, `history`, `limits`, `meter`, `node`, \
         `replay`, `run`, `storage` or `transport` (igor.toml)",
    );
    check_refused("node = 1", "[node] must be a table (igor.toml)");
    check_refused(
        "[storage]\npluign = \"disk\"",
        "[storage] unknown field `pluign`, expected `plugin` or the section of one storage (igor.toml)",
    );
    check_refused("[storage]\nplugin = 1", "[storage] plugin: expected a name (igor.toml)");
    check_refused("[storage]\ndisk = 1", "[storage.disk] must be a table (igor.toml)");
    let unlinked = "no storage is named \"zfs\"; there are: disk, ram. A plugin of your own must be \
                    linked: add `use my_plugin as _;` to the program (igor.toml)";
    check_refused("[storage.zfs]\nroot = \"x\"", &format!("[storage.zfs] {unlinked}"));
    check_refused("[storage]\nplugin = \"zfs\"", &format!("[storage] plugin: {unlinked}"));
}

#[test]
fn text_that_is_no_toml_is_refused_with_the_files_name() {
    let error = from_file("[node\nprice = 1").expect_err("no TOML");
    assert!(error.starts_with("read configuration: "), "{error}");
    assert!(error.ends_with("(igor.toml)"), "{error}");
}

#[test]
fn environment_variables_override_by_path() {
    let pairs = [
        ("IGOR_STORAGE__PLUGIN", "ram"),
        ("IGOR_STORAGE__DISK__ROOT", "/data/1"),
        ("IGOR_STORAGE__DISK__SYNC", "true"),
        ("IGOR_STORAGE__DISK__PAGES", "12"),
        ("IGOR_LIMITS__STATE_BYTES_MAX", "1000"),
        ("IGOR_CONFORMANCE_SEED", "7"),
        ("HOME", "/root"),
    ];
    let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let config = build(Config::builder().env(pairs)).expect("valid variables");
    assert_eq!(config.chosen::<dyn Storage>().as_deref(), Some("ram"));
    let root = Some("/data/1".to_owned());
    let expected = DiskConfig { root, sync: true, pages: 12, nested: Nested::default() };
    assert_eq!(disk(&config), Ok(expected));
    assert_eq!(config.limits().state_bytes_max, 1_000);
}

#[test]
fn a_mistake_in_the_environment_names_the_variable() {
    let disk_error = from_env("IGOR_STORAGE__DISK__ROT", "1").and_then(|config| disk(&config));
    assert_eq!(
        disk_error,
        Err("[storage.disk] unknown field `rot`, expected `root`, `sync`, `pages` or `nested` \
             (environment variable IGOR_STORAGE__DISK__ROT)"
            .to_owned())
    );
    let table = [
        (
            "IGOR_NODE__PRICE",
            "cheap",
            "[node] price: an amount is a plain decimal number of units, such as 2.5, not \"cheap\"",
        ),
        (
            "IGOR_NODE_PRICE",
            "1",
            "a variable names a section and a field, separated by two underscores, as in \
             IGOR_NODE__PRICE",
        ),
        ("IGOR_STORAGE__DISK", "x", "[storage.disk] must be a table"),
        (
            "IGOR_RUN__",
            "x",
            "a variable names a section and a field, separated by two underscores, as in \
             IGOR_NODE__PRICE",
        ),
    ];
    for (name, value, problem) in table {
        let expected = format!("{problem} (environment variable {name})");
        assert_eq!(from_env(name, value).err(), Some(expected));
    }
}

#[test]
fn a_mistake_in_a_flag_names_the_flag() {
    let builder = Config::builder().flag("--tick-interval", "run.tick_interval", "soon");
    assert_eq!(
        build(Ok(builder)).err().as_deref(),
        Some(
            "[run] tick_interval: a length of time looks like 500ms, 1.5s or 1m30s, not \"soon\" \
             (--tick-interval)"
        )
    );
}

#[test]
fn settings_are_listed_with_value_and_source() {
    let builder = Config::builder()
        .default_plugin::<dyn Meter>("clock")
        .flag("--storage", "storage.plugin", "disk")
        .file("igor.toml", "[storage.disk]\nsync = true\npages = 3\n[node]\nprice = \"2\"");
    let settings = build(builder).expect("valid").settings();
    let find = |path: &str| {
        let setting = settings.iter().find(|setting| setting.path == path);
        setting.map(|setting| (setting.value.as_str(), setting.source.to_string()))
    };
    assert_eq!(find("node.price"), Some(("\"2\"", "igor.toml".to_owned())));
    assert_eq!(find("storage.plugin"), Some(("\"disk\"", "--storage".to_owned())));
    assert_eq!(find("storage.disk.pages"), Some(("3", "igor.toml".to_owned())));
    assert_eq!(find("storage.disk.sync"), Some(("true", "igor.toml".to_owned())));
    assert_eq!(find("meter.plugin"), Some(("\"clock\"", "default".to_owned())));
    assert_eq!(find("limits.params_max"), Some(("32", "default".to_owned())));
    assert!(settings.is_sorted_by(|a, b| a.path <= b.path));
}

#[test]
fn a_plugin_refuses_a_value_with_its_place() {
    let config = from_env("IGOR_STORAGE__DISK__ROOT", "/").expect("valid");
    let error = config.section::<dyn Storage>("disk").refuse("root", "must not be /");
    assert_eq!(
        error.to_string(),
        "[storage.disk] root: must not be / (environment variable IGOR_STORAGE__DISK__ROOT)"
    );
}

#[test]
fn no_text_makes_the_configuration_panic() {
    let alphabet: Vec<char> = "[]=.\"\n #{}nodeprstagilk_10-,'\\é".chars().collect();
    let mut state = 1_u64;
    for round in 0..5_000 {
        let mut text = String::new();
        for _ in 0..(round % 40) {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let place = usize::try_from(state >> 33).expect("31 bits") % alphabet.len();
            text.push(alphabet[place]);
        }
        let caught = std::panic::catch_unwind(|| from_file(&text).is_ok());
        assert!(caught.is_ok(), "the configuration {text:?} panics");
    }
}
