//! `igor export`: writes a stopped agent into one file, or has the node do it that runs on the directory.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::Method;
use igor_core::Storage;
use igor_node::export::{Copying, Wanted};

use crate::args::{Common, ExportArgs};
use crate::bar::Bar;
use crate::control::client::{Client, path_of};
use crate::control::wire::{Export, Packed};
use crate::exit::Exit;
use crate::explain::Scene;
use crate::os::{OsClock, OsEntropy};
use crate::packing::{copying_line, pack};
use crate::passphrase::{Passphrase, passphrase};
use crate::problem::Problem;
use crate::runner::{block_on, linked};
use crate::settings;
use crate::start;
use crate::text;

/// Exports an agent.
pub(crate) fn run(args: &ExportArgs, common: &Common) -> Result<Exit, Problem> {
    let plugins = linked()?;
    let config = settings::load(common, &args.store.flags(), &plugins)?;
    let output = start(&config);
    let dir = config.run().checkpoint_dir.clone();
    if let Some(node) = Client::find(&dir, None) {
        let document = ask(&node, args)?;
        output.document("export", &document, || as_text(&document))?;
        return Ok(Exit::Done);
    }
    let scene = Scene { agent: args.agent_id.clone(), dir, module: None };
    let storage = config.build::<dyn Storage>(&plugins.storages);
    let storage = storage.map_err(|error| scene.build(&error))?;
    let secret = secret(args)?;
    let wanted = Wanted {
        agent: &args.agent_id,
        state_bytes_max: config.limits().state_bytes_max,
        passphrase: secret.as_ref().map(|secret| secret.as_slice()),
        entropy: &OsEntropy,
    };
    let clock = OsClock::new();
    let mut bar = Bar::new(&clock);
    let mut watch = |copying: Copying| bar.show(|_| copying_line(copying));
    let packed = block_on(pack(&*storage, &wanted, (&scene, &args.out), &mut watch));
    bar.clear();
    let document = packed??;
    output.document("export", &document, || as_text(&document))?;
    Ok(Exit::Done)
}

fn secret(args: &ExportArgs) -> Result<Option<Passphrase>, Problem> {
    match args.with_identity {
        true => passphrase(&args.passphrase, true).map(Some),
        false => Ok(None),
    }
}

/// Has the node do it.
fn ask(node: &Client, args: &ExportArgs) -> Result<Packed, Problem> {
    let secret = secret(args)?;
    let passphrase = secret.map(|secret| STANDARD.encode(&*secret));
    let export = Export { file: absolute(&args.out)?, passphrase };
    let path = path_of(&args.agent_id, "/export");
    let packed: Packed = node.ask(Method::POST, &path, Some(&export))?;
    Ok(Packed { file: args.out.display().to_string(), ..packed })
}

/// A path as a node can read it that has another working directory.
pub(super) fn absolute(path: &std::path::Path) -> Result<String, Problem> {
    let absolute = std::path::absolute(path)
        .map_err(|error| error.to_string())
        .and_then(|path| path.into_os_string().into_string().map_err(|_| "no UTF-8".to_owned()));
    absolute.map_err(|error| {
        Problem::usage(
            format_args!("{}: {error}", path.display()),
            "The node that runs here reads and writes files that have a path in UTF-8.",
        )
    })
}

fn as_text(document: &Packed) -> String {
    let Packed { agent_id, tick, file, bytes, .. } = document;
    let (agent_id, file) = (text::escape(agent_id), text::escape(file));
    let rest = if document.identity {
        "It holds the identity: with the passphrase the agent can run elsewhere. Run one of the two only."
    } else {
        "It holds no identity: it can be checked and audited, but not run."
    };
    format!("{agent_id} of tick {tick} is in {file}, {bytes} bytes\n{rest}\n")
}
