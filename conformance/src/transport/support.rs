//! What most cases begin with: two nodes with a connection, a stream on it, and the ways to wait.

use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use igor_core::transport::{
    Address, CloseCode, Connection, Listener, ProtocolId, ReadHalf, Stream, TransportError,
};
use igor_core::{Limits, Transport};
use tokio::time::{interval, timeout};

use super::TransportFixture;

/// How long nothing must happen where nothing may.
const QUIET: Duration = Duration::from_millis(150);
/// Between two looks at something that must come soon.
const LOOK: Duration = Duration::from_millis(2);
/// Looks until it counts as not coming.
const LOOKS: usize = 10_000;

/// Two nodes, the first of which has dialled the second.
pub(super) struct Pair {
    pub(super) one: Arc<dyn Transport>,
    pub(super) other: Arc<dyn Transport>,
    pub(super) listener: Box<dyn Listener>,
    pub(super) dialled: Arc<dyn Connection>,
    pub(super) accepted: Arc<dyn Connection>,
}

impl Pair {
    pub(super) async fn new(fixture: &dyn TransportFixture) -> Self {
        Self::with(fixture, &Limits::default()).await
    }

    /// Both under `limits`.
    pub(super) async fn with(fixture: &dyn TransportFixture, limits: &Limits) -> Self {
        let (one, other) = (fixture.node(1, limits), fixture.node(2, limits));
        let listener = listen(&*other).await;
        let (dialled, accepted) = meet(&*one, &*listener).await;
        Self { one, other, listener, dialled, accepted }
    }

    /// The address of the node that listens.
    pub(super) fn address(&self) -> Address {
        address(&*self.listener)
    }

    /// A stream from the dialler, as both ends see it.
    pub(super) async fn stream(&self) -> (Stream, Stream) {
        stream(&*self.dialled, &*self.accepted).await
    }
}

/// Runs a case.
pub(super) fn run<'a>(fixture: &'a dyn TransportFixture, case: impl Future<Output = ()> + 'a) {
    fixture.run(Box::pin(case));
}

pub(super) fn protocol(name: &str) -> ProtocolId {
    ProtocolId::new(name).expect("the suite's names are names")
}

pub(super) async fn listen(node: &dyn Transport) -> Box<dyn Listener> {
    let address = node.any_address();
    let listener = node.listen(&address).await;
    listener.unwrap_or_else(|error| panic!("listen at {address}: {error}"))
}

pub(super) fn address(listener: &dyn Listener) -> Address {
    listener.addresses().into_iter().next().expect("a listener has an address")
}

/// Connects `node` to `listener`.
pub(super) async fn meet(
    node: &dyn Transport,
    listener: &dyn Listener,
) -> (Arc<dyn Connection>, Arc<dyn Connection>) {
    let address = address(listener);
    let (dialled, accepted) = tokio::join!(node.connect(&address), listener.accept());
    let dialled = dialled.unwrap_or_else(|error| panic!("connect to {address}: {error}"));
    (dialled, accepted.unwrap_or_else(|error| panic!("accept at {address}: {error}")))
}

/// Opens a stream from `one` to `other`.
pub(super) async fn stream(one: &dyn Connection, other: &dyn Connection) -> (Stream, Stream) {
    let name = protocol("/suite/1");
    let (opened, accepted) = tokio::join!(one.open(&name), other.accept());
    let (found, accepted) = accepted.expect("a stream is accepted");
    assert_eq!(found, name);
    (opened.expect("a stream is opened"), accepted)
}

/// Everything until the end.
pub(super) async fn read_all(reader: &mut dyn ReadHalf) -> Result<Vec<u8>, TransportError> {
    let (mut all, mut buffer) = (Vec::new(), vec![0; 64 << 10]);
    loop {
        match reader.read(&mut buffer).await? {
            0 => return Ok(all),
            count => all.extend_from_slice(&buffer[..count]),
        }
    }
}

/// Exactly `count` bytes.
pub(super) async fn read_exactly(reader: &mut dyn ReadHalf, count: usize) -> Vec<u8> {
    let mut all = vec![0; count];
    let mut filled = 0;
    while filled < count {
        match reader.read(&mut all[filled..]).await.expect("the stream goes on") {
            0 => panic!("the stream ended after {filled} bytes of {count}"),
            more => filled += more,
        }
    }
    all
}

/// Sends `bytes` on a stream from `from`, and what arrives comes back on it.
pub(super) async fn echo(from: &dyn Connection, to: &dyn Connection, bytes: &[u8]) -> Vec<u8> {
    let (mut near, mut far) = stream(from, to).await;
    let there = async {
        let all = read_all(&mut *far.reader).await.expect("what was sent arrives");
        far.writer.write_all(&all).await.expect("it can be answered");
        far.writer.finish().expect("it can be finished");
    };
    let here = async {
        near.writer.write_all(bytes).await.expect("it can be sent");
        near.writer.finish().expect("it can be finished");
        read_all(&mut *near.reader).await.expect("the answer arrives")
    };
    tokio::join!(there, here).1
}

/// That the connection carries streams in both directions.
pub(super) async fn assert_works(one: &dyn Connection, other: &dyn Connection) {
    assert_eq!(echo(one, other, b"there").await, b"there");
    assert_eq!(echo(other, one, b"and back").await, b"and back");
}

/// What the future gives, unless nothing happens for a while.
pub(super) async fn quiet<T>(future: impl Future<Output = T>) -> Option<T> {
    timeout(QUIET, future).await.ok()
}

/// Looks again and again until there is something.
pub(super) async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let mut ticks = interval(LOOK);
    for _ in 0..LOOKS {
        if let Some(found) = look().await {
            return found;
        }
        ticks.tick().await;
    }
    panic!("{what} does not come about");
}

/// Polls the future up to `polls` times and drops it, unless it is done before.
pub(super) async fn cut<T>(polls: usize, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    let mut left = polls;
    std::future::poll_fn(move |context| match future.as_mut().poll(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => {
            left = left.saturating_sub(1);
            if left == 0 { Poll::Ready(None) } else { Poll::Pending }
        }
    })
    .await
}

/// The code with which the peer closed the connection, if that is why something failed.
pub(super) fn closed<T>(result: Result<T, TransportError>) -> Option<CloseCode> {
    match result {
        Err(TransportError::Closed { code, .. }) => Some(code),
        _ => None,
    }
}

/// The code with which the peer abandoned the stream, if that is why something failed.
pub(super) fn reset<T>(result: Result<T, TransportError>) -> Option<CloseCode> {
    match result {
        Err(TransportError::Reset { code, .. }) => Some(code),
        _ => None,
    }
}

/// Whether something failed because it is over at this end.
pub(super) fn ended<T>(result: Result<T, TransportError>) -> bool {
    matches!(result, Err(TransportError::Ended { .. }))
}
