//! A line of progress on stderr, if that is a terminal: drawn over itself, not too often, and gone at the end.
//! What it says is its owner's to know.

use std::io::{IsTerminal, Write};

use igor_core::Clock;

use crate::os::OsClock;

/// How often the line is drawn, in nanoseconds.
const DRAW_NS: u64 = 200_000_000;

/// A line of progress.
pub(crate) struct Bar<'a> {
    clock: &'a OsClock,
    is_shown: bool,
    begun_ns: u64,
    drawn_ns: u64,
}

impl<'a> Bar<'a> {
    /// A line that begins now.
    pub(crate) fn new(clock: &'a OsClock) -> Self {
        let is_shown = std::io::stderr().is_terminal();
        Self { clock, is_shown, begun_ns: clock.monotonic_ns(), drawn_ns: 0 }
    }

    /// Whether there is anybody to show it to.
    pub(crate) const fn is_shown(&self) -> bool {
        self.is_shown
    }

    /// Shows the line that is made of the nanoseconds since it began, if it is time.
    pub(crate) fn show(&mut self, line: impl FnOnce(u64) -> String) {
        let now_ns = self.clock.monotonic_ns();
        if !self.is_shown || now_ns.saturating_sub(self.drawn_ns) < DRAW_NS {
            return;
        }
        self.drawn_ns = now_ns;
        let line = line(now_ns.saturating_sub(self.begun_ns));
        let _ = write!(anstream::stderr(), "\r{line}\x1b[K");
    }

    /// Takes the line away.
    pub(crate) fn clear(&self) {
        if self.drawn_ns > 0 {
            let _ = write!(anstream::stderr(), "\r\x1b[K");
        }
    }
}
