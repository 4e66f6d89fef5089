//! Survivor's behaviour and its state's bytes, without wasm.

use igor_sdk::mock::Mock;
use igor_sdk::{Agent, DecodeError, StateError, from_state, state_of};
use survivor::Survivor;

/// A state as the original's encoder wrote it.
const GOLDEN: [u8; 28] = [
    0x2a, 0, 0, 0, 0, 0, 0, 0, 0x00, 0xca, 0x9a, 0x3b, 0, 0, 0, 0, 0x00, 0xf2, 0x05, 0x2a, 0x01, 0,
    0, 0, 0xef, 0xbe, 0xad, 0xde,
];

const GOLDEN_AGENT: Survivor =
    Survivor { ticks: 42, birth_ns: 1_000_000_000, last_ns: 5_000_000_000, luck: 0xdead_beef };

#[test]
fn the_originals_state_is_read_and_written_back() {
    assert_eq!(from_state(&GOLDEN), Ok(GOLDEN_AGENT));
    assert_eq!(state_of(&GOLDEN_AGENT), GOLDEN);
}

#[test]
fn luck_is_every_random_number_folded_in() {
    let _node = Mock::new().random_script([1, 2, 3, 4, 0xff, 0, 0, 0x80]).install();
    let mut agent = Survivor::init();
    assert!(!agent.tick());
    assert_eq!(agent.luck, 0x0403_0201);
    agent.tick();
    assert_eq!(agent.luck, 0x8403_02fe);
    assert_eq!((agent.ticks, agent.birth_ns, agent.last_ns), (2, 1_000_000_000, 2_000_000_000));
}

#[test]
fn without_randomness_it_says_so_and_lives_on() {
    let node = Mock::new().without_random().install();
    let mut agent = GOLDEN_AGENT;
    agent.tick();
    assert_eq!((agent.ticks, agent.luck), (43, 0xdead_beef));
    let lines = [
        "survivor: draw random bytes: the node has none to give",
        "survivor: tick 43, age 0 s, luck deadbeef",
    ];
    assert_eq!(node.take_log(), lines);
}

#[test]
fn each_tenth_tick_is_a_milestone_with_the_nodes_price() {
    let node = Mock::new().price(1_000).random_script([0; 40]).install();
    let mut agent = Survivor::init();
    for _ in 1..10 {
        agent.tick();
    }
    node.take_log();
    agent.tick();
    let lines = [
        "survivor: tick 10, age 9 s, luck 00000000",
        "survivor: survived 10 ticks at 1000 a second",
    ];
    assert_eq!(node.take_log(), lines);
}

#[test]
fn a_stop_at_any_tick_changes_nothing() {
    let live = |stop_at: Option<u64>| {
        let node = Mock::new().random_seed(5).install();
        let mut agent = Survivor::init();
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
fn a_state_of_another_length_is_refused() {
    let check = |state: &[u8], error| {
        assert_eq!(from_state::<Survivor>(state), Err(StateError::Decode(error)));
    };
    check(&GOLDEN[..27], DecodeError::ShortRead);
    check(&[&GOLDEN[..], &[0]].concat(), DecodeError::TrailingBytes);
}
