//! A world in which a test decides what happens: time that passes only when it is waited for or read,
//! and randomness from a seed. With them an agent's whole run is a function of its inputs. Both are
//! ordinary implementations of the node's [`Clock`] and [`Entropy`].

mod engines;
mod fleet;
mod life;
mod lockstep;
mod original;
mod past;
mod verify;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use igor_core::clock::EntropyError;
use igor_core::{Clock, Entropy};

pub(crate) use engines::engine;
pub use fleet::{FleetTranscript, run_fleet};
pub(crate) use life::build;
#[cfg(feature = "igor-storage-memory")]
pub(crate) use life::context;
pub use life::{COUNTER, COUNTER_MANIFEST, Guest, World, amount};
pub use lockstep::{Transcript, lockstep, lockstep_until};
pub use original::sent_by_the_original;
pub use past::{Forgery, Past};
pub use verify::verify;

use crate::Rng;

/// A clock that advances by a fixed step with each reading, and as far as it is told to.
#[derive(Debug)]
pub struct SteppingClock {
    start_unix_ns: i64,
    now_ns: AtomicU64,
    step_ns: u64,
}

impl SteppingClock {
    /// A clock that starts at this wall-clock time and takes `step_ns` for each reading.
    pub fn new(start_unix_ns: i64, step_ns: u64) -> Self {
        Self { start_unix_ns, now_ns: AtomicU64::new(0), step_ns }
    }

    /// Lets time pass until `at_ns` of [`Clock::monotonic_ns`].
    pub fn advance_to(&self, at_ns: u64) {
        self.now_ns.fetch_max(at_ns, Ordering::Relaxed);
    }
}

impl Clock for SteppingClock {
    fn unix_ns(&self) -> i64 {
        self.start_unix_ns.saturating_add_unsigned(self.now_ns.load(Ordering::Relaxed))
    }

    fn monotonic_ns(&self) -> u64 {
        self.now_ns.fetch_add(self.step_ns, Ordering::Relaxed)
    }
}

/// Random bytes from a seed; no secrets.
#[derive(Debug)]
pub struct SeededEntropy(Mutex<Rng>);

impl SeededEntropy {
    /// The bytes that grow from `seed`.
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(Rng::new(seed)))
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, out: &mut [u8]) -> Result<(), EntropyError> {
        let mut rng = self.0.lock().map_err(|error| EntropyError(error.to_string()))?;
        for chunk in out.chunks_mut(8) {
            for (target, byte) in chunk.iter_mut().zip(rng.next_u64().to_le_bytes()) {
                *target = byte;
            }
        }
        Ok(())
    }
}
