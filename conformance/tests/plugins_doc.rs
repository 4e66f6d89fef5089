//! The guide to writing a plugin is true: the files in it are those of the example, all of them, and the
//! example, built elsewhere as a package of its own, passes the suite.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

const EXAMPLE: &str = "examples/storage-plugin";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this crate lies in the root").into()
}

/// The files of the example with their contents, by path from the root; what building leaves aside.
fn files() -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    let mut folders = vec![EXAMPLE.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root().join(&folder)).expect("the example can be read") {
            let entry = entry.expect("the example can be read");
            let name = entry.file_name().into_string().expect("the example's names are text");
            let path = format!("{folder}/{name}");
            if name == "target" || name == "Cargo.lock" {
                continue;
            }
            if entry.path().is_dir() {
                folders.push(path);
            } else {
                files.insert(path, fs::read_to_string(entry.path()).expect("it is text"));
            }
        }
    }
    files
}

/// The files in the guide: a line that is a path of the example, and the code block that follows.
fn shown(guide: &str) -> BTreeMap<String, String> {
    let mut shown = BTreeMap::new();
    let mut lines = guide.lines();
    while let Some(line) = lines.next() {
        let path = line.strip_prefix('`').and_then(|line| line.strip_suffix('`'));
        let Some(path) = path.filter(|path| path.starts_with(EXAMPLE)) else { continue };
        assert_eq!(lines.next(), Some(""), "{path} is followed by its content");
        assert!(lines.next().is_some_and(|line| line.starts_with("```")), "{path} has no code");
        let block = lines.by_ref().take_while(|line| *line != "```");
        let text: String = block.flat_map(|line| [line, "\n"]).collect();
        assert_eq!(shown.insert(path.to_owned(), text), None, "{path} is shown twice");
    }
    shown
}

#[test]
fn the_guide_shows_the_example_as_it_is() {
    let guide = fs::read_to_string(root().join("docs/PLUGINS.md")).expect("there is a guide");
    let (files, shown) = (files(), shown(&guide));
    assert!(files.len() >= 8, "only {} files were found", files.len());
    for (path, content) in &files {
        let shown = shown.get(path).unwrap_or_else(|| panic!("the guide does not show {path}"));
        assert!(shown == content, "{path} is not what docs/PLUGINS.md shows");
    }
    let missing: Vec<_> = shown.keys().filter(|path| !files.contains_key(*path)).collect();
    assert!(missing.is_empty(), "the guide shows what is not there: {missing:?}");
}

/// Copies the example to where cargo may write, with this repository's versions of everything.
fn copied_to(place: &Path) {
    for (path, content) in files() {
        let to =
            place.join(path.strip_prefix(EXAMPLE).expect("it is the example's").trim_matches('/'));
        fs::create_dir_all(to.parent().expect("it lies in a folder")).expect("cargo's own folder");
        let here = format!("path = \"{}/", root().display());
        fs::write(to, content.replace("path = \"../../", &here)).expect("cargo's own folder");
    }
    fs::copy(root().join("Cargo.lock"), place.join("Cargo.lock")).expect("there is a lock file");
}

#[test]
fn the_example_passes_the_suite_as_a_package_of_its_own() {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("storage-plugin");
    copied_to(&place);
    let output = Command::new(env::var_os("CARGO").unwrap_or("cargo".into()))
        .args(["test", "--offline", "--manifest-path"])
        .arg(place.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(place.join("target"))
        .env_remove("CARGO_TARGET_DIR")
        .output()
        .expect("cargo has started this test, so it can be started");
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo test in {}:\n{said}\n{errors}", place.display());
    // It really was this store, nothing was left out that applies to it, and no other store was run.
    let passed = said.lines().filter(|line| line.starts_with("test storage::onefile::"));
    let passed = passed.filter(|line| line.ends_with("ok")).count();
    assert!(passed >= 60, "only {passed} cases passed:\n{said}");
    assert!(said.contains("storage::onefile::killed_processes_lose_nothing_acknowledged"));
    assert!(!said.contains("storage::fs::"), "{said}");
}
