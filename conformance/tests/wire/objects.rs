//! An object without a frame around it, as the original's nodes send one: up to where it is read, how much of it,
//! and how long it may take.

use std::time::Duration;

use igor_core::Limits;
use igor_core::transport::NodeId;
use igor_node::shell::wire::{WireError, read_object, write_line};
use igor_node::wire::{Close, NoRoom, Room};

use crate::support::{Pair, pass, run, timed, too_slow};

const BYTES_MAX: u64 = 1 << 20;

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// What is read while the peer sends `pieces`, one after each pause, and how long that took.
async fn read_while(
    pieces: Vec<Vec<u8>>,
    pause: Duration,
    keep: impl FnMut(u64) -> Result<(), NoRoom>,
) -> (Result<Vec<u8>, WireError>, Duration) {
    let (pair, limits) = (Pair::new().await, Limits::default());
    let (mut peer, mut node) = pair.stream("/igor/migrate/1.0.0").await;
    let send = async {
        for piece in pieces {
            pass(pause).await;
            if peer.writer.write_all(&piece).await.is_err() {
                return;
            }
        }
        std::future::pending::<()>().await;
    };
    let read = timed(read_object(&mut *node.reader, &limits, BYTES_MAX, keep));
    tokio::select! {
        read = read => read,
        () = send => unreachable!("it is read"),
    }
}

fn one_by_one(text: &str) -> Vec<Vec<u8>> {
    text.bytes().map(|byte| vec![byte]).collect()
}

#[test]
fn an_object_is_read_up_to_its_end_and_nobody_waits_for_more() {
    run(async {
        let text = "{\n \"a\": {\"b\": \"}\"}\n}";
        for pieces in [vec![format!("{text}\n{{").into_bytes()], one_by_one(text)] {
            let (read, _) = read_while(pieces, seconds(1), |_| Ok(())).await;
            assert_eq!(read.expect("it is one"), text.as_bytes());
        }
    });
}

#[test]
fn what_ends_early_is_handed_on_as_it_is() {
    run(async {
        let (pair, limits) = (Pair::new().await, Limits::default());
        let (mut peer, mut node) = pair.stream("/igor/migrate/1.0.0").await;
        peer.writer.write_all(b"{\"a\":").await.expect("there is room");
        peer.writer.finish().expect("it is open");
        let read = read_object(&mut *node.reader, &limits, BYTES_MAX, |_| Ok(())).await;
        assert_eq!(read.expect("it was said"), b"{\"a\":");
        write_line(&mut *node.writer, &limits, b"no\n").await.expect("it is taken");
    });
}

#[test]
fn more_than_may_be_is_not_read_and_without_room_nothing_is() {
    run(async {
        let flood = vec![vec![b' '; 64 << 10]; 17];
        let (read, _) = read_while(flood.clone(), Duration::ZERO, |_| Ok(())).await;
        let error = read.expect_err("it is too long");
        assert!(matches!(error, WireError::TooLong { bytes_max: BYTES_MAX, .. }), "{error}");
        assert_eq!(error.close(), Close::TooLarge);
        let mut asked = 0;
        let mut place = Room::new(&Limits { inbound_bytes_max: 100_000, ..Limits::default() })
            .place(NodeId([1; 32]));
        let (read, _) = read_while(flood, Duration::ZERO, |bytes| {
            asked = bytes;
            place.resize(bytes)
        })
        .await;
        assert!(matches!(read, Err(WireError::NoRoom(_))));
        assert!(asked < 200_000, "{asked}");
    });
}

#[test]
fn silence_a_long_pause_and_a_trickle_are_too_slow() {
    run(async {
        let (read, took) = read_while(Vec::new(), seconds(1), |_| Ok(())).await;
        assert_eq!((too_slow(read), took), (Some(("an object", seconds(5))), seconds(5)));
        let begun = vec![b"{".to_vec()];
        let (read, took) = read_while(begun, seconds(4), |_| Ok(())).await;
        assert_eq!((too_slow(read), took), (Some(("an object", seconds(30))), seconds(34)));
        let (read, took) = read_while(vec![b"{".to_vec(); 1_000], seconds(2), |_| Ok(())).await;
        assert_eq!(too_slow(read).map(|(what, _)| what), Some("an object"));
        assert!(took >= seconds(60) && took <= seconds(61), "{took:?}");
    });
}
