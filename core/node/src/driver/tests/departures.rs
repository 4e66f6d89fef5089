//! How an agent leaves, stays after all, or stops instead.

use igor_core::format::{AgentRecord, Checkpoint, Epoch, OfferTerms, Segment};
use igor_core::handoff::Holding;
use igor_core::storage::{Key, Operation};

use super::*;

const TRANSFER: TransferId = TransferId::from_bytes([7; 16]);

fn target() -> PublicKey {
    NodeKey::from_seed(&[2; 32]).public_key()
}

fn depart(epoch: u64) -> Event {
    Event::Depart { transfer: TRANSFER, target: target(), epoch }
}

/// That the agent is offered so.
fn custody(offer: &VerifiedOffer) -> Custody {
    let holding = Holding::Offered { held: 0, offer: *offer };
    Custody { decided: offer.epoch(), holding, ..Custody::default() }
}

/// An agent that journals and waits for a tick after its first.
fn ticked() -> Played {
    let mut played = journaling(1_000, None);
    played.driver.begin(0);
    played.play([Done, Done, Done, Done]);
    played.wake().play([Done, Done]);
    played.expect(&["start", "commit", "start", "commit", "tick 1", "commit"]);
    played
}

impl Played {
    fn happen(&mut self, event: Event) -> &mut Self {
        self.driver.handle(self.now_ns, event);
        self
    }

    /// Makes the offer durable.
    fn keep(&mut self) -> &mut Self {
        let offer = self.offer.take().expect("an offer was made");
        self.happen(Event::Keep(Box::new(custody(&offer))))
    }
}

/// What a group puts, by the first word of its key.
fn puts(batch: &Batch) -> Vec<String> {
    let words = batch.groups[0].operations.iter().map(|operation| match operation {
        Operation::Put { key, .. } => key.to_string(),
        Operation::Append { .. } => "append".to_owned(),
        Operation::Trim { .. } => "trim".to_owned(),
        Operation::Delete { key, .. } => format!("delete {key}"),
    });
    words.map(|text| text.split(' ').next().unwrap_or_default().to_owned()).collect()
}

fn put(batch: &Batch, is_meant: impl Fn(&Key) -> bool) -> Vec<u8> {
    let found = batch.groups[0].operations.iter().find_map(|operation| match operation {
        Operation::Put { key, bytes, .. } if is_meant(key) => Some(bytes.clone()),
        _ => None,
    });
    found.expect("it is put")
}

#[test]
fn an_agent_leaves_with_one_group_in_which_it_is_offered_right_before_its_checkpoint() {
    let mut played = ticked();
    played.happen(depart(4)).play([]).expect(&["offer of tick 1"]);
    let offer = *played.offer.clone().expect("it is offered");
    played.keep().play([Done]).expect(&["commit"]);
    assert_eq!(played.end, Some(StopReason::Offered));
    let written = played.written.take().expect("it is written");
    let order = ["agent", "segment", "history", "custody", "checkpoint", "trim"];
    assert_eq!(puts(&written), order);
    let record = put(&written, |key| matches!(key, Key::Record(_)));
    let checkpoint = put(&written, |key| matches!(key, Key::Checkpoint(_)));
    let segment = put(&written, |key| matches!(key, Key::Segment(..)));
    let kept = put(&written, |key| matches!(key, Key::Custody(_)));
    let agent = AgentKey::from_seed(&[7; 32]).public_key();
    assert_eq!(Custody::decode(&kept), Ok((agent, custody(&offer))));
    let expected = OfferTerms {
        transfer: TRANSFER,
        agent,
        epoch: Epoch { major: 4, generation: 0 },
        tick: Tick(1),
        budget: amount(970),
        checkpoint: Hash::of(&checkpoint),
        module: Hash::of(b"module"),
        manifest: Hash::of(b"manifest"),
        record: Hash::of(&record),
        source: NodeKey::from_seed(&[9; 32]).public_key(),
        target: target(),
    };
    assert_eq!(*offer.terms(), expected);
    let checkpoint = Checkpoint::decode(&checkpoint, 100).expect("a checkpoint");
    assert_eq!((checkpoint.header().tick, checkpoint.header().epoch.major), (Tick(1), 0));
    let record = AgentRecord::decode(&record).expect("a record");
    assert_eq!(record.current.checkpoint, checkpoint.hash());
    let segment = Segment::decode(&segment).and_then(|segment| segment.verify());
    assert_eq!(segment.expect("it is sealed").closing.checkpoint, checkpoint.hash());
    assert!(played.happen(Event::Timer).driver.poll().is_none(), "nothing follows");
}

