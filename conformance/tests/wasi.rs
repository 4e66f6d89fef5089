//! Guests of ordinary toolchains on every linked engine: they start, run, resume, and find in WASI what
//! its specification here says. What they are is in `fixtures/wasi/README.md`.

use std::collections::BTreeSet;

use conformance::world::{Guest, Transcript, World};
use igor_core::Engine;
use igor_core::format::{Checkpoint, Decoder};
use igor_core::plugin::Registry;
use igor_core::storage::Key;
use igor_node::audit::Verdict;
use igor_node::{RunEvent, StopReason};

include!(concat!(env!("OUT_DIR"), "/linked.rs"));

/// Enough for two checkpoints, each of which is followed by another incarnation.
const TICKS: u64 = 12;
/// Where the stand-in for the wall clock starts.
const STAND_IN_NS: u64 = 1_640_995_200_000_000_000;
const SECOND_NS: u64 = 1_000_000_000;

const NOTHING: &str = "{}";
const CLOCK_AND_RAND: &str = r#"{"capabilities":{"clock":{"version":1},"rand":{"version":1}}}"#;

/// The functions of WASI in the order in which `broad.wat` calls them, and what they answer.
const ERRNOS: [(&str, u16); 45] = [
    ("args_get", 0),
    ("args_sizes_get", 0),
    ("clock_res_get", 0),
    ("clock_time_get", 0),
    ("environ_get", 0),
    ("environ_sizes_get", 0),
    ("fd_advise", 70),
    ("fd_allocate", 70),
    ("fd_datasync", 28),
    ("fd_fdstat_get", 0),
    ("fd_fdstat_set_flags", 0),
    ("fd_fdstat_set_rights", 58),
    ("fd_filestat_get", 0),
    ("fd_filestat_set_size", 28),
    ("fd_filestat_set_times", 58),
    ("fd_pread", 70),
    ("fd_prestat_dir_name", 8),
    ("fd_prestat_get", 8),
    ("fd_pwrite", 70),
    ("fd_read", 0),
    ("fd_readdir", 54),
    ("fd_renumber", 58),
    ("fd_seek", 70),
    ("fd_sync", 28),
    ("fd_tell", 70),
    ("fd_write", 0),
    ("path_create_directory", 8),
    ("path_filestat_get", 8),
    ("path_filestat_set_times", 8),
    ("path_link", 8),
    ("path_open", 8),
    ("path_readlink", 8),
    ("path_remove_directory", 8),
    ("path_rename", 8),
    ("path_symlink", 8),
    ("path_unlink_file", 8),
    ("poll_oneoff", 0),
    ("proc_raise", 52),
    ("random_get", 0),
    ("sched_yield", 0),
    ("sock_accept", 57),
    ("sock_recv", 57),
    ("sock_send", 57),
    ("sock_shutdown", 57),
    ("fd_close", 0),
];

/// Runs a guest for [`TICKS`] ticks on each linked engine; all must tell and leave the same.
fn live(module: &[u8], manifest: &str) -> (Transcript, Vec<u8>) {
    let (mut runs, state) = live_in_runs(module, manifest, &[TICKS]);
    (runs.remove(0), state)
}

/// Runs a guest for so many ticks, and after a stop for so many more, on each linked engine; all must
/// tell and leave the same.
fn live_in_runs(module: &[u8], manifest: &str, ticks: &[u64]) -> (Vec<Transcript>, Vec<u8>) {
    let registry = Registry::<dyn Engine>::linked().expect("plugin names differ");
    let engines = EXPECTED.iter().filter(|plugin| plugin.starts_with("engine::")).count();
    assert_eq!(registry.entries().len(), engines, "every engine is linked");
    let names: Vec<_> = registry.entries().iter().map(|entry| entry.name).collect();
    let mut lives = names.iter().enumerate().map(|(index, name)| {
        let world = World::in_memory(name);
        let guest = Guest::new("guest", module, manifest);
        let run = |ticks: &u64| run(&world, &guest, *ticks);
        let transcripts: Vec<_> = ticks.iter().map(run).collect();
        // What it lived here is proven there.
        let other = names.iter().cycle().nth(index + 1).expect("an engine is linked");
        let audit = world.past(&guest).audit(other);
        assert_eq!(audit.verdict(), Verdict::Proven, "{name}: {:#?}", audit.refutations);
        assert_eq!(audit.ticks, ticks.iter().sum::<u64>(), "{name}");
        (*name, transcripts, state(&world))
    });
    let (first, transcripts, state) = lives.next().expect("an engine is linked");
    for (name, other_transcripts, other_state) in lives {
        for (run, other) in transcripts.iter().zip(&other_transcripts) {
            for (event, other) in run.events.iter().zip(&other.events) {
                assert_eq!(other, event, "{name} against {first}");
            }
        }
        assert_eq!(other_transcripts, transcripts, "{name} against {first}");
        assert_eq!(other_state, state, "{name} against {first}");
    }
    (transcripts, state)
}

