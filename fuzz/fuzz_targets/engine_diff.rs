//! Engines against each other on modules that grow from the input; see
//! `conformance::fuzz::differential`, which holds the property.

#![no_main]

use std::sync::LazyLock;

use conformance::engine::{EngineSubject, linked};
use conformance::fuzz::differential::check;
use igor_engine_wasmi as _;
use igor_engine_wasmtime as _;
use libfuzzer_sys::fuzz_target;

static ENGINES: LazyLock<Vec<EngineSubject>> = LazyLock::new(linked);

fuzz_target!(|entropy: &[u8]| {
    if let Err(difference) = check(&ENGINES, entropy) {
        panic!("{difference}");
    }
});
