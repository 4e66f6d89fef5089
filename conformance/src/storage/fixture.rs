//! The fixture of any plugin that is registered: a directory, and the plugin built on it from its
//! configuration. Nothing here says what a plugin keeps there.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use igor_core::plugin::{ConfigSection, Context, Entry, Registry};
use igor_core::{Limits, Storage};
use igor_storage_fs::{FsConfig, FsStorage};
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use super::{Opened, StorageFixture};
use crate::disk::SimDisk;

/// A directory of a registered plugin.
pub struct PluginFixture {
    entry: Entry<dyn Storage>,
    section: ConfigSection,
    config: String,
    directory: Arc<TempDir>,
}

/// What a child process needs to open the same store. A plugin that is configured by
/// `IGOR_CONFORMANCE_CONFIG` is so in the child as well.
#[derive(Serialize, Deserialize)]
struct Locator {
    plugin: String,
    config: String,
    directory: PathBuf,
}

impl PluginFixture {
    /// A fresh directory of `entry`; `config` is the text of its section.
    ///
    /// # Panics
    /// When no temporary directory can be made.
    pub fn new(entry: Entry<dyn Storage>, config: &str) -> Self {
        let directory = crate::harness::fresh_directory();
        Self {
            entry,
            section: crate::harness::section::<dyn Storage>(entry.name, config),
            config: config.to_owned(),
            directory: Arc::new(directory),
        }
    }

    /// Opens the store that a parent process described.
    pub(super) fn open_located(locator: &str) -> Arc<dyn Storage> {
        let locator: Locator = serde_json::from_str(locator).expect("the parent wrote it");
        let linked = Registry::<dyn Storage>::linked().expect("the parent had these plugins too");
        let entry = linked.find(&locator.plugin).expect("the parent had this plugin too");
        let section = crate::harness::section::<dyn Storage>(entry.name, &locator.config);
        build(entry, &section, &locator.directory)
    }

    /// The directory.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }
}

impl StorageFixture for PluginFixture {
    fn open(&self) -> Opened {
        let storage = build(&self.entry, &self.section, self.directory.path());
        Opened { storage, guard: Box::new(self.directory.clone()) }
    }

    fn locator(&self) -> Option<String> {
        let locator = Locator {
            plugin: self.entry.name.to_owned(),
            config: self.config.clone(),
            directory: self.directory.path().to_owned(),
        };
        Some(serde_json::to_string(&locator).expect("a path in a temporary directory is text"))
    }

    fn on_disk(&self, disk: &SimDisk) -> Option<Arc<dyn Storage>> {
        // The one plugin whose file operations can be replaced.
        (self.entry.name == igor_storage_fs::NAME).then(|| {
            let config: FsConfig = self.section.parse().expect("the fixture's text is valid");
            let storage = FsStorage::over(Arc::new(disk.clone()), &config);
            let storage: Arc<dyn Storage> = Arc::new(storage.expect("its values are valid"));
            storage
        })
    }
}

fn build(
    entry: &Entry<dyn Storage>,
    section: &ConfigSection,
    directory: &Path,
) -> Arc<dyn Storage> {
    let context = Context::new(directory, Limits::default());
    (entry.build)(section, &context)
        .unwrap_or_else(|error| panic!("build storage {}: {error}", entry.name))
}
