//! WASI's random bytes. With capability `rand` they come from the node, as observations of at most
//! the limit's size each; without it from a stand-in that any replay computes again.

use igor_core::engine::{Caller, guest_slice_mut};
use igor_core::format::ObservationKind;

use super::Failure;
use super::errno::Errno;
use crate::host::{NodeHost, charge_random};

pub(super) fn get(
    host: &mut NodeHost,
    pointer: u32,
    length: u32,
    caller: Caller<'_>,
) -> Result<(), Failure> {
    let target = guest_slice_mut(caller.memory, pointer, length).map_err(|_| Errno::FAULT)?;
    charge_random(caller.gas_left, target.len());
    if !host.granted.rand {
        host.stand_in.fill(target);
        return Ok(());
    }
    let chunk_max = usize::try_from(host.environment.limits.entropy_bytes_max).unwrap_or(1);
    for chunk in target.chunks_mut(chunk_max) {
        let drawn = host.observe_entropy(ObservationKind::WASI_RANDOM, chunk.len())?;
        if drawn.len() != chunk.len() {
            return Err(Errno::IO.into());
        }
        chunk.copy_from_slice(drawn);
    }
    Ok(())
}
