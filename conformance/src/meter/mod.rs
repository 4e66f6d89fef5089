//! The meter suite: the arithmetic that every meter must do, checked on chosen and on seeded values.
//! It knows nothing of what a meter measures.

use std::sync::Arc;

use igor_core::Meter;

use crate::Case;

/// The meter under test.
pub struct MeterSubject {
    /// Its name, as in the registry.
    pub name: &'static str,
    /// The meter.
    pub meter: Arc<dyn Meter>,
}

/// All cases.
pub fn cases() -> Vec<Case<MeterSubject>> {
    Vec::new()
}
