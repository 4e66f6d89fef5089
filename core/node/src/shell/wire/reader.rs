//! Reads messages from a stream, each within its time. It does not know which message is due, and keeps at
//! most one frame and what arrived with its end, for which it takes a place in the node's room if it was given one.

use std::time::Duration;

use igor_core::Limits;
use igor_core::format::Message;
use igor_core::transport::ReadHalf;
use tokio::time::{Instant, timeout_at};

use super::WireError;
use crate::wire::{Close, FrameDecoder, Patience, Place};

/// Bytes that are read at once.
const READ_BYTES: usize = 16 << 10;

/// Reads messages.
pub struct FrameReader {
    half: Box<dyn ReadHalf>,
    decoder: FrameDecoder,
    patience: Patience,
    /// What was read and not yet taken apart, from `taken` on.
    unread: Vec<u8>,
    taken: usize,
    /// When the present message was first waited for.
    waiting: Option<Instant>,
    /// When its first byte was there.
    begun: Option<Instant>,
    /// Whether any message has begun yet.
    is_first: bool,
    /// Where what is kept is counted, if anywhere.
    place: Option<Place>,
    /// What is kept beside what is being read.
    kept: u64,
}

impl std::fmt::Debug for FrameReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FrameReader").field("decoder", &self.decoder).finish_non_exhaustive()
    }
}

impl FrameReader {
    /// Reads from `half` under these limits.
    pub fn new(half: Box<dyn ReadHalf>, limits: &Limits) -> Self {
        Self {
            half,
            decoder: FrameDecoder::new(limits.frame_bytes_max),
            patience: Patience::new(limits),
            unread: Vec::new(),
            taken: 0,
            waiting: None,
            begun: None,
            is_first: true,
            place: None,
            kept: 0,
        }
    }

    /// Counts what is kept in this place from now on.
    pub fn count_in(&mut self, place: Place) {
        self.place = Some(place);
    }

    /// Counts so many bytes as kept beside what is being read.
    ///
    /// # Errors
    /// [`WireError::NoRoom`]; what was counted before is counted still.
    pub fn keep(&mut self, bytes: u64) -> Result<(), WireError> {
        let before = std::mem::replace(&mut self.kept, bytes);
        self.count().inspect_err(|_| self.kept = before)
    }

    /// The bytes that are counted as kept beside what is being read.
    pub const fn kept(&self) -> u64 {
        self.kept
    }

    fn count(&mut self) -> Result<(), WireError> {
        let Some(place) = &mut self.place else { return Ok(()) };
        let reading = self.decoder.reserved().saturating_add(self.unread.capacity());
        let reading = u64::try_from(reading).unwrap_or(u64::MAX);
        Ok(place.resize(self.kept.saturating_add(reading))?)
    }

    /// The next message; `None` when the peer has finished. It waits for its first byte as long as the
    /// limits say: for the first message less than for a later one.
    ///
    /// If the future is dropped, nothing is lost: the next call goes on, and its time with it.
    ///
    /// # Errors
    /// [`WireError`]. Unless the transport failed, nothing more is read then.
    pub async fn next(&mut self) -> Result<Option<Message>, WireError> {
        let patience = &self.patience;
        self.next_within(if self.is_first { patience.first_byte } else { patience.idle }).await
    }

    /// The same, waiting for the first byte as long as `wait`.
    ///
    /// # Errors
    /// Those of [`next`](Self::next).
    pub async fn next_within(&mut self, wait: Duration) -> Result<Option<Message>, WireError> {
        let read = self.read(wait).await;
        match &read {
            Err(WireError::Transport(_)) => {}
            Err(error) => self.half.stop(error.close().code()),
            Ok(_) => (self.waiting, self.begun) = (None, None),
        }
        read
    }

    /// The next message; that the peer has finished is an error, which says that `due` was due.
    ///
    /// # Errors
    /// Those of [`next`](Self::next), and [`WireError::Cut`].
    pub async fn expect(&mut self, due: &'static str) -> Result<Message, WireError> {
        let next = self.next().await?;
        next.ok_or_else(|| self.fault(WireError::Cut { due }))
    }

    /// Stops reading because of an error that the reader could not know, and gives it back.
    pub fn fault(&mut self, error: WireError) -> WireError {
        self.half.stop(error.close().code());
        error
    }

    /// That nothing more is read.
    pub fn abandon(&mut self, close: Close) {
        self.half.stop(close.code());
    }

    /// The bytes that are held for the present message and after it.
    pub fn buffered(&self) -> usize {
        self.decoder.buffered().saturating_add(self.unread.len().saturating_sub(self.taken))
    }

    async fn read(&mut self, wait: Duration) -> Result<Option<Message>, WireError> {
        let waiting = *self.waiting.get_or_insert_with(Instant::now);
        loop {
            if let Some(body) = self.take_apart()? {
                return Ok(Some(Message::decode(&body)?));
            }
            self.count()?;
            let (deadline, what, limit) = self.deadline(waiting, wait);
            self.unread.resize(READ_BYTES, 0);
            self.count()?;
            self.taken = READ_BYTES;
            let count = match timeout_at(deadline, self.half.read(&mut self.unread)).await {
                Ok(read) => read?,
                Err(_) => return Err(WireError::TooSlow { what, limit }),
            };
            self.unread.truncate(count);
            self.taken = 0;
            if count == 0 {
                return if self.decoder.is_between_frames() {
                    Ok(None)
                } else {
                    Err(WireError::Cut { due: "the rest of a message" })
                };
            }
        }
    }

    /// Takes a frame out of what was read.
    fn take_apart(&mut self) -> Result<Option<Vec<u8>>, WireError> {
        let mut rest = self.unread.get(self.taken..).unwrap_or_default();
        if !rest.is_empty() {
            self.begun.get_or_insert_with(Instant::now);
            self.is_first = false;
        }
        let frame = self.decoder.take(&mut rest);
        self.taken = self.unread.len().saturating_sub(rest.len());
        Ok(frame?)
    }

    /// Until when more has to come, what that is, and how long it may take.
    fn deadline(&self, waiting: Instant, wait: Duration) -> (Instant, &'static str, Duration) {
        let (from, what, limit) = match self.begun {
            None => (waiting, "the first byte of a message", wait),
            Some(begun) => {
                let bytes = self.decoder.announced().unwrap_or_default();
                let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
                (begun, "a message", self.patience.message(bytes))
            }
        };
        (from.checked_add(limit).unwrap_or(from), what, limit)
    }
}
