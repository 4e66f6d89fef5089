//! Carries a stream between two nodes: bytes and frames both ways, until both directions are over. Who opened
//! it keeps its place until the other end hangs up, and the other end hangs up when nothing more can come of
//! it and somebody took it; so there are never more of them there than were allowed.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use igor_core::transport::{CloseCode, PROTOCOL_BYTES_MAX, ProtocolId};
use libp2p_swarm::Stream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

use crate::frame::{DATA_BYTES_MAX, Decoder, Frame, Part, encode, encode_data};
use crate::incoming::Misbehaved;
use crate::link::{Arrival, Link};
use crate::pipe::{Pipe, State};

/// Bytes that are read at once.
const READ_BYTES: usize = 16 << 10;
/// Bytes that are put together before they are sent.
const SEND_BYTES: usize = 64 << 10;
/// Reads after which others get their turn.
const READS_AT_ONCE: usize = 16;
/// How long the end of a connection may lag behind the end of its streams.
const LAG: Duration = Duration::from_secs(1);

/// The end that this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Opened,
    Answered,
}

/// How the carrying of a stream ended.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    /// Everything was said, and this end hangs up.
    Done,
    /// The other end hung up.
    HungUp,
    /// The other end does not keep to the protocol.
    Misbehaved,
}

/// The bytes that open a stream: what it is for.
fn opening(protocol: &ProtocolId) -> Vec<u8> {
    let name = protocol.as_str().as_bytes();
    let length = u8::try_from(name.len()).unwrap_or_default();
    [&[length], name].concat()
}

/// Reads what a stream is for; `None` if it does not say so.
async fn read_name(stream: &mut Stream) -> Option<ProtocolId> {
    let mut length = [0; 1];
    stream.read_exact(&mut length).await.ok()?;
    let length = usize::from(u8::from_be_bytes(length));
    let mut name = vec![0; length.min(PROTOCOL_BYTES_MAX)];
    if length != name.len() {
        return None;
    }
    stream.read_exact(&mut name).await.ok()?;
    ProtocolId::new(std::str::from_utf8(&name).ok()?).ok()
}

/// Carries a stream that was opened here, in `place` among those that there may be.
pub(crate) async fn open(
    stream: Stream,
    protocol: ProtocolId,
    pipe: Arc<Pipe>,
    link: Arc<Link>,
    place: OwnedSemaphorePermit,
) {
    Carrier::new(stream, pipe, End::Opened, opening(&protocol)).run(&link).await;
    drop(place);
}

/// Carries a stream that the other end opened, in its `slot`.
pub(crate) async fn answer(
    mut stream: Stream,
    link: Arc<Link>,
    slot: OwnedSemaphorePermit,
    name_limit: Duration,
) {
    let named = tokio::select! {
        named = timeout(name_limit, read_name(&mut stream)) => named.ok().flatten(),
        _ = link.ended() => return,
    };
    let Some(protocol) = named else {
        return tracing::debug!(peer = %link.peer(), "a stream did not say what it is for");
    };
    let pipe = Arc::new(Pipe::new(false));
    link.arrive(Arrival { protocol, pipe: Arc::clone(&pipe) });
    Carrier::new(stream, pipe, End::Answered, Vec::new()).run(&link).await;
    drop(slot);
}

/// What is needed to carry a stream.
struct Carrier {
    stream: Stream,
    pipe: Arc<Pipe>,
    end: End,
    decoder: Decoder,
    scratch: Vec<u8>,
    /// What is being sent, and how much of it was.
    out: Vec<u8>,
    sent: usize,
    flushed: bool,
}

impl Carrier {
    fn new(stream: Stream, pipe: Arc<Pipe>, end: End, first: Vec<u8>) -> Self {
        Self {
            stream,
            pipe,
            end,
            decoder: Decoder::default(),
            scratch: vec![0; READ_BYTES],
            out: first,
            sent: 0,
            flushed: true,
        }
    }

