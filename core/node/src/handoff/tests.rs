//! Nodes with their handoffs, between which messages are carried by hand: what one asks to be done is looked
//! at or done by the test. Every order of events is the business of the machine's own exploration.

use igor_core::format::{
    AgentKey, Epoch, Hash, Microcents, NodeKey, Offer, OfferTerms, Tick, Verdict,
};
use igor_core::handoff::WriteFailed;

use super::*;

const TRANSFER: TransferId = TransferId::from_bytes([7; 16]);

fn key(number: u8) -> NodeKey {
    NodeKey::from_seed(&[number; 32])
}

fn id(number: u8) -> NodeId {
    NodeId::of(&key(number).public_key())
}

fn agent_key() -> AgentKey {
    AgentKey::from_seed(&[9; 32])
}

fn agent() -> PublicKey {
    agent_key().public_key()
}

fn name() -> AgentId {
    "wanderer".parse().expect("a name")
}

fn offer(epoch: u64, source: u8, target: u8) -> VerifiedOffer {
    let terms = OfferTerms {
        transfer: TRANSFER,
        agent: agent(),
        epoch: Epoch { major: epoch, generation: 0 },
        tick: Tick(4),
        budget: Microcents::ZERO,
        checkpoint: Hash::ZERO,
        module: Hash::ZERO,
        manifest: Hash::ZERO,
        record: Hash::ZERO,
        source: key(source).public_key(),
        target: key(target).public_key(),
    };
    let offer = Offer::sign(&agent_key(), &key(source), terms).expect("sound terms");
    VerifiedOffer::new(offer).expect("it was just signed")
}

fn node(number: u8) -> Handoffs {
    Handoffs::new(id(number), Schedule::default(), GateLimits::default())
}

/// Node 1 with the agent.
fn holder() -> Handoffs {
    let mut node = node(1);
    node.know(0, Whereabouts { agent: agent(), name: name(), custody: Custody::held(3) });
    assert_eq!(node.poll(), None);
    node
}

fn tasks(node: &mut Handoffs) -> Vec<Task> {
    std::iter::from_fn(|| node.poll()).collect()
}

/// The only task.
fn task(node: &mut Handoffs) -> Task {
    let mut tasks = tasks(node);
    assert_eq!(tasks.len(), 1, "{tasks:?}");
    tasks.remove(0)
}

fn send(to: u8, place: &str, message: Message) -> Task {
    let (agent, name, place) = (agent(), name(), place.to_owned());
    Task::Send { agent, name, to: id(to), place, message: Box::new(message) }
}

fn hear(node: &mut Handoffs, from: u8, message: Message) -> Heard {
    node.received(0, id(from), (agent(), &name()), message)
}

fn give(node: &mut Handoffs) {
    node.give(0, &name(), TRANSFER, (id(2), "there")).expect("it can be given");
    assert_eq!(task(node), send(2, "there", Message::Prepare(TRANSFER)));
}

/// Node 1 whose agent waits to hear whether it is offered.
fn stopping() -> Handoffs {
    let mut source = holder();
    give(&mut source);
    assert_eq!(hear(&mut source, 2, Message::Ready(TRANSFER)), Heard::Taken);
    let target = id(2).public_key();
    let stop = Task::Stop { name: name(), transfer: TRANSFER, target, epoch: 4 };
    assert_eq!(task(&mut source), stop);
    source
}

/// Node 1 whose offer is being written.
fn offering() -> Handoffs {
    let mut source = stopping();
    source.happened(0, agent(), Event::Stopped(offer(4, 1, 2)));
    let Task::Write { whereabouts, with: With::Departure } = task(&mut source) else {
        panic!("the offer is written with the last checkpoint")
    };
    assert_eq!((whereabouts.custody.place.as_str(), &whereabouts.name), ("there", &name()));
    assert_eq!(whereabouts.custody.holding.name(), Some("HANDOFF_PENDING"));
    source
}

