//! `igor doctor`: a healthy place, and what is wrong with others.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use rustix::process::Signal;
use serde_json::Value;

use crate::support::{Answer, Place, Running, ask};

fn doctor(dir: &str) -> Answer {
    ask(["doctor", "--checkpoint-dir", dir, "--output", "json"])
}

fn check<'a>(document: &'a Value, name: &str) -> &'a Value {
    let checks = document["checks"].as_array().expect("a list");
    let found = checks.iter().find(|check| check["check"] == name);
    found.unwrap_or_else(|| panic!("no check {name}: {document:#}"))
}

#[test]
fn a_place_where_agents_can_run_is_healthy_and_stays_as_it_is() {
    let place = Place::new();
    let fresh = place.kept();
    let document = doctor(&place.data()).document();
    assert_eq!(document["healthy"], true, "{document:#}");
    for engine in ["engine wasmi", "engine wasmtime", "directory", "disk"] {
        assert_eq!(check(&document, engine)["status"], "ok", "{document:#}");
    }
    assert_eq!(fresh, place.kept(), "a directory that is not there is not made");

    place.ran(&place.prebuilt("heartbeat"), &["--ticks", "1"]);
    let kept = place.kept();
    let text = ask(["doctor", "--checkpoint-dir", &place.data()]).done();
    assert!(text.lines().all(|line| line.starts_with("ok ")), "{text}");
    assert!(text.contains("agents: 1, none in use"), "{text}");
    assert_eq!(kept, place.kept());
}

#[test]
fn an_agent_in_use_is_no_failure() {
    let place = Place::new();
    let module = place.prebuilt("heartbeat");
    let mut running = Running::start(place.run(&module, &["--tick-interval", "1h"]));
    running.event("checkpoint", |_| true);
    let document = doctor(&place.data()).document();
    let detail = check(&document, "agents")["detail"].as_str().expect("text");
    assert!(detail.contains("heartbeat is in use by process"), "{detail}");
    running.signal(Signal::INT);
    assert_eq!(running.answer().code, Some(0));
}

#[test]
fn what_is_wrong_is_said_with_the_way_out() {
    let place = Place::new();
    let file = place.write("file", b"");
    let answer = doctor(&file);
    answer.refused(1, &["checks failed"]);
    let document = answer.document();
    assert_eq!(document["healthy"], false);
    assert_eq!(check(&document, "directory")["status"], "failed");
    assert!(check(&document, "directory")["way_out"].is_string(), "{document:#}");

    let place = Place::new();
    place.ran(&place.prebuilt("heartbeat"), &["--ticks", "1"]);
    let identity = place.path("data/heartbeat.identity");
    fs::set_permissions(&identity, Permissions::from_mode(0o644)).expect("set");
    let document = doctor(&place.data()).document();
    let found = check(&document, "permissions");
    assert_eq!(found["status"], "warning", "{document:#}");
    assert!(found["detail"].as_str().is_some_and(|text| text.contains("heartbeat.identity")));
    std::os::unix::fs::symlink("/etc/passwd", place.path("data/x.checkpoint")).expect("linked");
    let answer = doctor(&place.data());
    answer.refused(1, &["checks failed"]);
    assert_eq!(check(&answer.document(), "permissions")["status"], "failed");

    let open = place.path("open");
    fs::create_dir(&open).expect("made");
    fs::set_permissions(&open, Permissions::from_mode(0o755)).expect("set");
    let document = doctor(open.to_str().expect("a plain path")).document();
    assert_eq!(check(&document, "directory")["status"], "warning", "{document:#}");
    assert_eq!(document["healthy"], true);
}
