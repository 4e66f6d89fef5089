//! The driver alone, with guest and storage played by the test: what it asks for, in which order, and
//! when. Whole nodes are tested in the conformance crate.

use std::sync::Arc;

use igor_core::Meter;
use igor_core::format::{AgentKey, Carry, Gas, MeterName, Microcents, Nanos, Price};
use igor_core::format::{NodeKey, Observations, Predecessor};
use igor_core::meter::{Usage, affordable_nominal, charge_nominal};
use igor_core::storage::Version;
use igor_core::trap::{NodeFault, Trap};

use super::*;
use crate::incarnation::Failure;
use crate::journal::Journal;
use crate::ledger::Terms;
use crate::open::execution_limits;

mod departures;

const SECOND: u64 = 1_000_000_000;

/// Charges gas; one gas is one microcent at the price these tests use.
struct GasMeter;

impl Meter for GasMeter {
    fn charge(&self, price: Price, usage: Usage, carry: Carry) -> (Microcents, Carry) {
        charge_nominal(price, usage.gas.0, carry)
    }

    fn affordable(&self, price: Price, budget: Microcents, carry: Carry) -> Usage {
        Usage { gas: Gas(affordable_nominal(price, budget, carry)), ..Usage::UNBOUNDED }
    }
}

/// What a guest call or a commit comes to.
enum Answer {
    Done,
    More,
    Trap(Trap),
    Fault,
    NoSpace,
    Conflict,
    Poisoned,
}
use Answer::{Conflict, Done, Fault, More, NoSpace, Poisoned};

/// A driver with a budget of microcents, each guest operation using ten.
struct Played {
    driver: Driver,
    now_ns: u64,
    /// What happened, one word each.
    log: Vec<String>,
    timer_ns: Option<u64>,
    /// What was written last.
    written: Option<Batch>,
    /// What was offered last.
    offer: Option<Box<VerifiedOffer>>,
    end: Option<StopReason>,
}

fn amount(microcents: i64) -> Microcents {
    Microcents::new(microcents).expect("a small amount")
}

/// A driver that saves checkpoints only.
fn played(budget: i64, ticks: Option<u64>) -> Played {
    prepare(budget, ticks, None)
}

/// A driver that journals.
fn journaling(budget: i64, ticks: Option<u64>) -> Played {
    let key = Arc::new(NodeKey::from_seed(&[9; 32]));
    prepare(budget, ticks, Some(Journal::new(key, Seq(0), Predecessor::Genesis)))
}

fn prepare(budget: i64, ticks: Option<u64>, journal: Option<Journal>) -> Played {
    let terms = Terms {
        agent: "played".parse().expect("an agent id"),
        module: Hash::of(b"module"),
        manifest: b"manifest".to_vec(),
        meter: MeterName::new("gas").expect("a meter name"),
        preparation_version: 1,
        cost_table_version: 1,
        limits: execution_limits(&igor_core::Limits::default()),
        initial_budget: Some(amount(budget)),
    };
    let (agent, node) = (AgentKey::from_seed(&[7; 32]), Arc::new(NodeKey::from_seed(&[9; 32])));
    let ledger = Ledger::unborn(agent, node, terms, Vec::new(), journal);
    let purse = Purse {
        meter: Arc::new(GasMeter),
        price: Price::per_second(amount(1_000_000_000)),
        budget: amount(budget),
        carry: Carry::ZERO,
    };
    let introduction = Started {
        agent: "played".parse().expect("an agent id"),
        did: String::new(),
        engine: String::new(),
        storage: String::new(),
        meter: String::new(),
        price: purse.price,
        tick: Tick(0),
        budget: amount(budget),
        continued: false,
    };
    let plan = Plan {
        first_tick_ns: SECOND,
        tick_interval_ns: SECOND,
        checkpoint_interval_ns: 5 * SECOND,
        ticks,
        checks: None,
    };
    let price = purse.price;
    let beginning = Beginning { ledger, purse, price, state: None, tail: None, introduction };
    let driver = Driver::new(plan, beginning);
    Played {
        driver,
        now_ns: 0,
        log: Vec::new(),
        timer_ns: None,
        written: None,
        offer: None,
        end: None,
    }
}

impl Played {
    /// Begins and brings the agent up to waiting for its first tick.
    fn born(budget: i64, ticks: Option<u64>) -> Self {
        let mut played = played(budget, ticks);
        played.driver.begin(0);
        played.play([Done, Done, Done]);
        played
    }