/// Node 2 that is ready for the agent.
fn expecting() -> Handoffs {
    let mut target = node(2);
    assert_eq!(hear(&mut target, 1, Message::Prepare(TRANSFER)), Heard::Taken);
    let prepare = Task::Prepare { agent: agent(), transfer: TRANSFER, source: id(1) };
    assert_eq!(task(&mut target), prepare);
    assert!(target.expects(&agent(), TRANSFER));
    target.happened(0, agent(), Event::Prepared(TRANSFER));
    assert_eq!(task(&mut target), send(1, "", Message::Ready(TRANSFER)));
    target
}

#[test]
fn an_agent_goes_over_and_ticks_there() {
    let (mut source, mut target) = (offering(), expecting());
    source.happened(0, agent(), Event::Written(Ok(())));
    let offered = Message::Offer(offer(4, 1, 2));
    assert_eq!(task(&mut source), send(2, "there", offered.clone()));
    assert_eq!(hear(&mut target, 1, offered), Heard::Taken);
    let Task::Write { whereabouts, with } = task(&mut target) else { panic!("it is taken") };
    assert_eq!(with, With::Arrival(TRANSFER));
    assert_eq!(whereabouts.custody.holding, Holding::Held(4));
    target.happened(0, agent(), Event::Written(Ok(())));
    let answer =
        Task::Answer { to: id(1), offer: Box::new(offer(4, 1, 2)), verdict: Verdict::Accepted };
    let tick = Task::Tick { name: name(), came: Some(TRANSFER) };
    assert_eq!(tasks(&mut target), [answer, tick]);
    assert!(!target.expects(&agent(), TRANSFER));

    let answer = Answer::sign(&key(2), offer(4, 1, 2).offer().hash(), Verdict::Accepted);
    assert_eq!(checked_answer(answer, &offer(4, 1, 2)), Some(answer));
    assert_eq!(checked_answer(answer, &offer(5, 1, 2)), None, "it is about another offer");
    assert_eq!(checked_answer(answer, &offer(4, 1, 3)), None, "it is about an offer to another");
    let forged = Answer::sign(&key(3), offer(4, 1, 2).offer().hash(), Verdict::Accepted);
    assert_eq!(checked_answer(forged, &offer(4, 1, 2)), None, "another node gave it");
    assert_eq!(hear(&mut source, 2, Message::Answer(answer)), Heard::Taken);
    let Task::Write { whereabouts, with: With::Nothing } = task(&mut source) else {
        panic!("that it is gone is written")
    };
    assert_eq!(whereabouts.custody.holding.name(), Some("RETIRED"));
    assert!(source.is_giving());
    source.happened(0, agent(), Event::Written(Ok(())));
    let ended = Task::Ended { name: name(), ended: Ended::Moved, target: id(2) };
    assert_eq!(task(&mut source), ended);
    assert!(!source.is_giving());
    let elsewhere = NotGiven::Elsewhere { name: name(), state: "RETIRED" };
    assert_eq!(source.give(0, &name(), TRANSFER, (id(2), "there")), Err(elsewhere));
}

#[test]
fn a_refused_agent_ticks_on_where_it_was() {
    let mut source = offering();
    source.happened(0, agent(), Event::Written(Ok(())));
    tasks(&mut source);
    let answer = Answer::sign(&key(2), offer(4, 1, 2).offer().hash(), Verdict::Refused);
    hear(&mut source, 2, Message::Answer(answer));
    let Task::Write { whereabouts, .. } = task(&mut source) else { panic!("that it stays") };
    assert_eq!(whereabouts.custody.holding, Holding::Held(3));
    source.happened(0, agent(), Event::Written(Ok(())));
    let ended = Task::Ended { name: name(), ended: Ended::Stayed, target: id(2) };
    assert_eq!(tasks(&mut source), [ended, Task::Tick { name: name(), came: None }]);
}

