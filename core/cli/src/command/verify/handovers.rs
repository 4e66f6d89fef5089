//! How `igor verify` shows the certificates of a history: which node gave the agent to which, and under what. They
//! were judged with the history.

use igor_core::format::{CertificateFacts, CertificateTerms, HistoryReport, Microcents, Severity};
use serde::Serialize;

/// An agent's passage from one node to another.
#[derive(Serialize)]
pub(super) struct Handover {
    kind: &'static str,
    file: String,
    epoch: u64,
    tick: u64,
    budget: i64,
    checkpoint: String,
    source: String,
    target: String,
    signed_by: [&'static str; 2],
    /// What a second cost before, and what it cost then.
    source_price: Option<i64>,
    target_price: Option<i64>,
    valid: bool,
}

/// The passages in a history, by their epochs.
pub(super) fn of(report: &HistoryReport) -> Vec<Handover> {
    report.certificates.iter().map(|facts| Handover::new(facts, report)).collect()
}

impl Handover {
    fn new(facts: &CertificateFacts, report: &HistoryReport) -> Self {
        let CertificateFacts { file, terms } = facts;
        let checkpoint = terms.checkpoint();
        let price =
            |facts: &igor_core::format::CheckpointFacts| facts.header.price.microcents().get();
        let mut checkpoints = report.checkpoints.iter();
        let source_price = checkpoints.find(|it| it.hash == checkpoint).map(price);
        let mut checkpoints = report.checkpoints.iter();
        let target_price = checkpoints.find(|it| it.prev == Some(checkpoint)).map(price);
        let mut findings = report.findings.iter();
        let valid = !findings.any(|finding| {
            finding.severity() == Severity::Error && finding.file.as_ref() == Some(file)
        });
        let (kind, signed_by) = match terms {
            CertificateTerms::Offer(_) => ("offer", ["agent", "source"]),
            CertificateTerms::Inheritance(_) => ("inheritance", ["agent", "target"]),
        };
        Self {
            kind,
            file: file.clone(),
            epoch: terms.epoch(),
            tick: terms.tick().0,
            budget: terms.budget().get(),
            checkpoint: checkpoint.to_string(),
            source: terms.source().to_string(),
            target: terms.target().to_string(),
            signed_by,
            source_price,
            target_price,
            valid,
        }
    }

    /// Lines for people.
    pub(super) fn text(&self) -> String {
        let units = |amount: i64| {
            Microcents::new(amount).map_or_else(|_| amount.to_string(), |it| it.to_string())
        };
        let price = |price: Option<i64>| price.map_or_else(|| "(unknown)".to_owned(), units);
        let Self { epoch, tick, source, target, signed_by: [one, other], .. } = self;
        let budget = units(self.budget);
        let (before, then) = (price(self.source_price), price(self.target_price));
        let is_valid = if self.valid { "" } else { ", INVALID" };
        let lines = [
            format!("  epoch {epoch} after tick {tick}, with {budget} units{is_valid}"),
            format!("    from {source}, price {before}"),
            format!("    to   {target}, price {then}"),
            format!("    signed by {one} and {other}"),
        ];
        lines.map(|line| line + "\n").concat()
    }
}
