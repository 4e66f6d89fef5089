//! `igor export`: writes a stopped agent into one file. What is in it is igor-node's to say; this makes the file,
//! which nobody else may read, and takes it away again if it did not come to its end.

use std::fs::{self, File, OpenOptions};
use std::io::{BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use igor_core::Storage;
use igor_core::format::export::ExportPart;
use igor_node::export::{Copying, Exported, Wanted, export};
use serde::Serialize;

use crate::args::{Common, ExportArgs};
use crate::bar::Bar;
use crate::exit::Exit;
use crate::explain::Scene;
use crate::os::{OsClock, OsEntropy};
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
}

/// Exports an agent.
pub(crate) fn run(args: &ExportArgs, common: &Common) -> Result<Exit, Problem> {
    let plugins = linked()?;
    let config = settings::load(common, &args.store.flags(), &plugins)?;
    let output = start(&config);
    let dir = config.run().checkpoint_dir.clone();
    let scene = Scene { agent: args.agent_id.clone(), dir, module: None };
    let storage = config.build::<dyn Storage>(&plugins.storages);
    let storage = storage.map_err(|error| scene.build(&error))?;
    let secret = match args.with_identity {
        true => Some(passphrase(&args.passphrase, true)?),
        false => None,
    };
    let wanted = Wanted {
        agent: &args.agent_id,
        state_bytes_max: config.limits().state_bytes_max,
        passphrase: secret.as_ref().map(|secret| secret.as_slice()),
        entropy: &OsEntropy,
    };
    let clock = OsClock::new();
    let mut bar = Bar::new(&clock);
    let mut watch = |copying: Copying| bar.show(|_| copying_line(copying));
    let exported = write_file(&args.out, |out| {
        let exported = block_on(export(&*storage, &wanted, out, &mut watch))?;
        exported.map_err(|error| scene.export(&error, &args.out))
    });
    bar.clear();
    let body = Body::new(&args.out, &exported?);
    output.document("export", &body, || as_text(&body))?;
    Ok(Exit::Done)
}

/// Makes a new file that only its owner may read; it is there whole and durable, or not at all.
fn write_file<T>(
    path: &Path,
    body: impl FnOnce(&mut BufWriter<&File>) -> Result<T, Problem>,
) -> Result<T, Problem> {
    let failed = |error: std::io::Error| {
        let way_out = "Give the path of a file that does not exist yet, in a folder that can be \
                       written to.";
        Problem::new(format_args!("write {}: {error}", path.display()), way_out)
    };
    let mut options = OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o600).open(path).map_err(failed)?;
    let mut out = BufWriter::new(&file);
    let written = body(&mut out).and_then(|exported| {
        out.flush().and_then(|()| file.sync_all()).map_err(failed)?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = File::open(folder.unwrap_or(Path::new(".")));
        folder.and_then(|folder| folder.sync_all()).map_err(failed)?;
        Ok(exported)
    });
    if written.is_err() {
        let _ = fs::remove_file(path);
    }
    written
}

/// The line of progress of both commands.
pub(super) fn copying_line(copying: Copying) -> String {
    let Copying { done, total } = copying;
    let percent = u128::from(done) * 100 / u128::from(total.max(1));
    format!("{percent:3} %, {done} of {total} steps")
}

impl Body {
    fn new(file: &Path, exported: &Exported) -> Self {
        let facts = exported.contents.facts();
        let has = |part| exported.contents.item(part).is_some();
        Self {
            file: file.display().to_string(),
            agent_id: facts.agent.to_string(),
            did: facts.public_key.did().to_string(),
            tick: facts.tick.0,
            epoch: facts.epoch.major,
            checkpoint: facts.checkpoint.to_string(),
            parts: exported.contents.items().len(),
            bytes: exported.bytes,
            identity: has(ExportPart::Identity),
            journal: has(ExportPart::Journal),
        }
    }
}

fn as_text(body: &Body) -> String {
    let Body { agent_id, tick, file, bytes, .. } = body;
    let (agent_id, file) = (text::escape(agent_id), text::escape(file));
    let rest = if body.identity {
        "It holds the identity: with the passphrase the agent can run elsewhere. Run one of the two only."
    } else {
        "It holds no identity: it can be checked and audited, but not run."
    };
    format!("{agent_id} of tick {tick} is in {file}, {bytes} bytes\n{rest}\n")
}
