//! `igor recover`: what it says, what it changes, and what it refuses.

use rustix::process::Signal;
use serde_json::Value;

use crate::support::{Answer, Place, Running, ask, only};

fn recover(place: &Place, agent: &str, more: &[&str]) -> Answer {
    let data = place.data();
    let mut args = vec!["recover", agent, "--checkpoint-dir", &data];
    args.extend(more);
    ask(args)
}

#[test]
fn a_killed_agent_can_be_set_back_to_its_checkpoint() {
    let place = Place::new();
    let module = place.prebuilt("heartbeat");
    place.ran(&module, &["--ticks", "1"]);
    let mut running = Running::start(place.run(&module, &["--checkpoint-interval", "1h"]));
    let last = running.event("tick", |event| event["tick"].as_u64() >= Some(4));
    running.signal(Signal::KILL);
    assert_eq!(running.answer().code, None);
    let args = ["--from", "checkpoint", "--output", "json"];
    let plan = recover(&place, "heartbeat", &[&args[..], &["--dry-run"]].concat()).document();
    let text = recover(&place, "heartbeat", &["--from", "checkpoint", "--dry-run"]).done();
    for words in
        ["would go on from tick 1 in epoch 1", "given up: ticks 2 to", "nothing was changed"]
    {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert_eq!((&plan["dry_run"], &plan["recovery"]["checkpoint"]), (&true.into(), &Value::Null));
    let done = recover(&place, "heartbeat", &args).document();
    let recovery = &done["recovery"];
    assert_eq!((&recovery["tick"], &recovery["epoch"]), (&1.into(), &1.into()));
    assert!(recovery["discarded_to"].as_u64() >= last["tick"].as_u64(), "{recovery}");
    assert!(recovery["budget"].as_i64() <= last["budget"].as_i64(), "what was shown stays charged");
    assert_eq!(recovery["shown"], plan["recovery"]["shown"]);
    assert_eq!(place.verify("heartbeat").document()["valid"], true);
    let events = place.ran(&module, &["--ticks", "1"]);
    assert_eq!(only(&events, "stopped")["tick"], 2);
}

#[test]
fn without_anything_to_recover_nothing_changes() {
    let place = Place::new();
    let module = place.prebuilt("heartbeat");
    place.ran(&module, &["--ticks", "2"]);
    let kept = place.kept();
    let text = recover(&place, "heartbeat", &["--from", "checkpoint"]).done();
    assert_eq!(text, "heartbeat has nothing to recover\n");
    let document = recover(&place, "heartbeat", &["--from", "checkpoint", "--output", "json"]);
    assert_eq!(document.document()["recovery"], Value::Null);
    recover(&place, "nobody", &["--from", "checkpoint"]).refused(1, &["no agent nobody"]);
    assert_eq!(recover(&place, "heartbeat", &[]).code, Some(2), "what to go on from is to be said");
    assert_eq!(place.kept(), kept);
}

#[test]
fn an_epoch_is_forced_and_the_agent_goes_on_in_it() {
    let place = Place::new();
    let module = place.prebuilt("heartbeat");
    place.ran(&module, &["--ticks", "2"]);
    let kept = place.kept();
    let text = recover(&place, "heartbeat", &["--force-epoch", "--dry-run"]).done();
    for words in
        ["would be held here in epoch 1", "ACTIVE_OWNER", "runs twice", "nothing was changed"]
    {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert_eq!(place.kept(), kept);
    for epoch in [1, 2] {
        let forced =
            recover(&place, "heartbeat", &["--force-epoch", "--output", "json"]).document();
        assert_eq!((&forced["epoch"], &forced["other"]), (&epoch.into(), &Value::Null));
    }
    place.ran(&module, &["--ticks", "1"]);
    let checkpoint = place.data() + "/heartbeat.checkpoint";
    let shown = ask(["inspect", &checkpoint, "--output", "json"]).document();
    assert_eq!((&shown["tick"], &shown["epoch"]["major"]), (&3.into(), &2.into()));
    assert_eq!(place.verify("heartbeat").document()["valid"], true);
    recover(&place, "nobody", &["--force-epoch"]).refused(1, &["no agent nobody"]);
    let both = recover(&place, "heartbeat", &["--force-epoch", "--from", "checkpoint"]);
    assert_eq!(both.code, Some(2));
}

#[test]
fn a_custody_that_cannot_be_read_stops_everything() {
    let place = Place::new();
    let module = place.prebuilt("heartbeat");
    place.ran(&module, &["--ticks", "1"]);
    recover(&place, "heartbeat", &["--force-epoch"]).done();
    let path = place.data() + "/.igor/.custodies/heartbeat";
    std::fs::write(&path, b"damaged").expect("it can be written");
    let kept = place.kept();
    for args in
        [vec!["run", &module, "--ticks", "1"], vec!["recover", "heartbeat", "--force-epoch"]]
    {
        let data = place.data();
        let answer = ask([&args[..], &["--checkpoint-dir", &data]].concat());
        answer.refused(1, &["custody of heartbeat", "Nothing was changed", ".igor/.custodies"]);
    }
    assert_eq!(place.kept(), kept);
}
