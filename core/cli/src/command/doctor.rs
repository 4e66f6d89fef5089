//! `igor doctor`: can agents run here? It checks what a run needs, one thing after another, and says
//! what to do about what is wrong. Its probes are removed again; it repairs nothing.

use std::fs::{self, File};
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use igor_core::Storage;
use igor_core::config::{Config, Plugins};
use igor_core::format::{Hash, Tick};
use igor_core::gas::CancelFlag;
use igor_core::storage::{Claim, Key, Scope};
use igor_node::shell::StopHandle;
use igor_node::{Plan, RunEvent, StopReason};
use serde::Serialize;

use crate::args::{Common, DoctorArgs};
use crate::exit::Exit;
use crate::explain::Scene;
use crate::output::Output;
use crate::problem::Problem;
use crate::runner::{Assembly, block_on, linked};
use crate::settings;
use crate::start;
use crate::text;

/// The agent that every engine ticks.
const PROBE: &[u8] = include_bytes!("../probe.wasm");
const PROBE_TICKS: u64 = 3;

#[derive(Serialize)]
struct Body {
    healthy: bool,
    checks: Vec<Check>,
}

#[derive(Serialize)]
struct Check {
    check: String,
    status: Status,
    detail: String,
    way_out: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Ok,
    Warning,
    Failed,
}

impl Check {
    fn new(check: impl Into<String>, status: Status, detail: impl Into<String>) -> Self {
        Self { check: check.into(), status, detail: detail.into(), way_out: None }
    }

    fn ok(check: &str, detail: impl Into<String>) -> Self {
        Self::new(check, Status::Ok, detail)
    }

    fn failed(check: &str, detail: impl Into<String>) -> Self {
        Self::new(check, Status::Failed, detail)
    }

    fn way_out(self, way_out: impl Into<String>) -> Self {
        Self { way_out: Some(way_out.into()), ..self }
    }
}

/// Checks everything and reports.
pub(crate) fn run(args: &DoctorArgs, common: &Common) -> Result<Exit, Problem> {
    let plugins = linked()?;
    let flags = [("--checkpoint-dir", "run.checkpoint_dir", args.checkpoint_dir.as_deref())];
    let config = settings::load(common, &flags, &plugins)?;
    let output = start(&config);
    let dir = config.run().checkpoint_dir.clone();
    let mut checks = vec![directory(&dir), disk(&dir)];
    if dir.is_dir() {
        checks.push(permissions(&dir));
        checks.push(locks(&config, &plugins)?);
    }
    checks.extend(engines(&config, &plugins));
    report(checks, &output)
}

fn report(checks: Vec<Check>, output: &Output) -> Result<Exit, Problem> {
    let failed = checks.iter().filter(|check| check.status == Status::Failed).count();
    let body = Body { healthy: failed == 0, checks };
    output.document("doctor", &body, || as_text(&body.checks))?;
    if body.healthy {
        return Ok(Exit::Done);
    }
    Err(Problem::new(
        format_args!("doctor: {failed} of {} checks failed", body.checks.len()),
        "The report says what to do about each.",
    ))
}

fn as_text(checks: &[Check]) -> String {
    let mut report = String::new();
    for Check { check, status, detail, way_out } in checks {
        let status = match status {
            Status::Ok => "ok     ",
            Status::Warning => "warning",
            Status::Failed => "FAILED ",
        };
        let way_out = way_out.as_ref().map_or(String::new(), |way_out| format!(" {way_out}"));
        let line = text::one_line(&format!("{check}: {detail}.{way_out}"));
        report.push_str(&format!("{status}  {line}\n"));
    }
    report
}

/// The data directory itself: is it one, and whose?
fn directory(dir: &Path) -> Check {
    const NAME: &str = "directory";
    const OWN: &str = "Give a directory of your own with --checkpoint-dir.";
    let shown = dir.display();
    let found = match fs::metadata(dir) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Check::ok(NAME, format!("{shown} is not there yet; the first run makes it"));
        }
        Err(error) => {
            return Check::failed(NAME, format!("look at {shown}: {error}")).way_out(OWN);
        }
    };
    if !found.is_dir() {
        return Check::failed(NAME, format!("{shown} is not a directory")).way_out(OWN);
    }
    if found.uid() != rustix::process::geteuid().as_raw() {
        return Check::failed(NAME, format!("{shown} belongs to another user")).way_out(OWN);
    }
    let mode = found.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Check::new(
            NAME,
            Status::Warning,
            format!("{shown} is open to others ({mode:04o})"),
        )
        .way_out("The next run closes it.");
    }
    Check::ok(NAME, format!("{shown} is there and closed to others"))
}

