//! The certificates of an agent's moves and the notes of the nodes, as `igor verify` and `igor inspect` show them,
//! whole and damaged.

use std::fs;
use std::path::Path;

use igor_core::format::Hash;
use rustix::process::Signal;
use serde_json::Value;

use crate::nodes::Node;
use crate::support::{Place, ask, snapshot};

/// Who a node is, as its address says.
fn node_id(address: &str) -> &str {
    address.split_once('#').expect("an identity").1
}

/// What `igor inspect` shows of a file.
#[track_caller]
fn inspected(path: &Path) -> Value {
    ask(["inspect", path.to_str().expect("UTF-8"), "--output", "json"]).document()
}

#[test]
fn certificates_and_custodies_say_where_an_agent_was_and_is() {
    let place = Place::new();
    let module = place.prebuilt("heartbeat");
    let mut source = Node::on(place, &[]);
    let mut target = Node::on(Place::new(), &["--price", "0.002"]);
    source.done(&["start", &module]);
    source.ticks("heartbeat", 1);
    source.done(&["migrate", "heartbeat", "--to", target.address()]);
    target.ticks("heartbeat", 2);
    target.done(&["migrate", "heartbeat", "--to", source.address()]);
    source.ticks("heartbeat", 2);
    let (one, other) = (source.address().to_owned(), target.address().to_owned());
    let ids = [node_id(&one), node_id(&other)];
    let (here, there) = (source.drain(Signal::TERM), target.drain(Signal::TERM));

    let verified = here.verify("heartbeat").document();
    assert_eq!((&verified["valid"], &verified["findings"]), (&true.into(), &Value::Array(vec![])));
    let handovers = verified["handovers"].as_array().expect("a list");
    assert_eq!(handovers.len(), 2, "{verified:#}");
    for (handover, epoch, from, to) in [(&handovers[0], 1, 0, 1), (&handovers[1], 2, 1, 0)] {
        assert_eq!((&handover["epoch"], &handover["kind"]), (&epoch.into(), &"offer".into()));
        assert_eq!(
            (&handover["source"], &handover["target"]),
            (&ids[from].into(), &ids[to].into())
        );
        let signed = (&handover["signed_by"], &handover["valid"]);
        assert_eq!(signed, (&serde_json::json!(["agent", "source"]), &true.into()));
        // The agent pays what its holder asks.
        let asked = [1_000, 2_000];
        assert_eq!(handover["source_price"], asked[from], "{handover:#}");
        assert_eq!(handover["target_price"], asked[to], "{handover:#}");
    }
    let history = here.path("data/history/heartbeat");
    let text = ask(["verify", history.to_str().expect("UTF-8")]).done();
    for words in ["Handovers: 2", ids[0], ids[1], "signed by agent and source"] {
        assert!(text.contains(words), "{words} is missing: {text}");
    }
    let dir = history.to_str().expect("UTF-8");
    let audited = ask(["audit", dir, "--wasm", &module, "--output", "json"]).document();
    assert_eq!(audited["notices"], Value::Array(vec![]), "{audited:#}");

    let shown = inspected(&history.join("0000000002.cert"));
    assert_eq!((&shown["kind"], &shown["form"]), (&"certificate".into(), &"offer".into()));
    assert_eq!((&shown["signature"], &shown["target"]), (&"valid".into(), &ids[0].into()));
    let custody = "data/.igor/.custodies/heartbeat";
    let held = inspected(&here.path(custody));
    assert_eq!((&held["state"], &held["held"]), (&"held".into(), &2.into()));
    assert_eq!(held["taken"][0]["offer"], shown["hash"]);
    let released = inspected(&there.path(custody));
    assert_eq!((&released["state"], &released["answer"]), (&"released".into(), &"accepted".into()));
    assert_eq!(released["offer"]["target"], ids[0]);
    a_changed_certificate_is_noticed(&here, &history.join("0000000001.cert"));
    one_without_its_checkpoint_is_not_valid(&here, &handovers[1]["checkpoint"]);
}

/// Removes the checkpoint that the second certificate names.
fn one_without_its_checkpoint_is_not_valid(place: &Place, checkpoint: &Value) {
    let files = snapshot(&place.path("data/history/heartbeat"));
    let is_named = |bytes: &Option<Vec<u8>>| {
        bytes.as_ref().is_some_and(|bytes| Hash::of(bytes).to_string().as_str() == checkpoint)
    };
    let (path, _) = files.into_iter().find(|(_, bytes)| is_named(bytes)).expect("it is there");
    fs::remove_file(path).expect("removed");
    let document = place.verify("heartbeat").document();
    assert_eq!(document["handovers"][0]["valid"], false, "{document:#}");
}

fn a_changed_certificate_is_noticed(place: &Place, file: &Path) {
    let mut bytes = fs::read(file).expect("a certificate");
    // The budget, which both signatures are over.
    bytes[85] ^= 1;
    fs::write(file, &bytes).expect("written");
    let answer = ask(["inspect", file.to_str().expect("UTF-8"), "--output", "json"]);
    assert_eq!((answer.code, &answer.document()["signature"]), (Some(1), &"invalid".into()));
    let verified = place.verify("heartbeat");
    assert_eq!(verified.code, Some(1), "{verified:#?}");
    let document = verified.document();
    assert_eq!(document["handovers"].as_array().map(Vec::len), Some(1));
    let kinds = document["findings"].as_array().expect("a list").iter().map(|it| &it["kind"]);
    assert!(kinds.into_iter().any(|kind| kind == "bad_signature"), "{document:#}");
    fs::write(file, b"igor/custody/1\0 nothing more").expect("written");
    let custody = ask(["inspect", file.to_str().expect("UTF-8")]);
    custody.refused(1, &["inspect", "custody"]);
}
