//! Bills over several messages and parts in chunks: what arrives is what was sent, and whatever is out of
//! order, too much or too slow is refused with its reason.

use std::time::Duration;

use igor_core::Limits;
use igor_core::format::{
    AgentKey, BillItem, Chunk, ChunkContent, Hash, Message, Microcents, Part, Prepare, Price, Tick,
    TransferId,
};
use igor_node::shell::wire::{Pieces, Wire, WireError, receive_bill, send_bill, send_part};
use igor_node::wire::{Close, Course};

use crate::support::{Pair, assert_stopped, framed, message, pass, run, timed, too_slow};

fn parts() -> Vec<Vec<u8>> {
    let noise = |count: usize| {
        let blocks = (0..).map(|index: u32| *Hash::of(&index.to_le_bytes()).as_bytes());
        blocks.flatten().take(count).collect::<Vec<u8>>()
    };
    let text = b"again and again, ".repeat(50_000);
    vec![text, Vec::new(), noise(300_000), b"short".to_vec(), noise(1)]
}

fn bill() -> Vec<BillItem> {
    let item = |(tick, part): (u64, Vec<u8>)| BillItem {
        part: Part::History(Tick(tick), 0),
        hash: Hash::of(&part),
        bytes: u64::try_from(part.len()).expect("it is short"),
    };
    (0..).zip(parts()).map(item).collect()
}

pub(crate) fn prepare() -> Prepare {
    Prepare {
        transfer: TransferId::from_bytes([1; 16]),
        agent: AgentKey::from_seed(&[3; 32]).public_key(),
        name: "agent".parse().expect("a name"),
        tick: Tick(1),
        budget: Microcents::ZERO,
        price: Price::default(),
        module: Hash::ZERO,
        manifest: Hash::ZERO,
        bill: Vec::new(),
        more: 0,
    }
}

/// The prepare that a stream begins with.
async fn begun(wire: &mut Wire) -> Prepare {
    match wire.reader.expect("prepare").await.expect("it comes") {
        Message::Prepare(prepare) => *prepare,
        other => panic!("{}", other.name()),
    }
}

#[test]
fn a_long_bill_arrives_as_it_was() {
    run(async {
        let (pair, limits) = (Pair::new().await, Limits::default());
        let (peer, mut wire) = pair.wire(&limits).await;
        let mut peer = Wire::new(peer, &limits);
        let item =
            |tick| BillItem { part: Part::Segment(Tick(tick), 3), hash: Hash::ZERO, bytes: 1 };
        let long: Vec<BillItem> = (0..20_000).map(item).collect();
        let receive = async {
            let prepare = begun(&mut wire).await;
            assert_eq!((prepare.bill.len(), prepare.more), (8_192, 11_808));
            receive_bill(&mut wire.reader, &limits, &prepare).await.expect("it is one")
        };
        let send =
            async { send_bill(&mut peer.writer, prepare(), &long).await.expect("it is read") };
        let (found, ()) = tokio::join!(receive, send);
        assert_eq!(found, long);
    });
}

#[test]
fn a_bill_that_is_too_much_or_goes_on_wrongly_is_refused() {
    let item = |tick| BillItem { part: Part::Segment(Tick(tick), 0), hash: Hash::ZERO, bytes: 1 };
    let check = |more, next: Message, package_bytes_max, close: Close, expected: &'static str| {
        run(async move {
            let limits = Limits { package_bytes_max, ..Limits::default() };
            let pair = Pair::new().await;
            let (mut peer, mut wire) = pair.wire(&limits).await;
            let first = Prepare { bill: vec![item(1), item(2)], more, ..prepare() };
            for message in [Message::Prepare(Box::new(first)), next] {
                peer.writer.write_all(&framed(&message)).await.expect("there is room");
            }
            let prepare = begun(&mut wire).await;
            let error = receive_bill(&mut wire.reader, &limits, &prepare).await;
            let error = error.expect_err("it is no bill");
            assert_eq!((&*error.to_string(), error.close()), (expected, close));
            assert_stopped(&mut peer, close).await;
        });
    };
    let bill =
        |ticks: &[u64]| Message::Bill { items: ticks.iter().map(|tick| item(*tick)).collect() };
    check(1, bill(&[3]), 2, Close::TooLarge, "a bill of 3 bytes, at most 2 are allowed");
    check(1, bill(&[3, 4]), 9, Close::Malformed, "2 items arrived where 1 were to come");
    check(2, bill(&[]), 9, Close::Malformed, "0 items arrived where 2 were to come");
    let expected = "in the bill, segment 0000000002.seg does not stand in its place";
    check(1, bill(&[2]), 9, Close::Malformed, expected);
    let expected = "not-ready arrived where the rest of a bill was due";
    check(1, message(""), 9, Close::Malformed, expected);
    let expected = "a bill of 65538 items, at most 65536 are allowed";
    check(65_536, bill(&[3]), 9, Close::TooLarge, expected);
}

