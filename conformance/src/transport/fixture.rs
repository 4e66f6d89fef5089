//! The fixture of any transport that is registered: nodes built from its configuration, on a runtime with
//! two threads. Nothing here says how they reach each other.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use igor_core::format::NodeKey;
use igor_core::plugin::{ConfigSection, Context, Entry};
use igor_core::{Limits, Transport};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

use super::TransportFixture;

/// How long a case may take before it counts as stuck.
const CASE_LIMIT: Duration = Duration::from_secs(60);

/// Nodes of a registered plugin.
pub struct PluginFixture {
    entry: Entry<dyn Transport>,
    section: ConfigSection,
    directory: TempDir,
}

impl PluginFixture {
    /// Nodes of `entry`; `config` is the text of its section.
    ///
    /// # Panics
    /// When no temporary directory can be made.
    pub fn new(entry: Entry<dyn Transport>, config: &str) -> Self {
        let section = crate::harness::section::<dyn Transport>(entry.name, config);
        Self { entry, section, directory: crate::harness::fresh_directory() }
    }
}

impl TransportFixture for PluginFixture {
    fn node(&self, seed: u8, limits: &Limits) -> Arc<dyn Transport> {
        let key = Arc::new(NodeKey::from_seed(&[seed; 32]));
        let data_dir = self.directory.path().join(seed.to_string());
        let context = Context::new(data_dir, limits.clone()).with_node_key(key);
        (self.entry.build)(&self.section, &context)
            .unwrap_or_else(|error| panic!("build transport {}: {error}", self.entry.name))
    }

    fn run(&self, case: Pin<Box<dyn Future<Output = ()> + '_>>) {
        run_on_tokio(case, CASE_LIMIT);
    }
}

/// Runs a case on a runtime of its own, with a time limit.
///
/// # Panics
/// When the limit passes.
pub fn run_on_tokio(case: Pin<Box<dyn Future<Output = ()> + '_>>, limit: Duration) {
    let runtime = runtime();
    let outcome = runtime.block_on(async { timeout(limit, case).await });
    runtime.shutdown_background();
    outcome.unwrap_or_else(|_| panic!("the case is stuck: {limit:?} have passed"));
}

fn runtime() -> Runtime {
    let mut builder = Builder::new_multi_thread();
    let runtime = builder.worker_threads(1).enable_all().build();
    runtime.expect("a machine that runs the suite has room for one more thread")
}
