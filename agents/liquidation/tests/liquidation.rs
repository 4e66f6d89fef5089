//! Liquidation's behaviour and its state's bytes, without wasm.

use igor_sdk::mock::{Installed, Mock};
use igor_sdk::{Agent, DecodeError, StateError, from_state, state_of};
use liquidation::{CATCH_UP_SLOTS_MAX, Liquidation, price_cents};

const BIRTH_NS: i64 = 1_700_000_000_000_000_000;
const SECOND_NS: i64 = 1_000_000_000;

/// Ticks at the given second after birth and returns whether there is more work, and the log.
fn tick_at(node: &Installed, agent: &mut Liquidation, second: i64) -> (bool, Vec<String>) {
    node.set_clock(BIRTH_NS + second * SECOND_NS, 0);
    let more = agent.tick();
    (more, node.take_log())
}

/// An agent that ticked once in every second up to and including `last`.
fn lived_through(node: &Installed, last: i64) -> Liquidation {
    let mut agent = Liquidation::init();
    for second in 0..=last {
        assert!(!tick_at(node, &mut agent, second).0);
    }
    agent
}

#[test]
fn the_first_tick_processes_slot_0() {
    let node = Mock::new().install();
    let mut agent = Liquidation::init();
    let line = "liquidation: slot 0 live, price $2000.00, threshold $1550.00, distance +$450.00";
    assert_eq!(tick_at(&node, &mut agent, 0), (false, vec![line.to_owned()]));
    assert_eq!((agent.last_slot, agent.slots_processed), (0, 1));
    assert_eq!((agent.high_cents, agent.low_cents), (200_000, 200_000));
}

#[test]
fn a_slot_is_processed_once_even_if_the_clock_stands_or_runs_backwards() {
    let node = Mock::new().install();
    let mut agent = lived_through(&node, 3);
    for second in [3, 2, -5] {
        assert_eq!(tick_at(&node, &mut agent, second), (false, vec![]));
    }
    assert_eq!((agent.ticks, agent.last_slot, agent.slots_processed), (7, 3, 4));
}

#[test]
fn a_life_without_gaps_warns_in_slot_38_live() {
    let node = Mock::new().install();
    let mut agent = lived_through(&node, 37);
    assert!(!agent.warning_active);
    assert_eq!(agent.first_warning_slot, 0);
    let line = "liquidation: slot 38 live, price $1540.00, threshold $1550.00, \
                distance -$10.00, WARNING";
    assert_eq!(tick_at(&node, &mut agent, 38), (false, vec![line.to_owned()]));
    assert!(agent.warning_active);
    tick_at(&node, &mut agent, 39);
    assert!(!agent.warning_active);
    assert_eq!(
        (agent.first_warning_slot, agent.high_cents, agent.low_cents),
        (38, 205_000, 154_000)
    );
}

#[test]
fn missed_slots_are_caught_up_and_the_breach_among_them_is_told() {
    let node = Mock::new().install();
    let mut agent = lived_through(&node, 14);
    agent = from_state(&state_of(&agent)).expect("it wrote this state");
    let (more, lines) = tick_at(&node, &mut agent, 40);
    assert!(!more);
    assert_eq!(lines.len(), 1 + 25 + 1 + 1);
    assert_eq!(lines[0], "liquidation: gap of 25 slots, 15 to 39");
    assert!(lines[1].starts_with("liquidation: slot 15 catch-up, price $1980.00"), "{}", lines[1]);
    assert!(lines[24].contains("slot 38 catch-up") && lines[24].ends_with("WARNING"));
    assert_eq!(lines[26], "liquidation: threshold first breached during downtime, slot 38");
    assert!(lines[27].starts_with("liquidation: slot 40 live, price $1580.00"), "{}", lines[27]);
    assert_eq!((agent.last_slot, agent.slots_processed), (40, 41));
}

#[test]
fn a_gap_after_the_breach_says_that_it_was_not_first_breached_there() {
    let node = Mock::new().install();
    let mut agent = lived_through(&node, 38);
    let (_, lines) = tick_at(&node, &mut agent, 42);
    assert_eq!(lines[4], "liquidation: threshold not first breached during downtime");
    assert_eq!(agent.first_warning_slot, 38);
}

#[test]
fn an_agent_that_slept_ends_where_one_that_did_not_ends() {
    let node = Mock::new().install();
    for (from, to) in [(0, 2), (0, 60), (10, 39), (37, 39), (38, 61)] {
        let awake = lived_through(&node, to);
        let mut asleep = lived_through(&node, from);
        tick_at(&node, &mut asleep, to);
        let asleep = Liquidation { ticks: awake.ticks, ..asleep };
        assert_eq!(asleep, awake, "asleep from {from} to {to}");
    }
}

#[test]
fn a_long_gap_is_caught_up_over_several_ticks() {
    let node = Mock::new().install();
    let mut agent = lived_through(&node, 20);
    let now = 20 + 3 * i64::try_from(CATCH_UP_SLOTS_MAX).expect("small");
    let mut ticks = 0;
    loop {
        let (more, lines) = tick_at(&node, &mut agent, now);
        ticks += 1;
        let bytes: usize = lines.iter().map(String::len).sum();
        assert!(bytes < 64 << 10, "{bytes} bytes of log are more than one tick may write");
        if ticks == 1 {
            let told = "liquidation: threshold first breached during downtime, slot 38";
            assert!(lines.iter().any(|line| line == told));
        }
        if !more {
            break;
        }
        agent = from_state(&state_of(&agent)).expect("it wrote this state");
    }
    assert_eq!(ticks, 3);
    assert_eq!(agent.last_slot, now.cast_unsigned());
    assert_eq!(u64::from(agent.slots_processed), agent.last_slot + 1);
}

#[test]
fn the_state_is_laid_out_as_the_originals() {
    let node = Mock::new().install();
    let mut agent = lived_through(&node, 38);
    agent.ticks = 0x0102;
    let mut expected = Vec::new();
    for field in [0x0102, BIRTH_NS, BIRTH_NS + 38 * SECOND_NS, 38, 154_000, 205_000, 154_000, 38] {
        expected.extend(field.to_le_bytes());
    }
    expected.extend([1, 0, 0, 0, 39, 0, 0, 0]);
    assert_eq!(expected.len(), 72);
    assert_eq!(state_of(&agent), expected);
    assert_eq!(from_state(&expected), Ok(agent));
}

#[test]
fn a_state_that_no_life_leads_to_is_refused() {
    let state = state_of(&Liquidation::init());
    let check = |state: &[u8], error| assert_eq!(from_state::<Liquidation>(state), Err(error));
    check(&state[..71], StateError::Decode(DecodeError::ShortRead));
    check(&[&state[..], &[0]].concat(), StateError::Decode(DecodeError::TrailingBytes));
    let mut beyond = state;
    beyond[24..32].fill(0xff);
    check(&beyond, StateError::Invalid("the last slot lies beyond every clock"));
}

#[test]
fn the_price_depends_on_time_alone() {
    assert_eq!([0, 19, 38, 1_000].map(price_cents), [200_000, 187_600, 154_000, 175_000]);
}
