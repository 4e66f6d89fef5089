//! Every file that the original wrote decodes to what it holds and encodes to the same bytes, and its
//! signatures can be made again bit for bit. It does not test behaviour at bad input; the unit
//! tests and the property tests do.

use igor_format::effect_log::{EffectLog, IntentState};
use igor_format::migrate::{AgentPackage, AgentStarted, AgentTransfer, MigrateMessage};
use igor_format::{
    AgentKey, Checkpoint, CheckpointVersion, Decoder, Encoder, Epoch, EpochReceipt, Hash, Header,
    Microcents, Price, Tick, VerifyError, decode_identity, decode_receipts, encode_identity,
    encode_receipts,
};

macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!("fixtures/", $name))
    };
}

const LIMIT: u64 = 1 << 20;

/// The key that signed the derived fixtures.
fn key() -> AgentKey {
    decode_identity(fixture!("derived/identity.bin")).expect("a golden identity")
}

fn code_hash() -> Hash {
    Hash::of(b"known-wasm-binary-for-golden-test")
}

fn header(budget: i64, price: i64, tick: u64, epoch: (u64, u64), lease_expiry_ns: i64) -> Header {
    let amount = |microcents| Microcents::new(microcents).expect("a golden amount");
    Header {
        budget: amount(budget),
        price: Price::per_second(amount(price)),
        tick: Tick(tick),
        code_hash: code_hash(),
        epoch: Epoch { major: epoch.0, generation: epoch.1 },
        lease_expiry_ns,
    }
}

fn check_checkpoint(
    bytes: &[u8],
    version: CheckpointVersion,
    header: Header,
    state: &[u8],
) -> Checkpoint {
    let checkpoint = Checkpoint::decode(bytes, LIMIT).expect("a golden checkpoint");
    assert_eq!(checkpoint.version(), version);
    assert_eq!(*checkpoint.header(), header);
    assert_eq!(checkpoint.state(), state);
    assert_eq!(checkpoint.encode(), bytes);
    assert_eq!(checkpoint.hash(), Hash::of(bytes));
    checkpoint
}

#[test]
fn unsigned_checkpoints_are_read_and_written_back() {
    use CheckpointVersion::{V2, V3};
    let three = 3_u64.to_le_bytes();
    let five = 5_u64.to_le_bytes();
    let seven = 7_u64.to_le_bytes();
    let v2 = header(1_000_000, 1_000, 5, (0, 0), 0);
    let empty = header(500_000, 2_000, 0, (0, 0), 0);
    let v3 = header(2_000_000, 1_500, 10, (3, 7), 1_700_000_000_000_000_000);
    let lease = header(2_999_000, 1_500, 12, (4, 2), 1_700_000_000_000_000_000);
    let cases: [(&[u8], _, _, &[u8]); 4] = [
        (fixture!("checkpoint.bin"), V2, v2, &three),
        (fixture!("checkpoint_empty_state.bin"), V2, empty, &[]),
        (fixture!("checkpoint_v3.bin"), V3, v3, &five),
        (fixture!("derived/checkpoint_v3_lease.bin"), V3, lease, &seven),
    ];
    for (bytes, version, header, state) in cases {
        let checkpoint = check_checkpoint(bytes, version, header, state);
        assert_eq!(checkpoint.verify(), Err(VerifyError::Unsigned(version)));
    }
}

#[test]
fn signed_checkpoints_are_made_again_bit_for_bit() {
    let genesis: &[u8] = fixture!("derived/checkpoint_v4_genesis.bin");
    let second: &[u8] = fixture!("derived/checkpoint_v4_second.bin");
    let genesis_header = header(3_000_000, 1_500, 11, (0, 0), 0);
    let second_header = header(2_999_000, 1_500, 12, (4, 2), 1_700_000_000_000_000_000);
    let genesis_hash = "bb47754a584a870c0d4e74e4878ab6652966f2f088087cc4d5667a9bc83aad4b";
    let second_hash = "8f825287104b4ee8241f639e192778e6e4db185e8e360799fd4a90936ae0d4eb";
    let genesis_hash: Hash = genesis_hash.parse().expect("a hash");
    for (bytes, header, prev, state, hash) in [
        (genesis, genesis_header, Hash::ZERO, 6_u64, genesis_hash),
        (second, second_header, genesis_hash, 7, second_hash.parse().expect("a hash")),
    ] {
        let state = state.to_le_bytes();
        let read = check_checkpoint(bytes, CheckpointVersion::V4, header, &state);
        assert_eq!(read.hash(), hash);
        let lineage = read.verify_by(key().public_key()).expect("a golden signature");
        assert_eq!(lineage.prev, prev);
        let made = Checkpoint::sign(&key(), header, prev, state.to_vec());
        assert_eq!(made.encode(), bytes);
    }
}

