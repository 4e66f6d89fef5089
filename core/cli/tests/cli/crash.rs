//! `kill -9` at any moment of a run: whatever was shown is still there afterwards, every microcent is
//! accounted for, and the history of many such ends is sound. It is not about power cuts: what a killed
//! process handed to the system is not lost.

#![allow(clippy::print_stdout, reason = "the seed is shown if a test fails")]

use std::collections::BTreeSet;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use crate::account::Account;
use crate::support::{Answer, Draws, Place, Running, answer, ask, events, number, only};

/// How often each life is ended, unless the environment says otherwise.
const KILLS: u64 = 10;
/// What the agent is given at its creation, in microcents.
const INITIAL: i64 = 5_000_000_000;
/// No run is left alone for longer than this.
const RUN_MS_MAX: u64 = 200;

fn amount(event: &Value, field: &str) -> i64 {
    event[field].as_i64().unwrap_or_else(|| panic!("{event:#} has no {field}"))
}

fn tick_of(event: &Value) -> u64 {
    event["tick"].as_u64().unwrap_or_else(|| panic!("{event:#} has no tick"))
}

/// An agent that is killed again and again, and all that was shown of it.
struct Life {
    place: Place,
    module: String,
    meter: &'static str,
    draws: Draws,
    ticks: Vec<Value>,
    /// The ticks that were shown to log something.
    logged: BTreeSet<u64>,
    starts: Vec<Value>,
    funded: i64,
    /// The last tick that was shown, and the most that the budget may be.
    last: (u64, i64),
}

impl Life {
    fn new(meter: &'static str) -> Self {
        let place = Place::new();
        let module = place.prebuilt("heartbeat");
        let seed = number("IGOR_CONFORMANCE_SEED", 1);
        println!("to repeat: IGOR_CONFORMANCE_SEED={seed}; the machine's timing differs each time");
        Self {
            place,
            module,
            meter,
            draws: Draws::new(seed),
            ticks: Vec::new(),
            logged: BTreeSet::new(),
            starts: Vec::new(),
            funded: 0,
            last: (0, INITIAL),
        }
    }

    fn command(&self, engine: &str, more: &[&str]) -> std::process::Command {
        let mut command =
            self.place.run(&self.module, &["--engine", engine, "--meter", self.meter]);
        command.args(["--budget", "5000", "--price", "9", "--checkpoint-interval", "50ms"]);
        command.args(["--tick-interval", "1ms"]).args(more);
        command
    }

    /// Runs the agent and kills it, at a moment counted from its start or from its first words.
    fn run_and_kill(&mut self, engine: &str) {
        let mut running = Running::start(self.command(engine, &[]));
        let mut lines = Vec::new();
        let budget_ms = if self.draws.below(4) == 0 {
            self.draws.below(RUN_MS_MAX / 4)
        } else {
            lines.extend(running.line());
            self.draws.below(RUN_MS_MAX)
        };
        let patience = Duration::from_micros(budget_ms * 1_000 + self.draws.below(1_000));
        lines.extend(running.lines_for(patience));
        running.signal(Signal::KILL);
        let rest = running.answer();
        assert_eq!(rest.code, None, "it ran until it was killed: {lines:#?} {rest:#?}");
        lines.extend(rest.stdout.lines().map(str::to_owned));
        self.hear(&events(&lines.join("\n")));
    }

    /// Runs the agent for one tick to a good end.
    fn run_and_stop(&mut self, engine: &str) -> Value {
        let events = events(&answer(self.command(engine, &["--ticks", "1"])).done());
        self.hear(&events);
        only(&events, "stopped").clone()
    }

    fn fund(&mut self) {
        let microcents = 1 + self.draws.below(2_000_000);
        let units = format!("{}.{:06}", microcents / 1_000_000, microcents % 1_000_000);
        let dir = self.place.data();
        let Answer { code, stdout, .. } =
            &ask(["fund", "heartbeat", &units, "--checkpoint-dir", &dir, "--output", "json"]);
        assert_eq!(*code, Some(0), "{stdout}");
        let added = microcents.cast_signed();
        self.funded += added;
        self.last.1 += added;
    }

