//! Every suite on every plugin that this package's manifest names. `build.rs` has written which those
//! are; that one of them does not register itself is a failure here, not a shorter list.

use std::process::ExitCode;

include!(concat!(env!("OUT_DIR"), "/linked.rs"));

fn main() -> ExitCode {
    conformance::harness::run_workspace(EXPECTED)
}
