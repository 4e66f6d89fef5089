//! `igor audit`, `igor replay` and `igor bisect` on histories that `igor run` wrote, and on damaged
//! copies. What each kind of tampering comes to is tested where histories are audited in memory.

use std::fs;

use igor_core::format::{Observations, Record, Segment, SegmentContents};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::{Answer, Place, Running, ask, counter, golden, snapshot};

/// A prebuilt heartbeat that lived 12 ticks in three runs, on two engines.
fn lived() -> (Place, String) {
    let place = Place::new();
    let module = place.prebuilt("heartbeat");
    place.ran(&module, &["--ticks", "5", "--meter", "gas"]);
    place.ran(&module, &["--ticks", "3", "--engine", "wasmi"]);
    place.ran(&module, &["--ticks", "4"]);
    (place, module)
}

fn history(place: &Place, agent: &str) -> String {
    place.text(&format!("data/history/{agent}"))
}

fn audit(dir: &str, module: &str, more: &[&str]) -> Answer {
    ask([&["audit", dir, "--wasm", module, "--output", "json"], more].concat())
}

/// The kinds of what refutes.
fn refuted(answer: &Answer) -> Vec<String> {
    answer.refused(1, &["refuted"]);
    let document = answer.document();
    assert_eq!(document["verdict"], "refuted");
    let lines = document["refutations"].as_array().expect("a list");
    lines.iter().map(|line| line["kind"].as_str().expect("a name").to_owned()).collect()
}

/// The segments of the heartbeat, in the order of their names.
fn segments(place: &Place) -> Vec<std::path::PathBuf> {
    let kept = snapshot(&place.path("data/history/heartbeat"));
    kept.into_keys().filter(|path| path.extension().is_some_and(|end| end == "seg")).collect()
}

#[test]
fn an_honest_history_is_proven_on_every_engine() {
    let (place, module) = lived();
    let kept = place.kept();
    let dir = history(&place, "heartbeat");
    for engine in ["wasmtime", "wasmi"] {
        let answer = audit(&dir, &module, &["--engine", engine]);
        assert_eq!((answer.code, answer.stderr.as_str()), (Some(0), ""), "{answer:#?}");
        let document = answer.document();
        assert_eq!(document["verdict"], "proven");
        assert_eq!((&document["engine"], &document["ticks"]), (&engine.into(), &12.into()));
        assert_eq!(document["proven"], json!([{ "after": 0, "to": 12 }]));
        assert_eq!(document["charges"]["from_record"], 0);
    }
    let text = ask(["audit", &dir, "--wasm", &module]).done();
    for words in ["Re-executed  12 ticks", "- proven: ticks 1 to 12\n", "\nPROVEN\n"] {
        assert!(text.contains(words), "{words} is missing: {text}");
    }
    let beyond = audit(&dir, &module, &["--from", "13"]);
    assert_eq!(beyond.code, Some(3), "where nothing is, nothing is proven: {beyond:#?}");
    let turned = audit(&dir, &module, &["--from", "7", "--to", "6"]);
    turned.refused(2, &["--from 7 --to 6", "smaller number first"]);
    let part = audit(&dir, &module, &["--from", "6", "--to", "7"]).document();
    assert_eq!((&part["verdict"], &part["ticks"]), (&"proven".into(), &3.into()));
    assert_eq!(place.kept(), kept, "an audit changes nothing");
}

#[test]
fn what_was_not_journaled_is_valid_but_unproven() {
    let place = Place::new();
    let module = place.prebuilt("heartbeat");
    place.ran(&module, &["--ticks", "2", "--durability", "checkpoint"]);
    place.ran(&module, &["--ticks", "2"]);
    let answer = audit(&history(&place, "heartbeat"), &module, &[]);
    assert_eq!((answer.code, answer.stderr.as_str()), (Some(3), ""), "{answer:#?}");
    let document = answer.document();
    assert_eq!(document["verdict"], "partly_proven");
    assert_eq!(document["unproven"][0]["kind"], "not_journaled");
    assert_eq!(document["proven"], json!([{ "after": 2, "to": 4 }]));
    let text = ask(["audit", &history(&place, "heartbeat"), "--wasm", &module]);
    assert!(text.stdout.ends_with("\nVALID, PARTLY UNPROVEN\n"), "{text:#?}");
}

