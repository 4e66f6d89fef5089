//! Runs checks on an engine of its own, one after the other, on whatever thread it is given. It needs
//! the stack that its engine asks for, and knows neither the running agent nor its store.

use std::sync::Arc;

use igor_core::format::{
    Carry, Entry, Gas, Hash, Microcents, Nanos, Observations, Record, SegmentClosing,
    SegmentOpening, Tick,
};
use igor_core::meter::Usage;
use igor_core::{Clock, Engine, Meter};

use super::checks::first_tick;
use super::{CheckKind, Job, RecordedTick, Verdict, Verification};
use crate::host::{Environment, GuestIdentity};
use crate::incarnation::{Failure, Incarnation, Opening};
use crate::program::{CheckedModule, LoadError, Program};
use crate::purse::Purse;
use crate::replay::{Refutation, SegmentReplay, for_replay};

/// Checks what one agent does.
pub struct Verifier {
    engine: (Arc<dyn Engine>, String),
    module: CheckedModule,
    program: Option<Program>,
    environment: Environment,
    identity: GuestIdentity,
    meter: Arc<dyn Meter>,
}

impl Verifier {
    /// A verifier of the agent with this module and public key, charged by `meter`. The module is
    /// compiled when the first check is due.
    pub(crate) fn new(
        engine: (Arc<dyn Engine>, String),
        module: CheckedModule,
        environment: &Environment,
        public_key: [u8; 32],
        meter: Arc<dyn Meter>,
    ) -> Self {
        let identity = GuestIdentity { code_hash: module.code_hash(), public_key };
        let environment = for_replay(environment);
        Self { engine, module, program: None, environment, identity, meter }
    }

    /// Measures how long checks take by this clock.
    pub(crate) fn keep_time_by(&mut self, clock: Arc<dyn Clock>) {
        self.environment.clock = clock;
    }

    /// The stack that checks need, in bytes.
    pub fn native_stack_bytes(&self) -> usize {
        self.engine.0.native_stack_bytes()
    }

    /// Runs a check.
    pub fn check(&mut self, job: Job) -> Verification {
        let started_ns = self.environment.clock.monotonic_ns();
        let (kind, from, to) = describe(&job);
        let (kind, verdict, gas) = match self.program() {
            Err(error) => (kind, Verdict::Unverified(error.to_string()), Gas(0)),
            Ok(program) => match job {
                Job::Segment { entries, opening_state, closing, closing_state } => {
                    let states = (opening_state, closing_state);
                    let (verdict, gas) = self.segment(program, &entries, states, &closing);
                    (kind, verdict, gas)
                }
                Job::Ticks { started, state, ticks } => {
                    self.ticks(&program, &started, &state, &ticks)
                }
            },
        };
        let ended_ns = self.environment.clock.monotonic_ns();
        let elapsed = Nanos(ended_ns.saturating_sub(started_ns));
        let engine = self.engine.1.clone();
        let to = if kind == CheckKind::Tick { from } else { to };
        Verification { kind, from, to, engine, verdict, gas, elapsed }
    }

    fn program(&mut self) -> Result<Program, LoadError> {
        if let Some(program) = &self.program {
            return Ok(program.clone());
        }
        let program = self.module.compile(&*self.engine.0)?;
        self.program = Some(program.clone());
        Ok(program)
    }

    /// Does the node tell the truth?
    fn segment(
        &self,
        program: Program,
        entries: &[Vec<u8>],
        (opening_state, closing_state): (Option<Vec<u8>>, Vec<u8>),
        closing: &SegmentClosing,
    ) -> (Verdict, Gas) {
        let Some((opening, records)) = decode(entries) else {
            let detail = "its records cannot be read".to_owned();
            return (Verdict::Divergence(detail), Gas(0));
        };
        let meter = Arc::clone(&self.meter);
        let environment = &self.environment;
        let mut replay =
            SegmentReplay::new(program, environment, meter, no_receipts(), &opening, opening_state);
        let mut gas = Gas(0);
        for record in &records {
            gas = Gas(gas.0.saturating_add(gas_of(record).0));
            match replay.step(record) {
                Ok(_) => {}
                Err(Refutation::Mismatch(mismatch)) => {
                    return (Verdict::Divergence(mismatch.to_string()), gas);
                }
                Err(unverified) => return (Verdict::Unverified(unverified.to_string()), gas),
            }
        }
        match replay.finish(closing, &closing_state) {
            Ok(()) => (Verdict::Verified, gas),
            Err(mismatch) => (Verdict::Divergence(mismatch.to_string()), gas),
        }
    }

