//! The observation recorder. Everything that enters a guest from outside goes through
//! [`Recorder::observe`], in every guest call; everything a guest sends out goes through
//! [`Recorder::send`]. Live, both record; in a replay the first answers from the record and the
//! second compares with it. No hostcall holds replay logic of its own.
//!
//! The recorder keeps the observations of one tick at a time and does not know how they are stored.

use crate::trap::Trap;

/// What kind of thing was observed. Numbers are part of the journal's format and never reused; 1 to
/// 9 are the original's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObservationKind(pub u16);

impl ObservationKind {
    /// `clock_now`: i64 nanoseconds.
    pub const CLOCK_NOW: Self = Self(1);
    /// `rand_bytes`: the bytes, or none if the source failed.
    pub const RAND_BYTES: Self = Self(2);
    /// `log_emit`: the text, sent out.
    pub const LOG_EMIT: Self = Self(3);
    /// `wallet_balance`: i64 microcents.
    pub const WALLET_BALANCE: Self = Self(4);
    /// `wallet_receipt_count`: i32.
    pub const WALLET_RECEIPT_COUNT: Self = Self(5);
    /// `wallet_receipt`: the receipt, or nothing if there is none of that index.
    pub const WALLET_RECEIPT: Self = Self(6);
    /// `node_price`: i64 microcents per second.
    pub const NODE_PRICE: Self = Self(7);
    /// WASI `clock_time_get`: i64 nanoseconds.
    pub const WASI_CLOCK: Self = Self(10);
    /// WASI `random_get`: the bytes, or none if the source failed.
    pub const WASI_RANDOM: Self = Self(11);
    /// WASI `fd_write` to stdout or stderr: a line, sent out.
    pub const WASI_WRITE: Self = Self(12);
}

/// The most that may be recorded in one tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ObservationLimits {
    /// Number of observations.
    pub count_max: usize,
    /// Bytes of all payloads together.
    pub bytes_max: usize,
}

/// The observations of one tick, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Observations {
    entries: Vec<(ObservationKind, usize)>,
    payloads: Vec<u8>,
}

impl Observations {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Bytes of all payloads together.
    pub fn bytes(&self) -> usize {
        self.payloads.len()
    }

    /// The observation at `index`.
    pub fn get(&self, index: usize) -> Option<(ObservationKind, &[u8])> {
        let (kind, end) = *self.entries.get(index)?;
        let start = match index.checked_sub(1) {
            Some(before) => self.entries.get(before)?.1,
            None => 0,
        };
        Some((kind, self.payloads.get(start..end)?))
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = (ObservationKind, &[u8])> {
        (0..self.len()).filter_map(|index| self.get(index))
    }

    /// Appends one.
    pub fn push(&mut self, kind: ObservationKind, payload: &[u8]) {
        self.payloads.extend_from_slice(payload);
        self.entries.push((kind, self.payloads.len()));
    }

    fn clear(&mut self) {
        self.entries.clear();
        self.payloads.clear();
    }
}

/// Where a replay departed from its record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("observation {index}: {problem}")]
pub struct Divergence {
    /// The index of the observation within its tick.
    pub index: usize,
    /// What was asked and what was recorded.
    pub problem: DivergenceProblem,
}

/// How a replay departed from its record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DivergenceProblem {
    /// The guest asked for more than was recorded.
    #[error("kind {} asked, but the record ends here", .asked.0)]
    Exhausted {
        /// The kind asked for.
        asked: ObservationKind,
    },
    /// The guest asked for something of another kind.
    #[error("kind {} asked, but kind {} was recorded", .asked.0, .recorded.0)]
    Kind {
        /// The kind asked for.
        asked: ObservationKind,
        /// The kind in the record.
        recorded: ObservationKind,
    },
    /// The recorded payload cannot be the answer to what was asked.
    #[error("the record holds no answer that fits kind {}", .asked.0)]
    Payload {
        /// The kind asked for.
        asked: ObservationKind,
    },
    /// The guest sent something other than what was recorded.
    #[error("kind {} sent other content than was recorded", .sent.0)]
    Sent {
        /// The kind sent.
        sent: ObservationKind,
    },
    /// The guest finished without asking for all that was recorded.
    #[error("the guest finished after {used} of {recorded} observations")]
    Unused {
        /// How many were asked for.
        used: usize,
        /// How many were recorded.
        recorded: usize,
    },
}

#[derive(Debug)]
enum Mode {
    Live,
    Replay { record: Observations, divergence: Option<Divergence> },
}

