//! The meter suite on the `wall` meter.

conformance::meter_suite!(igor_meter_wall);
