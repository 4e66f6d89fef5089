//! Lists and runs the cases of each suite on each linked plugin, as `<kind>::<plugin>::<case>`, in the
//! manner of `cargo test`: filters, `--list` and `--exact` work. It holds no case. It fails closed: no
//! plugin of a kind, or one that was expected and is not there, is the failed case
//! `registry::all_linked`, and no filter hides that.
//!
//! Variables of the environment:
//!
//! - `IGOR_CONFORMANCE_ENGINE`, `IGOR_CONFORMANCE_STORAGE`, `IGOR_CONFORMANCE_METER`,
//!   `IGOR_CONFORMANCE_TRANSPORT`: only these plugins of the kind, separated by commas;
//! - `IGOR_CONFORMANCE_CONFIG`: a node configuration whose sections the plugins are built from;
//! - `IGOR_CONFORMANCE_EXPECT`: the plugins that must be linked, as in `engine::wasmi,meter::gas`, instead
//!   of those that the manifest names;
//! - `IGOR_CONFORMANCE_SEED`: the seed of all random choices;
//! - `IGOR_CONFORMANCE_EFFORT`: `quick`, `full` or `soak`.

mod macros;
mod plugin;
mod run;
mod settings;

use std::process::ExitCode;

use igor_core::{Storage, Transport};

use self::plugin::Plugin;
pub(crate) use self::plugin::fresh_directory;
use self::run::Harness;
pub(crate) use self::settings::section;
use crate::Case;
use crate::storage::{self, StorageFixture, child};
use crate::transport::{self, TransportFixture};

/// Runs every suite on every linked plugin, and the replay suite on every linked engine; those named in
/// `expected`, as `<kind>::<name>`, must be linked.
pub fn run_workspace(expected: &[&str]) -> ExitCode {
    if let Some(code) = child::serve_if_asked() {
        return code;
    }
    let harness = Harness::of_environment(expected).engines("").replays().storages("").meters("");
    harness.transports("").run()
}

/// Runs the engine suite on the linked engines; `config` is the text of their section.
pub fn run_engines(config: &str) -> ExitCode {
    Harness::of_environment(&[]).engines(config).run()
}

/// Runs the storage suite on the stores that the crate named `krate` links; `config` is the text of
/// their section.
pub fn run_storages(krate: &str, config: &str) -> ExitCode {
    if let Some(code) = child::serve_if_asked() {
        return code;
    }
    Harness::of_environment(&[]).storages_of(krate).storages(config).run()
}

/// Runs the storage suite on the stores that the crate named `krate` links, opened by a fixture of their
/// own.
pub fn run_storages_in<F: StorageFixture + Default + 'static>(krate: &str) -> ExitCode {
    if let Some(code) = child::serve_if_asked() {
        return code;
    }
    let run = |_: &Plugin<dyn Storage>, case: Case<dyn StorageFixture>| (case.run)(&F::default());
    let skip = |_: &Plugin<dyn Storage>| storage::inapplicable(&F::default());
    Harness::of_environment(&[])
        .storages_of(krate)
        .suite_except("", storage::cases(), skip, run)
        .run()
}

/// Runs the meter suite on the linked meters; `config` is the text of their section.
pub fn run_meters(config: &str) -> ExitCode {
    Harness::of_environment(&[]).meters(config).run()
}

/// Runs the transport suite on the linked transports; `config` is the text of their section.
pub fn run_transports(config: &str) -> ExitCode {
    Harness::of_environment(&[]).transports(config).run()
}

/// Runs the transport suite on the linked transports, whose nodes a fixture of their own makes.
pub fn run_transports_in<F: TransportFixture + Default + 'static>() -> ExitCode {
    let run = |_: &Plugin<dyn Transport>, case: Case<dyn TransportFixture>| {
        (case.run)(&F::default());
    };
    Harness::of_environment(&[]).suite("", transport::cases(), run).run()
}
