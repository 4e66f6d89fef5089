//! Messages of a handoff from any bytes; see `conformance::fuzz::wire_message`, which holds the property.

#![no_main]

use conformance::fuzz::wire_message::{check, read};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Err(problem) = check(bytes, read) {
        panic!("{problem}");
    }
});
