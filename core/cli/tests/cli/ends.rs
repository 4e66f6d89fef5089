//! How a run ends: signals, a lost reader, a kill, an empty budget, a trap, a time limit.

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

use rustix::process::Signal;
use serde_json::Value;

use crate::support::{POOR, Place, Running, answer, counter, events, kinds, only};

/// From tick 2 on a tick does not end by itself.
const STUCK: &str =
    "(if (i64.gt_u (i64.load (i32.const 0)) (i64.const 1)) (then (loop $forever (br $forever))))";
/// Tick 2 traps.
const TRAPPING: &str = "(if (i64.gt_u (i64.load (i32.const 0)) (i64.const 1)) (then unreachable))";

/// More ticks than a run that is to stop does.
const MANY: &str = "100000";

fn any(_: &Value) -> bool {
    true
}

/// Where the current checkpoint of an agent stands, and that its history is valid.
#[track_caller]
fn kept_tick(place: &Place, agent: &str) -> u64 {
    let document = place.verify(agent).document();
    assert_eq!(document["valid"], true, "{document:#}");
    let checkpoint = place.text(&format!("data/{agent}.checkpoint"));
    let inspected = crate::support::ask(["inspect", &checkpoint, "--output", "json"]).document();
    assert_eq!(inspected["hash"], document["head"], "the current checkpoint is the history's last");
    inspected["tick"].as_u64().expect("a number")
}

#[test]
fn a_signal_ends_the_run_with_a_checkpoint() {
    for signal in [Signal::INT, Signal::TERM] {
        let place = Place::new();
        let module = place.prebuilt("heartbeat");
        let slow = ["--tick-interval", "20ms", "--checkpoint-interval", "1h"];
        let mut running = Running::start(place.run(&module, &slow));
        running.event("tick", |event| event["tick"] == 2);
        running.signal(signal);
        let checkpoint = running.event("checkpoint", any);
        let stopped = running.event("stopped", any);
        assert_eq!((&stopped["reason"], &stopped["tick"]), (&"signal".into(), &checkpoint["tick"]));
        let answer = running.answer();
        assert_eq!((answer.code, answer.stderr.as_str()), (Some(0), ""), "{answer:#?}");
        assert_eq!(Some(kept_tick(&place, "heartbeat")), stopped["tick"].as_u64());
    }
}

#[test]
fn a_signal_ends_the_wait_between_ticks() {
    let place = Place::new();
    let module = place.prebuilt("heartbeat");
    let mut running = Running::start(place.run(&module, &["--tick-interval", "1h"]));
    running.event("checkpoint", any);
    running.signal(Signal::INT);
    assert_eq!(running.event("stopped", any)["reason"], "signal");
    assert_eq!(running.answer().code, Some(0));
}

#[test]
fn a_second_signal_cancels_the_running_tick() {
    let place = Place::new();
    let module = place.module("stuck", &counter(STUCK));
    let mut running =
        Running::start(place.run(&module, &["--engine", "wasmi", "--budget", "9000"]));
    // The next tick begins right after this line, and a first signal does not end it.
    running.event("tick", |event| event["tick"] == 1);
    running.signal(Signal::INT);
    running.signal(Signal::TERM);
    let stopped = running.event("stopped", any);
    assert_eq!(
        (&stopped["reason"], &stopped["tick"]),
        (&"signal".into(), &1.into()),
        "{stopped:#}"
    );
    let answer = running.answer();
    assert_eq!((answer.code, answer.stderr.as_str()), (Some(0), ""), "{answer:#?}");
    assert_eq!(kept_tick(&place, "stuck"), 1);
}

#[test]
fn a_killed_agent_continues_from_its_last_checkpoint() {
    let place = Place::new();
    let module = place.prebuilt("heartbeat");
    let quick = ["--checkpoint-interval", "1ms"];
    let mut did = Value::Null;
    for round in 0..3 {
        let mut running = Running::start(place.run(&module, &quick));
        let started = running.event("started", any);
        assert_eq!(started["continued"], round > 0);
        assert!(did.is_null() || did == started["did"], "the identity stays");
        did = started["did"].clone();
        let from = started["tick"].as_u64().expect("a number");
        let later = |event: &Value| event["tick"].as_u64() > Some(from);
        let saved = running.event("checkpoint", later)["tick"].as_u64().expect("a number");
        running.signal(Signal::KILL);
        assert_eq!(running.answer().code, None);
        let document = place.verify("heartbeat").document();
        assert_eq!(document["valid"], true, "round {round}: {document:#}");
        assert!(document["last_tick"].as_u64() >= Some(saved), "what was said to be saved is lost");
    }
    let events = place.ran(&module, &["--ticks", "1"]);
    assert_eq!(only(&events, "started")["did"], did);
    kept_tick(&place, "heartbeat");
}

