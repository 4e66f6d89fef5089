//! Cases about how a connection ends.

use igor_core::Limits;
use igor_core::transport::CloseCode;

use super::TransportFixture;
use super::support::{
    Pair, address, assert_works, closed, ended, meet, protocol, read_exactly, run, until,
};
use crate::Case;

pub(super) fn cases() -> Vec<Case<dyn TransportFixture>> {
    crate::cases![dyn TransportFixture;
        the_code_of_a_close_arrives covers ["closing-is-heard"],
        a_close_ends_every_call_there covers ["closing-is-heard"],
        a_close_ends_every_call_here covers ["closing-is-heard"],
        waiting_calls_hear_of_a_close covers ["closing-is-heard"],
        dropping_everything_closes covers ["closing-is-heard"],
        a_stream_keeps_its_connection covers ["closing-is-heard"],
        a_close_leaves_other_connections covers ["closing-is-heard"],
        one_can_connect_again covers ["closing-is-heard", "connected-is-admitted"],
    ]
}

fn the_code_of_a_close_arrives(fixture: &dyn TransportFixture) {
    run(fixture, async {
        for (round, code) in [0, 1, 0x1234_5678, u32::MAX].map(CloseCode).into_iter().enumerate() {
            let pair = Pair::new(fixture).await;
            let (closing, hearing) = match round % 2 {
                0 => (&pair.dialled, &pair.accepted),
                _ => (&pair.accepted, &pair.dialled),
            };
            closing.close(code).await;
            assert_eq!(closed(hearing.accept().await), Some(code));
        }
    });
}

fn a_close_ends_every_call_there(fixture: &dyn TransportFixture) {
    run(fixture, async {
        let pair = Pair::new(fixture).await;
        let (_near, mut far) = pair.stream().await;
        let code = CloseCode(77);
        pair.dialled.close(code).await;
        for _ in 0..2 {
            assert_eq!(closed(pair.accepted.accept().await), Some(code), "accept");
            let opened = pair.accepted.open(&protocol("x")).await;
            assert_eq!(closed(opened), Some(code), "open");
            assert_eq!(closed(far.reader.read(&mut [0; 1]).await), Some(code), "read");
            assert_eq!(closed(far.writer.write(b"x").await), Some(code), "write");
        }
        assert_eq!(closed(far.writer.finish()), Some(code), "finish");
    });
}

fn a_close_ends_every_call_here(fixture: &dyn TransportFixture) {
    run(fixture, async {
        let pair = Pair::new(fixture).await;
        let (mut near, _far) = pair.stream().await;
        pair.dialled.close(CloseCode(78)).await;
        pair.dialled.close(CloseCode(79)).await;
        assert!(ended(pair.dialled.accept().await), "accept");
        assert!(ended(pair.dialled.open(&protocol("x")).await), "open");
        assert!(ended(near.reader.read(&mut [0; 1]).await), "read");
        assert!(ended(near.writer.write(b"x").await), "write");
        assert!(ended(near.writer.finish()), "finish");
        // The second code is not the one that counts.
        assert_eq!(closed(pair.accepted.accept().await), Some(CloseCode(78)));
    });
}

fn waiting_calls_hear_of_a_close(fixture: &dyn TransportFixture) {
    run(fixture, async {
        let limits = Limits { streams_max: 1, ..Limits::default() };
        let pair = Pair::with(fixture, &limits).await;
        let (mut near, mut far) = pair.stream().await;
        let (_more, _taken) = super::support::stream(&*pair.accepted, &*pair.dialled).await;
        let filling = async {
            let bytes = vec![1; 1 << 20];
            loop {
                if let Err(error) = far.writer.write_all(&bytes).await {
                    return closed::<()>(Err(error));
                }
            }
        };
        let (name, mut buffer) = (protocol("x"), [0; 1]);
        let (accepted, opened, read, written, ()) = tokio::join!(
            pair.accepted.accept(),
            pair.accepted.open(&name),
            far.reader.read(&mut buffer),
            filling,
            async {
                // Until the other end writes, so that its calls are on their way.
                read_exactly(&mut *near.reader, 1).await;
                pair.dialled.close(CloseCode(9)).await;
            },
        );
        let code = Some(CloseCode(9));
        assert_eq!((closed(accepted), closed(opened)), (code, code));
        assert_eq!((closed(read), written), (code, code));
    });
}

fn dropping_everything_closes(fixture: &dyn TransportFixture) {
    run(fixture, async {
        let pair = Pair::new(fixture).await;
        let (near, _far) = pair.stream().await;
        drop(near);
        let Pair { dialled, accepted, one: _one, other: _other, listener: _listener } = pair;
        drop(dialled);
        assert_eq!(closed(accepted.accept().await), Some(CloseCode(0)));
    });
}

fn a_stream_keeps_its_connection(fixture: &dyn TransportFixture) {
    run(fixture, async {
        let pair = Pair::new(fixture).await;
        let (mut near, mut far) = pair.stream().await;
        let Pair { dialled, accepted, one: _one, other: _other, listener: _listener } = pair;
        drop(dialled);
        far.writer.write_all(b"still here").await.expect("the stream goes on");
        assert_eq!(read_exactly(&mut *near.reader, 10).await, b"still here");
        near.writer.write_all(b"me too").await.expect("the stream goes on");
        assert_eq!(read_exactly(&mut *far.reader, 6).await, b"me too");
        drop(near);
        assert_eq!(closed(accepted.accept().await), Some(CloseCode(0)));
    });
}

fn a_close_leaves_other_connections(fixture: &dyn TransportFixture) {
    run(fixture, async {
        let pair = Pair::new(fixture).await;
        let (second, second_end) = meet(&*pair.one, &*pair.listener).await;
        pair.dialled.close(CloseCode(1)).await;
        assert_eq!(closed(pair.accepted.accept().await), Some(CloseCode(1)));
        assert_works(&*second, &*second_end).await;
    });
}

fn one_can_connect_again(fixture: &dyn TransportFixture) {
    run(fixture, async {
        let limits = Limits { connections_per_peer_max: 1, ..Limits::default() };
        let pair = Pair::with(fixture, &limits).await;
        let address = address(&*pair.listener);
        for round in 0..4 {
            let (closing, hearing) = if round % 2 == 0 { (0, 1) } else { (1, 0) };
            let pair_of = async || {
                let dialled = pair.one.connect(&address).await.ok()?;
                let accepted = pair.listener.accept().await.expect("it was admitted");
                Some([dialled, accepted])
            };
            if round == 0 {
                pair.dialled.close(CloseCode(0)).await;
            }
            // The other end may not have heard of the last close yet.
            let ends = until("another connection", pair_of).await;
            assert_works(&*ends[0], &*ends[1]).await;
            ends[closing].close(CloseCode(round)).await;
            assert_eq!(closed(ends[hearing].accept().await), Some(CloseCode(round)));
        }
    });
}
