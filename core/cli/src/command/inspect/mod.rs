//! `igor inspect`: what one of igor's files holds. It reads that file and, if asked, the module; it
//! takes no lock, changes nothing, and of a private key shows the public part only.

mod handoff;
mod journal;

use std::fs::File;
use std::io::Read;
use std::path::Path;

use igor_core::Limits;
use igor_core::format::{
    AgentRecord, Checkpoint, Domain, FundRecord, Hash, PublicKey, VerifyError, decode_identity,
};
use serde::Serialize;
use zeroize::Zeroizing;

use crate::args::InspectArgs;
use crate::exit::Exit;
use crate::output::Output;
use crate::problem::Problem;
use crate::text::{self, hex_dump, rfc3339};

/// Bytes of state shown in the hex dump.
const DUMP_BYTES_MAX: usize = 256;

/// The largest file that is read, in bytes. An audit segment has as many as its records.
const BYTES_MAX: u64 = 1 << 30;

/// What every custody begins with, of whatever version.
const CUSTODY: &[u8] = b"igor/custody/";

const NOT_OURS: &str = "Give a checkpoint (.checkpoint, .ckpt), an audit segment (.seg), a summary (.sum), \
                        a fund record (.rec), a certificate (.cert), a custody, an identity or an agent record.";
const DAMAGED: &str = "The file is damaged or a later igor wrote it; an earlier checkpoint may lie in the \
                       agent's history folder.";

/// Shows a file.
pub(crate) fn run(args: &InspectArgs, output: &Output) -> Result<Exit, Problem> {
    let bytes = read(&args.file, BYTES_MAX)?;
    match bytes.first_chunk::<4>() {
        Some([2..=4, ..]) => checkpoint(args, &bytes, output),
        _ if bytes.len() < 4 => Err(not_ours(args)),
        _ if args.wasm.is_some() => Err(Problem::usage(
            format_args!("inspect {}: only a checkpoint names a module", args.file.display()),
            "Leave --wasm away.",
        )),
        Some(b"igar") => agent_record(args, &bytes, output),
        _ if bytes.starts_with(Domain::Segment.tag()) => journal::segment(args, &bytes, output),
        _ if bytes.starts_with(Domain::Summary.tag()) => journal::summary(args, &bytes, output),
        _ if bytes.starts_with(Domain::Offer.tag()) => handoff::offer(args, &bytes, output),
        _ if bytes.starts_with(Domain::Inheritance.tag()) => {
            handoff::inheritance(args, &bytes, output)
        }
        _ if bytes.starts_with(CUSTODY) => handoff::custody(args, &bytes, output),
        Some(b"igor") => fund_record(args, &bytes, output),
        Some([64, 0, 0, 0]) => identity(args, &bytes, output),
        _ => Err(not_ours(args)),
    }
}

fn not_ours(args: &InspectArgs) -> Problem {
    Problem::new(
        format_args!("inspect {}: this is no file of igor's", args.file.display()),
        NOT_OURS,
    )
}

/// The bytes of `path`, erased when dropped, as they may be a key.
fn read(path: &Path, bytes_max: u64) -> Result<Zeroizing<Vec<u8>>, Problem> {
    let unreadable = |error: std::io::Error| {
        Problem::new(
            format_args!("read {}: {error}", path.display()),
            "Give a file that exists and can be read.",
        )
    };
    let file = File::open(path).map_err(unreadable)?;
    let mut bytes = Zeroizing::new(Vec::new());
    file.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes).map_err(unreadable)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > bytes_max {
        let path = path.display();
        return Err(Problem::new(
            format_args!("read {path}: it has more than {bytes_max} bytes"),
            NOT_OURS,
        ));
    }
    Ok(bytes)
}

#[derive(Serialize)]
struct CheckpointBody {
    kind: &'static str,
    file: String,
    version: u8,
    tick: u64,
    budget: i64,
    price: i64,
    wasm_hash: String,
    epoch: Option<EpochBody>,
    lease_expiry: Option<String>,
    public_key: Option<String>,
    did: Option<String>,
    prev_hash: Option<String>,
    signature: &'static str,
    hash: String,
    header_bytes: usize,
    state_bytes: usize,
    total_bytes: usize,
    state_hash: String,
    wasm_matches: Option<bool>,
}

#[derive(Serialize)]
struct EpochBody {
    major: u64,
    generation: u64,
}

