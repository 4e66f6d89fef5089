//! What a node keeps of what arrives: it is counted while it is kept, over all streams and for each node, and
//! whoever sends more is refused while others go on.

use std::sync::Arc;
use std::time::Duration;

use igor_core::Limits;
use igor_core::format::{BillItem, Hash, Message, Part, Prepare, Tick};
use igor_core::transport::{NodeId, Stream};
use igor_node::shell::wire::{Wire, WireError, receive_bill};
use igor_node::wire::{Close, NoRoom, Room};
use tokio::time::timeout;

use crate::parts::prepare;
use crate::support::{Pair, framed, message, run};

const ONE: NodeId = NodeId([1; 32]);
const OTHER: NodeId = NodeId([2; 32]);
/// What a reader has for what it has read and not yet taken apart.
const READ_BYTES: u64 = 16 << 10;

fn limits() -> Limits {
    Limits {
        inbound_bytes_max: 600 << 10,
        inbound_bytes_per_peer_max: 400 << 10,
        ..Limits::default()
    }
}

async fn counted(pair: &Pair, room: &Arc<Room>, peer: NodeId) -> (Stream, Wire) {
    let (stream, mut wire) = pair.wire(&Limits::default()).await;
    wire.reader.count_in(room.place(peer));
    (stream, wire)
}

/// Lets half a frame of 1 MiB arrive: 100 KiB, for which up to 200 are reserved.
async fn half(stream: &mut Stream, wire: &mut Wire) -> Option<WireError> {
    let bytes = [&(1_u32 << 20).to_le_bytes()[..], &vec![1; 100 << 10]].concat();
    let read = timeout(Duration::from_secs(3), wire.reader.next());
    let (_, read) =
        tokio::join!(timeout(Duration::from_secs(1), stream.writer.write_all(&bytes)), read);
    read.ok().map(|read| read.expect_err("it is half a frame"))
}

#[test]
fn half_frames_of_one_node_take_its_share_and_no_more() {
    run(async {
        let (pair, room) = (Pair::new().await, Room::new(&limits()));
        let mut held = Vec::new();
        let refused = loop {
            let (mut stream, mut wire) = counted(&pair, &room, ONE).await;
            if let Some(error) = half(&mut stream, &mut wire).await {
                break error;
            }
            held.push((stream, wire));
            assert!(held.len() < 4, "{} bytes are kept of one node", room.kept());
        };
        assert_eq!(refused.close(), Close::Busy);
        let max = limits().inbound_bytes_per_peer_max;
        assert!(
            matches!(refused, WireError::NoRoom(NoRoom::OfPeer { max: found, .. }) if found == max),
            "{refused}"
        );
        let least = (100 << 10) * u64::try_from(held.len()).expect("a few");
        assert!(held.len() > 1 && room.kept() >= least && room.kept() <= max, "{}", room.kept());

        // Another node is heard.
        let (mut stream, mut wire) = counted(&pair, &room, OTHER).await;
        stream.writer.write_all(&framed(&message("heard"))).await.expect("there is room");
        assert_eq!(wire.reader.next().await.expect("it is one"), Some(message("heard")));

        drop((held, wire));
        assert_eq!(room.kept(), 0);
    });
}

#[test]
fn all_nodes_together_take_the_room_and_no_more() {
    run(async {
        let (pair, room) = (Pair::new().await, Room::new(&limits()));
        let mut held = Vec::new();
        for number in 10..20 {
            let (mut stream, mut wire) = counted(&pair, &room, NodeId([number; 32])).await;
            match half(&mut stream, &mut wire).await {
                None => held.push((stream, wire)),
                Some(error) => {
                    assert!(matches!(error, WireError::NoRoom(NoRoom::OfAll { .. })), "{error}");
                    assert!(room.kept() <= limits().inbound_bytes_max);
                    drop(held);
                    // In their place there is room for others.
                    let (mut stream, mut wire) = counted(&pair, &room, OTHER).await;
                    assert!(half(&mut stream, &mut wire).await.is_none());
                    return;
                }
            }
        }
        panic!("{} bytes are kept", room.kept());
    });
}

#[test]
fn what_was_read_is_not_counted_any_more() {
    run(async {
        let (pair, room) = (Pair::new().await, Room::new(&limits()));
        let (mut stream, mut wire) = counted(&pair, &room, ONE).await;
        for round in 0..100 {
            let text = "x".repeat(1_000);
            stream.writer.write_all(&framed(&message(&text))).await.expect("there is room");
            assert_eq!(wire.reader.next().await.expect("it is one"), Some(message(&text)));
            assert!(room.kept() <= READ_BYTES + 2_048, "{} in round {round}", room.kept());
        }
    });
}

#[test]
fn bills_are_counted_as_they_arrive() {
    run(async {
        let (pair, room) = (Pair::new().await, Room::new(&limits()));
        let item =
            |tick| BillItem { part: Part::History(Tick(tick), 0), hash: Hash::ZERO, bytes: 0 };
        let (mut stream, mut wire) = counted(&pair, &room, ONE).await;
        let send = async {
            for begin in 1.. {
                let items = (begin * 100..(begin + 1) * 100).map(item).collect();
                if stream.writer.write_all(&framed(&Message::Bill { items })).await.is_err() {
                    return;
                }
            }
        };
        let begun = Prepare { bill: vec![item(0)], more: 60_000, ..prepare() };
        let (limits, before) = (Limits::default(), room.kept());
        let receive = receive_bill(&mut wire.reader, &limits, &begun);
        let (received, _) = tokio::join!(receive, timeout(Duration::from_secs(120), send));
        let refused = received.expect_err("it is more than there is room for");
        assert!(matches!(refused, WireError::NoRoom(NoRoom::OfPeer { .. })), "{refused}");
        assert!(before < room.kept() && room.kept() <= 400 << 10, "{}", room.kept());
        drop(wire);
        assert_eq!(room.kept(), 0);
    });
}
