//! Judges the certificates of a history: that each fits the checkpoint that it names, that the epoch which began
//! with it was never left again, and that the nodes which sealed the segments are those that it names.
//! Their signatures were already looked at.

use std::collections::BTreeMap;

use super::finding::{Finding, FindingKind};
use super::report::{
    AuditSegmentFacts, CertificateFacts, CertificateTerms, CheckpointFacts, Holder,
};
use crate::{Hash, PublicKey};

/// Judges the certificates beside these checkpoints, each after the one it follows, and these segments; returns
/// the certificates by epoch, who held the agent last, and what is wrong with them.
pub(super) fn judge(
    expected: Option<PublicKey>,
    checkpoints: &[CheckpointFacts],
    segments: &[AuditSegmentFacts],
    mut certificates: Vec<CertificateFacts>,
) -> (Vec<CertificateFacts>, Option<Holder>, Vec<Finding>) {
    certificates.sort_by_key(|facts| facts.terms.epoch());
    let mut findings = Vec::new();
    let mut find = |file: &str, kind| findings.push(Finding { file: Some(file.to_owned()), kind });
    for facts in &certificates {
        let found = facts.terms.agent();
        if let Some(expected) = expected.filter(|expected| *expected != found) {
            find(&facts.file, FindingKind::OtherKey { expected, found });
        }
        let checkpoint = facts.terms.checkpoint();
        let named = checkpoints.iter().find(|other| other.hash == checkpoint);
        if !named.is_some_and(|checkpoint| fits(facts, checkpoint)) {
            find(&facts.file, FindingKind::CertificateMismatch { checkpoint });
        }
    }
    let sealed: BTreeMap<Hash, &AuditSegmentFacts> =
        segments.iter().map(|facts| (facts.closing.checkpoint, facts)).collect();
    let (mut holder, mut epoch): (Option<Holder>, u64) = (None, 0);
    for checkpoint in checkpoints {
        let header = &checkpoint.header;
        if header.epoch.major < epoch {
            let kind = FindingKind::EpochBackwards { from: epoch, to: header.epoch.major };
            find(&checkpoint.file, kind);
        }
        if let Some(segment) = sealed.get(&checkpoint.hash) {
            if let Some(from) = holder.map(|it| it.node).filter(|from| *from != segment.node) {
                find(&segment.file, FindingKind::NodeChanged { from, to: segment.node });
            }
            holder = Some(Holder { node: segment.node, epoch: header.epoch.major });
        }
        for facts in certificates.iter().filter(|it| it.terms.checkpoint() == checkpoint.hash) {
            if let Some(held_by) = holder.filter(|it| is_another(&facts.terms, &it.node)) {
                find(&facts.file, not_of(&held_by, header.epoch.major, facts.terms.source()));
            }
            let began = facts.terms.epoch();
            holder = Some(Holder { node: facts.terms.target(), epoch: began });
            epoch = epoch.max(began);
        }
    }
    (certificates, holder, findings)
}

/// What is to be said of a certificate of `source_node` for a checkpoint of `epoch`, if another node held the agent.
const fn not_of(held_by: &Holder, epoch: u64, source_node: PublicKey) -> FindingKind {
    let held = held_by.node;
    match held_by.is_certain_in(epoch) {
        true => FindingKind::CertificateOfOther { source_node, held_by: held },
        false => FindingKind::NodeChanged { from: held, to: source_node },
    }
}

/// Whether a certificate says what the checkpoint that it names says, and begins a later epoch.
fn fits(facts: &CertificateFacts, checkpoint: &CheckpointFacts) -> bool {
    let (terms, header) = (&facts.terms, &checkpoint.header);
    (terms.tick(), terms.budget(), terms.module()) == (header.tick, header.budget, header.code_hash)
        && terms.epoch() > header.epoch.major
}

/// Whether a source signed that is not `held_by`. What is inherited comes from a node that seals nothing.
fn is_another(terms: &CertificateTerms, held_by: &PublicKey) -> bool {
    matches!(terms, CertificateTerms::Offer(terms) if terms.source != *held_by)
}

/// Says of a life whose earliest checkpoint was inherited that it begins there: nobody here has what came before.
pub(super) fn explain_beginning(
    findings: &mut [Finding],
    agent: Option<PublicKey>,
    checkpoints: &[CheckpointFacts],
    certificates: &[CertificateFacts],
) {
    for finding in findings {
        let FindingKind::TruncatedHead { prev } = finding.kind else { continue };
        let first = checkpoints.iter().find(|facts| finding.file.as_ref() == Some(&facts.file));
        let Some(first) = first else { continue };
        let inherited = certificates.iter().find(|facts| {
            matches!(facts.terms, CertificateTerms::Inheritance(_))
                && facts.terms.checkpoint() == first.hash
                && Some(facts.terms.agent()) == agent
                && fits(facts, first)
        });
        if let Some(facts) = inherited {
            let source_node = facts.terms.source();
            finding.kind = FindingKind::BegunElsewhere { prev, source_node };
        }
    }
}
