//! Peers that are let in and then misbehave on streams between nodes.

use std::sync::Arc;
use std::time::Duration;

use futures::io::{AsyncReadExt, AsyncWriteExt};
use igor_core::Limits;
use igor_core::transport::{CloseCode, Connection, ReadHalf, TransportError};
use libp2p_core::muxing::SubstreamBox;
use tokio::time::{interval, timeout};

use super::raw::{Raw, STREAM};
use super::{Host, impatient, soon};

/// What a stream may carry ahead of its reader.
const WINDOW: u32 = 256 << 10;

/// A stranger that was let in.
struct Guest {
    host: Host,
    near: Raw,
    _control: SubstreamBox,
    far: Arc<dyn Connection>,
}

impl Guest {
    async fn new(limits: &Limits) -> Self {
        let host = Host::new(limits).await;
        let (near, control) = Raw::admitted(2, host.at).await;
        let far = host.accept().await;
        Self { host, near, _control: control, far }
    }

    async fn stream(&self, opening: &[u8]) -> SubstreamBox {
        let mut stream = self.near.ask(STREAM).await.unwrap();
        // That there is no room for it is as good.
        stream.write_all(opening).await.unwrap_or_default();
        stream.flush().await.unwrap_or_default();
        stream
    }

    /// That a stream with a name arrives, and is the first to.
    async fn assert_next(&self, name: &str) -> SubstreamBox {
        let length = u8::try_from(name.len()).unwrap();
        let stream = self.stream(&[&[length], name.as_bytes()].concat()).await;
        let (found, _stream) = soon(self.far.accept()).await.unwrap();
        assert_eq!(found.as_str(), name);
        stream
    }
}

/// Waits until the other end lets go of a stream.
async fn let_go(stream: &mut SubstreamBox) {
    let rest = async { while matches!(stream.read(&mut [0; 64]).await, Ok(1..)) {} };
    soon(rest).await;
}

fn data(count: u32) -> Vec<u8> {
    let mut frames = Vec::new();
    let mut left = count;
    while left > 0 {
        let piece = left.min(16 << 10);
        frames.push(0);
        frames.extend(piece.to_le_bytes());
        frames.resize(frames.len() + usize::try_from(piece).unwrap(), 7);
        left -= piece;
    }
    frames
}

