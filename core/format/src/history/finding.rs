//! What verifying a history can bring to light. A finding is data and a sentence; how it is shown is
//! the caller's matter.

use core::fmt;

use crate::Tick;
use crate::journal::{SegmentError, SummaryError};
use crate::{
    CheckpointError, CheckpointVersion, FundError, Hash, InheritanceError, Microcents, OfferError,
    PublicKey,
};

/// How grave a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing; the history still proves the life.
    Notice,
    /// The history does not prove the life.
    Error,
}

/// One thing that verification found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The file it concerns, if it concerns one.
    pub file: Option<String>,
    /// What it is.
    pub kind: FindingKind,
}

impl Finding {
    /// How grave it is.
    pub const fn severity(&self) -> Severity {
        self.kind.severity()
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.file {
            Some(file) => write!(f, "{file}: {}", self.kind),
            None => self.kind.fmt(f),
        }
    }
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FindingKind {
    /// There is nothing to verify.
    #[error("no readable checkpoint")]
    NoCheckpoints,
    /// The file is no checkpoint.
    #[error("{0}")]
    Unreadable(CheckpointError),
    /// The file is no fund record.
    #[error("{0}")]
    UnreadableFund(FundError),
    /// The file is no audit segment, or its records are no chain.
    #[error("{0}")]
    UnreadableSegment(SegmentError),
    /// The file is no summary of collected segments.
    #[error("{0}")]
    UnreadableSummary(SummaryError),
    /// The file is no certificate.
    #[error("{0}")]
    UnreadableCertificate(OfferError),
    /// The file is a certificate of the other kind, and none that can be read.
    #[error("{0}")]
    UnreadableInheritance(InheritanceError),
    /// The checkpoint is of a version without a signature.
    #[error("unsigned entry: version {0} carries no signature")]
    Unsigned(CheckpointVersion),
    /// The signature does not belong to the key and the bytes.
    #[error("the signature is invalid")]
    BadSignature,
    /// The file is another agent's.
    #[error("signed by {} instead of {}", found.did(), expected.did())]
    OtherKey {
        /// Whose life this is.
        expected: PublicKey,
        /// Who signed the file.
        found: PublicKey,
    },
    /// The earliest checkpoint follows one that is not here.
    #[error("truncated head: the earliest checkpoint follows {prev}, which is missing")]
    TruncatedHead {
        /// The checkpoint it follows.
        prev: Hash,
    },
    /// The earliest checkpoint follows one that is not here, as the agent came with it from a node that sends no
    /// history.
    #[error(
        "the history begins where the agent came from {source_node}, a node of the original; what came before, {prev} \
         last, is not here"
    )]
    BegunElsewhere {
        /// The checkpoint it follows.
        prev: Hash,
        /// The node that it came from.
        source_node: PublicKey,
    },
    /// A checkpoint in the middle follows one that is not here.
    #[error("broken link: follows {prev}, which is missing or was changed")]
    BrokenLink {
        /// The checkpoint it follows.
        prev: Hash,
    },
    /// Two validly signed checkpoints follow the same one: a fork proof.
    #[error("fork: {other} follows the same checkpoint")]
    Fork {
        /// The file of the other one.
        other: String,
    },
    /// A tick lies before that of the checkpoint it follows.
    #[error("the tick goes back from {from} to {to}")]
    TickBackwards {
        /// The tick of the checkpoint before.
        from: Tick,
        /// The tick of this one.
        to: Tick,
    },
    /// The budget is higher than before, and no fund record says why.
    #[error("the budget rises from {from} to {to} units without a fund record")]
    UnfundedRise {
        /// The budget before.
        from: Microcents,
        /// The budget of this checkpoint.
        to: Microcents,
    },
    /// The checkpoint that a fund record names exists, but does not follow the other one it names
    /// with exactly that much more budget.
    #[error("the fund record does not fit the checkpoints it names")]
    FundMismatch,
    /// A segment does not lie between the checkpoints that it names: the tick, the budget, the module
    /// or the order differs.
    #[error("the segment does not fit the checkpoint {checkpoint} that it names")]
    SegmentMismatch {
        /// The checkpoint.
        checkpoint: Hash,
    },
    /// The segment before is neither here nor in the summary of those that were removed.
    #[error("missing segment: it follows {segment}, which was not collected either")]
    SegmentMissing {
        /// The hash of the segment that is missing.
        segment: Hash,
    },
    /// A segment does not come after the one it follows, or is the second one that follows it.
    #[error("the segment is not in the order of the segments' lives")]
    SegmentOrder,
    /// A segment whose closing checkpoint was never made: a save did not get to its end.
    #[error("the checkpoint {checkpoint} that closes the segment is not here")]
    SegmentUnclosed {
        /// The checkpoint it announces.
        checkpoint: Hash,
    },
    /// A certificate does not state what the checkpoint says that it names, or that one is not here.
    #[error("the certificate does not fit the checkpoint {checkpoint} that it names")]
    CertificateMismatch {
        /// The checkpoint.
        checkpoint: Hash,
    },
    /// A certificate is of a node that did not hold the agent.
    #[error("the certificate is of the node {source_node}, but {held_by} held the agent")]
    CertificateOfOther {
        /// The node that gave the agent away.
        source_node: PublicKey,
        /// The node that sealed what happened before, or was given the agent.
        held_by: PublicKey,
    },
    /// A checkpoint is of an epoch that had ended when it was made: whoever made it had given the agent away.
    #[error("the epoch goes back from {from}, which a certificate began, to {to}")]
    EpochBackwards {
        /// The epoch that had begun.
        from: u64,
        /// The epoch of this checkpoint.
        to: u64,
    },
    /// Another node than before sealed the segment, or gave the agent away, and no certificate says that it was
    /// given the agent.
    #[error("the agent passed from the node {from} to {to} without a certificate")]
    NodeChanged {
        /// The node before.
        from: PublicKey,
        /// The node that sealed the segment, or gave the agent away.
        to: PublicKey,
    },
    /// The current checkpoint is older than the history by more than an interrupted save explains.
    #[error("rollback: the history goes on for {ahead} checkpoints after the current one")]
    Rollback {
        /// How many checkpoints follow it.
        ahead: u64,
    },
    /// The history has one checkpoint more than the node: a save was interrupted; the next start
    /// completes it.
    #[error("a save was interrupted: the history is one checkpoint ahead of the current one")]
    SaveInterrupted,
    /// The current checkpoint follows the history's last one but is not archived.
    #[error("the current checkpoint is not in the history, which it continues")]
    HeadNotArchived,
    /// A fund record whose checkpoint was never made: the funding was interrupted.
    #[error("the fund record was not applied: no checkpoint {after} is here")]
    FundUnapplied {
        /// The checkpoint it announces.
        after: Hash,
    },
    /// A second fund record for the same rise; it counts once.
    #[error("the fund record states again what {other} states")]
    FundRepeated {
        /// The file of the other one.
        other: String,
    },
    /// The same checkpoint lies here under another name.
    #[error("the same checkpoint as {other}")]
    Repeated {
        /// The file of the other one.
        other: String,
    },
    /// The file's name is not the one its content has.
    #[error("the file is not named after its content")]
    OtherName,
    /// The file is none that a history has.
    #[error("no file of a history, ignored")]
    UnknownFile,
}

