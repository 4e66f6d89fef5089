//! The clauses of `docs/spec/handoff.md`, one table or case each; every order of events is the business of
//! `explore`.

use igor_format::{
    AgentKey, Answer, Epoch, Hash, Microcents, NodeKey, Offer, OfferTerms, PublicKey, Tick,
    TransferId, Verdict,
};

use super::{
    Action, Custodian, Custody, Ended, Event, Holding, Message, Schedule, VerifiedOffer,
    WriteFailed,
};

const TRANSFER: TransferId = TransferId::from_bytes([7; 16]);

fn node(number: u8) -> NodeKey {
    NodeKey::from_seed(&[number; 32])
}

fn id(number: u8) -> PublicKey {
    node(number).public_key()
}

/// Node 1 offers the agent to node 2 in this epoch.
pub(super) fn offer(epoch: u64) -> VerifiedOffer {
    let agent = AgentKey::from_seed(&[9; 32]);
    let terms = OfferTerms {
        transfer: TRANSFER,
        agent: agent.public_key(),
        epoch: Epoch { major: epoch, generation: 0 },
        tick: Tick(4),
        budget: Microcents::ZERO,
        checkpoint: Hash::ZERO,
        module: Hash::ZERO,
        manifest: Hash::ZERO,
        record: Hash::ZERO,
        source: id(1),
        target: id(2),
    };
    let offer = Offer::sign(&agent, &node(1), terms).expect("sound terms");
    VerifiedOffer::new(offer).expect("it was just signed")
}

fn custodian(number: u8, custody: Custody) -> Custodian {
    Custodian::new(id(number), custody, Schedule::default(), 0)
}

/// What follows from an event.
fn after(custodian: &mut Custodian, event: Event) -> Vec<Action> {
    at(custodian, 0, event)
}

fn at(custodian: &mut Custodian, now_ns: u64, event: Event) -> Vec<Action> {
    while custodian.poll().is_some() {}
    custodian.handle(now_ns, event);
    std::iter::from_fn(|| custodian.poll()).collect()
}

fn received(from: u8, message: Message) -> Event {
    Event::Received { from: id(from), message }
}

fn send(to: u8, message: Message) -> Action {
    Action::Send { to: id(to), message }
}

fn answer(number: u8, offer: &VerifiedOffer, verdict: Verdict) -> Message {
    Message::Answer(Answer::sign(&node(number), offer.offer().hash(), verdict))
}

/// The custody of a node that has decided up to `decided` and does not have the agent.
fn without(decided: u64) -> Custody {
    Custody { decided, ..Custody::default() }
}

/// The custody of a node that knows where node 2 is.
fn noted(decided: u64, holding: Holding) -> Custody {
    Custody { decided, holding, place: "there".to_owned(), ..Custody::default() }
}

/// The agent is to move to node 2.
fn go() -> Event {
    Event::Move { transfer: TRANSFER, target: id(2), place: "there".to_owned() }
}

/// Node 1 with an offer that is durable and sent.
fn offered() -> Custodian {
    let mut source = custodian(1, Custody::held(3));
    after(&mut source, go());
    after(&mut source, received(2, Message::Ready(TRANSFER)));
    after(&mut source, Event::Stopped(offer(4)));
    let actions = after(&mut source, Event::Written(Ok(())));
    assert_eq!(actions, [send(2, Message::Offer(offer(4)))]);
    source
}

#[test]
fn clauses_2_1_to_2_4_an_offer_follows_a_ready_target_and_is_durable_before_it_is_sent() {
    let mut source = custodian(1, Custody::held(3));
    assert_eq!(source.poll(), Some(Action::Tick));
    let actions = after(&mut source, go());
    assert_eq!(actions, [send(2, Message::Prepare(TRANSFER))]);
    for (event, why) in [
        (received(3, Message::Ready(TRANSFER)), "another node"),
        (received(2, Message::Ready(TransferId::from_bytes([1; 16]))), "another transfer"),
        (Event::Stopped(offer(4)), "nobody was asked to stop"),
    ] {
        assert_eq!(after(&mut source, event), [], "{why}");
    }
    let actions = after(&mut source, received(2, Message::Ready(TRANSFER)));
    assert_eq!(actions, [Action::Stop { transfer: TRANSFER, target: id(2), epoch: 4 }]);
    let actions = after(&mut source, Event::Stopped(offer(4)));
    let holding = Holding::Offered { held: 3, offer: offer(4) };
    assert_eq!(actions, [Action::Write(noted(4, holding))]);
    let actions = after(&mut source, Event::Written(Ok(())));
    assert_eq!(actions, [send(2, Message::Offer(offer(4)))]);
}

