//! The engine suite: what every engine must do with a prepared module, whatever runs it. It knows
//! nothing of a particular engine; the subject is the trait object. Cases judge one engine alone:
//! where engines must agree, the expected values are golden.

use std::path::Path;
use std::sync::Arc;

use igor_core::Engine;
use igor_core::plugin::Registry;

use crate::Case;
use crate::world::build;

mod cases;
mod guest;
pub mod host;
pub mod mutant;

pub(crate) use guest::{Guest, arbitrary};

/// The engine under test. Each case gets a fresh one, with an empty data directory, on a thread that
/// has the engine's stated stack and some more.
pub struct EngineSubject {
    /// Its name, as in the registry.
    pub name: &'static str,
    /// The engine.
    pub engine: Arc<dyn Engine>,
}

/// Every engine that is linked into this process, as it is without configuration.
///
/// # Panics
/// When two have one name, or one cannot do without configuration.
pub fn linked() -> Vec<EngineSubject> {
    let registry = Registry::<dyn Engine>::linked().expect("plugin names differ");
    let subject = |name| EngineSubject { name, engine: build(name, "", Path::new("")) };
    registry.entries().iter().map(|entry| subject(entry.name)).collect()
}

/// All cases.
pub fn cases() -> Vec<Case<EngineSubject>> {
    cases::all()
}
