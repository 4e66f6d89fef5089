//! The engine suite: what every engine must do with a prepared module, whatever runs it. It knows
//! nothing of a particular engine; the subject is the trait object. Cases judge one engine alone:
//! where engines must agree, the expected values are golden.

use std::sync::Arc;

use igor_core::Engine;

use crate::Case;

mod cases;
mod guest;
pub mod host;
pub mod mutant;

/// The engine under test. Each case gets a fresh one, with an empty data directory, on a thread that
/// has the engine's stated stack and some more.
pub struct EngineSubject {
    /// Its name, as in the registry.
    pub name: &'static str,
    /// The engine.
    pub engine: Arc<dyn Engine>,
}

/// All cases.
pub fn cases() -> Vec<Case<EngineSubject>> {
    cases::all()
}