fn checkpoint(args: &InspectArgs, bytes: &[u8], output: &Output) -> Result<Exit, Problem> {
    let file = args.file.display();
    let checkpoint = Checkpoint::decode(bytes, Limits::CEILING.state_bytes_max)
        .map_err(|error| Problem::new(format_args!("inspect {file}: {error}"), DAMAGED))?;
    let header = checkpoint.header();
    let module = match &args.wasm {
        None => None,
        Some(path) => Some(Hash::of(&read(path, Limits::CEILING.module_bytes_max)?)),
    };
    let lineage = checkpoint.lineage();
    let has_epoch = checkpoint.version().code() > 2;
    let body = CheckpointBody {
        kind: "checkpoint",
        file: file.to_string(),
        version: checkpoint.version().code(),
        tick: header.tick.0,
        budget: header.budget.get(),
        price: header.price.microcents().get(),
        wasm_hash: header.code_hash.to_string(),
        epoch: has_epoch.then_some(EpochBody {
            major: header.epoch.major,
            generation: header.epoch.generation,
        }),
        lease_expiry: (header.lease_expiry_ns != 0).then(|| rfc3339(header.lease_expiry_ns)),
        public_key: lineage.map(|lineage| lineage.public_key.to_string()),
        did: lineage.map(|lineage| lineage.public_key.did().to_string()),
        prev_hash: lineage.map(|lineage| lineage.prev.to_string()),
        signature: match checkpoint.verify() {
            Ok(_) => "valid",
            Err(VerifyError::Unsigned(_)) => "none",
            Err(_) => "invalid",
        },
        hash: checkpoint.hash().to_string(),
        header_bytes: checkpoint.version().header_bytes(),
        state_bytes: checkpoint.state().len(),
        total_bytes: bytes.len(),
        state_hash: Hash::of(checkpoint.state()).to_string(),
        wasm_matches: module.map(|module| module == header.code_hash),
    };
    output.document("inspect", &body, || checkpoint_text(&body, &checkpoint))?;
    if body.signature == "invalid" {
        return Err(Problem::new(
            format_args!("inspect {file}: the signature is invalid"),
            "The file was changed after it was signed; continue from another checkpoint.",
        ));
    }
    if let (Some(module), Some(false)) = (module, body.wasm_matches) {
        return Err(Problem::new(
            format_args!(
                "inspect {file}: the checkpoint names module {}, given is {module}",
                header.code_hash
            ),
            "Give the module that the agent was started with; a changed module cannot continue it.",
        ));
    }
    Ok(Exit::Done)
}

fn checkpoint_text(body: &CheckpointBody, checkpoint: &Checkpoint) -> String {
    let header = checkpoint.header();
    let mut rows = vec![
        ("Version", body.version.to_string()),
        ("Tick", body.tick.to_string()),
        ("Budget", format!("{} ({} microcents)", header.budget, body.budget)),
        ("Price/second", format!("{} ({} microcents)", header.price, body.price)),
        ("Wasm hash", body.wasm_hash.clone()),
    ];
    if let Some(EpochBody { major, generation }) = &body.epoch {
        let none = || "(none)".to_owned();
        rows.push(("Epoch", format!("({major},{generation})")));
        rows.push(("Lease expiry", body.lease_expiry.clone().unwrap_or_else(none)));
    }
    if let (Some(key), Some(prev), Some(did)) = (&body.public_key, &body.prev_hash, &body.did) {
        rows.push(("Public key", key.clone()));
        rows.push(("Previous", prev.clone()));
        rows.push(("DID", did.clone()));
    }
    rows.push(("Signature", body.signature.to_uppercase()));
    rows.push(("Hash", body.hash.clone()));
    let CheckpointBody { header_bytes, state_bytes, total_bytes, .. } = body;
    rows.push(("Bytes", format!("{total_bytes} = header {header_bytes} + state {state_bytes}")));
    rows.push(("State hash", body.state_hash.clone()));
    if let Some(matches) = body.wasm_matches {
        rows.push(("Module", if matches { "MATCHES" } else { "DOES NOT MATCH" }.to_owned()));
    }
    let mut report = text::fields(&rows);
    let shown = checkpoint.state().get(..DUMP_BYTES_MAX).unwrap_or(checkpoint.state());
    if !shown.is_empty() {
        report.push_str(&format!("\nState, first {} of {state_bytes} bytes:\n", shown.len()));
        report.push_str(&hex_dump(shown));
    }
    report
}

#[derive(Serialize)]
struct IdentityBody {
    kind: &'static str,
    file: String,
    public_key: String,
    did: String,
}

