//! `igor import`: brings an agent from a file into a store once everything in the file was checked, or has the node do
//! it that runs on the directory.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::Method;
use igor_core::Storage;
use igor_core::config::{Config, Plugins};
use igor_node::export::Copying;

use super::export::absolute;
use crate::args::{Common, ImportArgs};
use crate::bar::Bar;
use crate::control::client::Client;
use crate::control::wire::{Import, Imported, Packed};
use crate::exit::Exit;
use crate::os::OsClock;
use crate::packing::{Parcel, copying_line};
use crate::passphrase::{Passphrase, passphrase};
use crate::problem::Problem;
use crate::runner::{block_on, linked};
use crate::settings;
use crate::start;
use crate::text;

/// Imports an agent.
pub(crate) fn run(args: &ImportArgs, common: &Common) -> Result<Exit, Problem> {
    let plugins = linked()?;
    let config = settings::load(common, &args.store.flags(), &plugins)?;
    let output = start(&config);
    let node = Client::find(&config.run().checkpoint_dir, None).filter(|_| !args.dry_run);
    let document = match node {
        Some(node) => ask(&node, args)?,
        None => bring(args, &config, &plugins)?,
    };
    output.document("import", &document, || as_text(&document))?;
    Ok(Exit::Done)
}

/// The passphrase of the identity in the file, if it is there and wanted.
fn secret(args: &ImportArgs, has_identity: bool) -> Result<Option<Passphrase>, Problem> {
    if !has_identity || args.without_identity {
        return Ok(None);
    }
    passphrase(&args.passphrase, false).map(Some)
}

/// Has the node do it.
fn ask(node: &Client, args: &ImportArgs) -> Result<Imported, Problem> {
    let secret = secret(args, Parcel::open(&args.file)?.has_identity())?;
    let passphrase = secret.map(|secret| STANDARD.encode(&*secret));
    let import = Import { file: absolute(&args.file)?, passphrase };
    let imported: Imported = node.ask(Method::POST, "/v1/imports", Some(&import))?;
    let packed = Packed { file: args.file.display().to_string(), ..imported.packed };
    Ok(Imported { packed, ..imported })
}

/// Does it here.
fn bring(args: &ImportArgs, config: &Config, plugins: &Plugins) -> Result<Imported, Problem> {
    let clock = OsClock::new();
    let mut bar = Bar::new(&clock);
    let checked = check(&args.file, &mut bar)?;
    if args.dry_run {
        return Ok(Imported { dry_run: true, ..checked.document() });
    }
    let scene = checked.scene(config.run().checkpoint_dir.clone());
    let storage = config.build::<dyn Storage>(&plugins.storages);
    let storage = storage.map_err(|error| scene.build(&error))?;
    let secret = secret(args, checked.document().packed.identity)?;
    let key = checked.key(secret.as_ref(), &scene)?;
    let mut watch = |copying: Copying| bar.show(|_| copying_line(copying));
    let unpacked = block_on(checked.unpack(&*storage, key, &scene, &mut watch));
    bar.clear();
    unpacked?
}

fn check(file: &Path, bar: &mut Bar<'_>) -> Result<crate::packing::Checked, Problem> {
    let checked = Parcel::open(file)?.check(&mut |copying| bar.show(|_| copying_line(copying)));
    bar.clear();
    checked
}

fn as_text(document: &Imported) -> String {
    let Packed { agent_id, tick, file, parts, bytes, .. } = &document.packed;
    let (agent, file) = (text::escape(agent_id), text::escape(file));
    if document.dry_run {
        let identity = if document.packed.identity { "with" } else { "without" };
        return format!(
            "{file} is in order: {agent} of tick {tick}, {parts} parts, {bytes} bytes, {identity} its identity\n"
        );
    }
    let rest = match document.held_epoch {
        _ if document.was_here => "It was here already; nothing changed.".to_owned(),
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
