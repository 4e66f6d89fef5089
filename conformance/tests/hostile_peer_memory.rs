//! What hostile peers cost in memory and in descriptors. Each attack runs over each transport in a process of its
//! own, started again from this one, because the process is what is measured; both ends are in it, so the node
//! alone costs less. It knows Linux only.

#![cfg(target_os = "linux")]

use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use std::{fs, thread};

use conformance::hostile_peer::{Attacked, as_a_node_does, cases};
use conformance::transport::PluginFixture;
use igor_core::plugin::Registry;
use igor_core::{Limits, Transport};

include!(concat!(env!("OUT_DIR"), "/linked.rs"));

/// Says to a process which attack is its own.
const ATTACK: &str = "IGOR_HOSTILE_PEER";
/// What a transport may keep for its connections, in KiB: the receive windows of 8 MiB that two connections of
/// an attacker have, at either end, and twice that for what the honest node after it has.
const WINDOWS_KIB: u64 = 64 << 10;
/// What a process grows by that runs agents and verifies them, in KiB: code that is touched for the first time,
/// stacks, and an allocator that keeps for each thread what was freed.
const PROCESS_KIB: u64 = 96 << 10;

/// Descriptors of a runtime that comes to its end in the background.
const RUNTIME_DESCRIPTORS: usize = 2;
/// How long descriptors may stay that are closed in the background.
const SOON: Duration = Duration::from_secs(20);
/// Attacks that run at a time; most of their time is waiting.
const THREADS: usize = 4;

/// A line of `/proc/self/status`, in KiB.
fn status_kib(field: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("Linux shows it");
    let line = status.lines().find_map(|line| line.strip_prefix(field)).expect("it has the field");
    let number = line.trim_start_matches(':').trim().trim_end_matches(" kB");
    number.parse().expect("it is a number")
}

fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").expect("Linux shows them").count()
}

/// Runs the attack that the environment names, and says what it cost; the other test starts it so, in a process
/// of its own.
#[test]
fn one_attack() {
    let Ok(attack) = std::env::var(ATTACK) else { return };
    let (name, case) = attack.split_once(' ').expect("a transport and a case");
    let transports = Registry::<dyn Transport>::linked().expect("plugin names differ");
    let entry = *transports.find(name).expect("it is linked");
    let case = cases().into_iter().find(|found| found.name == case).expect("it exists");
    let (kib, open) = (status_kib("VmRSS"), descriptors());
    let transport = Box::new(PluginFixture::new(entry, ""));
    (case.run)(&Attacked { transport, serve: as_a_node_does });
    let peak_kib = status_kib("VmHWM").saturating_sub(kib);
    let begun = Instant::now();
    let left = || descriptors().saturating_sub(open + RUNTIME_DESCRIPTORS);
    while left() > 0 && begun.elapsed() < SOON {
        thread::yield_now();
    }
    println!("cost {peak_kib} {}", left());
}

/// The cost of an attack: KiB at its peak, and descriptors that it left.
fn cost(attack: &str) -> Result<(u64, usize), String> {
    let program = std::env::current_exe().expect("a program knows where it lies");
    let run = Command::new(program)
        .args(["--exact", "one_attack", "--nocapture", "--test-threads=1"])
        .env(ATTACK, attack)
        .output()
        .expect("the program can be started once more");
    let said = String::from_utf8_lossy(&run.stdout);
    let figures =
        said.lines().find_map(|line| line.split_once("cost ")).and_then(|(_, figures)| {
            let (kib, open) = figures.split_once(' ')?;
            Some((kib.parse().ok()?, open.parse().ok()?))
        });
    figures.ok_or_else(|| format!("{said}{}", String::from_utf8_lossy(&run.stderr)))
}

/// Prints what an attack costs, and says if it is too much.
#[allow(clippy::print_stdout, reason = "what each attack costs is a figure to be read")]
fn judge(attack: &str, max_kib: u64) -> Result<(), String> {
    let (kib, open) = cost(attack).map_err(|said| format!("{attack} did not end well:\n{said}"))?;
    println!("{kib:>8} KiB {open:>3} descriptors left  {attack}");
    if kib <= max_kib && open == 0 {
        return Ok(());
    }
    Err(format!("{attack}: {kib} KiB, {open} descriptors left"))
}

#[test]
fn each_attack_stays_within_the_limits_table() {
    assert!(EXPECTED.len() > 1, "the plugins are linked");
    let transports = Registry::<dyn Transport>::linked().expect("plugin names differ");
    // What one attacker may make a node keep, at either end, and what a process grows by without any.
    let limits = Limits::default();
    let share_kib = 2 * limits.inbound_bytes_per_peer_max / 1024;
    let max_kib = share_kib + WINDOWS_KIB + PROCESS_KIB;
    println!("at most {max_kib} KiB, of which {share_kib} are the share of a peer at both ends");
    let name = |transport: &str| {
        cases().into_iter().map(|case| format!("{transport} {}", case.name)).collect::<Vec<_>>()
    };
    let attacks: Vec<_> = transports.entries().iter().flat_map(|entry| name(entry.name)).collect();
    let (next, failed) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Some(attack) = attacks.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(problem) = judge(attack, max_kib) {
                        failed.lock().expect("nobody panics with it").push(problem);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().expect("nobody panics with it");
    assert!(failed.is_empty(), "above {max_kib} KiB or no descriptors:\n{}", failed.join("\n"));
}
