//! What stands in for time and randomness when a guest that did not declare them asks through WASI,
//! as language runtimes do at start-up. The answers are computed from the module, the agent, the tick
//! and how often was asked before, so a replay gives them again without a record. They are no
//! secrets.

use igor_core::format::{Hash, Tick};

use crate::host::{GuestIdentity, Operation};

/// 2022-01-01T00:00:00Z, where the original's stand-in started too.
const REALTIME_START_NS: u64 = 1_640_995_200_000_000_000;
const TICK_NS: u64 = 1_000_000_000;
const READING_NS: u64 = 1_000;
const DOMAIN: &[u8] = b"igor/stand-in/1";

/// The stand-in source of one incarnation.
#[derive(Debug)]
pub(crate) struct StandIn {
    identity: GuestIdentity,
    operation: Operation,
    index: u64,
}

impl StandIn {
    /// A source for the guest of this identity.
    pub(crate) fn new(identity: GuestIdentity) -> Self {
        Self { identity, operation: Operation::Start(Tick(0)), index: 0 }
    }

    /// Starts an operation; what it asks is counted from zero.
    pub(crate) fn begin(&mut self, operation: Operation) {
        self.operation = operation;
        self.index = 0;
    }

    /// A time: the tick's second plus a microsecond for each reading, never into the next second.
    pub(super) fn clock_ns(&mut self, realtime: bool) -> u64 {
        let (Operation::Start(tick) | Operation::Tick(tick)) = self.operation;
        let reading = self.next_index().saturating_mul(READING_NS).min(TICK_NS - 1);
        let since_start = tick.0.saturating_mul(TICK_NS).saturating_add(reading);
        if realtime { REALTIME_START_NS.saturating_add(since_start) } else { since_start }
    }

    /// Bytes without pattern.
    pub(super) fn fill(&mut self, target: &mut [u8]) {
        let (kind, tick) = match self.operation {
            Operation::Start(tick) => (0u8, tick),
            Operation::Tick(tick) => (1u8, tick),
        };
        let index = self.next_index().to_le_bytes();
        for (block, chunk) in (0u64..).zip(target.chunks_mut(32)) {
            let bytes = Hash::of_parts(&[
                DOMAIN,
                self.identity.code_hash.as_bytes(),
                &self.identity.public_key,
                &[kind],
                &tick.0.to_le_bytes(),
                &index,
                &block.to_le_bytes(),
            ]);
            for (target, byte) in chunk.iter_mut().zip(bytes.as_bytes()) {
                *target = *byte;
            }
        }
    }

    fn next_index(&mut self) -> u64 {
        let index = self.index;
        self.index = self.index.saturating_add(1);
        index
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stand_in(operation: Operation) -> StandIn {
        let identity = GuestIdentity { code_hash: Hash::of(b"module"), public_key: [7; 32] };
        let mut stand_in = StandIn::new(identity);
        stand_in.begin(operation);
        stand_in
    }

    fn draw(stand_in: &mut StandIn) -> [u8; 40] {
        let mut bytes = [0; 40];
        stand_in.fill(&mut bytes);
        bytes
    }

    #[test]
    fn the_same_question_has_the_same_answer() {
        let mut first = stand_in(Operation::Tick(Tick(3)));
        let mut second = stand_in(Operation::Tick(Tick(3)));
        assert_eq!(draw(&mut first), draw(&mut second));
        assert_eq!(first.clock_ns(true), second.clock_ns(true));
    }

    #[test]
    fn other_questions_have_other_answers() {
        let mut tick = stand_in(Operation::Tick(Tick(3)));
        let first = draw(&mut tick);
        assert_ne!(first, draw(&mut tick));
        assert_ne!(first, draw(&mut stand_in(Operation::Tick(Tick(4)))));
        assert_ne!(first, draw(&mut stand_in(Operation::Start(Tick(3)))));
    }

    #[test]
    fn time_goes_forward_within_and_across_ticks() {
        let mut stand_in = stand_in(Operation::Tick(Tick(1)));
        let first = stand_in.clock_ns(false);
        assert_eq!((first, stand_in.clock_ns(false)), (1_000_000_000, 1_000_001_000));
        stand_in.index = u64::MAX - 1;
        assert_eq!(stand_in.clock_ns(false), 1_999_999_999);
        stand_in.begin(Operation::Tick(Tick(2)));
        assert_eq!(stand_in.clock_ns(true), REALTIME_START_NS + 2_000_000_000);
    }
}
