//! The handoff machine under any bytes; see `conformance::fuzz::handoff`, which holds the property.

#![no_main]

use conformance::fuzz::handoff::check;
use igor_core::handoff::Custodian;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Err(problem) = check::<Custodian>(bytes) {
        panic!("{problem}");
    }
});
