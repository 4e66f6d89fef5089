//! The same calls give the same everything: compared with golden values, so that every engine that
//! passes agrees with every other.

use igor_core::engine::Value;
use igor_format::Gas;

use crate::Case;
use crate::engine::EngineSubject;
use crate::engine::guest::{Guest, fixture};
use crate::engine::host::TestHost;

pub(super) fn cases() -> Vec<Case<EngineSubject>> {
    crate::cases![EngineSubject;
        a_mixed_program_leaves_its_golden_memory covers ["engine-is-deterministic"],
        the_same_calls_give_the_same_everything covers ["engine-is-deterministic"],
    ]
}

/// Runs the mixed program twice in one instance: results, gas and memory after each.
fn run(subject: &EngineSubject, slice: Gas) -> Vec<(Vec<Value>, u64, String)> {
    let mut now = 0;
    let host = TestHost::new(move |_, _, _| {
        now += 1_000_000_007;
        Ok(Some(Value::I64(now)))
    });
    let mut guest = Guest::with_host(subject, fixture!("determinism"), host.with_slice(slice));
    let mut seen = Vec::new();
    for rounds in [500, 3_000] {
        let ended = guest.call_within(Gas(10_000_000), "run", &[Value::I32(rounds)]);
        let values = ended.result.expect("the program ends");
        seen.push((values, ended.gas.0, guest.memory_hash()));
    }
    seen
}

fn a_mixed_program_leaves_its_golden_memory(subject: &EngineSubject) {
    let expected = vec![
        (
            vec![Value::F64(4_691_845_036_352_995_328), Value::I64(-326_135_509_204_368_462)],
            53_177,
            "cc4a72d05e6ea967455b29d84643c92541b145bc61ff178ed9ccddf9a0c33ce9".to_owned(),
        ),
        (
            vec![Value::F64(4_689_168_881_291_967_728), Value::I64(13_480_310_638_117_247)],
            225_677,
            "f9ed40f2b370eff1b5369506e1dfe152c8e2cfe8f87b7873b70b94f2cac91355".to_owned(),
        ),
    ];
    assert_eq!(run(subject, Gas(1_000_000)), expected);
}

fn the_same_calls_give_the_same_everything(subject: &EngineSubject) {
    let first = run(subject, Gas(1_000_000));
    for slice in [1_000_000, 999, 13] {
        assert_eq!(run(subject, Gas(slice)), first, "in slices of {slice}");
    }
}
