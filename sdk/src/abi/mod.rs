//! The guest's side of the agent ABI, on wasm32 only: the exports' bodies, the imports, and what
//! ends a call that cannot go on. This is the only place with `unsafe` code. Agents do not name it;
//! [`crate::export!`] does. It is public for that macro and promises nothing to others.

#[cfg(target_arch = "wasm32")]
mod exports;
#[cfg(target_arch = "wasm32")]
pub(crate) mod imports;

#[cfg(target_arch = "wasm32")]
pub use exports::{Slot, StateBuffer, report, stay_silent};
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
pub use exports::{allocate, panicked};
