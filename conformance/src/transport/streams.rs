//! Cases about streams beside each other: their names, their number, their independence.

use std::collections::BTreeSet;

use igor_core::Limits;
use igor_core::transport::{CloseCode, Stream};

use super::TransportFixture;
use super::support::{
    Pair, assert_works, cut, echo, protocol, quiet, read_all, read_exactly, reset, run, stream,
};
use crate::{Case, Rng};

pub(super) fn cases() -> Vec<Case<dyn TransportFixture>> {
    crate::cases![dyn TransportFixture;
        a_stream_arrives_with_its_protocol covers ["streams-are-named"],
        a_stream_arrives_before_anything_is_written covers ["streams-are-named"],
        a_stream_of_an_unknown_protocol_can_be_refused covers ["streams-are-named", "codes-arrive"],
        both_ends_can_open_at_once covers ["streams-are-named"],
        streams_are_not_mixed_up covers ["streams-are-named", "bytes-arrive-in-order"],
        as_many_streams_as_allowed_carry_at_once covers ["streams-are-independent"],
        stalled_streams_do_not_stall_another covers
            ["streams-are-independent", "write-waits-for-reader"],
        one_stream_too_many_waits covers ["streams-are-bounded"],
        the_ends_are_bounded_separately covers ["streams-are-bounded"],
        many_streams_in_turn_fit covers ["streams-are-bounded"],
        abandoned_streams_make_room covers ["streams-are-bounded", "dropping-abandons"],
    ]
}

fn a_stream_arrives_with_its_protocol(fixture: &dyn TransportFixture) {
    run(fixture, async {
        let pair = Pair::new(fixture).await;
        for name in ["x", "/igor/ping/1.0.0", "#?&=%20", &"n".repeat(64)] {
            let name = protocol(name);
            let (opened, accepted) = tokio::join!(pair.dialled.open(&name), pair.accepted.accept());
            opened.expect("any name can be opened");
            assert_eq!(accepted.expect("a stream is accepted").0, name);
        }
    });
}

fn a_stream_arrives_before_anything_is_written(fixture: &dyn TransportFixture) {
    run(fixture, async {
        let pair = Pair::new(fixture).await;
        let (mut near, mut far) = pair.stream().await;
        // The end that accepted speaks first.
        far.writer.write_all(b"welcome").await.expect("it can be written");
        assert_eq!(read_exactly(&mut *near.reader, 7).await, b"welcome");
    });
}

fn a_stream_of_an_unknown_protocol_can_be_refused(fixture: &dyn TransportFixture) {
    run(fixture, async {
        let pair = Pair::new(fixture).await;
        let (mut near, mut far) = pair.stream().await;
        far.reset(CloseCode(404));
        let mut buffer = [0; 1];
        assert_eq!(reset(near.reader.read(&mut buffer).await), Some(CloseCode(404)));
        assert_works(&*pair.dialled, &*pair.accepted).await;
    });
}

fn both_ends_can_open_at_once(fixture: &dyn TransportFixture) {
    run(fixture, async {
        let pair = Pair::new(fixture).await;
        for _ in 0..20 {
            let (there, back) = tokio::join!(
                stream(&*pair.dialled, &*pair.accepted),
                stream(&*pair.accepted, &*pair.dialled),
            );
            for (near, far) in [there, back] {
                check_pairing(near, far).await;
            }
        }
    });
}

async fn check_pairing(mut near: Stream, mut far: Stream) {
    near.writer.write_all(b"is this you?").await.expect("it can be written");
    assert_eq!(read_exactly(&mut *far.reader, 12).await, b"is this you?");
}

/// Each stream carries its own name.
fn streams_are_not_mixed_up(fixture: &dyn TransportFixture) {
    run(fixture, async {
        let pair = Pair::new(fixture).await;
        let mut opened = Vec::new();
        for number in 0..10 {
            let name = protocol(&format!("/stream/{number}"));
            let mut stream = pair.dialled.open(&name).await.expect("there is room");
            stream.writer.write_all(name.as_str().as_bytes()).await.expect("it is short");
            stream.writer.finish().expect("it can be finished");
            opened.push(stream);
        }
        let mut names = BTreeSet::new();
        for _ in 0..10 {
            let (name, mut stream) = pair.accepted.accept().await.expect("ten were opened");
            let said = read_all(&mut *stream.reader).await.expect("it arrives");
            assert_eq!(said, name.as_str().as_bytes());
            names.insert(name);
        }
        assert_eq!(names.len(), 10, "a stream arrived twice: {names:?}");
    });
}

