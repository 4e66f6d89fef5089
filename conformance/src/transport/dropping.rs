//! Cases about futures that are dropped before they are done: at the first poll, at the second, and so on.

use igor_core::Limits;
use igor_core::transport::{TransportError, WriteHalf};

use super::TransportFixture;
use super::support::{
    Pair, address, assert_works, cut, listen, meet, protocol, read_all, run, until,
};
use crate::{Case, Rng};

pub(super) fn cases() -> Vec<Case<dyn TransportFixture>> {
    crate::cases![dyn TransportFixture;
        a_dropped_read_loses_nothing covers ["calls-can-be-dropped", "bytes-arrive-in-order"],
        a_dropped_write_writes_nothing covers ["calls-can-be-dropped", "bytes-arrive-in-order"],
        a_dropped_wait_for_delivery_loses_nothing covers ["calls-can-be-dropped"],
        a_dropped_open_keeps_no_place covers ["calls-can-be-dropped", "streams-are-bounded"],
        a_dropped_accept_loses_no_stream covers ["calls-can-be-dropped"],
        a_dropped_connect_keeps_no_place covers ["calls-can-be-dropped"],
        a_dropped_accept_loses_no_connection covers ["calls-can-be-dropped"],
        a_dropped_close_is_a_close_or_none covers ["calls-can-be-dropped"],
    ]
}

/// One, two or three polls.
fn few(rng: &mut Rng) -> usize {
    usize::try_from(1 + rng.below(3)).expect("it is small")
}

/// Lets others run.
async fn pause() {
    tokio::task::yield_now().await;
}

async fn write_slowly(writer: &mut dyn WriteHalf, bytes: &[u8]) {
    for part in bytes.chunks(997) {
        writer.write_all(part).await.expect("it can be written");
        pause().await;
    }
    writer.finish().expect("it can be finished");
}

fn a_dropped_read_loses_nothing(fixture: &dyn TransportFixture) {
    run(fixture, async {
        let pair = Pair::new(fixture).await;
        let (mut near, mut far) = pair.stream().await;
        let mut rng = Rng::for_case("dropped read");
        let bytes = rng.bytes(300_000);
        let read = async {
            let (mut found, mut buffer) = (Vec::new(), [0; 1_500]);
            loop {
                match cut(few(&mut rng), far.reader.read(&mut buffer)).await {
                    None => pause().await,
                    Some(Ok(0)) => return found,
                    Some(Ok(count)) => found.extend_from_slice(&buffer[..count]),
                    Some(Err(error)) => panic!("{error}"),
                }
            }
        };
        let (found, ()) = tokio::join!(read, write_slowly(&mut *near.writer, &bytes));
        assert!(found == bytes, "{} of {} bytes are left", found.len(), bytes.len());
    });
}

fn a_dropped_write_writes_nothing(fixture: &dyn TransportFixture) {
    run(fixture, async {
        let pair = Pair::new(fixture).await;
        let (mut near, mut far) = pair.stream().await;
        let mut rng = Rng::for_case("dropped write");
        let bytes = rng.bytes(2 << 20);
        let write = async {
            let mut rest = &bytes[..];
            while !rest.is_empty() {
                match cut(few(&mut rng), near.writer.write(&rest[..rest.len().min(100_000)])).await
                {
                    None => pause().await,
                    Some(count) => rest = &rest[count.expect("it can be written")..],
                }
            }
            near.writer.finish().expect("it can be finished");
        };
        let (found, ()) = tokio::join!(read_all(&mut *far.reader), write);
        let found = found.expect("it arrives");
        assert!(found == bytes, "{} bytes arrive of {}", found.len(), bytes.len());
    });
}

fn a_dropped_wait_for_delivery_loses_nothing(fixture: &dyn TransportFixture) {
    run(fixture, async {
        let pair = Pair::new(fixture).await;
        let (mut near, mut far) = pair.stream().await;
        let bytes = Rng::for_case("dropped wait").bytes(100_000);
        let write = async {
            near.writer.write_all(&bytes).await.expect("it can be written");
            near.writer.finish().expect("it can be finished");
            for polls in 1..20 {
                if let Some(delivered) = cut(polls, near.writer.delivered()).await {
                    delivered.expect("it is delivered");
                    break;
                }
            }
            near.writer.delivered().await.expect("it is delivered");
        };
        let (found, ()) = tokio::join!(read_all(&mut *far.reader), write);
        assert!(found.expect("it arrives") == bytes);
    });
}

