//! The development tasks of igor, run as `cargo xtask <task>`. Each task is a module of its own; this
//! file only chooses among them. Nothing here is part of the product.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line tool reports to its terminal"
)]

mod agents;
mod coverage;
mod sim;
mod verify;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// What a task answers: nothing, or why it failed.
type TaskResult<T = ()> = Result<T, Box<dyn std::error::Error>>;

/// The development tasks of igor.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    Agents(agents::Args),
    Coverage(coverage::Args),
    /// Check format, lints, documentation and licenses; change nothing.
    Lint,
    Sim(sim::Args),
    /// Check everything that must hold before a change is merged; change nothing.
    Verify,
    /// Repair format and what the compiler can repair by itself.
    Fix,
}

fn main() -> ExitCode {
    if let Some(ended) = coverage::as_wrapper() {
        return ended;
    }
    let outcome = match Cli::parse().task {
        Task::Agents(args) => agents::run(&args),
        Task::Coverage(args) => coverage::run(&args),
        Task::Lint => verify::lint(),
        Task::Sim(args) => sim::run(&args),
        Task::Verify => verify::verify(),
        Task::Fix => verify::fix(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}