    /// Does the agent carry all its state?
    fn ticks(
        &self,
        program: &Program,
        started: &Observations,
        state: &[u8],
        ticks: &[RecordedTick],
    ) -> (CheckKind, Verdict, Gas) {
        let first = ticks.get(..1).unwrap_or_default();
        let (verdict, gas) = self.repeat(program, started, state, first);
        if verdict != Verdict::Verified || ticks.len() < 2 {
            return (CheckKind::Tick, verdict, gas);
        }
        let (verdict, more) = self.repeat(program, started, state, ticks);
        (CheckKind::Chain, verdict, Gas(gas.0.saturating_add(more.0)))
    }

    fn repeat(
        &self,
        program: &Program,
        started: &Observations,
        state: &[u8],
        ticks: &[RecordedTick],
    ) -> (Verdict, Gas) {
        let Some(first) = ticks.first() else { return (Verdict::Verified, Gas(0)) };
        // What it costs is nobody's; only states are compared.
        let purse = Purse {
            meter: Arc::new(Free),
            price: Default::default(),
            budget: Microcents::MAX,
            carry: Carry::ZERO,
        };
        let committed = Tick(first.tick.0.saturating_sub(1));
        let opening = Opening { identity: self.identity, tick: committed, state: Some(state) };
        let (environment, receipts) = (&self.environment, no_receipts());
        let record = Some(started.clone());
        let report = Incarnation::start(program, environment, &receipts, &purse, &opening, record);
        let mut gas = report.usage.gas;
        // Another state may make the start ask for less, or for more than was recorded.
        let mut incarnation = match report.outcome {
            Ok((incarnation, _)) => incarnation,
            Err(failure) => {
                let detail = format!("tick {}: its start: {failure}", first.tick);
                return (Verdict::Unverified(detail), gas);
            }
        };
        for recorded in ticks {
            let observed = Some(recorded.observations.clone());
            let report = incarnation.tick(recorded.tick, &purse, observed);
            gas = Gas(gas.0.saturating_add(report.usage.gas.0));
            let found = |what: String| {
                (Verdict::HiddenState(format!("tick {}: {what}", recorded.tick)), gas)
            };
            if let Some(divergence) = report.divergence {
                return found(divergence.to_string());
            }
            match report.outcome {
                Ok(output) if Hash::of(&output.state) == recorded.state => {}
                Ok(_) => return found("it leaves another state".to_owned()),
                Err(failure @ Failure::Node { .. }) => {
                    return (Verdict::Unverified(failure.to_string()), gas);
                }
                Err(failure) if failure.is_cut() => {
                    return (Verdict::Unverified(failure.to_string()), gas);
                }
                Err(failure) => return found(failure.to_string()),
            }
        }
        (Verdict::Verified, gas)
    }
}

fn no_receipts() -> Arc<[Vec<u8>]> {
    Arc::new([])
}

/// Charges nothing.
struct Free;

impl Meter for Free {
    fn charge(&self, _: igor_core::format::Price, _: Usage, carry: Carry) -> (Microcents, Carry) {
        (Microcents::ZERO, carry)
    }

    fn affordable(&self, _: igor_core::format::Price, _: Microcents, _: Carry) -> Usage {
        Usage::UNBOUNDED
    }
}

fn describe(job: &Job) -> (CheckKind, Tick, Tick) {
    match job {
        Job::Segment { entries, closing, .. } => {
            let opened = decode_first(entries).map_or(Tick(0), |opening| opening.tick);
            (CheckKind::Segment, first_tick(opened, closing.tick), closing.tick)
        }
        Job::Ticks { ticks, .. } => {
            let tick = |tick: Option<&RecordedTick>| tick.map_or(Tick(0), |tick| tick.tick);
            (CheckKind::Tick, tick(ticks.first()), tick(ticks.last()))
        }
    }
}

fn decode_first(entries: &[Vec<u8>]) -> Option<SegmentOpening> {
    match Entry::decode(entries.first()?).ok()?.0.record {
        Record::Owner(owner) => Some(*owner.opening),
        _ => None,
    }
}

fn decode(entries: &[Vec<u8>]) -> Option<(SegmentOpening, Vec<Record>)> {
    let opening = decode_first(entries)?;
    let records = entries.iter().map(|bytes| Entry::decode(bytes).ok().map(|(e, _)| e.record));
    Some((opening, records.collect::<Option<_>>()?))
}

fn gas_of(record: &Record) -> Gas {
    match record {
        Record::Started(started) => started.gas,
        Record::Tick(tick) => tick.gas,
        Record::TickFailed(failed) => failed.gas,
        _ => Gas(0),
    }
}