#[test]
fn clause_2_3_until_the_offer_is_durable_the_agent_can_stay() {
    let stays = |ended| vec![Action::Ended(ended), Action::Tick];
    let stopping = || {
        let mut source = custodian(1, Custody::held(3));
        after(&mut source, go());
        after(&mut source, received(2, Message::Ready(TRANSFER)));
        source
    };
    assert_eq!(after(&mut stopping(), Event::Cancel), stays(Ended::Cancelled));
    assert_eq!(after(&mut stopping(), Event::NotStopped), stays(Ended::Stayed));
    // An offer of something else is not sent.
    assert_eq!(after(&mut stopping(), Event::Stopped(offer(3))), stays(Ended::Stayed));
    let mut source = stopping();
    after(&mut source, Event::Stopped(offer(4)));
    let failed = Event::Written(Err(WriteFailed::Clean));
    assert_eq!(after(&mut source, failed), stays(Ended::Stayed));
    let mut source = custodian(1, Custody::held(3));
    after(&mut source, go());
    let actions = after(&mut source, received(2, Message::NotReady(TRANSFER)));
    assert_eq!(actions, [Action::Ended(Ended::Stayed)]);
}

#[test]
fn a_target_that_never_gets_ready_is_given_up_on() {
    let mut source = custodian(1, Custody::held(3));
    after(&mut source, go());
    let wake_at = source.wake_at().expect("it waits");
    assert_eq!(at(&mut source, wake_at - 1, Event::Timer), []);
    assert_eq!(at(&mut source, wake_at, Event::Timer), [Action::Ended(Ended::Stayed)]);
    assert_eq!(source.wake_at(), None);
}

#[test]
fn clause_2_5_an_offer_is_repeated_ever_more_slowly_and_then_withdrawn() {
    let mut source = offered();
    let (mut sent, mut waits, mut now) = (Vec::new(), Vec::new(), 0);
    for _ in 0..8 {
        let wake_at = source.wake_at().expect("it never stops asking");
        waits.push((wake_at - now) / 1_000_000_000);
        now = wake_at;
        sent.extend(at(&mut source, now, Event::Timer));
    }
    assert_eq!(waits, [1, 2, 4, 8, 10, 10, 10, 10]);
    let (repeated, withdrawn) = sent.split_at(4);
    assert!(repeated.iter().all(|it| *it == send(2, Message::Offer(offer(4)))), "{repeated:?}");
    assert!(withdrawn.iter().all(|it| *it == send(2, Message::Withdraw(offer(4)))));
    assert_eq!(withdrawn.len(), 4);
}

#[test]
fn clause_2_4_an_offer_that_was_open_at_a_restart_is_asked_for_and_nothing_ticks() {
    let custody = offered().custody().clone();
    let mut source = custodian(1, custody);
    assert_eq!(source.poll(), Some(send(2, Message::Offer(offer(4)))));
    assert_eq!(source.poll(), None);
}

#[test]
fn clauses_2_6_to_2_8_only_the_targets_answer_to_the_open_offer_decides() {
    for (message, from) in
        [(answer(2, &offer(5), Verdict::Refused), 2), (answer(3, &offer(4), Verdict::Accepted), 3)]
    {
        assert_eq!(after(&mut offered(), received(from, message)), []);
    }
    let accepted = Answer::sign(&node(2), offer(4).offer().hash(), Verdict::Accepted);
    let mut source = offered();
    let actions = after(&mut source, received(2, Message::Answer(accepted)));
    let holding = Holding::Released { offer: offer(4), answer: Some(accepted) };
    assert_eq!(actions, [Action::Write(noted(4, holding))]);
    let actions = after(&mut source, Event::Written(Ok(())));
    assert_eq!(actions, [Action::Ended(Ended::Moved)]);
    assert_eq!(source.wake_at(), None);

    let mut source = offered();
    let actions = after(&mut source, received(2, answer(2, &offer(4), Verdict::Refused)));
    let custody = noted(4, Holding::Held(3));
    assert_eq!(actions, [Action::Write(custody)]);
    let actions = after(&mut source, Event::Written(Ok(())));
    assert_eq!(actions, [Action::Ended(Ended::Stayed), Action::Tick]);
    // The epoch is used up.
    after(&mut source, go());
    let actions = after(&mut source, received(2, Message::Ready(TRANSFER)));
    assert_eq!(actions, [Action::Stop { transfer: TRANSFER, target: id(2), epoch: 5 }]);
}