#[test]
fn the_identity_and_its_did_are_those_of_the_original() {
    let bytes: &[u8] = fixture!("derived/identity.bin");
    assert_eq!(encode_identity(&key()).as_slice(), bytes);
    let seed = std::array::from_fn(|index| u8::try_from(index).expect("below 32"));
    assert_eq!(AgentKey::from_seed(&seed).public_key(), key().public_key());
    let did = key().public_key().did();
    assert_eq!(did.to_string(), "did:key:z6MkehRgf7yJbgaGfYsdoAsKdBPE3dj2CYhowQdcjqSJgvVd");
    assert_eq!(did.short(), "did:key:z6MkehRg...gvVd");
}

#[test]
fn receipts_verify_and_are_written_back() {
    let bytes: &[u8] = fixture!("derived/receipt.bin");
    let signed: &[u8] = fixture!("derived/receipt_signdata.bin");
    let receipt = EpochReceipt::decode(bytes).expect("a golden receipt");
    assert_eq!(receipt.agent_id, "test-agent");
    assert_eq!(receipt.node_id, "12D3KooWAbCdEfGhIjKlMnOpQrStUvWxYz");
    assert_eq!((receipt.epoch_start, receipt.epoch_end), (1, 5));
    assert_eq!((receipt.cost_microcents, receipt.budget_after_microcents), (5_000, 9_995_000));
    assert_eq!(receipt.timestamp_ns, 1_700_000_000_000_000_000);
    assert_eq!(receipt.encode(), bytes);
    assert!(bytes.starts_with(signed) && signed.len() == bytes.len() - 68);
    assert_eq!(receipt.verify(&key().public_key()), Ok(()));
    for index in 0..signed.len() {
        let mut other = bytes.to_vec();
        other[index] ^= 1;
        let verified = EpochReceipt::decode(&other)
            .is_ok_and(|receipt| receipt.verify(&key().public_key()).is_ok());
        assert!(!verified, "byte {index}");
    }

    let bytes: &[u8] = fixture!("derived/receipts_file.bin");
    let receipts = decode_receipts(bytes).expect("a golden list");
    assert_eq!(receipts[0], receipt);
    assert_eq!((receipts[1].epoch_start, receipts[1].epoch_end), (6, 10));
    assert_eq!(receipts[1].verify(&key().public_key()), Ok(()));
    assert_eq!(encode_receipts(&receipts), bytes);
    let empty: &[u8] = fixture!("derived/receipts_empty.bin");
    assert_eq!(decode_receipts(empty), Ok(Vec::new()));
    assert_eq!(encode_receipts(&[]), empty);
}

#[test]
fn the_effect_log_has_the_bytes_of_the_original() {
    let before: &[u8] = fixture!("derived/effectlog.bin");
    let after: &[u8] = fixture!("derived/effectlog_after_resume.bin");
    let mut log = EffectLog::new();
    for (id, data) in [("recorded", &[1_u8, 2][..]), ("inflight", &[]), ("confirmed", b"x")] {
        log.record(id.as_bytes(), data).expect("ids differ");
    }
    for id in ["inflight", "confirmed"] {
        log.begin(id.as_bytes()).expect("recorded");
    }
    log.confirm(b"confirmed").expect("in flight");
    assert_eq!(log.encode(), before);

    let resumed = EffectLog::decode(before).expect("a golden log");
    assert_eq!(resumed.encode(), after);
    assert_eq!(resumed.get(b"inflight").map(|i| i.state), Some(IntentState::Unresolved));
    assert_eq!(EffectLog::decode(after), Ok(resumed));
}

