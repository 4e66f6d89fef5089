//! Starting the program, judging its answers, and looking at directories.

use std::collections::BTreeMap;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::LazyLock;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use jsonschema::Validator;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

/// The root of the repository.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A data directory that the original wrote.
pub(crate) fn golden() -> PathBuf {
    repository().join("core/format/tests/fixtures/heartbeat-go")
}

/// The program with `args`, in an environment that decides nothing.
pub(crate) fn igor<I>(args: I) -> Command
where
    I: IntoIterator,
    I::Item: AsRef<std::ffi::OsStr>,
{
    let mut command = igor_within(&[]);
    command.args(args);
    command
}

/// The program, to be run by this one, which takes another one and its arguments: by itself if this is empty.
pub(crate) fn igor_within(around: &[String]) -> Command {
    let igor = env!("CARGO_BIN_EXE_igor").to_owned();
    let all = [around, &[igor]].concat();
    let mut command = Command::new(&all[0]);
    command.args(&all[1..]).stdin(Stdio::null()).env_clear();
    // Where a program that counts its lines leaves them; else that is the folder it runs in.
    command.envs(std::env::var_os("LLVM_PROFILE_FILE").map(|path| ("LLVM_PROFILE_FILE", path)));
    command
}

/// What a process left behind.
#[derive(Debug)]
pub(crate) struct Answer {
    #[expect(dead_code, reason = "shown when an assertion fails")]
    pub(crate) command: String,
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs `command` to its end.
pub(crate) fn answer(mut command: Command) -> Answer {
    let line = format!("{command:?}");
    let Output { status, stdout, stderr } = command.output().expect("the program starts");
    Answer {
        command: line,
        code: status.code(),
        stdout: String::from_utf8(stdout).expect("stdout is UTF-8"),
        stderr: String::from_utf8(stderr).expect("stderr is UTF-8"),
    }
}

/// Runs the program to its end.
pub(crate) fn ask<I>(args: I) -> Answer
where
    I: IntoIterator,
    I::Item: AsRef<std::ffi::OsStr>,
{
    answer(igor(args))
}

impl Answer {
    /// Asserts success without a word on stderr; returns stdout.
    #[track_caller]
    pub(crate) fn done(self) -> String {
        assert_eq!((self.code, self.stderr.as_str()), (Some(0), ""), "{self:#?}");
        self.stdout
    }

    /// Asserts an exit code and an error of one paragraph that holds each of `words`.
    #[track_caller]
    pub(crate) fn refused(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, Some(code), "{self:#?}");
        assert!(self.stderr.starts_with("error: "), "{self:#?}");
        assert_eq!(self.stderr.lines().count(), 1, "the error is one paragraph: {self:#?}");
        for word in words {
            assert!(self.stderr.contains(word), "the error lacks {word:?}: {self:#?}");
        }
    }

    /// The one JSON document on stdout, checked against the schema.
    #[track_caller]
    pub(crate) fn document(&self) -> Value {
        let document = serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("stdout is one document: {error}\n{self:#?}"));
        assert_described(&document);
        document
    }
}

static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
    let path = repository().join("docs/schema/output.schema.json");
    let text = fs::read_to_string(path).expect("the schema can be read");
    serde_json::from_str(&text).expect("the schema is JSON")
});
static VALIDATOR: LazyLock<Validator> =
    LazyLock::new(|| jsonschema::validator_for(&SCHEMA).expect("the schema is a schema"));
static STRICT: LazyLock<Validator> = LazyLock::new(|| {
    let mut schema = SCHEMA.clone();
    forbid_more(&mut schema);
    jsonschema::validator_for(&schema).expect("the strict schema is a schema")
});

/// Asserts that the schema allows `output` and describes each of its fields.
#[track_caller]
pub(crate) fn assert_described(output: &Value) {
    for (validator, what) in [(&*VALIDATOR, "allow"), (&*STRICT, "describe every field of")] {
        let errors: Vec<_> = validator.iter_errors(output).map(|e| e.to_string()).collect();
        assert!(errors.is_empty(), "the schema does not {what} {output:#}: {errors:#?}");
    }
}

/// Forbids, in every object that the schema describes, fields that it does not describe.
fn forbid_more(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            object.values_mut().for_each(forbid_more);
            if object.contains_key("properties") && object.contains_key("required") {
                object.insert("additionalProperties".to_owned(), Value::Bool(false));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(forbid_more),
        _ => {}
    }
}

