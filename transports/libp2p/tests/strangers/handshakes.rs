//! Strangers that do not get through the handshake.

use std::time::Duration;

use tokio::time::interval;

use super::socket::Socket;
use super::{Host, impatient, soon};

#[tokio::test(flavor = "multi_thread")]
async fn who_says_nothing_is_not_waited_for() {
    let host = Host::new(&impatient()).await;
    let mut stream = Socket::connect(host.at).await;
    soon(stream.hung_up()).await;
    host.assert_serves(100).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_says_something_else_is_turned_away() {
    let host = Host::new(&impatient()).await;
    let long = [&[0xff; 64][..], b"\n"].concat();
    let said: [&[u8]; 6] = [
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"\x13/multistream/9.9.9\n",
        &[0; 100],
        &[0xff; 70_000],
        &long,
    ];
    for bytes in said {
        let mut stream = Socket::connect(host.at).await;
        // That it hangs up meanwhile is as good.
        stream.write_all(bytes).await.unwrap_or_default();
        soon(stream.hung_up()).await;
    }
    host.assert_serves(100).await;
}

/// A byte now and then is no handshake in time.
#[tokio::test(flavor = "multi_thread")]
async fn a_slow_handshake_is_not_waited_for() {
    let host = Host::new(&impatient()).await;
    let mut stream = Socket::connect(host.at).await;
    let mut now_and_then = interval(Duration::from_millis(50));
    let mut written = 0;
    for byte in b"\x13/multistream/1.0.0\n\x07/noise\n".iter().cycle() {
        now_and_then.tick().await;
        if stream.write_all(&[*byte]).await.is_err() {
            break;
        }
        written += 1;
        assert!(written < 200, "a handshake that took seconds was waited for");
    }
    host.assert_serves(100).await;
}

/// More than there is room for: some are turned away at once, and the others leave room when they are late.
#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_beginnings_is_bounded() {
    let host = Host::new(&impatient()).await;
    let mut streams = Vec::new();
    for _ in 0..400 {
        streams.push(Socket::connect(host.at).await);
    }
    for mut stream in streams {
        soon(stream.hung_up()).await;
    }
    host.assert_serves(100).await;
}
