//! `igor node`: runs the agents of a directory until it is asked to end.

use crate::args::{Common, ServeArgs};
use crate::control::token::Token;
use crate::exit::Exit;
use crate::explain::Scene;
use crate::node;
use crate::problem::Problem;
use crate::runner::{Assembly, linked};
use crate::settings;
use crate::start;

/// Runs a node.
pub(crate) fn run(args: &ServeArgs, common: &Common) -> Result<Exit, Problem> {
    let plugins = linked()?;
    let config = settings::load(common, &args.flags(), &plugins)?;
    let output = start(&config);
    let dir = config.run().checkpoint_dir.clone();
    let anyone = "agent".parse().map_err(|error| Problem::new(error, ""))?;
    let scene = Scene { agent: anyone, dir: dir.clone(), module: None };
    let assembly = Assembly::new(config, &plugins, &scene)?;
    let control = args.control.control_listen.map(|address| {
        let file = args.control.control_token_file.clone().unwrap_or_else(|| Token::file(&dir));
        (address, file)
    });
    let guest_threads = args.guest_threads;
    node::run(node::Plan { assembly, dir, scene, guest_threads, control }, &output)
}
