//! Attacks with whole handoffs and with offers: what was said once is said again, to this node and to another one,
//! in every epoch, by other signers and about agents of others. Each is answered from what is durable, and
//! decides nothing twice.

use igor_core::Limits;
use igor_core::format::{
    AgentKey, Epoch, Message, NodeKey, Offer, RefusalCode, TransferId, Verdict,
};
use igor_core::handoff::Holding;
use igor_core::storage::Key;
use igor_core::transport::NodeId;
use igor_node::handoff::GateLimits;
use igor_node::shell::moving::Outcome;
use igor_node::wire::Close;

use super::Attacked;
use super::house::node_of;
use super::parcel::Parcel;
use super::speech::Reply;
use super::support::{ATTACKER, Scene, TARGET, attack, attack_at, framed, impatient};
use crate::Case;

pub(super) fn cases() -> Vec<Case<Attacked>> {
    crate::cases![Attacked;
        a_handoff_that_is_replayed_is_answered_from_the_record covers ["offers"],
        a_handoff_that_is_replayed_to_another_node_is_refused covers ["offers"],
        a_handoff_that_is_replayed_after_the_agent_left_brings_nothing_back covers ["offers"],
        an_offer_that_was_refused_stays_refused covers ["offers"],
        offers_in_low_and_absurd_epochs_decide_nothing covers ["offers"],
        offers_by_other_signers_decide_nothing covers ["offers"],
        offers_of_other_nodes_and_to_other_nodes_are_not_answered covers ["offers"],
        an_agent_that_is_here_cannot_be_brought covers ["offers"],
        an_offer_of_the_agent_that_is_here_by_a_stranger_does_not_stop_it covers ["offers"],
        an_offer_of_another_transfer_than_was_announced_is_refused covers ["offers"],
        offers_of_agents_that_nobody_knows_fill_no_memory covers ["offers"],
    ]
}

fn attacker() -> NodeKey {
    NodeKey::from_seed(&[ATTACKER; 32])
}

fn offer(parcel: &Parcel, epoch: u64) -> Box<Offer> {
    parcel.offer(&attacker(), node_of(TARGET).public_key(), epoch)
}

/// What a node keeps of an agent that was only ever offered to it: its name there is its key.
fn refused(offer: &Offer) -> Key {
    let name = NodeId::of(&offer.terms().agent).to_string();
    Key::Custody(name.parse().expect("it is a name"))
}

/// Brings an agent as an honest node would.
async fn bring(scene: &Scene<'_>, parcel: &Parcel) -> Reply {
    let mut speech = scene.speak().await;
    match speech.announce(parcel).await {
        Reply::Ready => speech.offer(parcel, offer(parcel, 1)).await,
        other => other,
    }
}

fn a_handoff_that_is_replayed_is_answered_from_the_record(attacked: &Attacked) {
    attack(attacked, Limits::default(), async |scene| {
        let parcel = Parcel::new("brought", 0xee);
        let agent = parcel.prepare.name.clone();
        scene.owns(&agent);
        assert_eq!(bring(scene, &parcel).await, Reply::Answer(Verdict::Accepted));
        scene.house.assert_ticks(&agent).await;
        // All of it again, byte for byte, and the offer alone.
        for _ in 0..3 {
            assert_eq!(bring(scene, &parcel).await, Reply::NotReady(RefusalCode::Held));
            for message in [
                Message::Inquire { offer: offer(&parcel, 1) },
                Message::Withdraw { offer: offer(&parcel, 1) },
            ] {
                assert_eq!(scene.ask(&message).await, Reply::Answer(Verdict::Accepted));
            }
        }
        assert_eq!(scene.house.keeper.fate(&agent).came, 1, "it came once");
        assert_eq!(scene.house.holding(&agent).await, Holding::Held(1));
        scene.house.assert_ticks(&agent).await;
    });
}

fn a_handoff_that_is_replayed_to_another_node_is_refused(attacked: &Attacked) {
    attack(attacked, Limits::default(), async |scene| {
        let parcel = Parcel::new("brought", 0xee);
        // It is prepared, which costs nothing; the offer names another node.
        let elsewhere = parcel.offer(&attacker(), node_of(9).public_key(), 1);
        scene.owns(&parcel.prepare.name);
        let mut speech = scene.speak().await;
        assert_eq!(speech.announce(&parcel).await, Reply::Ready);
        let reply = speech.offer(&parcel, elsewhere.clone()).await;
        assert!(
            matches!(reply, Reply::Abandoned(_) | Reply::Answer(Verdict::Refused)),
            "{reply:?}"
        );
        for message in
            [Message::Inquire { offer: elsewhere.clone() }, Message::Withdraw { offer: elsewhere }]
        {
            let reply = scene.ask(&message).await;
            assert!(matches!(reply, Reply::Abandoned(_)), "{reply:?}");
        }
        assert_eq!(scene.house.holding(&parcel.prepare.name).await, Holding::Absent);
    });
}

