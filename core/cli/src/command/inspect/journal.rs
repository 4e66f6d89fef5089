//! What the files of a journal hold: an audit segment, record by record, and the summary of segments that were
//! removed. Whether the module would have done the same is for `igor audit` to say.

use igor_core::format::{
    CollectedSegment, FailedOperation, Predecessor, Record, Segment, SegmentContents,
    SegmentSummary,
};
use serde::Serialize;

use super::{DAMAGED, EpochBody};
use crate::args::InspectArgs;
use crate::exit::Exit;
use crate::output::Output;
use crate::problem::Problem;
use crate::text;

/// Records that are listed for people.
const LISTED_MAX: usize = 40;

const NO_PROOF: &str =
    "What is in it proves nothing; the agent's history may have a copy elsewhere.";

#[derive(Serialize)]
struct SegmentBody {
    kind: &'static str,
    file: String,
    hash: String,
    public_key: String,
    did: String,
    node: String,
    epoch: EpochBody,
    wasm_hash: String,
    meter: String,
    price: i64,
    opening_tick: u64,
    closing_tick: u64,
    opening_budget: i64,
    closing_budget: i64,
    opening_checkpoint: String,
    closing_checkpoint: String,
    predecessor: Option<String>,
    records: u64,
    signature: &'static str,
}

pub(super) fn segment(args: &InspectArgs, bytes: &[u8], output: &Output) -> Result<Exit, Problem> {
    let file = args.file.display();
    let segment = Segment::decode(bytes)
        .map_err(|error| Problem::new(format_args!("inspect {file}: {error}"), DAMAGED))?;
    let contents = segment
        .verify()
        .map_err(|error| Problem::new(format_args!("inspect {file}: {error}"), NO_PROOF))?;
    let SegmentContents { opening, closing, .. } = &contents;
    let body = SegmentBody {
        kind: "segment",
        file: file.to_string(),
        hash: closing.hash().to_string(),
        public_key: opening.agent.to_string(),
        did: opening.agent.did().to_string(),
        node: opening.node.to_string(),
        epoch: EpochBody { major: opening.epoch.major, generation: opening.epoch.generation },
        wasm_hash: opening.module.to_string(),
        meter: opening.meter.as_str().to_owned(),
        price: opening.price.microcents().get(),
        opening_tick: opening.tick.0,
        closing_tick: closing.tick.0,
        opening_budget: opening.budget.get(),
        closing_budget: closing.budget.get(),
        opening_checkpoint: opening.checkpoint.to_string(),
        closing_checkpoint: closing.checkpoint.to_string(),
        predecessor: match opening.predecessor {
            Predecessor::Segment(hash) => Some(hash.to_string()),
            Predecessor::Genesis | Predecessor::NotJournaled => None,
        },
        records: closing.records,
        signature: "valid",
    };
    output.document("inspect", &body, || segment_text(&body, &contents))?;
    Ok(Exit::Done)
}

fn segment_text(body: &SegmentBody, contents: &SegmentContents) -> String {
    let SegmentContents { opening, closing, records } = contents;
    let before = match opening.predecessor {
        Predecessor::Genesis => "(nothing: the agent begins here)".to_owned(),
        Predecessor::NotJournaled => "(not journaled)".to_owned(),
        Predecessor::Segment(hash) => hash.to_string(),
    };
    let EpochBody { major, generation } = &body.epoch;
    let mut report = text::fields(&[
        ("Segment", body.hash.clone()),
        ("Ticks", format!("{} to {}", body.opening_tick, body.closing_tick)),
        ("Budget", format!("{} to {}", opening.budget, closing.budget)),
        ("Price/second", opening.price.to_string()),
        ("Meter", body.meter.clone()),
        ("Wasm hash", body.wasm_hash.clone()),
        ("Public key", body.public_key.clone()),
        ("DID", body.did.clone()),
        ("Node", body.node.clone()),
        ("Epoch", format!("({major},{generation})")),
        ("Opened by", body.opening_checkpoint.clone()),
        ("Closed by", body.closing_checkpoint.clone()),
        ("Segment before", before),
        ("Signatures", "VALID".to_owned()),
    ]);
    report.push_str(&format!("\n{} records:\n", records.len()));
    for record in records.iter().take(LISTED_MAX) {
        report.push_str(&line(record));
        report.push('\n');
    }
    if let Some(more) = records.len().checked_sub(LISTED_MAX).filter(|more| *more > 0) {
        report.push_str(&format!("and {more} more\n"));
    }
    report
}

