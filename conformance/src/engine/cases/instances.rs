//! Instances of one module: what they share, which is nothing, and what is left when they go.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use igor_core::Trap;
use igor_core::engine::Value::{I32, I64};
use igor_core::prepare::START;
use igor_core::trap::CallError;

use crate::Case;
use crate::engine::EngineSubject;
use crate::engine::guest::{Fixture, Guest, fixture};
use crate::engine::host::TestHost;

const STATE: &str = fixture!("state");

pub(super) fn cases() -> Vec<Case<EngineSubject>> {
    crate::cases![EngineSubject;
        every_fixture_compiles covers ["engine-compiles-prepared"],
        a_module_at_the_limits_compiles covers ["engine-compiles-prepared"],
        instances_share_nothing covers ["instances-are-separate"],
        a_new_instance_holds_nothing_of_an_earlier_one covers ["instances-are-separate"],
        a_start_function_runs_when_it_is_called covers ["instantiate-runs-no-code"],
        a_data_segment_that_does_not_fit_is_a_trap covers ["instantiate-reports-segment-traps"],
        an_element_segment_that_does_not_fit_is_a_trap
            covers ["instantiate-reports-segment-traps"],
        segments_may_end_at_the_end covers ["instantiate-reports-segment-traps"],
        a_thousand_instances_live_at_once covers ["instances-are-separate"],
        dropping_an_instance_returns_its_memory covers ["instance-drop-frees"],
        dropping_an_instance_drops_its_host covers ["instance-drop-frees"],
        an_instance_may_move_to_another_thread covers ["engine-is-deterministic"],
        threads_may_share_a_module covers ["instances-are-separate"],
        an_instance_outlives_its_module covers ["instances-are-separate"],
    ]
}

fn every_fixture_compiles(subject: &EngineSubject) {
    for wat in [
        fixture!("big"),
        fixture!("calls"),
        fixture!("floats"),
        fixture!("imports"),
        fixture!("imports_without_memory"),
        fixture!("integers"),
        fixture!("memory"),
        fixture!("memory_unbounded"),
        fixture!("segment_edges"),
        fixture!("segment_memory"),
        fixture!("segment_table"),
        fixture!("stack"),
        fixture!("start"),
        fixture!("state"),
        fixture!("table_unbounded"),
        fixture!("tables"),
        fixture!("traps"),
        "(module)",
    ] {
        Fixture::new(subject, wat);
    }
}

fn a_module_at_the_limits_compiles(subject: &EngineSubject) {
    let functions: String = (0..2_000)
        .map(|n| format!("(func (export \"f{n}\") (result i32) (i32.const {n}))"))
        .collect();
    let globals = "(global (mut i64) (i64.const 1))".repeat(900);
    let data = "(data (i32.const 5) \"x\")".repeat(20_000);
    let locals = format!("(func (export \"wide\") (local{}))", " i64".repeat(4_000));
    let wat = format!("(module (memory 1) {globals} {functions} {locals} {data})");
    let mut guest = Guest::new(subject, &wat);
    assert_eq!(guest.int("f1999", &[]), 1_999);
    guest.run("wide", &[]);
    assert_eq!(guest.instance.memory()[..8], *b"\0\0\0\0\0x\0\0");
}

fn untouched(guest: &mut Guest) {
    assert_eq!(guest.call("look", &[]), Ok(vec![I32(1), I64(10), I32(1), I32(2)]));
    guest.run("init", &[]);
    assert_eq!(guest.instance.memory()[..3], *b"abc");
    assert!(guest.instance.memory()[3..].iter().all(|byte| *byte == 0));
}

fn instances_share_nothing(subject: &EngineSubject) {
    let module = Fixture::new(subject, STATE);
    let mut first = module.guest();
    let mut second = module.guest();
    first.run("change", &[]);
    assert_eq!(first.call("look", &[]), Ok(vec![I32(2), I64(99), I32(2), I32(4)]));
    untouched(&mut second);
}

fn a_new_instance_holds_nothing_of_an_earlier_one(subject: &EngineSubject) {
    let module = Fixture::new(subject, STATE);
    for _ in 0..20 {
        let mut guest = module.guest();
        untouched(&mut guest);
        guest.run("change", &[]);
    }
}

fn a_start_function_runs_when_it_is_called(subject: &EngineSubject) {
    let module = Fixture::new(subject, fixture!("start"));
    let host = TestHost::new(|_, _, _| Ok(Some(I64(77))));
    let mut guest = module.unstarted(host);
    assert!(guest.host().asked().is_empty(), "no import was called");
    assert!(guest.instance.memory().iter().all(|byte| *byte == 0), "nothing was written");
    assert_eq!(guest.int("started", &[]), 0);
    guest.run(START, &[]);
    assert_eq!(guest.int("started", &[]), 1);
    assert_eq!(guest.instance.memory()[8], 77);
}

