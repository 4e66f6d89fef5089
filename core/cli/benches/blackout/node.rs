//! A real node, whose lines are timed as they come.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

/// Longer than anything takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// A node of this machine.
pub(crate) struct Node {
    /// Where others reach it.
    pub(crate) address: String,
    dir: PathBuf,
    child: Child,
    lines: Receiver<(Instant, String)>,
}

/// How an agent moved.
pub(crate) struct Moved {
    /// From the last tick there to the first one here.
    pub(crate) blackout: Duration,
    /// How many bytes the target lacked before the agent stopped.
    pub(crate) sent: u64,
    /// From when it was asked for.
    pub(crate) took: Duration,
}

impl Node {
    pub(crate) fn start(dir: &Path) -> Self {
        let mut igor = igor(dir);
        igor.args(["node", "--tick-interval", "1ms", "--price", "0.000001", "--output", "json"]);
        let mut child = igor.stdout(Stdio::piped()).spawn().unwrap();
        let stdout = child.stdout.take().unwrap();
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send((Instant::now(), line)).is_err() {
                    return;
                }
            }
        });
        let mut node = Self { address: String::new(), dir: dir.to_owned(), child, lines };
        let (_, listening) = node.event("listening", "");
        node.address = listening["addresses"][0].as_str().unwrap().to_owned();
        node
    }

    /// Starts an agent and lets it tick a while.
    pub(crate) fn begin(&mut self, agent: &str, module: &[u8]) {
        let file = self.dir.with_extension(agent);
        std::fs::write(&file, module).unwrap();
        let manifest = r#"{"capabilities":{"clock":{"version":1},"log":{"version":1}}}"#;
        let beside = PathBuf::from(format!("{}.manifest.json", file.display()));
        std::fs::write(&beside, manifest).unwrap();
        let file = file.to_str().unwrap();
        self.ask(&["start", file, "--agent-id", agent, "--manifest", beside.to_str().unwrap()]);
        for _ in 0..10 {
            self.event("tick", agent);
        }
    }

    /// Gives an agent to the node at `address`, which is `to`.
    pub(crate) fn give(&mut self, agent: &str, address: &str, to: &mut Self) -> Moved {
        let asked = Instant::now();
        self.ask(&["migrate", agent, "--to", address]);
        let (mut last, mut sent) = (asked, 0);
        loop {
            let (at, event) = self.next(agent);
            match event["event"].as_str() {
                Some("tick") => last = at,
                Some("sending") => sent = sent.max(event["total"].as_u64().unwrap()),
                Some("stopped") => break,
                _ => {}
            }
        }
        let (first, _) = to.event("tick", agent);
        Moved { blackout: first - last, sent, took: first - asked }
    }

    /// Stops an agent.
    pub(crate) fn stop(&mut self, agent: &str) {
        self.ask(&["stop", agent]);
    }

    fn ask(&self, args: &[&str]) {
        let output = igor(&self.dir).args(args).output().unwrap();
        assert!(output.status.success(), "{args:?}: {output:?}");
    }

    fn event(&mut self, kind: &str, agent: &str) -> (Instant, Value) {
        loop {
            let (at, event) = self.next(agent);
            if event["event"] == kind {
                return (at, event);
            }
        }
    }

    /// The next event that is about this agent, or about the node.
    fn next(&mut self, agent: &str) -> (Instant, Value) {
        loop {
            let (at, line) = self.lines.recv_timeout(PATIENCE).unwrap();
            let event: Value = serde_json::from_str(&line).unwrap();
            if event["agent_id"].as_str().is_none_or(|id| id == agent) {
                return (at, event);
            }
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn igor(dir: &Path) -> Command {
    let runtime = dir.join("run");
    std::fs::create_dir_all(&runtime).unwrap();
    let mut igor = Command::new(env!("CARGO_BIN_EXE_igor"));
    igor.env_clear().env("IGOR_RUN__CHECKPOINT_DIR", dir.join("data"));
    igor.env("XDG_RUNTIME_DIR", runtime).env("HOME", dir);
    igor
}
