//! The configuration of the `wall` meter: none yet. It exists so that a field somebody expects to work
//! is refused instead of ignored.

use serde::Deserialize;

/// The section `[meter.wall]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct WallConfig {}
