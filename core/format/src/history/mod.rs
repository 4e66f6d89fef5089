//! Proves an agent's life from the files of its history: who it is, that its checkpoints form one
//! unbroken signed chain, that its budget never rises without a fund record, and that its audit
//! segments are sealed and leave nothing out.
//!
//! It is not a reader of directories: the caller names files and hands over their bytes, one at a
//! time, so that a long life needs little memory and a browser can verify one. It runs no code of
//! the agent, so it does not say whether a state is what the module would have computed.

mod audit;
mod certificate;
mod chain;
mod finding;
mod name;
mod report;

pub use finding::{Finding, FindingKind, Severity};
pub use name::{HistoryFile, HistoryFileError};
pub use report::{
    AuditSegmentFacts, CertificateFacts, CertificateTerms, CheckpointFacts, FundFacts,
    HistoryReport, HistorySegment, Holder, SignatureStatus, SummaryFacts,
};

use crate::journal::{Segment, SegmentError, SegmentSummary, SummaryError};
use crate::{Checkpoint, Did, Domain, FundRecord, Inheritance, Offer, VerifyError};

/// Collects the files of one history and judges them together.
#[derive(Debug)]
pub struct HistoryVerifier {
    state_bytes_max: u64,
    expected: Option<Did>,
    checkpoints: Vec<CheckpointFacts>,
    current: Option<CheckpointFacts>,
    funds: Vec<FundFacts>,
    segments: Vec<AuditSegmentFacts>,
    summary: Option<SummaryFacts>,
    certificates: Vec<CertificateFacts>,
    findings: Vec<Finding>,
}

impl HistoryVerifier {
    /// A verifier that refuses larger states, and other identities than the expected one. Without
    /// an expectation the life belongs to whoever signed its first checkpoint.
    pub const fn new(state_bytes_max: u64, expected: Option<Did>) -> Self {
        Self {
            state_bytes_max,
            expected,
            checkpoints: Vec::new(),
            current: None,
            funds: Vec::new(),
            segments: Vec::new(),
            summary: None,
            certificates: Vec::new(),
            findings: Vec::new(),
        }
    }

    /// Adds a file of the history; its name says what it should be. A file that a history does not
    /// have is noted and otherwise ignored.
    pub fn add(&mut self, file: &str, bytes: &[u8]) {
        if HistoryFile::is_checkpoint(file) {
            if let Some(facts) = self.read_checkpoint(file, bytes) {
                if file.parse::<HistoryFile>().ok().and_then(HistoryFile::tick)
                    != Some(facts.header.tick)
                {
                    self.find(file, FindingKind::OtherName);
                }
                self.checkpoints.push(facts);
            }
        } else if HistoryFile::is_fund(file) {
            self.add_fund(file, bytes);
        } else if HistoryFile::is_segment(file) {
            self.add_segment(file, bytes);
        } else if HistoryFile::is_summary(file) {
            self.add_summary(file, bytes);
        } else if HistoryFile::is_certificate(file) {
            self.add_certificate(file, bytes);
        } else {
            self.find(file, FindingKind::UnknownFile);
        }
    }

    /// Adds the agent's current checkpoint, which lies outside the history, so that a history that
    /// was cut at its end or belongs to another branch is noticed.
    pub fn add_current(&mut self, file: &str, bytes: &[u8]) {
        if let Some(facts) = self.read_checkpoint(file, bytes) {
            self.current = Some(CheckpointFacts { archived: false, ..facts });
        }
    }

    /// Judges everything that was added.
    pub fn finish(self) -> HistoryReport {
        let Self { expected, checkpoints, current, funds, segments, .. } = self;
        let Self { summary, certificates, findings, .. } = self;
        let mut report = chain::judge(expected, checkpoints, current, funds, findings);
        let key = report.did.map(|did| did.public_key());
        let (segments, findings) =
            audit::judge(key, &report.checkpoints, segments, summary.as_ref());
        report.findings.extend(findings);
        let (certificates, holder, findings) =
            certificate::judge(key, &report.checkpoints, &segments, certificates);
        report.findings.extend(findings);
        let (findings, checkpoints) = (&mut report.findings, &report.checkpoints);
        certificate::explain_beginning(findings, key, checkpoints, &certificates);
        (report.certificates, report.holder) = (certificates, holder);
        report.audit_segments = segments;
        report.summary = summary;
        report
    }

