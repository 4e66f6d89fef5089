//! What everything about one connection shares: why it ended, what its handler is asked for, and the streams
//! that arrived. It moves no bytes.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use igor_core::transport::{Admitted, CloseCode, NodeId, ProtocolId, TransportError};
use libp2p_swarm::{Stream, StreamProtocol};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{Semaphore, oneshot, watch};

use crate::pipe::Pipe;

/// Why a connection is no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ending {
    /// This end closed it, to say so with a code.
    Left(CloseCode),
    /// The other end closed it.
    Closed(CloseCode),
    /// The network failed, or the other end is gone.
    Lost(String),
    /// Nothing was heard in time.
    Silent,
}

impl Ending {
    /// What that means to a caller.
    pub(crate) fn error(&self, attempt: &str) -> TransportError {
        let attempt = attempt.to_owned();
        match self {
            Self::Left(_) => TransportError::Ended { attempt },
            Self::Closed(code) => TransportError::Closed { attempt, code: *code },
            Self::Lost(problem) => {
                TransportError::Io { attempt, source: io::Error::other(problem.clone()) }
            }
            Self::Silent => TransportError::TimedOut { attempt },
        }
    }
}

/// Why a stream could not be opened.
#[derive(Debug)]
pub(crate) enum NotOpened {
    /// The other end does not know the protocol.
    Unknown,
    /// It took too long.
    Slow,
    /// The connection is gone or going.
    Gone(String),
}

/// What a connection's handler is asked for.
#[derive(Debug)]
pub(crate) enum Want {
    /// A stream for a protocol.
    Stream(StreamProtocol, oneshot::Sender<Result<Stream, NotOpened>>),
    /// That it ends by itself when nobody has a stream on it.
    Idle,
    /// The end of the connection.
    HangUp,
}

/// A stream that the other end opened.
pub(crate) struct Arrival {
    pub(crate) protocol: ProtocolId,
    pub(crate) pipe: Arc<Pipe>,
}

/// How far a connection is.
#[derive(Debug, Clone, Default)]
struct Stage {
    ending: Option<Ending>,
    /// Nothing of it is left.
    over: bool,
}

/// One connection.
pub(crate) struct Link {
    peer: NodeId,
    stage: watch::Sender<Stage>,
    wants: UnboundedSender<Want>,
    arrivals: UnboundedSender<Arrival>,
    /// Streams of the other end that there may be here.
    pub(crate) slots: Arc<Semaphore>,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    /// The place among the connections that are counted.
    admitted: Option<Admitted>,
    /// Somebody says goodbye before the connection is hung up.
    has_control: bool,
}

/// A connection and what there is one reader of.
pub(crate) struct NewLink {
    pub(crate) link: Arc<Link>,
    pub(crate) wants: UnboundedReceiver<Want>,
    pub(crate) arrivals: UnboundedReceiver<Arrival>,
}

impl Link {
    /// A connection with `peer`, which may have up to `slots` streams of its own here.
    pub(crate) fn begin(peer: NodeId, slots: usize) -> NewLink {
        let (wants, wants_receiver) = unbounded_channel();
        // As many as there are slots.
        let (arrivals, arrivals_receiver) = unbounded_channel();
        let link = Self {
            peer,
            stage: watch::Sender::default(),
            wants,
            arrivals,
            slots: Arc::new(Semaphore::new(slots.min(Semaphore::MAX_PERMITS))),
            held: Mutex::default(),
        };
        NewLink { link: Arc::new(link), wants: wants_receiver, arrivals: arrivals_receiver }
    }

    /// With whom.
    pub(crate) const fn peer(&self) -> NodeId {
        self.peer
    }

    /// Why it ended, if it did.
    pub(crate) fn ending(&self) -> Option<Ending> {
        self.stage.borrow().ending.clone()
    }

    /// Whether this end closed it.
    pub(crate) fn is_left(&self) -> bool {
        matches!(self.stage.borrow().ending, Some(Ending::Left(_)))
    }

    /// Waits until it has ended.
    pub(crate) async fn ended(&self) -> Ending {
        let mut stage = self.stage.subscribe();
        let ended = stage.wait_for(|stage| stage.ending.is_some()).await;
        let ending = ended.ok().and_then(|stage| stage.ending.clone());
        ending.unwrap_or(Ending::Left(CloseCode::default()))
    }

    /// Waits until nothing of it is left.
    pub(crate) async fn over(&self) {
        let mut stage = self.stage.subscribe();
        // The sender is here, so there is no other outcome.
        drop(stage.wait_for(|stage| stage.over).await);
    }

    /// It has ended; the first reason counts. Its place is free.
    pub(crate) fn end(&self, ending: Ending) {
        self.stage.send_if_modified(|stage| {
            let first = stage.ending.is_none();
            if first {
                stage.ending = Some(ending);
            }
            first
        });
        self.held().admitted = None;
    }

    /// This end closes it.
    pub(crate) fn leave(&self, code: CloseCode) {
        self.end(Ending::Left(code));
        if !self.held().has_control {
            self.hang_up();
        }
    }

    /// Nothing of it is left.
    pub(crate) fn end_all(&self, ending: Ending) {
        self.end(ending);
        self.stage.send_modify(|stage| stage.over = true);
    }

    /// Keeps the place that it is counted by until it ends.
    pub(crate) fn admit(&self, admitted: Admitted) {
        let mut held = self.held();
        if self.stage.borrow().ending.is_none() {
            held.admitted = Some(admitted);
        }
    }

    /// From now on, somebody says goodbye before it is hung up.
    pub(crate) fn set_control(&self) {
        self.held().has_control = true;
    }

    /// Has the connection taken down.
    pub(crate) fn hang_up(&self) {
        // Without a handler it is down already.
        self.wants.send(Want::HangUp).unwrap_or_default();
    }

    /// Has the connection end by itself when nobody has a stream on it.
    pub(crate) fn let_idle(&self) {
        self.wants.send(Want::Idle).unwrap_or_default();
    }

    /// Whether somebody says goodbye before it is hung up.
    pub(crate) fn has_control(&self) -> bool {
        self.held().has_control
    }

    /// Opens a stream for `protocol`.
    pub(crate) async fn request(&self, protocol: StreamProtocol) -> Result<Stream, NotOpened> {
        let (reply, opened) = oneshot::channel();
        let gone = || NotOpened::Gone("the connection is gone".to_owned());
        self.wants.send(Want::Stream(protocol, reply)).map_err(|_| gone())?;
        opened.await.unwrap_or_else(|_| Err(gone()))
    }

    /// A stream has arrived.
    pub(crate) fn arrive(&self, arrival: Arrival) {
        // If nobody is there to take it, the connection ends.
        self.arrivals.send(arrival).unwrap_or_default();
    }

    fn held(&self) -> std::sync::MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
