//! How long an agent does not tick while it moves between two real `igor node` processes over QUIC on this machine,
//! beside what cannot be left out: two round trips on the same transport, and the durable writes of the same files.
//! Also how many bytes cross the network for how many that the target lacked. Moves and raw operations alternate in
//! one run; the medians count.
//! `cargo bench -p igor`

#![allow(clippy::print_stdout, reason = "a benchmark reports to its caller")]
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a benchmark stops at what it did not expect"
)]

mod cable;
mod module;
mod node;
mod raw;

use std::time::Duration;

use cable::Cable;
use node::Node;
use raw::{RoundTrips, Writes};

/// How often an agent goes to and fro.
const MOVES: u64 = 40;
/// How many large agents go to a node that never saw their module.
const LARGE_MOVES: u64 = 5;

fn main() {
    println!(
        "medians; the blackout is from the last tick at the source to the first at the target"
    );
    println!("{:<34} {:>9} {:>9} {:>9} {:>7}", "", "trips", "writes", "blackout", "ratio");
    let place = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    to_and_fro(place.path());
    large_ones(place.path());
}

/// An agent with a state of 28 bytes, between two nodes that both know it.
fn to_and_fro(place: &std::path::Path) {
    let mut nodes = [Node::start(&place.join("one")), Node::start(&place.join("other"))];
    let (mut trips, mut writes) = (RoundTrips::new(), Writes::new(&place.join("raw")));
    nodes[0].begin("heartbeat", &module::heartbeat());
    let mut rows = [Vec::new(), Vec::new(), Vec::new()];
    for number in 0..MOVES {
        let (raw_trips, raw_writes) = (trips.two(), writes.all(number));
        let [one, other] = &mut nodes;
        let (from, to) = if number % 2 == 0 { (one, other) } else { (other, one) };
        let address = to.address.clone();
        let moved = from.give("heartbeat", &address, to);
        // The first times the target knows nothing of the agent.
        if number >= 2 {
            let found = [raw_trips, raw_writes, moved.blackout];
            rows.iter_mut().zip(found).for_each(|(row, time)| row.push(time));
        }
    }
    print_row("heartbeat, to and fro", rows);
}

/// Agents with 2.6 MB of code each that the target lacks, by a cable that counts what it carries.
fn large_ones(place: &std::path::Path) {
    let mut from = Node::start(&place.join("source"));
    let mut to = Node::start(&place.join("target"));
    let cable = Cable::to(&to.address);
    let (mut trips, mut writes) = (RoundTrips::new(), Writes::new(&place.join("raw-large")));
    let mut rows = [Vec::new(), Vec::new(), Vec::new()];
    let (mut carried, mut lacked, mut took) = (0, 0, Vec::new());
    for number in 0..LARGE_MOVES {
        let agent = format!("large-{number}");
        let module = module::large(number);
        from.begin(&agent, &module);
        let (raw_trips, raw_writes) = (trips.two(), writes.all(number));
        cable.reset();
        let moved = from.give(&agent, &cable.address, &mut to);
        carried += cable.bytes();
        lacked += moved.sent;
        took.push(moved.took);
        let found = [raw_trips, raw_writes, moved.blackout];
        rows.iter_mut().zip(found).for_each(|(row, time)| row.push(time));
        to.stop(&agent);
    }
    print_row("2.6 MB of code that the target lacks", rows);
    println!("  the whole move, with compiling: {} ms", median(took).as_millis());
    let percent = carried * 100 / lacked;
    println!("  {carried} bytes carried for {lacked} that were lacking: {percent} %");
}

fn print_row(name: &str, rows: [Vec<Duration>; 3]) {
    let [trips, writes, blackout] = rows.map(median);
    let ratio = blackout.as_secs_f64() / (trips + writes).as_secs_f64();
    let [trips, writes, blackout] = [trips, writes, blackout].map(|time| time.as_micros());
    println!("{name:<36} {trips:>5} us {writes:>6} us {blackout:>6} us {ratio:>7.2}");
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
