//! Attacks by a node that an agent is given to: it asks for what there is not, says nothing, says yes with
//! somebody else's key, to something else, or twice. The agent ticks on at its source unless the target's own
//! signature says that it has it, and is nowhere twice.

use std::sync::Arc;

use igor_core::Limits;
use igor_core::format::{
    Answer, Hash, Message, NodeKey, Offer, Reason, RefusalCode, TransferId, Verdict,
};
use igor_core::handoff::Holding;
use igor_core::transport::{Connection, Listener};
use igor_node::shell::moving::Outcome;
use igor_node::wire::Close;
use tokio::task::{JoinHandle, JoinSet};

use super::Attacked;
use super::house::node_of;
use super::speech::Speech;
use super::support::{ATTACKER, Scene, attack, impatient};
use crate::Case;

pub(super) fn cases() -> Vec<Case<Attacked>> {
    crate::cases![Attacked;
        targets_that_want_what_there_is_not_get_nothing covers ["targets"],
        targets_that_say_nothing_hold_nobody_up covers ["targets"],
        answers_by_another_key_or_about_something_else_do_not_count covers ["targets"],
        an_answer_that_was_given_is_not_taken_back covers ["targets"],
    ]
}

/// What a target says when it hears an offer.
type Lie = fn(&Offer) -> Message;

/// What a target says to the announcement.
type Wish = fn(TransferId) -> Message;

fn signed(seed: u8, offer: Hash, verdict: Verdict) -> Message {
    let answer = Answer::sign(&NodeKey::from_seed(&[seed; 32]), offer, verdict);
    Message::Answer { answer, reason: Reason::default() }
}

/// Lets the attacker listen, and lie to whoever gives it an agent: it answers the announcement with `wish` and
/// the offer with `lie`. Asked again it refuses.
async fn lying(
    scene: &Scene<'_>,
    wish: Wish,
    lie: Lie,
) -> (igor_core::transport::Address, JoinHandle<()>) {
    scene.dials();
    let place = scene.attacker.any_address();
    let listener = scene.attacker.listen(&place).await.expect("a free place");
    let address = listener.addresses().remove(0);
    (address, tokio::spawn(lie_to_all(listener, wish, lie)))
}

async fn lie_to_all(listener: Box<dyn Listener>, wish: Wish, lie: Lie) {
    let mut lies = JoinSet::new();
    while let Ok(connection) = listener.accept().await {
        lies.spawn(lie_to(connection, wish, lie));
    }
}

async fn lie_to(connection: Arc<dyn Connection>, wish: Wish, lie: Lie) {
    while let Ok((_, stream)) = connection.accept().await {
        let mut speech = Speech::on(stream);
        while let Ok(Some(message)) = speech.hear().await {
            match message {
                Message::Prepare(prepare) => {
                    speech.say(&wish(prepare.transfer)).await;
                    speech.say(&Message::Ready { transfer: prepare.transfer }).await;
                }
                Message::Offer { offer, .. } => speech.say(&lie(&offer)).await,
                Message::Inquire { offer } | Message::Withdraw { offer } => {
                    speech.say(&signed(ATTACKER, offer.hash(), Verdict::Refused)).await;
                }
                _ => {}
            }
        }
    }
}

fn wants_nothing(_: TransferId) -> Message {
    Message::Want { items: Vec::new() }
}

/// Gives the resident to the liar. It stays.
async fn assert_stays(scene: &Scene<'_>, wish: Wish, lie: Lie) {
    let (address, lies) = lying(scene, wish, lie).await;
    let outcome = scene.house.give(&scene.resident, (node_of(ATTACKER), &address)).await;
    assert!(matches!(outcome, Outcome::Stayed(_)), "{outcome:?}");
    scene.house.assert_ticks(&scene.resident).await;
    lies.abort();
}

