//! A process that stood still, as the machine of a laptop does that sleeps: it looks who holds its agent before it
//! ticks it again. It is stopped and continued by signals here, and the store is changed in between.

use std::fs;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use crate::support::{Place, Running, ask, copy_dir};

/// Longer than the lease and its grace.
const STALL: Duration = Duration::from_millis(600);

/// An agent that runs under a short lease and has ticked twice.
fn running(place: &Place) -> Running {
    let module = place.prebuilt("heartbeat");
    let lease = ["--lease-duration", "200ms", "--lease-grace", "100ms"];
    let args = [&["--tick-interval", "5ms"], &lease[..]].concat();
    let mut running = Running::start(place.run(&module, &args));
    running.event("tick", |event| event["tick"] == 2);
    running
}

/// Lets the process stand still, and does something meanwhile.
fn stall(running: &mut Running, meanwhile: impl FnOnce()) {
    running.signal(Signal::STOP);
    meanwhile();
    let _ = running.lines_for(STALL);
    running.signal(Signal::CONT);
}

fn says(event: &Value, words: &str) -> bool {
    event["message"].as_str().is_some_and(|text| text.contains(words))
}

fn custody(place: &Place) -> std::path::PathBuf {
    let folder = place.path("data").join(".igor/.custodies");
    fs::create_dir_all(&folder).expect("a folder can be made");
    folder.join("heartbeat")
}

#[test]
fn an_agent_that_is_still_held_here_goes_on() {
    let place = Place::new();
    let mut running = running(&place);
    stall(&mut running, || {});
    running.event("notice", |event| says(event, "still held here and goes on"));
    let tick = running.event("tick", |_| true)["tick"].as_u64();
    running.event("tick", |event| event["tick"].as_u64() > tick);
    running.signal(Signal::TERM);
    assert_eq!(running.answer().code, Some(0));
    assert_eq!(place.verify("heartbeat").document()["valid"], true);
}

#[test]
fn an_agent_whose_epoch_is_over_retires_without_another_tick() {
    let (place, copy) = (Place::new(), Place::new());
    let mut running = running(&place);
    let mut kept = None;
    stall(&mut running, || {
        copy_dir(&place.path("data"), &copy.path("data"));
        let data = copy.data();
        let forced = ask(["recover", "heartbeat", "--force-epoch", "--checkpoint-dir", &data]);
        assert_eq!(forced.code, Some(0), "{forced:#?}");
        fs::copy(custody(&copy), custody(&place)).expect("it can be copied");
        kept =
            Some(fs::read(place.path("data").join("heartbeat.checkpoint")).expect("it is there"));
    });
    let stopped = running.event("stopped", |_| true);
    assert_eq!(stopped["reason"], "recovery_required");
    assert!(stopped["detail"].as_str().is_some_and(|it| it.contains("epoch 1 has begun since")));
    assert_eq!(running.answer().code, Some(1));
    let now = fs::read(place.path("data").join("heartbeat.checkpoint")).ok();
    assert_eq!(now, kept, "nothing more was written");
}

#[test]
fn an_agent_rests_until_it_can_be_read_who_holds_it() {
    let place = Place::new();
    let mut running = running(&place);
    stall(&mut running, || fs::write(custody(&place), b"damaged").expect("it can be written"));
    running.event("notice", |event| says(event, "is not ticked until"));
    let lines = running.lines_for(STALL);
    assert!(!lines.iter().any(|line| line.contains(r#""event":"tick""#)), "{lines:#?}");
    fs::remove_file(custody(&place)).expect("it is there");
    running.event("notice", |event| says(event, "still held here and goes on"));
    running.event("tick", |_| true);
    running.signal(Signal::TERM);
    assert_eq!(running.answer().code, Some(0));
}

#[test]
fn without_a_lease_nothing_is_read_again() {
    let place = Place::new();
    let module = place.prebuilt("heartbeat");
    let args = ["--tick-interval", "5ms", "--lease-duration", "0", "--lease-grace", "0"];
    let mut running = Running::start(place.run(&module, &args));
    running.event("tick", |event| event["tick"] == 2);
    stall(&mut running, || fs::write(custody(&place), b"damaged").expect("it can be written"));
    let tick = running.event("tick", |_| true)["tick"].as_u64();
    running.event("tick", |event| event["tick"].as_u64() > tick);
    running.signal(Signal::TERM);
    assert_eq!(running.answer().code, Some(0));
}
