//! What one connection holds and the rules by which calls change it: its streams, those that nobody has
//! taken yet, and how it ended. It knows neither locks nor names.

use std::collections::{BTreeMap, VecDeque};
use std::task::{Context, Poll, Waker};

use igor_core::transport::{CloseCode, ProtocolId};

use crate::flow::{Flow, Over};
use crate::waiting::Waiting;

/// Which end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Dialler,
    Listener,
}

impl End {
    pub(crate) const fn other(self) -> Self {
        match self {
            Self::Dialler => Self::Listener,
            Self::Listener => Self::Dialler,
        }
    }
}

/// One of something for each end.
#[derive(Default)]
pub(crate) struct Pair<T> {
    dialler: T,
    listener: T,
}

impl<T> Pair<T> {
    pub(crate) fn of(&mut self, end: End) -> &mut T {
        match end {
            End::Dialler => &mut self.dialler,
            End::Listener => &mut self.listener,
        }
    }
}

/// What a call finds out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gone {
    /// The stream is over.
    Stream(Over),
    /// The connection is.
    Connection(Over),
}

/// One end's part of a connection.
#[derive(Default)]
struct Side {
    /// Streams that it opened and that are not over.
    open: usize,
    /// Streams that the other opened and it has not taken.
    arrived: VecDeque<(u64, ProtocolId)>,
    /// What it holds: the connection, and halves of streams.
    held: usize,
    opening: Waiting,
    accepting: Waiting,
}

struct StreamState {
    opener: End,
    /// Whether the other end has taken it.
    taken: bool,
    /// Whether its opener may open another in its place.
    over: bool,
    /// By the end that writes.
    flows: Pair<Flow>,
    /// Halves that are held or will be.
    halves: usize,
}

/// A connection.
pub(crate) struct State {
    streams_max: usize,
    buffer_bytes: usize,
    closed: Option<(End, CloseCode)>,
    sides: Pair<Side>,
    streams: BTreeMap<u64, StreamState>,
    next: u64,
    /// Who is to be woken once the lock is released.
    pub(crate) awake: Vec<Waker>,
}

impl State {
    pub(crate) fn new(streams_max: usize, buffer_bytes: usize) -> Self {
        Self {
            streams_max,
            buffer_bytes,
            closed: None,
            sides: Pair::default(),
            streams: BTreeMap::new(),
            next: 0,
            awake: Vec::new(),
        }
    }

    /// Why `end` can do nothing more.
    fn gone(&self, end: End) -> Result<(), Gone> {
        match self.closed {
            None => Ok(()),
            Some((by, _)) if by == end => Err(Gone::Connection(Over::Here)),
            Some((_, code)) => Err(Gone::Connection(Over::There(code))),
        }
    }

    /// Whether `end` itself closed; then it reads nothing more either.
    fn left(&self, end: End) -> Result<(), Gone> {
        match self.closed {
            Some((by, _)) if by == end => Err(Gone::Connection(Over::Here)),
            _ => Ok(()),
        }
    }

    pub(crate) fn poll_open(
        &mut self,
        end: End,
        protocol: &ProtocolId,
        context: &Context<'_>,
    ) -> Poll<Result<u64, Gone>> {
        if let Err(gone) = self.gone(end) {
            return Poll::Ready(Err(gone));
        }
        let side = self.sides.of(end);
        if side.open >= self.streams_max {
            side.opening.add(context);
            return Poll::Pending;
        }
        side.open += 1;
        side.held += 2;
        let id = self.next;
        self.next += 1;
        let flows = Pair::default();
        let stream = StreamState { opener: end, taken: false, over: false, flows, halves: 4 };
        self.streams.insert(id, stream);
        let peer = self.sides.of(end.other());
        peer.arrived.push_back((id, protocol.clone()));
        peer.accepting.wake(&mut self.awake);
        Poll::Ready(Ok(id))
    }

    pub(crate) fn poll_accept(
        &mut self,
        end: End,
        context: &Context<'_>,
    ) -> Poll<Result<(u64, ProtocolId), Gone>> {
        if let Err(gone) = self.left(end) {
            return Poll::Ready(Err(gone));
        }
        let side = self.sides.of(end);
        if let Some((id, protocol)) = side.arrived.pop_front() {
            side.held += 2;
            if let Some(stream) = self.streams.get_mut(&id) {
                stream.taken = true;
            }
            self.settle(id);
            return Poll::Ready(Ok((id, protocol)));
        }
        if let Err(gone) = self.gone(end) {
            return Poll::Ready(Err(gone));
        }
        self.sides.of(end).accepting.add(context);
        Poll::Pending
    }