/// Streams that were opened after all arrive like any other; none is stuck half open.
fn a_dropped_open_keeps_no_place(fixture: &dyn TransportFixture) {
    run(fixture, async {
        let limits = Limits { streams_max: 2, ..Limits::default() };
        let pair = Pair::with(fixture, &limits).await;
        let name = protocol("/suite/1");
        let held = pair.stream().await;
        let more = pair.stream().await;
        for _ in 0..50 {
            // There is no room, so each of them waits.
            let opened = cut(1, pair.dialled.open(&name)).await;
            assert!(opened.is_none(), "a third stream was opened");
            pause().await;
        }
        drop((held, more));
        for _ in 0..20 {
            let opening = async || {
                let opened = cut(3, pair.dialled.open(&name)).await;
                opened.map(|opened| opened.expect("the connection is open"))
            };
            let near = until("an open stream", opening).await;
            let (_, far) = pair.accepted.accept().await.expect("it was opened");
            drop((near, far));
        }
        assert_works(&*pair.dialled, &*pair.accepted).await;
    });
}

fn a_dropped_accept_loses_no_stream(fixture: &dyn TransportFixture) {
    run(fixture, async {
        let pair = Pair::new(fixture).await;
        let mut rng = Rng::for_case("dropped accept");
        for number in 0..100 {
            let name = protocol(&format!("/stream/{number}"));
            let accepting = async || {
                let accepted = cut(few(&mut rng), pair.accepted.accept()).await;
                accepted.map(|accepted| accepted.expect("the connection is open"))
            };
            let (opened, (found, _far)) =
                tokio::join!(pair.dialled.open(&name), until("the stream", accepting));
            opened.expect("there is room");
            assert_eq!(found, name);
        }
    });
}

/// With room for two at either end: those that were dropped on the way are soon forgotten.
fn a_dropped_connect_keeps_no_place(fixture: &dyn TransportFixture) {
    run(fixture, async {
        let limits = Limits { connections_max: 2, ..Limits::default() };
        let (one, other) = (fixture.node(1, &limits), fixture.node(2, &limits));
        let listener = listen(&*other).await;
        let address = address(&*listener);
        let accept = async {
            loop {
                // What arrives is dropped at once.
                listener.accept().await.expect("the listener is open");
            }
        };
        let connect = async {
            for polls in 1..30 {
                match cut(polls, one.connect(&address)).await {
                    None | Some(Ok(_)) => pause().await,
                    // There is no room yet, or it was dropped there already.
                    Some(Err(TransportError::Refused { .. } | TransportError::Closed { .. })) => {
                        pause().await;
                    }
                    Some(Err(error)) => panic!("{error}"),
                }
            }
            until("room", async || one.connect(&address).await.ok()).await;
        };
        tokio::select! {
            () = connect => {}
            () = accept => {}
        }
    });
}

fn a_dropped_accept_loses_no_connection(fixture: &dyn TransportFixture) {
    run(fixture, async {
        let limits =
            Limits { connections_max: 64, connections_per_peer_max: 64, ..Limits::default() };
        let (one, other) = (fixture.node(1, &limits), fixture.node(2, &limits));
        let listener = listen(&*other).await;
        let address = address(&*listener);
        let mut rng = Rng::for_case("dropped accept of a connection");
        let mut held = Vec::new();
        for _ in 0..20 {
            let accepting = async || {
                let accepted = cut(few(&mut rng), listener.accept()).await;
                accepted.map(|accepted| accepted.expect("the listener is open"))
            };
            let (dialled, accepted) =
                tokio::join!(one.connect(&address), until("the connection", accepting));
            let dialled = dialled.expect("there is room");
            assert_works(&*dialled, &*accepted).await;
            held.push((dialled, accepted));
        }
    });
}

fn a_dropped_close_is_a_close_or_none(fixture: &dyn TransportFixture) {
    run(fixture, async {
        let limits = Limits { connections_per_peer_max: 8, ..Limits::default() };
        let pair = Pair::with(fixture, &limits).await;
        for polls in 1..4 {
            let (dialled, accepted) = meet(&*pair.one, &*pair.listener).await;
            match cut(polls, dialled.close(igor_core::transport::CloseCode(1))).await {
                Some(()) => assert!(accepted.accept().await.is_err()),
                None => dialled.close(igor_core::transport::CloseCode(2)).await,
            }
            assert!(accepted.accept().await.is_err());
        }
        assert_works(&*pair.dialled, &*pair.accepted).await;
    });
}
