//! Finds the first tick at which two programs part: two engines, or two builds of a module. Both live
//! the recorded life, each with its own memory, and are compared with each other after every
//! operation; what the record says of gas and state decides nothing.

use std::sync::Arc;

use igor_core::format::{
    CheckpointFacts, FailedOperation, Gas, Observations, Record, Segment, SegmentContents,
    SegmentOpening, Tick,
};
use igor_core::meter::Usage;
use igor_core::observe::Divergence;

use super::cover::{Cover, Step, steps};
use super::files::{self, Files};
use super::ground::{Ground, Grounds, Means, Obstacle};
use super::report::Problem;
use super::{Progress, read_history};
use crate::host::GuestIdentity;
use crate::incarnation::{Failure, Incarnation, Opening, Report};
use crate::purse::Purse;
use crate::replay::{REPLAY_NS_MAX, first_difference};

/// Where two programs part.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("tick {tick}: {kind}")]
pub struct Contrast {
    /// The tick in which they part; for a start, the last one committed before.
    pub tick: Tick,
    /// The segment it is in.
    pub file: String,
    /// What differs.
    pub kind: ContrastKind,
}

/// What differs between two programs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ContrastKind {
    /// One of them does not load where the other one does.
    #[error("{}", sides("loads", .0, .1))]
    Load(String, String),
    /// The operation ends in different ways.
    #[error("{}", sides("ends with", .0, .1))]
    Outcome(String, String),
    /// They ask for or send different things.
    #[error("{}", sides("observes", .0, .1))]
    Observation(String, String),
    /// They use different amounts of gas.
    #[error("{}", sides("uses gas", &.0.to_string(), &.1.to_string()))]
    Gas(Gas, Gas),
    /// They come to different states; the first byte that differs.
    #[error("the states differ, first at byte {0}")]
    State(usize),
}

impl ContrastKind {
    /// The name used in output; stable.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Load(..) => "load",
            Self::Outcome(..) => "outcome",
            Self::Observation(..) => "observation",
            Self::Gas(..) => "gas",
            Self::State(_) => "state",
        }
    }
}

/// Finds the first tick at which `one` and `other` part; `None` if they never do. Only ticks that are
/// in a segment can be compared; their number is returned too.
///
/// The calling thread needs the stack that both engines ask for.
///
/// # Errors
/// When a segment cannot be read, or neither can run it.
pub fn bisect(
    files: &dyn Files,
    one: Means<'_>,
    other: Means<'_>,
    watch: &mut dyn FnMut(Progress),
) -> Result<(u64, Option<Contrast>), Problem> {
    let (history, _) = read_history(files, None);
    let mut grounds = [Grounds::new(one), Grounds::new(other)];
    let steps = steps(&history);
    let total = steps.iter().map(Step::ticks).fold(0, u64::saturating_add);
    let mut done = 0_u64;
    for step in &steps {
        let Cover::Segment(facts) = &step.cover else { continue };
        let mut watch = |tick| {
            done = done.saturating_add(1);
            watch(Progress { tick, done, total });
        };
        if let Some(contrast) = compare(files, &facts.file, step, &mut grounds, &mut watch)? {
            return Ok((done, Some(contrast)));
        }
    }
    Ok((done, None))
}

