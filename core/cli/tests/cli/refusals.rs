//! Bad input to `igor run`: each a failure in one paragraph with the way out, and nothing changed on
//! disk, neither where there is an agent nor where there is none.

use std::fs;

use rustix::process::Signal;

use crate::support::{Place, Running, answer, golden, only};

const MINIMAL: &str = r#"
(module
  (memory (export "memory") 1)
  (func (export "agent_init"))
  (func (export "agent_tick") (result i32) (i32.const 0))
  (func (export "agent_checkpoint") (result i32) (i32.const 0))
  (func (export "agent_checkpoint_ptr") (result i32) (i32.const 0))
  (func (export "agent_resume") (param i32 i32)))"#;

/// A place with an agent that ran for two ticks.
fn lived_in() -> Place {
    let place = Place::new();
    let module = place.prebuilt("heartbeat");
    place.ran(&module, &["--ticks", "2", "--budget", "2"]);
    place
}

/// Asserts that this run is refused in that way, and that nothing changes.
#[track_caller]
fn check(place: &Place, module: &str, args: &[&str], code: i32, words: &[&str]) {
    let kept = place.kept();
    // A run that is not refused, against all expectation, shall end.
    let answer = answer(place.run(module, &[&["--ticks", "1"], args].concat()));
    answer.refused(code, words);
    assert_eq!(answer.stdout, "", "nothing was started: {answer:#?}");
    assert!(kept == place.kept(), "something changed on disk: {answer:#?}");
}

#[test]
fn modules_that_are_no_agents() {
    for place in [Place::new(), lived_in()] {
        let no_tick = place.module("no_tick", &MINIMAL.replace("agent_tick", "agent_tock"));
        let mistyped = place.module("mistyped", &MINIMAL.replace("(param i32 i32)", "(param i32)"));
        let text = place.write("text.wasm", b"not wasm at all");
        let cut = place.write("cut.wasm", b"\0asm\x01\0\0\0\x01\xff");
        let empty = place.write("empty.wasm", b"");
        let huge = place.write("huge.wasm", &vec![0; (16 << 20) + 1]);
        check(
            &place,
            "/nowhere/a.wasm",
            &[],
            1,
            &["/nowhere/a.wasm", "No such file", "heartbeat.wasm"],
        );
        check(&place, "/", &[], 1, &["directory"]);
        check(&place, &text, &[], 1, &["text.wasm", "WebAssembly"]);
        check(&place, &cut, &[], 1, &["cut.wasm", "WebAssembly"]);
        check(&place, &empty, &[], 1, &["empty.wasm", "WebAssembly"]);
        check(&place, &huge, &[], 1, &["huge.wasm", "16777216"]);
        check(&place, &no_tick, &[], 1, &["\"agent_tick\" is missing", "igor-sdk"]);
        check(&place, &mistyped, &[], 1, &["\"agent_resume\" is", "expected"]);
    }
}

