//! `igor export` and `igor import`: the file, who may read it, where the passphrase comes from, what is refused with
//! which code. What an export must hold is tested on the library.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use serde_json::Value;

use crate::support::{Answer, Place, Running, answer, ask, igor};

/// A place whose agent has lived, and its module.
fn lived() -> (Place, String) {
    let place = Place::new();
    let module = place.prebuilt("heartbeat");
    place.ran(&module, &["--ticks", "3"]);
    (place, module)
}

fn export(place: &Place, args: &[&str]) -> Answer {
    let (data, out) = (place.data(), place.text("heartbeat.igor"));
    let all = ["export", "heartbeat", "--checkpoint-dir", &data, "-o", &out, "--output", "json"];
    ask([&all[..], args].concat())
}

fn import(place: &Place, file: &str, args: &[&str]) -> Answer {
    let data = place.data();
    ask([&["import", file, "--checkpoint-dir", &data, "--output", "json"][..], args].concat())
}

fn secret(place: &Place) -> String {
    place.write("secret", b"correct horse\nnot this")
}

#[test]
fn an_agent_goes_through_a_file_and_runs_on() {
    let (place, module) = lived();
    let secret = secret(&place);
    let with_identity = ["--with-identity", "--passphrase-file", &secret];
    let document = export(&place, &with_identity).document();
    let file = place.text("heartbeat.igor");
    let mode = fs::metadata(&file).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "nobody else may read it");
    let bytes = fs::read(&file).expect("it can be read");
    assert_eq!(document["bytes"], bytes.len());
    assert_eq!((&document["tick"], &document["identity"]), (&Value::from(3), &Value::from(true)));
    let identity = fs::read(place.path("data/heartbeat.identity")).expect("it can be read");
    assert!(!bytes.windows(32).any(|window| window == &identity[4..36]), "the key lies open");

    let other = Place::new();
    let checked = import(&other, &file, &["--dry-run"]).document();
    assert_eq!((&checked["dry_run"], &checked["held_epoch"]), (&true.into(), &Value::Null));
    assert!(!other.path("data").exists(), "nothing was to be written");
    let done = import(&other, &file, &["--passphrase-file", &secret]).document();
    assert_eq!((&done["did"], &done["tick"]), (&document["did"], &document["tick"]));
    assert!(done["held_epoch"].as_u64() > document["epoch"].as_u64(), "{done}");
    let again = import(&other, &file, &["--passphrase-file", &secret]).document();
    assert_eq!(again["was_here"], true);
    let ran = other.ran(&module, &["--ticks", "2"]);
    assert_eq!(ran.last().map(|stopped| stopped["tick"].clone()), Some(5.into()));
    assert_eq!(other.verify("heartbeat").document()["valid"], true);
    let history = other.text("data/history/heartbeat");
    ask(["audit", &history, "--wasm", &module]).done();
}

#[test]
fn a_passphrase_comes_from_a_file_or_a_variable_and_never_from_the_command_line() {
    let (place, _) = lived();
    let mut command = igor(["export", "heartbeat", "--with-identity", "--output", "json"]);
    command.args(["--checkpoint-dir", &place.data(), "-o", &place.text("heartbeat.igor")]);
    command.args(["--passphrase-env", "BACKUP_SECRET"]).env("BACKUP_SECRET", "correct horse");
    assert_eq!(answer(command).document()["identity"], true);

    let file = place.text("heartbeat.igor");
    let other = Place::new();
    let wrong = other.write("wrong", b"correct horsf\n");
    import(&other, &file, &["--passphrase-file", &wrong])
        .refused(1, &["the passphrase is wrong", "nothing was changed"]);
    let empty = other.write("empty", b"\n");
    import(&other, &file, &["--passphrase-file", &empty]).refused(2, &["empty"]);
    import(&other, &file, &["--passphrase-file", "/nowhere"]).refused(2, &["/nowhere"]);
    import(&other, &file, &["--passphrase-env", "NO_SUCH"]).refused(2, &["NO_SUCH"]);
    import(&other, &file, &["--passphrase", "x"]).refused(2, &["--passphrase"]);
    import(&other, &file, &["--passphrase-env", "X", "--passphrase-file", "y"])
        .refused(2, &["cannot be used with"]);
    import(&other, &file, &[]).refused(2, &["no terminal", "--passphrase-file"]);
    assert!(!other.path("data/heartbeat.checkpoint").exists());
    let secret = secret(&other);
    import(&other, &file, &["--passphrase-file", &secret]).done();
}

