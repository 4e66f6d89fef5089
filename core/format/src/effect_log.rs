//! The log in which an agent keeps its intents to act on the outside world, as a part of its state.
//! It is not the node's journal: it performs nothing and observes nothing; it only makes an
//! effect that may or may not have happened before a crash visible afterwards.
//!
//! Bytes and transitions are the original's. Where the original stops silently at malformed bytes,
//! decoding here is an error, and so is an id that occurs twice, which the original's writer never
//! produces. The log lives in one flat buffer in its encoded form, so that decoding never
//! allocates more than its input.

use alloc::vec::Vec;
use core::fmt;

use crate::codec::{DecodeError, Decoder, Encoder};

/// Bytes of the smallest encoded intent: a state and two empty byte strings.
const INTENT_BYTES_MIN: usize = 9;

/// Where an intent stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum IntentState {
    /// Written down; nothing was done.
    Recorded,
    /// Being done; after a crash nobody knows whether it happened.
    InFlight,
    /// Known to have happened.
    Confirmed,
    /// Was being done when the agent stopped; must be reconciled with the outside world.
    Unresolved,
    /// Known not to have happened, or undone.
    Compensated,
}

impl IntentState {
    /// The byte that stands for it.
    pub const fn code(self) -> u8 {
        match self {
            Self::Recorded => 1,
            Self::InFlight => 2,
            Self::Confirmed => 3,
            Self::Unresolved => 4,
            Self::Compensated => 5,
        }
    }

    const fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            1 => Self::Recorded,
            2 => Self::InFlight,
            3 => Self::Confirmed,
            4 => Self::Unresolved,
            5 => Self::Compensated,
            _ => return None,
        })
    }

    /// Whether the intent still needs something to be done: neither confirmed nor compensated.
    pub const fn is_pending(self) -> bool {
        matches!(self, Self::Recorded | Self::InFlight | Self::Unresolved)
    }
}

/// One intent of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Intent<'a> {
    /// The agent's name for it, unique within the log.
    pub id: &'a [u8],
    /// What the agent needs to carry it out.
    pub data: &'a [u8],
    /// Where it stands.
    pub state: IntentState,
}

/// Why an intent could not be recorded or moved on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EffectError {
    /// The log already holds an intent of this id.
    Duplicate,
    /// The log holds no intent of this id.
    NotFound,
    /// The intent cannot go from its state to the one asked for.
    InvalidTransition {
        /// Where it stands.
        from: IntentState,
        /// Where it should have gone.
        to: IntentState,
    },
}

impl fmt::Display for EffectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Duplicate => f.write_str("record intent: the id exists already"),
            Self::NotFound => f.write_str("move intent: no such id"),
            Self::InvalidTransition { from, to } => {
                write!(f, "move intent: it cannot go from {from:?} to {to:?}")
            }
        }
    }
}

impl core::error::Error for EffectError {}

/// Why bytes are no effect log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EffectLogError {
    /// The bytes end early or go on after the last intent.
    Malformed(DecodeError),
    /// A state byte stands for no state.
    UnknownState(u8),
    /// Two intents have one id.
    Duplicate,
}

impl fmt::Display for EffectLogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(error) => write!(f, "decode effect log: {error}"),
            Self::UnknownState(code) => write!(f, "decode effect log: unknown state {code}"),
            Self::Duplicate => f.write_str("decode effect log: an id occurs twice"),
        }
    }
}

impl core::error::Error for EffectLogError {}

/// An ordered set of intents.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EffectLog {
    /// The intents in their encoding, one after another, without the count.
    records: Vec<u8>,
    count: u32,
}

impl EffectLog {
    /// A log without intents.
    pub const fn new() -> Self {
        Self { records: Vec::new(), count: 0 }
    }

    /// Adds an intent in state [`IntentState::Recorded`].
    ///
    /// # Errors
    /// [`EffectError::Duplicate`].
    pub fn record(&mut self, id: &[u8], data: &[u8]) -> Result<(), EffectError> {
        if self.find(id).is_some() {
            return Err(EffectError::Duplicate);
        }
        self.append(Intent { id, data, state: IntentState::Recorded });
        Ok(())
    }

    /// Marks a recorded intent as being carried out.
    ///
    /// # Errors
    /// [`EffectError::NotFound`], [`EffectError::InvalidTransition`].
    pub fn begin(&mut self, id: &[u8]) -> Result<(), EffectError> {
        self.advance(id, IntentState::InFlight, &[IntentState::Recorded])
    }

    /// Marks an intent that is in flight or unresolved as having happened.
    ///
    /// # Errors
    /// [`EffectError::NotFound`], [`EffectError::InvalidTransition`].
    pub fn confirm(&mut self, id: &[u8]) -> Result<(), EffectError> {
        let from = [IntentState::InFlight, IntentState::Unresolved];
        self.advance(id, IntentState::Confirmed, &from)
    }

