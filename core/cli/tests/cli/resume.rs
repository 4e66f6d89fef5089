//! `igor resume`: an agent that moves, and what is not taken in.

use std::fs;
use std::process::Command;

use igor_core::format::{Checkpoint, decode_identity};

use crate::support::{Place, answer, events, golden, igor, only, repository};

/// An agent that ran in one place and may move to another.
struct Move {
    from: Place,
    to: Place,
}

impl Move {
    fn new() -> Self {
        let moved = Self { from: Place::new(), to: Place::new() };
        let module = moved.from.prebuilt("heartbeat");
        moved.from.ran(&module, &["--ticks", "3"]);
        moved.to.prebuilt("heartbeat");
        moved
    }

    fn checkpoint(&self) -> String {
        self.from.text("data/heartbeat.checkpoint")
    }

    fn identity(&self) -> String {
        self.from.text("data/heartbeat.identity")
    }

    fn resume(&self, checkpoint: &str, args: &[&str]) -> Command {
        let wasm = self.to.text("heartbeat.wasm");
        let mut command = igor(["resume", "--checkpoint", checkpoint, "--wasm", &wasm]);
        command.args(["--output", "json", "--tick-interval", "0", "--ticks", "2"]);
        command.args(["--checkpoint-dir", &self.to.data()]).args(args);
        command
    }
}

#[test]
fn an_agent_moves_with_its_identity() {
    let moved = Move::new();
    let identity = ["--identity", &moved.identity()];
    let ran = events(&answer(moved.resume(&moved.checkpoint(), &identity)).done());
    let started = only(&ran, "started");
    assert_eq!((&started["tick"], &started["continued"]), (&3.into(), &true.into()));
    assert_eq!(only(&ran, "stopped")["tick"], 5);
    // Both parts of the history together prove the life.
    let history = moved.to.path("data/history/heartbeat");
    for entry in fs::read_dir(moved.from.path("data/history/heartbeat")).expect("a folder") {
        let entry = entry.expect("an entry");
        fs::copy(entry.path(), history.join(entry.file_name())).expect("copied");
    }
    let document = moved.to.verify("heartbeat").document();
    assert_eq!((&document["valid"], &document["did"]), (&true.into(), &started["did"]));
    // From now on the directory is enough.
    let ran = moved.to.ran(&moved.to.text("heartbeat.wasm"), &["--ticks", "1"]);
    assert_eq!(only(&ran, "stopped")["tick"], 6);
}

#[test]
fn what_is_not_the_agents_is_refused_and_nothing_changes() {
    let moved = Move::new();
    let read = |path: &str| fs::read(path).expect("a file");
    let (good, identity) = (read(&moved.checkpoint()), moved.identity());
    let key = decode_identity(&read(&identity)).expect("an identity");
    let decoded = Checkpoint::decode(&good, 1 << 20).expect("a checkpoint");
    let unsigned = [&[3][..], &good[1..81], &good[209..]].concat();
    let mut flipped = good.clone();
    *flipped.last_mut().expect("it has bytes") ^= 1;
    let other_module = {
        let header = igor_core::format::Header {
            code_hash: igor_core::format::Hash::of(b"other"),
            ..*decoded.header()
        };
        Checkpoint::sign(&key, header, decoded.hash(), decoded.state().to_vec()).encode()
    };
    let file = |name: &str, bytes: &[u8]| moved.from.write(name, bytes);
    let unsigned = file("unsigned.ckpt", &unsigned);
    let flipped = file("flipped.ckpt", &flipped);
    let cut = file("cut.ckpt", &good[..100]);
    let empty = file("empty.ckpt", b"");
    let other_module = file("other.ckpt", &other_module);
    let good = moved.checkpoint();
    let stranger = golden().join("heartbeat.identity");
    let stranger = stranger.to_str().expect("a plain path");
    let damaged = repository().join("core/format/tests/fixtures/checkpoint.bin");
    let damaged = damaged.to_str().expect("a plain path");
    let kept = moved.to.kept();
    let with = ["--identity", identity.as_str()];
    for (checkpoint, args, code, words) in [
        (&good, &[][..], 1, &["no identity", "--identity", "never"][..]),
        (&good, &["--identity", stranger], 1, &["signed by", "right --identity"]),
        (&good, &["--identity", damaged], 1, &["identity", "own identity file"]),
        (&good, &["--identity", "/nowhere"], 1, &["/nowhere"]),
        (&unsigned, &with, 1, &["no signature", "own key signed"]),
        (&flipped, &with, 1, &["signature is invalid"]),
        (&cut, &with, 1, &["100 bytes", "intact"]),
        (&empty, &with, 1, &["empty"]),
        (&other_module, &with, 1, &["made with the module", "give that one"]),
        (&"/nowhere".to_owned(), &with, 1, &["/nowhere"]),
        (&good, &["--engine", "v8"], 2, &["v8", "wasmi, wasmtime"]),
        (&good, &["--identity", &identity, "--manifest", "/nowhere"], 1, &["/nowhere"]),
    ] {
        answer(moved.resume(checkpoint, args)).refused(code, words);
        assert_eq!(kept, moved.to.kept(), "{checkpoint} {args:?}");
    }
    let manifest = moved.to.path("heartbeat.manifest.json");
    fs::remove_file(manifest).expect("removed");
    let kept = moved.to.kept();
    answer(moved.resume(&good, &with)).refused(1, &["capability", "--manifest"]);
    assert_eq!(kept, moved.to.kept());
}

#[test]
fn a_newer_checkpoint_is_never_replaced() {
    let moved = Move::new();
    let (identity, early) = (moved.identity(), moved.from.text("early.ckpt"));
    fs::copy(moved.checkpoint(), &early).expect("copied");
    let with = ["--identity", identity.as_str()];
    answer(moved.resume(&early, &with)).done();
    let kept = moved.to.kept();
    answer(moved.resume(&early, &with)).refused(1, &["tick 5", "tick 3", "igor run"]);
    assert_eq!(kept, moved.to.kept());
}

#[test]
fn another_agent_of_that_name_is_never_replaced() {
    let moved = Move::new();
    moved.to.ran(&moved.to.text("heartbeat.wasm"), &["--ticks", "1"]);
    let kept = moved.to.kept();
    let identity = moved.identity();
    let with = ["--identity", identity.as_str()];
    answer(moved.resume(&moved.checkpoint(), &with)).refused(1, &["another agent", "--agent-id"]);
    assert_eq!(kept, moved.to.kept());
    let other = [&with[..], &["--agent-id", "moved"]].concat();
    let ran = events(&answer(moved.resume(&moved.checkpoint(), &other)).done());
    assert_eq!(only(&ran, "started")["agent_id"], "moved");
}
