//! Where a mock's clock readings and random bytes come from. Nothing here reads the machine's own.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::rc::Rc;

/// Where clock readings come from.
pub(crate) enum Clock {
    /// A value that grows with each reading.
    Steps {
        /// The next reading.
        next_ns: i64,
        /// What is added after it.
        step_ns: i64,
    },
    /// Given values in turn.
    Script(VecDeque<i64>),
    /// A function of the test.
    Function(Rc<dyn Fn() -> i64>),
}

/// Where random bytes come from.
pub(crate) enum Random {
    /// SplitMix64 from this state on.
    Seeded(u64),
    /// Given bytes in turn.
    Script(VecDeque<u8>),
    /// Nowhere.
    Absent,
}

impl Clock {
    /// The next reading, as a function to be called when the mock is no longer borrowed: the
    /// test's own function may make hostcalls itself.
    pub(crate) fn reading(&mut self) -> Box<dyn Fn() -> i64> {
        match self {
            Self::Steps { next_ns, step_ns } => {
                let now = *next_ns;
                *next_ns = now.saturating_add(*step_ns);
                Box::new(move || now)
            }
            Self::Script(values) => {
                let now = values.pop_front().expect("the mock's clock script is used up");
                Box::new(move || now)
            }
            Self::Function(read) => {
                let read = Rc::clone(read);
                Box::new(move || read())
            }
        }
    }
}

impl Random {
    /// Fills `buffer`; `false` if there is nothing to fill it with.
    pub(crate) fn fill(&mut self, buffer: &mut [u8]) -> bool {
        match self {
            Self::Seeded(state) => {
                for chunk in buffer.chunks_mut(8) {
                    let word = split_mix(state).to_le_bytes();
                    for (target, byte) in chunk.iter_mut().zip(word) {
                        *target = byte;
                    }
                }
            }
            Self::Script(bytes) => {
                for target in buffer {
                    *target = bytes.pop_front().expect("the mock's random script is used up");
                }
            }
            Self::Absent => return false,
        }
        true
    }
}

/// SplitMix64: small, and the same everywhere.
fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut word = *state;
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}
