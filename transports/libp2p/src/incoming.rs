//! The direction of a stream that this end reads: a bounded buffer, how it ended, and what the other end is to
//! be told about it. It knows nothing of connections and does not say how any of it is sent.

use std::collections::VecDeque;
use std::io::Read;
use std::task::{Context, Poll, Waker};

use igor_core::transport::CloseCode;

use crate::frame::Frame;

/// Bytes that the writer may send ahead of the reader.
pub(crate) const WINDOW_BYTES: usize = 256 << 10;

/// Why there is nothing more to read or to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Over {
    /// This end ended it.
    Here,
    /// The other end abandoned it.
    There(CloseCode),
}

/// The other end does not keep to what was agreed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Misbehaved;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    Open,
    Finished,
    Reset(CloseCode),
    Stopped,
}

/// What this end reads.
#[derive(Debug)]
pub(crate) struct Incoming {
    buffer: VecDeque<u8>,
    progress: Progress,
    /// Bytes that the writer may still send.
    granted: usize,
    /// Bytes that were read and not granted again yet.
    consumed: usize,
    stop_due: Option<CloseCode>,
    receipt_due: bool,
    reader: Option<Waker>,
}

impl Default for Incoming {
    fn default() -> Self {
        Self {
            buffer: VecDeque::new(),
            progress: Progress::Open,
            granted: WINDOW_BYTES,
            consumed: 0,
            stop_due: None,
            receipt_due: false,
            reader: None,
        }
    }
}

impl Incoming {
    /// Whether nothing more arrives that is wanted.
    pub(crate) const fn has_ended(&self) -> bool {
        !matches!(self.progress, Progress::Open)
    }

    /// Whether nothing will be read any more, and the other end knows it.
    pub(crate) fn is_over(&self) -> bool {
        let settled = match self.progress {
            Progress::Open => false,
            Progress::Finished => self.buffer.is_empty(),
            Progress::Reset(_) | Progress::Stopped => true,
        };
        settled && self.stop_due.is_none() && !self.receipt_due
    }

    /// Room for what can arrive.
    pub(crate) const fn room(&self) -> usize {
        match self.progress {
            Progress::Open => self.granted,
            _ => 0,
        }
    }

    /// Bytes that were read since the writer was told that it may send more, if it is time to tell.
    fn credit_due(&self) -> bool {
        self.progress == Progress::Open && self.consumed >= WINDOW_BYTES / 2
    }

    /// What was read may be sent again.
    pub(crate) const fn grant(&mut self) -> usize {
        let count = self.consumed;
        self.granted += count;
        self.consumed = 0;
        count
    }

    /// The next thing to tell the other end.
    pub(crate) fn next_frame(&mut self) -> Option<Frame> {
        if let Some(code) = self.stop_due.take() {
            return Some(Frame::Stop(code.0));
        }
        if std::mem::take(&mut self.receipt_due) {
            return Some(Frame::Received);
        }
        if self.credit_due() {
            return Some(Frame::Credit(u32::try_from(self.grant()).unwrap_or(u32::MAX)));
        }
        None
    }

    /// Bytes have arrived.
    pub(crate) fn receive(&mut self, bytes: &[u8]) -> Result<(), Misbehaved> {
        if matches!(self.progress, Progress::Finished | Progress::Reset(_)) {
            return Err(Misbehaved);
        }
        self.granted = self.granted.checked_sub(bytes.len()).ok_or(Misbehaved)?;
        if self.progress == Progress::Open {
            self.buffer.extend(bytes);
            self.wake();
        }
        Ok(())
    }

    /// The writer has said everything.
    pub(crate) fn finish(&mut self) -> Result<(), Misbehaved> {
        match self.progress {
            Progress::Open => {
                self.progress = Progress::Finished;
                self.receipt_due = true;
                self.wake();
                Ok(())
            }
            Progress::Stopped => Ok(()),
            Progress::Finished | Progress::Reset(_) => Err(Misbehaved),
        }
    }

    /// The writer has abandoned it.
    pub(crate) fn reset(&mut self, code: CloseCode) {
        if self.progress == Progress::Open {
            self.progress = Progress::Reset(code);
            self.buffer = VecDeque::new();
            self.wake();
        }
    }

