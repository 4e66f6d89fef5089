//! Charges the time that a guest call took. What the machine was like (slow, busy) is in the bill; the
//! `gas` meter is the one that knows no machine.

use igor_core::Meter;
use igor_core::format::{Carry, Microcents, Nanos, Price};
use igor_core::meter::{Usage, affordable_nominal, charge_nominal};

/// The `wall` meter.
#[derive(Debug, Clone, Copy, Default)]
pub struct WallMeter;

impl Meter for WallMeter {
    fn charge(&self, price: Price, usage: Usage, carry: Carry) -> (Microcents, Carry) {
        charge_nominal(price, usage.elapsed.0, carry)
    }

    fn affordable(&self, price: Price, budget: Microcents, carry: Carry) -> Usage {
        Usage { elapsed: Nanos(affordable_nominal(price, budget, carry)), ..Usage::UNBOUNDED }
    }
}
