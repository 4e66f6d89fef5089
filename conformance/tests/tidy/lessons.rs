//! The tests that `docs/LESSONS.md` names for each lesson are there, under these names and where it says.

use super::tree::{check, files, read, root};

/// Where tests lie that are named with such a beginning.
const FOLDERS: [(&str, &str); 10] = [
    ("audit", "conformance/tests/audit.rs"),
    ("cli", "core/cli/tests/cli/"),
    ("departures", "conformance/tests/departures.rs"),
    ("handoff", "core/src/handoff/"),
    ("hostile_peer", "conformance/src/hostile_peer/"),
    ("lessons", "conformance/tests/lessons.rs"),
    ("live", "conformance/tests/live.rs"),
    ("package", "conformance/tests/package/"),
    ("replay", "conformance/src/replay/"),
    ("sim", "conformance/src/sim/invariants/"),
];

/// Why there is no such test; `None` if there is.
fn missing(name: &str, sources: &[(String, String)]) -> Option<String> {
    let Some((first, rest)) = name.split_once("::") else {
        let is_there = root().join(name).exists();
        return (name.contains('/') && !is_there).then(|| format!("there is no {name}"));
    };
    let Some((_, folder)) = FOLDERS.iter().find(|(known, _)| *known == first) else {
        return Some(format!("{name}: where {first} is, nobody says"));
    };
    let (file, test) =
        rest.rsplit_once("::").map_or((None, rest), |(file, test)| (Some(file), test));
    let is_there = sources.iter().any(|(path, text)| {
        let is_in = path.starts_with(folder);
        let stem = path.strip_suffix(".rs").and_then(|path| path.rsplit('/').next());
        let is_file = stem == Some(test);
        let has_test = text.contains(&format!("fn {test}("));
        is_in && (is_file || (has_test && file.is_none_or(|file| stem == Some(file))))
    });
    (!is_there).then(|| format!("there is no test {name} in {folder}"))
}

#[test]
fn the_tests_of_every_lesson_are_there() {
    let (text, sources) = (read("docs/LESSONS.md"), files(&[".rs"]));
    let mut problems = Vec::new();
    let rows = text.lines().filter(|line| line.starts_with("| ")).skip(1);
    for row in rows {
        let shown = row.trim_end_matches('|').rsplit('|').next().unwrap_or_default();
        let names: Vec<_> = shown.split('`').skip(1).step_by(2).collect();
        if names.is_empty() && !shown.contains("suite") {
            problems.push(format!("a lesson without a test: {row}"));
        }
        problems.extend(names.into_iter().filter_map(|name| missing(name, &sources)));
    }
    check(problems);
}

#[test]
fn a_test_that_is_gone_is_noticed() {
    let sources = files(&[".rs"]);
    assert_eq!(missing("lessons::short_ticks_are_not_free", &sources), None);
    assert_eq!(missing("cli::verify", &sources), None);
    assert_eq!(missing("core/format/src/key.rs", &sources), None);
    for gone in ["lessons::nobody", "cli::node::short_ticks_are_not_free", "x::y", "core/x.rs"] {
        assert!(missing(gone, &sources).is_some(), "{gone}");
    }
}
