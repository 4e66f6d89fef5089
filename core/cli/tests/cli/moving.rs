//! Agents that go from one `igor` process to another: as their users see it, by the commands, by what is printed
//! and by what lies on the disks afterwards.

use rustix::process::Signal;
use serde_json::Value;

use crate::nodes::Node;
use crate::support::{Place, ask};

/// The agent's history is clean and proven, on this engine.
#[track_caller]
fn audited(place: &Place, agent: &str, engine: &str) {
    let history = place.path("data").join("history").join(agent);
    let module = place.prebuilt(agent);
    let history = history.to_str().expect("UTF-8");
    let answer = ask(["audit", history, "--wasm", &module, "--engine", engine]);
    assert_eq!(answer.code, Some(0), "{answer:#?}");
}

#[test]
fn an_agent_goes_to_another_engine_and_comes_back() {
    let (one, other) = (Place::new(), Place::new());
    let module = one.prebuilt("heartbeat");
    let mut source = Node::on(one, &["--engine", "wasmtime"]);
    let mut target = Node::on(other, &["--engine", "wasmi", "--price", "0.002"]);
    source.done(&["start", &module]);
    source.ticks("heartbeat", 3);
    let moved = source.done(&["migrate", "heartbeat", "--to", target.address()]);
    assert_eq!(
        (&moved["is_there"], moved["address"].as_str()),
        (&Value::Bool(true), Some(target.address()))
    );
    let stopped = source.running.event("stopped", |_| true);
    assert_eq!(stopped["reason"], "migrated");
    let last = stopped["tick"].as_u64().expect("a number");
    let came = target.running.event("came", |_| true);
    assert!(came["tick"].as_u64() >= Some(last), "{came} {stopped}");
    let first = target.running.event("tick", |_| true)["tick"].as_u64().expect("a number");
    assert_eq!(Some(first), came["tick"].as_u64().map(|tick| tick + 1));
    target.ticks("heartbeat", 3);
    let here = target.done(&["status", "heartbeat"]);
    assert_eq!((&here["engine"], &here["price"]), (&"wasmi".into(), &2_000.into()));
    source.ask(&["start", "heartbeat"]).refused(1, &["heartbeat was given to the node"]);

    target.done(&["migrate", "heartbeat", "--to", source.address()]);
    source.ticks("heartbeat", 3);
    assert_eq!(source.done(&["status", "heartbeat"])["engine"], "wasmtime");
    let (one, other) = (source.drain(Signal::TERM), target.drain(Signal::TERM));
    audited(&one, "heartbeat", "wasmi");
    drop(other);
}

#[test]
fn an_agent_that_is_sent_ahead_ticks_on_and_goes_later() {
    let module = Place::new();
    let module_path = module.prebuilt("heartbeat");
    let mut source = Node::on(Place::new(), &[]);
    let mut target = Node::on(Place::new(), &[]);
    source.done(&["start", &module_path]);
    source.ticks("heartbeat", 3);
    let ahead = source.done(&["migrate", "heartbeat", "--to", target.address(), "--prewarm"]);
    assert_eq!(ahead["is_there"], false);
    source.ticks("heartbeat", 3);
    // Who was asked once is known, and tried without being named.
    let moved = source.done(&["migrate", "heartbeat"]);
    assert_eq!(moved["is_there"], true);
    target.ticks("heartbeat", 1);
    let peers = source.done(&["peers"]);
    assert_eq!(peers["peers"][0]["addresses"][0], target.address());
}

#[test]
fn a_run_that_is_reached_gives_its_agent_away_and_ends() {
    let place = Place::new();
    let module = place.prebuilt("heartbeat");
    let target = Node::on(Place::new(), &[]);
    let mut source = Node::of_run(place, &module, &["--transport", "quic", "--engine", "wasmi"]);
    source.ticks("heartbeat", 2);
    source.done(&["migrate", "heartbeat", "--to", target.address()]);
    let stopped = source.running.event("stopped", |_| true);
    assert_eq!(stopped["reason"], "migrated");
    let answer = source.running.answer();
    assert_eq!(answer.code, Some(0), "{answer:#?}");
    let data = source.place.data();
    let again = ask(["run", &module, "--checkpoint-dir", &data]);
    let there = target.address().split_once('#').expect("an identity").1;
    again.refused(1, &["heartbeat", there]);
}

