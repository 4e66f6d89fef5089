//! `igor import`: brings an agent from a file into a store, once everything in the file was checked. What that means
//! is igor-node's to decide; this opens the file and asks for the passphrase.

use std::fs::File;
use std::io::BufReader;

use igor_core::Storage;
use igor_core::format::AgentKey;
use igor_core::format::export::ExportPart;
use igor_node::export::{Archive, Examined, Imported, examine, import, open_identity};
use serde::Serialize;

use crate::args::{Common, ImportArgs};
use crate::bar::Bar;
use crate::command::export::copying_line;
use crate::exit::Exit;
use crate::explain::{Scene, unfit};
use crate::os::OsClock;
use crate::passphrase::passphrase;
use crate::problem::Problem;
use crate::runner::{block_on, linked};
use crate::settings;
use crate::start;
use crate::text;

#[derive(Serialize)]
struct Body {
    file: String,
    agent_id: String,
    did: String,
    tick: u64,
    epoch: u64,
    checkpoint: String,
    parts: usize,
    bytes: u64,
    identity: bool,
    journal: bool,
    dry_run: bool,
    /// Whether nothing changed, as it was here before.
    was_here: bool,
    /// Null: it cannot run here.
    held_epoch: Option<u64>,
}

/// Imports an agent.
pub(crate) fn run(args: &ImportArgs, common: &Common) -> Result<Exit, Problem> {
    let plugins = linked()?;
    let config = settings::load(common, &args.store.flags(), &plugins)?;
    let output = start(&config);
    let file = File::open(&args.file).map_err(|error| {
        Problem::new(
            format_args!("read {}: {error}", args.file.display()),
            "Give a file that `igor export` wrote.",
        )
    })?;
    let clock = OsClock::new();
    let mut bar = Bar::new(&clock);
    let refused = |error| unfit(&error, &args.file);
    let mut archive = Archive::open(BufReader::new(file)).map_err(|error| refused(error.into()))?;
    let examined = examine(&mut archive, &mut |copying| bar.show(|_| copying_line(copying)));
    bar.clear();
    let examined = examined.map_err(refused)?;
    let mut body = Body::new(args, &examined, archive.bytes());
    if !args.dry_run {
        let dir = config.run().checkpoint_dir.clone();
        let agent = examined.contents().facts().agent.clone();
        let scene = Scene { agent, dir, module: None };
        let storage = config.build::<dyn Storage>(&plugins.storages);
        let storage = storage.map_err(|error| scene.build(&error))?;
        let key = identity(args, &examined, &scene)?;
        let mut watch = |copying| bar.show(|_| copying_line(copying));
        let imported = block_on(import(&*storage, &mut archive, &examined, key, &mut watch));
        bar.clear();
        let imported = imported?.map_err(|error| scene.import(&error, &args.file))?;
        body.take(&imported);
    }
    output.document("import", &body, || as_text(&body))?;
    Ok(Exit::Done)
}

/// The identity in the file, if it is there and wanted.
fn identity(
    args: &ImportArgs,
    examined: &Examined,
    scene: &Scene,
) -> Result<Option<AgentKey>, Problem> {
    let Some(sealed) = examined.sealed_identity().filter(|_| !args.without_identity) else {
        return Ok(None);
    };
    let secret = passphrase(&args.passphrase, false)?;
    let key = open_identity(sealed, &secret);
    key.map(Some).map_err(|error| scene.unseal(&error, &args.file))
}

impl Body {
    fn new(args: &ImportArgs, examined: &Examined, bytes: u64) -> Self {
        let contents = examined.contents();
        let facts = contents.facts();
        Self {
            file: args.file.display().to_string(),
            agent_id: facts.agent.to_string(),
            did: facts.public_key.did().to_string(),
            tick: facts.tick.0,
            epoch: facts.epoch.major,
            checkpoint: facts.checkpoint.to_string(),
            parts: contents.items().len(),
            bytes,
            identity: examined.sealed_identity().is_some(),
            journal: contents.item(ExportPart::Journal).is_some(),
            dry_run: args.dry_run,
            was_here: false,
            held_epoch: None,
        }
    }

    fn take(&mut self, imported: &Imported) {
        self.was_here = imported.was_here;
        self.held_epoch = imported.epoch.map(|epoch| epoch.major);
    }
}

fn as_text(body: &Body) -> String {
    let Body { tick, file, parts, bytes, .. } = body;
    let (agent, file) = (text::escape(&body.agent_id), text::escape(file));
    if body.dry_run {
        let identity = if body.identity { "with" } else { "without" };
        return format!(
            "{file} is in order: {agent} of tick {tick}, {parts} parts, {bytes} bytes, {identity} its identity\n"
        );
    }
    let rest = match body.held_epoch {
        _ if body.was_here => "It was here already; nothing changed.".to_owned(),
        None => {
            "There is no identity to run it with: it can be checked and audited only.".to_owned()
        }
        Some(epoch) => format!(
            "This node holds it in epoch {epoch}. If it still runs where the file was made, there are two \
             now: stop one."
        ),
    };
    format!("{agent} of tick {tick} is here\n{rest}\n")
}
