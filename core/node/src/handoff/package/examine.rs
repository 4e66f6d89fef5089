//! Checks an agent that wants to come while it still runs elsewhere, and gets it ready to run here: when it
//! is taken later, nothing of it is checked or compiled a second time. It reads no store and writes
//! nothing. The calling thread needs the stack that the engine asks for.

use std::sync::Arc;

use igor_core::format::{
    AgentRecord, Checkpoint, Hash, HistoryReport, Holder, Manifest, Part, Predecessor, Tick,
};
use igor_core::gas::CancelFlag;
use igor_core::{Limits, Meter};

use super::lineage::{Beginning, Life, Terms, check_terms, judge};
use super::part::file_of;
use super::proof::prove;
use super::record::{check_head, check_limits, check_policy, read, same};
use super::{Expected, Known, Package, Refusal};
use crate::audit::Ground;
use crate::host::Environment;
use crate::launch::Node;
use crate::open::with_execution_limits;
use crate::program::{CheckedModule, Program};

/// What an agent comes to.
#[derive(Clone, Copy)]
pub struct Receiving<'a> {
    /// The node: its engine, its meters, its price, its clock.
    pub node: &'a Node,
    /// What it gives an agent.
    pub limits: &'a Limits,
    /// Whether it takes an agent whose last segment cannot be run again here.
    pub accepts_unproven: bool,
    /// Ends running it again; what is not proven by then is unproven.
    pub cancel: &'a CancelFlag,
}

/// An agent that was checked and could run here.
pub struct Examined {
    pub(super) expected: Expected,
    pub(super) package: Package,
    pub(super) known: Known,
    pub(super) footing: Footing,
    pub(super) last: Last,
}

/// What an agent lives under, and this node grants.
pub(super) struct Granted {
    pub(super) record: AgentRecord,
    pub(super) manifest: Vec<u8>,
    parsed: Manifest,
    pub(super) meter: Arc<dyn Meter>,
    /// This node's limits with those that the agent lives under.
    pub(super) limits: Limits,
}

/// What an agent stands on wherever it is in its life.
pub(super) struct Footing {
    pub(super) granted: Granted,
    pub(super) checked: CheckedModule,
    pub(super) program: Program,
}

/// Where an agent's life has come to, with what the next step is judged by.
pub(super) struct Last {
    /// The last checkpoint, and what goes with it, by their names in the history.
    pub(super) files: Vec<(String, Vec<u8>)>,
    /// The hash of the last checkpoint.
    pub(super) checkpoint: Hash,
    /// Its place in the history.
    pub(super) place: (Tick, u32),
    /// What the last segment names as the one before it, if that is one.
    pub(super) before: Option<Hash>,
    /// Who held the agent then, as far as its history says.
    pub(super) holder: Option<Holder>,
    /// The last epoch that a certificate began.
    pub(super) begun: u64,
}

/// Checks `package`. Whether the agent can come as far as [`Known`] goes is to be looked at before.
///
/// # Errors
/// The first thing that speaks against it.
pub fn examine(
    expected: Expected,
    package: Package,
    known: Known,
    receiving: &Receiving<'_>,
) -> Result<Examined, Refusal> {
    let (examined, history) = examine_unproven(expected, package, known, receiving)?;
    let files = files(&examined.package)?;
    prove(&files, &history, examined.ground(receiving), receiving.accepts_unproven)?;
    Ok(examined)
}

/// Checks `package`, of which no segment is there that could be run again: the caller looks at what was done
/// last in another way.
///
/// # Errors
/// The first thing that speaks against it.
pub(crate) fn examine_unjournaled(
    expected: Expected,
    package: Package,
    known: Known,
    receiving: &Receiving<'_>,
) -> Result<Examined, Refusal> {
    examine_unproven(expected, package, known, receiving).map(|(examined, _)| examined)
}

/// Checks everything but whether what was done last happens again.
fn examine_unproven(
    expected: Expected,
    package: Package,
    known: Known,
    receiving: &Receiving<'_>,
) -> Result<(Examined, HistoryReport), Refusal> {
    let record = read(required(&package, Part::Record)?, &expected)?;
    let terms = Granted::new(&expected, &package, record, receiving)?;
    let checkpoint = required(&package, Part::Checkpoint)?;
    check_announced(&expected, checkpoint, &terms.limits)?;
    let beginning = match terms.record.initial_budget {
        Some(_) => Beginning::First,
        None => Beginning::Any,
    };
    let life = Life {
        agent: expected.agent,
        checkpoint,
        files: files(&package)?,
        state_bytes_max: terms.limits.state_bytes_max,
        beginning,
    };
    let history = judge(&life)?;
    check_terms(&life.files, &terms.lived())?;
    check_head(&terms.record, Hash::of(checkpoint), &history)?;
    // What only somebody with the agent's key can send is the first that is compiled.
    let footing = terms.compile(required(&package, Part::Module)?, receiving)?;
    let last = last(&package, &history, Hash::of(checkpoint))?;
    Ok((Examined { expected, package, known, footing, last }, history))
}

impl Examined {
    /// What it was announced as.
    pub const fn expected(&self) -> &Expected {
        &self.expected
    }