/// Records the observations of the current tick, or replays those of a recorded one.
#[derive(Debug)]
pub struct Recorder {
    mode: Mode,
    limits: ObservationLimits,
    current: Observations,
}

impl Recorder {
    /// A recorder that produces observations and records them.
    pub fn live(limits: ObservationLimits) -> Self {
        Self { mode: Mode::Live, limits, current: Observations::default() }
    }

    /// A recorder that answers from records; [`Recorder::load`] gives it one.
    pub fn replay(limits: ObservationLimits) -> Self {
        let mode = Mode::Replay { record: Observations::default(), divergence: None };
        Self { mode, limits, current: Observations::default() }
    }

    /// Starts a tick: forgets what was recorded.
    pub fn begin(&mut self) {
        self.current.clear();
    }

    /// Starts a replayed tick that is to follow `record`.
    pub fn load(&mut self, record: Observations) {
        self.current.clear();
        self.mode = Mode::Replay { record, divergence: None };
    }

    /// Observes something: live it calls `produce` and records what that appends, in a replay it
    /// returns the recorded payload. `fits` says whether a recorded payload can be an answer.
    ///
    /// # Errors
    /// [`Trap::ObservationLimit`] at the limit of the tick, [`Trap::Diverged`] if the record holds no
    /// such answer here.
    pub fn observe(
        &mut self,
        kind: ObservationKind,
        fits: impl FnOnce(&[u8]) -> bool,
        produce: impl FnOnce(&mut Vec<u8>),
    ) -> Result<&[u8], Trap> {
        let index = self.current.len();
        if index >= self.limits.count_max {
            return Err(Trap::ObservationLimit);
        }
        let start = self.current.payloads.len();
        match &mut self.mode {
            Mode::Live => produce(&mut self.current.payloads),
            Mode::Replay { record, divergence } => {
                let problem = match record.get(index) {
                    None => DivergenceProblem::Exhausted { asked: kind },
                    Some((recorded, _)) if recorded != kind => {
                        DivergenceProblem::Kind { asked: kind, recorded }
                    }
                    Some((_, payload)) if !fits(payload) => {
                        DivergenceProblem::Payload { asked: kind }
                    }
                    Some((_, payload)) => {
                        self.current.payloads.extend_from_slice(payload);
                        return self.accept(kind, start);
                    }
                };
                divergence.get_or_insert(Divergence { index, problem });
                return Err(Trap::Diverged);
            }
        }
        self.accept(kind, start)
    }

    /// Observes an i64, recorded as its eight bytes in little-endian order.
    ///
    /// # Errors
    /// As [`Recorder::observe`].
    pub fn observe_i64(
        &mut self,
        kind: ObservationKind,
        produce: impl FnOnce() -> i64,
    ) -> Result<i64, Trap> {
        let append = |payload: &mut Vec<u8>| payload.extend_from_slice(&produce().to_le_bytes());
        let payload = self.observe(kind, |payload| payload.len() == 8, append)?;
        Ok(i64::from_le_bytes(payload.try_into().unwrap_or_default()))
    }

    /// Observes an i32, recorded as its four bytes in little-endian order.
    ///
    /// # Errors
    /// As [`Recorder::observe`].
    pub fn observe_i32(
        &mut self,
        kind: ObservationKind,
        produce: impl FnOnce() -> i32,
    ) -> Result<i32, Trap> {
        let append = |payload: &mut Vec<u8>| payload.extend_from_slice(&produce().to_le_bytes());
        let payload = self.observe(kind, |payload| payload.len() == 4, append)?;
        Ok(i32::from_le_bytes(payload.try_into().unwrap_or_default()))
    }

    /// Sends something out: live it is recorded, in a replay compared with the record.
    ///
    /// # Errors
    /// As [`Recorder::observe`].
    pub fn send(&mut self, kind: ObservationKind, content: &[u8]) -> Result<(), Trap> {
        let index = self.current.len();
        let differs = match &self.mode {
            Mode::Live => false,
            Mode::Replay { record, .. } => record
                .get(index)
                .is_some_and(|(recorded, sent)| recorded == kind && sent != content),
        };
        if differs {
            if let Mode::Replay { divergence, .. } = &mut self.mode {
                let problem = DivergenceProblem::Sent { sent: kind };
                divergence.get_or_insert(Divergence { index, problem });
            }
            return Err(Trap::Diverged);
        }
        self.observe(kind, |_| true, |payload| payload.extend_from_slice(content)).map(|_| ())
    }

