//! The direction of a stream that this end writes: a bounded buffer, how much the other end takes, and how it
//! ended. It knows nothing of connections and does not say how any of it is sent.

use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};

use igor_core::transport::CloseCode;

use crate::frame::Frame;
use crate::incoming::{Misbehaved, Over, WINDOW_BYTES};

/// Bytes that are held until they can be sent.
const BUFFER_BYTES: usize = 64 << 10;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    Open,
    /// Finished here, and not sent yet.
    Finishing,
    /// The finish is sent.
    Finished,
    /// The other end has everything.
    Delivered,
    /// Abandoned here; the flag says that it is not sent yet.
    Reset(CloseCode, bool),
    /// The other end reads no more.
    Stopped(CloseCode),
}

/// What this end writes.
#[derive(Debug)]
pub(crate) struct Outgoing {
    buffer: VecDeque<u8>,
    progress: Progress,
    /// Bytes that the reader still takes.
    credit: usize,
    writer: Option<Waker>,
}

impl Default for Outgoing {
    fn default() -> Self {
        Self {
            buffer: VecDeque::new(),
            progress: Progress::Open,
            credit: WINDOW_BYTES,
            writer: None,
        }
    }
}

impl Outgoing {
    /// Whether nothing more will be sent or heard.
    pub(crate) const fn is_over(&self) -> bool {
        matches!(
            self.progress,
            Progress::Delivered | Progress::Reset(_, false) | Progress::Stopped(_)
        )
    }

    /// Whether it was abandoned here.
    pub(crate) const fn is_reset(&self) -> bool {
        matches!(self.progress, Progress::Reset(..))
    }

    /// Moves up to `most` bytes that the reader takes to the end of `out`, and says how many.
    pub(crate) fn take(&mut self, most: usize, out: &mut Vec<u8>) -> usize {
        let count = most.min(self.sendable());
        out.extend(self.buffer.drain(..count));
        self.credit -= count;
        if count > 0 {
            self.wake();
        }
        count
    }

    /// Bytes that could be sent now.
    pub(crate) fn sendable(&self) -> usize {
        self.buffer.len().min(self.credit)
    }

    /// The next thing to tell the other end, behind the bytes.
    pub(crate) fn next_frame(&mut self) -> Option<Frame> {
        match self.progress {
            Progress::Finishing if self.buffer.is_empty() => {
                self.progress = Progress::Finished;
                Some(Frame::Finish)
            }
            Progress::Reset(code, true) => {
                self.progress = Progress::Reset(code, false);
                Some(Frame::Reset(code.0))
            }
            _ => None,
        }
    }

    /// The reader takes more.
    pub(crate) fn add_credit(&mut self, count: u32) -> Result<(), Misbehaved> {
        let count = usize::try_from(count).map_err(|_| Misbehaved)?;
        let credit = self.credit.saturating_add(count);
        if credit > WINDOW_BYTES {
            return Err(Misbehaved);
        }
        self.credit = credit;
        Ok(())
    }

    /// The reader has everything.
    pub(crate) fn receipt(&mut self) -> Result<(), Misbehaved> {
        match self.progress {
            Progress::Finished => {
                self.progress = Progress::Delivered;
                self.wake();
                Ok(())
            }
            _ => Err(Misbehaved),
        }
    }

    /// The reader wants no more.
    pub(crate) fn stopped(&mut self, code: CloseCode) {
        if matches!(self.progress, Progress::Open | Progress::Finishing | Progress::Finished) {
            self.progress = Progress::Stopped(code);
            self.buffer = VecDeque::new();
            self.wake();
        }
    }

