//! What guests see and send is recorded wherever they may do so, and whatever comes of it. Who changes
//! such a record later is another file's.

use super::{ReplaySubject, Text, run};
use crate::Case;

pub(super) fn cases() -> Vec<Case<ReplaySubject>> {
    crate::cases![ReplaySubject;
        calls_outside_ticks_are_recorded_too covers [],
        calls_that_fail_or_do_nothing_are_repeated covers [],
    ]
}

/// Every export that a node calls reads the clock and randomness and logs.
fn calls_outside_ticks_are_recorded_too(subject: &ReplaySubject) {
    let observe = "(call $observe)";
    let everywhere = Text {
        init: observe,
        tick: observe,
        checkpoint: observe,
        resume: observe,
        malloc: observe,
    };
    let guest = everywhere.guest("everywhere");
    let world = subject.world();
    run(&world, &guest, 7);
    run(&world, &guest, 4);
    subject.prove(&world.past(&guest), 11);
}

/// Empty, oversized and misplaced arguments between calls that succeed: what is no observation live is
/// none in a replay.
fn calls_that_fail_or_do_nothing_are_repeated(subject: &ReplaySubject) {
    let keep = |call: &str| {
        format!(
            "(i64.store (i32.const 24) (i64.add (i64.mul (i64.load (i32.const 24)) (i64.const 31))
               (i64.extend_i32_s {call})))
             (call $observe)"
        )
    };
    let calls = [
        "(call $rand_bytes (i32.const 0) (i32.const 0))",
        "(call $rand_bytes (i32.const -1) (i32.const 8))",
        "(call $rand_bytes (i32.const 0) (i32.const 5000))",
        "(call $wallet_receipt_count)",
        "(call $wallet_receipt (i32.const 0) (i32.const 128) (i32.const 0))",
        "(call $wallet_receipt (i32.const 99) (i32.const 128) (i32.const 1024))",
        "(call $wallet_receipt (i32.const 0) (i32.const -1) (i32.const 1024))",
        "(call $migrate_request (i64.const 500) (i32.const 64) (i32.const 4))",
        "(call $migrate_request (i64.const 0) (i32.const 0) (i32.const 0))",
        "(call $migrate_request (i64.const -1) (i32.const 0) (i32.const 0))",
        "(call $migrate_request (i64.const 0) (i32.const -1) (i32.const 8))",
        "(i32.wrap_i64 (call $wallet_balance))",
        "(i32.wrap_i64 (call $node_price))",
    ];
    let lines = "(call $log_emit (i32.const 0) (i32.const 0))
        (call $log_emit (i32.const -1) (i32.const 4))
        (call $log_emit (i32.const 0) (i32.const 9000))
        (call $log_emit (i32.const 65530) (i32.const 100))
        (call $observe)";
    let tick: String = calls.iter().map(|call| keep(call)).collect();
    let guest = Text { tick: &(tick + lines), ..Text::EMPTY }.guest("careless");
    subject.prove(&subject.lived(&guest, 7), 7);
}
