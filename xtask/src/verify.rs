//! `cargo xtask lint`, `verify` and `fix`. The first two write nothing outside the build folder, so that
//! what was reviewed stays as reviewed; only `fix` changes files. `.ci/run` is `lint` and the tests.

use std::env;
use std::process::{Command, Stdio};

use crate::TaskResult;

/// The target of a browser that verifies a history.
const BROWSER: &str = "wasm32-unknown-unknown";

/// A command, with the variables it is run with.
type Step = (&'static [&'static str], &'static [(&'static str, &'static str)]);

const FORMAT: Step = (&["fmt", "--all", "--check"], &[]);
const CLIPPY: Step =
    (&["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"], &[]);
/// What is off unless asked for is compiled at least.
const FEATURES: Step = (
    &[
        "clippy",
        "-p",
        "igor-transport-libp2p",
        "--all-features",
        "--lib",
        "--locked",
        "--",
        "-D",
        "warnings",
    ],
    &[],
);
const DOC: Step =
    (&["doc", "--workspace", "--no-deps", "--locked"], &[("RUSTDOCFLAGS", "-D warnings")]);
const WASM: Step = (&["check", "-p", "igor-format", "--target", BROWSER, "--locked"], &[]);
const DENY: Step = (&["deny", "--locked", "check", "bans", "licenses", "sources"], &[]);
const TEST: Step = (&["test", "--workspace", "--locked"], &[]);
const FIX_CLIPPY: Step =
    (&["clippy", "--workspace", "--all-targets", "--fix", "--allow-dirty", "--allow-staged"], &[]);
const FIX_FORMAT: Step = (&["fmt", "--all"], &[]);

/// Checks format, lints, documentation and dependencies.
pub(crate) fn lint() -> TaskResult {
    run(FORMAT)?;
    run(CLIPPY)?;
    run(FEATURES)?;
    run(DOC)?;
    if target_is_installed()? {
        run(WASM)?;
    } else {
        eprintln!("xtask: {BROWSER} is not installed; igor-format is not checked for browsers");
    }
    if is_installed("deny") {
        run(DENY)
    } else {
        eprintln!("xtask: cargo-deny is not installed; licenses and bans are not checked");
        Ok(())
    }
}

/// Checks everything that must hold before a change is merged.
pub(crate) fn verify() -> TaskResult {
    lint()?;
    run(TEST)
}

/// Repairs what can be repaired without thinking.
pub(crate) fn fix() -> TaskResult {
    run(FIX_CLIPPY)?;
    run(FIX_FORMAT)
}

fn run((arguments, variables): Step) -> TaskResult {
    eprintln!("$ cargo {}", arguments.join(" "));
    let status = cargo().args(arguments).envs(variables.iter().copied()).status()?;
    if status.success() { Ok(()) } else { Err(format!("cargo {}", arguments.join(" ")).into()) }
}

fn cargo() -> Command {
    Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Whether the compiler has the target's standard library.
fn target_is_installed() -> TaskResult<bool> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let arguments = ["--print", "target-libdir", "--target", BROWSER];
    let output = Command::new(rustc).args(arguments).output()?;
    let folder = String::from_utf8(output.stdout)?;
    Ok(output.status.success() && std::path::Path::new(folder.trim()).is_dir())
}

fn is_installed(subcommand: &str) -> bool {
    let mut command = cargo();
    command.args([subcommand, "--version"]).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
