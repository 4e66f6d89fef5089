//! Preparation judged from outside: what it refuses, what it charges, and that a prepared module
//! computes what the original does, on bare wasmi and wasmtime. Metering's clauses are in
//! `docs/spec/metering.md`.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test stops at what it did not expect"
)]

mod count;
mod fixtures;
mod gas;
mod guard;
mod limits;
mod nan;
mod refused;

mod run;
mod semantics;
mod shape;
mod smith;

use igor_core::limits::Limits;
use igor_core::prepare::{PreparedModule, prepare};

/// Translates WebAssembly text.
fn wat(text: &str) -> Vec<u8> {
    wat::parse_str(text).expect("the fixture is well-formed")
}

/// Prepares WebAssembly text under the default limits.
fn prepared(text: &str) -> PreparedModule {
    prepare(&wat(text), &Limits::default()).expect("the fixture is accepted")
}
