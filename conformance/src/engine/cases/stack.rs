//! Deep recursion. The stack guard stops it at the same depth everywhere, and before the native stack
//! ends: these cases call on a thread that has exactly what the engine states.
//!
//! A host cannot call back into the instance that calls it: [`igor_core::engine::Host`] is given a
//! slice of memory and a counter, nothing that could be called. There is no case for what does not
//! compile.

use std::fmt::Write;
use std::hint::black_box;
use std::thread;

use igor_core::Trap;
use igor_core::engine::Value;
use igor_core::trap::CallError;

use crate::Case;
use crate::engine::EngineSubject;
use crate::engine::guest::{Ended, Guest, PLENTY, fixture};
use crate::engine::host::TestHost;

const STACK: &str = fixture!("stack");

pub(super) fn cases() -> Vec<Case<EngineSubject>> {
    crate::cases![EngineSubject;
        direct_recursion_stops_at_the_guard covers ["engine-states-its-stack"],
        mutual_recursion_stops_at_the_guard covers ["engine-states-its-stack"],
        indirect_recursion_stops_at_the_guard covers ["engine-states-its-stack"],
        recursion_with_large_frames_stops_at_the_guard covers ["engine-states-its-stack"],
        recursion_with_many_operands_stops_at_the_guard covers ["engine-states-its-stack"],
        recursion_with_many_parameters_stops_at_the_guard covers ["engine-states-its-stack"],
        a_host_has_room_above_the_deepest_guest covers ["engine-states-its-stack"],
        recursion_up_to_the_guard_returns covers ["engine-states-its-stack"],
    ]
}

/// Calls on a thread with exactly the stack that the engine states; how the call ended, and how often
/// the guest counted.
fn on_its_stack(
    subject: &EngineSubject,
    wat: &str,
    export: &str,
    args: &[Value],
    host: TestHost,
) -> (Ended, u32) {
    let bytes = subject.engine.native_stack_bytes();
    thread::scope(|scope| {
        let call = || {
            let mut guest = Guest::with_host(subject, wat, host);
            let ended = guest.call_within(PLENTY, export, args);
            let counted = guest.instance.memory().first_chunk().copied().map(u32::from_le_bytes);
            (ended, counted.unwrap_or(0))
        };
        let thread = thread::Builder::new().stack_size(bytes).spawn_scoped(scope, call);
        thread.expect("the machine has room for a thread").join().expect("the call does not panic")
    })
}

/// Recursion through `export` must end in the stack guard after `depth` counts.
fn check(subject: &EngineSubject, wat: &str, export: &str, args: &[Value], depth: u32) {
    let (ended, counted) = on_its_stack(subject, wat, export, args, TestHost::silent());
    assert_eq!(ended.result, Err(CallError::Trap(Trap::StackGuard)), "{export}");
    assert_eq!(counted, depth, "{export} reached another depth");
}

fn direct_recursion_stops_at_the_guard(subject: &EngineSubject) {
    check(subject, STACK, "direct", &[], 4_096);
}

fn mutual_recursion_stops_at_the_guard(subject: &EngineSubject) {
    check(subject, STACK, "mutual", &[Value::I64(1)], 4_096);
}

fn indirect_recursion_stops_at_the_guard(subject: &EngineSubject) {
    check(subject, STACK, "indirect", &[], 4_096);
}

fn recursion_with_large_frames_stops_at_the_guard(subject: &EngineSubject) {
    // Every local is alive across the call, so that none of them is optimised away.
    let locals = 2_000;
    let mut body = String::new();
    for local in 0..locals {
        write!(body, "(local.set {local} (i64.load (i32.const {})))", local * 8).unwrap();
    }
    body.push_str("(call $f)");
    for local in 0..locals {
        write!(body, "(i64.store (i32.const {}) (local.get {local}))", local * 8).unwrap();
    }
    let wat = recursive("", &format!("(local{})", " i64".repeat(locals)), &body);
    check(subject, &wat, "run", &[], 27);
}

fn recursion_with_many_operands_stops_at_the_guard(subject: &EngineSubject) {
    let operands = 1_000;
    let mut body = String::new();
    for operand in 0..operands {
        write!(body, "(i64.load (i32.const {}))", operand * 8).unwrap();
    }
    body.push_str("(call $f)");
    body.push_str(&"i64.add ".repeat(operands - 1));
    body.push_str("(i64.store offset=60000 (i32.const 0) (i64.const 1)) drop");
    check(subject, &recursive("", "", &body), "run", &[], 59);
}

fn recursion_with_many_parameters_stops_at_the_guard(subject: &EngineSubject) {
    let (mut body, count) = (String::new(), 32);
    for parameter in 0..count {
        write!(body, "(f64.add (local.get {parameter}) (f64.const 1))").unwrap();
    }
    body.push_str("(call $f)");
    let wat = recursive(&format!("(param{})", " f64".repeat(count)), "", &body);
    check(subject, &wat, "run", &[Value::F64(0); 32], 862);
}

/// A module whose export `run` counts at address 0 and then does what `body` says; `body` calls
/// `$f`.
fn recursive(params: &str, locals: &str, body: &str) -> String {
    format!(
        "(module (memory 1) (func $f (export \"run\") {params} {locals}
           (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1))) {body}))"
    )
}

fn a_host_has_room_above_the_deepest_guest(subject: &EngineSubject) {
    // 64 KiB is more than any hostcall uses.
    let host = TestHost::new(|_, _, _| {
        let used = black_box([7_u8; 64 << 10]);
        assert_eq!(used[used.len() / 2], 7);
        Ok(None)
    });
    let (ended, counted) = on_its_stack(subject, STACK, "calls_host", &[], host);
    assert_eq!(ended.result, Err(CallError::Trap(Trap::StackGuard)));
    assert_eq!(counted, 4_096, "reached another depth");
}

fn recursion_up_to_the_guard_returns(subject: &EngineSubject) {
    // The last of 4,096 frames is the one that is called with 0.
    let deepest = 4_095;
    for (depth, result) in [
        (deepest, Ok(vec![Value::I32(deepest)])),
        (deepest + 1, Err(CallError::Trap(Trap::StackGuard))),
    ] {
        let args = [Value::I32(depth)];
        let (ended, _) = on_its_stack(subject, STACK, "down", &args, TestHost::silent());
        assert_eq!(ended.result, result, "depth {depth}");
    }
}