#[test]
fn a_damaged_history_is_refuted() {
    let (place, module) = lived();
    let dir = history(&place, "heartbeat");
    let wrong = place.module("wrong", &counter(""));
    let answer = audit(&dir, &wrong, &[]);
    assert_eq!(refuted(&answer), ["module"]);
    let others = audit(&golden().join("history/heartbeat").to_string_lossy(), &module, &[]);
    assert_eq!(refuted(&others), ["module"], "the original's heartbeat is another program");

    let paths = segments(&place);
    let good = fs::read(&paths[1]).expect("a segment");
    let mut bytes = good.clone();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&paths[1], bytes).expect("written");
    assert!(refuted(&audit(&dir, &module, &[])).contains(&"unreadable_segment".to_owned()));
    fs::remove_file(&paths[1]).expect("removed");
    assert!(refuted(&audit(&dir, &module, &[])).contains(&"segment_missing".to_owned()));
    fs::write(&paths[1], good).expect("written");
    assert_eq!(audit(&dir, &module, &[]).code, Some(0));
    ask(["audit", "/nowhere", "--wasm", &module]).refused(1, &["/nowhere", "folder that exists"]);
    ask(["audit", &dir, "--wasm", "/nowhere.wasm"]).refused(1, &["/nowhere.wasm"]);
    ask(["audit", &dir, "--wasm", &module, "--engine", "v8"]).refused(2, &["v8", "wasmi"]);
}

#[test]
fn an_agent_is_replayed_with_its_open_journal() {
    let (place, module) = lived();
    let mut running = Running::start(place.run(&module, &["--checkpoint-interval", "1h"]));
    running.event("tick", |event| event["tick"].as_u64() >= Some(15));
    running.signal(Signal::KILL);
    assert_eq!(running.answer().code, None);
    let (kept, data) = (place.kept(), place.data());
    let replay = |more: &[&str]| {
        let args = ["replay", "heartbeat", "--checkpoint-dir", &data, "--engine", "wasmi"];
        ask([&args, more].concat())
    };
    let answer = replay(&["--output", "json"]);
    assert_eq!((answer.code, answer.stderr.as_str()), (Some(0), ""), "{answer:#?}");
    let document = answer.document();
    assert!(document["ticks"].as_u64() >= Some(15), "{document:#}");
    assert!(document["ticks_per_second"].as_u64() > Some(0), "{document:#}");
    assert_eq!(document["differences"], json!([]));
    assert_eq!(document["unproven"][0]["kind"], "unsealed");
    let text = replay(&[]).done();
    assert!(text.contains(" ticks verified on wasmi in "), "{text}");
    assert!(text.contains(" ticks per second\n"), "{text}");
    let dir = history(&place, "heartbeat");
    let audited = audit(&dir, &module, &[]);
    assert_eq!(audited.code, Some(3), "{audited:#?}");
    let audited = audited.document();
    assert_eq!(audited["proven"], json!([{ "after": 0, "to": 12 }]));
    assert_eq!(audited["unproven"], document["unproven"]);
    assert_eq!(place.kept(), kept, "neither changes anything");

    ask(["replay", &dir]).refused(2, &["module is not known", "--wasm"]);
    ask(["replay", &dir, "--wasm", &module]).done();
    ask(["replay", "nobody", "--checkpoint-dir", &data]).refused(1, &["no agent nobody"]);
    ask(["replay", "no/where"]).refused(2, &["no/where", "folder of a history"]);
}

