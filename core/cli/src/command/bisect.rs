//! `igor bisect`: finds the first tick at which two engines, or two builds of a module, differ. The
//! comparison is igor-node's; this reads the files and reports.

use igor_node::audit::{Contrast, bisect};
use serde::Serialize;

use crate::agent;
use crate::args::{BisectArgs, Common};
use crate::exit::Exit;
use crate::folder::Folder;
use crate::plugins::{WITHOUT_CACHE, other_engine};
use crate::problem::Problem;
use crate::proving::{Prover, line_of};
use crate::runner::linked;
use crate::settings;
use crate::start;
use crate::text;

/// Bisects and reports.
pub(crate) fn run(args: &BisectArgs, common: &Common) -> Result<Exit, Problem> {
    let plugins = linked()?;
    let config = settings::load(common, &[WITHOUT_CACHE], &plugins)?;
    let output = start(&config);
    let folder = Folder::open(&args.dir, "bisect")?;
    let one = agent::module(&args.wasm)?;
    let other = match &args.against {
        Some(path) => agent::module(path)?,
        None => one.clone(),
    };
    let prover = Prover::new(config, &plugins);
    let chosen = prover.engine_name();
    let names = match &args.engines {
        Some(names) => two(names)?,
        None if args.against.is_some() => [chosen.clone(), chosen],
        None => {
            let other = other_engine(&plugins, &chosen).unwrap_or_default().to_owned();
            [chosen, other]
        }
    };
    let engines = [prover.engine(&names[0])?, prover.engine(&names[1])?];
    let mut bar = prover.bar();
    let programs = [(&*one, &engines[0]), (&*other, &engines[1])];
    let outcome = prover.with(programs, |[one, other]| {
        let outcome =
            bisect(&folder, one, other, &mut |progress| bar.show(|ns| line_of(progress, ns)));
        bar.clear();
        outcome
    })?;
    let (ticks, contrast) = outcome.map_err(|error| {
        Problem::new(
            format_args!("bisect {}: {error}", args.dir.display()),
            "`igor audit` says what is wrong with the history.",
        )
    })?;
    let body = Body::new(args.dir.display().to_string(), names, ticks, contrast.as_ref());
    output.document("bisect", &body, || as_text(&body))?;
    Ok(if contrast.is_some() { Exit::Failure } else { Exit::Done })
}

fn two(names: &str) -> Result<[String; 2], Problem> {
    let parts = names.split_once(',').filter(|(_, other)| !other.contains(','));
    parts.map(|(one, other)| [one, other].map(|name| name.trim().to_owned())).ok_or_else(|| {
        Problem::usage(
            format_args!("--engines {names}: expected two names with a comma between them"),
            "`igor plugins` lists the engines.",
        )
    })
}

#[derive(Serialize)]
struct Body {
    dir: String,
    engines: [String; 2],
    ticks: u64,
    difference: Option<Difference>,
}

#[derive(Serialize)]
struct Difference {
    tick: u64,
    file: String,
    kind: &'static str,
    message: String,
}

impl Body {
    fn new(dir: String, engines: [String; 2], ticks: u64, contrast: Option<&Contrast>) -> Self {
        let difference = contrast.map(|contrast| Difference {
            tick: contrast.tick.0,
            file: contrast.file.clone(),
            kind: contrast.kind.name(),
            message: contrast.kind.to_string(),
        });
        Self { dir, engines, ticks, difference }
    }
}

fn as_text(body: &Body) -> String {
    let [one, other] = &body.engines;
    match &body.difference {
        None => format!("{one} and {other} agree on {} ticks\n", body.ticks),
        Some(Difference { tick, file, message, .. }) => {
            let line = format!("{one} and {other} first differ at tick {tick} ({file}): {message}");
            text::one_line(&line) + "\n"
        }
    }
}
