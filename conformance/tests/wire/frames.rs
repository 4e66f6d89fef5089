//! Messages however their bytes are cut, at the limit of a frame and beyond it, and streams that end where
//! they should not.

use igor_core::Limits;
use igor_core::format::{Chunk, ChunkContent, Message, MessageError};
use igor_core::transport::CloseCode;
use igor_node::shell::wire::WireError;
use igor_node::wire::{Close, FrameError};

use crate::support::{Pair, assert_stopped, framed, message, reset, run};

fn three() -> [Message; 3] {
    let content = ChunkContent::Raw(b"content".to_vec());
    [message(""), Message::Chunk(Chunk { item: 1, offset: 2, content }), message("three")]
}

fn flow() -> Vec<u8> {
    three().iter().flat_map(framed).collect()
}

#[test]
fn messages_are_read_however_they_are_cut() {
    run(async {
        let (pair, flow) = (Pair::new().await, flow());
        let count = flow.len();
        let cuts =
            (0..=count).map(|first| (first, count)).chain((0..=count).map(|at| (at / 2, at)));
        for (first, second) in cuts {
            let (mut peer, mut wire) = pair.wire(&Limits::default()).await;
            let write = async {
                for piece in [&flow[..first], &flow[first..second], &flow[second..]] {
                    peer.writer.write_all(piece).await.expect("it is read");
                    tokio::task::yield_now().await;
                }
                peer.writer.finish().expect("it is open");
            };
            let read = async {
                for expected in three() {
                    let read = wire.reader.next().await.expect("it is a message");
                    assert_eq!(read, Some(expected), "cut at {first} and {second}");
                }
                assert!(wire.reader.next().await.expect("it is the end").is_none());
            };
            tokio::join!(write, read);
        }
    });
}

#[test]
fn what_is_sent_is_what_is_received() {
    run(async {
        let pair = Pair::new().await;
        let (peer, mut wire) = pair.wire(&Limits::default()).await;
        let mut other = igor_node::shell::wire::Wire::new(peer, &Limits::default());
        let large = |byte| {
            let content = ChunkContent::Raw(vec![byte; 256 << 10]);
            Message::Chunk(Chunk { item: 0, offset: 0, content })
        };
        let messages = [message("first"), large(1), message("second"), large(2), large(3)];
        let send = async {
            for message in &messages {
                other.writer.send(message).await.expect("it is read");
            }
            other.writer.finish().await.expect("it is open");
            other.writer.delivered().await.expect("it is read");
        };
        let receive = async {
            for message in &messages {
                assert_eq!(&wire.reader.expect("a message").await.expect("it comes"), message);
            }
            let end = wire.reader.expect("another one").await.expect_err("there is none");
            assert_eq!(end.to_string(), "the peer finished where another one was due");
            assert_eq!(end.close(), Close::Malformed);
        };
        tokio::join!(send, receive);
    });
}

#[test]
fn a_frame_is_as_long_as_is_allowed_and_no_longer() {
    run(async {
        let pair = Pair::new().await;
        let longest = framed(&message("as long as it gets"));
        let bytes = u64::try_from(longest.len() - 4).expect("it is short");
        for (frame_bytes_max, is_read) in [(bytes, true), (bytes + 1, true), (bytes - 1, false)] {
            let limits = Limits { frame_bytes_max, ..Limits::default() };
            let (mut peer, mut wire) = pair.wire(&limits).await;
            peer.writer.write_all(&longest).await.expect("there is room");
            match wire.reader.next().await {
                Ok(read) => {
                    assert_eq!((read, is_read), (Some(message("as long as it gets")), true))
                }
                Err(WireError::Frame(FrameError::TooLarge { bytes: found, max })) => {
                    assert_eq!((found, max, is_read), (bytes, bytes - 1, false));
                    assert_stopped(&mut peer, Close::TooLarge).await;
                }
                Err(other) => panic!("{other}"),
            }
        }
    });
}

