//! The outcome of an audit: what is proven, what is not and why, and what refutes the history. Only
//! values; how they are shown, and which exit code they come to, is the caller's matter.

use igor_core::format::{
    EntryError, Finding, Hash, HistoryReport, Microcents, SegmentError, Severity, Tick,
};

use crate::program::LoadError;
use crate::replay::Mismatch;

/// What auditing a history brought.
#[derive(Debug)]
pub struct Audit {
    /// What the files say by themselves: signatures, order, money.
    pub history: HistoryReport,
    /// The life in pieces, in the order in which it was lived; neighbours differ in their standing.
    pub pieces: Vec<Piece>,
    /// What speaks against the history; nothing if it holds.
    pub refutations: Vec<Refuted>,
    /// What could be said of the charges.
    pub charges: Charges,
    /// How many ticks were re-executed and came out as recorded.
    pub ticks: u64,
}

/// What an audit comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// All of it is proven.
    Proven,
    /// Nothing speaks against it, but not all of it is proven.
    Partly,
    /// Something speaks against it.
    Refuted,
}

impl Verdict {
    /// The name used in output; stable.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Proven => "proven",
            Self::Partly => "partly_proven",
            Self::Refuted => "refuted",
        }
    }
}

impl Audit {
    /// What it comes to. Where there is nothing, nothing is proven.
    pub fn verdict(&self) -> Verdict {
        if !self.refutations.is_empty() {
            return Verdict::Refuted;
        }
        let is_empty = self.pieces.is_empty();
        if !is_empty && self.pieces.iter().all(|piece| piece.standing == Proof::Proven) {
            return Verdict::Proven;
        }
        Verdict::Partly
    }

    /// The findings that do not refute the history.
    pub fn notices(&self) -> impl Iterator<Item = &Finding> {
        self.history.findings.iter().filter(|finding| finding.severity() < Severity::Error)
    }
}

/// A piece of a life: what happened after one tick was committed, up to another. It may hold no tick,
/// but a start or a funding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// The last committed tick before it.
    pub after: Tick,
    /// The last committed tick at its end.
    pub to: Tick,
    /// Whether it is proven.
    pub standing: Proof,
}

/// Whether a piece of a life is proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// It was re-executed, and everything came out as recorded.
    Proven,
    /// It can only be believed.
    Unproven(Gap),
    /// Something speaks against it.
    Refuted,
}

/// Why a piece of a life cannot be proven.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Gap {
    /// No segment covers it.
    #[error("not journaled")]
    NotJournaled,
    /// Its segments were removed; a signed summary says so.
    #[error("its segments were removed, as a signed summary says")]
    Collected,
    /// The wall clock or the operator cut an operation short, which no re-execution need repeat.
    #[error("an operation was cut short by the clock or the operator")]
    Cut,
    /// The operator gave it up at a recovery; its charges stay.
    #[error("given up by the operator at a recovery")]
    GivenUp,
    /// It has effects that this program cannot re-execute.
    #[error("it has effects that this igor cannot re-execute")]
    Effects,
    /// It was recorded under versions or limits that this program does not have.
    #[error("this igor cannot re-execute it: {0}")]
    Unsupported(String),
    /// Its re-execution did not come to an end.
    #[error("its re-execution did not come to an end: {0}")]
    Unfinished(String),
    /// It is journaled and came out as recorded, but nobody has sealed it yet.
    #[error("re-executed, but not sealed yet")]
    Unsealed,
}

impl Gap {
    /// The name used in output; stable.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::NotJournaled => "not_journaled",
            Self::Collected => "collected",
            Self::Cut => "cut",
            Self::GivenUp => "given_up",
            Self::Effects => "effects",
            Self::Unsupported(_) => "unsupported",
            Self::Unfinished(_) => "unfinished",
            Self::Unsealed => "unsealed",
        }
    }
}

/// One thing that speaks against a history.
#[derive(Debug, thiserror::Error)]
#[error("{}{problem}", .file.as_deref().map_or(String::new(), |file| format!("{file}: ")))]
pub struct Refuted {
    /// The file it concerns, if it concerns one.
    pub file: Option<String>,
    /// What it is.
    pub problem: Problem,
}

/// What speaks against a history.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// A file cannot be read.
    #[error("read file: {0}")]
    File(String),
    /// The files contradict each other, or a signature does not hold.
    #[error("{}", .0.kind)]
    Finding(Finding),
    /// It is the life of another module.
    #[error("the history is of the module {found}, not of {given}, which was given")]
    Module {
        /// The hash of the module that was given.
        given: Hash,
        /// The hash in the history.
        found: Hash,
    },
    /// A segment does not fit what is around it.
    #[error("the segment states {what} {stated}, {of} {expected}")]
    Terms {
        /// What does not fit.
        what: &'static str,
        /// What the segment states.
        stated: String,
        /// What it is compared with.
        of: &'static str,
        /// What that says.
        expected: String,
    },
    /// The segment cannot be read; met after its signatures held once, so that the file changed.
    #[error("{0}")]
    Segment(SegmentError),
    /// The module cannot have run under the terms of the segment.
    #[error("the module does not run under the terms of the segment: {0}")]
    Load(LoadError),
    /// Re-executing it comes out otherwise.
    #[error("{0}")]
    Execution(Mismatch),
    /// What is durable of the journal that is not sealed yet is damaged.
    #[error("{0}")]
    Journal(EntryError),
}

impl Problem {
    /// The name used in output; stable.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::File(_) => "io",
            Self::Finding(finding) => finding.kind.name(),
            Self::Module { .. } => "module",
            Self::Terms { .. } => "terms",
            Self::Segment(_) => "unreadable_segment",
            Self::Load(_) => "load",
            Self::Execution(mismatch) => mismatch.difference.name(),
            Self::Journal(_) => "journal",
        }
    }

    /// The difference between record and re-execution, if it is one.
    pub const fn mismatch(&self) -> Option<&Mismatch> {
        match self {
            Self::Execution(mismatch) => Some(mismatch),
            _ => None,
        }
    }
}

/// What could be said of the charges in the records.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Charges {
    /// Computed again from gas that was counted again.
    pub exact: Microcents,
    /// Computed again from the time that the records state.
    pub from_time: Microcents,
    /// Computed again from gas or time that the records state, of operations that were not repeated.
    pub from_record: Microcents,
}
