//! Three nodes between which agents move while nodes are killed at random moments: whatever becomes of a move, from
//! the disks alone at most one node holds each agent, and its whole life is proven to the last microcent. What
//! happens within one process is enumerated elsewhere; this is about real processes, sockets and disks.

#![allow(clippy::print_stdout, reason = "the seed and the figures are shown if a test fails")]

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::disks::{assert_one_life, holders, offers};
use crate::nodes::{LOOK, Node, PATIENCE};
use crate::support::{Draws, Place, effort, igor, number};

const AGENTS: [&str; 2] = ["first", "second"];
/// What each agent is given, in microcents.
const INITIAL: i64 = 5_000_000_000;
/// A move is over within this time, most often.
const MOVE_US: u64 = 400_000;
/// Within this time after it is durable an offer is answered, most often.
const OPEN_US: u64 = 10_000;
/// One kill in so many is that of all nodes at once, and then the disks are looked at.
const ALL: u64 = 4;
/// A killed node is missed after 2 s rather than 30 s, so that much happens in little time.
const MISSED_SOON: &[u8] = b"[limits]\nsilence_ns_max = 2000000000\n";

/// What became of the moves.
#[derive(Debug, Default)]
struct Figures {
    moves: u64,
    kills: u64,
    /// Kills while the first agent's offer was open.
    open: u64,
    arrived: u64,
    stayed: u64,
}

struct World {
    nodes: [Node; 3],
    module: String,
    draws: Draws,
    figures: Figures,
}

impl World {
    fn new(transport: &str, engines: [&str; 3]) -> Self {
        let seed = number("IGOR_CONFORMANCE_SEED", 1);
        println!("to repeat: IGOR_CONFORMANCE_SEED={seed}; the machine's timing differs each time");
        let nodes = engines.map(|engine| {
            let place = Place::new();
            let config = place.write("igor.toml", MISSED_SOON);
            let often = ["--tick-interval", "2ms", "--checkpoint-interval", "20ms"];
            let what = ["--transport", transport, "--engine", engine, "--config", &config];
            Node::on(place, &[&often[..], &what].concat())
        });
        let module = nodes[0].place.prebuilt("heartbeat");
        for (node, agent) in nodes.iter().zip(AGENTS) {
            node.done(&["start", &module, "--agent-id", agent, "--budget", "5000"]);
        }
        let draws = Draws::of(seed, (transport, engines));
        Self { nodes, module, draws, figures: Figures::default() }
    }

    /// One of the three.
    fn any(&mut self) -> usize {
        usize::try_from(self.draws.below(3)).expect("few")
    }

    /// The number of the node that runs the agent, once exactly one does and the agent ticks there.
    fn settled(&self, agent: &str) -> usize {
        let begun = Instant::now();
        let mut both = 0;
        while begun.elapsed() < PATIENCE {
            let runs = self.nodes.each_ref().map(|node| node.way().runs(agent));
            let running: Vec<_> = (0..3).filter(|&number| runs[number].is_some()).collect();
            if let [number] = running[..] {
                self.nodes[number].way().ticks_beyond(agent, runs[number].unwrap_or(0));
                return number;
            }
            // The nodes are asked one after the other.
            both = if running.is_empty() { 0 } else { both + 1 };
            assert!(both < 3, "{} run {agent}: {running:?}, {:?}", running.len(), self.figures);
            std::thread::sleep(LOOK);
        }
        panic!("nobody runs {agent} within {PATIENCE:?}, {:?}", self.figures);
    }

    /// Begins to give an agent to another node.
    fn give(&self, agent: &str, from: usize, to: usize) -> Child {
        let mut command = igor(["migrate", agent, "--to", self.nodes[to].address()]);
        command.args(["--checkpoint-dir", &self.nodes[from].place.data()]);
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the program starts")
    }