#[test]
fn manifests_that_do_not_fit() {
    for place in [Place::new(), lived_in()] {
        let module = place.prebuilt("survivor");
        let none = place.write("none.json", b"{}");
        let malformed = place.write("malformed.json", b"{");
        let unknown =
            place.write("unknown.json", br#"{"capabilities":{"teleport":{"version":1}}}"#);
        let greedy =
            place.write("greedy.json", br#"{"resource_limits":{"max_memory_bytes":99999999999}}"#);
        for (manifest, words) in [
            (none.as_str(), &["igor.clock_now needs capability \"clock\"", "--manifest"][..]),
            (&malformed, &["read manifest", "Correct the manifest"]),
            (&unknown, &["teleport", "Take it out"]),
            (&greedy, &["99999999999", "max_memory_bytes"]),
            ("/nowhere.json", &["/nowhere.json", "can be read"]),
        ] {
            check(&place, &module, &["--manifest", manifest], 1, words);
        }
        fs::write(place.path("survivor.manifest.json"), b"not json").expect("written");
        check(&place, &module, &[], 1, &["read manifest"]);
        fs::remove_file(place.path("survivor.manifest.json")).expect("removed");
        check(&place, &module, &[], 1, &["does not declare", "survivor.wasm"]);
    }
}

#[test]
fn values_that_are_none() {
    for place in [Place::new(), lived_in()] {
        let module = place.prebuilt("heartbeat");
        for (args, words) in [
            (&["--engine", "v8"][..], &["v8", "wasmi, wasmtime", "--engine"][..]),
            (&["--storage", "zfs"], &["zfs", "fs, memory"]),
            (&["--meter", "free"], &["free", "gas, wall"]),
            (&["--budget", "-1"], &["negative", "--budget"]),
            (&["--budget=-1"], &["negative", "--budget"]),
            (&["--budget", "NaN"], &["NaN", "--budget"]),
            (&["--budget", "inf"], &["inf", "--budget"]),
            (&["--budget", "1e300"], &["1e300", "--budget"]),
            (&["--budget", "9007199254.740992"], &["more than 9007199254.740991", "--budget"]),
            (&["--budget", "99999999999999999999999999"], &["more than", "--budget"]),
            (&["--budget", "0.0000001"], &["six digits", "--budget"]),
            (&["--price", "0"], &["more than", "--price"]),
            (&["--price", "-0.5"], &["negative", "--price"]),
            (&["--tick-interval", "fast"], &["500ms", "--tick-interval"]),
            (&["--checkpoint-interval", "-1s"], &["-1"]),
            (&["--ticks", "many"], &["many", "--ticks"]),
            (&["--agent-id", "../x"], &["path separator", "--agent-id"]),
            (&["--agent-id", ""], &["empty", "--agent-id"]),
            (&["--config", "/nowhere.toml"], &["/nowhere.toml"]),
            (&["--frobnicate"], &["--frobnicate"]),
        ] {
            check(&place, &module, args, 2, words);
        }
        let odd = place.path("-odd.wasm");
        fs::copy(&module, &odd).expect("copied");
        let odd = odd.to_str().expect("a plain path").to_owned();
        check(&place, &odd, &[], 2, &["hyphen", "--agent-id"]);
    }
}

#[test]
fn directories_that_cannot_be_used() {
    let place = lived_in();
    let module = place.text("heartbeat.wasm");
    let file = place.write("file", b"");
    let kept = place.kept();
    for dir in [file.clone(), format!("{file}/below")] {
        let mut command = crate::support::igor(["run", &module, "--checkpoint-dir", &dir]);
        command.args(["--ticks", "1"]);
        answer(command).refused(1, &[&dir]);
    }
    let link = place.path("link");
    std::os::unix::fs::symlink(place.path("elsewhere"), &link).expect("linked");
    fs::create_dir(place.path("elsewhere")).expect("made");
    fs::remove_file(&link).expect("removed");
    fs::remove_dir(place.path("elsewhere")).expect("removed");
    assert!(kept == place.kept());
}

#[test]
fn settings_that_contradict_the_agent() {
    let place = lived_in();
    let module = place.text("heartbeat.wasm");
    let manifest = place.write(
        "other.json",
        br#"{"capabilities":{"clock":{"version":1},"log":{"version":1},"rand":{"version":1}}}"#,
    );
    check(&place, &module, &["--budget", "3"], 1, &["2.000000", "3.000000", "igor fund heartbeat"]);
    check(&place, &module, &["--meter", "gas"], 1, &["\"wall\"", "--meter wall"]);
    check(&place, &module, &["--manifest", &manifest], 1, &["manifest", "--agent-id"]);
    let other = place.prebuilt("liquidation");
    let name = ["--agent-id", "heartbeat"];
    check(&place, &other, &name, 1, &["exists with the module", "created with"]);
    let mut command = place.run(&module, &["--ticks", "1"]);
    command.env("IGOR_RUN__BUDGET", "3");
    answer(command).refused(1, &["3.000000", "igor fund"]);
}

#[test]
fn an_agent_in_use() {
    let place = Place::new();
    let module = place.prebuilt("heartbeat");
    // A journal would still be written to after the first event.
    let flags = ["--tick-interval", "1h", "--durability", "checkpoint"];
    let mut running = Running::start(place.run(&module, &flags));
    running.event("checkpoint", |_| true);
    let process = format!("process {}", running.id());
    check(&place, &module, &["--ticks", "1"], 3, &["heartbeat is in use", &process, "stop"]);
    let other = place.ran(&module, &["--ticks", "1", "--agent-id", "other"]);
    assert_eq!(only(&other, "stopped")["reason"], "ticks", "others may run beside it");
    running.signal(Signal::INT);
    assert_eq!(running.answer().code, Some(0));
}

/// One change to what is kept.
type Damage = fn(&Place);

fn edit(place: &Place, name: &str, change: fn(Vec<u8>) -> Vec<u8>) {
    let path = place.path(name);
    let bytes = fs::read(&path).expect("the file is there");
    fs::write(path, change(bytes)).expect("written");
}

const CHECKPOINT: &str = "data/heartbeat.checkpoint";
const IDENTITY: &str = "data/heartbeat.identity";

#[test]
fn what_is_kept_is_damaged() {
    let table: &[(&str, Damage, &[&str])] = &[
        (
            "flipped byte",
            |place| {
                edit(place, CHECKPOINT, |mut bytes| {
                    bytes[230] ^= 1;
                    bytes
                });
            },
            &["signature is invalid", "igor verify", "Nothing was changed"],
        ),
        (
            "truncated",
            |place| edit(place, CHECKPOINT, |bytes| bytes[..100].to_vec()),
            &["100 bytes"],
        ),
        ("empty", |place| edit(place, CHECKPOINT, |_| Vec::new()), &["empty"]),
        (
            "negative budget",
            |place| {
                edit(place, CHECKPOINT, |mut bytes| {
                    bytes[8] = 0xff;
                    bytes
                });
            },
            &["negative"],
        ),
        (
            "later version",
            |place| {
                edit(place, CHECKPOINT, |mut bytes| {
                    bytes[0] = 5;
                    bytes
                });
            },
            &["version 5"],
        ),
        (
            "unsigned",
            |place| {
                edit(place, CHECKPOINT, |bytes| [&[3][..], &bytes[1..81], &bytes[209..]].concat());
            },
            &["no signature"],
        ),
        (
            "of another agent",
            |place| {
                fs::copy(golden().join("heartbeat.checkpoint"), place.path(CHECKPOINT))
                    .expect("copied");
            },
            &["signed by"],
        ),
        (
            "missing",
            |place| fs::remove_file(place.path(CHECKPOINT)).expect("removed"),
            &["no current checkpoint", "newest"],
        ),
        (
            "identity missing",
            |place| fs::remove_file(place.path(IDENTITY)).expect("removed"),
            &["no identity", "backup"],
        ),
        (
            "identity damaged",
            |place| {
                edit(place, IDENTITY, |mut bytes| {
                    bytes[40] ^= 1;
                    bytes
                });
            },
            &["public key", "backup"],
        ),
        (
            "record damaged",
            |place| {
                edit(place, "data/.igor/heartbeat/record", |mut bytes| {
                    bytes[20] ^= 1;
                    bytes
                });
            },
            &["record", "backup"],
        ),
    ];
    for (name, damage, words) in table {
        let place = lived_in();
        damage(&place);
        let module = place.text("heartbeat.wasm");
        let kept = place.kept();
        let answer = answer(place.run(&module, &["--ticks", "1"]));
        answer.refused(1, words);
        assert!(kept == place.kept(), "{name}: something changed on disk: {answer:#?}");
    }
}

#[test]
fn an_older_checkpoint_beside_a_newer_history() {
    let place = lived_in();
    let module = place.text("heartbeat.wasm");
    let old = fs::read(place.path(CHECKPOINT)).expect("a checkpoint");
    for _ in 0..2 {
        place.ran(&module, &["--ticks", "1"]);
    }
    fs::write(place.path(CHECKPOINT), old).expect("written");
    check(&place, &module, &["--ticks", "1"], 1, &["tick 2", "tick 4", "back"]);
}
