//! `cargo xtask coverage`: which lines of this workspace the tests run. Only the workspace's own crates are
//! instrumented, through the compiler's wrapper: with counters in it, the interpreter's chains of tail calls
//! become calls, and the stack ends.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use crate::TaskResult;

/// Report which lines of the workspace the tests run.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
EXAMPLES:
  cargo xtask coverage                                          every test, igor-core and igor-format
  cargo xtask coverage --crates core/node                       another part of the workspace
  cargo xtask coverage -- --lib --test prepare --test golden    some of the tests")]
pub(crate) struct Args {
    /// The folders whose files are reported, below the root of the workspace.
    #[arg(long, value_name = "FOLDER", default_values = ["core/src", "core/format/src"])]
    crates: Vec<PathBuf>,
    /// What to hand to `cargo test --workspace`.
    #[arg(last = true)]
    tests: Vec<String>,
}

/// Set for the compiler's wrapper, which is this program.
const WRAPPER: &str = "IGOR_COVERAGE_WRAPPER";

/// Runs the compiler, if cargo started this program in its place.
pub(crate) fn as_wrapper() -> Option<ExitCode> {
    env::var_os(WRAPPER)?;
    let mut arguments = env::args_os().skip(1);
    let status = Command::new(arguments.next()?)
        .args(arguments)
        .args(["-C", "instrument-coverage"])
        .env_remove(WRAPPER)
        .status();
    let ended_well = status.is_ok_and(|status| status.success());
    Some(if ended_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

pub(crate) fn run(args: &Args) -> TaskResult {
    let tools = tools()?;
    // A build of its own: what is instrumented is of no other use.
    let target = target_directory().join("coverage");
    let profiles = target.join("profiles");
    if profiles.exists() {
        fs::remove_dir_all(&profiles)?;
    }
    let cargo = |last: &[&str]| {
        let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command
            .args(["test", "--workspace"])
            .args(&args.tests)
            .args(last)
            .env("CARGO_TARGET_DIR", &target)
            .env("RUSTC_WORKSPACE_WRAPPER", env::current_exe().unwrap_or_default())
            .env(WRAPPER, "1")
            .env("LLVM_PROFILE_FILE", profiles.join("%p-%m.profraw"));
        command
    };
    let built = cargo(&["--no-run", "--message-format=json"]).stderr(Stdio::inherit()).output()?;
    let objects = executables(&String::from_utf8_lossy(&built.stdout))?;
    ended_well("building the tests", built.status.success())?;
    let passed = cargo(&["--no-fail-fast"]).status()?.success();

    let merged = target.join("profile");
    let raw = fs::read_dir(&profiles)?.map(|entry| entry.map(|entry| entry.path()));
    let raw: Vec<PathBuf> = raw.collect::<Result<_, _>>()?;
    // The list may be longer than a command line.
    let list = target.join("profiles.txt");
    let lines: Vec<_> = raw.iter().map(|path| path.display().to_string()).collect();
    fs::write(&list, lines.join("\n"))?;
    let mut merge = Command::new(tools.join("llvm-profdata"));
    merge.args(["merge", "--sparse", "--input-files"]).arg(&list).arg("--output").arg(&merged);
    ended_well("llvm-profdata", merge.status()?.success())?;

    let mut report = Command::new(tools.join("llvm-cov"));
    report.arg("report").arg("--instr-profile").arg(&merged);
    for object in &objects {
        report.arg("--object").arg(object);
    }
    for folder in &args.crates {
        report.arg(
            fs::canonicalize(folder).map_err(|error| format!("{}: {error}", folder.display()))?,
        );
    }
    ended_well("llvm-cov", report.status()?.success())?;
    ended_well("a test", passed)
}

/// Where rustup keeps LLVM's tools.
fn tools() -> TaskResult<PathBuf> {
    let output = Command::new("rustc").args(["--print", "target-libdir"]).output()?;
    let libraries = PathBuf::from(String::from_utf8(output.stdout)?.trim());
    let tools = libraries.parent().unwrap_or(Path::new("")).join("bin");
    match tools.join("llvm-cov").exists() {
        true => Ok(tools),
        false => Err("LLVM's tools are missing: run `rustup component add llvm-tools`".into()),
    }
}

fn target_directory() -> PathBuf {
    let beside_this = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target");
    env::var_os("CARGO_TARGET_DIR").map_or_else(beside_this, PathBuf::from)
}

/// The programs that cargo says it built.
fn executables(messages: &str) -> TaskResult<Vec<PathBuf>> {
    let mut found = Vec::new();
    for line in messages.lines().filter(|line| line.starts_with('{')) {
        let message: serde_json::Value = serde_json::from_str(line)?;
        found.extend(message.get("executable").and_then(|path| path.as_str()).map(PathBuf::from));
    }
    Ok(found)
}

fn ended_well(what: &str, well: bool) -> TaskResult {
    if well { Ok(()) } else { Err(format!("{what} failed").into()) }
}
