//! The last lines of one agent, bounded in number and in bytes. It is kept in memory only: what an agent
//! did is proven by its history.

use std::collections::VecDeque;

use crate::control::wire::{LogKind, LogLine};

/// How many lines are kept of an agent.
pub(crate) const LINES_MAX: usize = 1_000;
/// About how many bytes of lines are kept of an agent.
const BYTES_MAX: usize = 64 << 10;

/// The last lines of an agent.
#[derive(Debug, Default)]
pub(crate) struct Log {
    lines: VecDeque<LogLine>,
    bytes: usize,
    next: u64,
}

impl Log {
    /// Adds a line; the oldest give way.
    pub(crate) fn push(&mut self, time: String, tick: u64, kind: LogKind, message: String) {
        let seq = self.next;
        self.next = self.next.saturating_add(1);
        self.bytes = self.bytes.saturating_add(message.len());
        self.lines.push_back(LogLine { seq, time, tick, kind, message });
        while self.lines.len() > LINES_MAX || (self.bytes > BYTES_MAX && self.lines.len() > 1) {
            let oldest = self.lines.pop_front().map_or(0, |line| line.message.len());
            self.bytes = self.bytes.saturating_sub(oldest);
        }
    }

    /// The lines from this number on.
    pub(crate) fn since(&self, seq: u64) -> Vec<LogLine> {
        let first = self.lines.front().map_or(self.next, |line| line.seq);
        let skipped = usize::try_from(seq.saturating_sub(first)).unwrap_or(usize::MAX);
        self.lines.iter().skip(skipped).cloned().collect()
    }

    /// The number from which on there are so many lines.
    pub(crate) fn last(&self, lines: usize) -> u64 {
        let index = self.lines.len().saturating_sub(lines);
        self.lines.get(index).map_or(self.next, |line| line.seq)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(lines: usize, bytes: usize) -> Log {
        let mut log = Log::default();
        for _ in 0..lines {
            log.push(String::new(), 1, LogKind::Log, "x".repeat(bytes));
        }
        log
    }

    #[test]
    fn only_the_last_lines_are_kept() {
        assert_eq!(filled(2_000, 1).since(0).len(), LINES_MAX);
        assert_eq!(filled(100, 10_000).since(0).len(), 6);
        assert_eq!(filled(2, 100_000).since(0).len(), 1, "a long line is not nothing");
        let log = filled(1_500, 1);
        let last: Vec<_> = log.since(log.last(3)).iter().map(|line| line.seq).collect();
        assert_eq!(last, [1_497, 1_498, 1_499]);
        assert_eq!(log.since(1_499).len(), 1);
        assert!(log.since(1_500).is_empty() && log.since(9_999).is_empty());
        assert_eq!(Log::default().last(5), 0);
    }
}
