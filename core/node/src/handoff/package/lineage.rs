//! Judges the history that an agent brings: what igor-format finds in its files, and what a node that is to
//! go on from it asks for beyond that. It re-executes nothing.

use igor_core::format::{Entry, ExecutionLimits, MeterName, Record};
use igor_core::format::{
    Finding, FindingKind, Hash, HistoryReport, HistoryVerifier, Holder, PublicKey, Segment,
    SegmentOpening, Severity,
};

use super::Refusal;

/// What is to be judged.
pub(super) struct Life<'a> {
    /// Whose life it is.
    pub(super) agent: PublicKey,
    /// The current checkpoint.
    pub(super) checkpoint: &'a [u8],
    /// The files of the history, by name.
    pub(super) files: Vec<(String, &'a [u8])>,
    /// The largest state, in bytes.
    pub(super) state_bytes_max: u64,
    /// Where it may begin.
    pub(super) beginning: Beginning,
}

/// Where a history may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Beginning {
    /// With the first checkpoint of a life.
    First,
    /// With any: what came before was lived elsewhere, and nobody vouches for it but the agent's key.
    Any,
    /// With this checkpoint and after this segment, if there was one; what came before was judged already.
    After(Hash, Option<Hash>),
}

/// The name under which a finding that concerns no file is told.
const WHOLE: &str = "its history";

/// Judges a life.
pub(super) fn judge(life: &Life<'_>) -> Result<HistoryReport, Refusal> {
    let mut verifier = HistoryVerifier::new(life.state_bytes_max, Some(life.agent.did()));
    for (name, bytes) in &life.files {
        verifier.add(name, bytes);
    }
    verifier.add_current("the checkpoint", life.checkpoint);
    let report = verifier.finish();
    let mut findings = report.findings.iter().filter(|finding| !is_fine(finding, life, &report));
    if let Some(finding) = findings.next() {
        return Err(refusal(finding));
    }
    check_end(life, &report)?;
    check_epochs(&report)?;
    Ok(report)
}

fn is_fine(finding: &Finding, life: &Life<'_>, report: &HistoryReport) -> bool {
    match (&finding.kind, life.beginning) {
        (FindingKind::TruncatedHead { .. }, Beginning::Any) => true,
        // Who was born on a node of igor was never inherited before that.
        (FindingKind::BegunElsewhere { .. }, Beginning::First) => false,
        (FindingKind::TruncatedHead { .. }, Beginning::After(first, _)) => {
            report.checkpoints.first().is_some_and(|facts| facts.hash == first)
        }
        (FindingKind::SegmentMissing { segment }, Beginning::After(_, Some(last))) => {
            *segment == last
        }
        // A file under another name would be found in another place of the history later.
        (FindingKind::OtherName | FindingKind::SaveInterrupted, _) => false,
        _ => finding.severity() < Severity::Error,
    }
}

fn refusal(finding: &Finding) -> Refusal {
    let file = finding.file.clone().unwrap_or_else(|| WHOLE.to_owned());
    let problem = finding.kind.to_string();
    match finding.kind {
        FindingKind::BadSignature | FindingKind::OtherKey { .. } | FindingKind::Unsigned(_) => {
            Refusal::Signature { file, problem }
        }
        _ => Refusal::Lineage { file, problem },
    }
}

/// The current checkpoint is the last one of the history, and lies in it.
fn check_end(life: &Life<'_>, report: &HistoryReport) -> Result<(), Refusal> {
    let current = Hash::of(life.checkpoint);
    let last = report.checkpoints.last();
    if last.is_some_and(|facts| facts.hash == current && facts.archived) {
        return Ok(());
    }
    let file = last.map_or(WHOLE, |facts| &facts.file).to_owned();
    let problem = format!("the history does not end with the checkpoint {current}");
    Err(Refusal::Lineage { file, problem })
}

/// Epochs never fall.
fn check_epochs(report: &HistoryReport) -> Result<(), Refusal> {
    let epoch = |facts: &igor_core::format::CheckpointFacts| {
        let epoch = facts.header.epoch;
        (epoch.major, epoch.generation)
    };
    let pairs = report.checkpoints.iter().zip(report.checkpoints.iter().skip(1));
    match pairs.into_iter().find(|(before, after)| epoch(before) > epoch(after)) {
        None => Ok(()),
        Some((before, after)) => {
            let (from, to) = (epoch(before), epoch(after));
            let problem =
                format!("the epoch falls from {}.{} to {}.{}", from.0, from.1, to.0, to.1);
            Err(Refusal::Lineage { file: after.file.clone(), problem })
        }
    }
}

/// Who held an agent at the end of what was judged from the checkpoint `first` on, if it was `before` there.
pub(super) fn holder_after(
    before: Option<Holder>,
    first: Hash,
    report: &HistoryReport,
) -> Option<Holder> {
    let mut new = report.checkpoints.iter().rev().take_while(|facts| facts.hash != first);
    let sealed = new.find_map(|checkpoint| {
        let mut segments = report.audit_segments.iter();
        let segment = segments.find(|facts| facts.closing.checkpoint == checkpoint.hash)?;
        Some(Holder { node: segment.node, epoch: checkpoint.header.epoch.major })
    });
    sealed.or(before)
}

/// The terms that an agent lives under, which no segment may change in passing.
pub(super) struct Terms<'a> {
    pub(super) module: Hash,
    pub(super) manifest: &'a [u8],
    pub(super) meter: &'a MeterName,
    pub(super) limits: &'a ExecutionLimits,
}

/// Whether the segments among `files` were lived under these terms.
pub(super) fn check_terms(files: &[(String, &[u8])], terms: &Terms<'_>) -> Result<(), Refusal> {
    for (file, bytes) in files.iter().filter(|(name, _)| is_segment(name)) {
        // What cannot be read was found before.
        let Some(opening) = opening(bytes) else { continue };
        let problem = if opening.module != terms.module {
            "another module"
        } else if opening.manifest != terms.manifest {
            "another manifest"
        } else if opening.meter != *terms.meter {
            "another meter"
        } else if opening.limits != *terms.limits {
            "other limits"
        } else {
            continue;
        };
        let problem = format!("it was lived under {problem}");
        return Err(Refusal::Lineage { file: file.clone(), problem });
    }
    Ok(())
}

fn is_segment(name: &str) -> bool {
    igor_core::format::HistoryFile::is_segment(name)
}

fn opening(bytes: &[u8]) -> Option<SegmentOpening> {
    let segment = Segment::decode(bytes).ok()?;
    match Entry::decode(segment.entries().first()?).ok()?.0.record {
        Record::Owner(owner) => Some(*owner.opening),
        _ => None,
    }
}
