//! `igor node` and the commands that speak to it: agents are started, watched, paused, funded, stopped and
//! removed; a node that starts again does what it did before; and what is said over the socket is what
//! its description says.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::LazyLock;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::nodes::Node;
use crate::support::{Place, Running, answer, ask, counter, igor, repository};

/// The state of each agent, by name.
fn states(listing: &Value) -> Vec<(&str, &str)> {
    let agents = listing["agents"].as_array().expect("a list");
    agents
        .iter()
        .map(|agent| {
            let name = agent["agent_id"].as_str().expect("text");
            (name, agent["state"].as_str().expect("text"))
        })
        .collect()
}

#[test]
fn an_agents_life_on_a_node() {
    let place = Place::new();
    let module = place.prebuilt("heartbeat");
    let mut node = Node::on(place, &[]);
    assert_eq!(node.done(&["ps"])["agents"], json!([]));
    let started = node.done(&["start", &module, "--budget", "2.5"]);
    assert_eq!((&started["state"], &started["engine"]), (&json!("running"), &json!("wasmtime")));
    node.ticks_of("heartbeat", 3);
    node.ask(&["start", &module]).refused(1, &["heartbeat is running"]);
    node.ask(&["rm", "heartbeat"]).refused(1, &["heartbeat is running", "igor stop"]);
    assert_eq!(states(&node.done(&["ps"])), [("heartbeat", "running")]);

    assert_eq!(node.done(&["pause", "heartbeat"])["state"], "paused");
    node.running.event("paused", |_| true);
    let at = node.done(&["status", "heartbeat"])["tick"].clone();
    let lines = node.running.lines_for(std::time::Duration::from_millis(100));
    assert!(!lines.iter().any(|line| line.contains("\"event\":\"tick\"")), "{lines:#?}");
    assert_eq!(node.done(&["status", "heartbeat"])["tick"], at);
    let funded = node.done(&["fund", "heartbeat", "1.5"]);
    assert_eq!(
        funded["budget"].as_i64().expect("a number"),
        funded["before"].as_i64().expect("a number") + 1_500_000
    );
    assert_eq!(node.done(&["unpause", "heartbeat"])["state"], "running");
    node.ticks_of("heartbeat", at.as_u64().expect("a number") + 3);

    let logs = node.done(&["logs", "heartbeat", "-n", "3"]);
    let lines = logs["lines"].as_array().expect("a list");
    assert_eq!(lines.len(), 3);
    assert!(lines[0]["message"].as_str().is_some_and(|line| line.starts_with("heartbeat: ")));
    let stopped = node.done(&["stop", "heartbeat"]);
    assert_eq!((&stopped["state"], &stopped["reason"]), (&json!("stopped"), &json!("signal")));
    assert_eq!(stopped["tick"], stopped["checkpoint_tick"]);
    node.ask(&["stop", "heartbeat"]).refused(1, &["heartbeat is stopped"]);
    node.ask(&["pause", "heartbeat"]).refused(1, &["heartbeat is stopped"]);
    let funded = node.done(&["fund", "heartbeat", "1"]);
    assert_eq!(node.done(&["status", "heartbeat"])["budget"], funded["budget"]);
    node.done(&["start", "heartbeat"]);
    node.ticks_of("heartbeat", stopped["tick"].as_u64().expect("a number") + 2);
    node.done(&["stop", "heartbeat", "--now"]);
    assert_eq!(node.place.verify("heartbeat").document()["valid"], true);

    assert_eq!(node.done(&["rm", "heartbeat"])["with_history"], false);
    assert_eq!(node.done(&["ps"])["agents"], json!([]));
    node.ask(&["start", "heartbeat"]).refused(1, &["module", "not kept"]);
    assert!(node.place.path("data/history/heartbeat").is_dir(), "the history stays");
    node.done(&["start", &module, "--agent-id", "second"]);
    node.done(&["stop", "second"]);
    assert_eq!(node.done(&["rm", "second", "--history"])["with_history"], true);
    assert!(!node.place.path("data/second.identity").exists());
    node.done(&["start", &module, "--agent-id", "second"]);
    node.drain(Signal::TERM);
}

