//! Attacks with what an agent consists of: bytes that are not what was announced, chunks out of order, twice, or of
//! nothing that was asked for, chunks that unfold to more than they say, names that lead elsewhere, and lives
//! that were edited. Each is refused with its code before anything of it is durable.

use igor_core::Limits;
use igor_core::format::{
    CHUNK_BYTES_MAX, Chunk, ChunkContent, Message, Microcents, Part, RefusalCode,
};
use igor_node::shell::wire::ping;
use igor_node::wire::{Close, pieces};

use super::Attacked;
use super::parcel::Parcel;
use super::speech::{Reply, Speech};
use super::support::{Scene, assert_abandoned, attack, framed};
use crate::Case;

pub(super) fn cases() -> Vec<Case<Attacked>> {
    crate::cases![Attacked;
        parts_that_are_not_what_was_announced_are_refused covers ["parcels"],
        lives_that_were_edited_are_refused covers ["parcels"],
        announcements_of_another_agent_are_refused covers ["parcels"],
        chunks_out_of_order_are_refused covers ["parcels"],
        chunks_that_unfold_to_more_are_refused covers ["parcels"],
        names_that_lead_elsewhere_are_refused covers ["parcels"],
        what_came_before_a_cut_is_not_wanted_again covers ["parcels"],
    ]
}

async fn refused(scene: &Scene<'_>, parcel: &Parcel, code: RefusalCode) {
    let reply = scene.speak().await.announce(parcel).await;
    assert_eq!(reply, Reply::NotReady(code));
    // The operator hears of it, too.
    let fate = scene.house.keeper.fate(&parcel.prepare.name);
    assert_eq!(fate.declined.last(), Some(&code));
}

fn parts_that_are_not_what_was_announced_are_refused(attacked: &Attacked) {
    attack(attacked, Limits::default(), async |scene| {
        let honest = Parcel::new("brought", 0xee);
        for index in 0..honest.parts.len() {
            let mut parcel = honest.clone();
            // What is there twice is sent once.
            let is_sent = !parcel.parts[..index].contains(&parcel.parts[index]);
            if let Some(last) = parcel.parts[index].last_mut().filter(|_| is_sent) {
                *last ^= 1;
                refused(scene, &parcel, RefusalCode::Hash).await;
            }
        }
    });
}

fn lives_that_were_edited_are_refused(attacked: &Attacked) {
    attack(attacked, Limits::default(), async |scene| {
        let honest = Parcel::new("brought", 0xee);
        // The header's fields, the lineage and the state of the last checkpoint, without its key.
        for at in [1, 9, 17, 57, 65, 73, 81, 113, 145, 209] {
            let mut parcel = honest.clone();
            parcel.edit(Part::Checkpoint, |bytes| bytes[at] ^= 1);
            let reply = scene.speak().await.announce(&parcel).await;
            assert!(matches!(reply, Reply::NotReady(_)), "byte {at}: {reply:?}");
        }
        let mut other_module = honest.clone();
        other_module.edit(Part::Module, |bytes| *bytes = wat::parse_str("(module)").unwrap());
        let reply = scene.speak().await.announce(&other_module).await;
        assert!(matches!(reply, Reply::NotReady(_)), "{reply:?}");
        let mut wider = honest;
        wider.edit(Part::Manifest, |bytes| *bytes = b"{\"capabilities\":{}}".to_vec());
        let reply = scene.speak().await.announce(&wider).await;
        assert!(matches!(reply, Reply::NotReady(_)), "{reply:?}");
    });
}

fn announcements_of_another_agent_are_refused(attacked: &Attacked) {
    attack(attacked, Limits::default(), async |scene| {
        let honest = Parcel::new("brought", 0xee);
        let mut richer = honest.clone();
        richer.prepare.budget = Microcents::MAX;
        let mut later = honest.clone();
        later.prepare.tick.0 += 1;
        let mut other = honest.clone();
        other.prepare.agent = Parcel::new("other", 0xdd).prepare.agent;
        for parcel in [richer, later, other] {
            let reply = scene.speak().await.announce(&parcel).await;
            assert!(matches!(reply, Reply::NotReady(_)), "{reply:?}");
        }
    });
}

/// A stream on which the node waits for the content of the first item that it wants.
async fn wanting(scene: &Scene<'_>, parcel: &Parcel) -> (Speech, u32) {
    let mut speech = scene.speak().await;
    speech.say(&Message::Prepare(Box::new(parcel.prepare.clone()))).await;
    match speech.hear().await {
        Ok(Some(Message::Want { items })) => (speech, items[0].0),
        other => panic!("the node says {other:?}"),
    }
}

fn chunks_out_of_order_are_refused(attacked: &Attacked) {
    attack(attacked, Limits::default(), async |scene| {
        let parcel = Parcel::new("brought", 0xee);
        let chunk = |item, offset, length| {
            let content = ChunkContent::Raw(vec![1; length]);
            Message::Chunk(Chunk { item, offset, content })
        };
        let length = parcel.parts[0].len();
        for chunks in [
            // Later ones first, gaps, the same twice, more than there is, and what nobody asked for.
            vec![chunk(1, 0, 1)],
            vec![chunk(0, 1, 1)],
            vec![chunk(0, 0, 1), chunk(0, 0, 1)],
            vec![chunk(0, 0, 2), chunk(0, 1, 1)],
            vec![chunk(0, 0, length + 1)],
            vec![chunk(60_000, 0, 1)],
            vec![Message::Prepare(Box::new(parcel.prepare.clone()))],
        ] {
            let (mut speech, first) = wanting(scene, &parcel).await;
            assert_eq!(first, 0);
            for message in chunks {
                speech.say(&message).await;
            }
            assert_eq!(speech.reply().await, Reply::Abandoned(Close::Malformed));
        }
    });
}

