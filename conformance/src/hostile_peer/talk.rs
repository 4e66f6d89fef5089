//! Attacks with messages that are sound by themselves: out of turn, more than is allowed, not what a question
//! looks like, and offers that nobody signed.

use igor_core::Limits;
use igor_core::format::{
    Answer, Chunk, ChunkContent, Message, NodeKey, Offer, Reason, RefusalCode, SealedKey,
    TransferId, Verdict,
};
use igor_node::wire::Close;

use super::Attacked;
use super::support::{attack, ended, framed, item, offer, prepare};
use crate::Case;

pub(super) fn cases() -> Vec<Case<Attacked>> {
    crate::cases![Attacked;
        messages_out_of_turn_are_refused covers ["talk"],
        bills_that_are_too_much_are_refused covers ["talk"],
        bills_that_go_on_wrongly_are_refused covers ["talk"],
        offers_that_nobody_signed_are_refused covers ["talk"],
        what_is_no_question_is_refused covers ["talk"],
    ]
}

fn messages_out_of_turn_are_refused(attacked: &Attacked) {
    attack(attacked, Limits::default(), async |scene| {
        let transfer = TransferId::from_bytes([0xee; 16]);
        let (code, reason) = (RefusalCode::Busy, Reason::default());
        let content = ChunkContent::Raw(vec![1]);
        let answer = Answer::sign(&NodeKey::from_seed(&[1; 32]), offer().hash(), Verdict::Accepted);
        let sealed_key = Box::new(SealedKey::from_bytes([1; SealedKey::BYTES]));
        for message in [
            Message::Bill { items: vec![item(0, 1)] },
            Message::Want { items: vec![(0, 0)] },
            Message::Chunk(Chunk { item: 0, offset: 0, content }),
            Message::Ready { transfer },
            Message::NotReady { transfer, code, reason: reason.clone() },
            Message::Offer { offer: offer(), sealed_key, bill: Vec::new() },
            Message::Answer { answer, reason },
        ] {
            scene.assert_refused(&framed(&message), Close::Malformed).await;
        }
        // In the middle of a bill.
        let begun = framed(&prepare(vec![item(0, 1)], 1));
        let bytes = [begun.clone(), begun].concat();
        scene.assert_refused(&bytes, Close::Malformed).await;
    });
}

fn bills_that_are_too_much_are_refused(attacked: &Attacked) {
    attack(attacked, Limits::default(), async |scene| {
        let max = Limits::default().package_bytes_max;
        for (bill, more) in [
            (vec![item(0, max + 1)], 0),
            (vec![item(0, max), item(1, 1)], 0),
            (vec![item(0, u64::MAX), item(1, u64::MAX)], 0),
            (vec![item(0, 1)], 65_536),
        ] {
            scene.assert_refused(&framed(&prepare(bill, more)), Close::TooLarge).await;
        }
    });
}

fn bills_that_go_on_wrongly_are_refused(attacked: &Attacked) {
    attack(attacked, Limits::default(), async |scene| {
        for ticks in [vec![], vec![0], vec![1, 2, 3]] {
            let items = ticks.iter().map(|tick| item(*tick, 1)).collect();
            let begun = framed(&prepare(vec![item(0, 1)], 2));
            let bytes = [begun, framed(&Message::Bill { items })].concat();
            scene.assert_refused(&bytes, Close::Malformed).await;
        }
    });
}

fn offers_that_nobody_signed_are_refused(attacked: &Attacked) {
    attack(attacked, Limits::default(), async |scene| {
        let sound = offer().encode();
        // In the terms, in the agent's signature, and in the source's.
        for at in [100, sound.len() - 100, sound.len() - 10] {
            let mut bytes = sound.clone();
            bytes[at] ^= 1;
            let forged = Box::new(Offer::decode(&bytes).expect("its structure is sound"));
            for message in
                [Message::Inquire { offer: forged.clone() }, Message::Withdraw { offer: forged }]
            {
                scene.assert_refused(&framed(&message), Close::Malformed).await;
            }
        }
    });
}

fn what_is_no_question_is_refused(attacked: &Attacked) {
    attack(attacked, Limits::default(), async |scene| {
        let endless = vec![b'{'; 100 << 10];
        let never: [(&str, &[u8]); 5] = [
            ("/igor/ping/1.0.0", b"PING"),
            ("/igor/price/1.0.0", b"\n"),
            ("/igor/price/1.0.0", b"[[[[[[[[[[[[[[\n"),
            ("/igor/price/1.0.0", b"{\"agent_id\":{}}\n"),
            ("/igor/price/1.0.0", &endless),
        ];
        for (name, bytes) in never {
            let mut stream = scene.open(name).await;
            let _ = stream.writer.write_all(bytes).await;
            // Where the original's nodes ask, streams end without a code.
            let ended = ended(&mut stream).await;
            assert!(matches!(ended, Some(Close::Malformed | Close::Done)), "{ended:?}");
        }
    });
}