    /// Both agents begin to move and nodes are killed meanwhile.
    fn round(&mut self) {
        let from = AGENTS.map(|agent| self.settled(agent));
        let mut going = Vec::new();
        let mut to = [0; AGENTS.len()];
        for (number, agent) in AGENTS.into_iter().enumerate() {
            to[number] =
                (from[number] + 1 + usize::try_from(self.draws.below(2)).expect("few")) % 3;
            going.push(self.give(agent, from[number], to[number]));
        }
        let is_all = self.draws.below(ALL) == 0;
        let is_aimed = self.draws.below(2) == 0;
        let victims = match (is_all, is_aimed) {
            (true, _) => vec![0, 1, 2],
            (false, true) => vec![if self.draws.below(2) == 0 { from[0] } else { to[0] }],
            (false, false) => vec![self.any()],
        };
        if is_aimed {
            self.wait_for_offer(from[0], &mut going[0]);
        }
        // A moment between the first step and the last, or soon after the one that matters most.
        let most_us = if is_aimed { OPEN_US } else { MOVE_US };
        let moment = Duration::from_micros(self.draws.below(most_us));
        self.nodes[victims[0]].running.lines_for(moment);
        self.figures.open += u64::from(offers(&self.nodes[from[0]].place, AGENTS[0]));
        for &victim in &victims {
            self.nodes[victim].kill();
        }
        if is_all {
            self.look_at_disks();
        }
        for &victim in &victims {
            self.nodes[victim].revive();
        }
        for mut child in going {
            // The command's end depends on who was killed.
            child.wait().expect("the program ends");
        }
        self.figures.kills += u64::try_from(victims.len()).expect("few");
        for (number, agent) in AGENTS.into_iter().enumerate() {
            let at = self.settled(agent);
            assert!(at == from[number] || at == to[number], "{agent} is at a third node: {at}");
            self.figures.moves += 1;
            *(if at == to[number] {
                &mut self.figures.arrived
            } else {
                &mut self.figures.stayed
            }) += 1;
        }
    }

    /// Waits until the disk says that the first agent is offered, or the command that gives it away ends.
    fn wait_for_offer(&self, from: usize, giving: &mut Child) {
        while !offers(&self.nodes[from].place, AGENTS[0])
            && giving.try_wait().expect("the program is there").is_none()
        {
            std::thread::sleep(LOOK / 50);
        }
    }

    fn look_at_disks(&self) {
        for agent in AGENTS {
            let held = holders(self.nodes.each_ref().map(|node| &node.place), agent);
            assert!(held.len() <= 1, "{agent} is held by {held:?}, {:?}", self.figures);
        }
    }

    /// Brings the agents to rest and kills all nodes; then only disks are left.
    fn end(mut self, auditor: &str) -> Figures {
        let at = AGENTS.map(|agent| self.settled(agent));
        let budgets = [0, 1].map(|number| {
            let stopped = self.nodes[at[number]].done(&["stop", AGENTS[number]]);
            stopped["budget"].as_i64().expect("a number")
        });
        self.nodes.iter_mut().for_each(Node::kill);
        let places = self.nodes.each_ref().map(|node| &node.place);
        for (number, agent) in AGENTS.into_iter().enumerate() {
            let holder = at[number];
            assert_eq!(holders(places, agent), [holder], "{agent}: {:?}", self.figures);
            let others = [places[(holder + 1) % 3], places[(holder + 2) % 3]];
            let money = (INITIAL, budgets[number]);
            assert_one_life((places[holder], &others), (agent, &self.module), money, auditor);
        }
        self.figures
    }
}

fn kill_on_the_way(transport: &str, engines: [&str; 3], auditor: &str) {
    let begun = Instant::now();
    let mut world = World::new(transport, engines);
    for _ in 0..effort(3, 25) {
        world.round();
    }
    let figures = world.end(auditor);
    println!("{transport} {engines:?}: {figures:?}, {:?}", begun.elapsed());
}

#[test]
fn kills_on_the_way_by_quic_on_wasmtime() {
    kill_on_the_way("quic", ["wasmtime"; 3], "wasmi");
}

#[test]
fn kills_on_the_way_by_quic_on_wasmi() {
    kill_on_the_way("quic", ["wasmi"; 3], "wasmtime");
}

#[test]
fn kills_on_the_way_by_quic_with_the_engine_changing() {
    kill_on_the_way("quic", ["wasmtime", "wasmi", "wasmtime"], "wasmi");
}

#[test]
fn kills_on_the_way_by_libp2p_on_wasmtime() {
    kill_on_the_way("libp2p", ["wasmtime"; 3], "wasmi");
}

#[test]
fn kills_on_the_way_by_libp2p_on_wasmi() {
    kill_on_the_way("libp2p", ["wasmi"; 3], "wasmtime");
}

#[test]
fn kills_on_the_way_by_libp2p_with_the_engine_changing() {
    kill_on_the_way("libp2p", ["wasmtime", "wasmi", "wasmtime"], "wasmi");
}
