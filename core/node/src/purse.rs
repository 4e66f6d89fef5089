//! An agent's money while it runs: budget, price and what is carried, and the one place where a
//! charge meets a budget. It moves no money between agents and keeps nothing durable.

use std::sync::Arc;

use igor_core::Meter;
use igor_core::format::{Carry, Microcents, Price};
use igor_core::meter::Usage;

/// What a guest's work is paid from.
#[derive(Clone)]
pub struct Purse {
    /// How usage becomes money.
    pub meter: Arc<dyn Meter>,
    /// What a nominal second costs.
    pub price: Price,
    /// What is left.
    pub budget: Microcents,
    /// What is used but not yet a whole microcent.
    pub carry: Carry,
}

/// What settling an operation came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settlement {
    /// What was charged; never more than the budget was.
    pub charge: Microcents,
    /// Whether the usage cost more than the budget: what the guest did is then discarded.
    pub is_exhausted: bool,
}

impl Purse {
    /// The most usage that the budget pays for.
    pub fn affordable(&self) -> Usage {
        self.meter.affordable(self.price, self.budget, self.carry)
    }

    /// Charges `usage`; the budget stops at exactly zero.
    pub fn settle(&mut self, usage: Usage) -> Settlement {
        let (due, carry) = self.meter.charge(self.price, usage, self.carry);
        let before = self.budget;
        let settlement = match before.checked_sub(due) {
            Some(rest) => {
                self.budget = rest;
                self.carry = carry;
                Settlement { charge: due, is_exhausted: false }
            }
            None => {
                self.budget = Microcents::ZERO;
                self.carry = Carry::ZERO;
                Settlement { charge: before, is_exhausted: true }
            }
        };
        assert_eq!(
            self.budget.checked_add(settlement.charge),
            Some(before),
            "a charge neither makes nor loses money"
        );
        settlement
    }
}
