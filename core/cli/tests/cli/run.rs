//! `igor run`: starting, continuing, and what is printed on the way.

use std::fs;

use serde_json::Value;

use crate::support::{Place, answer, ask, igor, kinds, only, repository};

#[test]
fn an_agent_runs_on_every_engine_and_storage() {
    for engine in ["wasmtime", "wasmi"] {
        for storage in ["fs", "memory"] {
            let place = Place::new();
            let module = place.prebuilt("heartbeat");
            let plugins = ["--engine", engine, "--storage", storage, "--meter", "gas"];
            let events = place.ran(&module, &[&plugins[..], &["--ticks", "3"]].concat());
            // Checks come to their end whenever they do.
            let mut kinds = kinds(&events);
            kinds.retain(|kind| *kind != "verification");
            assert_eq!(
                kinds,
                [
                    "started",
                    "checkpoint",
                    "log",
                    "tick",
                    "log",
                    "tick",
                    "log",
                    "tick",
                    "checkpoint",
                    "stopped"
                ],
                "{engine}, {storage}: {events:#?}"
            );
            let started = only(&events, "started");
            for (field, value) in [("engine", engine), ("storage", storage), ("meter", "gas")] {
                assert_eq!(started[field], value, "{started:#}");
            }
            assert_eq!((&started["tick"], &started["continued"]), (&0.into(), &false.into()));
            assert_eq!(
                (&started["price"], &started["agent_id"]),
                (&1000.into(), &"heartbeat".into())
            );
            let stopped = only(&events, "stopped");
            assert_eq!((&stopped["reason"], &stopped["tick"]), (&"ticks".into(), &3.into()));
            assert_eq!(place.path("data").exists(), storage == "fs", "{storage}");
        }
    }
}

#[test]
fn engines_print_the_same_gas_and_state_hashes() {
    let table = ["recursion_direct", "nan_payload", "tick_without_result"];
    for name in table {
        let wat = fs::read_to_string(repository().join(format!("agents/hostile/{name}.wat")));
        let [one, other] = ["wasmtime", "wasmi"].map(|engine| {
            let place = Place::new();
            let module = place.module("agent", wat.as_ref().expect("the source can be read"));
            let answer = answer(place.run(&module, &["--engine", engine, "--ticks", "3"]));
            let events = crate::support::events(&answer.stdout);
            let fact = |event: &Value| {
                [&event["event"], &event["tick"], &event["gas"], &event["state_hash"]]
                    .map(Value::clone)
            };
            let facts = events.iter().filter(|event| event["event"] != "verification").map(fact);
            (answer.code, facts.collect::<Vec<_>>())
        });
        assert_eq!(one, other, "{name}");
    }
}

#[test]
fn an_agent_continues_with_its_identity_and_money() {
    let place = Place::new();
    let module = place.prebuilt("survivor");
    let first = place.ran(&module, &["--ticks", "4", "--budget", "2"]);
    let second = place.ran(&module, &["--ticks", "3", "--engine", "wasmi"]);
    let third = place.ran(&module, &["--ticks", "2", "--price", "0.5"]);
    let (before, after) = (only(&first, "started"), only(&second, "started"));
    assert_eq!(before["did"], after["did"]);
    assert_eq!((&after["tick"], &after["continued"]), (&4.into(), &true.into()));
    assert!(after["budget"].as_i64() <= only(&first, "stopped")["budget"].as_i64());
    assert_eq!(only(&second, "stopped")["tick"], 7);
    assert_eq!(only(&third, "started")["price"], 500_000);
    let notice = only(&third, "notice");
    assert!(notice["message"].as_str().is_some_and(|text| text.contains("0.500000")), "{notice}");
    let document = place.verify("survivor").document();
    assert_eq!((&document["valid"], &document["findings"]), (&true.into(), &Value::Array(vec![])));
    assert_eq!((&document["last_tick"], &document["did"]), (&9.into(), &before["did"]));
}

#[test]
fn running_for_no_ticks_makes_an_agent_and_nothing_else() {
    let place = Place::new();
    let module = place.prebuilt("heartbeat");
    // A journal would hold the start, and the wall clock could charge for it.
    let none = ["--ticks", "0", "--durability", "checkpoint", "--meter", "gas"];
    let events = place.ran(&module, &none);
    assert_eq!(kinds(&events), ["started", "checkpoint", "stopped"]);
    let kept = place.kept();
    assert_eq!(kinds(&place.ran(&module, &none)), ["started", "stopped"]);
    assert_eq!(kept, place.kept(), "a run without a tick writes nothing");
}

