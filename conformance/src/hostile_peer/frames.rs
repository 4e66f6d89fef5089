//! Attacks on frames: lengths that lie, frames that end early, and bytes that mean nothing.

use igor_core::Limits;
use igor_node::wire::Close;

use super::Attacked;
use super::support::{HANDOFF, attack, ended, framed, prepare};
use crate::{Case, Effort, Rng, seed};

pub(super) fn cases() -> Vec<Case<Attacked>> {
    crate::cases![Attacked;
        a_frame_above_the_limit_is_refused covers ["frames"],
        an_empty_frame_is_refused covers ["frames"],
        a_frame_that_ends_early_is_refused covers ["frames"],
        a_frame_that_is_abandoned_is_forgotten covers ["frames"],
        an_unknown_type_is_refused covers ["frames"],
        bytes_without_meaning_end_a_stream covers ["frames"],
    ]
}

fn a_frame_above_the_limit_is_refused(attacked: &Attacked) {
    attack(attacked, Limits::default(), async |scene| {
        for length in [(1 << 20) + 1, 1 << 24, 1 << 31, u32::MAX] {
            let bytes = [&length.to_le_bytes()[..], &[1; 100]].concat();
            scene.assert_refused(&bytes, Close::TooLarge).await;
        }
        // After a message that is sound.
        let sound = framed(&prepare(Vec::new(), 1));
        let bytes = [&sound[..], &u32::MAX.to_le_bytes()].concat();
        scene.assert_refused(&bytes, Close::TooLarge).await;
    });
}

fn an_empty_frame_is_refused(attacked: &Attacked) {
    attack(attacked, Limits::default(), async |scene| {
        scene.assert_refused(&[0; 4], Close::Malformed).await;
    });
}

fn a_frame_that_ends_early_is_refused(attacked: &Attacked) {
    attack(attacked, Limits::default(), async |scene| {
        let sound = framed(&prepare(Vec::new(), 0));
        for end in [0, 1, 3, 4, 5, sound.len() - 1] {
            scene.assert_refused_at_end(&sound[..end], Close::Malformed).await;
        }
    });
}

fn a_frame_that_is_abandoned_is_forgotten(attacked: &Attacked) {
    attack(attacked, Limits::default(), async |scene| {
        let sound = framed(&prepare(Vec::new(), 0));
        for end in [0, 1, 3, 4, 5, sound.len() - 1] {
            let mut stream = scene.say(&sound[..end]).await;
            stream.writer.reset(Close::Done.code());
        }
        // The node has nothing to say to that, and hears what comes after it.
        scene.assert_refused(&[0; 4], Close::Malformed).await;
    });
}

fn an_unknown_type_is_refused(attacked: &Attacked) {
    attack(attacked, Limits::default(), async |scene| {
        for kind in [0, 11, 127, 255] {
            scene.assert_refused(&[4, 0, 0, 0, kind, 1, 2, 3], Close::Malformed).await;
        }
    });
}

fn bytes_without_meaning_end_a_stream(attacked: &Attacked) {
    attack(attacked, Limits::default(), async |scene| {
        let mut rng = Rng::for_case("garbage");
        for _ in 0..Effort::current().rounds(100) {
            let length = usize::try_from(rng.below(300) + 1).expect("it is small");
            let mut bytes = rng.bytes(length);
            // Half of them are in a frame, with a type that exists.
            if rng.below(2) == 0 {
                let kind = u8::try_from(rng.below(10) + 1).expect("it is small");
                bytes.iter_mut().take(1).for_each(|byte| *byte = kind);
                let length = u32::try_from(bytes.len()).expect("it is small");
                bytes = [&length.to_le_bytes()[..], &bytes].concat();
            }
            let mut stream = scene.open(HANDOFF).await;
            let _ = stream.writer.write_all(&bytes).await;
            let _ = stream.writer.finish();
            let ended = ended(&mut stream).await;
            let is_refused = matches!(ended, Some(Close::Malformed | Close::TooLarge));
            assert!(is_refused, "IGOR_CONFORMANCE_SEED={}: {ended:?} after {bytes:02x?}", seed());
        }
    });
}