    /// Marks an intent that is in flight or unresolved as not having happened.
    ///
    /// # Errors
    /// [`EffectError::NotFound`], [`EffectError::InvalidTransition`].
    pub fn compensate(&mut self, id: &[u8]) -> Result<(), EffectError> {
        let from = [IntentState::InFlight, IntentState::Unresolved];
        self.advance(id, IntentState::Compensated, &from)
    }

    /// The intent of this id.
    pub fn get(&self, id: &[u8]) -> Option<Intent<'_>> {
        self.iter().find(|intent| intent.id == id)
    }

    /// All intents, in the order they were recorded.
    pub fn iter(&self) -> Intents<'_> {
        Intents { decoder: Decoder::new(&self.records) }
    }

    /// The intents that are neither confirmed nor compensated.
    pub fn pending(&self) -> impl Iterator<Item = Intent<'_>> {
        self.iter().filter(|intent| intent.state.is_pending())
    }

    /// The intents to be reconciled with the outside world.
    pub fn unresolved(&self) -> impl Iterator<Item = Intent<'_>> {
        self.iter().filter(|intent| intent.state == IntentState::Unresolved)
    }

    /// How many intents there are.
    pub const fn len(&self) -> u32 {
        self.count
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Drops confirmed and compensated intents and returns how many those were.
    pub fn prune(&mut self) -> u32 {
        let mut kept = Self::new();
        for intent in self.pending() {
            kept.append(intent);
        }
        let dropped = self.count - kept.count;
        *self = kept;
        dropped
    }

    /// The log's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut encoder = Encoder::with_capacity(self.records.len().saturating_add(4));
        encoder.u32(self.count).raw(&self.records);
        encoder.into_bytes()
    }

    /// Reads a log that a stopped agent left: whatever was in flight is now unresolved. No bytes at
    /// all are an empty log.
    ///
    /// # Errors
    /// [`EffectLogError`] where the original would silently keep a part.
    pub fn decode(bytes: &[u8]) -> Result<Self, EffectLogError> {
        if bytes.is_empty() {
            return Ok(Self::new());
        }
        let mut decoder = Decoder::new(bytes);
        let count = decoder.u32();
        let capacity = usize::try_from(count).unwrap_or(usize::MAX);
        if decoder.status().is_err() || capacity > decoder.remaining() / INTENT_BYTES_MIN {
            return Err(EffectLogError::Malformed(DecodeError::ShortRead));
        }
        let mut log = Self { records: decoder.clone().fixed(decoder.remaining()).to_vec(), count };
        let mut offsets = Vec::with_capacity(capacity);
        for _ in 0..count {
            let offset = log.records.len() - decoder.remaining();
            let state = decoder.u8();
            decoder.bytes();
            decoder.bytes();
            decoder.status().map_err(EffectLogError::Malformed)?;
            let state = IntentState::from_code(state).ok_or(EffectLogError::UnknownState(state))?;
            if state == IntentState::InFlight {
                log.set_state(offset, IntentState::Unresolved);
            }
            offsets.push(offset);
        }
        decoder.finish().map_err(EffectLogError::Malformed)?;
        if log.has_duplicates(offsets) { Err(EffectLogError::Duplicate) } else { Ok(log) }
    }

    fn append(&mut self, intent: Intent<'_>) {
        let mut encoder = Encoder::after(core::mem::take(&mut self.records));
        encoder.u8(intent.state.code()).bytes(intent.id).bytes(intent.data);
        self.records = encoder.into_bytes();
        self.count += 1;
    }

    fn advance(
        &mut self,
        id: &[u8],
        to: IntentState,
        allowed: &[IntentState],
    ) -> Result<(), EffectError> {
        let (offset, from) = self.find(id).ok_or(EffectError::NotFound)?;
        if !allowed.contains(&from) {
            return Err(EffectError::InvalidTransition { from, to });
        }
        self.set_state(offset, to);
        Ok(())
    }

    /// The offset and state of the intent of this id.
    fn find(&self, id: &[u8]) -> Option<(usize, IntentState)> {
        let mut intents = self.iter();
        loop {
            let offset = self.records.len() - intents.decoder.remaining();
            let intent = intents.next()?;
            if intent.id == id {
                return Some((offset, intent.state));
            }
        }
    }

    fn set_state(&mut self, offset: usize, state: IntentState) {
        if let Some(byte) = self.records.get_mut(offset) {
            *byte = state.code();
        }
    }

    fn has_duplicates(&self, mut offsets: Vec<usize>) -> bool {
        let id = |offset: usize| {
            let mut decoder = Decoder::new(self.records.get(offset..).unwrap_or_default());
            decoder.u8();
            decoder.bytes()
        };
        offsets.sort_unstable_by(|left, right| id(*left).cmp(id(*right)));
        offsets.windows(2).any(|pair| matches!(pair, [left, right] if id(*left) == id(*right)))
    }
}

