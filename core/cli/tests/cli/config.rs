//! `igor config`: what is in force, where it comes from, and what is refused.

use std::fs;

use serde_json::Value;

use crate::support::{Answer, answer, ask, igor};

fn with_env(args: &[&str], name: &str, value: &str) -> Answer {
    let mut command = igor(args);
    command.env(name, value);
    answer(command)
}

fn setting(document: &Value, path: &str) -> (String, String) {
    let settings = document["settings"].as_array().expect("a list");
    let setting = settings.iter().find(|setting| setting["path"] == path).expect("it is listed");
    let field = |name: &str| setting[name].as_str().expect("text").to_owned();
    (field("value"), field("source"))
}

#[test]
fn every_value_says_where_it_comes_from() {
    let dir = tempfile::tempdir().expect("a folder can be made");
    let file = dir.path().join("igor.toml");
    fs::write(&file, "[node]\nprice = \"0.5\"\n[run]\nbudget = \"3\"\n").expect("written");
    let file = file.to_str().expect("a plain path");
    let mut command = igor(["config", "show", "--config", file, "--output", "json"]);
    command.env("IGOR_RUN__BUDGET", "4").env("OTHER", "x");
    let document = answer(command).document();
    let owned = |value: &str, source: &str| (value.to_owned(), source.to_owned());
    assert_eq!(setting(&document, "node.price"), owned("\"0.5\"", file));
    let variable = "environment variable IGOR_RUN__BUDGET";
    assert_eq!(setting(&document, "run.budget"), owned("\"4\"", variable));
    assert_eq!(setting(&document, "run.output"), owned("\"json\"", "--output"));
    assert_eq!(setting(&document, "engine.plugin"), owned("\"wasmtime\"", "default"));
    let text = ask(["config", "show"]).done();
    assert!(text.lines().any(|line| line.starts_with("run.tick_interval")), "{text}");
}

#[test]
fn what_a_node_is_told_about_moves_is_checked() {
    for (args, words) in [
        (["--migration-retries", "0"], ["at least 1", "--migration-retries"]),
        (["--migration-retry-delay", "soon"], ["500ms", "--migration-retry-delay"]),
        (["--lease-duration", "60"], ["500ms", "--lease-duration"]),
        (["--lease-grace", "10"], ["500ms", "--lease-grace"]),
    ] {
        ask([&["node"][..], &args].concat()).refused(2, &words);
    }
    let show = ["config", "show", "--output", "json"];
    let document = with_env(&show, "IGOR_HANDOFF__RETRIES", "5").document();
    let variable = "environment variable IGOR_HANDOFF__RETRIES";
    assert_eq!(setting(&document, "handoff.retries"), ("\"5\"".into(), variable.into()));
}

#[test]
fn the_example_is_a_configuration_and_holds_the_defaults() {
    let dir = tempfile::tempdir().expect("a folder can be made");
    let file = dir.path().join("igor.toml");
    let path = file.to_str().expect("a plain path");
    let example = ask(["config", "example"]).done();
    let document = ask(["config", "example", "--output", "json"]).document();
    assert_eq!(document["toml"], example.as_str());

    fs::write(&file, &example).expect("written");
    let show = |args: &[&str]| {
        let document = ask([&["config", "show", "--output", "json"], args].concat()).document();
        let settings = document["settings"].as_array().expect("a list").clone();
        settings.into_iter().filter(|setting| setting["path"] != "run.output")
    };
    let defaults: Vec<Value> = show(&[]).collect();
    assert_eq!(show(&["--config", path]).collect::<Vec<_>>(), defaults, "nothing is set by it");

    let active: Vec<_> = example.lines().map(uncommented).collect();
    fs::write(&file, active.join("\n")).expect("written");
    let set: Vec<Value> = show(&["--config", path]).collect();
    for default in &defaults {
        let path = &default["path"];
        let set = set.iter().find(|setting| setting["path"] == *path).expect("it is listed");
        assert_eq!(set["value"], default["value"], "the example's {path} is not the default");
        assert_ne!(set["source"], "default", "the example lacks {path}");
    }
}

/// A setting that the example comments out, as it would be set.
fn uncommented(line: &str) -> &str {
    let setting =
        line.strip_prefix('#').filter(|rest| rest.starts_with(|c: char| c.is_lowercase()));
    setting.unwrap_or(line)
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    let dir = tempfile::tempdir().expect("a folder can be made");
    let file = dir.path().join("igor.toml");
    let path = file.to_str().expect("a plain path");
    for (text, words) in [
        ("[node]\nprice = \"0\"", &["[node]", "price", path][..]),
        ("[run]\nbudget = \"NaN\"", &["[run]", "budget", path]),
        ("[run]\nbudgets = \"1\"", &["[run]", "budgets", "`budget`", path]),
        ("[storage.zfs]\nroot = \"x\"", &["zfs", "fs, memory", path]),
        ("[engine]\nplugin = \"v8\"", &["v8", "wasmi, wasmtime", path]),
        ("[limits]\nstate_bytes_max = 0", &["state_bytes_max", path]),
        ("[run", &["read configuration", path]),
    ] {
        fs::write(&file, text).expect("written");
        ask(["config", "show", "--config", path]).refused(2, words);
    }
    ask(["config", "show", "--config", "/nowhere.toml"]).refused(2, &["/nowhere.toml"]);
    with_env(&["config", "show"], "IGOR_PRICE", "1").refused(2, &["IGOR_PRICE", "two"]);
    with_env(&["config", "show"], "IGOR_RUN__TICK_INTERVAL", "fast").refused(2, &["500ms"]);
}
