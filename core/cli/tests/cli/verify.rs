//! `igor verify` on the history that the original wrote and on damaged copies of it.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{Answer, ask, copy_dir, golden, snapshot};

const DID: &str = "did:key:z6MkkhcrpkF7QHrjriGi4MS29JTEULfLr2D6JRSn2r3iniKE";
const OTHER_DID: &str = "did:key:z6MkehRgf7yJbgaGfYsdoAsKdBPE3dj2CYhowQdcjqSJgvVd";

struct Copy {
    root: TempDir,
}

impl Copy {
    fn new() -> Self {
        let root = tempfile::tempdir().expect("a folder can be made");
        copy_dir(&golden(), root.path());
        Self { root }
    }

    fn history(&self) -> PathBuf {
        self.root.path().join("history/heartbeat")
    }

    fn file(&self, tick: u64) -> PathBuf {
        self.history().join(format!("{tick:010}.ckpt"))
    }
}

fn verify(dir: &Path) -> Answer {
    ask(["verify", dir.to_str().expect("a plain path"), "--output", "json"])
}

fn kinds(document: &Value) -> Vec<&str> {
    let findings = document["findings"].as_array().expect("a list");
    findings.iter().filter_map(|finding| finding["kind"].as_str()).collect()
}

#[test]
fn the_originals_history_is_valid() {
    let before = snapshot(&golden());
    let dir = golden().join("history/heartbeat");
    let document = verify(&dir).document();
    assert_eq!(document["valid"], true);
    assert_eq!(document["did"], DID);
    assert_eq!(document["checkpoints"], 4);
    assert_eq!((&document["first_tick"], &document["last_tick"]), (&4.into(), &16.into()));
    assert_eq!(document["findings"], serde_json::json!([]));
    let text = ask(["verify", dir.to_str().expect("a plain path"), "--did", DID]).done();
    for part in [DID, "4 to 16", "\nVALID\n"] {
        assert!(text.contains(part), "{part} is missing: {text}");
    }
    assert_eq!(before, snapshot(&golden()));
}

#[test]
fn another_identity_than_expected_is_refused() {
    let dir = golden().join("history/heartbeat");
    let answer = ask(["verify", dir.to_str().expect("a plain path"), "--did", OTHER_DID]);
    answer.refused(1, &["not valid"]);
    assert!(answer.stdout.contains("\nINVALID\n- error: "), "{answer:#?}");
}

/// One damage, done to a copy.
type Damage = fn(&Copy);

#[test]
fn each_damage_is_named() {
    let table: &[(&str, Damage)] = &[
        ("truncated_head", |copy| fs::remove_file(copy.file(4)).expect("removed")),
        ("broken_link", |copy| {
            fs::remove_file(copy.file(9)).expect("removed");
            // The head is there, so the gap is not at the start.
        }),
        ("bad_signature", |copy| {
            let mut bytes = fs::read(copy.file(14)).expect("read");
            bytes[1] ^= 1;
            fs::write(copy.file(14), bytes).expect("written");
        }),
        ("unreadable", |copy| fs::write(copy.file(15), b"\x04 too short").expect("written")),
        ("unsigned", |copy| {
            let v3 = golden().join("../checkpoint_v3.bin");
            fs::copy(v3, copy.file(10)).expect("copied");
        }),
        ("other_key", |copy| {
            let other = golden().join("../derived/checkpoint_v4_genesis.bin");
            fs::copy(other, copy.file(11)).expect("copied");
        }),
        ("rollback", |copy| {
            fs::copy(copy.file(9), copy.root.path().join("heartbeat.checkpoint")).expect("copied");
        }),
    ];
    for (kind, damage) in table {
        let copy = Copy::new();
        damage(&copy);
        let before = snapshot(copy.root.path());
        let answer = verify(&copy.history());
        answer.refused(1, &["not valid", "backup"]);
        let document = answer.document();
        assert_eq!(document["valid"], false, "{kind}: {document:#}");
        assert!(kinds(&document).contains(kind), "{kind}: {document:#}");
        assert_eq!(before, snapshot(copy.root.path()), "{kind}");
    }
}

#[test]
fn a_missing_end_shows_because_the_current_checkpoint_is_beside() {
    let copy = Copy::new();
    fs::remove_file(copy.file(16)).expect("removed");
    fs::remove_file(copy.file(14)).expect("removed");
    let answer = verify(&copy.history());
    answer.refused(1, &["not valid"]);
    fs::remove_file(copy.root.path().join("heartbeat.checkpoint")).expect("removed");
    assert_eq!(verify(&copy.history()).document()["valid"], true, "alone, the rest is a chain");
}

#[test]
fn an_interrupted_save_is_a_notice() {
    let copy = Copy::new();
    fs::copy(copy.file(14), copy.root.path().join("heartbeat.checkpoint")).expect("copied");
    let answer = verify(&copy.history());
    assert_eq!(answer.code, Some(0), "{answer:#?}");
    assert_eq!(kinds(&answer.document()), ["save_interrupted"]);
}

#[test]
fn a_folder_without_a_history_is_refused() {
    let dir = tempfile::tempdir().expect("a folder can be made");
    let path = dir.path().to_str().expect("a plain path");
    ask(["verify", path]).refused(1, &["no checkpoint", "history/heartbeat"]);
    ask(["verify", "/nowhere/at/all"]).refused(1, &["/nowhere/at/all", "folder that exists"]);
    let file = golden().join("heartbeat.checkpoint");
    ask(["verify", file.to_str().expect("a plain path")]).refused(1, &["heartbeat.checkpoint"]);
}

#[test]
fn any_changed_byte_of_the_originals_history_is_noticed() {
    let copy = Copy::new();
    let dir = copy.history();
    let dir = dir.to_str().expect("a plain path");
    for tick in [4, 9, 14, 16] {
        let good = fs::read(copy.file(tick)).expect("read");
        for place in 0..good.len() {
            let mut bytes = good.clone();
            bytes[place] ^= 1 << (place % 8);
            fs::write(copy.file(tick), bytes).expect("written");
            let answer = ask(["verify", dir]);
            assert_eq!(answer.code, Some(1), "byte {place} of tick {tick}: {answer:#?}");
            assert!(answer.stdout.contains("INVALID"), "byte {place} of tick {tick}: {answer:#?}");
        }
        fs::write(copy.file(tick), good).expect("written");
    }
    ask(["verify", dir]).done();
}
