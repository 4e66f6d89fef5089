//! Preparation on any bytes; see `conformance::fuzz::preparation`, which holds the property.

#![no_main]

use conformance::fuzz::preparation::check;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Err(problem) = check(bytes) {
        panic!("{problem}");
    }
});
