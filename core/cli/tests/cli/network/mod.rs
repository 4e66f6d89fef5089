//! Nodes in network namespaces of their own, between which frames get lost, late and doubled, and the wire is cut in
//! the middle of a handoff: once it is whole again, one node holds the agent and ticks it, and its life is proven.

#![allow(clippy::print_stdout, reason = "the seed and the figures are shown if a test fails")]

mod namespaces;

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use self::namespaces::{Frames, NODES, Network, place};
use crate::disks::{assert_one_life, holders, offers};
use crate::nodes::{LOOK, Node, PATIENCE};
use crate::support::{Draws, Place, effort, igor, number};

const AGENT: &str = "heartbeat";
/// What the agent is given, in microcents.
const INITIAL: i64 = 5_000_000_000;
/// So many frames of a thousand are lost, so many doubled, and each is late by so much.
const FAULTS: (u64, u64, u64) = (50, 50, 20);
/// Frames that carried nothing for so long are missed, so that much happens in little time.
const MISSED_SOON: &[u8] = b"[limits]\nsilence_ns_max = 3000000000\n";

/// What became of moves and cuts.
#[derive(Debug, Default)]
struct Figures {
    moves: u64,
    cuts: u64,
    /// Cuts while the offer was open.
    open: u64,
    arrived: u64,
    stayed: u64,
}

struct World {
    nodes: Vec<Node>,
    network: Network,
    draws: Draws,
    figures: Figures,
}

impl World {
    fn new(test: &str, transport: &str) -> Option<Self> {
        let seed = number("IGOR_CONFORMANCE_SEED", 1);
        println!("to repeat: IGOR_CONFORMANCE_SEED={seed}; the machine's timing differs each time");
        let mut network = Network::new(test, seed)?;
        let (loss, delay_ms, duplication) = FAULTS;
        network.faults(loss, delay_ms, duplication);
        // Who may connect from another machine has to be named.
        let born: Vec<_> = (0..NODES).map(|_| Node::on(Place::new(), &[])).collect();
        let ids = born.iter().map(|node| {
            let peers = node.done(&["peers"]);
            peers["node_id"].as_str().expect("text").to_owned()
        });
        let accepted = ids.collect::<Vec<_>>().join(",");
        let nodes = born.into_iter().enumerate().map(|(number, node)| {
            let home = node.drain(Signal::TERM);
            let config = home.write("igor.toml", MISSED_SOON);
            let listen = match transport {
                "quic" => format!("quic://{}:7000", place(number)),
                _ => format!("/ip4/{}/tcp/7000", place(number)),
            };
            let reached = ["--transport", transport, "--listen", &listen, "--accept", &accepted];
            let engine = ["--engine", ["wasmtime", "wasmi"][number % 2], "--config", &config];
            let around = network.around(number);
            let around = around.each_ref().map(String::as_str);
            Node::within(home, &around, &[&reached[..], &engine].concat())
        });
        let nodes: Vec<_> = nodes.collect();
        let draws = Draws::of(seed, transport);
        Some(Self { nodes, network, draws, figures: Figures::default() })
    }

    /// The number of the node that runs the agent, once exactly one does and the agent ticks there.
    fn settled(&self) -> usize {
        let begun = Instant::now();
        let mut both = 0;
        while begun.elapsed() < PATIENCE {
            let runs: Vec<_> = self.nodes.iter().map(|node| node.way().runs(AGENT)).collect();
            let running: Vec<_> = (0..NODES).filter(|&number| runs[number].is_some()).collect();
            if let [number] = running[..] {
                self.nodes[number].way().ticks_beyond(AGENT, runs[number].unwrap_or(0));
                return number;
            }
            // The nodes are asked one after the other.
            both = if running.is_empty() { 0 } else { both + 1 };
            assert!(both < 3, "{running:?} run the agent, {:?}", self.figures);
            std::thread::sleep(LOOK);
        }
        panic!("nobody runs the agent within {PATIENCE:?}, {:?}", self.figures);
    }

    /// Another node than this one.
    fn other(&mut self, than: usize) -> usize {
        (than + 1 + usize::try_from(self.draws.below(2)).expect("few")) % NODES
    }

