//! What the SDK does with an agent's state, without wasm. The guest ABI itself is tested where there
//! is an engine to run it.

use igor_sdk::effect_log::{EffectLog, EffectLogError};
use igor_sdk::{Agent, DecodeError, Decoder, Encoder, StateError, from_state, state_of};

/// An agent with a rule about its state and an effect log in it.
#[derive(Debug, PartialEq)]
struct Payer {
    even: u32,
    effects: EffectLog,
}

impl Agent for Payer {
    fn init() -> Self {
        Self { even: 0, effects: EffectLog::new() }
    }

    fn tick(&mut self) -> bool {
        self.even += 2;
        true
    }

    fn marshal(&self, state: &mut Encoder) {
        state.u32(self.even).bytes(&self.effects.encode());
    }

    fn unmarshal(state: &mut Decoder<'_>) -> Result<Self, StateError> {
        let even = state.u32();
        let effects = EffectLog::decode(state.bytes())?;
        if !even.is_multiple_of(2) {
            return Err(StateError::Invalid("the counter is odd"));
        }
        Ok(Self { even, effects })
    }
}

igor_sdk::export!(Payer);
igor_sdk::runtime!();

#[test]
fn a_state_is_read_back_as_it_was_written() {
    let mut agent = Payer::init();
    assert!(agent.tick());
    agent.effects.record(b"id", b"data").expect("the log is empty");
    let state = state_of(&agent);
    assert_eq!(state.len(), 4 + 4 + 4 + 9 + 2 + 4);
    assert_eq!(from_state::<Payer>(&state), Ok(agent));
}

#[test]
fn what_is_no_state_is_refused_with_the_reason() {
    let good = state_of(&Payer::init());
    let check = |state: &[u8], expected: StateError| {
        assert_eq!(from_state::<Payer>(state), Err(expected), "{state:?}");
    };
    for length in 0..good.len() {
        check(&good[..length], StateError::Decode(DecodeError::ShortRead));
    }
    check(&[&good[..], &[0]].concat(), StateError::Decode(DecodeError::TrailingBytes));
    check(&[&[1], &good[1..]].concat(), StateError::Invalid("the counter is odd"));
    check(
        &[0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 9],
        StateError::Effects(EffectLogError::Malformed(DecodeError::TrailingBytes)),
    );
    assert_eq!(
        StateError::Decode(DecodeError::ShortRead).to_string(),
        "read the agent's state: igor: short read during decode"
    );
}