fn targets_that_want_what_there_is_not_get_nothing(attacked: &Attacked) {
    attack(attacked, Limits::default(), async |scene| {
        let wishes: [Wish; 5] = [
            |_| Message::Want { items: vec![(60_000, 0)] },
            |_| Message::Want { items: vec![(u32::MAX, u64::MAX)] },
            |transfer| Message::NotReady {
                transfer,
                code: RefusalCode::Signature,
                reason: Reason::new("no"),
            },
            |_| Message::Ready { transfer: TransferId::from_bytes([0; 16]) },
            |_| Message::Bill { items: Vec::new() },
        ];
        for wish in wishes {
            assert_stays(scene, wish, |offer| signed(ATTACKER, offer.hash(), Verdict::Refused))
                .await;
        }
        assert_eq!(scene.house.holding(&scene.resident).await, Holding::Held(0));
    });
}

fn targets_that_say_nothing_hold_nobody_up(attacked: &Attacked) {
    attack(attacked, impatient(), async |scene| {
        scene.dials();
        let place = scene.attacker.any_address();
        let listener = scene.attacker.listen(&place).await.expect("a free place");
        let address = listener.addresses().remove(0);
        let silent = tokio::spawn(async move {
            let mut heard = Vec::new();
            while let Ok(connection) = listener.accept().await {
                let stream = connection.accept().await;
                heard.push((connection, stream));
            }
        });
        let outcome = scene.house.give(&scene.resident, (node_of(ATTACKER), &address)).await;
        assert!(matches!(outcome, Outcome::Stayed(_)), "{outcome:?}");
        scene.house.assert_ticks(&scene.resident).await;
        silent.abort();
    });
}

fn answers_by_another_key_or_about_something_else_do_not_count(attacked: &Attacked) {
    attack(attacked, Limits::default(), async |scene| {
        let resident = scene.resident.clone();
        scene.writes(igor_core::storage::Key::Custody(resident));
        let lies: [Lie; 4] = [
            // Another node, which was never asked, has taken it.
            |offer| signed(9, offer.hash(), Verdict::Accepted),
            // Something else was accepted.
            |_| signed(ATTACKER, Hash::of(b"another offer"), Verdict::Accepted),
            // It is ready once more.
            |offer| Message::Ready { transfer: offer.terms().transfer },
            // It offers it back.
            |offer| Message::Withdraw { offer: Box::new(*offer) },
        ];
        for lie in lies {
            assert_stays(scene, wants_nothing, lie).await;
        }
        assert_eq!(scene.house.holding(&scene.resident).await, Holding::Held(0));
    });
}

fn an_answer_that_was_given_is_not_taken_back(attacked: &Attacked) {
    attack(attacked, Limits::default(), async |scene| {
        scene.loses_resident();
        let (address, lies) =
            lying(scene, wants_nothing, |offer| signed(ATTACKER, offer.hash(), Verdict::Accepted))
                .await;
        let outcome = scene.house.give(&scene.resident, (node_of(ATTACKER), &address)).await;
        assert_eq!(outcome, Outcome::Moved(node_of(ATTACKER)));
        let Holding::Released { offer, answer } = scene.house.holding(&scene.resident).await else {
            panic!("it was released");
        };
        assert_eq!(answer.map(|answer| answer.verdict), Some(Verdict::Accepted));
        let ticks = scene.house.keeper.fate(&scene.resident).ticks;
        // Refused after all, and accepted by somebody else: neither is heard.
        for late in [
            signed(ATTACKER, offer.offer().hash(), Verdict::Refused),
            signed(9, offer.offer().hash(), Verdict::Accepted),
        ] {
            scene.assert_refused(&super::support::framed(&late), Close::Malformed).await;
        }
        assert!(matches!(scene.house.holding(&scene.resident).await, Holding::Released { .. }));
        assert_eq!(scene.house.keeper.fate(&scene.resident).ticks, ticks, "it does not tick here");
        lies.abort();
    });
}
