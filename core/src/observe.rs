//! The observation recorder. Everything that enters a guest from outside goes through
//! [`Recorder::observe`], in every guest call; everything a guest sends out goes through
//! [`Recorder::send`]. Live, both record; in a replay the first answers from the record and the
//! second compares with it. No hostcall holds replay logic of its own.
//!
//! The recorder keeps the observations of one tick at a time and does not know how they are stored.

use igor_format::{ObservationKind, Observations};

use crate::trap::Trap;

/// The most that may be recorded in one tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ObservationLimits {
    /// Number of observations.
    pub count_max: usize,
    /// Bytes of all payloads together.
    pub bytes_max: usize,
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
    /// A recorder within these limits that is live until it is given a record.
    pub fn new(limits: ObservationLimits) -> Self {
        Self { mode: Mode::Live, limits, current: Observations::default() }
    }

    /// Starts a live tick: forgets what was recorded.
    pub fn begin(&mut self) {
        self.current.clear();
        self.mode = Mode::Live;
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
        match &mut self.mode {
            Mode::Live => {
                self.current.push_with(kind, produce);
            }
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
                        self.current.push(kind, payload);
                        return self.accept(index);
                    }
                };
                divergence.get_or_insert(Divergence { index, problem });
                return Err(Trap::Diverged);
            }
        }
        self.accept(index)
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

    /// Keeps the observation at `index`, the last one, if it is within the limits.
    fn accept(&mut self, index: usize) -> Result<&[u8], Trap> {
        if self.current.bytes() > self.limits.bytes_max {
            self.current.pop();
            return Err(Trap::ObservationLimit);
        }
        Ok(self.current.get(index).map_or(&[], |(_, payload)| payload))
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
        let mut live = Recorder::new(LIMITS);
        live.begin();
        assert_eq!(clock(&mut live, 7), Ok(vec![7; 8]));
        assert_eq!(live.send(LOG, b"hi"), Ok(()));
        assert_eq!(live.finish(), Ok(()));
        live.current().clone()
    }

    #[test]
    fn replay_answers_from_the_record() {
        let mut replay = Recorder::new(LIMITS);
        replay.load(recorded());
        assert_eq!(clock(&mut replay, 99), Ok(vec![7; 8]));
        assert_eq!(replay.send(LOG, b"hi"), Ok(()));
        assert_eq!(replay.finish(), Ok(()));
        assert_eq!(replay.current(), &recorded());
    }

    #[test]
    fn each_departure_is_named_with_its_index() {
        let diverged = |steps: &dyn Fn(&mut Recorder), index, problem| {
            let mut replay = Recorder::new(LIMITS);
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
        let mut live = Recorder::new(LIMITS);
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