#[test]
fn clause_3_1_one_transfer_is_prepared_at_a_time_and_none_of_an_agent_that_is_here() {
    let other = TransferId::from_bytes([8; 16]);
    let prepare = |transfer| Action::Prepare { transfer, source: id(1) };
    let mut target = custodian(2, without(0));
    let ask = |transfer| received(1, Message::Prepare(transfer));
    assert_eq!(after(&mut target, ask(TRANSFER)), [prepare(TRANSFER)]);
    assert_eq!(after(&mut target, ask(TRANSFER)), []);
    assert_eq!(after(&mut target, ask(other)), [send(1, Message::NotReady(other))]);
    let ready = [send(1, Message::Ready(TRANSFER))];
    assert_eq!(after(&mut target, Event::Prepared(TRANSFER)), ready);
    assert_eq!(after(&mut target, ask(TRANSFER)), ready);
    // A later attempt takes the place of one that nobody followed up.
    assert_eq!(after(&mut target, ask(other)), [Action::Forget(TRANSFER), prepare(other)]);
    let actions = after(&mut target, Event::NotPrepared(other));
    assert_eq!(actions, [send(1, Message::NotReady(other))]);
    let mut holder = custodian(2, Custody::held(1));
    assert_eq!(after(&mut holder, ask(TRANSFER)), [send(1, Message::NotReady(TRANSFER))]);
}

/// Node 2, ready for the transfer.
fn ready(decided: u64) -> Custodian {
    let mut target = custodian(2, without(decided));
    after(&mut target, received(1, Message::Prepare(TRANSFER)));
    after(&mut target, Event::Prepared(TRANSFER));
    target
}

#[test]
fn clause_3_2_an_offer_is_answered_by_its_target_to_its_source() {
    let mut other = custodian(3, without(0));
    assert_eq!(after(&mut other, received(1, Message::Offer(offer(4)))), []);
    assert_eq!(after(&mut ready(0), received(3, Message::Offer(offer(4)))), []);
    assert_eq!(after(&mut ready(0), received(3, Message::Withdraw(offer(4)))), []);
}

#[test]
fn clause_3_3_what_is_decided_is_said_again_and_not_decided_anew() {
    let verdicts = |custody: Custody, offer: VerifiedOffer| {
        let say = |message| match after(&mut custodian(2, custody.clone()), received(1, message))[..]
        {
            [Action::Answer { to, verdict, .. }] if to == id(1) => verdict,
            ref other => panic!("{other:?}"),
        };
        let verdict = say(Message::Offer(offer));
        assert_eq!(verdict, say(Message::Withdraw(offer)));
        verdict
    };
    let mut taken = without(9);
    taken.taken.insert(4, offer(4).offer().hash());
    for holding in [Holding::Absent, Holding::Held(9), Holding::Contested { held: 9, seen: 10 }] {
        let custody = Custody { holding, ..taken.clone() };
        assert_eq!(verdicts(custody.clone(), offer(4)), Verdict::Accepted);
        assert_eq!(verdicts(custody.clone(), offer(5)), Verdict::Refused);
        assert_eq!(verdicts(custody, offer(9)), Verdict::Refused);
    }
    taken.taken.insert(4, Hash::of(b"another offer in the same epoch"));
    assert_eq!(verdicts(taken, offer(4)), Verdict::Refused);
}

#[test]
fn clause_3_4_an_agent_is_taken_durably_before_it_is_said_and_ticked() {
    let mut target = ready(3);
    let actions = after(&mut target, received(1, Message::Offer(offer(4))));
    let [Action::Write(custody)] = &actions[..] else { panic!("{actions:?}") };
    assert_eq!((custody.decided, &custody.holding), (4, &Holding::Held(4)));
    assert_eq!(custody.taken.get(&4), Some(&offer(4).offer().hash()));
    // Clause 3.9: nothing is said meanwhile.
    assert_eq!(after(&mut target, received(1, Message::Offer(offer(4)))), []);
    assert_eq!(after(&mut target, received(1, Message::Withdraw(offer(4)))), []);
    let actions = after(&mut target, Event::Written(Ok(())));
    let verdict = Verdict::Accepted;
    assert_eq!(actions, [Action::Answer { to: id(1), offer: offer(4), verdict }, Action::Tick]);
}

