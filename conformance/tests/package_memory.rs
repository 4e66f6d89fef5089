//! What an agent that arrives costs in memory, whatever is announced and however it is sent. It runs alone in
//! its process, one attack after another, because the process's memory is what it measures. It knows Linux
//! only.

#![cfg(target_os = "linux")]

use std::fs;

use igor_core::Limits;
use igor_core::format::{BILL_ITEMS_MAX, BillItem, Hash, MeterName, Part, Tick};
use igor_node::handoff::original::{Parcel, transfer_bytes_max};
use igor_node::handoff::package::{Inventory, Package};

/// What an attack may cost beyond what was sent: for a vector that grows, and for what the allocator keeps.
const SLACK_KIB: u64 = 24 << 10;
static PIECE: [u8; 256 << 10] = [7; 256 << 10];

/// A line of `/proc/self/status`, in KiB.
fn status_kib(field: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("Linux shows it");
    let line = status.lines().find_map(|line| line.strip_prefix(field)).expect("it has the field");
    let number = line.trim_start_matches(':').trim().trim_end_matches(" kB");
    number.parse().expect("it is a number")
}

/// What the process's memory grows by at most while `attack` runs, in KiB.
fn peak_kib(attack: impl FnOnce()) -> u64 {
    fs::write("/proc/self/clear_refs", "5").expect("a process may reset its own peak");
    let before_kib = status_kib("VmRSS");
    attack();
    status_kib("VmHWM").saturating_sub(before_kib)
}

fn announced(items: Vec<BillItem>) -> Package {
    Package::new(Inventory::new(items, &Limits::default()).expect("a bill within the limits"))
}

fn item(part: Part, bytes: u64) -> BillItem {
    let name = format!("{part} {bytes}");
    BillItem { part, hash: Hash::of(name.as_bytes()), bytes }
}

/// The longest bill, of which each part begins to arrive and none ends.
fn many_beginnings() {
    let parts = (0..u64::MAX).map(|tick| Part::History(Tick(tick), 0)).take(BILL_ITEMS_MAX);
    let mut package = announced(parts.map(|part| item(part, 1_000)).collect());
    for number in 0..package.inventory().items().len() {
        package.take(u32::try_from(number).expect("few"), 0, &[1]).expect("it begins");
    }
}

/// Everything that may be announced, of which almost nothing arrives.
fn large_promises() {
    let half = Limits::default().package_bytes_max / 2;
    let items = vec![item(Part::Module, half), item(Part::Manifest, half)];
    let mut package = announced(items);
    for number in [0, 1] {
        package.take(number, 0, &PIECE).expect("it begins");
    }
}

/// Everything that may be announced, as one part that is another one at the end, and once more behind it.
fn everything() {
    let max = Limits::default().package_bytes_max;
    let mut package = announced(vec![item(Part::Module, max)]);
    let mut offset = 0;
    while package.take(0, offset, &PIECE).is_ok() {
        offset += u64::try_from(PIECE.len()).expect("small");
    }
    assert!(offset < max, "what is whole is looked at");
}

/// A message of the original as long as it may be: of lists in lists, of text, and of what it ends in.
fn messages() {
    let limits = Limits::default();
    let meter = MeterName::new("gas").expect("a sound name");
    let length = usize::try_from(transfer_bytes_max(&limits)).expect("it fits");
    for start in [r#"{"Package":{"AgentID":""#, r#"{"Package":{"ReplayData":{"Entries":["#, "["] {
        let mut text = start.as_bytes().to_vec();
        text.resize(length, if start.ends_with('[') { b'[' } else { b'a' });
        let (_, parcel) = Parcel::read(&text, &meter, &limits);
        assert!(parcel.is_err());
    }
}

#[test]
fn what_arrives_costs_no_more_memory_than_what_was_sent() {
    let full_kib = Limits::default().package_bytes_max >> 10;
    let message_kib = transfer_bytes_max(&Limits::default()) >> 10;
    let attacks: [(&str, fn(), u64); 4] = [
        ("many beginnings", many_beginnings, 0),
        ("large promises", large_promises, 0),
        // A part that is moved to a larger place is there twice for a moment.
        ("everything", everything, full_kib + full_kib / 2),
        ("messages", messages, 2 * message_kib),
    ];
    for (name, attack, sent_kib) in attacks {
        let grown_kib = peak_kib(attack);
        let max = sent_kib + SLACK_KIB;
        assert!(grown_kib <= max, "{name}: {grown_kib} KiB, at most {max} expected");
    }
}