#[test]
fn a_node_that_was_killed_goes_on_with_what_was_wished() {
    let place = Place::new();
    let module = place.prebuilt("heartbeat");
    let mut node = Node::on(place, &[]);
    for agent in ["runs", "rests", "pauses"] {
        node.done(&["start", &module, "--agent-id", agent]);
    }
    node.done(&["stop", "rests"]);
    node.done(&["pause", "pauses"]);
    node.ticks_of("runs", 5);
    let mut node = Node::on(node.killed(), &[]);
    let (mut ticked, mut is_paused) = (None, false);
    while ticked.is_none() || !is_paused {
        let line = node.running.line().expect("the node goes on");
        let event: Value = serde_json::from_str(&line).expect("each line is JSON");
        is_paused |= event["event"] == "paused" && event["agent_id"] == "pauses";
        if event["event"] == "tick" && event["agent_id"] == "runs" {
            ticked = ticked.or(event["tick"].as_u64());
        }
    }
    assert!(ticked >= Some(5), "{ticked:?}");
    let listing = node.done(&["ps"]);
    let expected = [("pauses", "paused"), ("rests", "stopped"), ("runs", "running")];
    assert_eq!(states(&listing), expected);
    assert_eq!(listing["agents"][1]["reason"], "signal");
    let place = node.drain(Signal::INT);
    for agent in ["runs", "rests", "pauses"] {
        assert_eq!(place.verify(agent).document()["valid"], true, "{agent}");
    }
    // What a drained node ran is to run again.
    let mut node = Node::on(place, &[]);
    node.running.event("started", |event| event["agent_id"] == "runs");
    node.drain(Signal::TERM);
}

#[test]
fn an_agent_that_traps_stays_stopped_alone_until_it_is_started() {
    let place = Place::new();
    let well = place.module("well", &counter(""));
    let trap = "(if (i64.eq (i64.load (i32.const 0)) (i64.const 3)) (then (unreachable)))";
    let ill = place.module("ill", &counter(trap));
    let born = place.module(
        "born",
        &counter("").replace(
            "(func (export \"agent_init\"))",
            "(func (export \"agent_init\") (unreachable))",
        ),
    );
    // A start is answered before the agent is at the tick that traps.
    let slowly = ["--tick-interval", "300ms"];
    let mut node = Node::on(place, &slowly);
    node.done(&["start", &well]);
    node.done(&["start", &ill]);
    node.ask(&["start", &born]).refused(1, &["born stopped at once: trap"]);
    let stopped = node.running.event("stopped", |event| event["agent_id"] == "ill");
    assert_eq!((&stopped["reason"], &stopped["tick"]), (&json!("trap"), &json!(2)));
    node.ticks_of("well", 3);
    let mut node = Node::on(node.drain(Signal::TERM), &slowly);
    node.ticks_of("well", 4);
    let status = node.done(&["status", "ill"]);
    assert_eq!((&status["state"], &status["reason"]), (&json!("stopped"), &json!("trap")));
    assert!(status["detail"].as_str().is_some_and(|text| text.contains("agent_tick")), "{status}");
    node.done(&["start", "ill"]);
    node.running.event("stopped", |event| event["agent_id"] == "ill");
    node.drain(Signal::TERM);
}

#[test]
fn the_directory_is_the_nodes_alone() {
    let place = Place::new();
    let (data, module) = (place.data(), place.prebuilt("heartbeat"));
    for command in [&["ps"][..], &["status", "a"], &["start", &module], &["logs", "-f", "a"]] {
        let all = command.iter().copied().chain(["--checkpoint-dir", &data]);
        ask(all).refused(1, &["no node runs on", "igor node --checkpoint-dir"]);
    }
    let node = Node::on(place, &[]);
    answer(node.place.run(&module, &["--ticks", "1"])).refused(3, &["in use"]);
    ask(["node", "--checkpoint-dir", &data]).refused(3, &["in use"]);
    assert_eq!(node.done(&["ps"])["agents"], json!([]), "the one that was there is still heard");
    let mode = fs::metadata(&node.way().socket).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let place = node.killed();
    ask(["ps", "--checkpoint-dir", &data]).refused(1, &["no node runs on"]);
    ask(["fund", "heartbeat", "1", "--checkpoint-dir", &data]).refused(1, &["no agent"]);
    Node::on(place, &[]).drain(Signal::TERM);
}