fn identity(args: &InspectArgs, bytes: &[u8], output: &Output) -> Result<Exit, Problem> {
    let file = args.file.display();
    let key = decode_identity(bytes).map_err(|error| {
        Problem::new(
            format_args!("inspect {file}: {error}"),
            "Restore the identity from a backup; without it the agent cannot continue.",
        )
    })?;
    let key: PublicKey = key.public_key();
    let body = IdentityBody {
        kind: "identity",
        file: file.to_string(),
        public_key: key.to_string(),
        did: key.did().to_string(),
    };
    output.document("inspect", &body, || {
        text::fields(&[("Public key", body.public_key.clone()), ("DID", body.did.clone())])
    })?;
    Ok(Exit::Done)
}

#[derive(Serialize)]
struct FundBody {
    kind: &'static str,
    file: String,
    id: String,
    amount: i64,
    before: String,
    after: String,
    public_key: String,
    did: String,
    signature: &'static str,
}

fn fund_record(args: &InspectArgs, bytes: &[u8], output: &Output) -> Result<Exit, Problem> {
    let file = args.file.display();
    let record = FundRecord::decode(bytes)
        .map_err(|error| Problem::new(format_args!("inspect {file}: {error}"), DAMAGED))?;
    let (funding, key) = (record.funding(), record.public_key());
    let body = FundBody {
        kind: "fund_record",
        file: file.to_string(),
        id: funding.id.to_string(),
        amount: funding.amount.get(),
        before: funding.before.to_string(),
        after: funding.after.to_string(),
        public_key: key.to_string(),
        did: key.did().to_string(),
        signature: if record.verify().is_ok() { "valid" } else { "invalid" },
    };
    output.document("inspect", &body, || {
        text::fields(&[
            ("Fund record", body.id.clone()),
            ("Amount", format!("{} ({} microcents)", funding.amount, body.amount)),
            ("Before", body.before.clone()),
            ("After", body.after.clone()),
            ("Public key", body.public_key.clone()),
            ("DID", body.did.clone()),
            ("Signature", body.signature.to_uppercase()),
        ])
    })?;
    if body.signature == "invalid" {
        return Err(Problem::new(
            format_args!("inspect {file}: the signature is invalid"),
            "The record was changed after it was signed and proves nothing.",
        ));
    }
    Ok(Exit::Done)
}

#[derive(Serialize)]
struct RecordBody {
    kind: &'static str,
    file: String,
    agent_id: String,
    public_key: String,
    did: String,
    wasm_hash: String,
    manifest_hash: String,
    meter: String,
    preparation_version: u32,
    cost_table_version: u32,
    initial_budget: Option<i64>,
    checkpoint: HeadBody,
    previous: Option<HeadBody>,
}

#[derive(Serialize)]
struct HeadBody {
    hash: String,
    carry: u32,
}

fn agent_record(args: &InspectArgs, bytes: &[u8], output: &Output) -> Result<Exit, Problem> {
    let file = args.file.display();
    let record = AgentRecord::decode(bytes)
        .map_err(|error| Problem::new(format_args!("inspect {file}: {error}"), DAMAGED))?;
    let head = |head: igor_core::format::Head| HeadBody {
        hash: head.checkpoint.to_string(),
        carry: head.carry.get(),
    };
    let body = RecordBody {
        kind: "agent_record",
        file: file.to_string(),
        agent_id: record.agent_id.to_string(),
        public_key: record.public_key.to_string(),
        did: record.public_key.did().to_string(),
        wasm_hash: record.module.to_string(),
        manifest_hash: record.manifest.to_string(),
        meter: record.meter.as_str().to_owned(),
        preparation_version: record.preparation_version,
        cost_table_version: record.cost_table_version,
        initial_budget: record.initial_budget.map(|budget| budget.get()),
        checkpoint: head(record.current),
        previous: record.previous.map(head),
    };
    output.document("inspect", &body, || record_text(&body, &record))?;
    Ok(Exit::Done)
}

fn record_text(body: &RecordBody, record: &AgentRecord) -> String {
    let head = |head: &HeadBody| format!("{} carry 0.{:09} microcents", head.hash, head.carry);
    text::fields(&[
        ("Agent", body.agent_id.clone()),
        ("Public key", body.public_key.clone()),
        ("DID", body.did.clone()),
        ("Wasm hash", body.wasm_hash.clone()),
        ("Manifest", body.manifest_hash.clone()),
        ("Meter", body.meter.clone()),
        ("Preparation", body.preparation_version.to_string()),
        ("Cost table", body.cost_table_version.to_string()),
        ("First budget", record.initial_budget.map_or("(unknown)".to_owned(), |b| b.to_string())),
        ("Checkpoint", head(&body.checkpoint)),
        ("Previous", body.previous.as_ref().map_or("(none)".to_owned(), head)),
    ])
}
