//! An agent that lives on whatever happens to it, and shows it: it counts its ticks and folds random
//! bits into its luck, so that a lost, repeated or invented tick is visible in its state. The
//! state is laid out as the original's survivor agent's. It reacts to nothing that it observes.

#![no_std]

use igor_sdk::{Agent, Decoder, Encoder, StateError};

const SECOND_NS: i64 = 1_000_000_000;

/// Every so many ticks there is a milestone.
const MILESTONE_TICKS: u64 = 10;

/// The agent and its whole state, 28 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Survivor {
    /// Ticks lived.
    pub ticks: u64,
    /// When the first tick was, in nanoseconds since 1970; 0 before it.
    pub birth_ns: i64,
    /// When the last tick was.
    pub last_ns: i64,
    /// All random numbers so far, folded into one.
    pub luck: u32,
}

impl Agent for Survivor {
    fn init() -> Self {
        Self { ticks: 0, birth_ns: 0, last_ns: 0, luck: 0 }
    }

    fn tick(&mut self) -> bool {
        let now_ns = igor_sdk::clock_now();
        self.ticks = self.ticks.wrapping_add(1);
        if self.birth_ns == 0 {
            self.birth_ns = now_ns;
        }
        self.last_ns = now_ns;
        match igor_sdk::rand_array() {
            Ok(bytes) => self.luck ^= u32::from_le_bytes(bytes),
            Err(error) => igor_sdk::log!("survivor: {error}"),
        }
        let age_s = now_ns.saturating_sub(self.birth_ns) / SECOND_NS;
        igor_sdk::log!("survivor: tick {}, age {age_s} s, luck {:08x}", self.ticks, self.luck);
        if self.ticks.is_multiple_of(MILESTONE_TICKS) {
            let price = igor_sdk::node_price();
            igor_sdk::log!("survivor: survived {} ticks at {price} a second", self.ticks);
        }
        false
    }

    fn marshal(&self, state: &mut Encoder) {
        state.u64(self.ticks).i64(self.birth_ns).i64(self.last_ns).u32(self.luck);
    }

    fn unmarshal(state: &mut Decoder<'_>) -> Result<Self, StateError> {
        Ok(Self {
            ticks: state.u64(),
            birth_ns: state.i64(),
            last_ns: state.i64(),
            luck: state.u32(),
        })
    }
}

igor_sdk::export!(Survivor);
igor_sdk::runtime!();
