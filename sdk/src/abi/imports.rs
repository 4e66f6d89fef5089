//! The node's hostcalls as a guest imports them, each behind a function that takes slices. What is
//! not called is not imported. It interprets no answer.

#![expect(unsafe_code, reason = "hostcalls are foreign functions that take pointers")]

#[link(wasm_import_module = "igor")]
unsafe extern "C" {
    #[link_name = "clock_now"]
    safe fn host_clock_now() -> i64;
    #[link_name = "rand_bytes"]
    fn host_rand_bytes(buffer: *mut u8, length: usize) -> i32;
    #[link_name = "log_emit"]
    fn host_log_emit(text: *const u8, length: usize);
    #[link_name = "wallet_balance"]
    safe fn host_wallet_balance() -> i64;
    #[link_name = "wallet_receipt_count"]
    safe fn host_wallet_receipt_count() -> i32;
    #[link_name = "wallet_receipt"]
    fn host_wallet_receipt(index: i32, buffer: *mut u8, capacity: usize) -> i32;
    #[link_name = "node_price"]
    safe fn host_node_price() -> i64;
    #[link_name = "migrate_request"]
    fn host_migrate_request(price_max: i64, name: *const u8, length: usize) -> i32;
}

pub(crate) fn clock_now() -> i64 {
    host_clock_now()
}

pub(crate) fn rand_bytes(buffer: &mut [u8]) -> i32 {
    // SAFETY: the node writes at most `len` bytes from the pointer on, all of them the buffer's.
    unsafe { host_rand_bytes(buffer.as_mut_ptr(), buffer.len()) }
}

pub(crate) fn log_emit(text: &[u8]) {
    // SAFETY: the node reads `len` bytes from the pointer on, all of them the text's.
    unsafe { host_log_emit(text.as_ptr(), text.len()) }
}

pub(crate) fn wallet_balance() -> i64 {
    host_wallet_balance()
}

pub(crate) fn wallet_receipt_count() -> i32 {
    host_wallet_receipt_count()
}

pub(crate) fn wallet_receipt(index: i32, buffer: &mut [u8]) -> i32 {
    // SAFETY: the node writes at most `len` bytes from the pointer on, all of them the buffer's.
    unsafe { host_wallet_receipt(index, buffer.as_mut_ptr(), buffer.len()) }
}

pub(crate) fn node_price() -> i64 {
    host_node_price()
}

pub(crate) fn migrate_request(price_max: i64, name: &[u8]) -> i32 {
    // SAFETY: the node reads `len` bytes from the pointer on, all of them the name's.
    unsafe { host_migrate_request(price_max, name.as_ptr(), name.len()) }
}