/// Whether what lies in the directory is this user's own and nobody else can read it.
fn permissions(dir: &Path) -> Check {
    const NAME: &str = "permissions";
    let (mut foreign, mut open) = (Vec::new(), Vec::new());
    let found = fs::read_dir(dir).and_then(|entries| {
        for entry in entries {
            let entry = entry?;
            let (found, name) = (entry.metadata()?, entry.file_name());
            let name = name.to_string_lossy().into_owned();
            if found.is_symlink() || found.uid() != rustix::process::geteuid().as_raw() {
                foreign.push(name);
            } else if found.permissions().mode() & 0o077 != 0 {
                open.push(name);
            }
        }
        Ok(())
    });
    match found {
        Err(error) => Check::failed(NAME, format!("list {}: {error}", dir.display()))
            .way_out("Give a directory of your own with --checkpoint-dir."),
        Ok(()) if !foreign.is_empty() => {
            let names = listed(&mut foreign);
            Check::failed(NAME, format!("links or files of other users: {names}"))
                .way_out("igor does not touch them; remove them.")
        }
        Ok(()) if !open.is_empty() => {
            Check::new(NAME, Status::Warning, format!("open to others: {}", listed(&mut open)))
                .way_out("A run closes what it uses.")
        }
        Ok(()) => Check::ok(NAME, "everything is this user's own and closed to others"),
    }
}

/// The first few names and how many more there are.
fn listed(names: &mut [String]) -> String {
    const SHOWN: usize = 5;
    names.sort();
    let more = names.len().saturating_sub(SHOWN);
    let shown: Vec<_> = names.iter().take(SHOWN).map(String::as_str).collect();
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    shown.join(", ") + &rest
}

/// Whether a file can be written so that it survives a power cut, where the data directory is or
/// will be.
fn disk(dir: &Path) -> Check {
    const NAME: &str = "disk";
    let Some(place) = dir.ancestors().map(or_here).find(|ancestor| ancestor.is_dir()) else {
        return Check::failed(NAME, format!("nothing above {} is a directory", dir.display()));
    };
    let probe = place.join(format!(".igor-doctor-{}", std::process::id()));
    let begin = Instant::now();
    let written = write_durably(place, &probe);
    let _ = fs::remove_file(&probe);
    match written {
        Ok(()) => {
            let elapsed = u64::try_from(begin.elapsed().as_nanos()).unwrap_or(u64::MAX);
            let elapsed = text::milliseconds(elapsed);
            Check::ok(NAME, format!("a durable write in {} took {elapsed}", place.display()))
        }
        Err(error) => Check::failed(NAME, format!("write durably in {}: {error}", place.display()))
            .way_out("Free some space, or give a directory that can be written."),
    }
}

/// The empty path is the current directory.
fn or_here(path: &Path) -> &Path {
    if path.as_os_str().is_empty() { Path::new(".") } else { path }
}

/// Temporary file, sync, rename, sync of the directory: what every save does.
fn write_durably(place: &Path, target: &Path) -> io::Result<()> {
    let temporary = target.with_extension("tmp");
    let written = (|| {
        let mut file = File::options().write(true).create_new(true).open(&temporary)?;
        file.write_all(&[0x1b; 4096])?;
        file.sync_all()?;
        fs::rename(&temporary, target)?;
        File::open(place)?.sync_all()
    })();
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written
}