#[test]
fn what_cannot_move_is_refused_by_reason_and_ticks_on() {
    let place = Place::new();
    let module = place.prebuilt("heartbeat");
    let mut source = Node::on(place, &["--migration-retry-delay", "1ms"]);
    let dear = Node::on(Place::new(), &[]);
    source.done(&["start", &module]);
    source.ticks("heartbeat", 1);
    let me = source.address().to_owned();
    source.ask(&["migrate", "nobody", "--to", dear.address()]).refused(1, &["nobody"]);
    source.ask(&["migrate", "heartbeat", "--to", "nonsense"]).refused(2, &["nonsense"]);
    source.ask(&["migrate", "heartbeat", "--to", &me]).refused(1, &["heartbeat", "this one"]);
    source.ask(&["migrate", "heartbeat"]).refused(2, &["no other node is known"]);
    let address = dear.address().to_owned();
    drop(dear.drain(Signal::TERM));
    source.ask(&["migrate", "heartbeat", "--to", &address]).refused(1, &["heartbeat stays"]);
    source.ticks("heartbeat", 2);
}

#[test]
fn an_agent_that_is_too_large_to_move_is_told_how_to_get_smaller() {
    let place = Place::new();
    let module = place.prebuilt("heartbeat");
    let config = place.write("igor.toml", b"[limits]\npackage_bytes_max = 1024\n");
    let target = Node::on(Place::new(), &[]);
    let mut source = Node::on(place, &["--config", &config]);
    source.done(&["start", &module]);
    source.ticks("heartbeat", 1);
    let words = ["heartbeat stays", "1024", "igor gc heartbeat", "package_bytes_max"];
    source.ask(&["migrate", "heartbeat", "--to", target.address()]).refused(1, &words);
    source.ticks("heartbeat", 2);
}

#[test]
fn prices_are_asked_for() {
    let source = Node::on(Place::new(), &[]);
    let other = Node::on(Place::new(), &["--price", "0.25"]);
    let prices = source.done(&["price", other.address()]);
    assert_eq!(prices["prices"][0]["price"], 250_000);
    let peers = source.done(&["peers"]);
    assert_eq!(peers["peers"][0]["price"], 250_000);
    // Who does not answer does not keep the others from it.
    let some = source.done(&["price", "nonsense", other.address()]);
    assert!(some["prices"][0]["error"].is_string(), "{some}");
    assert_eq!(some["prices"][1]["price"], 250_000);
    let answer = source.ask(&["price", "nonsense"]);
    assert_eq!(answer.code, Some(1), "{answer:#?}");
}