#[test]
fn clauses_3_5_and_3_7_a_refusal_is_durable_before_it_is_said() {
    for (mut target, message, forgets) in [
        (custodian(2, without(3)), Message::Offer(offer(4)), false),
        (custodian(2, without(3)), Message::Withdraw(offer(4)), false),
        (ready(3), Message::Withdraw(offer(4)), true),
    ] {
        let actions = after(&mut target, received(1, message));
        assert_eq!(actions, [Action::Write(without(4))]);
        let mut actions = after(&mut target, Event::Written(Ok(())));
        if forgets {
            assert_eq!(actions.remove(0), Action::Forget(TRANSFER));
        }
        let verdict = Verdict::Refused;
        assert_eq!(actions, [Action::Answer { to: id(1), offer: offer(4), verdict }]);
    }
}

#[test]
fn clause_3_6_of_two_that_hold_an_agent_the_lower_epoch_stops() {
    let mut lower = custodian(2, Custody::held(3));
    let actions = after(&mut lower, received(1, Message::Offer(offer(4))));
    let holding = Holding::Contested { held: 3, seen: 4 };
    let write = Action::Write(Custody { decided: 4, holding, ..Custody::default() });
    assert_eq!(actions, [Action::Halt, write]);
    let actions = after(&mut lower, Event::Written(Ok(())));
    assert_eq!(actions, [Action::Answer { to: id(1), offer: offer(4), verdict: Verdict::Refused }]);
    let custody = lower.custody().clone();
    assert_eq!(custody.holding.name(), Some("RECOVERY_REQUIRED"));
    assert_eq!(custodian(2, custody).poll(), None, "a restart does not tick it either");
    let mut higher = custodian(2, Custody::held(5));
    let actions = after(&mut higher, received(1, Message::Offer(offer(4))));
    assert_eq!(actions, [Action::Answer { to: id(1), offer: offer(4), verdict: Verdict::Refused }]);
}

#[test]
fn clause_3_8_an_epoch_far_beyond_all_others_is_dropped() {
    let leap = 1 << 32;
    assert_eq!(after(&mut ready(3), received(1, Message::Offer(offer(4 + leap)))), []);
    assert_eq!(after(&mut ready(3), received(1, Message::Offer(offer(3 + leap)))).len(), 1);
}

#[test]
fn clause_3_9_a_failed_write_decides_nothing_and_one_in_doubt_ends_everything() {
    let mut target = ready(3);
    after(&mut target, received(1, Message::Offer(offer(4))));
    let actions = after(&mut target, Event::Written(Err(WriteFailed::Clean)));
    assert_eq!(actions, [Action::Forget(TRANSFER)]);
    assert_eq!(target.custody(), &without(3));
    // The room was given up, so the repeated offer is refused.
    let actions = after(&mut target, received(1, Message::Offer(offer(4))));
    assert_eq!(actions, [Action::Write(without(4))]);
    let actions = after(&mut target, Event::Written(Err(WriteFailed::InDoubt)));
    assert_eq!(actions, [Action::Halt]);
    assert_eq!(after(&mut target, received(1, Message::Offer(offer(4)))), []);
    assert_eq!(after(&mut target, Event::Force), []);
}

#[test]
fn clause_4_1_an_operator_can_force_an_epoch_above_all() {
    let mut source = offered();
    let actions = after(&mut source, Event::Force);
    assert_eq!(actions, [Action::Write(noted(5, Holding::Held(5)))]);
    let actions = after(&mut source, Event::Written(Ok(())));
    assert_eq!(actions, [Action::Ended(Ended::Stayed), Action::Tick]);
    assert_eq!(source.wake_at(), None);
    let actions = after(&mut custodian(2, without(4)), Event::Force);
    assert_eq!(actions, [Action::Ended(Ended::NotPossible)], "there is nothing to force");
}

#[test]
fn a_move_is_refused_while_another_goes_on_or_when_there_is_nothing_to_move() {
    let ask = |target| Event::Move { transfer: TRANSFER, target, place: String::new() };
    let refused = [Action::Ended(Ended::NotPossible)];
    assert_eq!(after(&mut offered(), ask(id(3))), refused);
    assert_eq!(after(&mut custodian(2, without(4)), ask(id(1))), refused);
    assert_eq!(after(&mut custodian(1, Custody::held(3)), ask(id(1))), refused, "to itself");
    let mut source = custodian(1, Custody::held(3));
    after(&mut source, ask(id(2)));
    assert_eq!(after(&mut source, ask(id(3))), refused);
}