/// What one run tells, but for the engine's name, which may differ.
fn run(world: &World, guest: &Guest, ticks: u64) -> Transcript {
    let mut transcript = world.run(guest, ticks).expect("the guest is an agent");
    assert_eq!(transcript.reason, StopReason::Ticks, "{transcript:?}");
    for event in &mut transcript.events {
        if let RunEvent::Started(started) = event {
            started.engine.clear();
        }
    }
    transcript
}

/// The state in the guest's current checkpoint.
fn state(world: &World) -> Vec<u8> {
    let key = Key::Checkpoint("guest".parse().expect("a good name"));
    let stored = pollster::block_on(world.node.storage.0.get(&key)).expect("memory is readable");
    let stored = stored.expect("a stopped agent has a checkpoint");
    Checkpoint::decode(&stored.bytes, u64::MAX).expect("the node wrote it").into_state()
}

/// The lines that a guest must have logged: those of a start, of each of the five ticks until the
/// next one, and so on.
fn expected_lines(of_tick: impl Fn(u64) -> Vec<String>) -> Vec<String> {
    let mut lines = Vec::new();
    for tick in 1..=TICKS {
        lines.extend(of_tick(tick));
    }
    lines
}

#[test]
fn every_function_of_wasi_answers_as_specified() {
    let text = include_str!("../fixtures/wasi/broad.wat");
    let module = wat::parse_str(text).expect("it assembles");
    let (_, state) = live(&module, NOTHING);
    let mut decoder = Decoder::new(&state);
    assert_eq!(decoder.u64(), TICKS);
    for (name, expected) in ERRNOS {
        assert_eq!(u16::from_le_bytes(decoder.array()), expected, "{name}");
    }
    let word = |at: usize| u32::from_le_bytes(state[at..at + 4].try_into().unwrap());
    let long = |at: usize| u64::from_le_bytes(state[at..at + 8].try_into().unwrap());
    assert_eq!(
        [word(520), word(524), word(544), word(548)],
        [0; 4],
        "no arguments, no environment"
    );
    assert_eq!(long(528), 1_000, "the clock's resolution");
    assert_eq!(long(536), STAND_IN_NS + TICKS * SECOND_NS, "the stand-in's time");
    assert_eq!((state[552], long(560)), (2, 1 << 6), "stdout is a device that can be written");
    assert_eq!(state[576 + 16], 2, "stdin is a character device");
    assert_eq!((word(668), word(688)), (0, 6), "stdin is at its end, six bytes were written");
    assert_eq!((long(832), word(840), word(864)), (42, 0, 1), "one event, of the clock");
    assert_ne!((long(872), long(880)), (0, 0), "random bytes");
}

#[test]
fn a_guest_with_rusts_standard_library_runs() {
    let module = include_bytes!("../fixtures/wasi/rust-std.wasm");
    let (transcript, state) = live(module, NOTHING);
    let mut decoder = Decoder::new(&state);
    assert_eq!(decoder.u64(), TICKS);
    let realtime_ns = decoder.u64();
    let second = STAND_IN_NS + TICKS * SECOND_NS;
    assert!((second..second + SECOND_NS).contains(&realtime_ns), "{realtime_ns}");
    assert!((1..1_000_000).contains(&decoder.u64()), "sleeping takes microseconds");
    assert_ne!(decoder.u64(), 0, "random");
    assert_eq!([(); 4].map(|()| decoder.u32()), [0, 0, 1, 0]);
    assert_eq!(decoder.finish(), Ok(()));
    let of_tick = |tick| {
        let end = "a line without an end".to_owned();
        vec![format!("tick {tick} on stdout"), format!("tick {tick} on stderr"), end]
    };
    let lines: Vec<&str> = transcript.lines().filter(|line| *line != "born").collect();
    assert_eq!(lines, expected_lines(of_tick));
    assert!(transcript.lines().filter(|line| *line == "born").count() > 1, "it started again");
}