#[test]
fn an_agent_goes_where_its_manifest_lets_it_go_and_else_ticks_on() {
    let place = Place::new();
    let module = place.prebuilt("heartbeat");
    let capabilities = r#""capabilities":{"clock":{"version":1},"log":{"version":1}}"#;
    let manifests = [
        ("closed", r#","migration_policy":{"enabled":false}"#),
        ("thrifty", r#","migration_policy":{"enabled":true,"max_price_per_second":1500}"#),
        ("rich", r#","migration_policy":{"enabled":true,"max_price_per_second":5000}"#),
        ("open", ""),
    ]
    .map(|(name, policy)| {
        let text = format!("{{{capabilities}{policy}}}");
        (name, place.write(&format!("{name}.json"), text.as_bytes()))
    });
    let mut source = Node::on(place, &["--migration-retry-delay", "1ms"]);
    let mut target = Node::on(Place::new(), &["--price", "0.002"]);
    for (name, manifest) in &manifests {
        source.done(&["start", &module, "--agent-id", name, "--manifest", manifest]);
        source.ticks(name, 1);
    }
    let to = target.address().to_owned();
    for (name, why) in [("closed", "(policy)"), ("thrifty", "(price)")] {
        source.ask(&["migrate", name, "--to", &to]).refused(1, &[name, why]);
        source.ticks(name, 2);
        target.ask(&["status", name]).refused(1, &[name]);
    }
    for name in ["rich", "open"] {
        assert_eq!(source.done(&["migrate", name, "--to", &to])["is_there"], true);
        target.ticks(name, 1);
        assert_eq!(target.done(&["status", name])["price"], 2_000);
    }
}

#[test]
fn who_is_not_named_does_not_get_in() {
    let stranger = Node::on(Place::new(), &[]);
    let nobody = "ab".repeat(32);
    let closed = Node::on(Place::new(), &["--accept", &nobody]);
    let prices = stranger.ask(&["price", closed.address()]);
    assert_eq!(prices.code, Some(1), "{prices:#?}");
    let place = Place::new();
    let open = ask(["node", "--listen", "quic://0.0.0.0:0", "--checkpoint-dir", &place.data()]);
    open.refused(2, &["0.0.0.0", "--accept"]);
}

#[test]
fn however_many_are_sent_at_once_each_goes_when_it_is_its_turn() {
    let source = Node::on(Place::new(), &["--migration-retries", "1"]);
    let target = Node::on(Place::new(), &[]);
    let modules = Place::new();
    let module = modules.prebuilt("heartbeat");
    let (way, address) = (source.way(), target.address());
    let names: Vec<_> = (0..8).map(|number| format!("agent-{number}")).collect();
    for name in &names {
        way.done(&["start", &module, "--agent-id", name]);
        way.ticks_beyond(name, 1);
    }
    std::thread::scope(|scope| {
        for name in &names {
            let way = &way;
            scope.spawn(move || way.done(&["migrate", name, "--to", address]));
        }
    });
    let there = target.way();
    for name in &names {
        there.ticks_beyond(name, 1);
    }
}

#[test]
fn an_agent_that_was_removed_can_come_again() {
    let (mut source, target) = (Node::on(Place::new(), &[]), Node::on(Place::new(), &[]));
    let modules = Place::new();
    let (file, secret) = (modules.text("kept.igor"), modules.write("secret", b"correct horse\n"));
    source.done(&["start", &modules.prebuilt("heartbeat")]);
    source.ticks("heartbeat", 3);
    source.done(&["stop", "heartbeat"]);
    let kept = ["--with-identity", "--passphrase-file", &secret];
    source.done(&[&["export", "heartbeat", "-o", &file], &kept[..]].concat());
    source.done(&["rm", "heartbeat", "--history"]);
    target.done(&["import", &file, "--passphrase-file", &secret]);
    target.done(&["start", "heartbeat"]);
    target.way().ticks_beyond("heartbeat", 3);
    target.done(&["migrate", "heartbeat", "--to", source.address()]);
    source.ticks("heartbeat", 1);
}

#[test]
fn a_node_that_ends_gives_its_agents_to_the_node_that_is_named_for_it() {
    let target = Node::on(Place::new(), &[]);
    let source = Node::on(Place::new(), &["--drain-to", target.address()]);
    let modules = Place::new();
    let module = modules.prebuilt("heartbeat");
    let names = ["one", "two", "rests"];
    for name in names {
        source.done(&["start", &module, "--agent-id", name]);
        source.way().ticks_beyond(name, 1);
    }
    source.done(&["stop", "rests"]);
    let place = source.drain(Signal::TERM);
    for name in ["one", "two"] {
        target.way().ticks_beyond(name, 2);
        let status = ask(["run", &module, "--agent-id", name, "--checkpoint-dir", &place.data()]);
        status.refused(1, &["was given to the node"]);
    }
    assert_eq!(target.way().runs("rests"), None, "it did not run");
}