fn a_handoff_that_is_replayed_after_the_agent_left_brings_nothing_back(attacked: &Attacked) {
    attack(attacked, Limits::default(), async |scene| {
        let parcel = Parcel::new("brought", 0xee);
        let agent = parcel.prepare.name.clone();
        scene.owns(&agent);
        assert_eq!(bring(scene, &parcel).await, Reply::Answer(Verdict::Accepted));
        scene.house.assert_ticks(&agent).await;
        {
            scene.dials();
            let next = scene.neighbour(8);
            let (listener, address) = next.listen().await;
            let door = std::sync::Arc::clone(&next.door);
            let served = tokio::spawn(igor_node::shell::moving::listen(listener, door));
            let outcome = scene.house.give(&agent, (node_of(8), &address)).await;
            assert_eq!(outcome, Outcome::Moved(node_of(8)));
            next.assert_ticks(&agent).await;
            let ticks = scene.house.keeper.fate(&agent).ticks;
            // The old offer is what it always was: taken, once.
            let old = Message::Inquire { offer: offer(&parcel, 1) };
            assert_eq!(scene.ask(&old).await, Reply::Answer(Verdict::Accepted));
            // The old life, offered again and anew, is older than what this node knows.
            assert_eq!(bring(scene, &parcel).await, Reply::NotReady(RefusalCode::Stale));
            assert!(matches!(scene.house.holding(&agent).await, Holding::Released { .. }));
            assert_eq!(scene.house.keeper.fate(&agent).ticks, ticks, "it does not tick here");
            served.abort();
        }
    });
}

fn an_offer_that_was_refused_stays_refused(attacked: &Attacked) {
    attack(attacked, Limits::default(), async |scene| {
        let parcel = Parcel::new("brought", 0xee);
        scene.writes(refused(&offer(&parcel, 1)));
        let withdrawn = Message::Withdraw { offer: offer(&parcel, 1) };
        assert_eq!(scene.ask(&withdrawn).await, Reply::Answer(Verdict::Refused));
        // With all its parts in the right order it is refused still.
        scene.owns(&parcel.prepare.name);
        for _ in 0..2 {
            let reply = bring(scene, &parcel).await;
            let is_refused = matches!(reply, Reply::NotReady(_) | Reply::Answer(Verdict::Refused));
            assert!(is_refused, "{reply:?}");
        }
        let asked = Message::Inquire { offer: offer(&parcel, 1) };
        assert_eq!(scene.ask(&asked).await, Reply::Answer(Verdict::Refused));
        assert_eq!(scene.house.holding(&parcel.prepare.name).await, Holding::Absent);
    });
}

fn offers_in_low_and_absurd_epochs_decide_nothing(attacked: &Attacked) {
    attack(attacked, impatient(), async |scene| {
        let parcel = Parcel::new("brought", 0xee);
        let agent = parcel.prepare.name.clone();
        scene.owns(&agent);
        assert_eq!(bring(scene, &parcel).await, Reply::Answer(Verdict::Accepted));
        let with = |epoch, transfer| {
            let edit = |terms: &mut igor_core::format::OfferTerms| {
                terms.epoch = epoch;
                terms.transfer = TransferId::from_bytes([transfer; 16]);
            };
            let target = node_of(TARGET).public_key();
            parcel.offer_with((&attacker(), &parcel.key()), target, 1, edit)
        };
        let epoch = |major, generation| Epoch { major, generation };
        // Another offer in the epoch that it came in.
        let same = Message::Inquire { offer: with(epoch(1, 0), 9) };
        assert_eq!(scene.ask(&same).await, Reply::Answer(Verdict::Refused));
        for absurd in [epoch(u64::MAX, 0), epoch(1 << 60, 0), epoch((1 << 32) + 2, 0)] {
            let offer = with(absurd, 9);
            for message in [Message::Inquire { offer: offer.clone() }, Message::Withdraw { offer }]
            {
                // Nothing is said about it, and nothing decided.
                assert_eq!(scene.ask(&message).await, Reply::Abandoned(Close::Busy));
            }
        }
        scene.house.assert_ticks(&agent).await;
        assert_eq!(scene.house.holding(&agent).await, Holding::Held(1));
    });
}

fn offers_by_other_signers_decide_nothing(attacked: &Attacked) {
    attack(attacked, Limits::default(), async |scene| {
        let parcel = Parcel::new("brought", 0xee);
        let target = node_of(TARGET).public_key();
        let (source, thief) = (attacker(), AgentKey::from_seed(&[0x77; 32]));
        scene.owns(&parcel.prepare.name);
        // Somebody who has the life but not the key of the agent.
        let stolen = parcel.offer_with((&source, &thief), target, 1, |_| {});
        let mut speech = scene.speak().await;
        assert_eq!(speech.announce(&parcel).await, Reply::Ready);
        assert_eq!(speech.offer(&parcel, stolen).await, Reply::Abandoned(Close::Malformed));
        // The same with the agent's name put into it, which its signature does not cover then.
        let sound = offer(&parcel, 1).encode();
        for at in [29, sound.len() - 100, sound.len() - 10] {
            let mut bytes = sound.clone();
            bytes[at] ^= 1;
            let forged = Box::new(Offer::decode(&bytes).expect("its structure is sound"));
            let mut speech = scene.speak().await;
            assert_eq!(speech.announce(&parcel).await, Reply::Ready);
            assert_eq!(speech.offer(&parcel, forged).await, Reply::Abandoned(Close::Malformed));
        }
        assert_eq!(scene.house.holding(&parcel.prepare.name).await, Holding::Absent);
    });
}

