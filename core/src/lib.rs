//! What igor is, without doing anything: the four traits that plugins implement ([`Engine`],
//! [`Storage`], [`Transport`], [`Meter`]), the plugin registry and its configuration, the limits
//! table, the observation recorder, and the preparation that every module goes through.
//!
//! It does no I/O, reads no clock, runs no async runtime and knows no plugin by name. Time and
//! randomness enter through [`Clock`] and [`Entropy`].

pub mod clock;
pub mod config;
pub mod engine;
pub mod gas;
pub mod handoff;
pub mod lease;
pub mod limits;
pub mod meter;
pub mod observe;
pub mod plugin;
pub mod prepare;
pub mod storage;
pub mod transport;
pub mod trap;

pub use clock::{Clock, Entropy};
pub use engine::{Engine, Instance, Module};
pub use igor_format as format;
pub use limits::Limits;
pub use meter::Meter;
#[doc(hidden)]
pub use plugin::__inventory;
pub use prepare::PreparedModule;
pub use storage::Storage;
pub use transport::Transport;
pub use trap::Trap;
