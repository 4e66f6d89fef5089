//! Charges the deterministic gas that a guest call used, as if a fixed machine did 1,000,000,000 of it
//! in a second. How long the call really took is not in the bill.

use igor_core::Meter;
use igor_core::format::{Carry, Gas, Microcents, Price};
use igor_core::meter::{Usage, affordable_nominal, charge_nominal};

/// The `gas` meter.
#[derive(Debug, Clone, Copy, Default)]
pub struct GasMeter;

impl Meter for GasMeter {
    fn charge(&self, price: Price, usage: Usage, carry: Carry) -> (Microcents, Carry) {
        charge_nominal(price, usage.gas.0, carry)
    }

    fn affordable(&self, price: Price, budget: Microcents, carry: Carry) -> Usage {
        Usage { gas: Gas(affordable_nominal(price, budget, carry)), ..Usage::UNBOUNDED }
    }
}