/// A key signs the damaged segment again, so that only a re-execution can tell.
#[test]
fn a_replay_names_tick_and_observation_of_the_first_difference() {
    let (place, module) = lived();
    let read = |name: &str| fs::read(place.path(&format!("data/{name}"))).expect("a file");
    let agent = igor_core::format::decode_identity(&read("heartbeat.identity"));
    let agent = agent.expect("an identity");
    let node = igor_core::format::decode_node_key(&read(".igor/.node")).expect("a key");
    let path = segments(&place).pop().expect("a segment");
    let segment = Segment::decode(&fs::read(&path).expect("a segment"));
    let SegmentContents { opening, mut records, mut closing } =
        segment.and_then(|segment| segment.verify()).expect("a valid segment");
    for record in &mut records {
        if let Record::Tick(tick) = record
            && tick.tick.0 == 11
        {
            let mut changed = Observations::default();
            for (index, (kind, payload)) in tick.observations.iter().enumerate() {
                changed.push(kind, if index == 1 { b"forged" } else { payload });
            }
            tick.observations = changed;
        }
    }
    let mut chain = igor_core::format::Entry::base(opening.checkpoint);
    let mut entries = Vec::new();
    for record in records {
        let synced = igor_core::format::Seq(0);
        let entry = igor_core::format::Entry { prev: chain, synced, record };
        let (bytes, next) = entry.encode();
        entries.push(bytes);
        chain = next;
    }
    closing.chain = chain;
    fs::write(&path, Segment::seal(&agent, &node, entries, closing).encode()).expect("written");

    let dir = history(&place, "heartbeat");
    let answer = ask(["replay", &dir, "--wasm", &module, "--output", "json"]);
    answer.refused(1, &["does not come out as recorded", "igor bisect"]);
    let document = answer.document();
    let difference = &document["differences"][0];
    let found = ["kind", "tick", "observation", "first_byte"].map(|field| &difference[field]);
    assert_eq!(found, [&json!("observation"), &json!(11), &json!(1), &Value::Null]);
    assert_eq!(document["ticks"], 10, "those before came out as recorded");
    let text = ask(["replay", &dir, "--wasm", &module]);
    assert!(text.stdout.contains("tick 11: observation 1"), "{text:#?}");
}

#[test]
fn bisecting_names_the_tick_at_which_two_builds_part() {
    let place = Place::new();
    let module = place.module("old", &counter(""));
    let doubled = "(if (i64.eq (i64.load (i32.const 0)) (i64.const 7))
        (then (i64.store (i32.const 0) (i64.const 70))))";
    let other = place.module("new", &counter(doubled));
    let same = "(if (i64.eq (i64.load (i32.const 0)) (i64.const 7))
        (then (i64.store (i32.const 0) (i64.const 7))))";
    let (one, two) = (place.module("one", &counter(same)), place.module("two", &counter(doubled)));
    place.ran(&one, &["--ticks", "10", "--agent-id", "old"]);
    let dir = history(&place, "old");
    let bisect =
        |more: &[&str]| ask([&["bisect", &dir, "--wasm", &one, "--output", "json"], more].concat());
    let agreed = bisect(&[]);
    assert_eq!(agreed.code, Some(0), "{agreed:#?}");
    let document = agreed.document();
    assert_eq!((&document["difference"], &document["ticks"]), (&Value::Null, &10.into()));
    assert_eq!(document["engines"], json!(["wasmtime", "wasmi"]));
    for (against, tick, kind) in [(&two, 7, "state"), (&module, 1, "gas"), (&other, 7, "state")] {
        let answer = bisect(&["--against", against]);
        assert_eq!((answer.code, answer.stderr.as_str()), (Some(1), ""), "{answer:#?}");
        let document = answer.document();
        let found = &document["difference"];
        assert_eq!((&found["tick"], &found["kind"]), (&tick.into(), &kind.into()), "{document:#}");
    }
    let text = ask(["bisect", &dir, "--wasm", &one, "--against", &two]);
    assert!(text.stdout.contains("first differ at tick 7"), "{text:#?}");
    let refused = ask(["bisect", &dir, "--wasm", &one, "--engines", "wasmi"]);
    refused.refused(2, &["--engines wasmi", "two names"]);
}
