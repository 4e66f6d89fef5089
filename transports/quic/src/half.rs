//! The halves of a stream. Each keeps its connection; dropping one abandons what is not over.

use std::sync::Arc;

use async_trait::async_trait;
use igor_core::transport::{CloseCode, ReadHalf, TransportError, WriteHalf};
use quinn::{ConnectionError, RecvStream, SendStream};
use tokio::sync::OwnedSemaphorePermit;

use crate::code;
use crate::connection::Handle;

/// The place of a stream among those that this end has open; both of its halves hold it until they are over.
pub(crate) type Place = Option<Arc<OwnedSemaphorePermit>>;

/// How far a half is, as this end sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    Open,
    Finished,
    Abandoned,
}

/// The half that reads.
pub(crate) struct Reading {
    stream: RecvStream,
    progress: Progress,
    place: Place,
    handle: Arc<Handle>,
}

impl Reading {
    pub(crate) const fn new(stream: RecvStream, place: Place, handle: Arc<Handle>) -> Self {
        Self { stream, progress: Progress::Open, place, handle }
    }
}

fn ended(attempt: &str) -> TransportError {
    TransportError::Ended { attempt: attempt.to_owned() }
}

#[async_trait]
impl ReadHalf for Reading {
    async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, TransportError> {
        const ATTEMPT: &str = "read from a stream";
        let is_left = self.handle.closed() == Some(ConnectionError::LocallyClosed);
        if self.progress == Progress::Abandoned || is_left {
            return Err(ended(ATTEMPT));
        }
        if buffer.is_empty() {
            return Ok(0);
        }
        let read = self.stream.read(buffer).await;
        if !matches!(read, Ok(Some(_))) {
            self.place = None;
        }
        Ok(read.map_err(|error| code::read(ATTEMPT, error))?.unwrap_or(0))
    }

    fn stop(&mut self, code: CloseCode) {
        if self.progress == Progress::Open {
            self.progress = Progress::Abandoned;
            self.place = None;
            // That it is over already is as good.
            self.stream.stop(code::sent(code)).unwrap_or_default();
        }
    }
}

/// The half that writes.
pub(crate) struct Writing {
    stream: SendStream,
    progress: Progress,
    place: Place,
    handle: Arc<Handle>,
}

impl Writing {
    pub(crate) const fn new(stream: SendStream, place: Place, handle: Arc<Handle>) -> Self {
        Self { stream, progress: Progress::Open, place, handle }
    }

    /// That more can be written, as far as this end knows.
    fn open(&self, attempt: &str) -> Result<(), TransportError> {
        match (self.progress, self.handle.closed()) {
            (Progress::Open, None) => Ok(()),
            (Progress::Open, Some(error)) => Err(code::connection(attempt, &error)),
            _ => Err(ended(attempt)),
        }
    }
}

#[async_trait]
impl WriteHalf for Writing {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, TransportError> {
        const ATTEMPT: &str = "write to a stream";
        self.open(ATTEMPT)?;
        if bytes.is_empty() {
            return Ok(0);
        }
        self.stream.write(bytes).await.map_err(|error| code::write(ATTEMPT, error))
    }

    fn finish(&mut self) -> Result<(), TransportError> {
        const ATTEMPT: &str = "finish a stream";
        self.open(ATTEMPT)?;
        self.progress = Progress::Finished;
        self.place = None;
        self.stream.finish().map_err(|_| ended(ATTEMPT))
    }

    async fn delivered(&mut self) -> Result<(), TransportError> {
        const ATTEMPT: &str = "deliver a stream";
        if self.progress != Progress::Finished {
            self.open(ATTEMPT)?;
            return Err(ended(ATTEMPT));
        }
        match self.stream.stopped().await {
            Ok(None) => Ok(()),
            Ok(Some(code)) => Err(code::stopped(ATTEMPT, code)),
            Err(error) => Err(code::undelivered(ATTEMPT, error)),
        }
    }

    fn reset(&mut self, code: CloseCode) {
        if self.progress == Progress::Open {
            self.progress = Progress::Abandoned;
            self.place = None;
            // That it is over already is as good.
            self.stream.reset(code::sent(code)).unwrap_or_default();
        }
    }
}

impl Drop for Writing {
    // Otherwise quinn would finish it.
    fn drop(&mut self) {
        self.reset(CloseCode::default());
    }
}
