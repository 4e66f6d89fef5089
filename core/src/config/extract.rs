//! From figment's values to types. Text stands for a number or a truth value where one is expected,
//! because environment variables and flags are text; nothing else is converted.

use figment::Figment;
use figment::value::{Empty, Value};
use serde::de::DeserializeOwned;

use super::{ConfigError, Source};

/// The part of `values` below `section`; empty if there is none.
pub(crate) fn section_of(values: &Figment, section: &str) -> Figment {
    if values.contains(section) { values.focus(section) } else { Figment::new() }
}

/// Reads `values`, which are those of `section`.
pub(crate) fn extract<T: DeserializeOwned>(
    section: &str,
    values: &Figment,
) -> Result<T, ConfigError> {
    values.extract_lossy().map_err(|error| ConfigError::from_figment(section, &error))
}

/// Where a value comes from.
pub(crate) fn source_of(values: &Figment, value: &Value) -> Source {
    values.get_metadata(value.tag()).map_or(Source::Default, Source::from_metadata)
}

/// A value as one would write it in a file.
pub(super) fn show(value: &Value) -> String {
    match value {
        Value::String(_, text) => format!("{text:?}"),
        Value::Char(_, character) => format!("{:?}", character.to_string()),
        Value::Bool(_, truth) => truth.to_string(),
        Value::Num(_, number) => match (number.to_u128(), number.to_i128(), number.to_f64()) {
            (Some(number), ..) => number.to_string(),
            (_, Some(number), _) => number.to_string(),
            (.., Some(number)) => number.to_string(),
            _ => String::new(),
        },
        Value::Empty(_, Empty::None | Empty::Unit) => "none".to_owned(),
        Value::Dict(_, table) => {
            let fields = table.iter().map(|(name, value)| format!("{name} = {}", show(value)));
            format!("{{ {} }}", fields.collect::<Vec<_>>().join(", "))
        }
        Value::Array(_, items) => {
            format!("[{}]", items.iter().map(show).collect::<Vec<_>>().join(", "))
        }
    }
}
