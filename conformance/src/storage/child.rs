//! Child processes of the suite: the same program, started again with a task in its environment, so that
//! a store can be used and killed like any other process. The harness asks [`serve_if_asked`] before it
//! does anything else.

use std::io::{BufRead, BufReader, Lines, Write};
use std::process::{Child, ChildStdout, Command, ExitCode, Stdio};
use std::{env, io};

use igor_core::Storage;
use igor_core::storage::{Claim, Key, Precondition};

use super::PluginFixture;
use super::support::{agent, appending, checkpoint, commit, history, hold, log};

const TASK: &str = "IGOR_CONFORMANCE_CHILD";
const LOCATOR: &str = "IGOR_CONFORMANCE_CHILD_STORE";

/// What a child does with the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Task {
    /// Saves without end and says the number of each save that was acknowledged.
    Save,
    /// Claims the agent and the store, says so, and holds both until its input ends.
    Hold,
}

/// A child at its task. Dropping it kills it.
pub(super) struct Process {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Process {
    /// Starts a child on the store that `locator` describes.
    pub(super) fn start(task: Task, locator: &str) -> Self {
        let program = env::current_exe().expect("a program knows where it lies");
        let mut child = Command::new(program)
            .env(TASK, format!("{task:?}"))
            .env(LOCATOR, locator)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program can be started once more");
        let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        Self { child, lines }
    }

    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The next line that the child says; `None` when it has ended.
    pub(super) fn next_line(&mut self) -> Option<String> {
        self.lines.next().and_then(Result::ok)
    }

    /// Kills the child, waits for its end, and gives what it had still said.
    pub(super) fn kill(mut self) -> Vec<String> {
        self.child.kill().expect("a child can be killed");
        self.child.wait().expect("a child can be waited for");
        // The last line may have been cut off.
        self.lines.by_ref().map_while(Result::ok).collect()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended before; there is nobody left to tell.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Does what a parent process asks for in the environment, and then ends; `None` if nothing is asked.
///
/// Whoever runs the suite in a `main` of their own calls this first.
pub fn serve_if_asked() -> Option<ExitCode> {
    let task = env::var(TASK).ok()?;
    let locator = env::var(LOCATOR).expect("the parent says which store");
    let store = PluginFixture::open_located(&locator);
    match task.as_str() {
        "Save" => save(&*store),
        "Hold" => hold_both(&*store),
        other => panic!("{other:?} is no task"),
    }
    Some(ExitCode::SUCCESS)
}

/// Says something to the parent; `false` if it is gone.
fn say(text: &str) -> bool {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}").and_then(|()| out.flush()).is_ok()
}

fn save(store: &dyn Storage) {
    let _hold = hold(store, &Claim::Agent(agent("a")));
    for number in u64::try_from(log(store, "a").len()).unwrap().. {
        let bytes = number.to_string().into_bytes();
        let group = appending("a", number, &[&bytes])
            .put(Key::Record(agent("a")), bytes.clone(), Precondition::Always)
            .put(history("a", number, 0), bytes.clone(), Precondition::Absent)
            .put(checkpoint("a"), bytes, Precondition::Always);
        commit(store, group);
        if !say(&number.to_string()) {
            return;
        }
    }
}

fn hold_both(store: &dyn Storage) {
    let _holds = [Claim::StoreExclusive, Claim::Agent(agent("a"))].map(|claim| hold(store, &claim));
    if say("held") {
        // Until the parent closes it, or ends.
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
    }
}