#[test]
fn without_its_identity_an_agent_is_here_to_be_looked_at() {
    let (place, module) = lived();
    let document = export(&place, &[]).document();
    assert_eq!(document["identity"], false);
    let file = place.text("heartbeat.igor");
    let other = Place::new();
    let done = import(&other, &file, &[]).document();
    assert_eq!(done["held_epoch"], Value::Null);
    assert_eq!(other.verify("heartbeat").document()["valid"], true);
    let history = other.text("data/history/heartbeat");
    ask(["audit", &history, "--wasm", &module]).done();
    let ran = answer(other.run(&module, &["--ticks", "1"]));
    assert_eq!(ran.code, Some(1), "{ran:#?}");
    let text = ask(["import", &file, "--checkpoint-dir", &Place::new().data()]).done();
    assert!(text.contains("no identity to run it with"), "{text}");
}

#[test]
fn every_tar_can_look_into_it() {
    let (place, module) = lived();
    export(&place, &[]).done();
    let folder = place.path("apart");
    fs::create_dir(&folder).expect("a folder can be made");
    let mut tar = Command::new("tar");
    let Ok(status) = tar.args(["xf", "../heartbeat.igor"]).current_dir(&folder).status() else {
        eprintln!("there is no tar here");
        return;
    };
    assert!(status.success());
    let kept = fs::read(folder.join("module.wasm")).expect("it is there");
    assert_eq!(kept, fs::read(&module).expect("it can be read"));
    let history = folder.join("history");
    ask(["verify", history.to_str().expect("a plain path")]).done();
}

#[test]
fn what_cannot_be_is_refused_and_nothing_changes() {
    let (place, module) = lived();
    export(&place, &[]).done();
    export(&place, &[]).refused(1, &["heartbeat.igor", "does not exist yet"]);
    let data = place.data();
    let nobody = place.text("nobody.igor");
    ask(["export", "nobody", "--checkpoint-dir", &data, "-o", &nobody])
        .refused(1, &["no agent nobody"]);
    assert!(!place.path("nobody.igor").exists(), "no file without an agent");

    let file = place.text("heartbeat.igor");
    let bytes = fs::read(&file).expect("it can be read");
    let mut changed = bytes.clone();
    changed[bytes.len() / 2] ^= 1;
    let changed = place.write("changed.igor", &changed);
    let cut = place.write("cut.igor", &bytes[..bytes.len() - 600]);
    let other = Place::new();
    import(&other, &changed, &[]).refused(1, &["changed.igor", "Nothing was changed"]);
    import(&other, &cut, &[]).refused(1, &["it was cut or added to"]);
    import(&other, &module, &[]).refused(1, &["the first member of an export"]);
    import(&other, "/nowhere.igor", &[]).refused(1, &["/nowhere.igor"]);
    assert!(!other.path("data/heartbeat.checkpoint").exists());

    place.ran(&module, &["--ticks", "1"]);
    import(&place, &file, &[]).refused(1, &["is here at tick 4", "does not go back in time"]);
    let stranger = Place::new();
    let module = stranger.prebuilt("heartbeat");
    stranger.ran(&module, &["--ticks", "1"]);
    import(&stranger, &file, &[]).refused(1, &["another agent", "--checkpoint-dir"]);
    let mut running = Running::start(place.run(&module, &["--tick-interval", "1h"]));
    running.event("started", |_| true);
    let out = place.text("second.igor");
    ask(["export", "heartbeat", "--checkpoint-dir", &data, "-o", &out]).refused(3, &["in use"]);
    assert!(!place.path("second.igor").exists());
}
