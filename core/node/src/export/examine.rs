//! Checks an export as a stranger would: every byte, every signature, and that the parts are those of one agent at
//! one moment. It writes nothing. What it cannot check is said by whoever imports: that the agent does not run
//! elsewhere.

use std::io::{Read, Seek};

use igor_core::Limits;
use igor_core::format::export::{ExportContents, ExportFacts, ExportItem, ExportPart};
use igor_core::format::{
    AgentRecord, Checkpoint, Entry, Finding, Hash, HistoryReport, HistoryVerifier, JournalTail,
    Manifest, PublicKey, Severity, decode_receipts, read_journal,
};

use super::Copying;
use super::archive::{Archive, ArchiveError};
use super::journal::{self, Records};

/// An export that was found in order.
#[derive(Debug)]
pub struct Examined {
    pub(super) contents: ExportContents,
    pub(super) checkpoint: Vec<u8>,
    pub(super) record: AgentRecord,
    pub(super) journal: Option<OpenLog>,
    pub(super) sealed_identity: Option<Vec<u8>>,
    report: HistoryReport,
}

/// The records behind the checkpoint.
#[derive(Debug)]
pub(super) struct OpenLog {
    pub(super) records: Records,
    /// The node that wrote them.
    pub(super) node: PublicKey,
}

/// Why an export is not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Unfit {
    /// It cannot be read.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// Its history proves something else than one life.
    #[error("the history is not valid: {first}{}", and_more(*.count))]
    History {
        /// The first finding.
        first: String,
        /// How many there are.
        count: usize,
    },
    /// A part is not what it should be.
    #[error("the part {part}: {problem}")]
    Part {
        /// Which.
        part: ExportPart,
        /// What is wrong with it.
        problem: String,
    },
}

fn and_more(count: usize) -> String {
    if count > 1 { format!(", and {} more", count - 1) } else { String::new() }
}

impl Examined {
    /// What the export holds.
    pub const fn contents(&self) -> &ExportContents {
        &self.contents
    }

    /// What its history proves.
    pub const fn report(&self) -> &HistoryReport {
        &self.report
    }

    /// The agent's identity under a passphrase, if it is in it.
    pub fn sealed_identity(&self) -> Option<&[u8]> {
        self.sealed_identity.as_deref()
    }
}

/// Reads the whole of an archive and checks it.
///
/// # Errors
/// [`Unfit`].
pub fn examine<R: Read + Seek>(
    archive: &mut Archive<R>,
    watch: &mut dyn FnMut(Copying),
) -> Result<Examined, Unfit> {
    let contents = archive.contents().clone();
    let did = contents.facts().public_key.did();
    let state_bytes_max = Limits::CEILING.state_bytes_max;
    let mut verifier = HistoryVerifier::new(state_bytes_max, Some(did));
    let mut parts = Parts::default();
    let total = u64::try_from(contents.items().len()).unwrap_or(u64::MAX).saturating_mul(2);
    let mut done = 0;
    archive.each(|ExportItem { part, hash, .. }, bytes| {
        match part {
            ExportPart::History(file) => verifier.add(&file.to_string(), &bytes),
            ExportPart::Checkpoint => parts.checkpoint = bytes,
            ExportPart::Record => parts.record = bytes,
            ExportPart::Module => parts.module = *hash,
            ExportPart::Manifest => parts.manifest = bytes,
            ExportPart::Receipts => {
                decode_receipts(&bytes).map_err(|error| unfit(*part, error))?;
            }
            ExportPart::Journal => parts.journal = Some(bytes),
            ExportPart::Identity => parts.identity = Some(bytes),
        }
        done += 1;
        watch(Copying { done, total });
        Ok::<_, Unfit>(())
    })?;
    verifier.add_current("checkpoint", &parts.checkpoint);
    let report = verifier.finish();
    valid(&report, contents.facts())?;
    let record = parts.record(contents.facts(), state_bytes_max)?;
    let journal = parts.journal(contents.facts())?;
    let Parts { checkpoint, identity: sealed_identity, .. } = parts;
    Ok(Examined { contents, checkpoint, record, journal, sealed_identity, report })
}

