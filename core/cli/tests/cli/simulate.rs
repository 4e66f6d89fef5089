//! `igor simulate`: the same output on every engine and machine, and a name for what is wrong.

use std::fs;

use serde_json::Value;

use crate::support::{Answer, Place, ask, counter, events, only, repository};

fn simulate(module: &str, args: &[&str]) -> Answer {
    let mut all = vec!["simulate", module];
    all.extend(args);
    ask(all)
}

#[test]
fn a_seed_gives_the_same_output_everywhere() {
    let place = Place::new();
    let module = place.prebuilt("heartbeat");
    let kept = place.kept();
    let golden = repository().join("core/cli/tests/golden/simulate.jsonl");
    for engine in ["wasmtime", "wasmi"] {
        let seven = ["--seed", "7", "--ticks", "6", "--verify", "--output", "json"];
        let output = simulate(&module, &[&seven[..], &["--engine", engine]].concat()).done();
        if std::env::var_os("BLESS").is_some() {
            fs::write(&golden, &output).expect("the golden output can be written");
        }
        let expected = fs::read_to_string(&golden).expect("the golden output is there");
        assert!(output == expected, "after a change that is meant: BLESS=1 cargo test\n{output}");
        assert_eq!(only(&events(&output), "simulated")["verdict"], "verified");
    }
    let text = simulate(&module, &["--seed", "7", "--ticks", "6", "--verify"]).done();
    let expected = fs::read_to_string(&golden).expect("the golden output is there");
    let last = only(&events(&expected), "simulated")["state_hash"].clone();
    let hash = last.as_str().and_then(|hash| hash.get(..16)).expect("a hash");
    assert!(text.ends_with(&format!("6 ticks from seed 7, state {hash}, verified\n")), "{text}");
    assert_eq!(place.kept(), kept, "nothing is kept");
}

#[test]
fn a_script_answers_in_either_form() {
    let place = Place::new();
    let module = place.prebuilt("heartbeat");
    let toml = "clock_now = [2_000_000_000, 9_000_000_000]\n";
    let json = r#"{"clock_now": [2000000000, 9000000000]}"#;
    for (name, text) in [("script.toml", toml), ("script.json", json)] {
        fs::write(place.path(name), text).expect("written");
        let path = place.path(name).display().to_string();
        let args = ["--script", &path, "--ticks", "2", "--output", "json"];
        let events = events(&simulate(&module, &args).done());
        let lines: Vec<_> = events.iter().filter_map(|event| event["message"].as_str()).collect();
        assert_eq!(lines, ["heartbeat: tick 1, age 0 s", "heartbeat: tick 2, age 7 s"]);
        assert_eq!(only(&events, "simulated")["verdict"], Value::Null);
    }
    fs::write(place.path("bad.toml"), "clock_no = [1]\n").expect("written");
    let path = place.path("bad.toml").display().to_string();
    simulate(&module, &["--script", &path])
        .refused(2, &["bad.toml", "clock_no", "simulate --help"]);
    simulate(&module, &["--clock-step", "soon"]).refused(2, &["soon"]);
}

#[test]
fn what_is_wrong_is_named_and_exits_with_1() {
    let place = Place::new();
    let hidden = r#"
        (global $seen (mut i64) (i64.const 0))
        (func $more
          (global.set $seen (i64.add (global.get $seen) (i64.const 1)))
          (i64.store (i32.const 0) (i64.add (i64.load (i32.const 0)) (global.get $seen))))"#;
    let module = place.module("forgetful", &forgetful(hidden));
    simulate(&module, &[]).done();
    let answer = simulate(&module, &["--verify", "--output", "json"]);
    answer.refused(1, &["hidden_state", "agent_checkpoint"]);
    let events = events(&answer.stdout);
    assert_eq!(only(&events, "simulated")["verdict"], "hidden_state");
    assert_eq!(only(&events, "verification")["verdict"], "hidden_state");

    let module = place.module("trapping", &counter("(unreachable)"));
    simulate(&module, &["--ticks", "3"]).refused(1, &["trap"]);
}

/// An agent of eight bytes that calls `$more` in each tick.
fn forgetful(more: &str) -> String {
    format!(
        r#"(module
          (memory (export "memory") 1)
          {more}
          (func (export "agent_init"))
          (func (export "agent_tick") (result i32) (call $more) (i32.const 0))
          (func (export "agent_checkpoint") (result i32) (i32.const 8))
          (func (export "agent_checkpoint_ptr") (result i32) (i32.const 0))
          (func (export "malloc") (param i32) (result i32) (i32.const 64))
          (func (export "agent_resume") (param i32 i32)
            (i64.store (i32.const 0) (i64.load (local.get 0)))))"#
    )
}