#[test]
fn an_agent_that_stopped_for_an_offer_that_is_not_made_goes_on() {
    let ended = |ended| Task::Ended { name: name(), ended, target: id(2) };
    // Cancelled while it stops: it is told as soon as it has stopped.
    let mut source = stopping();
    source.cancel(0, &name());
    assert_eq!(task(&mut source), ended(Ended::Cancelled));
    source.happened(0, agent(), Event::Stopped(offer(4, 1, 2)));
    assert_eq!(task(&mut source), Task::GoOn(name()));
    // An offer of something else than was asked for.
    let mut source = stopping();
    source.happened(0, agent(), Event::Stopped(offer(3, 1, 2)));
    assert_eq!(tasks(&mut source), [ended(Ended::Stayed), Task::GoOn(name())]);
    // It could not be stopped.
    let mut source = stopping();
    source.happened(0, agent(), Event::NotStopped);
    assert_eq!(task(&mut source), ended(Ended::Stayed));
    // The offer was not written: who stopped it lets it go on.
    let mut source = offering();
    source.happened(0, agent(), Event::Written(Err(WriteFailed::Clean)));
    assert_eq!(task(&mut source), ended(Ended::Stayed));
    give(&mut source);
    // Nobody knows whether it was written.
    let mut source = offering();
    source.happened(0, agent(), Event::Written(Err(WriteFailed::InDoubt)));
    assert!(matches!(task(&mut source), Task::Halt { .. }));
}

#[test]
fn a_second_attempt_that_meets_the_first_ones_stop_leaves_nobody_waiting() {
    let mut source = stopping();
    source.cancel(0, &name());
    tasks(&mut source);
    give(&mut source);
    hear(&mut source, 2, Message::Ready(TRANSFER));
    assert!(matches!(task(&mut source), Task::Stop { .. }));
    source.happened(0, agent(), Event::Stopped(offer(9, 1, 3)));
    assert!(tasks(&mut source).contains(&Task::GoOn(name())));
    source.happened(0, agent(), Event::Stopped(offer(4, 1, 2)));
    assert_eq!(task(&mut source), Task::GoOn(name()));
}

#[test]
fn what_is_open_is_asked_for_after_a_restart_and_what_is_held_waits_for_its_owner() {
    let mut source = node(1);
    let holding = Holding::Offered { held: 3, offer: offer(4, 1, 2) };
    let custody = Custody { decided: 4, holding, place: "there".to_owned(), ..Custody::default() };
    source.know(0, Whereabouts { agent: agent(), name: name(), custody });
    assert_eq!(task(&mut source), send(2, "there", Message::Offer(offer(4, 1, 2))));
    assert!(source.is_giving());
    let at_ns = source.wake_at().expect("it asks again");
    source.wake(at_ns - 1);
    assert_eq!(source.poll(), None);
    source.wake(at_ns);
    assert_eq!(task(&mut source), send(2, "there", Message::Offer(offer(4, 1, 2))));
}

#[test]
fn a_transfer_that_fails_leaves_nothing_behind() {
    let mut target = expecting();
    target.happened(0, agent(), Event::NotPrepared(TRANSFER));
    assert_eq!(task(&mut target), send(1, "", Message::NotReady(TRANSFER)));
    assert_eq!((target.posts.len(), target.names.len()), (0, 0));
    for number in 0..100 {
        let transfer = TransferId::from_bytes([number; 16]);
        assert_eq!(hear(&mut target, 1, Message::Prepare(transfer)), Heard::Taken);
        tasks(&mut target);
        target.happened(0, agent(), Event::NotPrepared(transfer));
        tasks(&mut target);
    }
}

