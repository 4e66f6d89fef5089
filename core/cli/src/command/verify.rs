//! `igor verify`: does a history prove an agent's life? It hands the files to igor-format, which
//! judges them, and reports. It takes no lock and changes nothing.

mod handovers;

use std::io;
use std::path::Path;

use igor_core::Limits;
use igor_core::format::{Finding, HistoryReport, HistorySegment, HistoryVerifier, Severity};
use igor_node::audit::Files;
use serde::Serialize;

use self::handovers::Handover;
use crate::args::VerifyArgs;
use crate::exit::Exit;
use crate::folder::Folder;
use crate::output::Output;
use crate::problem::Problem;
use crate::text;

/// Verifies a history and reports.
pub(crate) fn run(args: &VerifyArgs, output: &Output) -> Result<Exit, Problem> {
    let mut verifier = HistoryVerifier::new(Limits::CEILING.state_bytes_max, args.did);
    let mut unreadable = Vec::new();
    let folder = Folder::open(&args.dir, "verify")?;
    for name in folder.names() {
        match folder.bytes(&name) {
            Ok(bytes) => verifier.add(&name, &bytes),
            Err(error) => unreadable.push(Line::unreadable(name, &error)),
        }
    }
    match folder.current_bytes() {
        Ok(Some((name, bytes))) => verifier.add_current(&name, &bytes),
        Ok(None) => {}
        Err(error) => unreadable.push(Line::unreadable("current checkpoint".to_owned(), &error)),
    }
    let report = verifier.finish();
    let body = Body::new(&args.dir, &report, unreadable);
    output.document("verify", &body, || as_text(&body))?;
    if body.valid {
        return Ok(Exit::Done);
    }
    Err(Problem::new(
        format_args!("verify {}: the history is not valid", args.dir.display()),
        "Each finding above names its file; compare them with a backup.",
    ))
}

#[derive(Serialize)]
struct Body {
    dir: String,
    valid: bool,
    did: Option<String>,
    public_key: Option<String>,
    checkpoints: usize,
    first_tick: Option<u64>,
    last_tick: Option<u64>,
    head: Option<String>,
    budget: Option<i64>,
    segments: Vec<SegmentBody>,
    audit: AuditBody,
    funds: Vec<FundBody>,
    handovers: Vec<Handover>,
    findings: Vec<Line>,
}

#[derive(Serialize)]
struct SegmentBody {
    wasm_hash: String,
    checkpoints: usize,
    first_tick: u64,
    last_tick: u64,
}

/// What can be re-executed, and what only a signed summary is left of.
#[derive(Serialize)]
struct AuditBody {
    segments: usize,
    collected: usize,
    collected_to: Option<u64>,
}

#[derive(Serialize)]
struct FundBody {
    id: String,
    amount: i64,
    applied: bool,
}

#[derive(Serialize)]
struct Line {
    severity: &'static str,
    kind: &'static str,
    file: Option<String>,
    message: String,
}

impl Body {
    fn new(dir: &Path, report: &HistoryReport, unreadable: Vec<Line>) -> Self {
        let valid = report.is_valid() && unreadable.is_empty();
        let ticks = report.checkpoints.iter().map(|facts| facts.header.tick.0);
        let last = report.checkpoints.last();
        let mut findings: Vec<_> = report.findings.iter().map(Line::from).collect();
        findings.extend(unreadable);
        findings.sort_by_key(|line| line.severity != ERROR);
        Self {
            dir: dir.display().to_string(),
            valid,
            did: report.did.map(|did| did.to_string()),
            public_key: report.did.map(|did| did.public_key().to_string()),
            checkpoints: report.checkpoints.len(),
            first_tick: ticks.clone().min(),
            last_tick: ticks.max(),
            head: last.map(|facts| facts.hash.to_string()),
            budget: last.map(|facts| facts.header.budget.get()),
            segments: report.segments.iter().map(SegmentBody::from).collect(),
            audit: AuditBody::new(report),
            funds: report
                .funds
                .iter()
                .map(|fund| FundBody {
                    id: fund.funding.id.to_string(),
                    amount: fund.funding.amount.get(),
                    applied: fund.applied,
                })
                .collect(),
            handovers: handovers::of(report),
            findings,
        }
    }
}

impl AuditBody {
    fn new(report: &HistoryReport) -> Self {
        let collected = report.summary.iter().flat_map(|summary| &summary.segments);
        Self {
            segments: report.audit_segments.len(),
            collected: collected.clone().count(),
            collected_to: collected.map(|segment| segment.closing.tick.0).max(),
        }
    }
}

impl From<&HistorySegment> for SegmentBody {
    fn from(segment: &HistorySegment) -> Self {
        Self {
            wasm_hash: segment.code_hash.to_string(),
            checkpoints: segment.checkpoints,
            first_tick: segment.first.0,
            last_tick: segment.last.0,
        }
    }
}

const ERROR: &str = "error";
const NOTICE: &str = "notice";

impl Line {
    fn unreadable(file: String, error: &io::Error) -> Self {
        let message = format!("read file: {error}");
        Self { severity: ERROR, kind: "io", file: Some(file), message }
    }
}

impl From<&Finding> for Line {
    fn from(finding: &Finding) -> Self {
        let severity = match finding.severity() {
            Severity::Error => ERROR,
            Severity::Notice => NOTICE,
        };
        Self {
            severity,
            kind: finding.kind.name(),
            file: finding.file.clone(),
            message: finding.kind.to_string(),
        }
    }
}

fn as_text(body: &Body) -> String {
    let unknown = || "(unknown)".to_owned();
    let ticks = match (body.first_tick, body.last_tick) {
        (Some(first), Some(last)) => format!("{first} to {last}"),
        _ => unknown(),
    };
    let mut rows = vec![
        ("DID", body.did.clone().unwrap_or_else(unknown)),
        ("Public key", body.public_key.clone().unwrap_or_else(unknown)),
        ("Checkpoints", body.checkpoints.to_string()),
        ("Ticks", ticks),
    ];
    let AuditBody { segments, collected, collected_to } = &body.audit;
    if let Some(tick) = collected_to {
        let sums = format!("{segments}, and the sums of {collected} up to tick {tick}");
        rows.push(("Audit segments", sums));
    } else if *segments > 0 {
        rows.push(("Audit segments", segments.to_string()));
    }
    if !body.funds.is_empty() {
        let applied = body.funds.iter().filter(|fund| fund.applied).count();
        rows.push(("Fundings", format!("{applied} of {} applied", body.funds.len())));
    }
    rows.push(("Modules", body.segments.len().to_string()));
    let mut report = text::fields(&rows);
    for segment in &body.segments {
        let SegmentBody { wasm_hash, checkpoints, first_tick, last_tick } = segment;
        report.push_str(&format!(
            "  wasm {wasm_hash}\n    ticks {first_tick} to {last_tick}, checkpoints: {checkpoints}\n"
        ));
    }
    if !body.handovers.is_empty() {
        report.push_str(&format!("Handovers: {}\n", body.handovers.len()));
        report.extend(body.handovers.iter().map(Handover::text));
    }
    report.push_str(if body.valid { "VALID\n" } else { "INVALID\n" });
    for Line { severity, file, message, .. } in &body.findings {
        let file = file.as_deref().map_or(String::new(), |file| format!("{file}: "));
        let bullet = text::one_line(&format!("- {severity}: {file}{message}"));
        report.push_str(&format!("{bullet}\n"));
    }
    report
}
