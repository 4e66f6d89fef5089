//! The files of the repository, as the other checks see them. Whether git knows a file is not asked, so
//! that the checks also run in an unpacked archive.

use std::fs;
use std::path::{Path, PathBuf};

/// Folders that hold nothing that was written by hand.
const SKIPPED: [&str; 4] = ["target", ".git", "checkpoints", "node_modules"];

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().expect("the package lies in the repository").to_owned()
}

/// Every file below the root whose name ends in one of `endings`, as path and text.
pub(crate) fn files(endings: &[&str]) -> Vec<(String, String)> {
    let wanted = |path: &String| endings.iter().any(|ending| path.ends_with(ending));
    let read = |path: String| {
        let text = fs::read_to_string(root().join(&path));
        let text = text.unwrap_or_else(|error| panic!("read {path}: {error}"));
        (path, text)
    };
    paths().into_iter().filter(wanted).map(read).collect()
}

/// The path of every file below the root, relative to it, in order.
pub(crate) fn paths() -> Vec<String> {
    let mut found = Vec::new();
    collect(&root(), &mut found);
    let root = root();
    let relative = |path: PathBuf| {
        let path = path.strip_prefix(&root).expect("it was found below the root");
        path.to_string_lossy().replace('\\', "/")
    };
    let mut paths: Vec<_> = found.into_iter().map(relative).collect();
    paths.sort();
    paths
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("list {folder:?}: {error}"));
    for entry in entries {
        let entry = entry.expect("a listed entry can be read");
        let kind = entry.file_type().expect("a listed entry has a type");
        let skipped = SKIPPED.iter().any(|name| entry.file_name() == *name);
        if kind.is_dir() && !skipped {
            collect(&entry.path(), found);
        } else if kind.is_file() {
            found.push(entry.path());
        }
    }
}

/// The text of one file.
pub(crate) fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("read {path}: {error}"))
}

/// The manifests of the workspace's members; an example or fixture that stands for somebody else's
/// package is none.
pub(crate) fn member_manifests() -> Vec<(String, toml::Table)> {
    let parse = |text: &str| text.parse::<toml::Table>().expect("cargo has read this manifest");
    let root = parse(&read("Cargo.toml"));
    let members = root.get("workspace").and_then(|workspace| workspace.get("members"));
    let members = members.and_then(toml::Value::as_array).into_iter().flatten();
    let path = |member: &str| format!("{member}/Cargo.toml");
    let paths: Vec<_> = members.filter_map(toml::Value::as_str).map(path).collect();
    assert!(paths.len() > 10, "the workspace's members are {paths:?}");
    paths.into_iter().map(|path| (path.clone(), parse(&read(&path)))).collect()
}

/// Whether `text` has `word` with no letter, digit or underscore beside it.
pub(crate) fn has_word(text: &str, word: &str) -> bool {
    count_words(text, word) > 0
}

/// How often `text` has `word` with no letter, digit or underscore beside it.
pub(crate) fn count_words(text: &str, word: &str) -> usize {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    let alone = |at: usize| {
        let before = text[..at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        !before.is_some_and(part) && !after.is_some_and(part)
    };
    text.match_indices(word).filter(|(at, _)| alone(*at)).count()
}

/// The lines of a source file without its line comments, numbered from 1.
pub(crate) fn code_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(index, line)| {
        let comment = line.match_indices("//").find(|(at, _)| {
            // A quote that is open before the slashes means that they are text.
            line[..*at].matches('"').count().is_multiple_of(2)
        });
        (index + 1, comment.map_or(line, |(at, _)| &line[..at]))
    })
}

/// Fails with all of `problems`, one to a line.
pub(crate) fn check(problems: Vec<String>) {
    assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));
}