fn chunks_that_unfold_to_more_are_refused(attacked: &Attacked) {
    attack(attacked, Limits::default(), async |scene| {
        let mut parcel = Parcel::new("brought", 0xee);
        // A large part, so that the size of the part is not what stops it.
        parcel.edit(Part::Module, |bytes| bytes.resize(1 << 20, 0));
        let honest = pieces(0, &[0; 200_000], 0).next().expect("one chunk");
        let ChunkContent::Lz4 { bytes, .. } = honest.content else { panic!("zeros are packed") };
        assert!(bytes.len() < 2_000, "{} bytes stand for 200,000", bytes.len());
        for plain_bytes in [1_000_000, 199_999, 200_001, CHUNK_BYTES_MAX, u32::MAX] {
            let (mut speech, item) = wanting(scene, &parcel).await;
            let content = ChunkContent::Lz4 { plain_bytes, bytes: bytes.clone() };
            speech.say(&Message::Chunk(Chunk { item, offset: 0, content })).await;
            assert_eq!(speech.reply().await, Reply::Abandoned(Close::Malformed), "{plain_bytes}");
        }
        // Bombs that say what they are come to no more than was announced, and are not what it was.
        parcel.parts[0] = vec![0; 1 << 20];
        refused(scene, &parcel, RefusalCode::Hash).await;
    });
}

fn names_that_lead_elsewhere_are_refused(attacked: &Attacked) {
    attack(attacked, Limits::default(), async |scene| {
        let parcel = Parcel::new("trojan", 0xee);
        let sound = framed(&Message::Prepare(Box::new(parcel.prepare)));
        let at = sound.windows(6).position(|it| it == b"trojan").expect("its name is in it");
        for name in
            [b"../../", b"/etc/x", b"a/b/cd", b"a\0b\0cd", b"..\\..\\", b"\xff\xff\xff\xff\xff\xff"]
        {
            let mut bytes = sound.clone();
            bytes[at..at + 6].copy_from_slice(name);
            let mut stream = scene.say(&bytes).await;
            assert_abandoned(&mut stream, Close::Malformed).await;
        }
    });
}

/// From where on a node wants the module of `parcel`, which is item `number`. Nothing, as long as the attempt before
/// it is not over.
async fn wanted_from(speech: &mut Speech, parcel: &Parcel, number: u32) -> Option<u64> {
    speech.say(&Message::Prepare(Box::new(parcel.prepare.clone()))).await;
    match speech.hear().await {
        Ok(Some(Message::Want { items })) => {
            let module = items.into_iter().find(|(item, _)| *item == number);
            Some(module.expect("it never came whole").1)
        }
        Ok(Some(Message::NotReady { code, .. })) if is_underway(code) => None,
        other => panic!("the node says {other:?}"),
    }
}

const fn is_underway(code: RefusalCode) -> bool {
    matches!(code, RefusalCode::Held | RefusalCode::Busy)
}

/// Piece by piece a module arrives, each on a stream of its own that is given up then. What is made of it in the end is
/// refused, so that nothing of it may stay.
fn what_came_before_a_cut_is_not_wanted_again(attacked: &Attacked) {
    attack(attacked, Limits::default(), async |scene| {
        let mut parcel = Parcel::new("brought", 0xee);
        let large = vec![7; 4 * usize::try_from(CHUNK_BYTES_MAX).expect("a small number")];
        parcel.edit(Part::Module, |bytes| *bytes = large);
        let mut items = (0_u32..).zip(&parcel.prepare.bill);
        let module = items.find(|(_, item)| item.part == Part::Module);
        let number = module.map(|(number, _)| number).expect("every agent has one");
        let part = parcel.parts[usize::try_from(number).expect("few items")].clone();
        let (mut furthest, mut attempts) = (0, 1..=250);
        // Whether the last piece was read before the stream was given up is a matter of chance.
        while furthest <= u64::from(CHUNK_BYTES_MAX) {
            let again = parcel.again(attempts.next().expect("it goes on at some time"));
            let mut speech = scene.speak().await;
            if let Some(offset) = wanted_from(&mut speech, &again, number).await {
                furthest = offset;
                let piece = pieces(number, &part, offset).next().expect("there is a rest");
                speech.say(&Message::Chunk(piece)).await;
            }
            ping(&*scene.connection, &Limits::default()).await.expect("the node is there");
        }
        let last = loop {
            let again = parcel.again(attempts.next().expect("the last attempt ends"));
            match scene.speak().await.announce(&again).await {
                Reply::NotReady(code) if is_underway(code) => {}
                reply => break reply,
            }
        };
        assert_eq!(last, Reply::NotReady(RefusalCode::Hash));
    });
}
