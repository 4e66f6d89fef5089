//! Capability `log`: lines of text that leave the agent. The text is kept as the guest wrote it, cut
//! at the line limit; making it safe for a terminal is left to whoever prints it.

use igor_core::Trap;
use igor_core::engine::{Caller, guest_slice};
use igor_core::format::ObservationKind;

use crate::host::{NodeHost, charge_bytes};

/// `log_emit`: an empty text and one outside the memory are ignored, as the original does.
pub(super) fn emit(
    host: &mut NodeHost,
    pointer: u32,
    length: u32,
    caller: Caller<'_>,
) -> Result<(), Trap> {
    let Ok(text) = guest_slice(caller.memory, pointer, length) else { return Ok(()) };
    if text.is_empty() {
        return Ok(());
    }
    let taken = host.log(ObservationKind::LOG_EMIT, text, text.len())?;
    charge_bytes(caller.gas_left, taken);
    Ok(())
}
