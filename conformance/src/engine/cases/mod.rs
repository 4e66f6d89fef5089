//! The cases, by what they look at. Each is a plain function over the subject.

mod calls;
mod determinism;
mod floats;
mod gas;
mod imports;
mod instances;
mod integers;
mod interrupts;
mod memory;
mod stack;
mod tables;
mod traps;

use super::EngineSubject;
use crate::Case;

/// All of them.
pub(super) fn all() -> Vec<Case<EngineSubject>> {
    [
        calls::cases(),
        traps::cases(),
        gas::cases(),
        stack::cases(),
        memory::cases(),
        tables::cases(),
        instances::cases(),
        floats::cases(),
        integers::cases(),
        imports::cases(),
        interrupts::cases(),
        determinism::cases(),
    ]
    .concat()
}
