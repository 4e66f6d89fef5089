//! Two nodes with a connection within one process, whose clock is virtual, and what the tests say to each
//! other.

use std::sync::Arc;
use std::time::Duration;

use igor_core::format::{Message, NodeKey, Reason, RefusalCode, TransferId};
use igor_core::transport::{CloseCode, Connection, ProtocolId, Stream, TransportError};
use igor_core::{Limits, Transport};
use igor_node::shell::wire::{Wire, WireError};
use igor_node::wire::{Close, frame};
use igor_transport_memory::{MemoryTransport, Network};
use tokio::runtime::Builder;
use tokio::time::{Instant, advance};

/// Bytes that one direction of a stream holds.
pub(crate) const BUFFER_BYTES: usize = 64 << 10;

/// Runs a test under a clock of its own.
pub(crate) fn run(test: impl Future<Output = ()>) {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("it needs nothing").block_on(test);
}

/// Two ends of a connection.
pub(crate) struct Pair {
    /// The end that a test plays.
    pub(crate) peer: Arc<dyn Connection>,
    /// The end whose code is tested.
    pub(crate) node: Arc<dyn Connection>,
}

impl Pair {
    pub(crate) async fn new() -> Self {
        let (network, limits) = (Network::new(), Limits::default());
        let node = |seed| {
            let key = NodeKey::from_seed(&[seed; 32]);
            MemoryTransport::new(&network, &key, BUFFER_BYTES, &limits)
        };
        let (one, other) = (node(1), node(2));
        let listener = other.listen(&other.any_address()).await.expect("the place is free");
        let address = listener.addresses().remove(0);
        let (peer, node) = tokio::join!(one.connect(&address), listener.accept());
        Self { peer: peer.expect("it listens"), node: node.expect("it is dialled") }
    }

    /// A stream that the peer opens: raw at its end, with messages at the node's.
    pub(crate) async fn wire(&self, limits: &Limits) -> (Stream, Wire) {
        let (stream, accepted) = self.stream("/igor/handoff/1").await;
        (stream, Wire::new(accepted, limits))
    }

    /// A stream that the peer opens.
    pub(crate) async fn stream(&self, name: &str) -> (Stream, Stream) {
        let protocol = ProtocolId::new(name).expect("it is a name");
        let (opened, accepted) = tokio::join!(self.peer.open(&protocol), self.node.accept());
        let (found, accepted) = accepted.expect("it is opened");
        assert_eq!(found, protocol);
        (opened.expect("it is accepted"), accepted)
    }
}

/// A message whose bytes differ from those of others by `text`.
pub(crate) fn message(text: &str) -> Message {
    let transfer = TransferId::from_bytes([7; 16]);
    Message::NotReady { transfer, code: RefusalCode::Busy, reason: Reason::new(text) }
}

/// A message of which every length is possible up to the limit of a frame.
pub(crate) fn framed(message: &Message) -> Vec<u8> {
    frame(message, u64::MAX).expect("there is no limit")
}

/// Lets time pass, and everybody else do something in between.
pub(crate) async fn pass(time: Duration) {
    tokio::time::sleep(time).await;
}

/// What a future gives, and how long that took.
pub(crate) async fn timed<T>(future: impl Future<Output = T>) -> (T, Duration) {
    let begun = Instant::now();
    let value = future.await;
    (value, begun.elapsed())
}

/// That the reading end of `stream` was abandoned with this code, as its writer hears it.
pub(crate) async fn assert_stopped(stream: &mut Stream, close: Close) {
    let mut heard = None;
    for _ in 0..100 {
        match stream.writer.write(b"x").await {
            Ok(_) => advance(Duration::from_millis(1)).await,
            Err(TransportError::Reset { code, .. }) => {
                heard = Some(code);
                break;
            }
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(heard, Some(close.code()));
}

/// The code with which the peer abandoned the stream.
pub(crate) fn reset<T>(result: Result<T, WireError>) -> Option<CloseCode> {
    match result {
        Err(WireError::Transport(TransportError::Reset { code, .. })) => Some(code),
        _ => None,
    }
}

/// What took too long, and how long it may have taken.
pub(crate) fn too_slow<T>(result: Result<T, WireError>) -> Option<(&'static str, Duration)> {
    match result {
        Err(error @ WireError::TooSlow { what, limit }) => {
            assert_eq!(error.close(), Close::TooSlow);
            Some((what, limit))
        }
        _ => None,
    }
}
