#![doc = include_str!("../README.md")]
#![no_std]

extern crate alloc;
#[cfg(not(all(target_arch = "wasm32", target_os = "unknown")))]
extern crate std;

#[doc(hidden)]
pub mod abi;
mod agent;
mod export;
mod hostcall;
#[cfg(not(target_arch = "wasm32"))]
pub mod mock;

pub use igor_format::codec::{DecodeError, Decoder, Encoder};
pub use igor_format::effect_log;

pub use agent::{Agent, StateError, from_state, state_of};
pub use hostcall::{
    ENTROPY_BYTES_MAX, MoveError, RandError, ReceiptError, clock_now, log, migrate_request,
    node_price, rand_array, rand_bytes, wallet_balance, wallet_receipt, wallet_receipt_count,
};

#[doc(hidden)]
pub mod __private {
    pub use alloc::format;
    #[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
    pub use dlmalloc::GlobalDlmalloc;
}
