//! That the transport needs nothing but somebody who polls: no runtime, no second thread.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use igor_core::format::NodeKey;
use igor_core::transport::{CloseCode, ProtocolId, TransportError};
use igor_core::{Limits, Transport};
use igor_transport_memory::{MemoryTransport, Network};
use pollster::block_on;

fn node(network: &Network, seed: u8) -> MemoryTransport {
    MemoryTransport::new(network, &NodeKey::from_seed(&[seed; 32]), 4, &Limits::default())
}

/// What a future is after one poll.
fn poll_once<T>(future: impl Future<Output = T>) -> Poll<T> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn everything_that_can_be_done_is_done_in_one_poll() {
    let network = Network::new();
    let (one, other) = (node(&network, 1), node(&network, 2));
    let listener = block_on(other.listen(&other.any_address())).unwrap();
    let address = listener.addresses().remove(0);
    let Poll::Ready(Ok(dialled)) = poll_once(one.connect(&address)) else { panic!("it waits") };
    let Poll::Ready(Ok(accepted)) = poll_once(listener.accept()) else { panic!("it waits") };
    assert_eq!((dialled.peer(), accepted.peer()), (other.local(), one.local()));

    let ping = ProtocolId::new("ping").unwrap();
    let Poll::Ready(Ok(mut stream)) = poll_once(dialled.open(&ping)) else { panic!("it waits") };
    let Poll::Ready(Ok((name, mut taken))) = poll_once(accepted.accept()) else {
        panic!("it waits")
    };
    assert_eq!(name, ping);
    assert!(matches!(poll_once(stream.writer.write(b"12345")), Poll::Ready(Ok(4))));
    assert!(poll_once(stream.writer.write(b"5")).is_pending());
    let mut buffer = [0; 8];
    assert!(matches!(poll_once(taken.reader.read(&mut buffer)), Poll::Ready(Ok(4))));
    assert_eq!(buffer, *b"1234\0\0\0\0");
    assert!(poll_once(taken.reader.read(&mut buffer)).is_pending());
    assert!(matches!(poll_once(stream.writer.write(b"5")), Poll::Ready(Ok(1))));
    let Poll::Ready(()) = poll_once(dialled.close(CloseCode(7))) else { panic!("it waits") };
    assert!(matches!(poll_once(taken.reader.read(&mut buffer)), Poll::Ready(Ok(1))));
    let closed = poll_once(taken.reader.read(&mut buffer));
    let code = CloseCode(7);
    assert!(
        matches!(closed, Poll::Ready(Err(TransportError::Closed { code: c, .. })) if c == code)
    );
}

#[test]
fn networks_are_apart() {
    let other = node(&Network::new(), 2);
    let listener = block_on(other.listen(&other.any_address())).unwrap();
    let address = listener.addresses().remove(0);
    let error = block_on(node(&Network::new(), 1).connect(&address)).err().unwrap();
    assert!(matches!(error, TransportError::Io { .. }), "{error}");
}

#[test]
fn a_name_is_taken_once() {
    let network = Network::new();
    let (one, other) = (node(&network, 1), node(&network, 2));
    let listener = block_on(one.listen(&one.any_address())).unwrap();
    let address = listener.addresses().remove(0).0;
    let bare = igor_core::transport::Address(address.split('#').next().unwrap().to_owned());
    assert!(matches!(block_on(other.listen(&bare)), Err(TransportError::Io { .. })));
    drop(listener);
    block_on(other.listen(&bare)).unwrap();
}
