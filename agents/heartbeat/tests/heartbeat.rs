//! Heartbeat's behaviour and its state's bytes, without wasm.

use heartbeat::Heartbeat;
use igor_sdk::mock::Mock;
use igor_sdk::{Agent, DecodeError, StateError, from_state, state_of};

/// The states in the checkpoints that the original wrote of its own heartbeat, at these ticks.
const ORIGINAL: [(u64, &str); 4] = [
    (4, "04000000000000007f7f297210f4e918cecb132511f4e91800000000"),
    (9, "09000000000000007f7f297210f4e9185dcb554f12f4e91800000000"),
    (14, "0e000000000000007f7f297210f4e9186f4b877913f4e91801000000"),
    (16, "10000000000000007f7f297210f4e9184202daf013f4e91801000000"),
];

fn bytes(hex: &str) -> Vec<u8> {
    let digit = |at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hexadecimal digits");
    (0..hex.len()).step_by(2).map(digit).collect()
}

#[test]
fn the_originals_states_are_read_and_written_back() {
    for (ticks, hex) in ORIGINAL {
        let agent: Heartbeat = from_state(&bytes(hex)).expect("the original wrote it");
        assert_eq!(agent.ticks, ticks);
        assert_eq!(agent.birth_ns, 1_795_234_277_955_829_631);
        assert_eq!(u64::from(agent.milestones), ticks / 10);
        assert_eq!(state_of(&agent), bytes(hex));
    }
}

#[test]
fn the_originals_life_is_lived_again_from_its_clock() {
    let birth_ns = 1_795_234_277_955_829_631;
    for (ticks, hex) in ORIGINAL {
        let last: Heartbeat = from_state(&bytes(hex)).expect("the original wrote it");
        let readings = (0..ticks).map(|tick| match tick {
            0 => birth_ns,
            tick if tick + 1 == ticks => last.last_ns,
            tick => birth_ns + i64::try_from(tick).expect("small") * 1_000_000_000,
        });
        let _node = Mock::new().clock_script(readings).install();
        let mut agent = Heartbeat::init();
        for _ in 0..ticks {
            assert!(!agent.tick());
        }
        assert_eq!(state_of(&agent), bytes(hex), "after {ticks} ticks");
    }
}

#[test]
fn each_tick_is_one_line_and_each_tenth_a_milestone() {
    let node = Mock::new().install();
    let mut agent = Heartbeat::init();
    assert!(!agent.tick());
    assert_eq!(node.take_log(), ["heartbeat: tick 1, age 0 s"]);
    for _ in 2..=9 {
        agent.tick();
        assert_eq!(node.take_log().len(), 1);
    }
    agent.tick();
    let lines = ["heartbeat: tick 10, age 9 s", "heartbeat: milestone 1, 10 ticks"];
    assert_eq!(node.take_log(), lines);
    for _ in 11..=20 {
        agent.tick();
    }
    assert_eq!(agent.milestones, 2);
}

#[test]
fn a_stop_at_any_tick_changes_nothing() {
    let live = |stop_at: Option<u64>| {
        let node = Mock::new().install();
        let mut agent = Heartbeat::init();
        for tick in 1..=25 {
            agent.tick();
            if stop_at == Some(tick) {
                agent = from_state(&state_of(&agent)).expect("it wrote this state");
            }
        }
        (state_of(&agent), node.take_log())
    };
    let unstopped = live(None);
    for tick in 1..=25 {
        assert_eq!(live(Some(tick)), unstopped, "stopped after tick {tick}");
    }
}

#[test]
fn a_clock_at_its_ends_or_running_backwards_does_no_harm() {
    let node = Mock::new().clock_script([i64::MAX, i64::MIN, 0]).install();
    let mut agent = Heartbeat::init();
    for _ in 0..3 {
        agent.tick();
    }
    assert_eq!(agent.birth_ns, i64::MAX);
    assert_eq!(agent.last_ns, 0);
    assert_eq!(node.take_log().len(), 3);
}

#[test]
fn a_state_of_another_length_is_refused() {
    let state = state_of(&Heartbeat::init());
    assert_eq!(state.len(), 28);
    let check = |state: &[u8], error| {
        assert_eq!(from_state::<Heartbeat>(state), Err(StateError::Decode(error)));
    };
    check(&state[..27], DecodeError::ShortRead);
    check(&[&state[..], &[0]].concat(), DecodeError::TrailingBytes);
}
