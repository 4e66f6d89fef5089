//! The configuration of the `gas` meter: none yet. It exists so that a field somebody expects to work
//! is refused instead of ignored.

use serde::Deserialize;

/// The section `[meter.gas]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct GasConfig {}
