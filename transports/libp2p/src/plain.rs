//! Carries a stream that holds nothing but its bytes, so that any program that speaks libp2p can be at the
//! other end. What its streams have no words for is not said: a stream is abandoned as a whole, without a
//! code, and what is delivered is what was handed to the network.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures::io::{AsyncRead, AsyncWrite};
use libp2p_swarm::Stream;
use tokio::sync::OwnedSemaphorePermit;

use crate::frame::Frame;
use crate::link::Link;
use crate::pipe::Pipe;

/// Bytes that are moved at once.
const PIECE_BYTES: usize = 16 << 10;

/// Carries a stream until both directions are over or the connection has ended.
pub(crate) async fn carry(
    stream: Stream,
    pipe: Arc<Pipe>,
    link: Arc<Link>,
    place: OwnedSemaphorePermit,
) {
    let mut carrier = Carrier {
        stream,
        pipe: Arc::clone(&pipe),
        scratch: vec![0; PIECE_BYTES],
        out: Vec::new(),
        sent: 0,
        heard: false,
        writing: Writing::Open,
    };
    tokio::select! {
        _ = std::future::poll_fn(|context| carrier.poll(context)) => pipe.lose(),
        _ = link.ended() => pipe.wake(),
    }
    drop(place);
}

/// How far the direction that this end writes is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Writing {
    Open,
    /// Everything is written, and the end of it is being said.
    Ending,
    Over,
}

struct Carrier {
    stream: Stream,
    pipe: Arc<Pipe>,
    scratch: Vec<u8>,
    out: Vec<u8>,
    sent: usize,
    /// The other end has said everything.
    heard: bool,
    writing: Writing,
}

impl Carrier {
    /// Ready when the stream is to be let go.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        // The order lets those who use the stream wake this task.
        let over = self.pipe.carry(context, |state| {
            state.is_over() || state.outgoing.is_reset() || self.is_useless(state)
        });
        if over {
            return Poll::Ready(());
        }
        if let Poll::Ready(Err(_)) = self.poll_receive(context) {
            return Poll::Ready(());
        }
        if let Poll::Ready(Err(_)) = self.poll_send(context) {
            return Poll::Ready(());
        }
        Poll::Pending
    }

    /// Whether this end has said everything and reads nothing more.
    fn is_useless(&self, state: &mut crate::pipe::State) -> bool {
        // There is no word for it, so that it was said is enough.
        while state.incoming.next_frame().is_some() {}
        self.writing == Writing::Over && state.incoming.is_over()
    }

    /// Takes what has arrived, as long as there is room.
    fn poll_receive(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.heard {
            let room = self.pipe.carry(context, |state| {
                state.incoming.grant();
                state.incoming.room()
            });
            let Some(scratch) = self.scratch.get_mut(..room.min(PIECE_BYTES)) else { break };
            if scratch.is_empty() {
                break;
            }
            let count = ready!(Pin::new(&mut self.stream).poll_read(context, scratch))?;
            let bytes = scratch.get(..count).unwrap_or_default();
            self.heard = bytes.is_empty();
            // The multiplexer reads an abandoned stream as a finished one, but does not write to it. Who has
            // finished writing cannot tell.
            if self.heard
                && self.writing == Writing::Open
                && let Poll::Ready(written) = Pin::new(&mut self.stream).poll_write(context, &[])
            {
                written?;
            }
            let taken = self.pipe.carry(context, |state| match bytes {
                [] => state.incoming.finish(),
                bytes => state.incoming.receive(bytes),
            });
            taken.map_err(|_| io::ErrorKind::InvalidData)?;
        }
        Poll::Pending
    }

    /// Sends what there is to send, and its end.
    fn poll_send(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.writing == Writing::Open {
            if self.sent == self.out.len() {
                self.out.clear();
                self.sent = 0;
                let (pipe, out) = (&self.pipe, &mut self.out);
                let end = pipe.carry(context, |state| {
                    let count = state.outgoing.take(PIECE_BYTES, out);
                    let count = u32::try_from(count).unwrap_or_default();
                    // There is no bound here but that of the network's own.
                    state.outgoing.add_credit(count).unwrap_or_default();
                    if out.is_empty() { state.outgoing.next_frame() } else { None }
                });
                if end == Some(Frame::Finish) {
                    self.writing = Writing::Ending;
                }
            }
            if self.out.is_empty() {
                break;
            }
            let rest = self.out.get(self.sent..).unwrap_or_default();
            match ready!(Pin::new(&mut self.stream).poll_write(context, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => self.sent += count,
            }
        }
        match self.writing {
            Writing::Open => ready!(Pin::new(&mut self.stream).poll_flush(context))?,
            Writing::Ending => {
                ready!(Pin::new(&mut self.stream).poll_close(context))?;
                self.writing = Writing::Over;
                self.pipe.use_by(|state| state.outgoing.receipt()).unwrap_or_default();
                context.waker().wake_by_ref();
            }
            Writing::Over => {}
        }
        Poll::Pending
    }
}
