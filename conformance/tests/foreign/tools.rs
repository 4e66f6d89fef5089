//! Finds and installs what scripts need, once for each build folder, and runs them with a time limit.

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use tokio::time::{Instant, interval};

/// How long an installation or a script may take.
const LIMIT: Duration = Duration::from_secs(240);

/// The scripts beside this file.
pub(crate) fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/foreign/scripts").join(name)
}

/// A folder below the build folder.
pub(crate) fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("foreign").join(name);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// Runs a program; its output, or what is wrong.
pub(crate) async fn run(program: &Path, arguments: &[&str], at: &Path) -> Result<String, String> {
    let shown = format!("{} {}", program.display(), arguments.join(" "));
    let mut command = Command::new(program);
    command.args(arguments).current_dir(at).stdin(Stdio::null());
    let spawned = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = spawned.map_err(|error| format!("{shown}: {error}"))?;
    let (out, error) = (collect(child.stdout.take()), collect(child.stderr.take()));
    let (late, mut looks) = (Instant::now() + LIMIT, interval(Duration::from_millis(20)));
    let status = loop {
        looks.tick().await;
        match child.try_wait() {
            Ok(Some(status)) => break Ok(status),
            Ok(None) if Instant::now() < late => {}
            other => {
                child.kill().unwrap_or_default();
                child.wait().map(drop).unwrap_or_default();
                break Err(format!("not done in {LIMIT:?}: {other:?}"));
            }
        }
    };
    let (out, error) = (out.join().unwrap(), error.join().unwrap());
    match status {
        Ok(status) if status.success() => Ok(out),
        Ok(status) => Err(format!("{shown}: {status}\n{out}\n{error}")),
        Err(problem) => Err(format!("{shown}: {problem}\n{out}\n{error}")),
    }
}

/// Reads what a program says, beside it.
fn collect(from: Option<impl Read + Send + 'static>) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // What was read before an error is shown.
        from.map(|mut from| from.read_to_end(&mut bytes));
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// Installs by `install` in `folder` unless that was done for the same `wanted`.
pub(crate) async fn installed(
    folder: &Path,
    wanted: &str,
    install: impl AsyncFnOnce() -> Result<(), String>,
) -> Result<(), String> {
    let done = folder.join("installed");
    if fs::read_to_string(&done).is_ok_and(|found| found == wanted) {
        return Ok(());
    }
    install().await?;
    fs::write(&done, wanted).map_err(|error| format!("write {}: {error}", done.display()))
}

/// Says that a test could not be made, past what captures the output of tests.
pub(crate) fn skip(test: &str, problem: &str) {
    let required = std::env::var("IGOR_FOREIGN").is_ok_and(|value| value == "require");
    assert!(!required, "{test} cannot be run: {problem}");
    let line = format!("\nSKIPPED {test}: {problem}\n");
    std::io::stderr().write_all(line.as_bytes()).unwrap_or_default();
}