impl FindingKind {
    /// The name used in output; stable.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::NoCheckpoints => "no_checkpoints",
            Self::Unreadable(_) => "unreadable",
            Self::UnreadableFund(_) => "unreadable_fund",
            Self::UnreadableSegment(_) => "unreadable_segment",
            Self::UnreadableSummary(_) => "unreadable_summary",
            Self::Unsigned(_) => "unsigned",
            Self::BadSignature => "bad_signature",
            Self::OtherKey { .. } => "other_key",
            Self::TruncatedHead { .. } => "truncated_head",
            Self::BegunElsewhere { .. } => "begun_elsewhere",
            Self::BrokenLink { .. } => "broken_link",
            Self::Fork { .. } => "fork",
            Self::TickBackwards { .. } => "tick_backwards",
            Self::UnfundedRise { .. } => "unfunded_rise",
            Self::FundMismatch => "fund_mismatch",
            Self::SegmentMismatch { .. } => "segment_mismatch",
            Self::SegmentMissing { .. } => "segment_missing",
            Self::SegmentOrder => "segment_order",
            Self::SegmentUnclosed { .. } => "segment_unclosed",
            Self::UnreadableCertificate(_) | Self::UnreadableInheritance(_) => {
                "unreadable_certificate"
            }
            Self::CertificateMismatch { .. } => "certificate_mismatch",
            Self::CertificateOfOther { .. } => "certificate_of_other",
            Self::EpochBackwards { .. } => "epoch_backwards",
            Self::NodeChanged { .. } => "node_changed",
            Self::Rollback { .. } => "rollback",
            Self::SaveInterrupted => "save_interrupted",
            Self::HeadNotArchived => "head_not_archived",
            Self::FundUnapplied { .. } => "fund_unapplied",
            Self::FundRepeated { .. } => "fund_repeated",
            Self::Repeated { .. } => "repeated",
            Self::OtherName => "other_name",
            Self::UnknownFile => "unknown_file",
        }
    }

    /// How grave it is.
    pub const fn severity(&self) -> Severity {
        match self {
            Self::NoCheckpoints
            | Self::Unreadable(_)
            | Self::UnreadableFund(_)
            | Self::UnreadableSegment(_)
            | Self::UnreadableSummary(_)
            | Self::Unsigned(_)
            | Self::BadSignature
            | Self::OtherKey { .. }
            | Self::TruncatedHead { .. }
            | Self::BrokenLink { .. }
            | Self::Fork { .. }
            | Self::TickBackwards { .. }
            | Self::UnfundedRise { .. }
            | Self::FundMismatch
            | Self::SegmentMismatch { .. }
            | Self::SegmentMissing { .. }
            | Self::SegmentOrder
            | Self::UnreadableCertificate(_)
            | Self::UnreadableInheritance(_)
            | Self::CertificateMismatch { .. }
            | Self::CertificateOfOther { .. }
            | Self::EpochBackwards { .. }
            | Self::Rollback { .. } => Severity::Error,
            Self::SaveInterrupted
            | Self::HeadNotArchived
            | Self::BegunElsewhere { .. }
            | Self::FundUnapplied { .. }
            | Self::FundRepeated { .. }
            | Self::SegmentUnclosed { .. }
            | Self::NodeChanged { .. }
            | Self::Repeated { .. }
            | Self::OtherName
            | Self::UnknownFile => Severity::Notice,
        }
    }
}