/// Everything below `dir`: the content of each file, nothing for a folder.
pub(crate) fn snapshot(dir: &Path) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder can be read") {
            let path = entry.expect("a folder can be listed").path();
            if path.is_dir() {
                folders.push(path.clone());
                found.insert(path, None);
            } else {
                let bytes = fs::read(&path).expect("a file can be read");
                found.insert(path, Some(bytes));
            }
        }
    }
    found
}

/// Copies everything below `from` to `to`.
pub(crate) fn copy_dir(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder can be made");
    for (path, bytes) in snapshot(from) {
        let target = to.join(path.strip_prefix(from).expect("it lies below"));
        match bytes {
            None => fs::create_dir_all(target).expect("a folder can be made"),
            Some(bytes) => {
                fs::create_dir_all(target.parent().expect("it has a parent"))
                    .expect("a folder can be made");
                fs::write(target, bytes).expect("a file can be written");
            }
        }
    }
}

/// How often something is tried: so often, or as often as it is worth waiting for.
pub(crate) fn effort(quick: u64, full: u64) -> u64 {
    match std::env::var("IGOR_CONFORMANCE_EFFORT").as_deref() {
        Ok("full" | "soak") => full,
        Ok("quick") | Err(_) => quick,
        Ok(other) => panic!("IGOR_CONFORMANCE_EFFORT={other:?} is not quick, full or soak"),
    }
}

/// A whole number from the environment.
pub(crate) fn number(variable: &str, default: u64) -> u64 {
    let given = std::env::var(variable).ok();
    given.map_or(default, |text| {
        text.parse().unwrap_or_else(|_| panic!("{variable}={text:?} is not a whole number"))
    })
}

/// Numbers that a seed decides.
pub(crate) struct Draws {
    seed: u64,
    drawn: u64,
}

impl Draws {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, drawn: 0 }
    }

    /// Those that a seed decides for this one of several.
    pub(crate) fn of(seed: u64, which: impl Hash) -> Self {
        let mut hasher = DefaultHasher::new();
        (seed, which).hash(&mut hasher);
        Self::new(hasher.finish())
    }

    /// The next number, which is below this one.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        let mut hasher = DefaultHasher::new();
        (self.seed, self.drawn).hash(&mut hasher);
        self.drawn += 1;
        hasher.finish() % bound
    }
}

/// How long a test waits for a line or an end before it fails; nothing takes this long.
const PATIENCE: Duration = Duration::from_secs(120);

/// A running `igor run --output json`, or another command whose lines come one by one.
pub(crate) struct Running {
    child: Child,
    lines: Receiver<String>,
}

impl Running {
    /// Starts `command`.
    pub(crate) fn start(mut command: Command) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let stdout = child.stdout.take().expect("stdout is a pipe");
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines() {
                let line = line.expect("stdout is UTF-8");
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self { child, lines }
    }

    /// The next line on stdout, or nothing at its end.
    #[track_caller]
    pub(crate) fn line(&mut self) -> Option<String> {
        match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => {
                let _ = self.child.kill();
                panic!("no line within {PATIENCE:?}");
            }
        }
    }

    /// The lines that come within this time.
    pub(crate) fn lines_for(&mut self, time: Duration) -> Vec<String> {
        let end = Instant::now() + time;
        let next = || self.lines.recv_timeout(end.saturating_duration_since(Instant::now()));
        std::iter::from_fn(|| next().ok()).collect()
    }

    /// The next event of this kind for which `wanted` holds.
    #[track_caller]
    pub(crate) fn event(&mut self, kind: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut seen = Vec::new();
        while let Some(line) = self.line() {
            let event = parse_event(&line);
            if event["event"] == kind && wanted(&event) {
                return event;
            }
            seen.push(line);
        }
        let answer = self.answer();
        panic!("no such {kind} event in {seen:#?}; {answer:#?}");
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).expect("the process is there");
    }

    /// The process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for the end; stdout is what was not yet taken.
    #[track_caller]
    pub(crate) fn answer(&mut self) -> Answer {
        let mut stdout = String::new();
        while let Some(line) = self.line() {
            stdout.push_str(&line);
            stdout.push('\n');
        }
        let mut stderr = String::new();
        if let Some(mut pipe) = self.child.stderr.take() {
            pipe.read_to_string(&mut stderr).expect("stderr is UTF-8");
        }
        let status = self.child.wait().expect("the process ends");
        Answer { command: String::new(), code: status.code(), stdout, stderr }
    }
}