#[test]
fn guest_state_has_the_bytes_of_the_original() {
    let bytes: &[u8] = fixture!("derived/encoder.bin");
    let mut encoder = Encoder::new();
    encoder.u64(42).i64(-100).u32(999).i32(-1).bool(true).bool(false);
    encoder.bytes(&[0xde, 0xad]).str("hello").raw(&[9, 8, 7]);
    assert_eq!(encoder.as_bytes(), bytes);

    let mut decoder = Decoder::new(bytes);
    assert_eq!((decoder.u64(), decoder.i64()), (42, -100));
    assert_eq!((decoder.u32(), decoder.i32()), (999, -1));
    assert_eq!((decoder.bool(), decoder.bool()), (true, false));
    assert_eq!((decoder.bytes(), decoder.str()), (&[0xde, 0xad][..], "hello"));
    assert_eq!(decoder.array(), [9, 8, 7]);
    assert_eq!(decoder.finish(), Ok(()));

    let mut survivor = Encoder::new();
    survivor.u64(42).i64(1_000_000_000).i64(5_000_000_000).u32(0xdead_beef);
    assert_eq!(survivor.as_bytes(), fixture!("derived/survivor_state.bin"));
}

#[test]
fn packages_at_rest_are_written_back() {
    let bytes: &[u8] = fixture!("agent_package.json");
    let package = AgentPackage::from_json(bytes, LIMIT).expect("a golden package");
    assert_eq!(package.agent_id, "golden-agent");
    let wasm = package.wasm_binary.as_ref().expect("a module");
    assert_eq!(wasm.0, b"\0asm");
    let hash = package.wasm_hash.as_ref().expect("a hash");
    assert_eq!(hash.0, Hash::of(b"\0asm").as_bytes());
    assert_eq!(package.checkpoint.as_ref().map(|b| &b.0[..]), Some(&[2, 1, 2, 3][..]));
    assert_eq!((package.budget, package.price_per_second), (1_000_000, 1_000));
    assert_eq!(package.replay_data, None);
    assert_eq!(package.to_json_indented().as_bytes(), bytes);

    let bytes: &[u8] = fixture!("agent_package_with_replay.json");
    let package = AgentPackage::from_json(bytes, LIMIT).expect("a golden package");
    let replay = package.replay_data.as_ref().expect("replay data");
    assert_eq!(replay.tick_number, 42);
    let entries: Vec<_> = replay
        .entries
        .iter()
        .flatten()
        .map(|entry| (entry.hostcall_id, entry.payload.as_ref().map(|bytes| bytes.0.clone())))
        .collect();
    let expected = [
        (1, Some(vec![1, 2, 3, 4, 5, 6, 7, 8])),
        (2, Some(vec![0xde, 0xad, 0xbe, 0xef])),
        (3, Some(b"tick".to_vec())),
    ];
    assert_eq!(entries, expected);
    assert_eq!(package.to_json_indented().as_bytes(), bytes);
}

#[test]
fn messages_on_a_stream_are_written_back() {
    let bytes: &[u8] = fixture!("derived/agent_transfer.json");
    let transfer = AgentTransfer::from_json(bytes, LIMIT).expect("a golden transfer");
    assert_eq!(transfer.to_json_line().as_bytes(), bytes);
    assert_eq!(transfer.source_node_id, "12D3KooWsource");
    let package = transfer.package;
    assert_eq!((package.major_version, package.lease_generation), (4, 2));
    let checkpoint = package.checkpoint.expect("a checkpoint").0;
    assert_eq!(checkpoint, fixture!("derived/checkpoint_v4_genesis.bin"));
    let identity = package.agent_identity.expect("an identity");
    assert_eq!(identity.expose(), fixture!("derived/identity.bin"));

    let bytes: &[u8] = fixture!("derived/agent_transfer_zero.json");
    let zero = AgentTransfer::from_json(bytes, LIMIT).expect("a golden transfer");
    assert_eq!(zero, AgentTransfer::default());
    assert_eq!(zero.to_json_line().as_bytes(), bytes);

    let text = std::str::from_utf8(fixture!("derived/agent_started.jsonl")).expect("text");
    let lines: Vec<_> = text.split_inclusive('\n').collect();
    for (line, success) in lines.iter().zip([true, false]) {
        let started = AgentStarted::from_json(line.as_bytes(), LIMIT).expect("a golden answer");
        assert_eq!(started.success, success);
        assert_eq!(started.to_json_line(), *line);
    }
    assert_eq!(lines.len(), 2);
}