    /// Carries out commands with these answers until none is left and the driver waits.
    fn play<const N: usize>(&mut self, answers: [Answer; N]) -> &mut Self {
        let mut answers = answers.into_iter();
        loop {
            let Some(command) = self.driver.poll() else {
                assert_eq!(answers.count(), 0, "answers nobody asked for, after {:?}", self.log);
                return self;
            };
            let mut answer = || answers.next().expect("an answer for each question");
            let event = match command {
                Command::Start { state, .. } => {
                    let first = state.is_none().then(|| b"state 0".to_vec());
                    self.log.push("start".to_owned());
                    Event::Started(report(answer(), |_| first))
                }
                Command::Tick(tick) => {
                    self.log.push(format!("tick {tick}"));
                    let state = format!("state {tick}").into_bytes();
                    Event::Ticked(report(answer(), |more| TickOutput { more, state }))
                }
                Command::Commit(batch) => {
                    self.log.push("commit".to_owned());
                    let result = commit(answer(), &batch);
                    self.written = Some(batch);
                    Event::Committed(result)
                }
                Command::SetTimer(at_ns) => {
                    self.timer_ns = Some(at_ns);
                    continue;
                }
                Command::Emit(RunEvent::Stopped(stopped)) => {
                    let Stopped { reason, tick, budget, .. } = stopped;
                    self.log.push(format!("stopped {reason} at {tick} with {}", budget.get()));
                    continue;
                }
                Command::Emit(RunEvent::Notice(_)) => {
                    self.log.push("notice".to_owned());
                    continue;
                }
                Command::Offer(offer) => {
                    self.log.push(format!("offer of tick {}", offer.terms().tick));
                    self.offer = Some(offer);
                    continue;
                }
                Command::CannotOffer(why) => {
                    self.log.push(format!("cannot offer: {why}"));
                    continue;
                }
                Command::NotOffered(why) => {
                    self.log.push(format!("not offered: {why}"));
                    continue;
                }
                Command::Verify(_) => panic!("nothing is to be checked"),
                Command::Recover { .. } => panic!("no process died before"),
                Command::Emit(_) => continue,
                Command::Finish(reason) => {
                    self.end = Some(reason);
                    continue;
                }
            };
            self.driver.handle(self.now_ns, event);
        }
    }

    /// Lets the timer fire.
    fn wake(&mut self) -> &mut Self {
        self.now_ns = self.timer_ns.take().expect("the driver waits");
        self.driver.handle(self.now_ns, Event::Timer);
        self
    }

    fn stop(&mut self) -> &mut Self {
        self.driver.handle(self.now_ns, Event::Stop);
        self
    }

    fn expect(&mut self, log: &[&str]) -> &mut Self {
        assert_eq!(std::mem::take(&mut self.log), log);
        self
    }
}

fn report<T>(answer: Answer, output: impl FnOnce(bool) -> T) -> Report<T> {
    let outcome = match answer {
        Done => Ok(output(false)),
        More => Ok(output(true)),
        Answer::Trap(trap) => Err(Failure::Trap { export: "agent_tick", trap }),
        Fault => Err(Failure::Node { export: "agent_tick", fault: NodeFault::OutOfMemory }),
        NoSpace | Conflict | Poisoned => panic!("no answer of a guest"),
    };
    let usage = Usage { gas: Gas(10), elapsed: Nanos(5) };
    Report {
        outcome,
        usage,
        observations: Observations::default(),
        lines: Vec::new(),
        divergence: None,
    }
}

fn commit(answer: Answer, batch: &Batch) -> Result<Committed, StorageError> {
    let puts = batch.groups[0].operations.len();
    match answer {
        Done => Ok(Committed { versions: vec![Version::new(b"1"); puts] }),
        NoSpace => Err(StorageError::NoSpace { attempt: "write".to_owned() }),
        Conflict => {
            let (object, problem) = ("checkpoint".to_owned(), "has another version".to_owned());
            Err(StorageError::Conflict { object, problem })
        }
        Poisoned => Err(StorageError::Poisoned { cause: "sync".to_owned() }),
        _ => panic!("no answer of a storage"),
    }
}

#[test]
fn an_agent_is_born_saved_and_rebuilt_before_its_first_tick() {
    let mut played = Played::born(1_000, None);
    played.expect(&["start", "commit", "start"]);
    assert_eq!(played.timer_ns, Some(SECOND), "the first tick is one interval away");
    played.wake().play([Done]).expect(&["tick 1"]);
    assert_eq!(played.timer_ns, Some(2 * SECOND));
}

