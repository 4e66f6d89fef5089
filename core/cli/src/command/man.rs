//! `igor man`: the man pages, made from the command line's definition. Hidden, because it is for
//! those who package igor; `igor COMMAND --help` says the same.

use std::path::Path;

use clap::CommandFactory;

use crate::args::Cli;
use crate::exit::Exit;
use crate::problem::Problem;

/// Writes `igor.1`, `igor-run.1` and so on into `dir`.
pub(crate) fn run(dir: &Path) -> Result<Exit, Problem> {
    clap_mangen::generate_to(Cli::command(), dir).map_err(|error| {
        Problem::new(
            format_args!("write man pages into {}: {error}", dir.display()),
            "Give a folder that exists and can be written.",
        )
    })?;
    Ok(Exit::Done)
}
