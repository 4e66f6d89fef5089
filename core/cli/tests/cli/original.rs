//! A directory as the original leaves it: checkpoints, identity and history, without anything of
//! igor's own and open to others. It continues here, with the same identity and an unbroken chain.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use igor_core::format::{Checkpoint, Hash, Header, Lineage, decode_identity};

use crate::support::{Place, ask, golden, only, snapshot};

/// The golden directory, made anew with the same key for the heartbeat that is built here: the
/// original's own module is not at hand, and a checkpoint continues with its module only.
fn rebuilt(place: &Place) -> String {
    let module = place.prebuilt("heartbeat");
    let data = place.path("data");
    fs::create_dir_all(data.join("history/heartbeat")).expect("made");
    let identity = fs::read(golden().join("heartbeat.identity")).expect("the fixture");
    fs::write(data.join("heartbeat.identity"), &identity).expect("written");
    let key = decode_identity(&identity).expect("an identity");
    let code_hash = Hash::of(&fs::read(&module).expect("the module"));
    let mut prev = Hash::ZERO;
    for tick in [4, 9, 14, 16] {
        let name = format!("history/heartbeat/{tick:010}.ckpt");
        let bytes = fs::read(golden().join(&name)).expect("the fixture");
        let golden = Checkpoint::decode(&bytes, 1 << 20).expect("a checkpoint");
        let header = Header { code_hash, ..*golden.header() };
        let checkpoint = Checkpoint::sign(&key, header, prev, golden.state().to_vec());
        prev = checkpoint.hash();
        fs::write(data.join(name), checkpoint.encode()).expect("written");
        fs::write(data.join("heartbeat.checkpoint"), checkpoint.encode()).expect("written");
    }
    open_to_others(&data);
    module
}

/// As the original creates its files under the usual umask.
fn open_to_others(dir: &Path) {
    for (path, content) in snapshot(dir) {
        let mode = if content.is_some() { 0o644 } else { 0o755 };
        fs::set_permissions(path, Permissions::from_mode(mode)).expect("set");
    }
    fs::set_permissions(dir, Permissions::from_mode(0o755)).expect("set");
}

#[test]
fn a_directory_of_the_originals_continues_here() {
    let place = Place::new();
    let module = rebuilt(&place);
    let before = place.verify("heartbeat").document();
    assert_eq!((&before["valid"], &before["checkpoints"]), (&true.into(), &4.into()));
    let answer = crate::support::answer(place.run(&module, &["--ticks", "3"]));
    assert_eq!(answer.code, Some(0), "{answer:#?}");
    let events = crate::support::events(&answer.stdout);
    let started = only(&events, "started");
    assert_eq!((&started["tick"], &started["continued"]), (&16.into(), &true.into()));
    assert_eq!((&started["did"], &started["price"]), (&before["did"], &1000.into()));
    let logged = events.iter().find(|event| event["event"] == "log").expect("a line");
    assert!(logged["message"].as_str().is_some_and(|line| line.contains("17")), "{logged}");
    let after = place.verify("heartbeat").document();
    assert_eq!((&after["valid"], &after["last_tick"]), (&true.into(), &19.into()));
    assert_eq!((&after["did"], &after["first_tick"]), (&before["did"], &4.into()));
    assert_eq!(after["findings"], serde_json::json!([]));
    for (path, content) in snapshot(&place.path("data")) {
        let mode = fs::metadata(&path).expect("it is there").permissions().mode() & 0o777;
        let secret = path.ends_with("heartbeat.identity");
        assert!(!secret || mode == 0o600, "{} is {mode:o}", path.display());
        assert!(content.is_some() || mode & 0o077 == 0 || path.ends_with("history/heartbeat"));
    }
    let inspected = ask(["inspect", &place.text("data/heartbeat.checkpoint"), "--output", "json"]);
    let inspected = inspected.document();
    assert_eq!((&inspected["version"], &inspected["state_bytes"]), (&4.into(), &28.into()));
}

fn lineage(bytes: &[u8]) -> Lineage {
    let checkpoint = Checkpoint::decode(bytes, 1 << 20).expect("a checkpoint");
    *checkpoint.lineage().expect("a signed one")
}

#[test]
fn the_first_checkpoint_made_here_follows_the_originals_last() {
    let place = Place::new();
    let module = rebuilt(&place);
    let last = fs::read(place.path("data/heartbeat.checkpoint")).expect("a checkpoint");
    assert_eq!(crate::support::answer(place.run(&module, &["--ticks", "1"])).code, Some(0));
    let next = fs::read(place.path("data/heartbeat.checkpoint")).expect("a checkpoint");
    assert_eq!(lineage(&next).prev, Hash::of(&last));
    assert_eq!(lineage(&next).public_key, lineage(&last).public_key);
}
