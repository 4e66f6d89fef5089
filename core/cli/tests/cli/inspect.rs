//! `igor inspect` on files that the original wrote, on our own, and on what is none.

use std::fs;
use std::path::Path;

use igor_core::format::{
    AgentKey, Checkpoint, FundId, FundRecord, Funding, Hash, Microcents, Price, Tick,
};
use igor_core::format::{Epoch, Header};

use crate::support::{ask, golden, repository, snapshot};

fn fixture(name: &str) -> String {
    let path = repository().join("core/format/tests/fixtures").join(name);
    path.to_str().expect("a plain path").to_owned()
}

fn write(dir: &Path, name: &str, bytes: &[u8]) -> String {
    let path = dir.join(name);
    fs::write(&path, bytes).expect("a file can be written");
    path.to_str().expect("a plain path").to_owned()
}

#[test]
fn a_signed_checkpoint_shows_all_its_fields() {
    let file = fixture("derived/checkpoint_v4_second.bin");
    let document = ask(["inspect", &file, "--output", "json"]).document();
    let expected = serde_json::json!({
        "schema": 1,
        "document": "inspect",
        "kind": "checkpoint",
        "file": file,
        "version": 4,
        "tick": 12,
        "budget": 2_999_000,
        "price": 1500,
        "wasm_hash": "c758436be87d535eaf52b682736f74d8988f1d61a064f1f0171521e1c8c03b8e",
        "epoch": {"major": 4, "generation": 2},
        "lease_expiry": "2023-11-14T22:13:20.000Z",
        "public_key": "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8",
        "did": "did:key:z6MkehRgf7yJbgaGfYsdoAsKdBPE3dj2CYhowQdcjqSJgvVd",
        "prev_hash": "bb47754a584a870c0d4e74e4878ab6652966f2f088087cc4d5667a9bc83aad4b",
        "signature": "valid",
        "hash": "8f825287104b4ee8241f639e192778e6e4db185e8e360799fd4a90936ae0d4eb",
        "header_bytes": 209,
        "state_bytes": 8,
        "total_bytes": 217,
        "state_hash": Hash::of(&7u64.to_le_bytes()).to_string(),
        "wasm_matches": null,
    });
    assert_eq!(document, expected);
    let text = ask(["inspect", &file]).done();
    for field in expected.as_object().expect("an object").values() {
        if let Some(hash) = field.as_str().filter(|text| text.len() == 64) {
            assert!(text.contains(hash), "{text}");
        }
    }
    for part in ["VALID", "(4,2)", "2023-11-14T22:13:20", "2.999000", "209", "07 00 00 00"] {
        assert!(text.contains(part), "{part} is missing: {text}");
    }
}

#[test]
fn older_versions_show_what_they_have() {
    for (file, version, tick, epoch) in [
        ("checkpoint.bin", 2, 5, serde_json::Value::Null),
        ("checkpoint_empty_state.bin", 2, 0, serde_json::Value::Null),
        ("checkpoint_v3.bin", 3, 10, serde_json::json!({"major": 3, "generation": 7})),
    ] {
        let document = ask(["inspect", &fixture(file), "--output", "json"]).document();
        assert_eq!(document["version"], version, "{document:#}");
        assert_eq!(document["tick"], tick, "{document:#}");
        assert_eq!(document["epoch"], epoch, "{document:#}");
        assert_eq!(document["signature"], "none", "{document:#}");
        ask(["inspect", &fixture(file)]).done();
    }
}

#[test]
fn a_changed_checkpoint_is_reported_and_a_failure() {
    let dir = tempfile::tempdir().expect("a folder can be made");
    let mut bytes = fs::read(golden().join("heartbeat.checkpoint")).expect("the fixture");
    *bytes.last_mut().expect("it has bytes") ^= 1;
    let file = write(dir.path(), "heartbeat.checkpoint", &bytes);
    let answer = ask(["inspect", &file, "--output", "json"]);
    answer.refused(1, &["signature is invalid", "another checkpoint"]);
    assert_eq!(answer.document()["signature"], "invalid");
    let answer = ask(["inspect", &file]);
    answer.refused(1, &["signature is invalid"]);
    assert!(answer.stdout.contains("INVALID"), "{answer:#?}");
}

#[test]
fn the_module_is_compared_with_the_one_named() {
    let dir = tempfile::tempdir().expect("a folder can be made");
    let key = AgentKey::from_seed(&[7; 32]);
    let header = Header {
        budget: Microcents::new(5).expect("an amount"),
        price: Price::per_second(Microcents::ZERO),
        tick: Tick(3),
        code_hash: Hash::of(b"the module"),
        epoch: Epoch::default(),
        lease_expiry_ns: -5,
    };
    let checkpoint = Checkpoint::sign(&key, header, Hash::ZERO, vec![0x1b; 300]);
    let file = write(dir.path(), "a.checkpoint", &checkpoint.encode());
    let same = write(dir.path(), "same.wasm", b"the module");
    let other = write(dir.path(), "other.wasm", b"another module");

    let text = ask(["inspect", &file, "--wasm", &same]).done();
    assert!(text.contains("MATCHES") && !text.contains('\u{1b}'), "{text}");
    assert_eq!(text.lines().filter(|line| line.contains("1b 1b")).count(), 16, "{text}");
    let answer = ask(["--output", "json", "inspect", "--wasm", &other, &file]);
    answer.refused(1, &["names module", "started with"]);
    assert_eq!(answer.document()["wasm_matches"], false);
    ask(["inspect", &file, "--wasm", "/nowhere.wasm"]).refused(1, &["/nowhere.wasm"]);
}