#[test]
fn who_follows_an_agent_reads_each_line_once() {
    let place = Place::new();
    let module = place.prebuilt("heartbeat");
    let node = Node::on(place, &[]);
    node.done(&["start", &module]);
    let data = node.place.data();
    let args = ["logs", "-f", "-n", "2", "heartbeat", "--checkpoint-dir", &data];
    let mut following = Running::start(igor(args.into_iter().chain(["--output", "json"])));
    let mut last = None;
    for _ in 0..20 {
        let line = following.event("line", |_| true);
        let seq = line["seq"].as_u64().expect("a number");
        assert!(last.is_none_or(|last| seq == last + 1), "{line} follows {last:?}");
        last = Some(seq);
    }
    node.done(&["stop", "heartbeat"]);
    let end = following.event("line", |line| line["kind"] == "stopped");
    assert!(end["message"].as_str().is_some_and(|text| text.starts_with("stopped: signal")));
    node.done(&["rm", "heartbeat"]);
    following.answer().done();
    node.drain(Signal::TERM);
}

#[test]
fn what_people_see_fits_a_narrow_terminal() {
    let place = Place::new();
    let module = place.prebuilt("heartbeat");
    let node = Node::on(place, &[]);
    let name = "an-agent-with-a-name-that-goes-on-and-on";
    node.done(&["start", &module, "--agent-id", name]);
    node.done(&["stop", name]);
    let data = node.place.data();
    let table = ask(["ps", "--checkpoint-dir", &data]).done();
    assert!(table.lines().all(|line| line.chars().count() <= 60), "{table}");
    assert!(table.starts_with("AGENT ") && table.contains("stopped: signal"), "{table}");
    let status = ask(["status", name, "--checkpoint-dir", &data]).done();
    assert!(status.contains("did:key:") && status.contains("Budget"), "{status}");
    let lines = ask(["logs", name, "--checkpoint-dir", &data]).done();
    assert!(lines.contains("stopped: signal"), "{lines}");
    node.drain(Signal::TERM);
}

static API: LazyLock<Value> = LazyLock::new(|| {
    let text = fs::read_to_string(repository().join("docs/api/control.json"));
    serde_json::from_str(&text.expect("the description can be read")).expect("it is JSON")
});

