//! `igor audit`: proves a history by re-executing it, for somebody who trusts neither node nor disk.
//! The judgement is igor-node's; this reads the files and reports.

use igor_core::Storage;
use igor_core::format::{Microcents, Tick};
use igor_node::audit::{Audit, Piece, Proof, Refuted, Scope, Verdict, audit, open_log};
use serde::Serialize;

use crate::agent;
use crate::args::{AuditArgs, Common, PartArgs};
use crate::exit::Exit;
use crate::explain::Scene;
use crate::folder::Folder;
use crate::plugins::{FILE_STORAGE, WITHOUT_CACHE};
use crate::problem::Problem;
use crate::proving::{Prover, line_of};
use crate::runner::{block_on, linked};
use crate::settings;
use crate::start;
use crate::text;

/// Audits a history and reports.
pub(crate) fn run(args: &AuditArgs, common: &Common) -> Result<Exit, Problem> {
    let plugins = linked()?;
    let folder = Folder::open(&args.dir, "audit")?;
    let beside = folder.data_dir();
    let flags = [
        ("--engine", "engine.plugin", args.part.engine.as_deref()),
        ("HISTORY_DIR", "run.checkpoint_dir", beside.as_ref().map(|(dir, _)| dir.as_str())),
        ("HISTORY_DIR", "storage.plugin", Some(FILE_STORAGE)),
        WITHOUT_CACHE,
    ];
    let config = settings::load(common, &flags, &plugins)?;
    let output = start(&config);
    let module = agent::module(&args.wasm)?;
    let log = match beside {
        Some((dir, agent)) => {
            let scene = Scene { agent, dir: dir.into(), module: None };
            let storage = config.build::<dyn Storage>(&plugins.storages);
            let storage = storage.map_err(|error| scene.build(&error))?;
            block_on(open_log(&*storage, &scene.agent))?.map_err(|error| scene.storage(&error))?
        }
        None => None,
    };
    let prover = Prover::new(config, &plugins);
    let name = prover.engine_name();
    let engine = prover.engine(&name)?;
    let scope = Scope { did: args.did, ..scope(&args.part)? };
    let mut bar = prover.bar();
    let result = prover.with([(&module, &engine)], |[means]| {
        let result = audit(&folder, log.as_ref(), means, &scope, &mut |progress| {
            bar.show(|ns| line_of(progress, ns))
        });
        bar.clear();
        result
    })?;
    let verdict = result.verdict();
    let body = Body::new(args.dir.display().to_string(), name, &result);
    output.document("audit", &body, || as_text(&body))?;
    match verdict {
        Verdict::Proven => Ok(Exit::Done),
        Verdict::Partly => Ok(Exit::Partly),
        Verdict::Refuted => Err(Problem::new(
            format_args!("audit {}: the history is refuted", args.dir.display()),
            "Each line above names its file; compare them with a copy from elsewhere.",
        )),
    }
}

/// The ticks that matter.
pub(crate) fn scope(part: &PartArgs) -> Result<Scope, Problem> {
    let (from, to) = (part.from.unwrap_or(0), part.to.unwrap_or(u64::MAX));
    if from > to {
        return Err(Problem::usage(
            format_args!("--from {from} --to {to}: there is no tick between them"),
            "Give the smaller number first.",
        ));
    }
    Ok(Scope { from: Tick(from), to: Tick(to), ..Scope::default() })
}

#[derive(Serialize)]
struct Body {
    dir: String,
    verdict: &'static str,
    did: Option<String>,
    engine: String,
    ticks: u64,
    proven: Vec<Range>,
    unproven: Vec<Range>,
    charges: Charges,
    refutations: Vec<Line>,
    notices: Vec<Notice>,
}