/// What is kept of the parts while they are read.
struct Parts {
    checkpoint: Vec<u8>,
    record: Vec<u8>,
    module: Hash,
    manifest: Vec<u8>,
    journal: Option<Vec<u8>>,
    identity: Option<Vec<u8>>,
}

impl Default for Parts {
    fn default() -> Self {
        Self {
            checkpoint: Vec::new(),
            record: Vec::new(),
            module: Hash::ZERO,
            manifest: Vec::new(),
            journal: None,
            identity: None,
        }
    }
}

fn unfit(part: ExportPart, problem: impl ToString) -> Unfit {
    Unfit::Part { part, problem: problem.to_string() }
}

/// Whether the history is that of one life, which ends with the checkpoint.
fn valid(report: &HistoryReport, facts: &ExportFacts) -> Result<(), Unfit> {
    let is_error = |finding: &&Finding| finding.severity() == Severity::Error;
    let mut errors = report.findings.iter().filter(is_error);
    if let Some(first) = errors.next() {
        let file = first.file.as_deref().map_or(String::new(), |file| format!("{file}: "));
        let first = format!("{file}{}", first.kind);
        return Err(Unfit::History { first, count: 1 + errors.count() });
    }
    let is_last = report.checkpoints.last().is_some_and(|last| last.hash == facts.checkpoint);
    if report.did != Some(facts.public_key.did()) || !is_last {
        let problem = "it is not the last of the history";
        return Err(unfit(ExportPart::Checkpoint, problem));
    }
    Ok(())
}

impl Parts {
    /// The record, if it goes with the checkpoint, the module and the manifest.
    fn record(&self, facts: &ExportFacts, state_bytes_max: u64) -> Result<AgentRecord, Unfit> {
        let of_checkpoint = |problem: String| unfit(ExportPart::Checkpoint, problem);
        let checkpoint = Checkpoint::decode(&self.checkpoint, state_bytes_max)
            .map_err(|error| of_checkpoint(error.to_string()))?;
        checkpoint.verify_by(facts.public_key).map_err(|error| of_checkpoint(error.to_string()))?;
        let header = checkpoint.header();
        if checkpoint.hash() != facts.checkpoint || header.tick != facts.tick {
            return Err(of_checkpoint("it is not the one that the export is of".to_owned()));
        }
        if header.epoch.major > facts.epoch.major {
            return Err(of_checkpoint("it is of a later epoch than the export".to_owned()));
        }
        let record =
            AgentRecord::decode(&self.record).map_err(|error| unfit(ExportPart::Record, error))?;
        if record.public_key != facts.public_key || record.agent_id != facts.agent {
            return Err(unfit(ExportPart::Record, "it is about another agent"));
        }
        if self.module != header.code_hash || record.module != header.code_hash {
            return Err(unfit(ExportPart::Module, "it is not the one that the agent consists of"));
        }
        if Hash::of(&self.manifest) != record.manifest {
            return Err(unfit(
                ExportPart::Manifest,
                "it is not the one that the agent lives under",
            ));
        }
        Manifest::parse(&self.manifest, Limits::CEILING.manifest_bytes_max)
            .map_err(|error| unfit(ExportPart::Manifest, error))?;
        Ok(record)
    }

    /// The journal behind the checkpoint, if there is one.
    fn journal(&self, facts: &ExportFacts) -> Result<Option<OpenLog>, Unfit> {
        let Some(bytes) = &self.journal else { return Ok(None) };
        let part = ExportPart::Journal;
        let records = journal::decode(bytes).map_err(|error| unfit(part, error))?;
        let read = read_journal(records.0, &records.1).map_err(|error| unfit(part, error))?;
        let [segment] = &*read.segments else {
            return Err(unfit(part, "it is not the one segment behind the checkpoint"));
        };
        let continues = segment.base == Entry::base(facts.checkpoint)
            && segment.opening.agent == facts.public_key
            && read.tail == JournalTail::Whole;
        if !continues {
            return Err(unfit(part, "it does not continue the checkpoint"));
        }
        let node = segment.opening.node;
        Ok(Some(OpenLog { records, node }))
    }
}