/// Asserts that `value` is what the description calls so.
#[track_caller]
fn assert_is(name: &str, value: &Value) {
    let mut schema = API.clone();
    schema["$ref"] = json!(format!("#/components/schemas/{name}"));
    let validator = jsonschema::validator_for(&schema).expect("the description holds schemas");
    let errors: Vec<_> = validator.iter_errors(value).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{value:#} is no {name}: {errors:#?}");
}

#[test]
fn the_control_api_is_as_described() {
    let place = Place::new();
    let module = place.prebuilt("heartbeat");
    let file = place.text("heartbeat.igor");
    let node = Node::on(place, &[]);
    let check = |method: &str, path: &str, body: Value, status: u16, name: &str| {
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let (found, value) = node.way().request(method, path, &body);
        assert_eq!(found, status, "{method} {path}: {value:#}");
        assert_is(name, &value);
        value
    };
    let none = Value::Null;
    check("GET", "/v1/health", none.clone(), 200, "Health");
    let start = json!({"agent_id": "heartbeat", "module": {"path": module}, "budget": 3_000_000});
    assert_is("Start", &start);
    check("POST", "/v1/agents", start.clone(), 201, "Status");
    check("GET", "/v1/agents", none.clone(), 200, "Listing");
    let one = "/v1/agents/heartbeat";
    check("GET", one, none.clone(), 200, "Status");
    check("POST", &format!("{one}/pause"), none.clone(), 200, "Status");
    check("POST", &format!("{one}/unpause"), none.clone(), 200, "Status");
    check("POST", &format!("{one}/fund"), json!({"amount": 5}), 200, "Funded");
    check("GET", &format!("{one}/logs?lines=2"), none.clone(), 200, "Logs");

    let refused = |method: &str, path: &str, body: Value, status: u16, code: &str| {
        let failure = check(method, path, body, status, "Failure");
        assert_eq!(failure["error"]["code"], code, "{method} {path}");
    };
    refused("GET", "/v2/agents", none.clone(), 404, "no_route");
    refused("PUT", "/v1/agents", none.clone(), 405, "no_method");
    refused("GET", "/v1/agents/nobody", none.clone(), 404, "no_agent");
    refused("POST", "/v1/agents", start, 409, "already_runs");
    refused("DELETE", one, none.clone(), 409, "still_runs");
    refused("POST", "/v1/agents", json!({"agent": 1}), 400, "bad_request");
    refused("POST", &format!("{one}/fund"), json!({"amount": -5}), 400, "bad_request");
    refused("POST", &format!("{one}/fund"), json!({"amount": 0}), 422, "refused");
    refused("GET", &format!("{one}/logs?lines=x"), none.clone(), 400, "bad_request");
    let nonsense = json!({"agent_id": "x", "module": {"base64": "AAAA"}});
    refused("POST", "/v1/agents", nonsense, 422, "cannot_start");
    let large = json!({"agent_id": "x", "module": {"base64": "A".repeat(25 << 20)}});
    refused("POST", "/v1/agents", large, 413, "too_large");
    let (export, sealed) =
        (format!("{one}/export"), json!({"file": file, "passphrase": "c2VjcmV0"}));
    refused("POST", &export, sealed.clone(), 409, "still_runs");
    check("POST", &format!("{one}/stop"), json!({"now": true}), 200, "Status");
    refused("POST", &format!("{one}/pause"), none.clone(), 409, "not_running");
    refused("POST", &export, json!({"file": file, "passphrase": "no base64!"}), 400, "bad_request");
    refused("POST", &export, json!({"file": file, "passphrase": ""}), 400, "bad_request");
    check("POST", &export, sealed.clone(), 200, "Exported");
    refused("POST", &export, sealed.clone(), 422, "refused");
    check("POST", "/v1/imports", sealed, 200, "Imported");
    refused("POST", "/v1/imports", json!({"file": "/nowhere"}), 422, "refused");
    refused("POST", "/v1/imports", json!({"file": file, "passphrase": "b3RoZXI="}), 422, "refused");
    check("DELETE", one, none, 200, "Removed");
    node.drain(Signal::TERM);
}

#[test]
fn more_agents_run_than_a_shell_lets_files_be_open() {
    let place = Place::new();
    let module = place.module("many", &counter(""));
    let fewer = ["sh", "-c", "ulimit -S -n 40; exec \"$0\" \"$@\""];
    let node = Node::within(place, &fewer, &[]);
    for number in 0..50 {
        let start = json!({"agent_id": format!("a{number}"), "module": {"path": module}});
        let (status, body) = node.way().request("POST", "/v1/agents", start.to_string().as_bytes());
        assert_eq!(status, 201, "{body:#}");
    }
    let (_, health) = node.way().request("GET", "/v1/health", b"");
    assert_eq!((&health["agents"], &health["running"]), (&json!(50), &json!(50)));
    node.drain(Signal::TERM);
}

#[test]
fn a_second_signal_ends_a_node_at_once() {
    let place = Place::new();
    let second = "(if (i64.eq (i64.load (i32.const 0)) (i64.const 2))
        (then (loop $again (br $again))))";
    let endless = place.module("endless", &counter(second));
    let args = ["--engine", "wasmi", "--guest-threads", "1", "--tick-interval", "0"];
    let mut node = Node::on(place, &args);
    node.done(&["start", &endless]);
    // The next tick does not wait until this one may be shown.
    node.ticks_of("endless", 1);
    node.running.signal(Signal::TERM);
    let early = node.running.lines_for(std::time::Duration::from_millis(300));
    assert!(!early.iter().any(|line| line.contains("drained")), "{early:#?}");
    node.running.signal(Signal::TERM);
    let answer = node.running.answer();
    answer.refused(1, &["1 agent was not brought to a checkpoint"]);
}
