//! The hostcalls as the installed mock answers them, in the shape of the guest's imports.

use alloc::string::String;

use crate::ENTROPY_BYTES_MAX;
use crate::mock::{NODE, Node};

/// Bytes of the longest name of a node.
const MOVE_NAME_BYTES_MAX: usize = 255;

fn ask<T>(hostcall: &str, answer: impl FnOnce(&mut Node) -> T) -> T {
    NODE.with_borrow_mut(|node| match node {
        Some(node) => answer(node),
        None => panic!(
            "igor: {hostcall} was called outside wasm and without a mock; \
             install one with `igor_sdk::mock::Mock::new().install()`"
        ),
    })
}

pub(crate) fn clock_now() -> i64 {
    let read = ask("clock_now", |node| node.clock.reading());
    read()
}

pub(crate) fn rand_bytes(buffer: &mut [u8]) -> i32 {
    ask("rand_bytes", |node| match buffer.len() {
        0 => 0,
        1..=ENTROPY_BYTES_MAX if node.random.fill(buffer) => 0,
        1..=ENTROPY_BYTES_MAX => -1,
        _ => -2,
    })
}

pub(crate) fn log_emit(text: &[u8]) {
    ask("log_emit", |node| node.log.push(String::from_utf8_lossy(text).into_owned()));
}

pub(crate) fn wallet_balance() -> i64 {
    ask("wallet_balance", |node| node.balance)
}

pub(crate) fn wallet_receipt_count() -> i32 {
    ask("wallet_receipt_count", |node| i32::try_from(node.receipts.len()).unwrap_or(i32::MAX))
}

pub(crate) fn wallet_receipt(index: i32, buffer: &mut [u8]) -> i32 {
    let receipt = ask("wallet_receipt", |node| {
        usize::try_from(index).ok().and_then(|index| node.receipts.get(index).cloned())
    });
    let Some(receipt) = receipt else { return -1 };
    match buffer.get_mut(..receipt.len()) {
        Some(target) => {
            target.copy_from_slice(&receipt);
            i32::try_from(receipt.len()).unwrap_or(i32::MAX)
        }
        None => -4,
    }
}

pub(crate) fn node_price() -> i64 {
    ask("node_price", |node| node.price)
}

pub(crate) fn migrate_request(price_max: i64, name: &[u8]) -> i32 {
    let Ok(name) = core::str::from_utf8(name) else { return -6 };
    ask("migrate_request", |node| {
        if !node.may_move {
            return -1;
        }
        if name.len() > MOVE_NAME_BYTES_MAX {
            return -2;
        }
        if !(0..1 << 53).contains(&price_max) || name.chars().any(char::is_control) {
            return -6;
        }
        node.wishes.push((price_max, String::from(name)));
        0
    })
}