fn refused(subject: &EngineSubject, wat: &str) -> CallError {
    Fixture::new(subject, wat).refusal()
}

fn a_data_segment_that_does_not_fit_is_a_trap(subject: &EngineSubject) {
    let trap = CallError::Trap(Trap::MemoryOutOfBounds);
    assert_eq!(refused(subject, fixture!("segment_memory")), trap);
    let none = "(module (memory 0) (data (i32.const 0) \"a\"))";
    assert_eq!(refused(subject, none), trap);
    let far = "(module (memory 1) (data (i32.const -1) \"\"))";
    assert_eq!(refused(subject, far), trap);
}

fn an_element_segment_that_does_not_fit_is_a_trap(subject: &EngineSubject) {
    let trap = CallError::Trap(Trap::TableOutOfBounds);
    assert_eq!(refused(subject, fixture!("segment_table")), trap);
    let far = "(module (table 1 funcref) (elem (i32.const -1) func))";
    assert_eq!(refused(subject, far), trap);
}

fn segments_may_end_at_the_end(subject: &EngineSubject) {
    let mut guest = Guest::new(subject, fixture!("segment_edges"));
    assert_eq!(guest.int("run", &[]), i32::from_le_bytes(*b"1234"));
}

fn a_thousand_instances_live_at_once(subject: &EngineSubject) {
    let module = Fixture::new(subject, STATE);
    let mut guests: Vec<_> = (0..1_000).map(|_| module.guest()).collect();
    for (place, guest) in guests.iter_mut().enumerate() {
        guest.instance.memory_mut()[9..17].copy_from_slice(&place.to_le_bytes());
    }
    for (place, guest) in guests.iter_mut().enumerate() {
        assert_eq!(guest.instance.memory()[9..17], place.to_le_bytes());
        assert_eq!(guest.call("look", &[]), Ok(vec![I32(1), I64(10), I32(1), I32(2)]));
    }
}

fn dropping_an_instance_returns_its_memory(subject: &EngineSubject) {
    let module = Fixture::new(subject, fixture!("big"));
    let fill = || module.guest().run("fill", &[]);
    fill();
    let before = resident_bytes();
    // Kept, these would be 2 GiB. Other cases run at the same time, hence the generous bound.
    for _ in 0..128 {
        fill();
    }
    let grown = resident_bytes().saturating_sub(before);
    assert!(grown < 1 << 30, "{grown} bytes more are resident after 128 instances of 16 MiB");
}

/// Bytes of this process that are in memory.
fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status");
    let status = status.expect("this case needs a machine that has /proc");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
    kilobytes.and_then(|number| number.parse::<u64>().ok()).expect("VmRSS is in kB") * 1024
}

fn dropping_an_instance_drops_its_host(subject: &EngineSubject) {
    struct Counted(Arc<AtomicUsize>);
    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    let module = Fixture::new(subject, STATE);
    let drops = Arc::new(AtomicUsize::new(0));
    for instance in 1..=3 {
        let counted = Counted(drops.clone());
        let host = TestHost::new(move |_, _, _| {
            let _kept = &counted;
            Ok(None)
        });
        let guest = module.unstarted(host);
        assert_eq!(drops.load(Ordering::Relaxed), instance - 1);
        drop(guest);
        assert_eq!(drops.load(Ordering::Relaxed), instance);
    }
}

fn an_instance_may_move_to_another_thread(subject: &EngineSubject) {
    let mut guest = Guest::new(subject, STATE);
    guest.run("change", &[]);
    let bytes = subject.engine.native_stack_bytes();
    let moved = thread::Builder::new().stack_size(bytes).spawn(move || guest.call("look", &[]));
    let looked = moved.expect("the machine has room for a thread").join();
    assert_eq!(looked.expect("it runs"), Ok(vec![I32(2), I64(99), I32(2), I32(4)]));
}

fn threads_may_share_a_module(subject: &EngineSubject) {
    let module = Fixture::new(subject, STATE);
    let bytes = subject.engine.native_stack_bytes();
    thread::scope(|scope| {
        for _ in 0..4 {
            let live = || {
                for _ in 0..50 {
                    let mut guest = module.guest();
                    untouched(&mut guest);
                    guest.run("change", &[]);
                }
            };
            let thread = thread::Builder::new().stack_size(bytes).spawn_scoped(scope, live);
            thread.expect("the machine has room for a thread");
        }
    });
}

fn an_instance_outlives_its_module(subject: &EngineSubject) {
    let module = Fixture::new(subject, STATE);
    let mut guest = module.guest();
    drop(module);
    untouched(&mut guest);
}
