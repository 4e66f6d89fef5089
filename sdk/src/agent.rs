//! What an agent is to the SDK: a value that is born, ticks, and can be written to bytes and read
//! back. It knows nothing of wasm or of the node; [`crate::export!`] connects the two.

use alloc::vec::Vec;

use crate::effect_log::EffectLogError;
use crate::{DecodeError, Decoder, Encoder};

/// An agent. Everything that must survive a stop belongs into its state: the node drops the running
/// instance at every checkpoint and builds it anew from the state.
pub trait Agent: Sized + 'static {
    /// Makes the agent as it is at birth. It is called at every start, also when a state follows,
    /// and then its result is thrown away.
    fn init() -> Self;

    /// Lives one tick; `true` asks for the next one soon, because there is more work.
    fn tick(&mut self) -> bool;

    /// Writes the whole state.
    fn marshal(&self, state: &mut Encoder);

    /// Reads what [`Agent::marshal`] wrote. Whether the decoder ran short, or has bytes left, is
    /// checked after it.
    ///
    /// # Errors
    /// When the bytes are no state of this agent. The start then fails with a log line that says
    /// so; it does not go on with half a state.
    fn unmarshal(state: &mut Decoder<'_>) -> Result<Self, StateError>;
}

/// Bytes are not the state of an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// They end before the state does, go on after it, or hold text that is none.
    #[error("read the agent's state: {0}")]
    Decode(#[from] DecodeError),
    /// The effect log within them is broken.
    #[error("read the agent's state: {0}")]
    Effects(#[from] EffectLogError),
    /// They contradict what the agent knows of its own state.
    #[error("read the agent's state: {0}")]
    Invalid(&'static str),
}

/// The state of `agent`, as a checkpoint holds it.
pub fn state_of<A: Agent>(agent: &A) -> Vec<u8> {
    let mut encoder = Encoder::new();
    agent.marshal(&mut encoder);
    encoder.into_bytes()
}

/// The agent whose state is `state`, all of it.
///
/// # Errors
/// When the bytes are no state of this agent, or go on after it.
pub fn from_state<A: Agent>(state: &[u8]) -> Result<A, StateError> {
    let mut decoder = Decoder::new(state);
    let agent = A::unmarshal(&mut decoder);
    // After a short read the agent has seen zeros; what it thought of them does not matter.
    decoder.status()?;
    let agent = agent?;
    decoder.finish()?;
    Ok(agent)
}