#[test]
fn an_agent_that_journals_nothing_leaves_just_so() {
    let mut played = Played::born(1_000, None);
    played.happen(depart(1)).play([]).keep().play([Done]);
    played.expect(&["start", "commit", "start", "offer of tick 0", "commit"]);
    let written = played.written.take().expect("it is written");
    assert_eq!(puts(&written), ["agent", "history", "custody", "checkpoint"]);
    assert_eq!(played.end, Some(StopReason::Offered));
}

#[test]
fn an_agent_leaves_when_nothing_is_running_any_more() {
    let mut ticking = ticked();
    ticking.wake().happen(depart(4)).play([Done]).keep().play([Done]);
    ticking.expect(&["tick 2", "offer of tick 2", "commit"]);
    let written = ticking.written.take().expect("it is written");
    assert_eq!(puts(&written)[0], "append", "the last tick is in the journal before anything else");

    let mut starting = journaling(1_000, None);
    starting.driver.begin(0);
    starting.happen(depart(4)).play([Done, Done, Done]);
    starting.expect(&["start", "commit", "start", "offer of tick 0"]);

    let mut given = ticked();
    given.wake().happen(depart(4));
    given.happen(Event::Fund { amount: amount(5), id: FundId::from_bytes([1; 16]) });
    given.play([Done, Done, Done, Done]);
    given.expect(&["tick 2", "commit", "commit", "start", "offer of tick 2"]);

    let mut paused = ticked();
    paused.happen(Event::Pause).happen(depart(4)).play([]).expect(&["offer of tick 1"]);
}

#[test]
fn nothing_runs_and_nothing_is_written_while_it_is_not_said_what_becomes_of_an_offer() {
    let mut played = ticked();
    played.happen(depart(4)).play([]).expect(&["offer of tick 1"]);
    played.now_ns = 100 * SECOND;
    let id = FundId::from_bytes([1; 16]);
    for event in [Event::Timer, Event::Pause, Event::Unpause, Event::Stop, Event::Timer] {
        played.happen(event).play([]).expect(&[]);
    }
    played.happen(Event::Fund { amount: amount(5), id }).play([]).expect(&[]);
    played.happen(depart(5)).play([]).expect(&["cannot offer: it is being offered already"]);
    played.keep().play([Done]).expect(&["commit"]);
    assert_eq!(played.end, Some(StopReason::Offered));
}

#[test]
fn an_agent_goes_on_as_if_nothing_had_been_offered() {
    let mut played = ticked();
    played.happen(depart(4)).play([]).expect(&["offer of tick 1"]);
    played.happen(Event::GoOn).play([]);
    assert_eq!(played.timer_ns, Some(2 * SECOND), "the next tick is when it would have been");
    played.wake().play([Done, Done]).expect(&["tick 2", "commit"]);
    // Meant for the offer before.
    played.happen(Event::GoOn).play([]).expect(&[]);
    let late = custody(&played.offer.clone().expect("it was offered"));
    played.happen(Event::Keep(Box::new(late))).play([]).expect(&[]);
    played.stop().play([Done]).expect(&["commit", "stopped signal at 2 with 960"]);
    let written = played.written.take().expect("it is written");
    assert_eq!(puts(&written), ["agent", "segment", "history", "checkpoint", "trim"]);

    let mut again = ticked();
    again.happen(depart(4)).play([]).happen(Event::GoOn).play([]);
    again.happen(depart(5)).play([]).keep().play([Done]);
    again.expect(&["offer of tick 1", "offer of tick 1", "commit"]);
    assert_eq!(again.end, Some(StopReason::Offered));
}