#[test]
fn more_work_shortens_the_wait() {
    let mut played = Played::born(1_000, None);
    played.wake().play([More]).expect(&["start", "commit", "start", "tick 1"]);
    assert_eq!(played.timer_ns, Some(SECOND + 10_000_000));
    played.driver.plan.tick_interval_ns = 1_000_000;
    played.wake().play([More]);
    assert_eq!(played.timer_ns, Some(SECOND + 11_000_000), "never longer than the interval");
}

#[test]
fn a_checkpoint_is_due_only_after_news_and_opens_a_new_incarnation() {
    let mut played = Played::born(1_000, None);
    played.driver.plan.tick_interval_ns = 100 * SECOND;
    played.driver.next_tick_ns = 100 * SECOND;
    played.driver.handle(0, Event::Timer);
    played.play([]);
    assert_eq!(played.timer_ns, Some(100 * SECOND), "an idle agent is not saved");
    let overdue = ["start", "commit", "start", "tick 1", "commit", "start"];
    played.wake().play([Done, Done, Done]).expect(&overdue);
}

#[test]
fn a_stop_takes_effect_whenever_it_comes() {
    let mut starting = played(1_000, None);
    starting.driver.begin(0);
    starting.stop().play([Done, Done, Done, Done]);
    starting.expect(&["start", "commit", "start", "commit", "stopped signal at 0 with 980"]);

    let mut waiting = Played::born(1_000, None);
    waiting.expect(&["start", "commit", "start"]);
    waiting.stop().play([Done]).expect(&["commit", "stopped signal at 0 with 980"]);

    let mut ticking = Played::born(1_000, None);
    ticking.wake().stop().play([Done, Done]);
    ticking.expect(&[
        "start",
        "commit",
        "start",
        "tick 1",
        "commit",
        "stopped signal at 1 with 970",
    ]);
}

#[test]
fn a_failed_first_start_leaves_no_agent_behind() {
    for (answer, end) in [
        (Answer::Trap(Trap::Unreachable), "stopped trap at 0 with 990"),
        (Answer::Trap(Trap::Deadline), "stopped timeout at 0 with 990"),
        (Fault, "stopped fault at 0 with 1000"),
    ] {
        let mut played = played(1_000, None);
        played.driver.begin(0);
        played.play([answer]).expect(&["start", end]);
    }
    let mut poor = played(9, None);
    poor.driver.begin(0);
    poor.play([Done]).expect(&["start", "stopped budget_exhausted at 0 with 0"]);
    let mut broke = played(0, None);
    broke.driver.begin(0);
    broke.play([]).expect(&["stopped budget_exhausted at 0 with 0"]);
}

#[test]
fn a_failed_tick_is_charged_and_saved_without_it() {
    for (answer, end) in [
        (Answer::Trap(Trap::OutOfGas), "stopped trap at 1 with 960"),
        (Answer::Trap(Trap::Deadline), "stopped timeout at 1 with 960"),
        (Answer::Trap(Trap::Cancelled), "stopped signal at 1 with 960"),
        (Fault, "stopped fault at 1 with 970"),
    ] {
        let mut played = Played::born(1_000, None);
        played.wake().play([Done]).wake().play([answer, Done]);
        played.expect(&["start", "commit", "start", "tick 1", "tick 2", "commit", end]);
    }
}

#[test]
fn a_budget_that_ends_within_a_tick_discards_it() {
    let mut played = Played::born(35, None);
    played.wake().play([Done]).wake().play([Done, Done]);
    played.expect(&[
        "start",
        "commit",
        "start",
        "tick 1",
        "tick 2",
        "commit",
        "stopped budget_exhausted at 1 with 0",
    ]);
}

#[test]
fn a_budget_that_ends_with_a_tick_keeps_it() {
    let mut played = Played::born(30, None);
    played.wake().play([Done, Done]);
    let end = "stopped budget_exhausted at 1 with 0";
    played.expect(&["start", "commit", "start", "tick 1", "commit", end]);
}

#[test]
fn as_many_ticks_are_run_as_were_asked_for() {
    let mut none = played(1_000, Some(0));
    none.driver.begin(0);
    none.play([Done, Done, Done, Done]);
    none.expect(&["start", "commit", "start", "commit", "stopped ticks at 0 with 980"]);
    let mut two = Played::born(1_000, Some(2));
    two.wake().play([Done]).wake().play([Done, Done]);
    two.expect(&[
        "start",
        "commit",
        "start",
        "tick 1",
        "tick 2",
        "commit",
        "stopped ticks at 2 with 960",
    ]);
}