/// Iterates over the intents of a log.
#[derive(Debug, Clone)]
pub struct Intents<'a> {
    decoder: Decoder<'a>,
}

impl<'a> Iterator for Intents<'a> {
    type Item = Intent<'a>;

    fn next(&mut self) -> Option<Intent<'a>> {
        let state = IntentState::from_code(self.decoder.u8())?;
        let (id, data) = (self.decoder.bytes(), self.decoder.bytes());
        Some(Intent { id, data, state })
    }
}

impl<'a> IntoIterator for &'a EffectLog {
    type Item = Intent<'a>;
    type IntoIter = Intents<'a>;

    fn into_iter(self) -> Intents<'a> {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A log with one intent `x` in the given state.
    fn log_with(state: IntentState) -> EffectLog {
        let mut log = EffectLog::new();
        log.record(b"x", b"data").expect("the log is empty");
        log.set_state(0, state);
        log
    }

    #[test]
    fn only_the_allowed_transitions_happen() {
        use IntentState::{Compensated, Confirmed, InFlight, Recorded, Unresolved};
        type Step = fn(&mut EffectLog, &[u8]) -> Result<(), EffectError>;
        let steps: [(Step, IntentState, &[IntentState]); 3] = [
            (EffectLog::begin, InFlight, &[Recorded]),
            (EffectLog::confirm, Confirmed, &[InFlight, Unresolved]),
            (EffectLog::compensate, Compensated, &[InFlight, Unresolved]),
        ];
        for (step, to, allowed) in steps {
            for from in [Recorded, InFlight, Confirmed, Unresolved, Compensated] {
                let mut log = log_with(from);
                let expected = if allowed.contains(&from) {
                    Ok(())
                } else {
                    Err(EffectError::InvalidTransition { from, to })
                };
                assert_eq!(step(&mut log, b"x"), expected, "{from:?} to {to:?}");
                let state = if expected.is_ok() { to } else { from };
                assert_eq!(log.get(b"x").map(|intent| intent.state), Some(state));
                assert_eq!(step(&mut log, b"y"), Err(EffectError::NotFound));
            }
        }
    }

    #[test]
    fn an_id_is_recorded_once() {
        let mut log = log_with(IntentState::Confirmed);
        assert_eq!(log.record(b"x", b""), Err(EffectError::Duplicate));
        assert_eq!(log.record(b"", b""), Ok(()));
        assert_eq!(log.len(), 2);
    }

    #[test]
    fn pruning_drops_what_is_settled_and_keeps_the_order() {
        let mut log = EffectLog::new();
        for (index, id) in [b"a", b"b", b"c", b"d", b"e"].iter().enumerate() {
            log.record(*id, b"").expect("ids differ");
            let offset = index * 10;
            let state = u8::try_from(index + 1).ok().and_then(IntentState::from_code);
            log.set_state(offset, state.expect("five states"));
        }
        assert_eq!(log.pending().count(), 3);
        assert_eq!(log.unresolved().map(|intent| intent.id).collect::<Vec<_>>(), [b"d"]);
        assert_eq!(log.prune(), 2);
        assert_eq!(log.iter().map(|intent| intent.id).collect::<Vec<_>>(), [b"a", b"b", b"d"]);
        assert_eq!(log.prune(), 0);
    }

    #[test]
    fn no_bytes_are_an_empty_log() {
        assert_eq!(EffectLog::decode(&[]), Ok(EffectLog::new()));
        assert_eq!(EffectLog::decode(&EffectLog::new().encode()), Ok(EffectLog::new()));
        assert!(EffectLog::new().is_empty());
    }

    #[test]
    fn malformed_bytes_are_an_error() {
        let mut log = log_with(IntentState::Recorded);
        log.record(b"y", b"more").expect("a new id");
        let bytes = log.encode();
        for length in 1..bytes.len() {
            let error = EffectLogError::Malformed(DecodeError::ShortRead);
            assert_eq!(EffectLog::decode(&bytes[..length]), Err(error), "cut to {length}");
        }
        let mut longer = bytes.clone();
        longer.push(0);
        let trailing = EffectLogError::Malformed(DecodeError::TrailingBytes);
        assert_eq!(EffectLog::decode(&longer), Err(trailing));
        let mut other = bytes.clone();
        other[4] = 6;
        assert_eq!(EffectLog::decode(&other), Err(EffectLogError::UnknownState(6)));
        let mut twice = bytes;
        let id_of_second = 4 + INTENT_BYTES_MIN + 5 + 5;
        assert_eq!(twice[id_of_second], b'y');
        twice[id_of_second] = b'x';
        assert_eq!(EffectLog::decode(&twice), Err(EffectLogError::Duplicate));
        let endless = [0xff, 0xff, 0xff, 0xff];
        let short = EffectLogError::Malformed(DecodeError::ShortRead);
        assert_eq!(EffectLog::decode(&endless), Err(short));
    }
}