/// Which agents there are, and which of them are in use.
fn locks(config: &Config, plugins: &Plugins) -> Result<Check, Problem> {
    const NAME: &str = "agents";
    let failed = |error: String| {
        Check::failed(NAME, error).way_out("Another --checkpoint-dir, or its owner, may help.")
    };
    let storage: Arc<dyn Storage> = match config.build(&plugins.storages) {
        Ok(storage) => storage,
        Err(error) => return Ok(failed(error.to_string())),
    };
    let found = block_on(async {
        let (mut count, mut in_use) = (0_usize, Vec::new());
        let mut after: Option<Key> = None;
        loop {
            let page = storage.list(&Scope::Checkpoints, after.as_ref(), 1000).await?;
            let Some(last) = page.last() else { return Ok((count, in_use)) };
            after = Some(last.clone());
            for key in &page {
                let Key::Checkpoint(agent) = key else { continue };
                count += 1;
                if let Err(error) = storage.hold(&Claim::Agent(agent.clone())).await {
                    in_use.push(error.to_string());
                }
            }
        }
    })?;
    Ok(match found {
        Ok((count, in_use)) if in_use.is_empty() => {
            Check::ok(NAME, format!("{count}, none in use"))
        }
        Ok((count, in_use)) => Check::ok(NAME, format!("{count}, of which {}", in_use.join(", "))),
        Err(error) => failed(igor_core::storage::StorageError::to_string(&error)),
    })
}

/// Whether every engine compiles the probe and ticks it to the same state.
fn engines(config: &Config, plugins: &Arc<Plugins>) -> Vec<Check> {
    let mut agreed: Option<(&str, Hash)> = None;
    let mut checks = Vec::new();
    for entry in plugins.engines.entries() {
        let name = format!("engine {}", entry.name);
        let begin = Instant::now();
        let check = match tick_probe(entry.name, config, plugins) {
            Ok(state) => {
                let elapsed = u64::try_from(begin.elapsed().as_nanos()).unwrap_or(u64::MAX);
                let elapsed = text::milliseconds(elapsed);
                let (first, expected) = *agreed.get_or_insert((entry.name, state));
                if state == expected {
                    Check::ok(&name, format!("compiled and ticked in {elapsed}"))
                } else {
                    Check::failed(&name, format!("computes something else than {first}"))
                        .way_out("Do not use this engine, and report it.")
                }
            }
            Err(problem) => Check::failed(&name, problem.to_string())
                .way_out("Choose another engine with --engine."),
        };
        checks.push(check);
    }
    checks
}

/// Ticks the probe on an engine, in a store of its own that is gone afterwards; returns the hash of
/// its state.
fn tick_probe(engine: &str, config: &Config, plugins: &Arc<Plugins>) -> Result<Hash, Problem> {
    let scene = Scene {
        agent: "doctor".parse().map_err(|error| Problem::new(error, ""))?,
        // Never made: plugins that keep files keep none then.
        dir: std::env::temp_dir().join(format!("igor-doctor-{}-{engine}", std::process::id())),
        module: Some(PathBuf::from("the probe")),
    };
    let assembly = Assembly::probe(config.clone(), plugins, &scene, engine)?;
    let request = assembly.request(scene.agent.clone(), PROBE.to_vec(), None)?;
    let request = igor_node::Request { budget: None, meter: None, ..request };
    let plan = Plan {
        first_tick_ns: 0,
        tick_interval_ns: 0,
        checkpoint_interval_ns: u64::MAX,
        ticks: Some(PROBE_TICKS),
        checks: None,
    };
    let cancel = CancelFlag::default();
    let (_handle, stop) = StopHandle::new(cancel.clone());
    let (mut last, mut detail) = ((Tick(0), Hash::ZERO), None);
    let mut sink = |event: RunEvent| {
        match event {
            RunEvent::Ticked(ticked) => last = (ticked.tick, ticked.state_hash),
            RunEvent::Stopped(stopped) => detail = stopped.detail,
            _ => {}
        }
        ControlFlow::Continue(())
    };
    let reason = assembly.drive(request, plan, (cancel, stop), &scene, &mut sink)?;
    match (reason, last) {
        (StopReason::Ticks, (Tick(PROBE_TICKS), state)) => Ok(state),
        _ => {
            let detail = detail.unwrap_or_default();
            Err(Problem::new(format_args!("the probe ended by {reason} {detail}"), ""))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_probe_is_what_its_source_says() {
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/src/probe.wat");
        let built = wat::parse_file(source).expect("the source is well-formed");
        if std::env::var_os("BLESS").is_some() {
            let target = source.replace(".wat", ".wasm");
            fs::write(target, &built).expect("the probe can be written");
        }
        assert!(built == PROBE, "write it anew and build again: BLESS=1 cargo test -p igor probe");
    }
}
