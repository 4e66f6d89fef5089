//! What people are told of who holds an agent, before, while and after it moves.

use rustix::process::Signal;
use serde_json::Value;

use crate::nodes::{LOOK, Node, PATIENCE};
use crate::support::{Place, ask};

fn ownership(node: &Node) -> Value {
    node.done(&["status", "heartbeat"])["ownership"].clone()
}

#[test]
fn each_state_of_a_move_has_the_originals_name() {
    let place = Place::new();
    let module = place.prebuilt("heartbeat");
    let (mut source, mut target) = (Node::on(place, &[]), Node::on(Place::new(), &[]));
    source.done(&["start", &module]);
    source.ticks("heartbeat", 1);
    let none = Value::Null;
    let held = ownership(&source);
    assert_eq!(
        (&held["state"], &held["epoch"], &held["node_id"]),
        (&"ACTIVE_OWNER".into(), &0.into(), &none)
    );

    // A target that stands still is prepared for no end of time.
    target.running.signal(Signal::STOP);
    let (way, to) = (source.way(), target.address().to_owned());
    let moving = std::thread::spawn(move || way.ask(&["migrate", "heartbeat", "--to", &to]));
    let begun = std::time::Instant::now();
    while ownership(&source)["state"] != "HANDOFF_INITIATED" {
        assert!(begun.elapsed() < PATIENCE, "{}", ownership(&source));
        std::thread::sleep(LOOK);
    }
    source.ticks("heartbeat", 2);
    target.running.signal(Signal::CONT);
    let moved = moving.join().expect("it is answered");
    assert_eq!(moved.code, Some(0), "{moved:#?}");

    let there = target.address().split_once('#').expect("an identity").1.to_owned();
    let given = ownership(&source);
    assert_eq!(
        (&given["state"], &given["epoch"], &given["node_id"]),
        (&"RETIRED".into(), &1.into(), &there.clone().into())
    );
    target.ticks("heartbeat", 1);
    let taken = ownership(&target);
    assert_eq!((&taken["state"], &taken["epoch"]), (&"ACTIVE_OWNER".into(), &1.into()));
    let data = source.place.data();
    let text = ask(["status", "heartbeat", "--checkpoint-dir", &data]).done();
    assert!(text.contains(&format!("RETIRED, epoch 1, to {there}")), "{text}");
}
