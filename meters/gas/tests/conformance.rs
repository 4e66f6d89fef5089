//! The meter suite on the `gas` meter.

conformance::meter_suite!(igor_meter_gas);
