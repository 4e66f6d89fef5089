//! Attacks on what a node has room for: half frames on every stream, announcements of more than there is room
//! for, a source that falls silent when everything is ready, and as many connections as there can be. The
//! attacker gets its share, is told when it wants more, and others go on.

use std::sync::Arc;

use igor_core::Limits;
use igor_core::format::{BillItem, Hash, Message, Part, RefusalCode, Tick};
use igor_core::transport::{Connection, ProtocolId, Stream};
use igor_node::wire::Close;
use tokio::task::JoinSet;

use super::Attacked;
use super::house::until;
use super::parcel::Parcel;
use super::speech::{Reply, Speech};
use super::support::{HANDOFF, attack, ended, framed, impatient, item, prepare};
use crate::{Case, Effort};

pub(super) fn cases() -> Vec<Case<Attacked>> {
    crate::cases![Attacked;
        half_frames_on_every_stream_leave_room_for_others covers ["room"],
        announcements_of_more_than_there_is_room_for_are_refused covers ["room"],
        a_source_that_falls_silent_keeps_nothing covers ["room"],
        as_many_connections_as_there_can_be_leave_room_for_others covers ["connections"],
    ]
}

/// Room for little, so that an attack that takes it is short.
fn narrow() -> Limits {
    Limits {
        inbound_bytes_max: 8 << 20,
        inbound_bytes_per_peer_max: 4 << 20,
        package_bytes_max: 3 << 20,
        ..Limits::default()
    }
}

async fn open(connection: &Arc<dyn Connection>) -> Stream {
    let protocol = ProtocolId::new(HANDOFF).expect("it is a name");
    connection.open(&protocol).await.expect("the connection stands")
}

fn half_frames_on_every_stream_leave_room_for_others(attacked: &Attacked) {
    attack(attacked, narrow(), async |scene| {
        let second = scene.attacker.connect(&scene.address).await.expect("two are allowed");
        let half = [&(1_u32 << 20).to_le_bytes()[..], &vec![1; 600 << 10]].concat();
        let mut streams = JoinSet::new();
        for connection in [&scene.connection, &second] {
            for _ in 0..16 {
                let (mut stream, half) = (open(connection).await, half.clone());
                streams.spawn(async move {
                    let _ = stream.writer.write_all(&half).await;
                    ended(&mut stream).await
                });
            }
        }
        let (room, max) = (scene.house.door.room(), narrow().inbound_bytes_per_peer_max);
        // 32 streams of 600 KiB do not fit into 4 MiB: most are told so at once, the others wait for the rest
        // of the frame until that is too slow.
        let mut busy = 0;
        while busy < 20 {
            let ended = streams.join_next().await.expect("20 of 32 are told that there is no room");
            match ended.expect("it does not panic") {
                Some(Close::Busy) => busy += 1,
                Some(Close::TooSlow) => {}
                other => panic!("{other:?}"),
            }
            assert!(room.kept() <= max, "{} bytes are kept", room.kept());
        }
        drop(streams);
        second.close(Close::Done.code()).await;
    });
}

fn announcements_of_more_than_there_is_room_for_are_refused(attacked: &Attacked) {
    attack(attacked, narrow(), async |scene| {
        let bill = |number: u64| {
            let hash = Hash::of(&number.to_le_bytes());
            vec![BillItem { part: Part::History(Tick(1), 0), hash, bytes: 3 << 20 }]
        };
        // The first is given room for all of it.
        let mut first = scene.speak().await;
        first.say(&prepare(bill(1), 0)).await;
        let wanted = first.hear().await.expect("it is heard");
        assert!(matches!(wanted, Some(Message::Want { .. })), "{wanted:?}");
        // A second one of the same node is not, and is told why.
        let mut parcel = Parcel::new("second", 0xdd);
        parcel.prepare.bill = bill(2);
        let mut second = scene.speak().await;
        second.say(&Message::Prepare(Box::new(parcel.prepare))).await;
        match second.hear().await {
            Ok(Some(Message::NotReady { code: RefusalCode::Busy, reason, .. })) => {
                assert!(reason.as_str().contains("no room"), "{}", reason.as_str());
            }
            other => panic!("the node says {other:?}"),
        }
        // One of another node is.
        let (_other, connection) = scene.connect_as(9).await;
        let connection = connection.expect("there is room");
        let honest = Parcel::new("third", 0xcc);
        scene.owns(&honest.prepare.name);
        let mut third = Speech::on(open(&connection).await);
        assert_eq!(third.announce(&honest).await, Reply::Ready);
        connection.close(Close::Done.code()).await;
    });
}

fn a_source_that_falls_silent_keeps_nothing(attacked: &Attacked) {
    attack(attacked, impatient(), async |scene| {
        let parcel = Parcel::new("brought", 0xee);
        scene.owns(&parcel.prepare.name);
        let room = scene.house.door.room();
        for round in 0..3 {
            let mut speech = scene.speak().await;
            assert_eq!(speech.announce(&parcel.again(round)).await, Reply::Ready);
            assert!(room.kept() > 0, "room is kept for it");
            // Nothing follows, on a stream and a connection that stand.
            assert_eq!(speech.reply().await, Reply::Abandoned(Close::TooSlow));
            until(|| room.kept() == 0, || format!("{} bytes are kept", room.kept())).await;
        }
        // Who means it can still bring it.
        let mut speech = scene.speak().await;
        assert_eq!(speech.announce(&parcel.again(9)).await, Reply::Ready);
    });
}

#[allow(clippy::print_stdout, reason = "how many there could be is a figure to be read")]
fn as_many_connections_as_there_can_be_leave_room_for_others(attacked: &Attacked) {
    let limits = Limits { connections_max: 64, ..Limits::default() };
    attack(attacked, limits, async |scene| {
        let (mut attackers, mut held, mut refused) = (Vec::new(), Vec::new(), 0_u64);
        // More identities than there is room for, and more connections of each than it may have.
        for round in 0..Effort::current().rounds(150) {
            let index = round % 50;
            if index == attackers.len() {
                let seed = 100 + u8::try_from(index).expect("it is small");
                let (transport, connection) = scene.connect_as(seed).await;
                attackers.push(transport);
                connection.map_or_else(|_| refused += 1, |connection| held.push(connection));
                continue;
            }
            let connection = attackers[index].connect(&scene.address).await;
            connection.map_or_else(|_| refused += 1, |connection| held.push(connection));
        }
        println!("{} connections were let in and {refused} refused", held.len());
        assert!(held.len() > 30 && refused > 30, "{} are let in, {refused} refused", held.len());
        // Those who are connected are heard.
        let bytes = framed(&prepare(vec![item(0, 1)], 65_536));
        scene.assert_refused(&bytes, Close::TooLarge).await;
        for connection in held {
            connection.close(Close::Done.code()).await;
        }
    });
}