    /// The reader wants no more.
    pub(crate) fn stop(&mut self, code: CloseCode) {
        if self.progress == Progress::Open {
            self.stop_due = Some(code);
        }
        self.progress = Progress::Stopped;
        self.buffer = VecDeque::new();
    }

    pub(crate) fn poll_read(
        &mut self,
        context: &Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<Result<usize, Over>> {
        if self.progress == Progress::Stopped {
            return Poll::Ready(Err(Over::Here));
        }
        if let Progress::Reset(code) = self.progress {
            return Poll::Ready(Err(Over::There(code)));
        }
        if buffer.is_empty() {
            return Poll::Ready(Ok(0));
        }
        // Reading from memory does not fail.
        let mut count = self.buffer.read(buffer).unwrap_or_default();
        if let (1.., Some(rest)) = (count, buffer.get_mut(count..)) {
            // The buffer may lie in two pieces.
            count += self.buffer.read(rest).unwrap_or_default();
        }
        if count > 0 {
            self.consumed += count;
            return Poll::Ready(Ok(count));
        }
        if self.progress == Progress::Finished {
            return Poll::Ready(Ok(0));
        }
        self.reader = Some(context.waker().clone());
        Poll::Pending
    }

    /// Has the reader look again.
    pub(crate) fn wake(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(incoming: &mut Incoming, count: usize) -> Poll<Result<usize, Over>> {
        incoming.poll_read(&Context::from_waker(Waker::noop()), &mut vec![0; count])
    }

    #[test]
    fn more_than_was_granted_is_misbehaviour() {
        let mut incoming = Incoming::default();
        assert_eq!(incoming.receive(&vec![0; WINDOW_BYTES]), Ok(()));
        assert_eq!(incoming.receive(&[0]), Err(Misbehaved));
        assert_eq!(read(&mut incoming, WINDOW_BYTES / 2), Poll::Ready(Ok(WINDOW_BYTES / 2)));
        assert_eq!(incoming.receive(&[0]), Err(Misbehaved), "it was not told yet");
        let credit = u32::try_from(WINDOW_BYTES / 2).expect("it is small");
        assert_eq!(incoming.next_frame(), Some(Frame::Credit(credit)));
        assert_eq!(incoming.receive(&vec![0; WINDOW_BYTES / 2]), Ok(()));
        assert_eq!(incoming.receive(&[0]), Err(Misbehaved));
    }

    #[test]
    fn nothing_comes_behind_an_end() {
        let mut incoming = Incoming::default();
        assert_eq!(incoming.finish(), Ok(()));
        assert_eq!(incoming.finish(), Err(Misbehaved));
        assert_eq!(incoming.receive(&[0]), Err(Misbehaved));
        let mut incoming = Incoming::default();
        incoming.reset(CloseCode(7));
        assert_eq!(incoming.finish(), Err(Misbehaved));
        assert_eq!(incoming.receive(&[0]), Err(Misbehaved));
        assert_eq!(read(&mut incoming, 1), Poll::Ready(Err(Over::There(CloseCode(7)))));
    }

    #[test]
    fn who_stops_reading_holds_nothing_and_says_so_once() {
        let mut incoming = Incoming::default();
        assert_eq!(incoming.receive(&[0; 100]), Ok(()));
        incoming.stop(CloseCode(3));
        incoming.stop(CloseCode(4));
        assert!(!incoming.is_over());
        assert_eq!(incoming.next_frame(), Some(Frame::Stop(3)));
        assert_eq!(incoming.next_frame(), None);
        assert!(incoming.is_over());
        // What is still on the way is let go.
        assert_eq!(incoming.receive(&[0; 100]), Ok(()));
        assert_eq!(incoming.finish(), Ok(()));
        assert_eq!(incoming.next_frame(), None);
        assert_eq!(read(&mut incoming, 1), Poll::Ready(Err(Over::Here)));
    }

    #[test]
    fn a_finish_is_over_when_everything_is_read() {
        let mut incoming = Incoming::default();
        assert_eq!(incoming.receive(&[1, 2]), Ok(()));
        assert_eq!(incoming.finish(), Ok(()));
        assert_eq!(incoming.next_frame(), Some(Frame::Received));
        assert!(!incoming.is_over());
        assert_eq!(read(&mut incoming, 8), Poll::Ready(Ok(2)));
        assert!(incoming.is_over());
        assert_eq!(read(&mut incoming, 8), Poll::Ready(Ok(0)));
    }
}
