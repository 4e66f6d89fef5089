//! Peers that prove who they are and then misbehave on their streams.

use std::sync::Arc;
use std::time::Duration;

use igor_core::Limits;
use igor_core::transport::Connection;
use quinn::{Endpoint, ReadError, WriteError};
use tokio::time::{interval, timeout};

use super::raw::{endpoint, greet, honest, own};
use super::{Host, impatient, key, soon};

/// A stranger that was let in.
struct Guest {
    host: Host,
    near: quinn::Connection,
    far: Arc<dyn Connection>,
    _endpoint: Endpoint,
}

impl Guest {
    async fn new(limits: &Limits) -> Self {
        let host = Host::new(limits).await;
        let endpoint = endpoint();
        let near = soon(greet(&endpoint, honest(&key(2)), host.at)).await.unwrap();
        let far = host.accept().await;
        Self { host, near, far, _endpoint: endpoint }
    }

    /// That a stream with a name arrives, and is the first to.
    async fn assert_next(&self, name: &str) {
        let (mut writer, _reader) = soon(self.near.open_bi()).await.unwrap();
        writer.write_all(&[u8::try_from(name.len()).unwrap()]).await.unwrap();
        writer.write_all(name.as_bytes()).await.unwrap();
        let (found, _stream) = soon(self.far.accept()).await.unwrap();
        assert_eq!(found.as_str(), name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_without_a_name_is_abandoned() {
    let guest = Guest::new(&impatient()).await;
    let openings = [
        &b""[..],
        &[0],
        &[5],
        &[5, b'a', b'b'],
        &[65],
        &[255],
        &[3, b'a', b' ', b'b'],
        &[2, 0xc3, 0xa9],
        &[4, 0xff, 0xff, 0xff, 0xff],
    ];
    for opening in openings {
        let (mut writer, mut reader) = soon(guest.near.open_bi()).await.unwrap();
        writer.write_all(opening).await.unwrap();
        if opening.is_empty() {
            // Otherwise the stream is not seen at all.
            writer.finish().unwrap();
        }
        let answer = soon(reader.read(&mut [0; 1])).await;
        assert_eq!(answer, Err(ReadError::Reset(own(2))), "{opening:?}");
    }
    // None of them was handed on.
    guest.assert_next("/after").await;
    guest.host.assert_serves(100).await;
}

/// A byte now and then is not a name in time.
#[tokio::test(flavor = "multi_thread")]
async fn a_slow_name_is_abandoned() {
    let guest = Guest::new(&impatient()).await;
    let (mut writer, _reader) = guest.near.open_bi().await.unwrap();
    writer.write_all(&[64]).await.unwrap();
    let mut now_and_then = interval(Duration::from_millis(50));
    let mut written = 0;
    let error = loop {
        now_and_then.tick().await;
        match writer.write_all(b"x").await {
            Ok(()) => written += 1,
            Err(error) => break error,
        }
        assert!(written < 64, "a name that took seconds was waited for");
    };
    assert_eq!(error, WriteError::Stopped(own(2)));
    guest.assert_next("/after").await;
}

/// While they last, others get through: each name is read on its own.
#[tokio::test(flavor = "multi_thread")]
async fn nameless_streams_do_not_stall_others() {
    let guest = Guest::new(&Limits::default()).await;
    let mut held = Vec::new();
    for _ in 0..10 {
        let (mut writer, reader) = guest.near.open_bi().await.unwrap();
        writer.write_all(&[64]).await.unwrap();
        held.push((writer, reader));
    }
    guest.assert_next("/others").await;
}

/// The limit's number and what is allowed beside it, and then no more.
#[tokio::test(flavor = "multi_thread")]
async fn a_guest_opens_only_so_many_streams() {
    let guest = Guest::new(&Limits::default()).await;
    let mut held = Vec::new();
    while let Ok(opened) = timeout(Duration::from_millis(300), guest.near.open_bi()).await {
        let (mut writer, reader) = opened.unwrap();
        writer.write_all(b"\x02/x").await.unwrap();
        held.push((writer, reader));
        assert!(held.len() <= 18, "{} streams are open", held.len());
    }
    assert!(held.len() >= 16, "only {} streams could be opened", held.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_switched_off_cannot_be_used() {
    let guest = Guest::new(&Limits::default()).await;
    let one_way = timeout(Duration::from_millis(300), guest.near.open_uni()).await;
    assert!(one_way.is_err(), "a stream in one direction was opened");
    assert_eq!(guest.near.max_datagram_size(), None, "datagrams are accepted");
}

/// More than is read is not taken, on all streams together.
#[tokio::test(flavor = "multi_thread")]
async fn a_guest_cannot_send_more_than_the_window() {
    let guest = Guest::new(&Limits::default()).await;
    let (mut sent, mut held) = (0, Vec::new());
    let chunk = vec![7; 64 << 10];
    for _ in 0..16 {
        let (mut writer, reader) = soon(guest.near.open_bi()).await.unwrap();
        writer.write_all(b"\x02/x").await.unwrap();
        while let Ok(count) = timeout(Duration::from_millis(100), writer.write(&chunk)).await {
            sent += count.unwrap();
            assert!(sent <= 8 << 20, "{sent} bytes were taken, and nobody reads");
        }
        held.push((writer, reader));
    }
    assert!(sent > 1 << 20, "only {sent} bytes were taken");
}