/// A record in at most one short line.
fn line(record: &Record) -> String {
    match record {
        Record::Owner(_) => "owner".to_owned(),
        Record::Started(it) => format!(
            "started  gas {} charge {} obs {}",
            it.gas.0,
            it.charge,
            it.observations.iter().count()
        ),
        Record::Tick(it) => format!(
            "tick {}  gas {} charge {} obs {} state {:.16}",
            it.tick.0,
            it.gas.0,
            it.charge,
            it.observations.iter().count(),
            it.state.to_string()
        ),
        Record::TickPart(it) => format!("tick {}  effect begun", it.tick.0),
        Record::EffectOutcome(it) => format!("tick {}  effect ended", it.tick.0),
        Record::TickFailed(it) => {
            let what = match it.operation {
                FailedOperation::Start => "start".to_owned(),
                FailedOperation::Tick(tick) => format!("tick {}", tick.0),
            };
            format!("{what}  failed: {} gas {} charge {}", it.reason, it.gas.0, it.charge)
        }
        Record::Funded(it) => format!("funded  {}", it.amount),
        Record::Recovered(it) => {
            format!("recovered  to tick {}, given up to {}", it.tick.0, it.discarded_to.0)
        }
    }
}

#[derive(Serialize)]
struct SummaryBody {
    kind: &'static str,
    file: String,
    public_key: String,
    did: String,
    node: String,
    segments: usize,
    first_tick: Option<u64>,
    last_tick: Option<u64>,
    charged: i64,
    funded: i64,
    signature: &'static str,
}

pub(super) fn summary(args: &InspectArgs, bytes: &[u8], output: &Output) -> Result<Exit, Problem> {
    let file = args.file.display();
    let summary = SegmentSummary::decode(bytes)
        .map_err(|error| Problem::new(format_args!("inspect {file}: {error}"), DAMAGED))?;
    summary
        .verify(&summary.agent())
        .map_err(|error| Problem::new(format_args!("inspect {file}: {error}"), NO_PROOF))?;
    let segments = summary.segments();
    let sum =
        |of: fn(&CollectedSegment) -> i64| segments.iter().map(of).fold(0, i64::saturating_add);
    let body = SummaryBody {
        kind: "summary",
        file: file.to_string(),
        public_key: summary.agent().to_string(),
        did: summary.agent().did().to_string(),
        node: summary.node().to_string(),
        segments: segments.len(),
        first_tick: segments.first().map(|segment| segment.first_tick.0),
        last_tick: segments.last().map(|segment| segment.closing.tick.0),
        charged: sum(|segment| segment.charged.get()),
        funded: sum(|segment| segment.funded.get()),
        signature: "valid",
    };
    output.document("inspect", &body, || summary_text(&body, segments))?;
    Ok(Exit::Done)
}

fn summary_text(body: &SummaryBody, segments: &[CollectedSegment]) -> String {
    let mut report = text::fields(&[
        ("Segments", body.segments.to_string()),
        ("Public key", body.public_key.clone()),
        ("DID", body.did.clone()),
        ("Node", body.node.clone()),
        ("Signatures", "VALID".to_owned()),
    ]);
    report.push('\n');
    for segment in segments {
        let (first, last) = (segment.first_tick.0, segment.closing.tick.0);
        let (charged, funded) = (segment.charged, segment.funded);
        report.push_str(&format!("ticks {first} to {last}  charged {charged} funded {funded}\n"));
    }
    report
}
