//! WASI's clocks. With capability `clock` they show the node's time, as an observation; without it a
//! stand-in that any replay computes again.

use igor_core::engine::Caller;
use igor_core::format::ObservationKind;

use super::errno::Errno;
use super::{Failure, put};
use crate::host::NodeHost;

const REALTIME: u32 = 0;
/// Monotonic, process CPU time, thread CPU time: all count from the node's fixed moment.
const OTHERS: std::ops::RangeInclusive<u32> = 1..=3;
/// What the clocks are said to resolve, in nanoseconds.
const RESOLUTION_NS: u64 = 1_000;

pub(super) fn resolution(id: u32, out: u32, caller: Caller<'_>) -> Result<(), Failure> {
    if id != REALTIME && !OTHERS.contains(&id) {
        return Err(Errno::INVAL.into());
    }
    put(caller.memory, out, &RESOLUTION_NS.to_le_bytes())
}

pub(super) fn time(
    host: &mut NodeHost,
    id: u32,
    out: u32,
    caller: Caller<'_>,
) -> Result<(), Failure> {
    if id != REALTIME && !OTHERS.contains(&id) {
        return Err(Errno::INVAL.into());
    }
    let nanoseconds = if host.granted.clock {
        let clock = &host.environment.clock;
        let now = || match id {
            REALTIME => clock.unix_ns(),
            _ => clock.monotonic_ns().cast_signed(),
        };
        host.recorder.observe_i64(ObservationKind::WASI_CLOCK, now)?.cast_unsigned()
    } else {
        host.stand_in.clock_ns(id == REALTIME)
    };
    put(caller.memory, out, &nanoseconds.to_le_bytes())
}
