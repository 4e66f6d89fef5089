//! What hostile agents cost in memory. It runs alone in its process, one agent after another, because
//! the process's memory is what it measures. It knows Linux only.

#![cfg(target_os = "linux")]

use std::fs;

use conformance::hostile::{Hostile, all, run, world_for};
use igor_core::Engine;
use igor_core::plugin::Registry;

include!(concat!(env!("OUT_DIR"), "/linked.rs"));

/// What one hostile agent may add to the process's resident memory while it runs: the guest's 64 MiB,
/// as much again for a copy, and what compiling the largest module takes.
const PEAK_KIB_MAX: u64 = 256 << 10;
/// What the best of the later rounds of all of them may leave behind.
const REST_KIB_MAX: u64 = 24 << 10;
/// The later rounds. An allocator that parts its memory among threads grows in some of them, a leak in all.
const LATER_ROUNDS: usize = 4;

/// A line of `/proc/self/status`, in KiB.
fn status_kib(field: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("Linux shows it");
    let line = status.lines().find_map(|line| line.strip_prefix(field)).expect("it has the field");
    let number = line.trim_start_matches(':').trim().trim_end_matches(" kB");
    number.parse().expect("it is a number")
}

/// Lets the peak begin anew.
fn reset_peak() {
    fs::write("/proc/self/clear_refs", "5").expect("a process may reset its own peak");
}

#[test]
fn hostile_agents_cost_bounded_memory_and_leave_none_behind() {
    assert!(EXPECTED.len() > 1, "the plugins are linked");
    let agents = all().expect("they can be read");
    let too_much = grown(&agents, |peak_kib| peak_kib > PEAK_KIB_MAX);
    assert!(too_much.is_empty(), "more than {PEAK_KIB_MAX} KiB:\n{}", too_much.join("\n"));
    // What the allocator keeps after a round serves a later one; what is lost is lost again in each.
    let mut left_kib = Vec::new();
    for _ in 0..LATER_ROUNDS {
        let before_kib = status_kib("VmRSS");
        grown(&agents, |_| false);
        left_kib.push(status_kib("VmRSS").saturating_sub(before_kib));
        if left_kib.iter().any(|&left| left <= REST_KIB_MAX) {
            return;
        }
    }
    panic!("every later round left more than {REST_KIB_MAX} KiB behind: {left_kib:?}");
}

/// Runs every agent on every engine and names those whose peak is `too_much`.
fn grown(agents: &[Hostile], too_much: impl Fn(u64) -> bool) -> Vec<String> {
    let engines = Registry::<dyn Engine>::linked().expect("plugin names differ");
    let mut named = Vec::new();
    for agent in agents {
        for entry in engines.entries() {
            let before_kib = status_kib("VmRSS");
            reset_peak();
            run(&world_for(agent, entry.name), agent);
            let peak_kib = status_kib("VmHWM").saturating_sub(before_kib);
            if too_much(peak_kib) {
                named.push(format!("{} on {}: {peak_kib} KiB", agent.name, entry.name));
            }
        }
    }
    named
}