    /// Takes in what a run showed, which must continue what was shown before.
    fn hear(&mut self, events: &[Value]) {
        for event in events {
            match event["event"].as_str() {
                Some("started") => {
                    assert!(tick_of(event) >= self.last.0, "ticks are missing: {event:#}");
                    assert!(amount(event, "budget") <= self.last.1, "money came back: {event:#}");
                    self.last = (tick_of(event), amount(event, "budget"));
                    self.starts.push(event.clone());
                }
                Some("tick") => {
                    assert_eq!(tick_of(event), self.last.0 + 1, "{event:#}");
                    self.last = (tick_of(event), amount(event, "budget"));
                    self.ticks.push(event.clone());
                }
                Some("log") => drop(self.logged.insert(tick_of(event))),
                Some("stopped") => self.last = (tick_of(event), amount(event, "budget")),
                _ => {}
            }
        }
    }
}

/// Ends a life often and compares what it showed with what is kept of it.
fn check(meter: &'static str, engines: &[&str]) {
    let mut life = Life::new(meter);
    let kills = number("IGOR_TEST_KILLS", 2 * KILLS) / 2;
    for kill in 0..kills {
        let engine = engines[usize::try_from(kill).expect("few") % engines.len()];
        life.run_and_kill(engine);
        if life.draws.below(3) == 0 && life.place.path("data/heartbeat.checkpoint").exists() {
            life.fund();
        }
    }
    life.run_and_stop(engines[0]);
    life.fund();
    let stopped = life.run_and_stop(engines[0]);
    assert!(u64::try_from(life.ticks.len()).expect("few") > kills, "it lived between its ends");

    let account = Account::of(&life.place.path("data/history/heartbeat"), INITIAL);
    assert_eq!(account.budget, amount(&stopped, "budget"));
    assert_eq!(account.funded, life.funded);
    assert_eq!(INITIAL + life.funded, account.budget + account.charged);
    for shown in &life.ticks {
        let (state, charge, budget, _) = &account.ticks[&tick_of(shown)];
        let kept = (Some(state.as_str()), *charge, *budget);
        let told = (shown["state_hash"].as_str(), amount(shown, "charge"), amount(shown, "budget"));
        assert_eq!(told, kept, "{shown:#}");
    }
    for tick in &life.logged {
        assert!(account.ticks[tick].3, "what tick {tick} logged is journaled");
    }
    for started in &life.starts {
        let standing = (tick_of(started), amount(started, "budget"));
        assert!(account.budgets.contains(&standing), "it never stood there: {started:#}");
    }
    let verified = life.place.verify("heartbeat");
    assert_eq!((verified.code, &verified.document()["valid"]), (Some(0), &true.into()));
    let other = if engines[0] == "wasmi" { "wasmtime" } else { "wasmi" };
    let dir = life.place.text("data/history/heartbeat");
    let args = ["audit", &dir, "--wasm", &life.module, "--engine", other, "--output", "json"];
    let audit = ask(args);
    assert_eq!((audit.code, audit.stderr.as_str()), (Some(0), ""), "{audit:#?}");
    let audit = audit.document();
    let ticks = account.ticks.last_key_value().map(|(tick, _)| *tick);
    assert_eq!((&audit["verdict"], audit["ticks"].as_u64()), (&"proven".into(), ticks));
    let charges = ["exact", "from_time"].map(|kind| amount(&audit["charges"], kind));
    assert_eq!(charges[0] + charges[1], account.charged, "every charge was computed again");
}

#[test]
fn nothing_shown_is_lost_by_kills_under_the_wall_meter() {
    check("wall", &["wasmtime"]);
}

#[test]
fn nothing_shown_is_lost_by_kills_with_the_engine_changing_each_time() {
    check("gas", &["wasmtime", "wasmi"]);
}