#[test]
fn what_was_read_before_the_last_decision_says_nothing() {
    let mut source = holder();
    let whereabouts = |decided, holding| {
        let custody = Custody { decided, holding, ..Custody::default() };
        Whereabouts { agent: agent(), name: name(), custody }
    };
    source.know(0, whereabouts(5, Holding::Held(5)));
    assert_eq!(source.custody(&name()), Some(&Custody::held(5)), "another process raised it");
    source.know(0, whereabouts(3, Holding::Held(3)));
    assert_eq!(source.custody(&name()), Some(&Custody::held(5)), "it was read too early");
    give(&mut source);
    source.know(0, whereabouts(9, Holding::Held(9)));
    assert!(source.is_giving(), "what is under way is not disturbed");
    hear(&mut source, 2, Message::Ready(TRANSFER));
    assert!(matches!(task(&mut source), Task::Stop { .. }));
    source.happened(0, agent(), Event::Stopped(offer(6, 1, 2)));
    tasks(&mut source);
    source.happened(0, agent(), Event::Written(Err(WriteFailed::InDoubt)));
    tasks(&mut source);
    source.know(0, whereabouts(3, Holding::Held(3)));
    assert_eq!(source.custody(&name()), Some(&Custody::held(3)), "anything is better than nothing");
}

#[test]
fn what_is_forgotten_or_known_anew_counts_no_more_among_what_is_under_way() {
    let mut target = expecting();
    target.know(0, Whereabouts { agent: agent(), name: name(), custody: Custody::held(4) });
    assert_eq!(target.custody(&name()), Some(&Custody::default()), "it is on its way here");
    target.renew(0, &name(), None);
    assert!(target.expects(&agent(), TRANSFER), "it is on its way still");
    target.forget(&name());
    for number in [1, 2] {
        let transfer = TransferId::from_bytes([number; 16]);
        target.enter(0, id(1), transfer).expect("nobody is under way");
    }
}

#[test]
fn of_what_was_removed_is_known_what_is_left_unless_more_was_decided_since() {
    let mut node = holder();
    let left = |decided| Whereabouts {
        agent: agent(),
        name: name(),
        custody: Custody { decided, ..Custody::default() },
    };
    node.renew(0, &name(), Some(left(2)));
    assert_eq!(node.custody(&name()), Some(&Custody::held(3)), "it was read too early");
    node.renew(0, &name(), Some(left(3)));
    assert_eq!(node.custody(&name()), Some(&left(3).custody));
    node.renew(0, &name(), None);
    assert_eq!(node.custody(&name()), None);
}

#[test]
fn names_are_those_of_one_agent() {
    let mut target = node(2);
    let other = AgentKey::from_seed(&[8; 32]).public_key();
    target.know(0, Whereabouts { agent: other, name: name(), custody: Custody::held(0) });
    let taken = Heard::Shut(Shut::NameTaken(name()));
    assert_eq!(hear(&mut target, 1, Message::Prepare(TRANSFER)), taken);
    // An offer is refused all the same, and known by the agent's key.
    assert_eq!(hear(&mut target, 1, Message::Offer(offer(4, 1, 2))), Heard::Taken);
    let Task::Write { whereabouts, .. } = task(&mut target) else { panic!("it is refused") };
    assert_eq!(whereabouts.name.to_string(), NodeId::of(&agent()).to_string());
    let called = "called-otherwise".parse().expect("a name");
    let heard = target.received(0, id(1), (other, &called), Message::Prepare(TRANSFER));
    assert_eq!(heard, Heard::Shut(Shut::OtherName(name())));
    // The message is about one agent, and the offer in it about another.
    let heard = target.received(0, id(1), (other, &name()), Message::Offer(offer(4, 1, 2)));
    assert_eq!(heard, Heard::Dropped);
}

#[test]
fn what_cannot_be_given_is_refused_by_reason() {
    let mut source = holder();
    let unknown: AgentId = "nobody".parse().expect("a name");
    let to = (id(2), "there");
    let refused = NotGiven::Unknown(unknown.clone());
    assert_eq!(source.give(0, &unknown, TRANSFER, to), Err(refused));
    let refused = NotGiven::Itself(name());
    assert_eq!(source.give(0, &name(), TRANSFER, (id(1), "here")), Err(refused));
    give(&mut source);
    assert_eq!(source.give(0, &name(), TRANSFER, to), Err(NotGiven::Underway(name())));
}

