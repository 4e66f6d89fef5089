//! Programs that are no nodes of this kind, and speak the protocols that they may: their streams carry nothing
//! but their bytes.

use std::time::Duration;

use futures::io::{AsyncReadExt, AsyncWriteExt};
use igor_core::Limits;
use igor_core::transport::{CloseCode, ProtocolId, Transport, TransportError};
use tokio::time::timeout;

use super::raw::Raw;
use super::{Host, impatient, soon};

const PLAIN: [&str; 3] = ["/igor/ping/1.0.0", "/igor/price/1.0.0", "/igor/migrate/1.0.0"];

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_is_let_in_by_what_it_asks_for() {
    let host = Host::new(&Limits::default()).await;
    for protocol in PLAIN {
        let raw = Raw::dial(2, host.at).await;
        let mut near = raw.ask(protocol).await.unwrap();
        let accepted = host.accept().await;
        let (found, mut far) = soon(accepted.accept()).await.unwrap();
        assert_eq!(found.as_str(), protocol);
        near.write_all(b"ping").await.unwrap();
        near.close().await.unwrap();
        let mut asked = [0; 9];
        assert_eq!(soon(far.reader.read(&mut asked)).await.unwrap(), 4);
        assert_eq!(&asked[..4], b"ping");
        assert_eq!(soon(far.reader.read(&mut asked)).await.unwrap(), 0);
        far.writer.write_all(b"pong").await.unwrap();
        far.writer.finish().unwrap();
        soon(far.writer.delivered()).await.unwrap();
        drop(far);
        let mut answer = Vec::new();
        soon(near.read_to_end(&mut answer)).await.unwrap();
        assert_eq!(answer, b"pong");
        drop((near, raw));
        let ended = soon(accepted.accept()).await.map(|_| ());
        let Err(TransportError::Closed { code, .. }) = ended else { panic!("{ended:?}") };
        assert_eq!(code, CloseCode(0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_else_is_known() {
    let host = Host::new(&Limits::default()).await;
    let raw = Raw::dial(2, host.at).await;
    for protocol in ["/igor/ping/2.0.0", "/igor/handoff/1", "/ipfs/id/1.0.0", "/ipfs/kad/1.0.0"] {
        assert!(raw.ask(protocol).await.is_none(), "{protocol} is known");
    }
    drop(raw);
    host.assert_serves(100).await;
}

/// By the same rules as nodes.
#[tokio::test(flavor = "multi_thread")]
async fn strangers_are_counted() {
    let host = Host::new(&Limits { connections_per_peer_max: 1, ..impatient() }).await;
    let first = Raw::dial(2, host.at).await;
    let _ping = first.ask(PLAIN[0]).await.unwrap();
    let _accepted = host.accept().await;
    let second = Raw::dial(2, host.at).await;
    let _other = second.ask(PLAIN[0]).await.unwrap();
    second.hung_up().await;
    host.assert_serves(100).await;
}

/// It cannot say that it is there, so that it keeps its place only as long as it asks for something.
#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_that_asks_nothing_more_is_hung_up() {
    let host = Host::new(&Limits { silence_ns_max: 200_000_000, ..Limits::default() }).await;
    let raw = Raw::dial(2, host.at).await;
    let near = raw.ask(PLAIN[0]).await.unwrap();
    let accepted = host.accept().await;
    let stream = soon(accepted.accept()).await.unwrap();
    let waiting = timeout(Duration::from_millis(700), accepted.accept()).await;
    assert!(waiting.is_err(), "it was hung up with a stream open");
    drop((near, stream));
    let ended = soon(accepted.accept()).await.map(|_| ());
    assert!(matches!(ended, Err(TransportError::TimedOut { .. })), "{ended:?}");
    raw.hung_up().await;
}

/// Half a stream without words for it: nothing is taken for finished that is not.
#[tokio::test(flavor = "multi_thread")]
async fn an_abandoned_plain_stream_is_no_finished_one() {
    let host = Host::new(&Limits::default()).await;
    let raw = Raw::dial(2, host.at).await;
    let mut near = raw.ask(PLAIN[2]).await.unwrap();
    let accepted = host.accept().await;
    let (_, mut far) = soon(accepted.accept()).await.unwrap();
    near.write_all(b"half a sen").await.unwrap();
    near.flush().await.unwrap();
    let mut heard = [0; 10];
    let mut filled = 0;
    while filled < 10 {
        filled += soon(far.reader.read(&mut heard[filled..])).await.unwrap();
    }
    drop(near);
    let end = soon(far.reader.read(&mut heard)).await;
    let Err(TransportError::Reset { code, .. }) = end else { panic!("{end:?}") };
    assert_eq!(code, CloseCode(0));
}

/// Bytes wait at the sender while nobody reads.
#[tokio::test(flavor = "multi_thread")]
async fn a_plain_stream_holds_little() {
    let host = Host::new(&Limits::default()).await;
    let raw = Raw::dial(2, host.at).await;
    let mut near = raw.ask(PLAIN[2]).await.unwrap();
    let accepted = host.accept().await;
    let (_, mut far) = soon(accepted.accept()).await.unwrap();
    let (mut sent, chunk) = (0_usize, vec![7; 16 << 10]);
    while let Ok(count) = timeout(Duration::from_millis(300), near.write(&chunk)).await {
        sent += count.unwrap();
        assert!(sent <= 1 << 20, "{sent} bytes are taken, and nobody reads");
    }
    let reading = async {
        let (mut read, mut buffer) = (0, vec![0; 64 << 10]);
        loop {
            match far.reader.read(&mut buffer).await.unwrap() {
                0 => return read,
                count => read += count,
            }
        }
    };
    let (read, closed) = tokio::join!(soon(reading), near.close());
    closed.unwrap();
    assert_eq!(read, sent);
}

/// A listener that knows nothing of connections between nodes can be asked what it knows.
#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_can_be_dialled() {
    let stranger = super::raw::Stranger::listen(9).await;
    let node = super::node(1, &Limits::default());
    let connection = soon(node.connect(&stranger.address)).await.unwrap();
    let plain = ProtocolId::new(PLAIN[0]).unwrap();
    let mut stream = soon(connection.open(&plain)).await.unwrap();
    stream.writer.write_all(b"ping").await.unwrap();
    stream.writer.finish().unwrap();
    let (mut answer, mut filled) = ([0; 16], 0);
    while let count @ 1.. = soon(stream.reader.read(&mut answer[filled..])).await.unwrap() {
        filled += count;
    }
    assert_eq!(&answer[..filled], b"ping");
    let other = ProtocolId::new("/igor/handoff/1").unwrap();
    let refused = soon(connection.open(&other)).await.map(|_| ());
    assert!(matches!(refused, Err(TransportError::Refused { .. })), "{refused:?}");
}
