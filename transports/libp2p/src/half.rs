//! The halves of a stream. Each keeps its connection; dropping one abandons what is not over.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use async_trait::async_trait;
use igor_core::transport::{CloseCode, ReadHalf, Stream, TransportError, WriteHalf};

use crate::connection::Handle;
use crate::incoming::Over;
use crate::pipe::{Pipe, State};

/// A stream, as its user has it.
pub(crate) fn stream(pipe: Arc<Pipe>, handle: Arc<Handle>) -> Stream {
    let writer = Writing { pipe: Arc::clone(&pipe), handle: Arc::clone(&handle) };
    Stream { writer: Box::new(writer), reader: Box::new(Reading { pipe, handle }) }
}

fn failed(attempt: &str, over: Over) -> TransportError {
    let attempt = attempt.to_owned();
    match over {
        Over::Here => TransportError::Ended { attempt },
        Over::There(code) => TransportError::Reset { attempt, code },
    }
}

/// Why the connection is gone, if it is.
fn gone(handle: &Handle, attempt: &str) -> Option<TransportError> {
    handle.link().ending().map(|ending| ending.error(attempt))
}

fn pending_unless_gone<T>(handle: &Handle, attempt: &str) -> Poll<Result<T, TransportError>> {
    gone(handle, attempt).map_or(Poll::Pending, |error| Poll::Ready(Err(error)))
}

/// The half that reads.
struct Reading {
    pipe: Arc<Pipe>,
    handle: Arc<Handle>,
}

#[async_trait]
impl ReadHalf for Reading {
    async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, TransportError> {
        const ATTEMPT: &str = "read from a stream";
        poll_fn(|context| {
            self.pipe.use_by(|state| {
                if self.handle.link().is_left() {
                    return Poll::Ready(Err(failed(ATTEMPT, Over::Here)));
                }
                match state.incoming.poll_read(context, buffer) {
                    Poll::Ready(read) => Poll::Ready(read.map_err(|over| failed(ATTEMPT, over))),
                    Poll::Pending => pending_unless_gone(&self.handle, ATTEMPT),
                }
            })
        })
        .await
    }

    fn stop(&mut self, code: CloseCode) {
        self.pipe.use_by(|state| state.incoming.stop(code));
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.stop(CloseCode::default());
    }
}

/// The half that writes.
struct Writing {
    pipe: Arc<Pipe>,
    handle: Arc<Handle>,
}

impl Writing {
    /// Acts on what can still be written, as far as this end knows.
    fn on_open<T>(
        &self,
        attempt: &str,
        act: impl FnOnce(&mut State) -> Poll<Result<T, Over>>,
    ) -> Poll<Result<T, TransportError>> {
        self.pipe.use_by(|state| {
            if let Err(over) = state.outgoing.writable() {
                return Poll::Ready(Err(failed(attempt, over)));
            }
            if let Some(error) = gone(&self.handle, attempt) {
                return Poll::Ready(Err(error));
            }
            act(state).map_err(|over| failed(attempt, over))
        })
    }
}

#[async_trait]
impl WriteHalf for Writing {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, TransportError> {
        poll_fn(|context| {
            self.on_open("write to a stream", |state| state.outgoing.poll_write(context, bytes))
        })
        .await
    }

    fn finish(&mut self) -> Result<(), TransportError> {
        const ATTEMPT: &str = "finish a stream";
        match self.on_open(ATTEMPT, |state| Poll::Ready(state.outgoing.finish())) {
            Poll::Ready(finished) => finished,
            Poll::Pending => Err(failed(ATTEMPT, Over::Here)),
        }
    }

    async fn delivered(&mut self) -> Result<(), TransportError> {
        const ATTEMPT: &str = "deliver a stream";
        poll_fn(|context| {
            self.pipe.use_by(|state| match state.outgoing.poll_delivered(context) {
                Poll::Ready(delivered) => {
                    Poll::Ready(delivered.map_err(|over| failed(ATTEMPT, over)))
                }
                Poll::Pending => pending_unless_gone(&self.handle, ATTEMPT),
            })
        })
        .await
    }

    fn reset(&mut self, code: CloseCode) {
        self.pipe.use_by(|state| state.outgoing.reset(code));
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        self.reset(CloseCode::default());
    }
}