    /// Ends a replayed tick.
    ///
    /// # Errors
    /// The first divergence, or that the record was not used up.
    pub fn finish(&mut self) -> Result<(), Divergence> {
        let Mode::Replay { record, divergence } = &mut self.mode else { return Ok(()) };
        if let Some(divergence) = divergence.take() {
            return Err(divergence);
        }
        let (used, recorded) = (self.current.len(), record.len());
        if used < recorded {
            let problem = DivergenceProblem::Unused { used, recorded };
            return Err(Divergence { index: used, problem });
        }
        Ok(())
    }

    /// What was observed since the tick began.
    pub fn current(&self) -> &Observations {
        &self.current
    }

    /// Takes what was observed since the tick began.
    pub fn take(&mut self) -> Observations {
        std::mem::take(&mut self.current)
    }

    fn accept(&mut self, kind: ObservationKind, start: usize) -> Result<&[u8], Trap> {
        let end = self.current.payloads.len();
        if end > self.limits.bytes_max {
            self.current.payloads.truncate(start);
            return Err(Trap::ObservationLimit);
        }
        self.current.entries.push((kind, end));
        Ok(self.current.payloads.get(start..).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: ObservationLimits = ObservationLimits { count_max: 3, bytes_max: 20 };
    const CLOCK: ObservationKind = ObservationKind::CLOCK_NOW;
    const LOG: ObservationKind = ObservationKind::LOG_EMIT;

    fn clock(recorder: &mut Recorder, value: u8) -> Result<Vec<u8>, Trap> {
        recorder.observe(CLOCK, |p| p.len() == 8, |p| p.extend([value; 8])).map(<[u8]>::to_vec)
    }

    fn recorded() -> Observations {
        let mut live = Recorder::live(LIMITS);
        live.begin();
        assert_eq!(clock(&mut live, 7), Ok(vec![7; 8]));
        assert_eq!(live.send(LOG, b"hi"), Ok(()));
        assert_eq!(live.finish(), Ok(()));
        live.current().clone()
    }

    #[test]
    fn replay_answers_from_the_record() {
        let mut replay = Recorder::replay(LIMITS);
        replay.load(recorded());
        assert_eq!(clock(&mut replay, 99), Ok(vec![7; 8]));
        assert_eq!(replay.send(LOG, b"hi"), Ok(()));
        assert_eq!(replay.finish(), Ok(()));
        assert_eq!(replay.current(), &recorded());
    }

    #[test]
    fn each_departure_is_named_with_its_index() {
        let diverged = |steps: &dyn Fn(&mut Recorder), index, problem| {
            let mut replay = Recorder::replay(LIMITS);
            replay.load(recorded());
            steps(&mut replay);
            assert_eq!(replay.finish(), Err(Divergence { index, problem }));
        };
        diverged(
            &|replay| assert_eq!(replay.send(LOG, b"hi"), Err(Trap::Diverged)),
            0,
            DivergenceProblem::Kind { asked: LOG, recorded: CLOCK },
        );
        diverged(
            &|replay| {
                assert!(clock(replay, 0).is_ok());
                assert_eq!(replay.send(LOG, b"ho"), Err(Trap::Diverged));
            },
            1,
            DivergenceProblem::Sent { sent: LOG },
        );
        diverged(
            &|replay| {
                assert!(clock(replay, 0).is_ok());
                assert_eq!(replay.send(LOG, b"hi"), Ok(()));
                assert_eq!(clock(replay, 0), Err(Trap::Diverged));
            },
            2,
            DivergenceProblem::Exhausted { asked: CLOCK },
        );
        diverged(
            &|replay| assert!(clock(replay, 0).is_ok()),
            1,
            DivergenceProblem::Unused { used: 1, recorded: 2 },
        );
        diverged(
            &|replay| {
                let answer = replay.observe(CLOCK, |p| p.len() == 4, |_| {});
                assert_eq!(answer, Err(Trap::Diverged));
            },
            0,
            DivergenceProblem::Payload { asked: CLOCK },
        );
    }

    #[test]
    fn limits_trap_and_keep_nothing_of_the_excess() {
        let mut live = Recorder::live(LIMITS);
        live.begin();
        assert!(clock(&mut live, 1).is_ok());
        assert!(clock(&mut live, 2).is_ok());
        assert_eq!(live.send(LOG, b"12345"), Err(Trap::ObservationLimit));
        assert_eq!(live.current().bytes(), 16);
        assert_eq!(live.send(LOG, b"1234"), Ok(()));
        assert_eq!(live.send(LOG, b""), Err(Trap::ObservationLimit));
        assert_eq!(live.current().len(), 3);
        live.begin();
        assert!(live.current().is_empty());
    }
}