/// A piece of the life, with the reason if it is not proven.
#[derive(Serialize)]
pub(crate) struct Range {
    after: u64,
    to: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

#[derive(Serialize)]
struct Charges {
    exact: i64,
    from_time: i64,
    from_record: i64,
}

/// One thing that speaks against the history.
#[derive(Serialize)]
pub(crate) struct Line {
    kind: &'static str,
    file: Option<String>,
    message: String,
    tick: Option<u64>,
    observation: Option<usize>,
    first_byte: Option<usize>,
}

#[derive(Serialize)]
struct Notice {
    kind: &'static str,
    file: Option<String>,
    message: String,
}

impl Body {
    fn new(dir: String, engine: String, audit: &Audit) -> Self {
        let sum = |amount: Microcents| amount.get();
        let is_proven = |piece: &&Piece| piece.standing == Proof::Proven;
        Self {
            dir,
            verdict: audit.verdict().name(),
            did: audit.history.did.map(|did| did.to_string()),
            engine,
            ticks: audit.ticks,
            proven: audit.pieces.iter().filter(is_proven).map(Range::from).collect(),
            unproven: unproven(audit),
            charges: Charges {
                exact: sum(audit.charges.exact),
                from_time: sum(audit.charges.from_time),
                from_record: sum(audit.charges.from_record),
            },
            refutations: audit.refutations.iter().map(Line::from).collect(),
            notices: audit
                .notices()
                .map(|finding| Notice {
                    kind: finding.kind.name(),
                    file: finding.file.clone(),
                    message: finding.kind.to_string(),
                })
                .collect(),
        }
    }
}

/// The pieces that can only be believed.
pub(crate) fn unproven(audit: &Audit) -> Vec<Range> {
    let pieces = audit.pieces.iter();
    pieces.filter(|piece| matches!(piece.standing, Proof::Unproven(_))).map(Range::from).collect()
}

impl From<&Piece> for Range {
    fn from(piece: &Piece) -> Self {
        let gap = match &piece.standing {
            Proof::Unproven(gap) => Some(gap),
            Proof::Proven | Proof::Refuted => None,
        };
        Self {
            after: piece.after.0,
            to: piece.to.0,
            kind: gap.map(|gap| gap.name()),
            reason: gap.map(ToString::to_string),
        }
    }
}

impl From<&Refuted> for Line {
    fn from(refuted: &Refuted) -> Self {
        let mismatch = refuted.problem.mismatch();
        Self {
            kind: refuted.problem.name(),
            file: refuted.file.clone(),
            message: refuted.problem.to_string(),
            tick: mismatch.map(|mismatch| mismatch.tick.0),
            observation: mismatch.and_then(|mismatch| mismatch.difference.observation()),
            first_byte: mismatch.and_then(|mismatch| mismatch.difference.first_byte()),
        }
    }
}

impl Range {
    /// The ticks in words.
    fn ticks(&self) -> String {
        match self.to.saturating_sub(self.after) {
            0 => format!("at tick {}", self.to),
            1 => format!("tick {}", self.to),
            _ => format!("ticks {} to {}", self.after.saturating_add(1), self.to),
        }
    }

    /// A line about it.
    pub(crate) fn line(&self) -> String {
        let reason = self.reason.as_deref().map_or(String::new(), |reason| format!(", {reason}"));
        text::one_line(&format!("{}{reason}", self.ticks()))
    }
}

impl Line {
    /// A line about it.
    pub(crate) fn line(&self) -> String {
        let file = self.file.as_deref().map_or(String::new(), |file| format!("{file}: "));
        text::one_line(&format!("{file}{}", self.message))
    }
}

fn as_text(body: &Body) -> String {
    let units = |microcents: i64| {
        Microcents::new(microcents).map_or_else(|_| String::new(), |amount| amount.to_string())
    };
    let rows = [
        ("DID", body.did.clone().unwrap_or_else(|| "(unknown)".to_owned())),
        ("Engine", body.engine.clone()),
        ("Re-executed", format!("{} ticks", body.ticks)),
        ("Charged", format!("{} by gas that was counted again", units(body.charges.exact))),
        ("", format!("{} by the recorded time", units(body.charges.from_time))),
        ("", format!("{} by records that were not repeated", units(body.charges.from_record))),
    ];
    let mut report = text::fields(&rows);
    for (word, ranges) in [("proven", &body.proven), ("unproven", &body.unproven)] {
        for range in ranges {
            report.push_str(&format!("- {word}: {}\n", range.line()));
        }
    }
    for line in &body.refutations {
        report.push_str(&format!("- refuted: {}\n", line.line()));
    }
    for Notice { file, message, .. } in &body.notices {
        let file = file.as_deref().map_or(String::new(), |file| format!("{file}: "));
        report.push_str(&format!("- notice: {}\n", text::one_line(&format!("{file}{message}"))));
    }
    report.push_str(match body.verdict {
        "proven" => "PROVEN\n",
        "refuted" => "REFUTED\n",
        _ => "VALID, PARTLY UNPROVEN\n",
    });
    report
}