#[test]
fn a_save_without_space_is_tried_again_at_each_interval_and_at_the_end() {
    let mut played = Played::born(1_000, None);
    played.driver.plan.tick_interval_ns = 4 * SECOND;
    played.driver.next_tick_ns = 4 * SECOND;
    played.driver.handle(0, Event::Timer);
    played.play([]).wake().play([Done]).expect(&["start", "commit", "start", "tick 1"]);
    played.wake().play([NoSpace]).expect(&["commit", "notice"]);
    assert_eq!(played.now_ns, 5 * SECOND);
    played.wake().play([Done]).expect(&["tick 2"]);
    played.wake().play([NoSpace]).expect(&["commit", "notice"]);
    assert_eq!(played.now_ns, 10 * SECOND, "one interval later");
    played.stop().play([NoSpace]).expect(&["commit", "stopped storage at 2 with 960"]);
}

#[test]
fn nothing_is_ticked_until_the_checkpoint_is_written_that_it_starts_from() {
    let mut played = Played::born(1_000, None);
    played.log.clear();
    let purse = Purse { budget: amount(900), ..played.driver.purse().clone() };
    let state = Some(b"state 0".to_vec());
    let recovered = Recovered { purse, tick: Tick(0), state, is_running: false, ticks: 0 };
    played.driver.handle(0, Event::Recovered(Ok(recovered)));
    played.play([NoSpace]).expect(&["commit", "notice"]);
    played.wake().play([NoSpace]).expect(&["commit", "notice"]);
    // The time for a tick has come meanwhile.
    played.wake().play([Done, Done, Done]).expect(&["commit", "start", "tick 1"]);
}

#[test]
fn a_first_save_without_space_ends_the_run() {
    let mut played = played(1_000, None);
    played.driver.begin(0);
    played.play([Done, NoSpace]).expect(&["start", "commit", "stopped storage at 0 with 990"]);
}

#[test]
fn a_poisoned_store_ends_the_run_at_once() {
    let mut played = Played::born(1_000, None);
    played.wake().play([Done]);
    played.driver.next_checkpoint_ns = 0;
    played.wake().play([Poisoned]);
    played.expect(&[
        "start",
        "commit",
        "start",
        "tick 1",
        "commit",
        "stopped storage at 1 with 970",
    ]);
}

#[test]
fn a_tick_is_shown_once_it_is_durable_and_the_next_does_not_wait_for_it() {
    let mut played = journaling(1_000, None);
    played.driver.begin(0);
    played.play([Done, Done, Done, Done]);
    played.expect(&["start", "commit", "start", "commit"]);
    played.now_ns = played.timer_ns.take().expect("the driver waits");
    played.driver.plan.tick_interval_ns = 0;
    played.driver.handle(played.now_ns, Event::Timer);
    let now_ns = played.now_ns;
    let answer = |driver: &mut Driver, tick: u64| {
        let command = driver.poll();
        assert!(matches!(&command, Some(Command::Tick(Tick(n))) if *n == tick), "{command:?}");
        let output = TickOutput { more: true, state: b"state".to_vec() };
        driver.handle(now_ns, Event::Ticked(report(Done, |_| output)));
    };
    answer(&mut played.driver, 1);
    let Some(Command::Commit(batch)) = played.driver.poll() else { panic!("not recorded") };
    answer(&mut played.driver, 2);
    answer(&mut played.driver, 3);
    let Some(Command::Tick(_)) = played.driver.poll() else { panic!("a tick that waits") };
    assert!(played.driver.poll().is_none(), "something was shown before it was durable");
    played.driver.handle(now_ns, Event::Committed(commit(Done, &batch)));
    let Some(Command::Emit(RunEvent::Ticked(ticked))) = played.driver.poll() else {
        panic!("a durable tick is not shown")
    };
    assert_eq!(ticked.tick, Tick(1));
    let Some(Command::Commit(batch)) = played.driver.poll() else { panic!("not recorded") };
    let records = match batch.groups[0].operations.first() {
        Some(igor_core::storage::Operation::Append { records, .. }) => records.len(),
        other => panic!("{other:?}"),
    };
    assert_eq!(records, 2, "what was recorded meanwhile goes together");
}

#[test]
fn nothing_runs_while_the_journal_has_no_space() {
    let mut played = journaling(1_000, None);
    played.driver.begin(0);
    played.play([Done, Done, Done, NoSpace]);
    played.expect(&["start", "commit", "start", "commit", "notice"]);
    assert_eq!(played.timer_ns, Some(5 * SECOND), "tried again at the next interval");
    played.wake().play([NoSpace]).expect(&["commit", "notice"]);
    played.wake().play([Done, Done, Done, Done, Done, Done]);
    played.expect(&["commit", "tick 1", "commit", "commit", "start", "commit"]);
}

