//! Peers that take their time: in a header, in a message, between messages, and when reading. Each limit is
//! hit at its moment, and what comes just before it is still heard.

use std::time::Duration;

use igor_core::Limits;
use igor_core::format::{Chunk, ChunkContent, Message};
use igor_core::transport::Stream;
use igor_node::shell::wire::{Wire, WireError};
use igor_node::wire::Close;
use tokio::time::timeout;

use crate::support::{
    BUFFER_BYTES, Pair, assert_stopped, framed, message, pass, run, timed, too_slow,
};

const SECOND: Duration = Duration::from_secs(1);

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// Sends `bytes` in pieces of `size`, with `pause` after each, until nobody reads.
async fn trickle(peer: &mut Stream, bytes: &[u8], size: usize, pause: Duration) {
    for piece in bytes.chunks(size) {
        if peer.writer.write_all(piece).await.is_err() {
            break;
        }
        pass(pause).await;
    }
}

/// What the next message is, and how long it took, while the peer sends a byte each second.
async fn next_while_trickling(
    peer: &mut Stream,
    wire: &mut Wire,
    bytes: &[u8],
) -> (Result<Option<Message>, WireError>, Duration) {
    let (read, ()) = tokio::join!(timed(wire.reader.next()), trickle(peer, bytes, 1, SECOND));
    read
}

#[test]
fn a_stream_without_data_ends_after_five_seconds() {
    run(async {
        let pair = Pair::new().await;
        let (mut peer, mut wire) = pair.wire(&Limits::default()).await;
        let (read, took) = timed(wire.reader.next()).await;
        let expected = ("the first byte of a message", seconds(5));
        assert_eq!((too_slow(read), took), (Some(expected), seconds(5)));
        assert_stopped(&mut peer, Close::TooSlow).await;
    });
}

#[test]
fn between_messages_a_peer_has_thirty_seconds() {
    run(async {
        let pair = Pair::new().await;
        let (mut peer, mut wire) = pair.wire(&Limits::default()).await;
        for _ in 0..3 {
            let send = async {
                pass(seconds(4)).await;
                peer.writer.write_all(&framed(&message("on time"))).await.expect("it is read");
            };
            let (read, ()) = tokio::join!(wire.reader.next(), send);
            assert_eq!(read.expect("it came"), Some(message("on time")));
        }
        let (read, took) = timed(wire.reader.next()).await;
        let expected = ("the first byte of a message", seconds(30));
        assert_eq!((too_slow(read), took), (Some(expected), seconds(30)));
        assert_stopped(&mut peer, Close::TooSlow).await;
    });
}

#[test]
fn who_waits_for_an_answer_says_how_long() {
    run(async {
        let pair = Pair::new().await;
        let (mut peer, mut wire) = pair.wire(&Limits::default()).await;
        let send = async {
            pass(seconds(599)).await;
            peer.writer.write_all(&framed(&message("late"))).await.expect("it is read");
        };
        let (read, ()) = tokio::join!(wire.reader.next_within(seconds(600)), send);
        assert_eq!(read.expect("it came"), Some(message("late")));
        let (read, took) = timed(wire.reader.next_within(seconds(600))).await;
        assert_eq!(too_slow(read).map(|(_, limit)| limit), Some(seconds(600)));
        assert_eq!(took, seconds(600));
    });
}

#[test]
fn a_byte_a_second_is_too_slow_in_a_header_and_in_a_message() {
    run(async {
        let pair = Pair::new().await;
        let bytes = framed(&message("a byte a second"));
        let (mut peer, mut wire) = pair.wire(&Limits::default()).await;
        let (read, took) = next_while_trickling(&mut peer, &mut wire, &bytes).await;
        let limit = seconds(5) + SECOND * u32::try_from(bytes.len() - 4).expect("few") / (64 << 10);
        let (what, found) = too_slow(read).expect("it is too slow");
        assert_eq!(what, "a message");
        assert!(found.abs_diff(limit) < Duration::from_micros(1), "{found:?} and not {limit:?}");
        // The clock has whole milliseconds.
        assert!(took.abs_diff(limit) <= Duration::from_millis(1), "{took:?}");
        assert_stopped(&mut peer, Close::TooSlow).await;

        // Nothing more than a part of the length.
        let (mut peer, mut wire) = pair.wire(&Limits::default()).await;
        peer.writer.write_all(&bytes[..3]).await.expect("there is room");
        let (read, took) = timed(wire.reader.next()).await;
        assert_eq!((too_slow(read), took), (Some(("a message", seconds(5))), seconds(5)));

        // The length announces much, and a byte a second follows.
        let (mut peer, mut wire) = pair.wire(&Limits::default()).await;
        let large = [&(1_u32 << 20).to_le_bytes()[..], &[1; 100]].concat();
        peer.writer.write_all(&large[..5]).await.expect("there is room");
        let (read, took) = next_while_trickling(&mut peer, &mut wire, &large[5..]).await;
        assert_eq!((too_slow(read), took), (Some(("a message", seconds(21))), seconds(21)));
        assert!(wire.reader.buffered() < 100);
    });
}

