//! `igor replay`: re-executes what an agent has journaled and says how fast that went, or where it
//! first differs. What the files prove to a stranger is `igor audit`'s to say.

use std::path::Path;

use igor_core::Storage;
use igor_core::format::{AgentId, Seq};
use igor_node::audit::{Audit, Copied, Files, audit, copy};
use serde::Serialize;

use crate::agent;
use crate::args::{Common, ReplayArgs};
use crate::command::audit::{Line, Range, scope, unproven};
use crate::exit::Exit;
use crate::explain::Scene;
use crate::folder::Folder;
use crate::plugins::WITHOUT_CACHE;
use crate::problem::Problem;
use crate::proving::{Prover, line_of, rate_of};
use crate::runner::{block_on, linked};
use crate::settings;
use crate::start;
use crate::text;

/// Records of a log, with the position of the first.
type Log = (Seq, Vec<Vec<u8>>);

/// Re-executes and reports.
pub(crate) fn run(args: &ReplayArgs, common: &Common) -> Result<Exit, Problem> {
    let plugins = linked()?;
    let mut flags = args.store.flags();
    flags.extend([("--engine", "engine.plugin", args.part.engine.as_deref()), WITHOUT_CACHE]);
    let config = settings::load(common, &flags, &plugins)?;
    let output = start(&config);
    let given = args.wasm.as_deref().map(agent::module).transpose()?;
    let (files, log, kept): (Box<dyn Files + Sync>, Option<Log>, _) =
        if Path::new(&args.what).is_dir() {
            (Box::new(Folder::open(Path::new(&args.what), "replay")?), None, None)
        } else {
            let scene = scene(&args.what, &config)?;
            let storage = config.build::<dyn Storage>(&plugins.storages);
            let storage = storage.map_err(|error| scene.build(&error))?;
            let copied = block_on(copy(&*storage, &scene.agent))?;
            let mut copied: Copied = copied.map_err(|error| scene.storage(&error))?;
            if copied.current.is_none() {
                return Err(scene.no_agent());
            }
            let (log, module) = (copied.log.take(), copied.module.take());
            (Box::new(copied), log, module)
        };
    let module = given.or(kept).ok_or_else(|| {
        Problem::usage(
            format_args!("replay {}: the agent's module is not known", args.what),
            "Give it with --wasm.",
        )
    })?;
    let prover = Prover::new(config, &plugins);
    let name = prover.engine_name();
    let engine = prover.engine(&name)?;
    let (scope, mut bar) = (scope(&args.part)?, prover.bar());
    let begun_ns = prover.elapsed_ns();
    let result = prover.with([(&module, &engine)], |[means]| {
        let mut watch = |progress| bar.show(|ns| line_of(progress, ns));
        let result = audit(&*files, log.as_ref(), means, &scope, &mut watch);
        bar.clear();
        result
    })?;
    let elapsed_ns = prover.elapsed_ns().saturating_sub(begun_ns);
    let body = Body::new(&args.what, name, &result, elapsed_ns);
    output.document("replay", &body, || as_text(&body))?;
    if body.differences.is_empty() {
        return Ok(Exit::Done);
    }
    Err(Problem::new(
        format_args!("replay {}: it does not come out as recorded", args.what),
        "Another --engine tells whether the engine is at fault; `igor bisect` names the first tick \
         at which two engines differ.",
    ))
}

fn scene(what: &str, config: &igor_core::config::Config) -> Result<Scene, Problem> {
    let agent: AgentId = what.parse().map_err(|error| {
        Problem::usage(
            format_args!("replay {what}: {error}"),
            "Give the name of an agent or the folder of a history.",
        )
    })?;
    Ok(Scene { agent, dir: config.run().checkpoint_dir.clone(), module: None })
}

#[derive(Serialize)]
struct Body {
    what: String,
    engine: String,
    ticks: u64,
    elapsed_ns: u64,
    ticks_per_second: u64,
    differences: Vec<Line>,
    unproven: Vec<Range>,
}

impl Body {
    fn new(what: &str, engine: String, audit: &Audit, elapsed_ns: u64) -> Self {
        Self {
            what: what.to_owned(),
            engine,
            ticks: audit.ticks,
            elapsed_ns,
            ticks_per_second: rate_of(audit.ticks, elapsed_ns),
            differences: audit.refutations.iter().map(Line::from).collect(),
            unproven: unproven(audit),
        }
    }
}

fn as_text(body: &Body) -> String {
    let Body { ticks, engine, ticks_per_second, .. } = body;
    let time = text::milliseconds(body.elapsed_ns);
    let mut report = format!(
        "{ticks} ticks verified on {engine} in {time}, {ticks_per_second} ticks per second\n"
    );
    for range in &body.unproven {
        report.push_str(&format!("- not proven: {}\n", range.line()));
    }
    for line in &body.differences {
        report.push_str(&format!("- differs: {}\n", line.line()));
    }
    report
}
