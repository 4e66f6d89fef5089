//! How long a node waits for another. It measures nothing.

use std::time::Duration;

use igor_core::Limits;

/// How long a node waits for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// For the first byte of a stream.
    pub first_byte: Duration,
    /// For the first byte of the next message, and for any progress of a writer.
    pub idle: Duration,
    /// For a message from its first byte to its last, however long it is.
    pub message_max: Duration,
    /// For a ping or a price as a whole.
    pub question: Duration,
    bytes_per_second_min: u64,
}

impl Patience {
    /// That of these limits.
    pub const fn new(limits: &Limits) -> Self {
        Self {
            first_byte: Duration::from_nanos(limits.first_byte_ns_max),
            idle: Duration::from_nanos(limits.idle_ns_max),
            message_max: Duration::from_nanos(limits.message_ns_max),
            question: Duration::from_nanos(limits.question_ns_max),
            bytes_per_second_min: limits.wire_bytes_per_second_min,
        }
    }

    /// For a message of `bytes`, from its first byte to its last.
    pub fn message(&self, bytes: u64) -> Duration {
        self.first_byte.saturating_add(self.at_least_rate(bytes)).min(self.message_max)
    }

    /// For many messages that carry `bytes` together.
    pub fn all(&self, bytes: u64) -> Duration {
        self.message_max.saturating_add(self.at_least_rate(bytes))
    }

    /// What `bytes` take at the lowest rate.
    fn at_least_rate(&self, bytes: u64) -> Duration {
        let rate = u128::from(self.bytes_per_second_min.max(1));
        let nanos = u128::from(bytes).saturating_mul(1_000_000_000) / rate;
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_as_long_as_it_is_large_up_to_a_bound() {
        let patience = Patience::new(&Limits::default());
        let seconds = Duration::from_secs;
        assert_eq!(patience.message(0), seconds(5));
        assert_eq!(patience.message(64 << 10), seconds(6));
        assert_eq!(patience.message(1 << 20), seconds(21));
        assert_eq!(patience.message(u64::MAX), seconds(60));
        assert_eq!(patience.all(96 << 20), seconds(60 + 1_536));
        assert!(patience.all(u64::MAX) > seconds(1 << 30));
    }
}
