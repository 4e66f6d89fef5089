//! The outcome of verifying a history: what each file says, and what is wrong. It decides nothing
//! beyond valid or not, and prints nothing.

use super::finding::{Finding, Severity};
use crate::journal::{CollectedSegment, Predecessor, SegmentClosing};
use crate::{
    CheckpointVersion, Did, Funding, Hash, Header, InheritanceTerms, Microcents, OfferTerms,
    PublicKey, Tick,
};

/// What a checkpoint's signature is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SignatureStatus {
    /// It holds.
    Valid,
    /// It does not hold.
    Invalid,
    /// There is none.
    Unsigned,
}

/// What one checkpoint says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckpointFacts {
    /// The file it was read from.
    pub file: String,
    /// The hash of its bytes.
    pub hash: Hash,
    /// The version of its layout.
    pub version: CheckpointVersion,
    /// Budget, price, tick, code and epoch.
    pub header: Header,
    /// The checkpoint it follows, if it is of a signed version.
    pub prev: Option<Hash>,
    /// The key it names, if it is of a signed version.
    pub public_key: Option<PublicKey>,
    /// What its signature is worth.
    pub signature: SignatureStatus,
    /// Bytes of the state.
    pub state_bytes: usize,
    /// Whether it lies in the history; false for a current checkpoint that does not.
    pub archived: bool,
}

/// What one fund record says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FundFacts {
    /// The file it was read from.
    pub file: String,
    /// The agent that was funded.
    pub public_key: PublicKey,
    /// What it states.
    pub funding: Funding,
    /// Whether it explains a rise of the budget in this history.
    pub applied: bool,
}

/// What one audit segment says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditSegmentFacts {
    /// The file it was read from.
    pub file: String,
    /// The agent whose segment it is.
    pub agent: PublicKey,
    /// The node that held the agent.
    pub node: PublicKey,
    /// The hash of the module.
    pub module: Hash,
    /// The checkpoint that it begins with; [`Hash::ZERO`] for an agent that had never run.
    pub opening_checkpoint: Hash,
    /// The last committed tick at its beginning.
    pub opening_tick: Tick,
    /// The budget at its beginning.
    pub opening_budget: Microcents,
    /// How it ends.
    pub closing: SegmentClosing,
    /// What it names as its predecessor.
    pub predecessor: Predecessor,
}

/// What the summary of collected segments says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SummaryFacts {
    /// The file it was read from.
    pub file: String,
    /// The agent whose segments they were.
    pub agent: PublicKey,
    /// The segments, in the order of their lives.
    pub segments: Vec<CollectedSegment>,
}

/// What one certificate says: under what an agent passed from one node to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFacts {
    /// The file it was read from.
    pub file: String,
    /// What was signed.
    pub terms: CertificateTerms,
}

/// What a certificate states, and who signed that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CertificateTerms {
    /// An offer: agent and source signed it.
    Offer(OfferTerms),
    /// An inheritance: agent and target signed it.
    Inheritance(InheritanceTerms),
}

impl CertificateTerms {
    /// Whose certificate it is.
    pub const fn agent(&self) -> PublicKey {
        match self {
            Self::Offer(terms) => terms.agent,
            Self::Inheritance(terms) => terms.agent,
        }
    }

    /// The epoch that began.
    pub const fn epoch(&self) -> u64 {
        match self {
            Self::Offer(terms) => terms.epoch.major,
            Self::Inheritance(terms) => terms.epoch.major,
        }
    }

    /// The agent's last tick at the source.
    pub const fn tick(&self) -> Tick {
        match self {
            Self::Offer(terms) => terms.tick,
            Self::Inheritance(terms) => terms.tick,
        }
    }

    /// The budget that went with it.
    pub const fn budget(&self) -> Microcents {
        match self {
            Self::Offer(terms) => terms.budget,
            Self::Inheritance(terms) => terms.budget,
        }
    }

    /// The hash of the checkpoint that the agent passed with.
    pub const fn checkpoint(&self) -> Hash {
        match self {
            Self::Offer(terms) => terms.checkpoint,
            Self::Inheritance(terms) => terms.checkpoint,
        }
    }

    /// The hash of the module.
    pub const fn module(&self) -> Hash {
        match self {
            Self::Offer(terms) => terms.module,
            Self::Inheritance(terms) => terms.module,
        }
    }

    /// The node that gave the agent away.
    pub const fn source(&self) -> PublicKey {
        match self {
            Self::Offer(terms) => terms.source,
            Self::Inheritance(terms) => terms.source,
        }
    }

    /// The node that took it.
    pub const fn target(&self) -> PublicKey {
        match self {
            Self::Offer(terms) => terms.target,
            Self::Inheritance(terms) => terms.target,
        }
    }
}

/// The node that held an agent, as far as its history says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holder {
    /// The node: it sealed the last segment, or the agent was given to it after that.
    pub node: PublicKey,
    /// The last epoch of which that is said.
    pub epoch: u64,
}

impl Holder {
    /// Whether it is the node that held the agent in this epoch. In a later one than that of which the history
    /// says who it was, an operator may have brought the agent to another node.
    pub const fn is_certain_in(&self, epoch: u64) -> bool {
        epoch <= self.epoch
    }
}

/// Checkpoints that follow each other and are of one module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistorySegment {
    /// The hash of the module.
    pub code_hash: Hash,
    /// How many checkpoints there are.
    pub checkpoints: usize,
    /// The tick of the first.
    pub first: Tick,
    /// The tick of the last.
    pub last: Tick,
}

/// What verifying a history brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryReport {
    /// Whose life this is: the expected identity, or that of the first checkpoint with a valid
    /// signature.
    pub did: Option<Did>,
    /// The readable checkpoints, each one after the one it follows.
    pub checkpoints: Vec<CheckpointFacts>,
    /// The fund records with a valid signature.
    pub funds: Vec<FundFacts>,
    /// The checkpoints grouped by module.
    pub segments: Vec<HistorySegment>,
    /// The audit segments with valid signatures and a sound chain, in the order of their ticks.
    pub audit_segments: Vec<AuditSegmentFacts>,
    /// The summary of collected segments, if there is one with valid signatures.
    pub summary: Option<SummaryFacts>,
    /// The certificates with valid signatures, by epoch.
    pub certificates: Vec<CertificateFacts>,
    /// Who held the agent last, if a segment or a certificate says so.
    pub holder: Option<Holder>,
    /// Everything that is worth saying, in the order it was found.
    pub findings: Vec<Finding>,
}

impl HistoryReport {
    /// Whether the history proves the life: there is no finding of severity [`Severity::Error`].
    pub fn is_valid(&self) -> bool {
        self.findings.iter().all(|finding| finding.severity() < Severity::Error)
    }
}
