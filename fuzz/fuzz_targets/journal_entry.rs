//! Journal entries read from any bytes that a checksum follows; see `conformance::fuzz::journal`, which
//! holds the property.

#![no_main]

use conformance::fuzz::journal::check;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Err(problem) = check(bytes) {
        panic!("{problem}");
    }
});