#[test]
fn impossible_lengths_are_refused_before_anything_is_kept() {
    run(async {
        let pair = Pair::new().await;
        let max = Limits::default().frame_bytes_max;
        let lengths = [(1 << 20) + 1, 1 << 30, u32::MAX];
        for length in lengths {
            let (mut peer, mut wire) = pair.wire(&Limits::default()).await;
            let header = [&length.to_le_bytes()[..], &[7; 1_000]].concat();
            peer.writer.write_all(&header).await.expect("there is room");
            let error = wire.reader.next().await.expect_err("it is too long");
            let expected = format!("a frame of {length} bytes, at most {max} are allowed");
            assert_eq!((error.to_string(), error.close()), (expected, Close::TooLarge));
            assert!(wire.reader.buffered() <= 16 << 10);
            assert_stopped(&mut peer, Close::TooLarge).await;
        }
        let (mut peer, mut wire) = pair.wire(&Limits::default()).await;
        peer.writer.write_all(&[0; 4]).await.expect("there is room");
        let error = wire.reader.next().await.expect_err("it is empty");
        assert!(matches!(error, WireError::Frame(FrameError::Empty)), "{error}");
        assert_stopped(&mut peer, Close::Malformed).await;
    });
}

#[test]
fn what_is_no_message_stops_the_stream() {
    run(async {
        let pair = Pair::new().await;
        for body in [&[0][..], &[11, 1, 2, 3], &[255; 100]] {
            let (mut peer, mut wire) = pair.wire(&Limits::default()).await;
            let length = u32::try_from(body.len()).expect("it is short");
            let flow = [&length.to_le_bytes()[..], body, &framed(&message("after"))].concat();
            peer.writer.write_all(&flow).await.expect("there is room");
            let error = wire.reader.next().await.expect_err("it is no message");
            let expected = MessageError::Type(body[0]);
            assert!(matches!(&error, WireError::Message(found) if *found == expected), "{error}");
            assert_stopped(&mut peer, Close::Malformed).await;
        }
    });
}

#[test]
fn a_stream_that_ends_within_a_frame_is_an_error() {
    run(async {
        let pair = Pair::new().await;
        let one = framed(&message("cut"));
        for end in 0..=one.len() {
            let (mut peer, mut wire) = pair.wire(&Limits::default()).await;
            peer.writer.write_all(&one[..end]).await.expect("there is room");
            peer.writer.finish().expect("it is open");
            match wire.reader.next().await {
                Ok(None) => assert_eq!(end, 0),
                Ok(Some(read)) => assert_eq!((read, end), (message("cut"), one.len())),
                Err(error @ WireError::Cut { .. }) => {
                    assert!((1..one.len()).contains(&end), "{end}");
                    assert_eq!(error.close(), Close::Malformed);
                }
                Err(other) => panic!("{other}"),
            }
        }
    });
}

#[test]
fn a_stream_that_is_abandoned_says_why() {
    run(async {
        let pair = Pair::new().await;
        let one = framed(&message("cut"));
        for end in [0, 3, 4, one.len() - 1] {
            let (mut peer, mut wire) = pair.wire(&Limits::default()).await;
            peer.writer.write_all(&one[..end]).await.expect("there is room");
            peer.writer.reset(Close::Stopping.code());
            let error = wire.reader.next().await.expect_err("it is abandoned");
            assert_eq!(error.told(), Some(Close::Stopping));
            assert_eq!(error.close(), Close::Done, "the peer did nothing wrong");
        }
        let (mut peer, mut wire) = pair.wire(&Limits::default()).await;
        wire.abandon(Close::Busy);
        let mut buffer = [0; 1];
        let read = peer.reader.read(&mut buffer).await;
        assert_eq!(reset(read.map_err(WireError::from)), Some(CloseCode(5)));
        assert_stopped(&mut peer, Close::Busy).await;
    });
}

#[test]
fn what_is_sent_is_bounded_as_well() {
    run(async {
        let pair = Pair::new().await;
        let limits = Limits { frame_bytes_max: 10, ..Limits::default() };
        let (mut peer, mut wire) = pair.wire(&limits).await;
        let error = wire.writer.send(&message("")).await.expect_err("it is too long");
        assert!(matches!(error, WireError::Frame(FrameError::TooLarge { .. })), "{error}");
        // Nothing of it was sent.
        wire.writer.finish().await.expect("it is open");
        assert_eq!(peer.reader.read(&mut [0; 8]).await.expect("it is the end"), 0);
    });
}
