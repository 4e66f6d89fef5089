//! The `igor` program: everything the user sees, and the composition root that puts a node together
//! from plugins. It decides what is printed, what ends with which exit code and what a flag means;
//! it does not know how an agent is ticked, charged or kept.

mod agent;
mod args;
mod bar;
mod command;
mod control;
mod exit;
mod explain;
mod folder;
mod hardening;
mod node;
mod os;
mod output;
mod packing;
mod passphrase;
mod plugins;
mod problem;
mod proving;
mod report;
mod runner;
mod settings;
mod text;

use std::process::ExitCode;

use clap::Parser;
use igor_core::config::Config;

use crate::args::{Cli, Command, Common, LogLevel};
use crate::exit::Exit;
use crate::output::{Format, Output};
use crate::problem::Problem;

fn main() -> ExitCode {
    std::panic::set_hook(Box::new(problem::report_defect));
    let outcome = Cli::try_parse().map_or_else(help_or_problem, run);
    let exit = outcome.unwrap_or_else(|problem| {
        problem.report();
        problem.exit()
    });
    exit.into()
}

fn run(cli: Cli) -> Result<Exit, Problem> {
    let Cli { common, command } = cli;
    hardening::protect_secrets();
    match command {
        Command::Run(args) => command::run::run(&args, &common),
        Command::Simulate(args) => command::simulate::run(&args, &common),
        Command::Resume(args) => command::resume::run(&args, &common),
        Command::Fund(args) => command::fund::run(&args, &common),
        Command::Node(args) => command::node::run(&args, &common),
        Command::Ps(args) => command::control::ps(&args, &common),
        Command::Status(args) => command::control::status(&args, &common),
        Command::Logs(args) => command::control::logs(&args, &common),
        Command::Start(args) => command::control::start_agent(&args, &common),
        Command::Stop(args) => command::control::stop(&args, &common),
        Command::Pause(args) => command::control::pause(&args, &common),
        Command::Unpause(args) => command::control::unpause(&args, &common),
        Command::Rm(args) => command::control::rm(&args, &common),
        Command::Migrate(args) => command::moving::migrate(&args, &common),
        Command::Peers(args) => command::moving::peers(&args, &common),
        Command::Price(args) => command::moving::price(&args, &common),
        Command::Recover(args) => command::recover::run(&args, &common),
        Command::Export(args) => command::export::run(&args, &common),
        Command::Import(args) => command::import::run(&args, &common),
        Command::Gc(args) => command::gc::run(&args, &common),
        Command::Prove { what } => command::prove::run(&what, &plain(&common)),
        Command::Config { what } => command::config::run(what, &common),
        Command::Doctor(args) => command::doctor::run(&args, &common),
        Command::Verify(args) => command::verify::run(&args, &plain(&common)),
        Command::Audit(args) => command::audit::run(&args, &common),
        Command::Replay(args) => command::replay::run(&args, &common),
        Command::Bisect(args) => command::bisect::run(&args, &common),
        Command::Inspect(args) => command::inspect::run(&args, &plain(&common)),
        Command::Plugins => command::plugins::run(&plain(&common)),
        Command::Completions { shell } => command::completions::run(shell, &plain(&common)),
        Command::Man { dir } => command::man::run(&dir),
    }
}

/// Output and log as the configuration says.
fn start(config: &Config) -> Output {
    log_to_stderr(config.run().log_level.into());
    Output::new(config.run().output.into())
}

/// Output and log as the flags say, for commands that need no configuration.
fn plain(common: &Common) -> Output {
    log_to_stderr(common.log_level.unwrap_or(LogLevel::Warn));
    Output::new(common.output.unwrap_or_default())
}

/// Help and version are asked for and go to stdout; everything else clap reports is wrong use.
fn help_or_problem(error: clap::Error) -> Result<Exit, Problem> {
    use clap::error::ErrorKind;
    let rendered = error.render();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            let _ = Output::new(Format::Text).text(&rendered.ansi().to_string())?;
            Ok(Exit::Done)
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            problem::show_help(&rendered);
            Ok(Exit::Usage)
        }
        _ => Err(error.into()),
    }
}

fn log_to_stderr(level: LogLevel) {
    use tracing_subscriber::filter::LevelFilter;
    let level = match level {
        LogLevel::Off => LevelFilter::OFF,
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    let stderr = std::io::stderr();
    let colours = anstream::AutoStream::choice(&stderr) != anstream::ColorChoice::Never;
    tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(std::io::stderr)
        .with_ansi(colours)
        .init();
}
