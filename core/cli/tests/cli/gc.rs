//! `igor gc`: what it removes and leaves, of one agent and of all, and what it refuses.

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::{Answer, Place, Running, ask};

fn gc(place: &Place, args: &[&str]) -> Answer {
    let data = place.data();
    let mut all = vec!["gc", "--checkpoint-dir", &data, "--output", "json"];
    all.extend(args);
    ask(all)
}

fn removed(document: &Value) -> Vec<(&str, u64)> {
    let agents = document["agents"].as_array().expect("a list");
    let of = |agent: &'_ Value| agent["removed"].as_u64().expect("a number");
    agents.iter().map(|agent| (agent["agent_id"].as_str().expect("text"), of(agent))).collect()
}

#[test]
fn segments_beyond_the_size_give_way_to_their_sums() {
    let place = Place::new();
    let module = place.prebuilt("heartbeat");
    place.ran(&module, &["--ticks", "1"]);
    place.ran(&module, &["--ticks", "1"]);
    let audit = |place: &Place| place.verify("heartbeat").document()["audit"].clone();
    let before = audit(&place);
    let segments = before["segments"].as_u64().expect("a number");
    assert!(segments >= 2, "{before}");
    let kept = place.kept();
    let everything = gc(&place, &["heartbeat"]).document();
    assert_eq!(
        (&everything["keep_bytes"], removed(&everything)),
        (&Value::Null, vec![("heartbeat", 0)])
    );
    let plan = gc(&place, &["heartbeat", "--keep", "0", "--dry-run"]).document();
    assert_eq!(removed(&plan), [("heartbeat", segments)]);
    assert_eq!(place.kept(), kept, "nothing was to be changed");

    let done = gc(&place, &["heartbeat", "--keep", "0"]).document();
    assert_eq!(done["agents"], plan["agents"]);
    assert_eq!(audit(&place), json!({"segments": 0, "collected": segments, "collected_to": 2}));
    let dir = place.path("data/history/heartbeat");
    let text = ask(["verify", dir.to_str().expect("a plain path")]).done();
    assert!(text.contains(&format!("0, and the sums of {segments} up to tick 2")), "{text}");
    place.ran(&module, &["--ticks", "1"]);
    assert_eq!(place.verify("heartbeat").document()["valid"], true);
    let dir = place.text("data/history/heartbeat");
    let audit = ask(["audit", &dir, "--wasm", &module, "--output", "json"]);
    assert_eq!(audit.code, Some(3), "{audit:#?}");
    let audit = audit.document();
    let reason = "its segments were removed, as a signed summary says";
    let collected = json!([{"after": 0, "to": 2, "kind": "collected", "reason": reason}]);
    let proven = json!([{"after": 2, "to": 3}]);
    assert_eq!((&audit["unproven"], &audit["proven"]), (&collected, &proven));
}

#[test]
fn every_agent_that_does_not_run_is_collected_as_configured() {
    let place = Place::new();
    let module = place.prebuilt("heartbeat");
    place.ran(&module, &["--ticks", "1", "--agent-id", "first"]);
    place.ran(&module, &["--ticks", "1", "--agent-id", "second"]);
    let mut running = Running::start(place.run(&module, &["--agent-id", "second"]));
    running.event("started", |_| true);
    let config = place.path("igor.toml");
    std::fs::write(&config, "[history]\nsegments = \"1B\"\n").expect("written");
    let config = config.to_str().expect("a plain path");
    let document = gc(&place, &["--config", config]).document();
    assert_eq!(document["keep_bytes"], 1);
    assert_eq!(removed(&document), [("first", 2), ("second", 0)]);
    let problem = document["agents"][1]["problem"].as_str().expect("text");
    assert!(problem.contains("in use"), "{problem}");
    gc(&place, &["second", "--keep", "0"]).refused(3, &["in use"]);
    running.signal(Signal::INT);
    running.answer().done();
    gc(&place, &["nobody"]).refused(1, &["no agent nobody"]);
    gc(&place, &["--keep", "much"]).refused(2, &["[history] segments", "64MiB"]);
}