#[test]
fn a_barred_node_is_not_listened_to() {
    let mut target = node(2);
    (0..10).for_each(|_| target.strike(0, id(1)));
    assert!(target.is_barred(0, id(1)) && !target.is_barred(0, id(3)));
    let barred = Heard::Shut(Shut::Barred);
    assert_eq!(hear(&mut target, 1, Message::Prepare(TRANSFER)), barred);
    assert_eq!(hear(&mut target, 1, Message::Offer(offer(4, 1, 2))), barred);
    assert_eq!(target.poll(), None);
}

#[test]
fn a_holder_that_meets_a_higher_epoch_halts() {
    let mut node = holder();
    hear(&mut node, 3, Message::Offer(offer(7, 3, 1)));
    let tasks = tasks(&mut node);
    assert!(matches!(&tasks[0], Task::Halt { reason, .. } if reason.contains("higher epoch")));
    let Task::Write { whereabouts, .. } = &tasks[1] else { panic!("it is written down") };
    assert_eq!(whereabouts.custody.holding.name(), Some("RECOVERY_REQUIRED"));
}

#[test]
fn what_is_inherited_is_written_with_what_arrived_and_ticks() {
    let mut target = node(2);
    target.enter(0, id(1), TRANSFER).expect("nobody is here");
    assert_eq!(hear(&mut target, 1, Message::Prepare(TRANSFER)), Heard::Taken);
    let (agent, name) = (agent(), name());
    let prepare = Task::Prepare { agent, transfer: TRANSFER, source: id(1) };
    assert_eq!(task(&mut target), prepare);
    target.happened(0, agent, Event::Prepared(TRANSFER));
    assert_eq!(task(&mut target), send(1, "", Message::Ready(TRANSFER)));
    let source = key(1).public_key();
    target.happened(0, agent, Event::Inherit { transfer: TRANSFER, source, epoch_min: 5 });
    let whereabouts = Whereabouts { agent, name: name.clone(), custody: Custody::held(5) };
    let write = Task::Write { whereabouts: Box::new(whereabouts), with: With::Arrival(TRANSFER) };
    assert_eq!(task(&mut target), write);
    target.happened(0, agent, Event::Written(Ok(())));
    assert_eq!(task(&mut target), Task::Tick { name, came: Some(TRANSFER) });
}

#[test]
fn who_sends_what_nobody_knows_yet_counts_until_it_leaves() {
    let mut target = node(2);
    let transfer = |number| TransferId::from_bytes([number; 16]);
    for number in [1, 2] {
        target.enter(0, id(1), transfer(number)).expect("there is room");
    }
    assert_eq!(target.enter(0, id(1), transfer(3)), Err(Shut::PeerBusy(2)));
    assert_eq!(hear(&mut target, 1, Message::Prepare(TRANSFER)), Heard::Shut(Shut::PeerBusy(2)));
    target.leave(transfer(1));
    target.enter(0, id(1), transfer(3)).expect("one has left");
    for _ in 0..10 {
        target.strike(0, id(3));
    }
    assert_eq!(target.enter(0, id(3), transfer(4)), Err(Shut::Barred));
}

#[test]
fn a_node_knows_of_so_many_agents_and_no_more() {
    let gate = GateLimits { agents_max: 2, ..GateLimits::default() };
    let mut target = Handoffs::new(id(2), Schedule::default(), gate);
    let mut hear = |number: u8| {
        let agent = AgentKey::from_seed(&[number; 32]).public_key();
        let name = format!("agent-{number}").parse().expect("a name");
        let transfer = TransferId::from_bytes([number; 16]);
        // Each comes from a node of its own.
        target.received(0, id(number), (agent, &name), Message::Prepare(transfer))
    };
    assert_eq!((hear(10), hear(11)), (Heard::Taken, Heard::Taken));
    assert_eq!(hear(12), Heard::Shut(Shut::Full));
    assert_eq!(hear(10), Heard::Taken, "who is known is heard");
}
