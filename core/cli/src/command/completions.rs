//! `igor completions`: the completion script of a shell, made from the command line's definition.

use clap::CommandFactory;
use clap_complete::Shell;

use crate::args::Cli;
use crate::exit::Exit;
use crate::output::Output;
use crate::problem::Problem;

/// Prints the script.
pub(crate) fn run(shell: Shell, output: &Output) -> Result<Exit, Problem> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "igor", &mut script);
    let _ = output.raw(&script)?;
    Ok(Exit::Done)
}