#[test]
fn a_large_message_has_the_time_that_its_size_warrants() {
    run(async {
        let pair = Pair::new().await;
        let content = ChunkContent::Raw(vec![9; 256 << 10]);
        let chunk = Message::Chunk(Chunk { item: 0, offset: 0, content });
        let bytes = framed(&chunk);
        // 256 KiB have 9 seconds: 5 KiB every 150 ms take 8, every 200 ms more than 10.
        for (pause, is_read) in [(150, true), (200, false)] {
            let (mut peer, mut wire) = pair.wire(&Limits::default()).await;
            let pause = Duration::from_millis(pause);
            let (read, ()) =
                tokio::join!(wire.reader.next(), trickle(&mut peer, &bytes, 5 << 10, pause));
            match read {
                Ok(read) => assert_eq!((read.as_ref(), is_read), (Some(&chunk), true)),
                Err(error) => assert!(!is_read && error.close() == Close::TooSlow, "{error}"),
            }
        }
    });
}

#[test]
fn a_message_never_has_more_than_a_minute() {
    run(async {
        let pair = Pair::new().await;
        let limits = Limits { frame_bytes_max: 16 << 20, ..Limits::default() };
        let (mut peer, mut wire) = pair.wire(&limits).await;
        let large = [&(16_u32 << 20).to_le_bytes()[..], &vec![1; 8 << 20]].concat();
        let trickling = trickle(&mut peer, &large, 100 << 10, SECOND);
        let ((read, took), ()) = tokio::join!(timed(wire.reader.next()), trickling);
        assert_eq!((too_slow(read), took), (Some(("a message", seconds(60))), seconds(60)));
    });
}

#[test]
fn a_dropped_read_loses_nothing_and_gains_no_time() {
    run(async {
        let pair = Pair::new().await;
        let limits = Limits::default();
        let (mut peer, mut wire) = pair.wire(&limits).await;
        let bytes: Vec<u8> =
            ["one", "two"].iter().flat_map(|text| framed(&message(text))).collect();
        let read = async {
            let mut found = Vec::new();
            while found.len() < 2 {
                let look = timeout(Duration::from_millis(7), wire.reader.next());
                if let Ok(read) = look.await {
                    found.extend(read.expect("it is a message"));
                }
            }
            found
        };
        let trickling = trickle(&mut peer, &bytes, 1, Duration::from_millis(40));
        let (found, ()) = tokio::join!(read, trickling);
        assert_eq!(found, [message("one"), message("two")]);

        // Looking again and again does not begin anew.
        let wait = async {
            loop {
                if let Ok(read) = timeout(SECOND, wire.reader.next()).await {
                    return read;
                }
            }
        };
        let (read, took) = timed(wait).await;
        assert_eq!(too_slow(read).map(|(_, limit)| limit), Some(seconds(30)));
        assert!(took <= seconds(31), "{took:?}");
    });
}

/// A message that is larger than what a stream holds.
fn large(byte: u8) -> Message {
    let content = ChunkContent::Raw(vec![byte; 3 * BUFFER_BYTES]);
    Message::Chunk(Chunk { item: 0, offset: 0, content })
}

#[test]
fn a_peer_that_never_reads_is_not_waited_for() {
    run(async {
        let pair = Pair::new().await;
        let (_peer, mut wire) = pair.wire(&Limits::default()).await;
        wire.writer.send(&message("there is room")).await.expect("there is");
        let (sent, took) = timed(wire.writer.send(&large(1))).await;
        let expected = ("taking a message", seconds(30));
        assert_eq!((too_slow(sent), took), (Some(expected), seconds(30)));
    });
}

#[test]
fn a_peer_that_reads_a_byte_a_second_is_not_waited_for_either() {
    run(async {
        let pair = Pair::new().await;
        let (mut peer, mut wire) = pair.wire(&Limits::default()).await;
        let read = async {
            let mut buffer = [0; 1];
            while peer.reader.read(&mut buffer).await.is_ok() {
                pass(SECOND).await;
            }
        };
        let large = large(1);
        tokio::select! {
            (sent, took) = timed(wire.writer.send(&large)) => {
                let expected = ("taking a message", seconds(60));
                assert_eq!((too_slow(sent), took), (Some(expected), seconds(60)));
            }
            () = read => panic!("the stream was abandoned"),
        }
    });
}

#[test]
fn a_dropped_send_goes_on_with_the_next() {
    run(async {
        let pair = Pair::new().await;
        let (peer, mut wire) = pair.wire(&Limits::default()).await;
        let begun = timeout(SECOND, wire.writer.send(&large(1))).await;
        assert!(begun.is_err(), "nobody reads");
        let mut other = Wire::new(peer, &Limits::default());
        let receive = async {
            let mut found = Vec::new();
            while let Some(read) = other.reader.next().await.expect("it is a message") {
                found.push(read);
            }
            found
        };
        let send = async {
            wire.writer.send(&message("after")).await.expect("it is read");
            wire.writer.finish().await.expect("it is open");
        };
        let (found, ()) = tokio::join!(receive, send);
        assert_eq!(found, [large(1), message("after")]);
    });
}