    pub(crate) fn poll_read(
        &mut self,
        end: End,
        id: u64,
        buffer: &mut [u8],
        context: &Context<'_>,
    ) -> Poll<Result<usize, Gone>> {
        if let Err(gone) = self.left(end) {
            return Poll::Ready(Err(gone));
        }
        let Some(stream) = self.streams.get_mut(&id) else {
            return Poll::Ready(Err(Gone::Stream(Over::Here)));
        };
        let flow = stream.flows.of(end.other());
        let read = flow.poll_read(context, buffer, &mut self.awake).map_err(Gone::Stream);
        self.settle(id);
        match (read, self.gone(end)) {
            (Poll::Pending, Err(gone)) => Poll::Ready(Err(gone)),
            (read, _) => read,
        }
    }

    pub(crate) fn poll_write(
        &mut self,
        end: End,
        id: u64,
        bytes: &[u8],
        context: &Context<'_>,
    ) -> Poll<Result<usize, Gone>> {
        if let Err(gone) = self.gone(end) {
            return Poll::Ready(Err(gone));
        }
        let capacity = self.buffer_bytes;
        match self.streams.get_mut(&id) {
            None => Poll::Ready(Err(Gone::Stream(Over::Here))),
            Some(stream) => {
                let flow = stream.flows.of(end);
                flow.poll_write(context, bytes, capacity, &mut self.awake).map_err(Gone::Stream)
            }
        }
    }

    pub(crate) fn finish(&mut self, end: End, id: u64) -> Result<(), Gone> {
        self.gone(end)?;
        let stream = self.streams.get_mut(&id).ok_or(Gone::Stream(Over::Here))?;
        stream.flows.of(end).finish(&mut self.awake).map_err(Gone::Stream)
    }

    pub(crate) fn delivered(&mut self, end: End, id: u64) -> Result<(), Gone> {
        let stream = self.streams.get_mut(&id).ok_or(Gone::Stream(Over::Here))?;
        let delivered = stream.flows.of(end).delivered().map_err(Gone::Stream);
        if delivered.is_err() { self.gone(end).and(delivered) } else { delivered }
    }

    /// Abandons what `end` writes.
    pub(crate) fn reset(&mut self, end: End, id: u64, code: CloseCode) {
        if let Some(stream) = self.streams.get_mut(&id) {
            stream.flows.of(end).reset(code, &mut self.awake);
        }
        self.settle(id);
    }

    /// Abandons what `end` reads.
    pub(crate) fn stop(&mut self, end: End, id: u64, code: CloseCode) {
        if let Some(stream) = self.streams.get_mut(&id) {
            stream.flows.of(end.other()).stop(code, &mut self.awake);
        }
        self.settle(id);
    }

    pub(crate) fn close(&mut self, by: End, code: CloseCode) {
        if self.closed.is_some() {
            return;
        }
        self.closed = Some((by, code));
        for end in [End::Dialler, End::Listener] {
            let side = self.sides.of(end);
            side.opening.wake(&mut self.awake);
            side.accepting.wake(&mut self.awake);
            for stream in self.streams.values_mut() {
                stream.flows.of(end).wake(&mut self.awake);
            }
        }
    }

    /// Whether it is closed.
    pub(crate) const fn is_closed(&self) -> bool {
        self.closed.is_some()
    }

    /// `end` takes the connection itself into its hands.
    pub(crate) fn hold(&mut self, end: End) {
        self.sides.of(end).held += 1;
    }

    /// `end` lets go of a half of a stream.
    pub(crate) fn drop_half(&mut self, end: End, id: u64) {
        if let Some(stream) = self.streams.get_mut(&id) {
            stream.halves = stream.halves.saturating_sub(1);
            if stream.halves == 0 {
                self.streams.remove(&id);
            }
        }
        self.release(end);
    }

    /// `end` lets go of one thing that it held; of the last, and it has closed the connection.
    pub(crate) fn release(&mut self, end: End) {
        let side = self.sides.of(end);
        side.held = side.held.saturating_sub(1);
        if side.held == 0 {
            self.close(end, CloseCode::default());
        }
    }

    /// Gives the opener of a stream its place back once, when both directions are over. One that nobody
    /// has taken keeps its place: those that wait to be taken are bounded by it.
    fn settle(&mut self, id: u64) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        let over = stream.taken
            && stream.flows.of(End::Dialler).is_over()
            && stream.flows.of(End::Listener).is_over();
        if over && !stream.over {
            stream.over = true;
            let side = self.sides.of(stream.opener);
            side.open = side.open.saturating_sub(1);
            side.opening.wake(&mut self.awake);
        }
    }
}