#[test]
fn what_came_meanwhile_is_done_when_the_agent_goes_on() {
    let mut played = ticked();
    played.happen(depart(4)).play([]).stop().happen(Event::GoOn).play([Done]);
    played.expect(&["offer of tick 1", "commit", "stopped signal at 1 with 970"]);
    let mut given = ticked();
    let id = FundId::from_bytes([1; 16]);
    given.happen(depart(4)).play([]).happen(Event::Fund { amount: amount(5), id });
    given.happen(Event::GoOn).play([Done, Done, Done, Done]);
    given.expect(&["offer of tick 1", "commit", "commit", "start", "commit"]);
}

#[test]
fn an_offer_that_cannot_be_written_is_none() {
    for (answer, log, end) in [
        (NoSpace, vec!["commit", "not offered: write: no space left"], None),
        (
            Conflict,
            vec![
                "commit",
                "not offered: checkpoint: has another version",
                "stopped storage at 1 with 970",
            ],
            Some(StopReason::Storage),
        ),
        // What is durable is not known, so nothing is said of the offer.
        (Poisoned, vec!["commit", "stopped storage at 1 with 970"], Some(StopReason::Storage)),
    ] {
        let mut played = ticked();
        played.happen(depart(4)).play([]).expect(&["offer of tick 1"]);
        played.keep().play([answer]).expect(&log);
        assert_eq!(played.end, end);
        if end.is_none() {
            played.wake().play([Done, Done]).expect(&["tick 2", "commit"]);
        }
    }
}

#[test]
fn an_agent_that_stops_is_not_offered() {
    let cannot = "cannot offer: it stopped";
    let mut stopping = ticked();
    stopping.wake().happen(depart(4)).stop().play([Done, Done]);
    stopping.expect(&["tick 2", "commit", cannot, "stopped signal at 2 with 960"]);

    let mut trapped = ticked();
    trapped.wake().happen(depart(4)).play([Answer::Trap(Trap::Unreachable), Done]);
    trapped.expect(&["tick 2", "commit", cannot, "stopped trap at 1 with 960"]);

    let mut lost = ticked();
    lost.happen(depart(4)).play([]).happen(Event::Lost("a thread".to_owned())).play([]);
    let not = "not offered: it stopped";
    lost.expect(&["offer of tick 1", not, "stopped fault at 1 with 970"]);
    lost.keep().play([]).expect(&[]);
}

#[test]
fn a_breakdown_while_an_offer_is_written_waits_for_what_is_written() {
    for (answer, log, end) in [
        (Done, vec!["commit"], StopReason::Offered),
        (
            NoSpace,
            vec![
                "commit",
                "not offered: write: no space left",
                "commit",
                "stopped fault at 1 with 970",
            ],
            StopReason::Fault,
        ),
    ] {
        let mut played = ticked();
        played.happen(depart(4)).play([]).expect(&["offer of tick 1"]);
        let lost = Event::Lost("a thread".to_owned());
        match answer {
            Done => played.keep().happen(lost).play([Done]),
            answer => played.keep().happen(lost).play([answer, Done]),
        };
        played.expect(&log);
        assert_eq!(played.end, Some(end));
    }
}

#[test]
fn an_offer_in_no_later_epoch_or_to_its_own_node_is_not_made() {
    let own = NodeKey::from_seed(&[9; 32]).public_key();
    for (target, epoch, why) in [
        (target(), 0, "the epoch 0 does not follow 0, in which it is held"),
        (own, 1, "an agent cannot be offered to the node that holds it"),
    ] {
        let mut played = ticked();
        played.happen(Event::Depart { transfer: TRANSFER, target, epoch }).play([]);
        played.expect(&[&format!("cannot offer: {why}")]);
        played.wake().play([Done, Done]).expect(&["tick 2", "commit"]);
        played.stop().play([Done]).expect(&["commit", "stopped signal at 2 with 960"]);
    }
}

#[test]
fn a_halted_agent_writes_nothing_more() {
    let why = || Event::Halt("another node holds it".to_owned());
    let end = "stopped recovery_required at 1 with 970";
    let mut waiting = ticked();
    waiting.happen(why()).play([]).expect(&[end]);
    let mut offering = ticked();
    offering.happen(depart(4)).play([]).happen(why()).play([]);
    offering.expect(&["offer of tick 1", "not offered: it stopped", end]);
}
