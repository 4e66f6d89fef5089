//! Capability `clock`: the wall clock. Not WASI's clocks, though those follow the same capability.

use igor_core::Trap;
use igor_core::format::ObservationKind;

use crate::host::NodeHost;

/// `clock_now`: nanoseconds since 1970.
pub(super) fn now(host: &mut NodeHost) -> Result<i64, Trap> {
    let clock = &host.environment.clock;
    host.recorder.observe_i64(ObservationKind::CLOCK_NOW, || clock.unix_ns())
}
