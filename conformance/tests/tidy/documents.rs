//! Documents do not point at what is not there, and do not say what the scripts contradict.

use super::tree::{check, files, read, root};

/// The command that the README gives for the tests and that `.ci/run` must run.
const TEST_COMMAND: &str = "cargo test --workspace";

/// The documents that a repository of this kind has.
const DOCUMENTS: [&str; 19] = [
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "SECURITY.md",
    "docs/ARCHITECTURE.md",
    "docs/COUNTERPARTS.md",
    "docs/PLUGINS.md",
    "docs/STYLE.md",
    "docs/TESTING.md",
    "docs/spec/abi.md",
    "docs/spec/agent-record.md",
    "docs/spec/checkpoint.md",
    "docs/spec/custody.md",
    "docs/spec/export.md",
    "docs/spec/journal.md",
    "docs/spec/metering.md",
    "docs/spec/wish.md",
];

#[test]
fn every_document_is_there() {
    let missing = DOCUMENTS.iter().filter(|path| !root().join(path).is_file());
    check(missing.map(|path| format!("there is no {path}")).collect());
}

/// The targets of the links in a Markdown text, code aside.
fn links(text: &str) -> Vec<String> {
    let mut links = Vec::new();
    let mut in_code = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        if in_code {
            continue;
        }
        for (at, _) in line.match_indices("](") {
            let rest = &line[at + 2..];
            links.extend(rest.split_once(')').map(|(target, _)| target.to_owned()));
        }
    }
    links
}

#[test]
fn every_relative_link_leads_somewhere() {
    let mut problems = Vec::new();
    for (path, text) in files(&[".md"]) {
        let folder = root().join(&path);
        let folder = folder.parent().expect("a document lies in a folder");
        for link in links(&text) {
            let target = link.split('#').next().unwrap_or_default();
            let elsewhere = target.contains("://") || target.starts_with("mailto:");
            if !elsewhere && !target.is_empty() && !folder.join(target).exists() {
                problems.push(format!("{path}: {link}"));
            }
        }
    }
    check(problems);
}

#[test]
fn every_decision_is_numbered_once_and_complete() {
    let mut numbers = Vec::new();
    let mut problems = Vec::new();
    for (path, text) in files(&[".md"]) {
        let Some(name) = path.strip_prefix("docs/adr/").filter(|name| *name != "README.md") else {
            continue;
        };
        let number = name.split('-').next().unwrap_or_default().to_owned();
        if number.len() != 4 || number.parse::<u16>().is_err() || numbers.contains(&number) {
            problems.push(format!("{path} has no number of its own"));
        }
        numbers.push(number);
        for heading in ["Context", "Shapes considered", "Decision", "Consequences"] {
            if !text.contains(&format!("\n## {heading}\n")) {
                problems.push(format!("{path} has no section {heading}"));
            }
        }
    }
    check(problems);
}

#[test]
fn the_readmes_test_command_is_what_ci_runs() {
    let script = read(".ci/run");
    let runs = |line: &str| line.trim() == TEST_COMMAND;
    assert!(script.lines().any(runs), ".ci/run does not run `{TEST_COMMAND}`");
    let readme = read("README.md");
    assert!(readme.lines().any(runs), "the README does not give `{TEST_COMMAND}`");
}

#[test]
fn the_changelog_names_the_version_that_is_built() {
    let version = env!("CARGO_PKG_VERSION");
    let changelog = read("CHANGELOG.md");
    assert!(changelog.contains(&format!("## {version}")), "the changelog does not name {version}");
}