#[test]
fn a_reader_who_leaves_ends_the_run_with_a_checkpoint() {
    for form in ["text", "json"] {
        let place = Place::new();
        let module = place.prebuilt("heartbeat");
        let mut command = place.run(&module, &["--output", form, "--ticks", MANY]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let mut line = String::new();
        let mut reader = BufReader::new(child.stdout.take().expect("stdout is a pipe"));
        reader.read_line(&mut line).expect("a line can be read");
        drop(reader);
        let output = child.wait_with_output().expect("the program ends");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), &*stderr), (Some(0), ""), "{form}: {line}");
        assert!(kept_tick(&place, "heartbeat") < MANY.parse().expect("a number"), "it went on");
    }
}

#[test]
fn a_full_disk_behind_stdout_ends_the_run_with_a_checkpoint() {
    let place = Place::new();
    let module = place.prebuilt("heartbeat");
    let mut command = place.run(&module, &["--ticks", MANY]);
    let full = OpenOptions::new().write(true).open("/dev/full").expect("/dev/full");
    command.stdout(full).stderr(Stdio::piped());
    let output = command.spawn().and_then(|child| child.wait_with_output()).expect("it runs");
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.starts_with("error: write to stdout: "), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert!(kept_tick(&place, "heartbeat") < MANY.parse().expect("a number"), "it went on");
}

#[test]
fn an_exhausted_budget_is_said_and_no_failure() {
    let place = Place::new();
    let module = place.module("counter", &counter(""));
    let ran = place.ran(&module, &[&POOR[..], &["--ticks", MANY]].concat());
    let stopped = only(&ran, "stopped");
    assert_eq!(stopped["reason"], "budget_exhausted", "{stopped:#}");
    assert_eq!(stopped["budget"], 0);
    let tick = stopped["tick"].as_u64().expect("a number");
    assert!(tick > 1, "it lived for a while");
    assert_eq!(kept_tick(&place, "counter"), tick);
    let kept = place.kept();
    let again = place.ran(&module, &POOR);
    assert_eq!(kinds(&again), ["stopped"], "nothing is instantiated without a budget");
    assert_eq!(only(&again, "stopped")["reason"], "budget_exhausted");
    assert_eq!(kept, place.kept());
}

#[test]
fn a_trap_is_a_failure_and_leaves_the_last_good_state() {
    let place = Place::new();
    let module = place.module("trapping", &counter(TRAPPING));
    let answer = answer(place.run(&module, &[]));
    answer.refused(1, &["trapping trapped after tick 1", "unreachable", "run again"]);
    let events = events(&answer.stdout);
    let stopped = only(&events, "stopped");
    assert_eq!((&stopped["reason"], &stopped["tick"]), (&"trap".into(), &1.into()));
    assert!(stopped["detail"].as_str().is_some_and(|text| text.contains("unreachable")));
    assert_eq!(kept_tick(&place, "trapping"), 1);
}

#[test]
fn a_tick_past_its_time_limit_is_a_failure() {
    let place = Place::new();
    let module = place.module("stuck", &counter(STUCK));
    let mut command = place.run(&module, &["--engine", "wasmi", "--budget", "9000"]);
    command.env("IGOR_LIMITS__TICK_NS_MAX", "20000000");
    let answer = answer(command);
    answer.refused(1, &["time limit", "after tick 1"]);
    assert_eq!(only(&events(&answer.stdout), "stopped")["reason"], "timeout");
    assert_eq!(kept_tick(&place, "stuck"), 1);
}

#[test]
fn a_failed_first_start_leaves_no_agent_behind() {
    let place = Place::new();
    let init = r#"(func (export "agent_init") unreachable)"#;
    let module =
        place.module("stillborn", &counter("").replace(r#"(func (export "agent_init"))"#, init));
    let answer = answer(place.run(&module, &[]));
    answer.refused(1, &["stillborn trapped", "agent_init"]);
    assert!(!place.path("data/stillborn.checkpoint").exists());
    assert!(!place.path("data/stillborn.identity").exists());
}

#[cfg(target_os = "linux")]
#[test]
fn a_running_agent_can_dump_no_core() {
    let place = Place::new();
    let module = place.prebuilt("heartbeat");
    let mut running = Running::start(place.run(&module, &["--tick-interval", "1h"]));
    running.event("checkpoint", any);
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", running.id()));
    let limits = limits.expect("the process is there");
    let core = limits.lines().find(|line| line.starts_with("Max core file size"));
    let words: Vec<_> = core.expect("the limit is listed").split_whitespace().collect();
    assert_eq!(words[4..6], ["0", "0"], "{limits}");
    running.signal(Signal::INT);
    assert_eq!(running.answer().code, Some(0));
}
