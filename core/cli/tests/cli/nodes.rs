//! Nodes in processes of their own: started, asked, ended or killed, and started again where they were. What they
//! answer is judged by the tests.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use crate::support::{Answer, Place, Running, ask, igor_within};

/// How long something may take that has to happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(180);

/// How long to wait before looking again.
pub(crate) const LOOK: Duration = Duration::from_millis(5);

/// How a running node is spoken to, from any thread.
#[derive(Clone)]
pub(crate) struct Way {
    data: String,
    /// The socket of its control API; empty if it did not say.
    pub(crate) socket: String,
    /// Where other nodes reach it.
    pub(crate) address: String,
}

impl Way {
    /// What a command answers that asks this node.
    pub(crate) fn ask(&self, args: &[&str]) -> Answer {
        let all = args.iter().copied();
        ask(all.chain(["--checkpoint-dir", &self.data, "--output", "json"]))
    }

    /// What a command answers, which must succeed.
    #[track_caller]
    pub(crate) fn done(&self, args: &[&str]) -> Value {
        let answer = self.ask(args);
        assert_eq!((answer.code, answer.stderr.as_str()), (Some(0), ""), "{answer:#?}");
        answer.document()
    }

    /// The status and the body that one request over the socket is answered with; nothing if nobody answers.
    pub(crate) fn try_request(
        &self,
        method: &str,
        path: &str,
        body: &[u8],
    ) -> Option<(u16, Value)> {
        let mut stream = UnixStream::connect(&self.socket).ok()?;
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: igor\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).ok()?;
        // Who is refused early may not be listened to.
        let _ = stream.write_all(body);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let answer = String::from_utf8(answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok())?;
        Some((status, serde_json::from_str(body).ok()?))
    }

    /// One request over the socket: the status and the body.
    #[track_caller]
    pub(crate) fn request(&self, method: &str, path: &str, body: &[u8]) -> (u16, Value) {
        self.try_request(method, path, body).expect("the node answers")
    }

    /// The last tick of the agent, if the node runs it.
    pub(crate) fn runs(&self, agent: &str) -> Option<u64> {
        let (status, body) = self.try_request("GET", &format!("/v1/agents/{agent}"), b"")?;
        (status == 200 && body["state"] == "running").then(|| body["tick"].as_u64())?
    }

    /// Waits until the node runs the agent and has ticked it beyond `tick`; the tick that it is at then.
    #[track_caller]
    pub(crate) fn ticks_beyond(&self, agent: &str, tick: u64) -> u64 {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            if let Some(at) = self.runs(agent).filter(|at| *at > tick) {
                return at;
            }
            std::thread::sleep(LOOK);
        }
        let status = self.ask(&["status", agent]);
        panic!("{agent} is not beyond tick {tick} within {PATIENCE:?}: {status:#?}");
    }
}

/// A process that can be reached, with its directory.
pub(crate) struct Node {
    pub(crate) place: Place,
    pub(crate) running: Running,
    way: Way,
    around: Vec<String>,
    args: Vec<String>,
    is_up: bool,
}

impl Node {
    /// `igor node` on this place, with these flags more.
    pub(crate) fn on(place: Place, args: &[&str]) -> Self {
        Self::within(place, &[], args)
    }

    /// `igor node` as this program runs it that takes another one and its arguments.
    pub(crate) fn within(place: Place, around: &[&str], args: &[&str]) -> Self {
        Self::started(place, around, &[&["node"], args].concat(), true)
    }

    /// `igor run` of this module, reached by others.
    pub(crate) fn of_run(place: Place, module: &str, args: &[&str]) -> Self {
        Self::started(place, &[], &[&["run", module], args].concat(), false)
    }

    fn started(place: Place, around: &[&str], args: &[&str], is_node: bool) -> Self {
        let owned = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
        let (around, args) = (owned(around), owned(args));
        let (running, way) = start(&place, &around, &args, is_node);
        Self { place, running, way, around, args, is_up: true }
    }

    /// How it is spoken to until it ends.
    pub(crate) fn way(&self) -> Way {
        self.way.clone()
    }

    /// Where other nodes reach it.
    pub(crate) fn address(&self) -> &str {
        &self.way.address
    }

    pub(crate) fn ask(&self, args: &[&str]) -> Answer {
        self.way.ask(args)
    }

    /// What a command answers, which must succeed.
    #[track_caller]
    pub(crate) fn done(&self, args: &[&str]) -> Value {
        self.way.done(args)
    }

    /// Waits for so many more ticks of the agent.
    #[track_caller]
    pub(crate) fn ticks(&mut self, agent: &str, more: usize) -> u64 {
        let mut tick = 0;
        for _ in 0..more {
            let event = self.running.event("tick", |event| event["agent_id"] == agent);
            tick = event["tick"].as_u64().expect("a number");
        }
        tick
    }

    /// Waits until this tick of the agent was shown, or a later one.
    #[track_caller]
    pub(crate) fn ticks_of(&mut self, agent: &str, at_least: u64) {
        self.running.event("tick", |event| {
            event["agent_id"] == agent && event["tick"].as_u64() >= Some(at_least)
        });
    }

    /// Ends it with a signal, which it takes as a wish.
    #[track_caller]
    pub(crate) fn drain(mut self, signal: Signal) -> Place {
        self.running.signal(signal);
        let answer = self.running.answer();
        let lines = answer.stdout.clone();
        answer.done();
        assert!(lines.lines().last().is_some_and(|line| line.contains("\"drained\"")), "{lines}");
        let socket = fs::exists(&self.way.socket).expect("it can be looked for");
        assert!(!socket, "the socket is gone");
        self.place
    }

    /// Kills it; nothing happens if that was done.
    pub(crate) fn kill(&mut self) {
        if self.is_up {
            self.running.signal(Signal::KILL);
            self.running.answer();
            self.is_up = false;
        }
    }

    /// Starts it again where it was, if it was killed.
    pub(crate) fn revive(&mut self) {
        if !self.is_up {
            let args = [&self.args[..], &["--listen".to_owned(), self.way.address.clone()]];
            (self.running, self.way) = start(&self.place, &self.around, &args.concat(), true);
            self.is_up = true;
        }
    }

    /// What is left of it once it was killed.
    pub(crate) fn killed(mut self) -> Place {
        self.kill();
        self.place
    }
}

fn start(place: &Place, around: &[String], args: &[String], is_node: bool) -> (Running, Way) {
    let runtime = place.path("run");
    fs::create_dir_all(&runtime).expect("a folder can be made");
    let mut command = igor_within(around);
    // A flag that is given again replaces the one before.
    command.args(&args[..1]).args(["--output", "json", "--tick-interval", "5ms"]);
    command.args(["--checkpoint-interval", "50ms", "--checkpoint-dir", &place.data()]);
    command.args(&args[1..]).env("XDG_RUNTIME_DIR", runtime);
    let mut running = Running::start(command);
    let listening = running.event("listening", |_| true);
    let address = listening["addresses"][0].as_str().expect("an address").to_owned();
    let mut socket = String::new();
    if is_node {
        let ready = running.event("ready", |_| true);
        ready["control"].as_str().expect("text").clone_into(&mut socket);
    }
    (running, Way { data: place.data(), socket, address })
}