fn offers_of_other_nodes_and_to_other_nodes_are_not_answered(attacked: &Attacked) {
    attack(attacked, Limits::default(), async |scene| {
        let parcel = Parcel::new("brought", 0xee);
        let other = NodeKey::from_seed(&[9; 32]);
        for offer in [
            // Of a node that the attacker is not, though it has that node's key.
            parcel.offer(&other, node_of(TARGET).public_key(), 1),
            // To a node that this one is not.
            parcel.offer(&attacker(), other.public_key(), 1),
        ] {
            for message in [Message::Inquire { offer: offer.clone() }, Message::Withdraw { offer }]
            {
                let reply = scene.ask(&message).await;
                assert!(matches!(reply, Reply::Abandoned(_)), "{reply:?}");
            }
        }
        // To the attacker itself; such an offer cannot even be written down.
        let mut bytes = framed(&Message::Inquire { offer: offer(&parcel, 1) });
        let target = node_of(TARGET).public_key();
        let at = bytes.windows(32).position(|it| it == target.as_bytes()).expect("it is there");
        bytes[at..at + 32].copy_from_slice(attacker().public_key().as_bytes());
        scene.assert_refused(&bytes, Close::Malformed).await;
    });
}

fn an_agent_that_is_here_cannot_be_brought(attacked: &Attacked) {
    attack(attacked, Limits::default(), async |scene| {
        // The resident's own life, which the attacker copied, and another agent of its name.
        let copied = Parcel::new("resident", TARGET ^ 0x5a);
        assert_eq!(bring(scene, &copied).await, Reply::NotReady(RefusalCode::Held));
        let namesake = Parcel::new("resident", 0xee);
        assert_eq!(bring(scene, &namesake).await, Reply::NotReady(RefusalCode::NameTaken));
        assert_eq!(scene.house.holding(&scene.resident).await, Holding::Held(0));
    });
}

fn an_offer_of_the_agent_that_is_here_by_a_stranger_does_not_stop_it(attacked: &Attacked) {
    attack(attacked, Limits::default(), async |scene| {
        let copied = Parcel::new("resident", TARGET ^ 0x5a);
        let thief = AgentKey::from_seed(&[0x77; 32]);
        let target = node_of(TARGET).public_key();
        let claim = copied.offer_with((&attacker(), &thief), target, 5, |_| {});
        scene.writes(refused(&claim));
        for message in
            [Message::Inquire { offer: claim.clone() }, Message::Withdraw { offer: claim }]
        {
            assert_eq!(scene.ask(&message).await, Reply::Answer(Verdict::Refused));
        }
        assert_eq!(scene.house.holding(&scene.resident).await, Holding::Held(0));
        scene.house.assert_ticks(&scene.resident).await;
    });
}

fn an_offer_of_another_transfer_than_was_announced_is_refused(attacked: &Attacked) {
    attack(attacked, Limits::default(), async |scene| {
        let parcel = Parcel::new("brought", 0xee);
        let other = Parcel::new("other", 0xdd);
        scene.owns(&parcel.prepare.name);
        for foreign in [offer(&parcel.again(9), 1), offer(&other, 1)] {
            let mut speech = scene.speak().await;
            assert_eq!(speech.announce(&parcel).await, Reply::Ready);
            let reply = speech.offer(&parcel, foreign).await;
            assert_eq!(reply, Reply::Abandoned(Close::Malformed));
        }
        assert_eq!(scene.house.holding(&parcel.prepare.name).await, Holding::Absent);
    });
}

fn offers_of_agents_that_nobody_knows_fill_no_memory(attacked: &Attacked) {
    let limits = Limits::default();
    let gate = GateLimits { agents_max: 20, strikes_max: u32::MAX, ..GateLimits::default() };
    attack_at(attacked, (limits, gate), async |scene| {
        let parcel = Parcel::new("brought", 0xee);
        let target = node_of(TARGET).public_key();
        let mut answered = 0;
        for seed in 0..40_u8 {
            let stranger = AgentKey::from_seed(&[seed; 32]);
            let offer = parcel.offer_with((&attacker(), &stranger), target, 1, |_| {});
            scene.writes(refused(&offer));
            match scene.ask(&Message::Inquire { offer }).await {
                Reply::Answer(Verdict::Refused) => answered += 1,
                Reply::Abandoned(Close::Busy) => {}
                other => panic!("the node says {other:?}"),
            }
        }
        // One place is the resident's, and so many strangers and no more are known.
        assert_eq!(answered, 19);
        scene.is_full();
    });
}
