//! Every byte that igor keeps on disk or sends over the wire: checkpoints, lineage, identities,
//! receipts, agent records, fund records, manifests and the encoding of guest state.
//!
//! It is not a store and not a runtime: it knows no file names, no clock and no engine, allocates
//! no more than a small multiple of its input, and builds for `wasm32` so that a browser can verify
//! a history. With default features off it is `no_std` and holds only what a guest needs
//! ([`codec`] and [`effect_log`]).

#![cfg_attr(not(feature = "full"), no_std)]

extern crate alloc;

#[cfg(feature = "full")]
mod agent_id;
#[cfg(feature = "full")]
mod hash;
#[cfg(feature = "full")]
mod money;
#[cfg(feature = "full")]
mod quantity;

#[cfg(feature = "full")]
pub use agent_id::{AgentId, AgentIdError};
#[cfg(feature = "full")]
pub use hash::Hash;
#[cfg(feature = "full")]
pub use money::{AmountError, Microcents, Price};
#[cfg(feature = "full")]
pub use quantity::{Carry, CarryError, Epoch, Gas, Nanos, Seq, Tick};
