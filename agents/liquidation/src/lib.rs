//! An agent that watches over a loan: every second has a price, and below a threshold the collateral
//! would be sold. An agent that was stopped catches up on the seconds it missed, so a warning is
//! never lost to downtime. The state is laid out as the original's liquidation agent's. It only
//! warns; it sells nothing.

#![no_std]

mod market;

use igor_sdk::{Agent, Decoder, Encoder, StateError};
pub use market::{THRESHOLD_CENTS, price_cents};

const SECOND_NS: i64 = 1_000_000_000;

/// The most missed slots that one tick catches up on; the next tick follows soon. Without a bound,
/// a long downtime would be more than one tick may do, at every start again.
pub const CATCH_UP_SLOTS_MAX: u64 = 500;

/// The agent and its whole state, 72 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Liquidation {
    /// Ticks lived.
    pub ticks: u64,
    /// When the first tick was, in nanoseconds since 1970; 0 before it.
    pub birth_ns: i64,
    /// When the last tick was.
    pub last_ns: i64,
    /// The last slot processed: whole seconds since birth.
    pub last_slot: u64,
    /// The price in that slot, in cents.
    pub latest_cents: u64,
    /// The highest price so far.
    pub high_cents: u64,
    /// The lowest price so far.
    pub low_cents: u64,
    /// The first slot with a price below the threshold; 0 if there was none.
    pub first_warning_slot: u64,
    /// Whether the price of the last slot was below the threshold.
    pub warning_active: bool,
    /// Slots processed.
    pub slots_processed: u32,
}

/// Whether a slot is looked at while it lasts or afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Live,
    CatchUp,
}

impl Liquidation {
    fn process(&mut self, slot: u64, mode: Mode) {
        let price = price_cents(slot);
        let first = self.slots_processed == 0;
        self.last_slot = slot;
        self.latest_cents = price;
        self.high_cents = if first { price } else { self.high_cents.max(price) };
        self.low_cents = if first { price } else { self.low_cents.min(price) };
        self.warning_active = price < THRESHOLD_CENTS;
        if self.warning_active && self.first_warning_slot == 0 {
            self.first_warning_slot = slot;
        }
        self.slots_processed = self.slots_processed.saturating_add(1);
        let mode = match mode {
            Mode::Live => "live",
            Mode::CatchUp => "catch-up",
        };
        let sign = if self.warning_active { '-' } else { '+' };
        let warning = if self.warning_active { ", WARNING" } else { "" };
        igor_sdk::log!(
            "liquidation: slot {slot} {mode}, price {}, threshold {}, distance {sign}{}{warning}",
            Dollars(price),
            Dollars(THRESHOLD_CENTS),
            Dollars(price.abs_diff(THRESHOLD_CENTS)),
        );
    }

    /// Processes the slots between the last one and `current`, as far as one tick may. `true` if
    /// there are more.
    fn catch_up(&mut self, current: u64) -> bool {
        let first = self.last_slot + 1;
        let end = current.min(first.saturating_add(CATCH_UP_SLOTS_MAX));
        let missed = current - first;
        igor_sdk::log!("liquidation: gap of {missed} slots, {first} to {}", current - 1);
        let warned_before = self.first_warning_slot;
        for slot in first..end {
            self.process(slot, Mode::CatchUp);
        }
        match self.first_warning_slot {
            slot if slot != warned_before => {
                igor_sdk::log!(
                    "liquidation: threshold first breached during downtime, slot {slot}"
                );
            }
            _ => igor_sdk::log!("liquidation: threshold not first breached during downtime"),
        }
        end < current
    }
}

impl Agent for Liquidation {
    fn init() -> Self {
        Self {
            ticks: 0,
            birth_ns: 0,
            last_ns: 0,
            last_slot: 0,
            latest_cents: 0,
            high_cents: 0,
            low_cents: 0,
            first_warning_slot: 0,
            warning_active: false,
            slots_processed: 0,
        }
    }

    fn tick(&mut self) -> bool {
        let now_ns = igor_sdk::clock_now();
        self.ticks = self.ticks.wrapping_add(1);
        if self.birth_ns == 0 {
            self.birth_ns = now_ns;
        }
        self.last_ns = now_ns;
        // A clock that runs backwards shows a slot that was processed already.
        let age_s = now_ns.saturating_sub(self.birth_ns) / SECOND_NS;
        let current = u64::try_from(age_s).unwrap_or(0);
        if self.slots_processed == 0 {
            self.process(0, Mode::Live);
        }
        if current <= self.last_slot {
            return false;
        }
        if current > self.last_slot + 1 && self.catch_up(current) {
            return true;
        }
        self.process(current, Mode::Live);
        false
    }

    fn marshal(&self, state: &mut Encoder) {
        state
            .u64(self.ticks)
            .i64(self.birth_ns)
            .i64(self.last_ns)
            .u64(self.last_slot)
            .u64(self.latest_cents)
            .u64(self.high_cents)
            .u64(self.low_cents)
            .u64(self.first_warning_slot)
            .u32(u32::from(self.warning_active))
            .u32(self.slots_processed);
    }

    fn unmarshal(state: &mut Decoder<'_>) -> Result<Self, StateError> {
        let agent = Self {
            ticks: state.u64(),
            birth_ns: state.i64(),
            last_ns: state.i64(),
            last_slot: state.u64(),
            latest_cents: state.u64(),
            high_cents: state.u64(),
            low_cents: state.u64(),
            first_warning_slot: state.u64(),
            warning_active: state.u32() != 0,
            slots_processed: state.u32(),
        };
        // No clock shows a later second, so no honest state holds a later slot.
        if agent.last_slot > i64::MAX.cast_unsigned() {
            return Err(StateError::Invalid("the last slot lies beyond every clock"));
        }
        Ok(agent)
    }
}

/// Cents, shown as dollars.
struct Dollars(u64);

impl core::fmt::Display for Dollars {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "${}.{:02}", self.0 / 100, self.0 % 100)
    }
}

igor_sdk::export!(Liquidation);
igor_sdk::runtime!();
