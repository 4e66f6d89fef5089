//! One direction of a stream: a bounded buffer and how it ended. It knows nothing of connections.

use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};

use igor_core::transport::CloseCode;

use crate::waiting::Waiting;

/// Why a flow carries nothing more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Over {
    /// The end that asks ended it.
    Here,
    /// The other end abandoned it.
    There(CloseCode),
}

/// One direction.
#[derive(Default)]
pub(crate) struct Flow {
    buffer: VecDeque<u8>,
    finished: bool,
    /// The reader has been told that the writer finished.
    end_seen: bool,
    reset: Option<CloseCode>,
    stopped: Option<CloseCode>,
    reader: Waiting,
    writer: Waiting,
}

impl Flow {
    /// Whether neither end has any use for it.
    pub(crate) fn is_over(&self) -> bool {
        self.end_seen || self.reset.is_some() || self.stopped.is_some()
    }

    pub(crate) fn poll_read(
        &mut self,
        context: &Context<'_>,
        buffer: &mut [u8],
        awake: &mut Vec<Waker>,
    ) -> Poll<Result<usize, Over>> {
        if self.stopped.is_some() {
            return Poll::Ready(Err(Over::Here));
        }
        if let Some(code) = self.reset {
            return Poll::Ready(Err(Over::There(code)));
        }
        if buffer.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let count = buffer.len().min(self.buffer.len());
        if count > 0 {
            for (to, from) in buffer.iter_mut().zip(self.buffer.drain(..count)) {
                *to = from;
            }
            self.writer.wake(awake);
            return Poll::Ready(Ok(count));
        }
        if self.finished {
            self.end_seen = true;
            return Poll::Ready(Ok(0));
        }
        self.reader.add(context);
        Poll::Pending
    }

    pub(crate) fn poll_write(
        &mut self,
        context: &Context<'_>,
        bytes: &[u8],
        capacity: usize,
        awake: &mut Vec<Waker>,
    ) -> Poll<Result<usize, Over>> {
        if let Err(over) = self.writable() {
            return Poll::Ready(Err(over));
        }
        let room = capacity.saturating_sub(self.buffer.len());
        if room == 0 && !bytes.is_empty() {
            self.writer.add(context);
            return Poll::Pending;
        }
        let count = room.min(bytes.len());
        self.buffer.extend(bytes.iter().take(count));
        self.reader.wake(awake);
        Poll::Ready(Ok(count))
    }

    pub(crate) fn finish(&mut self, awake: &mut Vec<Waker>) -> Result<(), Over> {
        self.writable()?;
        self.finished = true;
        self.reader.wake(awake);
        Ok(())
    }

    /// What is finished is in the reader's hands at once.
    pub(crate) fn delivered(&self) -> Result<(), Over> {
        match (self.finished, self.stopped) {
            (true, _) => Ok(()),
            (false, Some(code)) => Err(Over::There(code)),
            (false, None) => Err(Over::Here),
        }
    }

    /// The writer abandons it; a finished one is left to the reader.
    pub(crate) fn reset(&mut self, code: CloseCode, awake: &mut Vec<Waker>) {
        if !self.is_over() && !self.finished {
            self.reset = Some(code);
            self.end(awake);
        }
    }

    /// The reader abandons it.
    pub(crate) fn stop(&mut self, code: CloseCode, awake: &mut Vec<Waker>) {
        if !self.is_over() {
            self.stopped = Some(code);
            self.end(awake);
        }
    }

    /// Wakes both ends, to look again.
    pub(crate) fn wake(&mut self, awake: &mut Vec<Waker>) {
        self.reader.wake(awake);
        self.writer.wake(awake);
    }

    fn writable(&self) -> Result<(), Over> {
        match (self.stopped, self.finished || self.reset.is_some()) {
            (_, true) => Err(Over::Here),
            (Some(code), false) => Err(Over::There(code)),
            (None, false) => Ok(()),
        }
    }

    fn end(&mut self, awake: &mut Vec<Waker>) {
        self.buffer = VecDeque::new();
        self.wake(awake);
    }
}