#[test]
fn people_read_one_short_line_for_each_tick() {
    let place = Place::new();
    let module = place.prebuilt("heartbeat");
    let data = place.data();
    let run = |ticks: &str| {
        ask(["run", &module, "--checkpoint-dir", &data, "--tick-interval", "0", "--ticks", ticks])
            .done()
    };
    let text = run("12");
    for line in text.lines() {
        assert!(line.chars().count() <= 60, "longer than 60 columns: {line}");
    }
    let ticks: Vec<_> = text.lines().filter(|line| line.starts_with("heartbeat tick ")).collect();
    assert_eq!(ticks.len(), 12, "{text}");
    for (number, line) in (1..).zip(ticks) {
        let words: Vec<_> = line.split(' ').collect();
        assert_eq!(words[..3], ["heartbeat", "tick", &format!("{number}")], "{line}");
        assert!(words[3].ends_with("ms") && line.contains(" cost 0."), "{line}");
        assert!(line.contains(" left 0.99") || line.contains(" left 1."), "{line}");
        assert!(line.ends_with(if number == 10 { " obs 3" } else { " obs 2" }), "{line}");
    }
    assert!(text.contains("heartbeat | heartbeat: tick 1"), "{text}");
    assert!(text.contains("heartbeat starts\ndid:key:z6Mk"), "{text}");
    assert!(text.contains("\nheartbeat stopped at tick 12: ticks, left "), "{text}");
    let text = run("1");
    let head: Vec<_> = text.lines().take(3).collect();
    assert_eq!(head[0], "heartbeat continues at tick 12");
    assert!(head[2].starts_with("budget ") && head[2].ends_with("price 0.001000 per second"));
}

#[test]
fn what_a_guest_logs_cannot_move_the_cursor() {
    let place = Place::new();
    let source = repository().join("agents/hostile/log_escapes.wat");
    let wat = fs::read_to_string(source).expect("the source can be read");
    let module = place.module("agent", &wat);
    place.write("agent.manifest.json", br#"{"capabilities":{"log":{"version":1}}}"#);
    let text = ask(["run", &module, "--storage", "memory", "--tick-interval", "0", "--ticks", "1"]);
    let text = text.done();
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
    assert!(!text.contains('\u{202e}'), "{text:?}");
    assert_eq!(text.lines().filter(|line| line.contains(" | ")).count(), 4, "{text}");
    let json = answer(place.run(&module, &["--storage", "memory", "--ticks", "1"])).done();
    assert!(json.chars().all(|c| c == '\n' || !c.is_control()), "{json:?}");
    let events = crate::support::events(&json);
    let logged = |part: &str| {
        let mut messages = events.iter().filter_map(|event| event["message"].as_str());
        messages.any(|message| message.contains(part))
    };
    assert!(logged("\u{1b}[2J") && logged("\u{202e}txt"), "programs get the text itself: {json}");
}

#[test]
fn the_agent_is_named_after_its_file_or_as_told() {
    let place = Place::new();
    let module = place.prebuilt("heartbeat");
    let events = place.ran(&module, &["--ticks", "1", "--agent-id", "two words"]);
    assert_eq!(only(&events, "started")["agent_id"], "two words");
    assert!(place.path("data/two words.checkpoint").exists());
    assert_eq!(place.verify("two words").document()["valid"], true);
}

#[test]
fn settings_come_from_file_environment_and_flags() {
    let place = Place::new();
    let module = place.prebuilt("heartbeat");
    let config = place.write("igor.toml", b"[node]\nprice = \"0.25\"\n[run]\nbudget = \"7\"\n");
    let mut command = igor(["run", &module, "--config", &config, "--ticks=0", "--price=0.75"]);
    command.env("IGOR_RUN__OUTPUT", "json").env("IGOR_RUN__CHECKPOINT_DIR", place.data());
    let events = crate::support::events(&answer(command).done());
    let started = only(&events, "started");
    assert_eq!(started["price"], 750_000);
    // Less the cost of the first start.
    assert!((6_000_000..7_000_000).contains(&started["budget"].as_i64().unwrap_or(0)));
    assert!(place.path("data/heartbeat.checkpoint").exists());
}

#[test]
fn what_is_set_but_the_same_is_no_contradiction() {
    let place = Place::new();
    let module = place.prebuilt("heartbeat");
    let manifest = place.text("heartbeat.manifest.json");
    let explicit = ["--budget", "2", "--meter", "gas", "--manifest", &manifest, "--ticks", "1"];
    place.ran(&module, &explicit);
    place.ran(&module, &explicit);
    fs::remove_file(&manifest).expect("removed");
    let events = place.ran(&module, &["--ticks", "1"]);
    assert_eq!(only(&events, "started")["meter"], "gas", "what it was created with stays");
}

#[test]
fn an_agent_that_wants_to_move_is_heard() {
    let place = Place::new();
    let text = include_str!("../../../../conformance/fixtures/node/restless.wat");
    let module = place.module("restless", text);
    place.write("restless.manifest.json", br#"{"capabilities":{"migrate":{"version":1}}}"#);
    let events = place.ran(&module, &["--ticks", "3"]);
    let asked: Vec<_> = events.iter().filter(|event| event["event"] == "asks_to_move").collect();
    let fields =
        |event: &Value| (event["tick"].clone(), event["node"].clone(), event["price_max"].clone());
    let expected = [(2.into(), Value::Null, 500.into()), (3.into(), "paris".into(), Value::Null)];
    assert_eq!(asked.into_iter().map(fields).collect::<Vec<_>>(), expected);
    let data = place.data();
    let more = ["run", &module, "--checkpoint-dir", &data, "--tick-interval", "0", "--ticks", "3"];
    let text = ask(more).done();
    assert!(text.contains("asks at tick 4 to move to another node for at most 0.000500"), "{text}");
    assert!(text.contains("asks at tick 6 to move to paris\n"), "{text}");
}
