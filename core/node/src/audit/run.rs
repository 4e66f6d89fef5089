//! Re-executes the records of one segment and says of each part what that proves. Whether the segment
//! fits what is around it was looked at before.

use std::sync::Arc;

use igor_core::format::{
    Carry, Hash, Microcents, Price, Record, SegmentClosing, SegmentOpening, Tick,
};
use igor_core::meter::Usage;

use super::ground::Ground;
use super::report::{Charges, Gap, Piece, Problem, Proof};
use crate::replay::{Difference, Mismatch, Refutation, SegmentReplay, Step, first_difference};

/// What re-executing a segment brought.
pub(super) struct Ran {
    /// The segment in pieces.
    pub(super) pieces: Vec<Piece>,
    /// What its charges are worth.
    pub(super) charges: Charges,
    /// How many ticks came out as recorded.
    pub(super) ticks: u64,
    /// What speaks against it.
    pub(super) problem: Option<Problem>,
}

/// The records to be re-executed, with what is known of both ends.
pub(super) struct Part<'a> {
    pub(super) opening: &'a SegmentOpening,
    pub(super) records: &'a [Record],
    /// The state that it begins with; none for an agent that had never run.
    pub(super) state: Option<Vec<u8>>,
    /// How it ends, with the state then; nothing for a segment that is open.
    pub(super) closing: Option<(SegmentClosing, Vec<u8>)>,
}

/// Re-executes; `watch` is told of each tick.
pub(super) fn run(ground: Ground, part: Part<'_>, watch: &mut dyn FnMut(Tick)) -> Ran {
    let is_timed = charges_time(&ground);
    let Ground { program, environment, meter } = ground;
    let Part { opening, records, state, closing } = part;
    let replay = SegmentReplay::new(program, &environment, meter, Arc::new([]), opening, state);
    let given_up = given_up(records);
    let replay = if given_up.is_some() { replay.given_up() } else { replay };
    let ran = Ran { pieces: Vec::new(), charges: Charges::default(), ticks: 0, problem: None };
    let mut runner = Runner { replay, ran, is_timed, begun: opening.tick, closing };
    if has_effects(records) {
        let to = runner.closing.as_ref().map_or(opening.tick, |(closing, _)| closing.tick);
        runner.piece(to, Proof::Unproven(Gap::Effects));
        return runner.ran;
    }
    for record in records {
        if let Err(refutation) = runner.step(record, watch) {
            return runner.stop(refutation);
        }
    }
    runner.finish(given_up)
}

struct Runner {
    replay: SegmentReplay,
    ran: Ran,
    is_timed: bool,
    /// The last tick that belongs to a piece already.
    begun: Tick,
    closing: Option<(SegmentClosing, Vec<u8>)>,
}

impl Runner {
    fn step(&mut self, record: &Record, watch: &mut dyn FnMut(Tick)) -> Result<(), Refutation> {
        let step = self.replay.step(record)?;
        let is_verified = step == Step::Verified;
        if let Record::Tick(tick) = record {
            self.ran.ticks = self.ran.ticks.saturating_add(u64::from(is_verified));
            watch(tick.tick);
        }
        if let Record::TickFailed(failed) = record
            && failed.is_cut
        {
            let at = self.replay.tick();
            self.piece(at, Proof::Proven);
            self.piece(at, Proof::Unproven(Gap::Cut));
        }
        let charges = &mut self.ran.charges;
        let sum = match (is_verified, self.is_timed) {
            (false, _) => &mut charges.from_record,
            (true, true) => &mut charges.from_time,
            (true, false) => &mut charges.exact,
        };
        *sum = sum.checked_add(charge_of(record)).unwrap_or(Microcents::MAX);
        Ok(())
    }

    fn finish(mut self, given_up: Option<Tick>) -> Ran {
        if let Some((closing, state)) = &self.closing
            && let Err(mismatch) = self.replay.finish(closing, state)
        {
            return self.stop(mismatch.into());
        }
        match (given_up, &self.closing) {
            (Some(discarded), _) => {
                let at = self.replay.tick();
                self.piece(discarded.max(at), Proof::Unproven(Gap::GivenUp));
            }
            (None, Some(_)) => self.piece(self.replay.tick(), Proof::Proven),
            (None, None) => self.piece(self.replay.tick(), Proof::Unproven(Gap::Unsealed)),
        }
        self.ran
    }

    /// Ends with what was met.
    fn stop(mut self, refutation: Refutation) -> Ran {
        let end = self.closing.as_ref().map(|(closing, _)| closing.tick);
        let reached = self.replay.tick();
        let proof =
            if self.closing.is_some() { Proof::Proven } else { Proof::Unproven(Gap::Unsealed) };
        if reached > self.begun {
            self.piece(reached, proof);
        }
        let (end, standing) = match refutation {
            Refutation::Unverified { tick, problem } => {
                (end.unwrap_or(tick), Proof::Unproven(Gap::Unfinished(problem)))
            }
            Refutation::Mismatch(mismatch) => {
                let end = end.unwrap_or(mismatch.tick);
                let mismatch = self.with_byte(mismatch);
                self.ran.problem = Some(Problem::Execution(mismatch));
                (end, Proof::Refuted)
            }
        };
        self.piece(end.max(reached), standing);
        self.ran
    }

    /// Names the first byte that differs, if the recorded state is the one of the closing checkpoint.
    fn with_byte(&self, mut mismatch: Mismatch) -> Mismatch {
        if let (Difference::State { expected, first_byte, .. }, Some((_, recorded))) =
            (&mut mismatch.difference, &self.closing)
            && first_byte.is_none()
            && *expected == Hash::of(recorded)
        {
            let state = self.replay.state().unwrap_or_default();
            *first_byte = first_difference(recorded, state);
        }
        mismatch
    }

    fn piece(&mut self, to: Tick, standing: Proof) {
        self.ran.pieces.push(Piece { after: self.begun, to, standing });
        self.begun = to;
    }
}

/// The last tick that the operator gave up, if the segment ends so and holds what can be given up.
fn given_up(records: &[Record]) -> Option<Tick> {
    let recovered = records.iter().rev().find_map(|record| match record {
        Record::Recovered(recovered) => Some(recovered),
        _ => None,
    })?;
    let is_lived = |record: &Record| {
        !matches!(record, Record::Owner(_) | Record::Funded(_) | Record::Recovered(_))
    };
    let is_missing = recovered.discarded_to > recovered.tick || !recovered.charges.is_zero();
    (is_missing || records.iter().any(is_lived)).then_some(recovered.discarded_to)
}

fn has_effects(records: &[Record]) -> bool {
    records.iter().any(|record| matches!(record, Record::TickPart(_) | Record::EffectOutcome(_)))
}

/// Whether the meter charges for time, which no re-execution repeats.
fn charges_time(ground: &Ground) -> bool {
    let price = Price::per_second(Microcents::MAX);
    let affordable = ground.meter.affordable(price, Microcents::ZERO, Carry::ZERO);
    affordable.elapsed != Usage::UNBOUNDED.elapsed
}

const fn charge_of(record: &Record) -> Microcents {
    match record {
        Record::Started(record) => record.charge,
        Record::Tick(record) => record.charge,
        Record::TickFailed(record) => record.charge,
        Record::Recovered(record) => record.charges,
        _ => Microcents::ZERO,
    }
}
