//! A linked plugin under test, and how a case gets its subject: anew for each case, from the plugin's
//! registration, with an empty data directory.

use std::path::Path;
use std::sync::Arc;
use std::{panic, thread};

use igor_core::plugin::{Context, Entry, Kind};
use igor_core::{Engine, Limits, Meter, Storage, Transport};
use tempfile::TempDir;

use super::settings::section;
use crate::Case;
use crate::engine::EngineSubject;
use crate::meter::MeterSubject;
use crate::replay::ReplaySubject;
use crate::storage::{self, PluginFixture, StorageFixture};
use crate::transport::{self, TransportFixture};

/// What a case may need of stack beside what the engine states.
const CASE_STACK_BYTES: usize = 1 << 20;

/// A linked plugin with the text of its section.
pub(super) struct Plugin<T: ?Sized + Kind> {
    pub(super) entry: Entry<T>,
    pub(super) config: String,
}

impl<T: ?Sized + Kind> Clone for Plugin<T> {
    fn clone(&self) -> Self {
        Self { entry: self.entry, config: self.config.clone() }
    }
}

impl<T: ?Sized + Kind> Plugin<T> {
    fn build(&self, data_dir: &Path) -> Arc<T> {
        let context = Context::new(data_dir, Limits::default());
        let section = section::<T>(self.entry.name, &self.config);
        let built = (self.entry.build)(&section, &context);
        built.unwrap_or_else(|error| panic!("build {} {}: {error}", T::WORD, self.entry.name))
    }
}

pub(super) fn run_engine_case(plugin: &Plugin<dyn Engine>, case: Case<EngineSubject>) {
    let directory = fresh_directory();
    let engine = plugin.build(directory.path());
    let stack = engine.native_stack_bytes() + CASE_STACK_BYTES;
    let subject = EngineSubject { name: plugin.entry.name, engine };
    let thread = thread::Builder::new().stack_size(stack).spawn(move || (case.run)(&subject));
    let thread = thread.expect("a machine that runs the suite has room for one more thread");
    if let Err(panic) = thread.join() {
        panic::resume_unwind(panic);
    }
}

pub(super) fn run_replay_case(plugin: &Plugin<dyn Engine>, case: Case<ReplaySubject>) {
    (case.run)(&ReplaySubject::linked(plugin.entry.name));
}

pub(super) fn run_storage_case(plugin: &Plugin<dyn Storage>, case: Case<dyn StorageFixture>) {
    (case.run)(&PluginFixture::new(plugin.entry, &plugin.config));
}

/// The storage cases that the plugin offers too little for.
pub(super) fn inapplicable_storage_cases(plugin: &Plugin<dyn Storage>) -> Vec<&'static str> {
    storage::inapplicable(&PluginFixture::new(plugin.entry, &plugin.config))
}

pub(super) fn run_meter_case(plugin: &Plugin<dyn Meter>, case: Case<MeterSubject>) {
    let directory = fresh_directory();
    let meter = plugin.build(directory.path());
    (case.run)(&MeterSubject { name: plugin.entry.name, meter });
}

pub(super) fn run_transport_case(plugin: &Plugin<dyn Transport>, case: Case<dyn TransportFixture>) {
    (case.run)(&transport::PluginFixture::new(plugin.entry, &plugin.config));
}

/// A directory that is removed when it is dropped.
pub(crate) fn fresh_directory() -> TempDir {
    tempfile::tempdir().expect("the suites need a writable directory for temporary files")
}
