//! Flows of frames cut anywhere; see `conformance::fuzz::wire_frame`, which holds the property.

#![no_main]

use conformance::fuzz::wire_frame::check;
use igor_node::wire::FrameDecoder;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|entropy: &[u8]| {
    if let Err(problem) = check(entropy, FrameDecoder::new) {
        panic!("{problem}");
    }
});
