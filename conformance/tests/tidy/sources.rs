//! What the source of a crate must not mention, and how its files look. The search is for words in code,
//! comments aside; it is no parser, and it is meant to be hard to fool by accident, not on purpose.

use super::tree::{check, code_lines, count_words, files, has_word, member_manifests, read};

/// Where guest code meets the machine: the only `unsafe` code there is, counted exactly.
const UNSAFE: [(&str, usize); 4] = [
    ("engines/wasmtime/src/engine.rs", 1),
    ("sdk/src/abi/exports.rs", 3),
    ("sdk/src/abi/imports.rs", 5),
    ("sdk/src/export.rs", 6),
];
/// The crates that deny `unsafe` code where the others forbid it, because of the list above.
const UNSAFE_DENIED: [&str; 2] = ["engines/wasmtime/Cargo.toml", "sdk/Cargo.toml"];

/// Names of plugins that are not also ordinary words of WebAssembly, as `memory` and `gas` are.
const PLUGIN_WORDS: [&str; 8] = [
    "wasmtime",
    "wasmi",
    "\"fs\"",
    "\"wall\"",
    "igor_engine_",
    "igor_storage_",
    "igor_meter_",
    "igor_transport_",
];
/// What reaches out of a sans-IO crate.
const OUTSIDE: [&str; 9] = [
    "std::fs",
    "std::net",
    "std::env",
    "std::process",
    "File::open",
    "SystemTime::now",
    "Instant::now",
    "getrandom",
    "tokio",
];

/// Finds each of `needles` in the code of the files below `folder`, except those below `except`.
fn mentions(folder: &str, except: Option<&str>, needles: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in files(&[".rs"]) {
        if !path.starts_with(folder) || except.is_some_and(|except| path.starts_with(except)) {
            continue;
        }
        for (number, line) in code_lines(&text) {
            let hit = |needle: &&&str| line.contains(**needle);
            found.extend(needles.iter().filter(hit).map(|hit| format!("{path}:{number}: {hit}")));
        }
    }
    found
}

#[test]
fn core_and_node_know_no_plugin() {
    check(mentions("core/src/", None, &PLUGIN_WORDS));
    check(mentions("core/node/src/", None, &PLUGIN_WORDS));
    // An agent record names a meter, and its tests do; the words that are left are no data.
    check(mentions("core/format/src/", None, &["wasmtime", "wasmi"]));
}

#[test]
fn core_and_format_reach_nothing_outside() {
    check(mentions("core/src/", None, &OUTSIDE));
    check(mentions("core/format/src/", None, &OUTSIDE));
}

#[test]
fn the_node_reaches_outside_in_its_shell_only() {
    let shell = Some("core/node/src/shell");
    check(mentions("core/node/src/", shell, &OUTSIDE));
    check(mentions("core/node/src/", shell, &["spawn(", "thread::"]));
}

#[test]
fn figment_is_known_to_configuration_only() {
    let found = mentions("", None, &["figment"]);
    let elsewhere = |line: &String| {
        let known = ["core/src/config/", "core/src/plugin/section.rs", "conformance/tests/tidy/"];
        !known.iter().any(|place| line.starts_with(place))
    };
    check(found.into_iter().filter(elsewhere).collect());
}

#[test]
fn unsafe_code_is_where_it_is_listed_and_nowhere_else() {
    let word = concat!("un", "safe");
    let mut problems = Vec::new();
    for (path, text) in files(&[".rs"]) {
        let count: usize = code_lines(&text).map(|(_, line)| count_words(line, word)).sum();
        let listed = UNSAFE.iter().find(|(listed, _)| *listed == path).map_or(0, |listed| listed.1);
        if count != listed {
            problems.push(format!("{path}: {count} times {word}, {listed} listed"));
        }
    }
    for (path, _) in UNSAFE {
        read(path);
    }
    check(problems);
}

#[test]
fn every_crate_has_the_workspaces_lints() {
    let root: toml::Table = read("Cargo.toml").parse().expect("cargo has read this manifest");
    let of_workspace = root.get("workspace").and_then(|table| table.get("lints")).cloned();
    let mut denied = of_workspace.clone().expect("the workspace has lints");
    let rust = denied.get_mut("rust").and_then(toml::Value::as_table_mut).expect("rust lints");
    rust.insert("unsafe_code".to_owned(), "deny".into());
    let forbids = |lints: &toml::Value| {
        lints.get("rust").and_then(|rust| rust.get("unsafe_code")) == Some(&"forbid".into())
    };
    assert!(of_workspace.as_ref().is_some_and(forbids), "the workspace allows what it must forbid");

    let mut problems = Vec::new();
    for (path, manifest) in member_manifests() {
        let lints = manifest.get("lints");
        let inherits = lints.and_then(|lints| lints.get("workspace")) == Some(&true.into());
        let right =
            if UNSAFE_DENIED.contains(&path.as_str()) { lints == Some(&denied) } else { inherits };
        if !right {
            problems.push(format!("{path}: the lints are not the workspace's"));
        }
    }
    check(problems);
}