    /// Carries it until it is over or the connection has ended.
    async fn run(mut self, link: &Link) {
        let outcome = tokio::select! {
            outcome = std::future::poll_fn(|context| self.poll(context)) => outcome,
            _ = link.ended() => return self.let_go(link).await,
        };
        match outcome {
            // That the other end is gone as well is as good.
            Outcome::Done => {
                drop(timeout(LAG, std::future::poll_fn(|cx| self.poll_close(cx))).await);
            }
            Outcome::HungUp if self.pipe.use_by(|state| state.is_said()) => {}
            // If the connection breaks, its streams do so first.
            Outcome::HungUp => {
                if timeout(LAG, link.ended()).await.is_ok() {
                    return self.let_go(link).await;
                }
            }
            Outcome::Misbehaved => {
                tracing::debug!(peer = %link.peer(), "a stream does not keep to the protocol");
            }
        }
        self.pipe.lose();
    }

    /// Holds the stream while the connection ends: if it were dropped, the other end would take it for
    /// abandoned before it hears why.
    async fn let_go(self, link: &Link) {
        self.pipe.wake();
        link.over().await;
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Outcome> {
        for _ in 0..READS_AT_ONCE {
            let read = self.poll_receive(context);
            if let Poll::Ready(Err(outcome)) = read {
                return Poll::Ready(outcome);
            }
            let sent = self.poll_send(context);
            if let Poll::Ready(Err(_)) = sent {
                return Poll::Ready(Outcome::HungUp);
            }
            if sent.is_ready()
                && self.end == End::Answered
                && self.pipe.carry(context, |s| s.is_over())
            {
                return Poll::Ready(Outcome::Done);
            }
            if read.is_pending() {
                return Poll::Pending;
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }

    /// Takes what has arrived.
    fn poll_receive(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Outcome>> {
        let stream = Pin::new(&mut self.stream);
        let count = match ready!(stream.poll_read(context, &mut self.scratch)) {
            Ok(count @ 1..) => count,
            Ok(0) | Err(_) => return Poll::Ready(Err(Outcome::HungUp)),
        };
        let mut rest = self.scratch.get(..count).unwrap_or_default();
        let (pipe, decoder) = (&self.pipe, &mut self.decoder);
        let taken = pipe.carry(context, |state| {
            while let Some(part) = decoder.next(&mut rest).map_err(|_| Misbehaved)? {
                receive(state, part)?;
            }
            Ok::<_, Misbehaved>(())
        });
        Poll::Ready(taken.map_err(|_| Outcome::Misbehaved))
    }

    /// Sends what there is to send; ready when it is sent.
    fn poll_send(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            if self.sent == self.out.len() {
                self.out.clear();
                self.sent = 0;
                let (pipe, out) = (&self.pipe, &mut self.out);
                pipe.carry(context, |state| send(state, out));
                if self.out.is_empty() {
                    break;
                }
            }
            let rest = self.out.get(self.sent..).unwrap_or_default();
            self.flushed = false;
            match ready!(Pin::new(&mut self.stream).poll_write(context, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => self.sent += count,
            }
        }
        if !self.flushed {
            ready!(Pin::new(&mut self.stream).poll_flush(context))?;
            self.flushed = true;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_close(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_close(context)
    }
}

/// What arrived, as it changes a stream.
fn receive(state: &mut State, part: Part<'_>) -> Result<(), Misbehaved> {
    match part {
        Part::Data(bytes) => state.incoming.receive(bytes),
        Part::Frame(Frame::Finish) => state.incoming.finish(),
        Part::Frame(Frame::Reset(code)) => {
            state.incoming.reset(CloseCode(code));
            Ok(())
        }
        Part::Frame(Frame::Stop(code)) => {
            state.outgoing.stopped(CloseCode(code));
            Ok(())
        }
        Part::Frame(Frame::Credit(count)) => state.outgoing.add_credit(count),
        Part::Frame(Frame::Received) => state.outgoing.receipt(),
    }
}

/// What there is to send, in the order in which it counts: what the other end waits for, then bytes, then
/// how they end.
fn send(state: &mut State, out: &mut Vec<u8>) {
    while let Some(frame) = state.incoming.next_frame() {
        encode(frame, out);
    }
    while out.len() < SEND_BYTES {
        let count = state.outgoing.sendable().min(DATA_BYTES_MAX);
        if count == 0 {
            break;
        }
        encode_data(count, out);
        state.outgoing.take(count, out);
    }
    while let Some(frame) = state.outgoing.next_frame() {
        encode(frame, out);
    }
}
