//! Writes messages to a stream, each within its time: a peer that does not read is not waited for forever.
//! It does not know which message is due.

use igor_core::Limits;
use igor_core::format::Message;
use igor_core::transport::WriteHalf;
use tokio::time::{Instant, timeout_at};

use super::WireError;
use crate::wire::{Close, Patience, frame};

/// Writes messages.
pub struct FrameWriter {
    half: Box<dyn WriteHalf>,
    patience: Patience,
    frame_bytes_max: u64,
    /// A message that is being written, from `written` on.
    unwritten: Vec<u8>,
    written: usize,
    /// When its writing began.
    begun: Option<Instant>,
    /// When the peer last took anything of it.
    moved: Option<Instant>,
}

impl std::fmt::Debug for FrameWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let left = self.unwritten.len().saturating_sub(self.written);
        f.debug_struct("FrameWriter").field("left", &left).finish_non_exhaustive()
    }
}

impl FrameWriter {
    /// Writes to `half` under these limits.
    pub fn new(half: Box<dyn WriteHalf>, limits: &Limits) -> Self {
        Self {
            half,
            patience: Patience::new(limits),
            frame_bytes_max: limits.frame_bytes_max,
            unwritten: Vec::new(),
            written: 0,
            begun: None,
            moved: None,
        }
    }

    /// Sends a message, after what is left of the one before it.
    ///
    /// If the future is dropped, the message is sent whole or not at all: what is left of it goes out with
    /// the next call.
    ///
    /// # Errors
    /// [`WireError::Frame`] if it is longer than is allowed, [`WireError::TooSlow`] if the peer does not
    /// take it in time, and whatever the transport says.
    pub async fn send(&mut self, message: &Message) -> Result<(), WireError> {
        self.flush().await?;
        self.unwritten = frame(message, self.frame_bytes_max)?;
        self.flush().await
    }

    /// Sends what is left.
    ///
    /// # Errors
    /// Those of [`send`](Self::send).
    pub async fn flush(&mut self) -> Result<(), WireError> {
        loop {
            let rest = self.unwritten.get(self.written..).unwrap_or_default();
            if rest.is_empty() {
                (self.unwritten, self.written) = (Vec::new(), 0);
                (self.begun, self.moved) = (None, None);
                return Ok(());
            }
            let now = Instant::now();
            let begun = *self.begun.get_or_insert(now);
            let moved = *self.moved.get_or_insert(now);
            let [all, idle] = [(begun, self.patience.message_max), (moved, self.patience.idle)]
                .map(|(from, limit)| (from.checked_add(limit).unwrap_or(from), limit));
            let (deadline, limit) = all.min(idle);
            let written = match timeout_at(deadline, self.half.write(rest)).await {
                Ok(written) => written?,
                Err(_) => return Err(WireError::TooSlow { what: "taking a message", limit }),
            };
            self.written = self.written.saturating_add(written);
            self.moved = None;
        }
    }

    /// Sends what is left, and says that nothing more will come.
    ///
    /// # Errors
    /// Those of [`send`](Self::send).
    pub async fn finish(&mut self) -> Result<(), WireError> {
        self.flush().await?;
        Ok(self.half.finish()?)
    }

    /// Waits until the peer has everything that was sent before it was finished.
    ///
    /// # Errors
    /// [`WireError::TooSlow`], and whatever the transport says.
    pub async fn delivered(&mut self) -> Result<(), WireError> {
        let limit = self.patience.idle;
        match tokio::time::timeout(limit, self.half.delivered()).await {
            Ok(delivered) => Ok(delivered?),
            Err(_) => Err(WireError::TooSlow { what: "taking the last message", limit }),
        }
    }

    /// That nothing more is written.
    pub fn abandon(&mut self, close: Close) {
        self.half.reset(close.code());
    }
}
