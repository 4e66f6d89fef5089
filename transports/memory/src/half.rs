//! The halves of a stream: handles on the connection's state. Dropping one abandons what is not over.

use std::future::poll_fn;
use std::sync::Arc;

use async_trait::async_trait;
use igor_core::transport::{CloseCode, ReadHalf, TransportError, WriteHalf};

use crate::connection::{Shared, error};
use crate::state::End;

/// The half that reads.
pub(crate) struct Reading {
    shared: Arc<Shared>,
    end: End,
    id: u64,
}

impl Reading {
    pub(crate) const fn new(shared: Arc<Shared>, end: End, id: u64) -> Self {
        Self { shared, end, id }
    }
}

#[async_trait]
impl ReadHalf for Reading {
    async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, TransportError> {
        let read = poll_fn(|context| {
            self.shared.with(|state| state.poll_read(self.end, self.id, buffer, context))
        });
        read.await.map_err(|gone| error("read from a stream", gone))
    }

    fn stop(&mut self, code: CloseCode) {
        self.shared.with(|state| state.stop(self.end, self.id, code));
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.shared.with(|state| {
            state.stop(self.end, self.id, CloseCode::default());
            state.drop_half(self.end, self.id);
        });
    }
}

/// The half that writes.
pub(crate) struct Writing {
    shared: Arc<Shared>,
    end: End,
    id: u64,
}

impl Writing {
    pub(crate) const fn new(shared: Arc<Shared>, end: End, id: u64) -> Self {
        Self { shared, end, id }
    }
}

#[async_trait]
impl WriteHalf for Writing {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, TransportError> {
        let written = poll_fn(|context| {
            self.shared.with(|state| state.poll_write(self.end, self.id, bytes, context))
        });
        written.await.map_err(|gone| error("write to a stream", gone))
    }

    fn finish(&mut self) -> Result<(), TransportError> {
        let finished = self.shared.with(|state| state.finish(self.end, self.id));
        finished.map_err(|gone| error("finish a stream", gone))
    }

    async fn delivered(&mut self) -> Result<(), TransportError> {
        let delivered = self.shared.with(|state| state.delivered(self.end, self.id));
        delivered.map_err(|gone| error("deliver a stream", gone))
    }

    fn reset(&mut self, code: CloseCode) {
        self.shared.with(|state| state.reset(self.end, self.id, code));
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        self.shared.with(|state| {
            state.reset(self.end, self.id, CloseCode::default());
            state.drop_half(self.end, self.id);
        });
    }
}