    /// Begins to give the agent to another node.
    fn give(&self, from: usize, to: usize) -> Child {
        let mut command = igor(["migrate", AGENT, "--to", self.nodes[to].address()]);
        command.args(["--checkpoint-dir", &self.nodes[from].place.data()]);
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the program starts")
    }

    /// A move that nothing but the weather is in the way of.
    fn move_on(&mut self) {
        let from = self.settled();
        let to = self.other(from);
        let moved = self.nodes[from].done(&["migrate", AGENT, "--to", self.nodes[to].address()]);
        assert_eq!(moved["is_there"], true, "{moved}");
        assert_eq!(self.settled(), to);
        self.figures.moves += 1;
    }

    /// A move in the middle of which the wire between the two nodes is cut, for some time.
    fn cut_a_move(&mut self) {
        let from = self.settled();
        let to = self.other(from);
        let mut giving = self.give(from, to);
        let begun = Instant::now();
        // At any moment, or as soon as the agent is offered.
        let until = Duration::from_millis(match self.draws.below(3) {
            0 => self.draws.below(2_000),
            _ => u64::MAX,
        });
        while begun.elapsed() < until && !offers(&self.nodes[from].place, AGENT) {
            if giving.try_wait().expect("the program is there").is_some() {
                break;
            }
            std::thread::sleep(LOOK / 5);
        }
        self.network.cut(from, to);
        self.figures.cuts += 1;
        let cut_for = Duration::from_millis(500 + self.draws.below(effort(1_000, 5_000)));
        self.nodes[from].running.lines_for(cut_for);
        if offers(&self.nodes[from].place, AGENT) {
            self.figures.open += 1;
            let runs = self.nodes[from].way().runs(AGENT);
            assert_eq!(runs, None, "what is offered does not tick, {:?}", self.figures);
        }
        self.network.heal();
        giving.wait().expect("the program ends");
        let at = self.settled();
        assert!(at == from || at == to, "the agent is at a third node: {at}");
        *(if at == to { &mut self.figures.arrived } else { &mut self.figures.stayed }) += 1;
    }

    /// Brings the agent to rest and kills all nodes; then only disks are left.
    fn end(mut self, module: &str) -> Figures {
        let at = self.settled();
        let stopped = self.nodes[at].done(&["stop", AGENT]);
        let budget = stopped["budget"].as_i64().expect("a number");
        self.nodes.iter_mut().for_each(Node::kill);
        let places: Vec<_> = self.nodes.iter().map(|node| &node.place).collect();
        assert_eq!(holders(places.iter().copied(), AGENT), [at], "{:?}", self.figures);
        let others = [places[(at + 1) % NODES], places[(at + 2) % NODES]];
        assert_one_life((places[at], &others), (AGENT, module), (INITIAL, budget), "wasmi");
        self.figures
    }
}

fn bad_weather(test: &str, transport: &str) {
    let begun = Instant::now();
    let Some(mut world) = World::new(test, transport) else { return };
    let module = world.nodes[0].place.prebuilt(AGENT);
    world.nodes[0].done(&["start", &module, "--budget", "5000"]);
    for _ in 0..effort(2, 20) {
        world.move_on();
    }
    let (cuts, open) = (effort(2, 20), effort(1, 8));
    // Not every cut hits the moment that matters most.
    while world.figures.cuts < cuts || world.figures.open < open {
        world.cut_a_move();
        assert!(world.figures.cuts < 10 * cuts, "no offer was cut off: {:?}", world.figures);
    }
    let frames = world.network.frames();
    let Frames { carried, lost, doubled, stopped } = frames;
    assert!(lost > 0 && lost < carried && doubled > 0 && stopped > 0, "{frames:?}");
    let figures = world.end(&module);
    println!("{transport}: {figures:?}, {frames:?}, {:?}", begun.elapsed());
}

#[test]
fn bad_weather_by_quic() {
    bad_weather("bad_weather_by_quic", "quic");
}

#[test]
fn bad_weather_by_libp2p() {
    bad_weather("bad_weather_by_libp2p", "libp2p");
}