/// The error with which reading ends.
async fn end_of(reader: &mut dyn ReadHalf) -> Option<TransportError> {
    let mut buffer = vec![0; 64 << 10];
    loop {
        match soon(reader.read(&mut buffer)).await {
            Ok(0) => return None,
            Ok(_) => {}
            Err(error) => return Some(error),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_without_a_name_is_let_go() {
    let guest = Guest::new(&impatient()).await;
    for opening in [
        &b""[..],
        &[0],
        &[5],
        &[5, b'a', b'b'],
        &[65],
        &[255],
        &[3, b'a', b' ', b'b'],
        &[2, 0xc3, 0xa9],
        &[4, 0xff, 0xff, 0xff, 0xff],
    ] {
        let mut stream = guest.stream(opening).await;
        let_go(&mut stream).await;
    }
    // None of them was handed on.
    guest.assert_next("/after").await;
    guest.host.assert_serves(100).await;
}

/// A byte now and then is not a name in time.
#[tokio::test(flavor = "multi_thread")]
async fn a_slow_name_is_let_go() {
    let guest = Guest::new(&impatient()).await;
    let mut stream = guest.stream(&[64]).await;
    let mut now_and_then = interval(Duration::from_millis(50));
    let mut written = 0;
    loop {
        now_and_then.tick().await;
        let sent = async {
            stream.write_all(b"x").await?;
            stream.flush().await
        };
        if sent.await.is_err() {
            break;
        }
        written += 1;
        assert!(written < 64, "a name that took seconds was waited for");
    }
    guest.assert_next("/after").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_that_are_none_abandon_the_stream() {
    let guest = Guest::new(&Limits::default()).await;
    let number = |kind: u8, number: u32| [&[kind][..], &number.to_le_bytes()].concat();
    let over = u32::try_from((16 << 10) + 1).unwrap();
    for frames in [
        vec![6],
        vec![255],
        number(0, 0),
        number(0, over),
        number(0, u32::MAX),
        // More may be sent than ever could.
        number(4, 1),
        number(4, u32::MAX),
        // Nothing was finished.
        vec![5],
        // Nothing comes behind a finish or a reset.
        vec![1, 1],
        [vec![1], data(1)].concat(),
        [number(2, 7), data(1)].concat(),
        // More than is taken.
        data(WINDOW + 1),
    ] {
        let mut near = guest.stream(b"\x02/x").await;
        let (_, mut far) = soon(guest.far.accept()).await.unwrap();
        // That it is let go meanwhile is as good.
        near.write_all(&frames).await.unwrap_or_default();
        near.flush().await.unwrap_or_default();
        let_go(&mut near).await;
        let shown = &frames[..frames.len().min(12)];
        match end_of(&mut *far.reader).await {
            // What was finished or abandoned before stays so.
            None => assert_eq!(frames[0], 1, "{shown:?}"),
            Some(TransportError::Reset { code, .. }) => {
                assert!(code == CloseCode(0) || frames[0] == 2, "{shown:?}");
            }
            Some(error) => panic!("{shown:?}: {error}"),
        }
        assert!(soon(far.writer.write_all(&vec![0; 1 << 20])).await.is_err(), "{shown:?}");
    }
    guest.assert_next("/after").await;
    guest.host.assert_serves(100).await;
}

/// While they last, others get through: each name is read on its own.
#[tokio::test(flavor = "multi_thread")]
async fn nameless_streams_do_not_stall_others() {
    let guest = Guest::new(&Limits::default()).await;
    let mut held = Vec::new();
    for _ in 0..10 {
        held.push(guest.stream(&[64]).await);
    }
    guest.assert_next("/others").await;
}

/// Twice the limit's number and a few, and then no more.
#[tokio::test(flavor = "multi_thread")]
async fn a_guest_opens_only_so_many_streams() {
    let guest = Guest::new(&Limits::default()).await;
    let mut held = Vec::new();
    for _ in 0..100 {
        held.push(guest.stream(b"\x02/x").await);
    }
    let mut arrived = Vec::new();
    while let Ok(stream) = timeout(Duration::from_millis(300), guest.far.accept()).await {
        arrived.push(stream.unwrap());
        assert!(arrived.len() <= 40, "{} streams arrive", arrived.len());
    }
    assert!(arrived.len() >= 16, "only {} streams arrive", arrived.len());
    drop((held, arrived));
}

/// Streams that were opened and abandoned at once leave nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_abandoned_streams_leaves_room() {
    let guest = Guest::new(&Limits::default()).await;
    for round in 0..200 {
        let opening: &[u8] = if round % 2 == 0 { b"\x02/x" } else { b"\x40/" };
        drop(guest.stream(opening).await);
    }
    let look = async {
        loop {
            let stream = guest.stream(b"\x06/after").await;
            let found = async {
                loop {
                    if guest.far.accept().await.unwrap().0.as_str() == "/after" {
                        break;
                    }
                }
            };
            if timeout(Duration::from_millis(200), found).await.is_ok() {
                break;
            }
            drop(stream);
        }
    };
    soon(look).await;
    guest.host.assert_serves(100).await;
}

/// Who never reads is not written to without bound.
#[tokio::test(flavor = "multi_thread")]
async fn who_never_reads_makes_the_writer_wait() {
    let guest = Guest::new(&Limits::default()).await;
    let _held = guest.stream(b"\x02/x").await;
    let (_, mut far) = soon(guest.far.accept()).await.unwrap();
    let (mut sent, chunk) = (0, vec![7; 64 << 10]);
    while let Ok(count) = timeout(Duration::from_millis(300), far.writer.write(&chunk)).await {
        sent += count.unwrap();
        assert!(sent <= 1 << 20, "{sent} bytes are taken, and nobody reads");
    }
    guest.host.assert_serves(100).await;
}
