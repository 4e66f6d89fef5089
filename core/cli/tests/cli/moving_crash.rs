//! Two nodes between which an agent moves while they are killed at chosen moments: whatever becomes of a move, from
//! the disks alone at most one node holds the agent, and its whole life is proven. What happens within one
//! process is enumerated elsewhere; this is about real processes, sockets and disks.

use std::fs;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::support::{Place, Running, ask, igor};

/// How long two nodes that are there may take until one of them runs the agent.
const SETTLED: Duration = Duration::from_secs(120);
const AGENT: &str = "heartbeat";

/// A node that is killed and started again, always at the same address.
struct Mortal {
    place: Place,
    running: Option<Running>,
    engine: &'static str,
    address: String,
}

impl Mortal {
    fn born(engine: &'static str) -> Self {
        let place = Place::new();
        fs::create_dir_all(place.path("run")).expect("a folder can be made");
        let mut mortal = Self { place, running: None, engine, address: String::new() };
        mortal.start();
        mortal
    }

    fn start(&mut self) {
        let mut command = igor(["node", "--output", "json", "--tick-interval", "2ms"]);
        command.args(["--checkpoint-interval", "20ms", "--checkpoint-dir", &self.place.data()]);
        command.args(["--engine", self.engine]).env("XDG_RUNTIME_DIR", self.place.path("run"));
        if !self.address.is_empty() {
            command.args(["--listen", &self.address]);
        }
        let mut running = Running::start(command);
        let listening = running.event("listening", |_| true);
        self.address = listening["addresses"][0].as_str().expect("an address").to_owned();
        running.event("ready", |_| true);
        self.running = Some(running);
    }

    fn kill(&mut self) {
        if let Some(mut running) = self.running.take() {
            running.signal(Signal::KILL);
            running.answer();
        }
    }

    /// Reads so many lines, if the node says as many.
    fn lines(&mut self, count: u64) {
        if let Some(running) = &mut self.running {
            (0..count).map_while(|_| running.lines_for(Duration::from_millis(20)).pop()).count();
        }
    }

    fn runs(&self) -> bool {
        let data = self.place.data();
        let answer = ask(["status", AGENT, "--checkpoint-dir", &data, "--output", "json"]);
        answer.code == Some(0) && answer.document()["state"] == "running"
    }

    /// Begins to give the agent to the node at this address.
    fn give(&self, to: &str) -> Child {
        let mut command = igor(["migrate", AGENT, "--to", to, "--checkpoint-dir"]);
        command.arg(self.place.data()).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().expect("the program starts")
    }
}

/// The number of the node that runs the agent, once exactly one does.
#[track_caller]
fn holder(nodes: &[Mortal; 2], seed: u64) -> usize {
    let begun = Instant::now();
    while begun.elapsed() < SETTLED {
        match nodes.each_ref().map(Mortal::runs) {
            [true, false] => return 0,
            [false, true] => return 1,
            [true, true] => panic!("seed {seed}: two nodes run the agent"),
            [false, false] => {}
        }
    }
    panic!("seed {seed}: after {SETTLED:?} nobody runs the agent");
}

/// Numbers that follow from a seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

#[test]
fn nodes_that_are_killed_while_an_agent_moves_never_hold_it_twice_or_lose_it() {
    let seed = std::env::var("IGOR_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(7);
    let moves = match std::env::var("IGOR_CONFORMANCE_EFFORT").as_deref() {
        Ok("full" | "soak") => 50,
        _ => 4,
    };
    let mut dice = Dice(seed);
    let mut nodes = [Mortal::born("wasmtime"), Mortal::born("wasmi")];
    let module = nodes[0].place.prebuilt(AGENT);
    ask(["start", &module, "--checkpoint-dir", &nodes[0].place.data()]).done();
    for _ in 0..moves {
        let from = holder(&nodes, seed);
        let mut giving = nodes[from].give(&nodes[1 - from].address);
        let victim = if dice.below(2) == 0 { from } else { 1 - from };
        nodes[victim].lines(dice.below(12));
        nodes[victim].kill();
        let _ = giving.wait();
        nodes[victim].start();
    }
    let last = holder(&nodes, seed);
    let data = nodes[last].place.data();
    let status = ask(["status", AGENT, "--checkpoint-dir", &data, "--output", "json"]).document();
    let did = status["did"].as_str().expect("an identity").to_owned();
    for node in &mut nodes {
        node.kill();
    }
    // From the disks alone. A node that the agent never came to may start one of its own.
    for (number, node) in nodes.iter().enumerate() {
        let module = node.place.prebuilt(AGENT);
        let data = node.place.data();
        let again = ask(["run", &module, "--ticks", "1", "--checkpoint-dir", &data]);
        let runs = again.code == Some(0) && again.stdout.contains(&did);
        assert_eq!(runs, number == last, "seed {seed}: {again:#?}");
    }
    let history = nodes[last].place.path("data").join("history").join(AGENT);
    let history = history.to_str().expect("UTF-8");
    let audit = ask(["audit", history, "--wasm", &module, "--engine", "wasmi"]);
    assert_eq!(audit.code, Some(0), "seed {seed}: {audit:#?}");
}