    pub(crate) fn poll_write(
        &mut self,
        context: &Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize, Over>> {
        if let Err(over) = self.writable() {
            return Poll::Ready(Err(over));
        }
        let room = BUFFER_BYTES.saturating_sub(self.buffer.len());
        if room == 0 && !bytes.is_empty() {
            self.writer = Some(context.waker().clone());
            return Poll::Pending;
        }
        let bytes = bytes.get(..room).unwrap_or(bytes);
        self.buffer.extend(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    pub(crate) fn finish(&mut self) -> Result<(), Over> {
        self.writable()?;
        self.progress = Progress::Finishing;
        Ok(())
    }

    pub(crate) fn poll_delivered(&mut self, context: &Context<'_>) -> Poll<Result<(), Over>> {
        match self.progress {
            Progress::Delivered => Poll::Ready(Ok(())),
            Progress::Stopped(code) => Poll::Ready(Err(Over::There(code))),
            Progress::Finishing | Progress::Finished => {
                self.writer = Some(context.waker().clone());
                Poll::Pending
            }
            Progress::Open | Progress::Reset(..) => Poll::Ready(Err(Over::Here)),
        }
    }

    /// The writer abandons it; what is finished is left to the reader.
    pub(crate) fn reset(&mut self, code: CloseCode) {
        if self.progress == Progress::Open {
            self.progress = Progress::Reset(code, true);
            self.buffer = VecDeque::new();
        }
    }

    /// Has the writer look again.
    pub(crate) fn wake(&mut self) {
        if let Some(writer) = self.writer.take() {
            writer.wake();
        }
    }

    /// Whether more can be written.
    pub(crate) const fn writable(&self) -> Result<(), Over> {
        match self.progress {
            Progress::Open => Ok(()),
            Progress::Stopped(code) => Err(Over::There(code)),
            _ => Err(Over::Here),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(outgoing: &mut Outgoing, count: usize) -> Poll<Result<usize, Over>> {
        outgoing.poll_write(&Context::from_waker(Waker::noop()), &vec![7; count])
    }

    /// Writes and sends until nothing can be written or sent, and says how much was sent.
    fn fill(outgoing: &mut Outgoing) -> usize {
        let mut out = Vec::new();
        while outgoing.take(usize::MAX, &mut out) > 0 || write(outgoing, 10_000).is_ready() {}
        out.len()
    }

    #[test]
    fn no_more_is_sent_than_the_reader_takes() {
        let mut outgoing = Outgoing::default();
        assert_eq!(fill(&mut outgoing), WINDOW_BYTES);
        assert_eq!(outgoing.add_credit(500), Ok(()));
        assert_eq!(fill(&mut outgoing), 500);
        let window = u32::try_from(WINDOW_BYTES).expect("it is small");
        assert_eq!(outgoing.add_credit(window + 1), Err(Misbehaved));
        assert_eq!(outgoing.add_credit(u32::MAX), Err(Misbehaved));
    }

    #[test]
    fn a_finish_follows_the_bytes_and_a_receipt_the_finish() {
        let mut outgoing = Outgoing::default();
        assert!(write(&mut outgoing, 3).is_ready());
        assert_eq!(outgoing.receipt(), Err(Misbehaved), "nothing is finished");
        assert_eq!(outgoing.finish(), Ok(()));
        assert_eq!(outgoing.next_frame(), None);
        assert_eq!(outgoing.take(9, &mut Vec::new()), 3);
        assert_eq!(outgoing.next_frame(), Some(Frame::Finish));
        assert_eq!(outgoing.next_frame(), None);
        assert!(!outgoing.is_over());
        assert_eq!(outgoing.receipt(), Ok(()));
        assert!(outgoing.is_over());
        assert_eq!(outgoing.finish(), Err(Over::Here));
        assert_eq!(outgoing.receipt(), Err(Misbehaved), "it came already");
    }

    #[test]
    fn what_is_abandoned_is_not_sent() {
        let mut outgoing = Outgoing::default();
        assert!(write(&mut outgoing, 3).is_ready());
        outgoing.reset(CloseCode(5));
        outgoing.reset(CloseCode(6));
        assert_eq!(outgoing.take(9, &mut Vec::new()), 0);
        assert_eq!(outgoing.next_frame(), Some(Frame::Reset(5)));
        assert!(outgoing.is_over());
        let mut outgoing = Outgoing::default();
        assert!(write(&mut outgoing, 3).is_ready());
        outgoing.stopped(CloseCode(5));
        assert_eq!(outgoing.sendable(), 0);
        assert_eq!(write(&mut outgoing, 1), Poll::Ready(Err(Over::There(CloseCode(5)))));
    }
}
