//! The smallest useful agent: it counts its ticks, remembers when it was born, and says so in its
//! log. Its state is laid out as the original's heartbeat agent's. It does nothing else; start here
//! to write your own.

#![no_std]

use igor_sdk::{Agent, Decoder, Encoder, StateError};

const SECOND_NS: i64 = 1_000_000_000;

/// Every so many ticks there is a milestone.
const MILESTONE_TICKS: u64 = 10;

/// The agent and its whole state, 28 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heartbeat {
    /// Ticks lived.
    pub ticks: u64,
    /// When the first tick was, in nanoseconds since 1970; 0 before it.
    pub birth_ns: i64,
    /// When the last tick was.
    pub last_ns: i64,
    /// Milestones passed.
    pub milestones: u32,
}

impl Agent for Heartbeat {
    fn init() -> Self {
        Self { ticks: 0, birth_ns: 0, last_ns: 0, milestones: 0 }
    }

    fn tick(&mut self) -> bool {
        let now_ns = igor_sdk::clock_now();
        self.ticks = self.ticks.wrapping_add(1);
        if self.birth_ns == 0 {
            self.birth_ns = now_ns;
        }
        self.last_ns = now_ns;
        let age_s = now_ns.saturating_sub(self.birth_ns) / SECOND_NS;
        igor_sdk::log!("heartbeat: tick {}, age {age_s} s", self.ticks);
        if self.ticks.is_multiple_of(MILESTONE_TICKS) {
            self.milestones = self.milestones.wrapping_add(1);
            igor_sdk::log!("heartbeat: milestone {}, {} ticks", self.milestones, self.ticks);
        }
        false
    }

    fn marshal(&self, state: &mut Encoder) {
        state.u64(self.ticks).i64(self.birth_ns).i64(self.last_ns).u32(self.milestones);
    }

    fn unmarshal(state: &mut Decoder<'_>) -> Result<Self, StateError> {
        Ok(Self {
            ticks: state.u64(),
            birth_ns: state.i64(),
            last_ns: state.i64(),
            milestones: state.u32(),
        })
    }
}

igor_sdk::export!(Heartbeat);
igor_sdk::runtime!();