#[test]
fn a_guest_with_a_c_library_runs() {
    let module = include_bytes!("../fixtures/wasi/c.wasm");
    let (transcript, state) = live(module, NOTHING);
    let mut decoder = Decoder::new(&state);
    assert_eq!(decoder.u64(), TICKS);
    let realtime_ns = decoder.u64();
    let second = STAND_IN_NS + TICKS * SECOND_NS;
    assert!((second..second + SECOND_NS).contains(&realtime_ns), "{realtime_ns}");
    assert_ne!(decoder.u64(), 0, "random");
    assert_eq!([(); 4].map(|()| decoder.u32()), [76, 0, 1, 0]);
    assert_eq!(decoder.finish(), Ok(()));
    let of_tick = |tick| vec![format!("tick {tick} on stdout"), format!("tick {tick} on stderr")];
    let lines: Vec<&str> = transcript.lines().filter(|line| *line != "born").collect();
    assert_eq!(lines, expected_lines(of_tick));
}

#[test]
fn a_guest_in_go_runs_stops_and_continues() {
    let module = include_bytes!("../fixtures/wasi/go.wasm");
    let (runs, state) = live_in_runs(module, NOTHING, &[23, 27]);
    let mut decoder = Decoder::new(&state);
    assert_eq!(decoder.u64(), 50);
    let unix_ns = decoder.u64();
    let second = STAND_IN_NS + 50 * SECOND_NS;
    assert!((second..second + SECOND_NS).contains(&unix_ns), "{unix_ns}");
    let (drawn, shuffled) = (decoder.u64(), decoder.u64());
    assert!(drawn != 0 && shuffled != 0 && drawn != shuffled, "two sources of random numbers");
    assert!(f64::from_bits(decoder.u64()).is_finite());
    for residue in 0..7 {
        let sum: u64 = (1..=50).filter(|tick| tick % 7 == residue).sum();
        assert_eq!(decoder.u64(), sum, "{residue}");
    }
    assert_eq!(decoder.finish(), Ok(()));

    let ticks: Vec<_> = runs.iter().flat_map(Transcript::ticks).collect();
    assert_eq!(ticks.len(), 50);
    let lines: Vec<&str> = runs.iter().flat_map(Transcript::lines).collect();
    let awake = awake(&lines);
    assert_eq!(awake.len(), 50, "{lines:?}");
    // What is not in the state begins anew with each instance: at each checkpoint, and after the stop.
    assert!(awake.iter().any(|ticks| *ticks > 1) && awake[23] == 1, "{awake:?}");
    let begun = awake.iter().filter(|ticks| **ticks == 1).count();
    assert!(lines.iter().filter(|line| **line == "born").count() >= begun, "{lines:?}");
    // Go shuffles its maps by random numbers, here the stand-in's: walks differ, engines do not.
    let walks = lines.iter().filter_map(|line| line.split_once("residues "));
    assert!(walks.map(|(_, walk)| walk).collect::<BTreeSet<_>>().len() > 10, "{lines:?}");
}

/// For how many ticks the Go guest had been awake, as each tick's line says.
fn awake(lines: &[&str]) -> Vec<u64> {
    let of_line = |(index, line): (usize, &&str)| {
        let rest = line.strip_prefix(&format!("tick {}, awake for ", index + 1))?;
        rest.split(',').next()?.parse().ok()
    };
    let ticks = lines.iter().filter(|line| line.starts_with("tick "));
    ticks.enumerate().map(|line| of_line(line).expect("the guest says so")).collect()
}

#[test]
fn with_capabilities_time_and_random_bytes_are_the_nodes() {
    let guests: [&[u8]; 2] = [
        include_bytes!("../fixtures/wasi/rust-std.wasm"),
        include_bytes!("../fixtures/wasi/c.wasm"),
    ];
    for module in guests {
        let (without, stand_in) = live(module, NOTHING);
        let (with, real) = live(module, CLOCK_AND_RAND);
        let realtime_ns = |state: &[u8]| Decoder::new(&state[8..]).u64();
        assert!(realtime_ns(&stand_in) < STAND_IN_NS + 2 * TICKS * SECOND_NS);
        assert!(realtime_ns(&real) >= 1_700_000_000 * SECOND_NS, "the node's own time");
        let observations =
            |of: &Transcript| of.ticks().map(|tick| tick.observations).sum::<usize>();
        assert!(observations(&with) > observations(&without), "its answers are observations");
    }
}

#[test]
fn stand_ins_differ_between_agents_and_agree_between_runs() {
    let module = include_bytes!("../fixtures/wasi/c.wasm");
    let random = |key_seed| {
        let registry = Registry::<dyn Engine>::linked().expect("plugin names differ");
        let engine = registry.entries().first().expect("an engine is linked").name;
        let world = World { key_seed, ..World::in_memory(engine) };
        world.run(&Guest::new("guest", module, NOTHING), 1).expect("the guest is an agent");
        Decoder::new(&state(&world)[16..]).u64()
    };
    assert_eq!(random([1; 32]), random([1; 32]));
    assert_ne!(random([1; 32]), random([2; 32]));
}
