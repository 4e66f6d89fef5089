//! Attacks that take their time: nothing is said, or a byte at a time, wherever a byte can be waited for; and
//! frames that are kept half sent.

use igor_core::format::Message;
use igor_node::wire::Close;

use super::Attacked;
use super::support::{
    HANDOFF, assert_abandoned, attack, ended, framed, impatient, item, prepare, trickle,
};
use crate::Case;

pub(super) fn cases() -> Vec<Case<Attacked>> {
    crate::cases![Attacked;
        streams_on_which_nothing_is_said_end covers ["slow"],
        a_byte_at_a_time_in_a_message_is_too_slow covers ["slow"],
        a_byte_at_a_time_in_a_large_message_is_too_slow covers ["slow"],
        silence_between_messages_is_too_slow covers ["slow"],
        an_item_at_a_time_is_too_slow_in_the_end covers ["slow"],
        half_sent_frames_are_not_kept covers ["slow"],
        questions_that_are_not_put_end covers ["slow"],
    ]
}

fn streams_on_which_nothing_is_said_end(attacked: &Attacked) {
    attack(attacked, impatient(), async |scene| {
        let mut streams = Vec::new();
        for _ in 0..16 {
            streams.push(scene.open(HANDOFF).await);
        }
        for stream in &mut streams {
            assert_abandoned(stream, Close::TooSlow).await;
        }
        // They are over: others can be opened in their place.
        drop(streams);
        scene.assert_refused(&[0; 4], Close::Malformed).await;
    });
}

fn bytes(of: Vec<u8>) -> impl Iterator<Item = Vec<u8>> {
    of.into_iter().map(|byte| vec![byte])
}

fn a_byte_at_a_time_in_a_message_is_too_slow(attacked: &Attacked) {
    attack(attacked, impatient(), async |scene| {
        let message = framed(&prepare(vec![item(0, 1)], 0));
        let mut stream = scene.open(HANDOFF).await;
        trickle(&mut stream, bytes(message)).await;
        assert_abandoned(&mut stream, Close::TooSlow).await;
    });
}

fn a_byte_at_a_time_in_a_large_message_is_too_slow(attacked: &Attacked) {
    attack(attacked, impatient(), async |scene| {
        let mut stream = scene.say(&(1_u32 << 20).to_le_bytes()).await;
        trickle(&mut stream, bytes(vec![1; 2_000])).await;
        assert_abandoned(&mut stream, Close::TooSlow).await;
    });
}

fn silence_between_messages_is_too_slow(attacked: &Attacked) {
    attack(attacked, impatient(), async |scene| {
        scene.assert_refused(&framed(&prepare(vec![item(0, 1)], 1)), Close::TooSlow).await;
    });
}

fn an_item_at_a_time_is_too_slow_in_the_end(attacked: &Attacked) {
    attack(attacked, impatient(), async |scene| {
        let mut stream = scene.say(&framed(&prepare(vec![item(0, 1)], 6_000))).await;
        let bills = (1..).map(|tick| framed(&Message::Bill { items: vec![item(tick, 1)] }));
        trickle(&mut stream, bills).await;
        assert_abandoned(&mut stream, Close::TooSlow).await;
    });
}

fn half_sent_frames_are_not_kept(attacked: &Attacked) {
    attack(attacked, impatient(), async |scene| {
        let half = [&(1_u32 << 20).to_le_bytes()[..], &vec![1; 100 << 10]].concat();
        let mut streams = Vec::new();
        for _ in 0..16 {
            streams.push(scene.say(&half).await);
        }
        for stream in &mut streams {
            assert_abandoned(stream, Close::TooSlow).await;
        }
    });
}

fn questions_that_are_not_put_end(attacked: &Attacked) {
    attack(attacked, impatient(), async |scene| {
        for (name, begun) in [("/igor/ping/1.0.0", "pin"), ("/igor/price/1.0.0", "{\"agent_id\":")]
        {
            let mut silent = scene.open(name).await;
            let mut begins = scene.open(name).await;
            begins.writer.write_all(begun.as_bytes()).await.expect("it is heard");
            // Where the original's nodes ask, streams end without a code.
            for stream in [&mut silent, &mut begins] {
                let ended = ended(stream).await;
                assert!(matches!(ended, Some(Close::TooSlow | Close::Done)), "{ended:?}");
            }
        }
    });
}
