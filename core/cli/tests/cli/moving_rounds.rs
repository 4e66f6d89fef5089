//! Three nodes between which agents go round and round, over each transport and on each engine: while all of them
//! tick and move at the same time, each goes on where it stopped, is at one node, and pays what that node charges.

#![allow(clippy::print_stdout, reason = "the figures are shown on demand")]

use std::thread;
use std::time::Instant;

use crate::disks::{assert_one_life, holders};
use crate::nodes::{Node, Way};
use crate::support::{Place, effort};

const AGENTS: [&str; 3] = ["first", "second", "third"];
/// What each agent is given, in microcents.
const INITIAL: i64 = 5_000_000_000;

/// What became of an agent that went round.
struct Home {
    tick: u64,
    budget: i64,
}

/// Sends an agent from node to node, as often around as that, and stops it at home.
fn travel(ways: &[Way; 3], number: usize, module: &str, rounds: u64) -> Home {
    let agent = AGENTS[number];
    let start = ["start", module, "--agent-id", agent, "--budget", "5000"];
    ways[number].done(&start);
    let mut tick = ways[number].ticks_beyond(agent, 0);
    let mut at = number;
    for _ in 0..3 * rounds {
        let next = (at + 1) % 3;
        let moved = ways[at].done(&["migrate", agent, "--to", &ways[next].address]);
        assert_eq!(moved["is_there"], true, "{moved}");
        assert_eq!(ways[at].runs(agent), None, "{agent} is away");
        tick = ways[next].ticks_beyond(agent, tick);
        at = next;
    }
    assert_eq!(at, number);
    let stopped = ways[number].done(&["stop", agent]);
    let budget = stopped["budget"].as_i64().expect("a number");
    let stopped = stopped["tick"].as_u64().expect("a number");
    assert!(stopped >= tick, "{agent} was seen at tick {tick} and stopped at {stopped}");
    Home { tick: stopped, budget }
}

fn go_round(transport: &str, engines: [&str; 3], auditor: &str) {
    let (begun, rounds) = (Instant::now(), effort(1, 20));
    let prices = ["0.001", "0.002", "0.003"];
    let mut nodes = [0, 1, 2].map(|number| {
        let (engine, price) = (engines[number], prices[number]);
        let often = ["--tick-interval", "2ms", "--checkpoint-interval", "20ms"];
        let what = ["--transport", transport, "--engine", engine, "--price", price];
        Node::on(Place::new(), &[&often[..], &what].concat())
    });
    let modules = Place::new();
    let module = modules.prebuilt("heartbeat");
    let ways = nodes.each_ref().map(Node::way);
    let (ways, module) = (&ways, module.as_str());
    let homes = thread::scope(|scope| {
        let going = [0, 1, 2].map(|it| scope.spawn(move || travel(ways, it, module, rounds)));
        going.map(|gone| gone.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    });
    nodes.iter_mut().for_each(Node::kill);
    let places = nodes.each_ref().map(|node| &node.place);
    let mut ticks = 0;
    for (number, (agent, home)) in AGENTS.into_iter().zip(homes).enumerate() {
        assert_eq!(holders(places, agent), [number], "{agent} is at home and nowhere else");
        let others = [places[(number + 1) % 3], places[(number + 2) % 3]];
        let of = (agent, module);
        let money = (INITIAL, home.budget);
        let proven = assert_one_life((places[number], &others), of, money, auditor);
        assert_eq!(proven, home.tick);
        ticks += proven;
    }
    let moves = 9 * rounds;
    println!("{transport} {engines:?}: {moves} moves, {ticks} ticks, {:?}", begun.elapsed());
}

#[test]
fn agents_go_round_by_quic_on_wasmtime() {
    go_round("quic", ["wasmtime"; 3], "wasmi");
}

#[test]
fn agents_go_round_by_quic_on_wasmi() {
    go_round("quic", ["wasmi"; 3], "wasmtime");
}

#[test]
fn agents_go_round_by_quic_with_the_engine_changing_on_the_way() {
    go_round("quic", ["wasmtime", "wasmi", "wasmtime"], "wasmi");
}

#[test]
fn agents_go_round_by_libp2p_on_wasmtime() {
    go_round("libp2p", ["wasmtime"; 3], "wasmi");
}

#[test]
fn agents_go_round_by_libp2p_on_wasmi() {
    go_round("libp2p", ["wasmi"; 3], "wasmtime");
}

#[test]
fn agents_go_round_by_libp2p_with_the_engine_changing_on_the_way() {
    go_round("libp2p", ["wasmtime", "wasmi", "wasmtime"], "wasmi");
}
