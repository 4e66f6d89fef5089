//! Capability `rand`: random bytes. Not WASI's `random_get`, though that follows the same capability.

use igor_core::Trap;
use igor_core::engine::{Caller, guest_slice_mut};
use igor_core::format::ObservationKind;

use crate::host::{NodeHost, charge_random};

const OK: i32 = 0;
const SOURCE_FAILED: i32 = -1;
const TOO_LONG: i32 = -2;
const BAD_POINTER: i32 = -4;

/// `rand_bytes`: fills guest memory. The observation is the bytes, or nothing if the source failed.
pub(super) fn bytes(
    host: &mut NodeHost,
    pointer: u32,
    length: u32,
    caller: Caller<'_>,
) -> Result<i32, Trap> {
    if u64::from(length) > host.environment.limits.entropy_bytes_max {
        return Ok(TOO_LONG);
    }
    let Ok(target) = guest_slice_mut(caller.memory, pointer, length) else {
        return Ok(BAD_POINTER);
    };
    if target.is_empty() {
        return Ok(OK);
    }
    charge_random(caller.gas_left, target.len());
    let drawn = host.observe_entropy(ObservationKind::RAND_BYTES, target.len())?;
    if drawn.len() != target.len() {
        return Ok(SOURCE_FAILED);
    }
    target.copy_from_slice(drawn);
    Ok(OK)
}
