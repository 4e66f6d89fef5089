//! What happened in a world, in order: a hash over all of it, so that two runs can be compared, and the
//! last lines, so that a failure can be read.

use std::collections::VecDeque;
use std::fmt;

use igor_core::format::Hash;

use super::swarm::SECOND;

/// How many lines are kept for a failure.
const KEPT: usize = 60;
/// How many bytes are gathered before they are hashed.
const CHUNK: usize = 1 << 14;

/// The trace of a world.
#[derive(Debug)]
pub(super) struct Trace {
    hash: Hash,
    buffer: String,
    lines: VecDeque<String>,
    kept: usize,
}

impl Trace {
    /// A trace that keeps all lines, or only the last ones.
    pub(super) fn new(keeps_all: bool) -> Self {
        let kept = if keeps_all { usize::MAX } else { KEPT };
        Self { hash: Hash::ZERO, buffer: String::new(), lines: VecDeque::new(), kept }
    }

    /// Takes note of what happened at `now_ns`.
    pub(super) fn note(&mut self, now_ns: u64, what: fmt::Arguments<'_>) {
        let (seconds, rest) = (now_ns / SECOND, now_ns % SECOND / 1_000);
        let line = format!("{seconds:>5}.{rest:06} {what}");
        self.buffer.push_str(&line);
        self.buffer.push('\n');
        if self.lines.len() >= self.kept {
            self.lines.pop_front();
        }
        self.lines.push_back(line);
        if self.buffer.len() >= CHUNK {
            self.flush();
        }
    }

    fn flush(&mut self) {
        let mut bytes = self.hash.as_bytes().to_vec();
        bytes.extend_from_slice(self.buffer.as_bytes());
        self.hash = Hash::of(&bytes);
        self.buffer.clear();
    }

    /// The hash of everything so far, and the lines that were kept.
    pub(super) fn finish(mut self) -> (Hash, Vec<String>) {
        self.flush();
        (self.hash, self.lines.into())
    }
}