#[test]
fn parts_arrive_as_they_were_from_any_offset() {
    run(async {
        let (pair, limits) = (Pair::new().await, Limits::default());
        for wanted in [vec![(0, 0), (2, 0), (3, 0), (4, 0)], vec![(0, 300_000), (3, 4)], vec![]] {
            let (peer, mut wire) = pair.wire(&limits).await;
            let mut peer = Wire::new(peer, &limits);
            let parts = parts();
            let send = async {
                for &(item, offset) in &wanted {
                    let part = &parts[usize::try_from(item).expect("it is small")];
                    send_part(&mut peer.writer, item, part, offset).await.expect("it is read");
                }
            };
            let receive = async {
                let course = Course::new(&bill(), &wanted).expect("it is in the bill");
                let mut pieces = Pieces::new(course, &limits);
                let mut found = vec![Vec::new(); wanted.len()];
                while let Some(piece) = pieces.next(&mut wire.reader).await.expect("it comes") {
                    let index = wanted.iter().position(|(item, _)| *item == piece.item);
                    found[index.expect("it is wanted")].extend(piece.bytes);
                }
                found
            };
            let (found, ()) = tokio::join!(receive, send);
            for ((item, offset), found) in wanted.iter().zip(found) {
                let part = &parts[usize::try_from(*item).expect("it is small")];
                assert!(found == part[usize::try_from(*offset).expect("it is small")..], "{item}");
            }
        }
    });
}

fn chunk(item: u32, offset: u64, content: ChunkContent) -> Message {
    Message::Chunk(Chunk { item, offset, content })
}

#[test]
fn chunks_out_of_order_and_packed_lies_are_refused() {
    let check = |message: Message, expected: &'static str| {
        run(async move {
            let (pair, limits) = (Pair::new().await, Limits::default());
            let (mut peer, mut wire) = pair.wire(&limits).await;
            peer.writer.write_all(&framed(&message)).await.expect("there is room");
            let course = Course::new(&bill(), &[(3, 1)]).expect("it is in the bill");
            let error = Pieces::new(course, &limits).next(&mut wire.reader).await;
            let error = error.expect_err("it is out of order");
            assert_eq!((&*error.to_string(), error.close()), (expected, Close::Malformed));
            assert_stopped(&mut peer, Close::Malformed).await;
        });
    };
    let raw = |count| ChunkContent::Raw(vec![1; count]);
    let expected = "a chunk of item 3 at 2 arrived where item 3 at 1 was due";
    check(chunk(3, 2, raw(1)), expected);
    let expected = "a chunk of item 4 at 1 arrived where item 3 at 1 was due";
    check(chunk(4, 1, raw(1)), expected);
    check(chunk(3, 1, raw(5)), "a chunk of item 3 reaches to 6, the part has 5 bytes");
    check(message(""), "not-ready arrived where a chunk was due");
    // It would unfold to more than its part has; that is known before it is.
    let bomb = ChunkContent::Lz4 { plain_bytes: 262_144, bytes: vec![0xff; 1_000] };
    check(chunk(3, 1, bomb), "a chunk of item 3 reaches to 262145, the part has 5 bytes");
    let lie = ChunkContent::Lz4 { plain_bytes: 4, bytes: vec![0x1f, b'a', 1] };
    check(chunk(3, 1, lie), "a chunk of item 3 at 1 cannot be unfolded to 4 bytes");
}

#[test]
fn little_by_little_is_too_slow_in_the_end() {
    run(async {
        let (pair, limits) = (Pair::new().await, Limits::default());
        let (mut peer, mut wire) = pair.wire(&limits).await;
        // A byte in a message of its own every ten seconds keeps each other limit.
        let send = async {
            for offset in 0.. {
                let message = framed(&chunk(2, offset, ChunkContent::Raw(vec![parts()[2][0]])));
                if peer.writer.write_all(&message).await.is_err() {
                    break;
                }
                pass(Duration::from_secs(10)).await;
            }
        };
        let receive = async {
            let course = Course::new(&bill(), &[(2, 0)]).expect("it is in the bill");
            let mut pieces = Pieces::new(course, &limits);
            loop {
                if let Err(error) = pieces.next(&mut wire.reader).await {
                    return error;
                }
            }
        };
        let ((error, took), ()) = tokio::join!(timed(receive), send);
        let (what, limit) = too_slow::<()>(Err(error)).expect("it is too slow");
        // 60 seconds, and 300,000 bytes at 64 KiB a second.
        let expected = Duration::from_secs(60) + Duration::from_nanos(4_577_636_718);
        assert_eq!((what, limit, took.as_millis()), ("what is wanted", expected, 64_577 + 1));
        assert_stopped(&mut peer, Close::TooSlow).await;
    });
}

#[test]
fn a_bill_little_by_little_is_too_slow_as_well() {
    run(async {
        let (pair, limits) = (Pair::new().await, Limits::default());
        let (mut peer, mut wire) = pair.wire(&limits).await;
        let item =
            |tick| BillItem { part: Part::Segment(Tick(tick), 0), hash: Hash::ZERO, bytes: 1 };
        let send = async {
            let first = Prepare { bill: vec![item(0)], more: 1_000, ..prepare() };
            let first = framed(&Message::Prepare(Box::new(first)));
            peer.writer.write_all(&first).await.expect("there is room");
            for tick in 1..1_001 {
                let message = framed(&Message::Bill { items: vec![item(tick)] });
                if peer.writer.write_all(&message).await.is_err() {
                    break;
                }
                pass(Duration::from_secs(20)).await;
            }
        };
        let receive = async {
            let prepare = begun(&mut wire).await;
            receive_bill(&mut wire.reader, &limits, &prepare).await
        };
        let (received, ()) = tokio::join!(receive, send);
        assert_eq!(too_slow(received).map(|(what, _)| what), Some("a bill"));
    });
}

#[test]
fn errors_of_a_stream_name_its_code() {
    let course = Course::new(&bill(), &[(1, 0)]).expect_err("it has no bytes");
    assert_eq!(WireError::from(course).close(), Close::Malformed);
    assert!(Close::Malformed.is_fault() && !Close::Busy.is_fault());
}