fn as_many_streams_as_allowed_carry_at_once(fixture: &dyn TransportFixture) {
    run(fixture, async {
        let pair = Pair::new(fixture).await;
        let max = Limits::default().streams_max;
        let mut streams = Vec::new();
        for _ in 0..max {
            streams.push(pair.stream().await);
        }
        let mut rng = Rng::for_case("streams at once");
        for _ in 0..200 {
            let index = usize::try_from(rng.below(max)).expect("there are few");
            let size = usize::try_from(1 + rng.below(4_000)).expect("they are small");
            let bytes = rng.bytes(size);
            let (near, far) = &mut streams[index];
            near.writer.write_all(&bytes).await.expect("it can be written");
            assert_eq!(read_exactly(&mut *far.reader, size).await, bytes, "stream {index}");
        }
    });
}

/// All but one are filled, in both directions and by both ends, until they take nothing more.
fn stalled_streams_do_not_stall_another(fixture: &dyn TransportFixture) {
    run(fixture, async {
        let pair = Pair::new(fixture).await;
        let max = Limits::default().streams_max;
        let (mut streams, chunk) = (Vec::new(), vec![7; 1 << 20]);
        for _ in 1..max {
            streams.push(pair.stream().await);
            streams.push(stream(&*pair.accepted, &*pair.dialled).await);
        }
        for (near, far) in &mut streams {
            for writer in [&mut near.writer, &mut far.writer] {
                for _ in 0..20 {
                    match cut(1, writer.write(&chunk)).await {
                        Some(count) => assert!(count.expect("it can be written") > 0),
                        None => tokio::task::yield_now().await,
                    }
                }
            }
        }
        let bytes = vec![9; 100_000];
        assert_eq!(echo(&*pair.dialled, &*pair.accepted, &bytes).await, bytes);
        assert_eq!(echo(&*pair.accepted, &*pair.dialled, &bytes).await, bytes);
    });
}

fn one_stream_too_many_waits(fixture: &dyn TransportFixture) {
    run(fixture, async {
        let limits = Limits { streams_max: 3, ..Limits::default() };
        let pair = Pair::with(fixture, &limits).await;
        let mut streams = Vec::new();
        for _ in 0..3 {
            streams.push(pair.stream().await);
        }
        let name = protocol("/suite/1");
        assert!(quiet(pair.dialled.open(&name)).await.is_none(), "a fourth stream was opened");
        for (mut near, mut far) in streams.drain(..1) {
            near.writer.finish().expect("it can be finished");
            far.writer.finish().expect("it can be finished");
            assert!(read_all(&mut *near.reader).await.is_ok());
            assert!(read_all(&mut *far.reader).await.is_ok());
        }
        // One is over, so there is room for one.
        streams.push(pair.stream().await);
        assert!(quiet(pair.dialled.open(&name)).await.is_none(), "a fourth stream was opened");
    });
}

fn the_ends_are_bounded_separately(fixture: &dyn TransportFixture) {
    run(fixture, async {
        let limits = Limits { streams_max: 2, ..Limits::default() };
        let pair = Pair::with(fixture, &limits).await;
        let _held = [
            pair.stream().await,
            pair.stream().await,
            stream(&*pair.accepted, &*pair.dialled).await,
            stream(&*pair.accepted, &*pair.dialled).await,
        ];
        let name = protocol("/suite/1");
        assert!(quiet(pair.dialled.open(&name)).await.is_none());
        assert!(quiet(pair.accepted.open(&name)).await.is_none());
    });
}

fn many_streams_in_turn_fit(fixture: &dyn TransportFixture) {
    run(fixture, async {
        let limits = Limits { streams_max: 2, ..Limits::default() };
        let pair = Pair::with(fixture, &limits).await;
        for number in 0..200_u32 {
            let bytes = number.to_le_bytes();
            assert_eq!(echo(&*pair.dialled, &*pair.accepted, &bytes).await, bytes);
        }
    });
}

fn abandoned_streams_make_room(fixture: &dyn TransportFixture) {
    run(fixture, async {
        let limits = Limits { streams_max: 2, ..Limits::default() };
        let pair = Pair::with(fixture, &limits).await;
        for _ in 0..100 {
            let (near, far) = pair.stream().await;
            drop(near);
            drop(far);
        }
        assert_works(&*pair.dialled, &*pair.accepted).await;
    });
}