fn compare(
    files: &dyn Files,
    file: &str,
    step: &Step<'_>,
    [one, other]: &mut [Grounds<'_>; 2],
    watch: &mut dyn FnMut(Tick),
) -> Result<Option<Contrast>, Problem> {
    let bytes = files.read(file).map_err(Problem::File)?;
    let segment = Segment::decode(&bytes).and_then(|segment| segment.verify());
    let SegmentContents { opening, records, .. } = segment.map_err(Problem::Segment)?;
    let contrast = |tick, kind| Contrast { tick, file: file.to_owned(), kind };
    let grounds = match (one.under(&opening), other.under(&opening)) {
        (Ok(one), Ok(other)) => [one, other],
        (Err(one), Err(_)) => return Err(one.into_problem()),
        (one, other) => {
            let kind = ContrastKind::Load(loads(one), loads(other));
            return Ok(Some(contrast(opening.tick, kind)));
        }
    };
    let state = step.before.and_then(|facts| state_of(files, facts));
    let mut pair = Pair::new(grounds, &opening, state);
    for record in &records {
        if let Some((tick, kind)) = pair.step(record) {
            return Ok(Some(contrast(tick, kind)));
        }
        if let Record::Tick(tick) = record {
            watch(tick.tick);
        }
    }
    Ok(None)
}

fn state_of(files: &dyn Files, facts: &CheckpointFacts) -> Option<Vec<u8>> {
    files::checkpoint(files, facts).map(|checkpoint| checkpoint.into_state())
}

fn loads(outcome: Result<Ground, Obstacle>) -> String {
    outcome.map_or_else(|obstacle| obstacle.into_problem().to_string(), |_| "yes".to_owned())
}

/// Two programs that live one life.
struct Pair {
    sides: [Life; 2],
    opening: SegmentOpening,
    tick: Tick,
    purse: Purse,
}

/// One of them.
struct Life {
    ground: Ground,
    incarnation: Option<Incarnation>,
    state: Option<Vec<u8>>,
}

/// What an operation came to, as far as it is compared.
struct Came {
    outcome: Result<bool, String>,
    gas: Gas,
    divergence: Option<Divergence>,
}

impl Pair {
    fn new(grounds: [Ground; 2], opening: &SegmentOpening, state: Option<Vec<u8>>) -> Self {
        let [one, _] = &grounds;
        let purse = Purse {
            meter: Arc::clone(&one.meter),
            price: opening.price,
            budget: opening.budget,
            carry: opening.carry,
        };
        let sides = grounds.map(|mut ground| {
            ground.environment.limits.tick_ns_max = REPLAY_NS_MAX;
            Life { ground, incarnation: None, state: state.clone() }
        });
        Self { sides, opening: opening.clone(), tick: opening.tick, purse }
    }

    /// Lets both live through a record; what differs, with the tick.
    fn step(&mut self, record: &Record) -> Option<(Tick, ContrastKind)> {
        let (number, observations, usage) = match record {
            Record::Started(started) => {
                (None, &started.observations, (started.gas, started.elapsed))
            }
            Record::Tick(tick) => (Some(tick.tick), &tick.observations, (tick.gas, tick.elapsed)),
            Record::TickFailed(failed) if !failed.is_cut => {
                let number = match failed.operation {
                    FailedOperation::Start => None,
                    FailedOperation::Tick(tick) => Some(tick),
                };
                (number, &failed.observations, (failed.gas, failed.elapsed))
            }
            Record::Funded(funded) => {
                let raised = self.purse.budget.checked_add(funded.amount);
                self.purse.budget = raised.unwrap_or(self.purse.budget);
                return None;
            }
            _ => return None,
        };
        let (tick, purse, opening) = (self.tick, &self.purse, &self.opening);
        let [one, other] = self
            .sides
            .each_mut()
            .map(|life| life.operate(opening, tick, number, purse, observations));
        let at = number.unwrap_or(tick);
        if let Some(kind) = differ(&one, &other) {
            return Some((at, kind));
        }
        let [one, other] = self.sides.each_ref().map(|life| life.state.as_deref());
        if let Some(byte) = first_difference(one.unwrap_or_default(), other.unwrap_or_default()) {
            return Some((at, ContrastKind::State(byte)));
        }
        let (gas, elapsed) = usage;
        self.purse.settle(Usage { gas, elapsed });
        self.tick = at;
        None
    }
}

impl Life {
    fn operate(
        &mut self,
        opening: &SegmentOpening,
        last: Tick,
        number: Option<Tick>,
        purse: &Purse,
        observations: &Observations,
    ) -> Came {
        let record = Some(observations.clone());
        let Some(number) = number else {
            let identity =
                GuestIdentity { code_hash: opening.module, public_key: *opening.agent.as_bytes() };
            let start = Opening { identity, tick: last, state: self.state.as_deref() };
            let Ground { program, environment, .. } = &self.ground;
            let receipts: Arc<[Vec<u8>]> = Arc::new([]);
            let report = Incarnation::start(program, environment, &receipts, purse, &start, record);
            return Came::of(report, |(incarnation, first)| {
                self.incarnation = Some(incarnation);
                if first.is_some() {
                    self.state = first;
                }
                false
            });
        };
        let Some(incarnation) = &mut self.incarnation else {
            let (outcome, gas) = (Err("no start".to_owned()), Gas(0));
            return Came { outcome, gas, divergence: None };
        };
        let report = incarnation.tick(number, purse, record);
        Came::of(report, |output| {
            self.state = Some(output.state);
            output.more
        })
    }
}

impl Came {
    fn of<T>(report: Report<T>, keep: impl FnOnce(T) -> bool) -> Self {
        let outcome = report.outcome.map(keep);
        let outcome = outcome.map_err(|failure: Failure| failure.to_string());
        Self { outcome, gas: report.usage.gas, divergence: report.divergence }
    }

    fn outcome(&self) -> String {
        match &self.outcome {
            Ok(true) => "more work".to_owned(),
            Ok(false) => "no more work".to_owned(),
            Err(failure) => failure.clone(),
        }
    }

    fn observed(&self) -> String {
        let observed = self.divergence.as_ref().map(ToString::to_string);
        observed.unwrap_or_else(|| "what was recorded".to_owned())
    }
}

fn differ(one: &Came, other: &Came) -> Option<ContrastKind> {
    if one.divergence != other.divergence {
        return Some(ContrastKind::Observation(one.observed(), other.observed()));
    }
    if one.outcome != other.outcome {
        return Some(ContrastKind::Outcome(one.outcome(), other.outcome()));
    }
    (one.gas != other.gas).then_some(ContrastKind::Gas(one.gas, other.gas))
}

fn sides(what: &str, one: &str, other: &str) -> String {
    format!("one {what} {one}, the other {other}")
}
