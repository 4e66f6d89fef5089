//! `igor fund`: what it adds, what it leaves as evidence, and what it refuses.

use rustix::process::Signal;
use serde_json::Value;

use crate::support::{Answer, POOR, Place, Running, ask, counter, only};

fn fund(place: &Place, agent: &str, units: &str) -> Answer {
    ask(["fund", agent, units, "--checkpoint-dir", &place.data(), "--output", "json"])
}

#[test]
fn budget_is_added_with_evidence() {
    let place = Place::new();
    let module = place.prebuilt("heartbeat");
    let ran = place.ran(&module, &["--ticks", "2"]);
    let before = only(&ran, "stopped")["budget"].as_i64().expect("a number");
    let document = fund(&place, "heartbeat", "2.000001").document();
    assert_eq!(document["before"], before);
    assert_eq!((&document["amount"], &document["tick"]), (&2_000_001.into(), &2.into()));
    assert_eq!(document["budget"], before + 2_000_001);
    let text = ask(["fund", "heartbeat", "1", "--checkpoint-dir", &place.data()]).done();
    assert!(text.contains("heartbeat was given 1.000000 at tick 2"), "{text}");
    let verified = place.verify("heartbeat").document();
    assert_eq!((&verified["valid"], &verified["findings"]), (&true.into(), &Value::Array(vec![])));
    assert_eq!(verified["funds"].as_array().map(Vec::len), Some(2));
    let continued = place.ran(&module, &["--ticks", "1"]);
    assert_eq!(only(&continued, "started")["did"], only(&ran, "started")["did"]);
    let budget = only(&continued, "stopped")["budget"].as_i64().expect("a number");
    assert!(budget > before + 2_900_000, "{budget}");
}

#[test]
fn an_exhausted_agent_lives_on_when_funded() {
    let place = Place::new();
    let module = place.module("counter", &counter(""));
    let ran = place.ran(&module, &POOR);
    let stopped = only(&ran, "stopped");
    assert_eq!((&stopped["reason"], &stopped["budget"]), (&"budget_exhausted".into(), &0.into()));
    fund(&place, "counter", "5").document();
    let events = place.ran(&module, &["--ticks", "1"]);
    assert_eq!(only(&events, "stopped")["reason"], "ticks");
    assert_eq!(place.verify("counter").document()["valid"], true);
}

#[test]
fn a_rise_without_evidence_is_found() {
    let place = Place::new();
    let module = place.prebuilt("heartbeat");
    place.ran(&module, &["--ticks", "1"]);
    let id = fund(&place, "heartbeat", "1").document()["fund_id"].clone();
    let record = format!("data/history/heartbeat/fund-{}.rec", id.as_str().expect("text"));
    std::fs::remove_file(place.path(&record)).expect("the record lies beside the history");
    let answer = place.verify("heartbeat");
    answer.refused(1, &["not valid"]);
    assert_eq!(answer.document()["findings"][0]["kind"], "unfunded_rise");
}

#[test]
fn what_cannot_be_funded_is_refused_and_nothing_changes() {
    let place = Place::new();
    let module = place.prebuilt("heartbeat");
    place.ran(&module, &["--ticks", "1"]);
    let kept = place.kept();
    for (agent, units, code, words) in [
        ("nobody", "1", 1, &["no agent nobody", "*.checkpoint"][..]),
        ("../heartbeat", "1", 2, &["path separator"]),
        ("heartbeat", "0", 2, &["nothing", "more than 0"]),
        ("heartbeat", "-1", 2, &["negative"]),
        ("heartbeat", "NaN", 2, &["decimal number"]),
        ("heartbeat", "0.0000001", 2, &["six digits"]),
        ("heartbeat", "9007199254.740992", 2, &["more than 9007199254.740991"]),
        ("heartbeat", "9007199254.740991", 2, &["exceed", "less"]),
    ] {
        fund(&place, agent, units).refused(code, words);
        assert_eq!(kept, place.kept(), "{agent} {units}");
    }
}

#[test]
fn a_running_agent_is_not_funded() {
    let place = Place::new();
    let module = place.prebuilt("heartbeat");
    let mut running = Running::start(place.run(&module, &["--tick-interval", "1h"]));
    running.event("checkpoint", |_| true);
    fund(&place, "heartbeat", "1").refused(3, &["in use by process", "stop the other one"]);
    running.signal(Signal::TERM);
    assert_eq!(running.answer().code, Some(0));
    fund(&place, "heartbeat", "1").document();
}