impl Drop for Running {
    /// A test that fails leaves no process behind.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[track_caller]
fn parse_event(line: &str) -> Value {
    let event = serde_json::from_str(line)
        .unwrap_or_else(|error| panic!("each line is JSON: {error}: {line}"));
    assert_described(&event);
    event
}

/// The events of a run, each checked against the schema.
#[track_caller]
pub(crate) fn events(stdout: &str) -> Vec<Value> {
    stdout.lines().map(parse_event).collect()
}

/// A folder with modules and a data directory.
pub(crate) struct Place {
    root: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { root: tempfile::tempdir().expect("a folder can be made") }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    pub(crate) fn text(&self, name: &str) -> String {
        self.path(name).to_str().expect("a plain path").to_owned()
    }

    /// The data directory.
    pub(crate) fn data(&self) -> String {
        self.text("data")
    }

    /// Puts a prebuilt agent with its manifest here.
    pub(crate) fn prebuilt(&self, name: &str) -> String {
        for file in [format!("{name}.wasm"), format!("{name}.manifest.json")] {
            let from = repository().join("agents/prebuilt").join(&file);
            fs::copy(from, self.path(&file)).expect("a file can be copied");
        }
        self.text(&format!("{name}.wasm"))
    }

    /// Builds an agent from its text.
    pub(crate) fn module(&self, name: &str, wat: &str) -> String {
        let bytes = wat::parse_str(wat).unwrap_or_else(|error| panic!("{error}"));
        self.write(&format!("{name}.wasm"), &bytes)
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> String {
        fs::write(self.path(name), bytes).expect("a file can be written");
        self.text(name)
    }

    /// `igor run` on this place's data directory, as quick as it goes.
    pub(crate) fn run(&self, module: &str, args: &[&str]) -> Command {
        let mut command = igor(["run", module, "--output", "json", "--tick-interval", "0"]);
        command.args(["--checkpoint-dir", &self.data()]).args(args);
        command
    }

    /// Runs an agent to its end, which must be a good one; returns the events.
    #[track_caller]
    pub(crate) fn ran(&self, module: &str, args: &[&str]) -> Vec<Value> {
        events(&answer(self.run(module, args)).done())
    }

    /// Everything that is kept.
    pub(crate) fn kept(&self) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
        snapshot(self.root.path())
    }

    /// `igor verify` on the history of this agent.
    pub(crate) fn verify(&self, agent: &str) -> Answer {
        let dir = self.text(&format!("data/history/{agent}"));
        ask(["verify", &dir, "--output", "json"])
    }
}

/// The kinds of these events, in order.
pub(crate) fn kinds(events: &[Value]) -> Vec<&str> {
    events.iter().filter_map(|event| event["event"].as_str()).collect()
}

/// The only event of this kind.
#[track_caller]
pub(crate) fn only<'a>(events: &'a [Value], kind: &str) -> &'a Value {
    let mut of_kind = events.iter().filter(|event| event["event"] == kind);
    match (of_kind.next(), of_kind.next()) {
        (Some(event), None) => event,
        _ => panic!("not exactly one {kind} event: {events:#?}"),
    }
}

/// An agent that counts in its state and imports nothing; `AT_TICK` is what else a tick does.
const COUNTER: &str = r#"
(module
  (memory (export "memory") 1)
  (func (export "agent_init"))
  (func (export "agent_tick") (result i32)
    (i64.store (i32.const 0) (i64.add (i64.load (i32.const 0)) (i64.const 1)))
    AT_TICK
    (i32.const 1))
  (func (export "agent_checkpoint") (result i32) (i32.const 8))
  (func (export "agent_checkpoint_ptr") (result i32) (i32.const 0))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (func (export "agent_resume") (param i32 i32)
    (i64.store (i32.const 0) (i64.load (local.get 0)))))"#;

/// The counter, doing this in every tick besides.
pub(crate) fn counter(at_tick: &str) -> String {
    COUNTER.replace("AT_TICK", at_tick)
}

/// Settings under which the counter lives for some dozen ticks: 9,000 gas at 9 microcents each.
pub(crate) const POOR: [&str; 6] = ["--budget", "0.081", "--price", "9000", "--meter", "gas"];
