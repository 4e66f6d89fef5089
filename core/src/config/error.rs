//! What is wrong with a configuration, in the words of whoever wrote it: section, field, file or
//! variable. figment's own messages name none of these reliably, so only its error's kind is used.

use figment::error::{Actual, Kind};

use super::Source;

/// A configuration is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}{problem}{origin}")]
pub struct ConfigError {
    place: String,
    problem: String,
    origin: String,
}

impl ConfigError {
    /// `section` is empty for what stands in no section.
    pub(crate) fn new(section: &str, problem: impl Into<String>, source: &Source) -> Self {
        let place = if section.is_empty() { String::new() } else { format!("[{section}] ") };
        let origin = match source {
            Source::Default => String::new(),
            source => format!(" ({source})"),
        };
        Self { place, problem: problem.into(), origin }
    }

    /// Rewords figment's error about `section`.
    pub(super) fn from_figment(section: &str, error: &figment::Error) -> Self {
        let source = error.metadata.as_ref().map_or(Source::Default, Source::from_metadata);
        let (names_field, problem) = reword(&error.kind);
        let mut path = error.path.as_slice();
        if names_field {
            path = path.split_last().map_or(path, |(_, parents)| parents);
        }
        let field = if path.is_empty() { String::new() } else { format!("{}: ", path.join(".")) };
        Self::new(section, format!("{field}{problem}"), &source)
    }
}

/// The problem, and whether it names the last field of the path itself.
fn reword(kind: &Kind) -> (bool, String) {
    let problem = match kind {
        Kind::UnknownField(field, expected) => {
            return (true, format!("unknown field `{field}`, {}", one_of(expected)));
        }
        Kind::MissingField(field) => return (false, format!("missing field `{field}`")),
        Kind::UnknownVariant(value, expected) => {
            format!("unknown value `{value}`, {}", one_of(expected))
        }
        Kind::InvalidType(actual, expected) | Kind::InvalidValue(actual, expected) => {
            format!("expected {expected}, found {}", found(actual))
        }
        Kind::Message(message) => message.clone(),
        other => other.to_string(),
    };
    (false, problem)
}

fn found(actual: &Actual) -> String {
    match actual {
        Actual::Unsigned(number) => format!("the number {number}"),
        Actual::Signed(number) => format!("the number {number}"),
        Actual::Float(number) => format!("the number {number}"),
        Actual::Str(text) => format!("the text {text:?}"),
        Actual::Map => "a table".to_owned(),
        Actual::Seq => "a list".to_owned(),
        other => other.to_string(),
    }
}

/// ``expected `a`, `b` or `c` ``.
pub(super) fn one_of(names: &[impl AsRef<str>]) -> String {
    let quoted: Vec<_> = names.iter().map(|name| format!("`{}`", name.as_ref())).collect();
    match quoted.as_slice() {
        [] => "there are no fields here".to_owned(),
        [only] => format!("expected {only}"),
        [first @ .., last] => format!("expected {} or {last}", first.join(", ")),
    }
}