#[test]
fn a_backlog_makes_ticks_wait() {
    let mut played = journaling(100_000, None);
    played.driver.begin(0);
    played.play([Done, Done, Done, Done]);
    played.driver.plan.tick_interval_ns = 0;
    played.now_ns = played.timer_ns.take().expect("the driver waits");
    played.driver.handle(played.now_ns, Event::Timer);
    let mut ticks = 0;
    while let Some(command) = played.driver.poll() {
        if let Command::Tick(_) = command {
            ticks += 1;
            let output = TickOutput { more: true, state: Vec::new() };
            played.driver.handle(played.now_ns, Event::Ticked(report(Done, |_| output)));
        }
    }
    assert_eq!(ticks, BACKLOG_MAX);
}

#[test]
fn a_paused_agent_is_saved_but_not_ticked() {
    let mut played = Played::born(1_000, None);
    played.wake().play([Done]).expect(&["start", "commit", "start", "tick 1"]);
    played.driver.handle(played.now_ns, Event::Pause);
    played.play([]);
    assert_eq!(played.timer_ns, Some(5 * SECOND), "only the checkpoint is due");
    played.wake().play([Done, Done]).expect(&["commit", "start"]);
    assert_eq!(played.timer_ns, Some(u64::MAX), "nothing more is due");
    played.now_ns = 9 * SECOND;
    played.driver.handle(played.now_ns, Event::Unpause);
    played.play([Done]).expect(&["tick 2"]);
}

#[test]
fn an_agent_in_doubt_is_saved_but_not_ticked_whatever_the_operator_wants() {
    let mut played = Played::born(1_000, None);
    played.wake().play([Done]).expect(&["start", "commit", "start", "tick 1"]);
    played.driver.handle(played.now_ns, Event::Doubted);
    played.play([]);
    assert_eq!(played.timer_ns, Some(5 * SECOND), "only the checkpoint is due");
    played.driver.handle(played.now_ns, Event::Pause);
    played.driver.handle(played.now_ns, Event::Unpause);
    played.wake().play([Done, Done]).expect(&["commit", "start"]);
    assert_eq!(played.timer_ns, Some(u64::MAX), "nothing more is due");
    played.now_ns = 9 * SECOND;
    played.driver.handle(played.now_ns, Event::Pause);
    played.driver.handle(played.now_ns, Event::Assured);
    played.play([]).expect(&[]);
    played.driver.handle(played.now_ns, Event::Unpause);
    played.play([Done]).expect(&["tick 2"]);
}

#[test]
fn money_comes_with_a_checkpoint_of_its_own() {
    let mut played = Played::born(1_000, None);
    played.wake().play([Done]).expect(&["start", "commit", "start", "tick 1"]);
    let (amount, id) = (amount(5), FundId::from_bytes([1; 16]));
    played.driver.handle(played.now_ns, Event::Fund { amount, id });
    played.play([Done, Done, Done]).expect(&["commit", "commit", "start"]);
    assert_eq!(played.driver.purse().budget.get(), 1_000 - 3 * 10 + 5 - 10);
    played.driver.handle(played.now_ns, Event::Fund { amount, id });
    played.stop().play([Done, Done]).expect(&["commit", "commit", "stopped signal at 1 with 970"]);
}

#[test]
fn money_that_cannot_be_written_is_refused_and_the_agent_goes_on() {
    let mut played = journaling(1_000, None);
    played.driver.begin(0);
    played.play([Done, Done, Done, Done]).log.clear();
    let (amount, id) = (amount(5), FundId::from_bytes([1; 16]));
    for (answers, budget) in [([Done, NoSpace, Done, Done], 970), ([Done, Done, Done, Done], 965)] {
        played.driver.handle(played.now_ns, Event::Fund { amount, id });
        played.play(answers).expect(&["commit", "commit", "start", "commit"]);
        assert_eq!(played.driver.purse().budget.get(), budget);
    }
    played.driver.handle(played.now_ns, Event::Fund { amount: Microcents::MAX, id });
    played.play([Done, Done, Done]).expect(&["commit", "start", "commit"]);
    played.driver.handle(played.now_ns, Event::Lost("it broke".to_owned()));
    played.play([]).expect(&["stopped fault at 0 with 955"]);
}
