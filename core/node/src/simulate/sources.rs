//! Time and randomness of a simulation: functions of a seed, a script and how often they were asked, and
//! of nothing else. No secrets come from here.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use igor_core::clock::EntropyError;
use igor_core::format::Hash;
use igor_core::{Clock, Entropy};

/// What looking at the monotonic clock takes, in nanoseconds.
const LOOK_NS: u64 = 1_000;
const DOMAIN: &[u8] = b"igor/simulate/1";

/// A clock that goes on by a step with each reading of the wall clock. The monotonic clock shows the
/// same steps, and a microsecond for each look at it.
#[derive(Debug)]
pub(super) struct SimulatedClock {
    start_unix_ns: i64,
    step_ns: u64,
    state: Mutex<Readings>,
}

#[derive(Debug, Default)]
struct Readings {
    /// Of the wall clock.
    readings: u64,
    /// At the monotonic clock.
    looks: u64,
    /// What the next readings of the wall clock show.
    script: VecDeque<i64>,
}

impl SimulatedClock {
    pub(super) fn new(start_unix_ns: i64, step_ns: u64, script: &[i64]) -> Self {
        let script = script.iter().copied().collect();
        let state = Mutex::new(Readings { script, ..Readings::default() });
        Self { start_unix_ns, step_ns, state }
    }

    fn state(&self) -> MutexGuard<'_, Readings> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn shown(&self, state: &Readings) -> i64 {
        self.start_unix_ns.saturating_add_unsigned(state.readings.saturating_mul(self.step_ns))
    }
}

impl Clock for SimulatedClock {
    fn unix_ns(&self) -> i64 {
        let mut state = self.state();
        let shown = self.shown(&state);
        state.readings = state.readings.saturating_add(1);
        state.script.pop_front().unwrap_or(shown)
    }

    fn monotonic_ns(&self) -> u64 {
        let mut state = self.state();
        let steps = state.readings.saturating_mul(self.step_ns);
        let shown = steps.saturating_add(state.looks.saturating_mul(LOOK_NS));
        state.looks = state.looks.saturating_add(1);
        shown
    }
}

/// The same clock for whoever looks on: nothing they do makes time pass.
#[derive(Debug)]
pub(super) struct Onlooker(pub(super) Arc<SimulatedClock>);

impl Clock for Onlooker {
    fn unix_ns(&self) -> i64 {
        self.0.shown(&self.0.state())
    }

    fn monotonic_ns(&self) -> u64 {
        0
    }
}

/// Bytes that grow from a seed, for one purpose, behind those of a script.
#[derive(Debug)]
pub(super) struct SeededEntropy {
    seed: u64,
    purpose: &'static str,
    state: Mutex<Stream>,
}

#[derive(Debug, Default)]
struct Stream {
    blocks: u64,
    ready: VecDeque<u8>,
}

impl SeededEntropy {
    pub(super) fn new(seed: u64, purpose: &'static str, script: impl Iterator<Item = u8>) -> Self {
        let state = Mutex::new(Stream { blocks: 0, ready: script.collect() });
        Self { seed, purpose, state }
    }

    /// Thirty-two bytes for a key.
    pub(super) fn block(seed: u64, purpose: &str, number: u64) -> [u8; 32] {
        let (seed, number) = (seed.to_le_bytes(), number.to_le_bytes());
        *Hash::of_parts(&[DOMAIN, &seed, &number, purpose.as_bytes()]).as_bytes()
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, out: &mut [u8]) -> Result<(), EntropyError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        for target in out {
            if state.ready.is_empty() {
                let block = Self::block(self.seed, self.purpose, state.blocks);
                state.ready.extend(block);
                state.blocks = state.blocks.saturating_add(1);
            }
            *target = state.ready.pop_front().unwrap_or_default();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_passes_only_when_it_is_asked_for() {
        let clock = Arc::new(SimulatedClock::new(50, 10, &[-3, 7]));
        let onlooker = Onlooker(Arc::clone(&clock));
        assert_eq!((clock.monotonic_ns(), clock.monotonic_ns()), (0, 1_000));
        assert_eq!((onlooker.unix_ns(), onlooker.unix_ns()), (50, 50));
        assert_eq!((clock.unix_ns(), clock.unix_ns(), clock.unix_ns()), (-3, 7, 70));
        assert_eq!((onlooker.unix_ns(), clock.monotonic_ns()), (80, 2_030));
    }

    #[test]
    fn bytes_depend_on_seed_and_purpose_and_not_on_how_they_are_drawn() {
        let draw = |seed, purpose, sizes: &[usize]| {
            let source = SeededEntropy::new(seed, purpose, [1, 2].into_iter());
            let mut drawn = Vec::new();
            for size in sizes {
                let mut bytes = vec![0; *size];
                source.fill(&mut bytes).expect("it always delivers");
                drawn.extend(bytes);
            }
            drawn
        };
        let whole = draw(7, "guest", &[70]);
        assert_eq!(whole[..2], [1, 2], "the script comes first");
        assert_eq!(whole, draw(7, "guest", &[1, 34, 35]));
        assert_ne!(whole[2..], draw(8, "guest", &[70])[2..]);
        assert_ne!(whole[2..], draw(7, "node", &[70])[2..]);
        assert_ne!(whole[2..34], whole[34..66]);
    }
}