#[test]
fn an_identity_shows_its_public_part_only() {
    let file = fixture("derived/identity.bin");
    let document = ask(["inspect", &file, "--output", "json"]).document();
    assert_eq!(document["did"], "did:key:z6MkehRgf7yJbgaGfYsdoAsKdBPE3dj2CYhowQdcjqSJgvVd");
    let text = ask(["inspect", &file]).done();
    let seed: String = (0..32).map(|byte| format!("{byte:02x}")).collect();
    assert!(!text.contains(&seed) && !document.to_string().contains(&seed));

    let dir = tempfile::tempdir().expect("a folder can be made");
    let mut bytes = fs::read(&file).expect("the fixture");
    bytes[40] ^= 1;
    let file = write(dir.path(), "x.identity", &bytes);
    ask(["inspect", &file]).refused(1, &["public key does not belong", "backup"]);
}

#[test]
fn a_fund_record_shows_what_it_states() {
    let dir = tempfile::tempdir().expect("a folder can be made");
    let funding = Funding {
        before: Hash::of(b"before"),
        after: Hash::of(b"after"),
        amount: Microcents::new(2_500_000).expect("an amount"),
        id: FundId::from_bytes([0xab; 16]),
    };
    let record = FundRecord::sign(&AgentKey::from_seed(&[7; 32]), funding).expect("an amount");
    let mut bytes = record.encode();
    let file = write(dir.path(), "a.fund", &bytes);
    let document = ask(["inspect", &file, "--output", "json"]).document();
    assert_eq!(document["kind"], "fund_record");
    assert_eq!(document["amount"], 2_500_000);
    assert_eq!(document["id"], "ab".repeat(16));
    assert!(ask(["inspect", &file]).done().contains("2.500000"));
    *bytes.last_mut().expect("it has bytes") ^= 1;
    let file = write(dir.path(), "b.fund", &bytes);
    ask(["inspect", &file]).refused(1, &["signature is invalid"]);
}

#[test]
fn the_files_of_a_journal_show_what_they_hold_and_that_their_signatures_hold() {
    let dir = tempfile::tempdir().expect("a folder can be made");
    for (name, kind, count, words) in [
        ("segment.seg", "segment", "records", ["Segment before", "Closed by", "tick"]),
        ("collected.sum", "summary", "segments", ["Segments", "Signatures", "charged"]),
    ] {
        let mut bytes = fs::read(repository().join("core/format/tests/fixtures/own").join(name))
            .expect("a fixture");
        let file = write(dir.path(), name, &bytes);
        let document = ask(["inspect", &file, "--output", "json"]).document();
        assert_eq!((&document["kind"], &document["signature"]), (&kind.into(), &"valid".into()));
        assert!(document[count].as_u64() >= Some(1), "{document}");
        let text = ask(["inspect", &file]).done();
        assert!(words.iter().all(|word| text.contains(word)), "{text}");
        *bytes.last_mut().expect("it has bytes") ^= 1;
        let file = write(dir.path(), name, &bytes);
        ask(["inspect", &file]).refused(1, &["signature", "proves nothing"]);
        bytes.truncate(40);
        let file = write(dir.path(), name, &bytes);
        ask(["inspect", &file]).refused(1, &["damaged"]);
    }
}

#[test]
fn what_is_no_file_of_ours_is_refused() {
    let dir = tempfile::tempdir().expect("a folder can be made");
    for (name, bytes, word) in [
        ("empty", &b""[..], "no file of igor's"),
        ("short", &b"abc"[..], "no file of igor's"),
        ("wasm", &b"\0asm\x01\0\0\0"[..], "no file of igor's"),
        ("cut", &[4; 100][..], "100 bytes"),
        ("record", &b"igar\x63"[..], "version 99"),
        ("fund", &b"igor/fund/9\0"[..], "igor/fund/1"),
        ("identity", &[64, 0, 0, 0, 1][..], "5 bytes"),
        ("\u{1b}[2Jname", &b"x"[..], "\\u{1b}[2Jname"),
    ] {
        let file = write(dir.path(), name, bytes);
        ask(["inspect", &file]).refused(1, &[word]);
    }
    ask(["inspect", "/nowhere"]).refused(1, &["/nowhere", "exists"]);
    ask(["inspect", dir.path().to_str().expect("a plain path")]).refused(1, &["directory"]);
    ask(["inspect", &fixture("derived/identity.bin"), "--wasm", "x"]).refused(2, &["--wasm"]);
}

#[test]
fn inspecting_changes_nothing() {
    let before = snapshot(&golden());
    ask(["inspect", golden().join("heartbeat.checkpoint").to_str().expect("a plain path")]).done();
    assert_eq!(before, snapshot(&golden()));
}