#[test]
fn every_file_says_first_what_it_is() {
    let mut problems = Vec::new();
    for (path, text) in files(&[".rs"]) {
        let first = text.lines().find(|line| !line.is_empty()).unwrap_or_default();
        let text = first.strip_prefix("//! ").or_else(|| first.strip_prefix("#![doc = "));
        if text.is_none_or(|text| text.len() < 20) {
            problems.push(format!("{path} begins with {first:?}"));
        }
    }
    check(problems);
}

/// The formatter keeps code within 100 columns, but leaves comments and long texts alone.
#[test]
fn lines_are_not_too_long() {
    let mut problems = Vec::new();
    for (path, text) in files(&[".rs"]) {
        for (index, line) in text.lines().enumerate() {
            let columns = line.chars().count();
            // A hash or an address cannot be broken.
            let unbreakable = line.split_whitespace().any(|word| word.len() > 60);
            if columns > 120 && !unbreakable {
                problems.push(format!("{path}:{}: {columns} columns", index + 1));
            }
        }
    }
    check(problems);
}

/// Longer functions that are one table and read best in one piece.
const LONG_FUNCTIONS: [(&str, &str); 2] = [
    ("core/cli/tests/cli/refusals.rs", "fn what_is_kept_is_damaged("),
    ("core/src/prepare/body/nan.rs", "fn effect<"),
];

/// A function's lines are counted by its indentation, which the formatter guarantees.
#[test]
fn functions_have_at_most_70_lines() {
    let mut problems = Vec::new();
    for (path, text) in files(&[".rs"]) {
        let lines: Vec<_> = text.lines().collect();
        for (start, line) in lines.iter().enumerate() {
            let code = line.trim_start();
            let words = ["pub", "pub(crate)", "pub(super)", "const", "async"];
            let is_function = code.split(' ').find(|word| !words.contains(word)) == Some("fn");
            let indent = &line[..line.len() - code.len()];
            let end = format!("{indent}}}");
            let is_table =
                LONG_FUNCTIONS.iter().any(|(place, name)| *place == path && code.starts_with(name));
            if !is_function || is_table || code.ends_with([';', '}']) {
                continue;
            }
            let rest = lines[start..].iter();
            let length = 1 + rest.take_while(|line| **line != end).count();
            if length > 70 && lines[start..].contains(&end.as_str()) {
                problems.push(format!("{path}:{}: {length} lines: {code}", start + 1));
            }
        }
    }
    check(problems);
}

#[test]
fn nothing_is_left_undone() {
    let words = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];
    let calls = [concat!("todo", "!("), concat!("unimple", "mented!(")];
    let mut problems = Vec::new();
    for (path, text) in files(&[".rs", ".toml", ".md", ".wat", ".json", ".yml", "run", "justfile"])
    {
        for (index, line) in text.lines().enumerate() {
            let word = words.iter().find(|word| has_word(line, word));
            let call = calls.iter().find(|call| line.contains(**call));
            if let Some(found) = word.or(call) {
                problems.push(format!("{path}:{}: {found}", index + 1));
            }
        }
    }
    check(problems);
}

#[test]
fn no_test_is_switched_off_or_expects_a_panic() {
    let ignore = concat!("#[ig", "nore");
    let should_panic = concat!("#[should", "_panic");
    check(mentions("", None, &[ignore, should_panic]));
}

/// A version or date in a name means two files where one is meant. Decisions are numbered on
/// purpose, and so are the files of a history, which are fixtures.
#[test]
fn no_file_is_named_by_number_or_date() {
    let mut problems = Vec::new();
    for path in super::tree::paths() {
        let name = path.rsplit('/').next().unwrap_or_default();
        let written = [".rs", ".md", ".toml", ".wat"].iter().any(|ending| name.ends_with(ending));
        let stem = name.split('.').next().unwrap_or_default();
        let numbered = stem.starts_with(|c: char| c.is_ascii_digit())
            || stem.ends_with("_new")
            || stem.ends_with("_old")
            || ["_v1", "_v2", "-v1", "-v2"].iter().any(|version| stem.ends_with(version));
        if written && numbered && !path.starts_with("docs/adr/") {
            problems.push(path);
        }
    }
    check(problems);
}