fn inherit(epoch_min: u64) -> Event {
    Event::Inherit { transfer: TRANSFER, source: id(1), epoch_min }
}

/// Node 2, for which everything is ready that node 1 sends.
fn ready_to_inherit(custody: Custody) -> Custodian {
    let mut target = custodian(2, custody);
    after(&mut target, received(1, Message::Prepare(TRANSFER)));
    after(&mut target, Event::Prepared(TRANSFER));
    target
}

#[test]
fn what_is_inherited_is_held_in_an_epoch_above_all_that_was_decided() {
    for (decided, epoch_min, epoch) in [(0, 1, 1), (0, 5, 5), (7, 5, 8), (7, 8, 8)] {
        let mut target = ready_to_inherit(Custody { decided, ..Custody::default() });
        let held = Custody { decided: epoch, ..Custody::held(epoch) };
        let actions = after(&mut target, inherit(epoch_min));
        assert_eq!(actions, [Action::Write(held.clone())], "{decided} {epoch_min}");
        assert_eq!(target.custody().decided, decided, "nothing is durable yet");
        assert_eq!(after(&mut target, Event::Written(Ok(()))), [Action::Tick]);
        assert_eq!(target.custody(), &held);
        assert!(target.is_idle());
    }
}

#[test]
fn only_what_was_prepared_by_that_very_transfer_is_inherited() {
    let declined = [Action::Send { to: id(1), message: Message::NotReady(TRANSFER) }];
    let mut last = ready_to_inherit(Custody { decided: u64::MAX, ..Custody::default() });
    assert_eq!(after(&mut last, inherit(1)), declined, "there is no epoch left");
    let mut stranger = ready_to_inherit(Custody::default());
    let other = Event::Inherit { transfer: TRANSFER, source: id(3), epoch_min: 1 };
    assert_eq!(after(&mut stranger, other), declined);
    let mut unprepared = custodian(2, Custody::default());
    assert_eq!(after(&mut unprepared, inherit(1)), []);
    let mut holder = custodian(2, Custody::held(4));
    assert_eq!(after(&mut holder, inherit(9)), []);
    assert_eq!(holder.custody(), &Custody::held(4));
}

#[test]
fn an_offer_that_comes_while_something_is_inherited_changes_nothing() {
    let mut target = ready_to_inherit(Custody::default());
    after(&mut target, inherit(5));
    assert_eq!(after(&mut target, received(1, Message::Offer(offer(9)))), []);
    assert_eq!(after(&mut target, Event::Written(Ok(()))), [Action::Tick]);
    assert_eq!(target.custody().holding, Holding::Held(5));
}

#[test]
fn what_could_not_be_written_is_not_inherited() {
    let mut target = ready_to_inherit(Custody::default());
    after(&mut target, inherit(5));
    let clean = Event::Written(Err(WriteFailed::Clean));
    assert_eq!(after(&mut target, clean), [Action::Forget(TRANSFER)]);
    assert_eq!(target.custody(), &Custody::default());
    let mut target = ready_to_inherit(Custody::default());
    after(&mut target, inherit(5));
    let in_doubt = Event::Written(Err(WriteFailed::InDoubt));
    assert_eq!(after(&mut target, in_doubt), [Action::Halt]);
    assert!(target.is_in_doubt());
}

#[test]
fn only_what_is_held_is_ticked_and_each_state_has_the_originals_name() {
    let accepted = Answer::sign(&node(2), offer(4).offer().hash(), Verdict::Accepted);
    let released = Holding::Released { offer: offer(4), answer: Some(accepted) };
    let asks = send(2, Message::Offer(offer(4)));
    for (holding, name, first) in [
        (Holding::Absent, None, None),
        (Holding::Held(3), Some("ACTIVE_OWNER"), Some(Action::Tick)),
        (Holding::Offered { held: 3, offer: offer(4) }, Some("HANDOFF_PENDING"), Some(asks)),
        (released, Some("RETIRED"), None),
        (Holding::Contested { held: 3, seen: 4 }, Some("RECOVERY_REQUIRED"), None),
    ] {
        assert_eq!(holding.name(), name);
        let mut custodian = custodian(1, noted(4, holding));
        assert_eq!((custodian.poll(), custodian.poll()), (first, None), "{name:?}");
    }
}
