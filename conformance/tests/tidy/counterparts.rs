//! The document that says which test here stands for which one of the original names tests that are there, and
//! leaves none of the original's out.

use std::collections::BTreeMap;

use super::tree::{check, files, read};

const DOCUMENT: &str = "docs/COUNTERPARTS.md";

/// The texts in backquotes of a line.
fn quoted(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// The cells of a line of a table; none of another line.
fn cells(line: &str) -> Option<Vec<&str>> {
    let inner = line.strip_prefix('|')?.strip_suffix('|')?;
    Some(inner.split('|').map(str::trim).collect())
}

/// Whether one of the texts has a test of this name: a function marked as one, or a case of a suite.
fn has_test(texts: &[&str], name: &str) -> bool {
    let is_marked = |text: &str| {
        text.match_indices(&format!("fn {name}(")).any(|(at, _)| {
            let before: Vec<_> = text[..at].lines().rev().take(4).collect();
            before.iter().any(|line| {
                line.trim_start().starts_with("#[test]") || line.contains("#[tokio::test")
            })
        })
    };
    let is_case = |text: &str| text.contains(&format!("{name} covers"));
    texts.iter().any(|text| is_marked(text) || is_case(text))
}

/// The folders and files that the document's abbreviations stand for.
fn places(document: &str) -> BTreeMap<&str, &str> {
    let rows = document.lines().filter_map(cells);
    let pairs = rows.filter_map(|row| match row[..] {
        [short, path] => Some((quoted(short).next()?.strip_suffix("::")?, quoted(path).next()?)),
        _ => None,
    });
    pairs.collect()
}

#[test]
fn every_counterpart_is_a_test_and_no_original_is_left_out() {
    let (document, sources) = (read(DOCUMENT), files(&[".rs"]));
    let places = places(&document);
    let mut problems = Vec::new();
    let mut sections: Vec<(&str, usize, usize)> = Vec::new();
    for line in document.lines() {
        if let Some(heading) = line.strip_prefix("## ")
            && let Some((_, count)) = heading.rsplit_once(", ")
            && let Ok(count) = count.parse()
        {
            sections.push((heading, count, 0));
        }
        let row = cells(line).unwrap_or_default();
        let [original, tests, _] = row[..] else { continue };
        if original == "The original's" || original.starts_with("---") {
            continue;
        }
        let Some((_, _, found)) = sections.last_mut() else {
            problems.push(format!("{original} stands under no heading with a count"));
            continue;
        };
        *found += 1;
        if quoted(tests).next().is_none() {
            problems.push(format!("{original} has no counterpart"));
        }
        for test in quoted(tests) {
            let (short, name) = test.split_once("::").unwrap_or(("", test));
            let Some(place) = places.get(short) else {
                problems.push(format!("{test}: where is {short:?}?"));
                continue;
            };
            let here = sources.iter().filter(|(path, _)| path.starts_with(place));
            let texts: Vec<_> = here.map(|(_, text)| text.as_str()).collect();
            if !has_test(&texts, name) {
                problems.push(format!("{original}: there is no test {name} in {place}"));
            }
        }
    }
    for (heading, count, found) in sections {
        if count != found {
            problems.push(format!("{heading:?} has {found} lines"));
        }
    }
    check(problems);
}