    /// What its last steps are run again on.
    pub(crate) fn ground(&self, receiving: &Receiving<'_>) -> Ground {
        self.footing.ground(receiving)
    }
}

impl Granted {
    /// Checks what an agent lives under against what this node grants.
    pub(super) fn new(
        expected: &Expected,
        package: &Package,
        record: AgentRecord,
        receiving: &Receiving<'_>,
    ) -> Result<Self, Refusal> {
        let Receiving { node, limits, .. } = *receiving;
        let manifest = required(package, Part::Manifest)?;
        same("its manifest", expected.manifest, Hash::of(manifest))?;
        let module = required(package, Part::Module)?;
        same("its module", expected.module, Hash::of(module))?;
        let bytes = u64::try_from(module.len()).unwrap_or(u64::MAX);
        let max = limits.module_bytes_max;
        if bytes > max {
            return Err(Refusal::TooLarge { part: Part::Module, bytes, max });
        }
        let parsed = Manifest::parse(manifest, limits.manifest_bytes_max)?;
        check_policy(&parsed, node.price)?;
        check_limits(&record.limits, &parsed, limits)?;
        let meter = (node.meter)(record.meter.as_str())?;
        let limits = with_execution_limits(limits, &record.limits);
        Ok(Self { record, manifest: manifest.to_vec(), parsed, meter, limits })
    }

    /// The terms that every segment is lived under.
    pub(super) fn lived(&self) -> Terms<'_> {
        let AgentRecord { module, meter, limits, .. } = &self.record;
        Terms { module: *module, manifest: &self.manifest, meter, limits }
    }

    /// Makes the module ready to run.
    pub(super) fn compile(
        self,
        module: &[u8],
        receiving: &Receiving<'_>,
    ) -> Result<Footing, Refusal> {
        let checked = CheckedModule::new(module, &self.parsed, &self.limits)?;
        let program = checked.compile(&*receiving.node.engine.0)?;
        Ok(Footing { granted: self, checked, program })
    }
}

impl Footing {
    /// What its segments are run again on.
    pub(super) fn ground(&self, receiving: &Receiving<'_>) -> Ground {
        let environment = Environment {
            clock: Arc::clone(&receiving.node.clock),
            entropy: Arc::clone(&receiving.node.entropy),
            limits: self.granted.limits.clone(),
            cancel: receiving.cancel.clone(),
        };
        let meter = Arc::clone(&self.granted.meter);
        Ground { program: self.program.clone(), environment, meter }
    }
}

/// The checkpoint is the one that was announced.
pub(super) fn check_announced(
    expected: &Expected,
    bytes: &[u8],
    limits: &Limits,
) -> Result<(), Refusal> {
    let checkpoint = Checkpoint::decode(bytes, limits.state_bytes_max).map_err(|error| {
        let (file, problem) = (Part::Checkpoint.to_string(), error.to_string());
        Refusal::Lineage { file, problem }
    })?;
    let header = checkpoint.header();
    same("its tick", expected.tick, header.tick)?;
    same("its budget", expected.budget, header.budget)?;
    same("its price", expected.price, header.price)?;
    same("its module", expected.module, header.code_hash)
}

/// The parts that belong to the history, by their names there.
pub(super) fn files(package: &Package) -> Result<Vec<(String, &[u8])>, Refusal> {
    let parts = package.parts()?.into_iter();
    Ok(parts.filter_map(|(item, bytes)| Some((file_of(item.part)?, bytes))).collect())
}

pub(super) fn required(package: &Package, part: Part) -> Result<&[u8], Refusal> {
    package.part(part).ok_or(Refusal::Part { part, problem: "is missing" })
}

/// Where the life in `package` has come to.
pub(super) fn last(
    package: &Package,
    history: &HistoryReport,
    checkpoint: Hash,
) -> Result<Last, Refusal> {
    let place = package.inventory().items().iter().rev().find_map(|item| match item.part {
        Part::History(tick, copy) if item.hash == checkpoint => Some((tick, copy)),
        _ => None,
    });
    let part = Part::Checkpoint;
    let place = place.ok_or(Refusal::Part { part, problem: "is not in its history" })?;
    let mut segments = history.audit_segments.iter();
    let segment = segments.find(|facts| facts.closing.checkpoint == checkpoint);
    let before = segment.and_then(|facts| match facts.predecessor {
        Predecessor::Segment(hash) => Some(hash),
        Predecessor::Genesis | Predecessor::NotJournaled => None,
    });
    let summary = file_of(Part::Summary);
    let keeps = |name: &String| {
        segment.is_some_and(|facts| facts.file == *name)
            || summary.as_ref() == Some(name)
            || file_of(Part::History(place.0, place.1)).as_ref() == Some(name)
    };
    let files = files(package)?.into_iter().filter(|(name, _)| keeps(name));
    let files = files.map(|(name, bytes)| (name, bytes.to_vec())).collect();
    let begun = history.certificates.last().map_or(0, |facts| facts.terms.epoch());
    Ok(Last { files, checkpoint, place, before, holder: history.holder, begun })
}