    fn read_checkpoint(&mut self, file: &str, bytes: &[u8]) -> Option<CheckpointFacts> {
        let checkpoint = match Checkpoint::decode(bytes, self.state_bytes_max) {
            Ok(checkpoint) => checkpoint,
            Err(error) => {
                self.find(file, FindingKind::Unreadable(error));
                return None;
            }
        };
        let signature = match checkpoint.verify() {
            Ok(_) => SignatureStatus::Valid,
            Err(VerifyError::Unsigned(version)) => {
                self.find(file, FindingKind::Unsigned(version));
                SignatureStatus::Unsigned
            }
            Err(_) => {
                self.find(file, FindingKind::BadSignature);
                SignatureStatus::Invalid
            }
        };
        Some(CheckpointFacts {
            file: file.to_owned(),
            hash: checkpoint.hash(),
            version: checkpoint.version(),
            header: *checkpoint.header(),
            prev: checkpoint.lineage().map(|lineage| lineage.prev),
            public_key: checkpoint.lineage().map(|lineage| lineage.public_key),
            signature,
            state_bytes: checkpoint.state().len(),
            archived: true,
        })
    }

    fn add_fund(&mut self, file: &str, bytes: &[u8]) {
        let record = match FundRecord::decode(bytes) {
            Ok(record) => record,
            Err(error) => return self.find(file, FindingKind::UnreadableFund(error)),
        };
        if record.verify().is_err() {
            return self.find(file, FindingKind::BadSignature);
        }
        let name = HistoryFile::Fund(record.funding().id);
        if file != name.to_string() {
            self.find(file, FindingKind::OtherName);
        }
        self.funds.push(FundFacts {
            file: file.to_owned(),
            public_key: record.public_key(),
            funding: *record.funding(),
            applied: false,
        });
    }

    fn add_segment(&mut self, file: &str, bytes: &[u8]) {
        let contents = match Segment::decode(bytes).and_then(|segment| segment.verify()) {
            Ok(contents) => contents,
            Err(SegmentError::AgentSignature | SegmentError::NodeSignature) => {
                return self.find(file, FindingKind::BadSignature);
            }
            Err(error) => return self.find(file, FindingKind::UnreadableSegment(error)),
        };
        let opening = contents.opening;
        self.segments.push(AuditSegmentFacts {
            file: file.to_owned(),
            agent: opening.agent,
            node: opening.node,
            module: opening.module,
            opening_checkpoint: opening.checkpoint,
            opening_tick: opening.tick,
            opening_budget: opening.budget,
            closing: contents.closing,
            predecessor: opening.predecessor,
        });
    }

    fn add_certificate(&mut self, file: &str, bytes: &[u8]) {
        let read = if bytes.starts_with(Domain::Inheritance.tag()) {
            Inheritance::decode(bytes)
                .map_err(FindingKind::UnreadableInheritance)
                .map(|it| (CertificateTerms::Inheritance(*it.terms()), it.verify()))
        } else {
            Offer::decode(bytes)
                .map_err(FindingKind::UnreadableCertificate)
                .map(|offer| (CertificateTerms::Offer(*offer.terms()), offer.verify()))
        };
        let terms = match read {
            Ok((terms, Ok(()))) => terms,
            Ok((_, Err(_))) => return self.find(file, FindingKind::BadSignature),
            Err(kind) => return self.find(file, kind),
        };
        if file.parse() != Ok(HistoryFile::Certificate { epoch: terms.epoch() }) {
            self.find(file, FindingKind::OtherName);
        }
        self.certificates.push(CertificateFacts { file: file.to_owned(), terms });
    }

    fn add_summary(&mut self, file: &str, bytes: &[u8]) {
        let summary = match SegmentSummary::decode(bytes) {
            Ok(summary) => summary,
            Err(error) => return self.find(file, FindingKind::UnreadableSummary(error)),
        };
        // Whose it should be is known at the end only; that it is its own agent's is known here.
        match summary.verify(&summary.agent()) {
            Ok(()) => {}
            Err(SummaryError::AgentSignature | SummaryError::NodeSignature) => {
                return self.find(file, FindingKind::BadSignature);
            }
            Err(error) => return self.find(file, FindingKind::UnreadableSummary(error)),
        }
        if file.parse() != Ok(HistoryFile::Summary) {
            return self.find(file, FindingKind::OtherName);
        }
        self.summary = Some(SummaryFacts {
            file: file.to_owned(),
            agent: summary.agent(),
            segments: summary.segments().to_vec(),
        });
    }

    fn find(&mut self, file: &str, kind: FindingKind) {
        self.findings.push(Finding { file: Some(file.to_owned()), kind });
    }
}
