//! What an agent may ask of the node, one function for each hostcall. A module imports only those
//! that it calls, and its manifest must declare the capability of each. What a hostcall answers is
//! recorded by the node and repeated in a replay; nothing here keeps or caches an answer.

use alloc::vec;
use alloc::vec::Vec;

#[cfg(target_arch = "wasm32")]
use crate::abi::imports as node;
#[cfg(not(target_arch = "wasm32"))]
use crate::mock::answers as node;

/// The most that one [`rand_bytes`] call is given unless the node is configured otherwise.
pub const ENTROPY_BYTES_MAX: usize = 4 << 10;

/// Receipts are tried with buffers of this size and then of eight times the last, up to
/// [`RECEIPT_BYTES_MAX`].
const RECEIPT_BYTES: usize = 1 << 10;
const RECEIPT_BYTES_MAX: usize = 64 << 10;

/// The node gave no random bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RandError {
    /// The node has no randomness to give (-1).
    #[error("draw random bytes: the node has none to give")]
    Unavailable,
    /// More was asked for than one call is given (-2).
    #[error("draw random bytes: more than one call is given")]
    TooMany,
    /// The node could not write to the buffer (-4).
    #[error("draw random bytes: the node could not write to the buffer")]
    NotWritten,
    /// A number that this version of the ABI does not define.
    #[error("draw random bytes: unknown answer {0}")]
    Unknown(i32),
}

/// The node gave no receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReceiptError {
    /// There is no receipt of this index (-1).
    #[error("read receipt: there is none of this index")]
    NoSuchReceipt,
    /// It is larger than any buffer that was offered (-4).
    #[error("read receipt: larger than {RECEIPT_BYTES_MAX} bytes")]
    TooLarge,
    /// A number that this version of the ABI does not define.
    #[error("read receipt: unknown answer {0}")]
    Unknown(i32),
}

/// The node did not note that the agent wants to move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MoveError {
    /// The manifest forbids that the agent is moved (-1).
    #[error("ask to move: the manifest forbids it")]
    Forbidden,
    /// The name is longer than 255 bytes (-2).
    #[error("ask to move: the name is too long")]
    NameTooLong,
    /// Only a tick can ask (-3).
    #[error("ask to move: not in a tick")]
    NotInTick,
    /// The price is no amount, or the name has control characters (-6).
    #[error("ask to move: no price, or no name")]
    NoSuchWish,
    /// A number that this version of the ABI does not define.
    #[error("ask to move: unknown answer {0}")]
    Unknown(i32),
}

/// The wall clock, in nanoseconds since 1970 (capability `clock`).
pub fn clock_now() -> i64 {
    node::clock_now()
}

/// Fills `buffer` with random bytes (capability `rand`), at most [`ENTROPY_BYTES_MAX`] in one call.
///
/// # Errors
/// When the node has none to give, or the buffer is too large for one call.
pub fn rand_bytes(buffer: &mut [u8]) -> Result<(), RandError> {
    match node::rand_bytes(buffer) {
        0 => Ok(()),
        -1 => Err(RandError::Unavailable),
        -2 => Err(RandError::TooMany),
        -4 => Err(RandError::NotWritten),
        other => Err(RandError::Unknown(other)),
    }
}

/// `N` random bytes (capability `rand`).
///
/// # Errors
/// As [`rand_bytes`].
pub fn rand_array<const N: usize>() -> Result<[u8; N], RandError> {
    let mut bytes = [0; N];
    rand_bytes(&mut bytes)?;
    Ok(bytes)
}

/// Writes one line to the node's log (capability `log`). Empty text writes nothing; the node cuts
/// what is too long, and marks the cut. [`crate::log!`] formats its arguments first.
pub fn log(text: &str) {
    if !text.is_empty() {
        node::log_emit(text.as_bytes());
    }
}

/// What is left of the agent's budget, in microcents, before this tick is charged (capability
/// `wallet`).
pub fn wallet_balance() -> i64 {
    node::wallet_balance()
}

/// How many receipts the agent holds (capability `wallet`).
pub fn wallet_receipt_count() -> u32 {
    u32::try_from(node::wallet_receipt_count()).unwrap_or(0)
}

/// The receipt number `index`, from 0, as the bytes that were signed and the signature
/// (capability `wallet`).
///
/// # Errors
/// When there is none of this index.
pub fn wallet_receipt(index: u32) -> Result<Vec<u8>, ReceiptError> {
    let mut size = RECEIPT_BYTES;
    loop {
        let mut buffer = vec![0; size];
        match node::wallet_receipt(index.cast_signed(), &mut buffer) {
            -4 if size < RECEIPT_BYTES_MAX => size *= 8,
            -4 => return Err(ReceiptError::TooLarge),
            -1 => return Err(ReceiptError::NoSuchReceipt),
            answer => match usize::try_from(answer) {
                Ok(written) if written <= size => {
                    buffer.truncate(written);
                    return Ok(buffer);
                }
                _ => return Err(ReceiptError::Unknown(answer)),
            },
        }
    }
}

/// What the node charges, in microcents per second (capability `pricing`).
pub fn node_price() -> i64 {
    node::node_price()
}

/// Says that the agent wants to be on another node (capability `migrate`): on one that charges at most
/// `price_max` microcents per second, 0 for any, and that is `to`, by its NodeId or its operator's name for it,
/// empty for any. The node may look for a way, and does not say what came of it: who still wants to move asks
/// again. The wish counts when the tick is committed, and of several the last one.
///
/// # Errors
/// When the manifest forbids it, or the arguments say nothing that could be meant.
pub fn migrate_request(price_max: i64, to: &str) -> Result<(), MoveError> {
    match node::migrate_request(price_max, to.as_bytes()) {
        0 => Ok(()),
        -1 => Err(MoveError::Forbidden),
        -2 => Err(MoveError::NameTooLong),
        -3 => Err(MoveError::NotInTick),
        -6 => Err(MoveError::NoSuchWish),
        other => Err(MoveError::Unknown(other)),
    }
}
