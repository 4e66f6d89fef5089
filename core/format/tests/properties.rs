//! Properties that hold for every value and every input: what is encoded decodes to itself, what is
//! accepted encodes to itself, and nothing panics. On failure proptest prints the smallest input.

#![allow(clippy::indexing_slicing, reason = "a panic is a failed test")]

#[path = "common/journal.rs"]
#[allow(dead_code, reason = "one made-up segment is enough here")]
mod sample;

use igor_format::effect_log::EffectLog;
use igor_format::migrate::{
    AgentPackage, AgentStarted, AgentTransfer, MigrateMessage, ReplayData, ReplayEntry,
};
use igor_format::{
    AgentKey, AgentRecord, Base64, Carry, Checkpoint, Decoder, Did, Encoder, Entry, Epoch,
    EpochReceipt, ExecutionLimits, FundId, FundRecord, Funding, Hash, Head, Header, HistoryFile,
    HistoryVerifier, Manifest, MeterName, Microcents, PaymentReceipt, Predecessor, Price,
    PublicKey, Segment, SegmentSummary, Seq, Signature, Standing, Tick, decode_identity,
    decode_node_key, decode_receipts, encode_identity, encode_node_key, encode_receipts,
    read_journal,
};
use proptest::array::{uniform16, uniform32};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

const LIMIT: u64 = 1 << 20;

fn bytes(max: usize) -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..max)
}

fn amounts() -> impl Strategy<Value = Microcents> {
    (0..=Microcents::MAX.get()).prop_map(|n| Microcents::new(n).expect("in range"))
}

fn hashes() -> impl Strategy<Value = Hash> {
    any::<[u8; 32]>().prop_map(Hash::from_bytes)
}

fn signatures() -> impl Strategy<Value = Signature> {
    (any::<[u8; 32]>(), any::<[u8; 32]>()).prop_map(|(left, right)| {
        let both = [left, right].concat();
        Signature::from_bytes(both.try_into().expect("64 bytes"))
    })
}

fn headers() -> impl Strategy<Value = Header> {
    let numbers = (any::<u64>(), any::<u64>(), any::<u64>(), any::<i64>());
    (amounts(), amounts(), hashes(), numbers).prop_map(|(budget, price, code_hash, numbers)| {
        let (tick, major, generation, lease_expiry_ns) = numbers;
        Header {
            budget,
            price: Price::per_second(price),
            tick: Tick(tick),
            code_hash,
            epoch: Epoch { major, generation },
            lease_expiry_ns,
        }
    })
}

fn checkpoints() -> impl Strategy<Value = Checkpoint> {
    (uniform32(any::<u8>()), headers(), hashes(), bytes(300)).prop_map(
        |(seed, header, prev, state)| {
            Checkpoint::sign(&AgentKey::from_seed(&seed), header, prev, state)
        },
    )
}

fn heads() -> impl Strategy<Value = Head> {
    (hashes(), 0..Carry::PER_MICROCENT, any::<u64>(), predecessors()).prop_map(
        |(checkpoint, carry, journal, predecessor)| Head {
            checkpoint,
            carry: Carry::new(carry).expect("in range"),
            journal: Seq(journal),
            predecessor,
        },
    )
}

fn predecessors() -> impl Strategy<Value = Predecessor> {
    prop_oneof![
        Just(Predecessor::Genesis),
        Just(Predecessor::NotJournaled),
        hashes().prop_map(Predecessor::Segment),
    ]
}

fn standings() -> impl Strategy<Value = Standing> {
    let required = (any::<u64>(), "\\PC{0,40}");
    prop_oneof![
        Just(Standing::Active),
        required.prop_map(|(tick, reason)| Standing::RecoveryRequired { tick: Tick(tick), reason }),
    ]
}

fn limits() -> impl Strategy<Value = ExecutionLimits> {
    any::<[u64; 10]>().prop_map(|[a, b, c, d, e, f, g, h, i, j]| ExecutionLimits {
        tick_gas_max: a,
        stack_slots_max: b,
        memory_pages_max: c,
        table_elements_max: d,
        state_bytes_max: e,
        observations_max: f,
        observation_bytes_max: g,
        entropy_bytes_max: h,
        log_line_bytes_max: i,
        log_bytes_max: j,
    })
}

fn records() -> impl Strategy<Value = AgentRecord> {
    let names = ("[a-zäß][a-z0-9_ -]{0,30}[a-z]", "[!-~]{1,64}");
    let hashes = (hashes(), hashes(), hashes());
    let numbers = (any::<u32>(), any::<u32>(), limits(), option::of(amounts()));
    let rest = (option::of(any::<[u8; 32]>()), heads(), option::of(heads()), standings());
    (names, hashes, numbers, rest).prop_map(|(names, hashes, numbers, rest)| AgentRecord {
        agent_id: names.0.parse().expect("a harmless name"),
        public_key: PublicKey::from_bytes(*hashes.0.as_bytes()),
        module: hashes.1,
        manifest: hashes.2,
        meter: MeterName::new(&names.1).expect("a short name"),
        preparation_version: numbers.0,
        cost_table_version: numbers.1,
        limits: numbers.2,
        initial_budget: numbers.3,
        holder: rest.0,
        current: rest.1,
        previous: rest.2,
        standing: rest.3,
    })
}

fn funds() -> impl Strategy<Value = FundRecord> {
    let amounts = (1..=Microcents::MAX.get()).prop_map(|n| Microcents::new(n).expect("in range"));
    (uniform32(any::<u8>()), hashes(), hashes(), amounts, uniform16(any::<u8>())).prop_map(
        |(seed, before, after, amount, id)| {
            let id = FundId::from_bytes(id);
            let funding = Funding { before, after, amount, id };
            FundRecord::sign(&AgentKey::from_seed(&seed), funding).expect("more than nothing")
        },
    )
}

fn receipts() -> impl Strategy<Value = EpochReceipt> {
    ("\\PC{0,20}", "\\PC{0,20}", any::<[u64; 2]>(), any::<[i64; 3]>(), signatures()).prop_map(
        |(agent_id, node_id, [epoch_start, epoch_end], [cost, budget, time], signature)| {
            EpochReceipt {
                agent_id,
                node_id,
                epoch_start,
                epoch_end,
                cost_microcents: cost,
                budget_after_microcents: budget,
                timestamp_ns: time,
                signature,
            }
        },
    )
}

fn payments() -> impl Strategy<Value = PaymentReceipt> {
    (amounts(), any::<i64>(), bytes(300), bytes(600), hashes(), signatures()).prop_map(
        |(amount, timestamp_ns, recipient, memo, key, signature)| PaymentReceipt {
            amount,
            timestamp_ns,
            recipient,
            memo,
            public_key: PublicKey::from_bytes(*key.as_bytes()),
            signature,
        },
    )
}

fn base64() -> impl Strategy<Value = Option<Base64>> {
    option::of(bytes(40).prop_map(Base64))
}

fn packages() -> impl Strategy<Value = AgentPackage> {
    let entries = (any::<u16>(), base64())
        .prop_map(|(hostcall_id, payload)| ReplayEntry { hostcall_id, payload });
    let replay = (base64(), any::<u64>(), option::of(vec(entries, 0..4))).prop_map(
        |(pre_tick_state, tick_number, entries)| ReplayData {
            pre_tick_state,
            tick_number,
            entries,
        },
    );
    let blobs = (base64(), base64(), base64(), base64());
    let numbers = (any::<i64>(), any::<i64>(), any::<u64>(), any::<u64>());
    let receipts = option::of(vec(any::<u8>(), 1..40).prop_map(Base64));
    ("\\PC{0,20}", blobs, numbers, option::of(replay), receipts).prop_map(
        |(agent_id, blobs, numbers, replay_data, receipts)| AgentPackage {
            agent_id,
            wasm_binary: blobs.0,
            wasm_hash: blobs.1,
            checkpoint: blobs.2,
            manifest_data: blobs.3,
            budget: numbers.0,
            price_per_second: numbers.1,
            replay_data,
            receipts,
            major_version: numbers.2,
            lease_generation: numbers.3,
            agent_identity: None,
        },
    )
}

/// A change to valid bytes: flip a bit, cut the end, or put a byte in.
#[derive(Debug, Clone)]
enum Change {
    Flip(prop::sample::Index, u8),
    Cut(prop::sample::Index),
    Insert(prop::sample::Index, u8),
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let at = any::<prop::sample::Index>;
    let change = prop_oneof![
        (at(), 0..8_u8).prop_map(|(index, bit)| Change::Flip(index, bit)),
        at().prop_map(Change::Cut),
        (at(), any::<u8>()).prop_map(|(index, byte)| Change::Insert(index, byte)),
    ];
    vec(change, 0..4)
}

fn changed(mut bytes: Vec<u8>, changes: &[Change]) -> Vec<u8> {
    for change in changes {
        if bytes.is_empty() {
            break;
        }
        match change {
            Change::Flip(index, bit) => {
                let index = index.index(bytes.len());
                bytes[index] ^= 1 << bit;
            }
            Change::Cut(index) => bytes.truncate(index.index(bytes.len())),
            Change::Insert(index, byte) => bytes.insert(index.index(bytes.len()), *byte),
        }
    }
    bytes
}

/// Every decoder either refuses the bytes or encodes what it read to the same bytes.
fn check_canonical(bytes: &[u8]) -> Result<(), TestCaseError> {
    if let Ok(checkpoint) = Checkpoint::decode(bytes, LIMIT) {
        prop_assert_eq!(checkpoint.encode(), bytes);
        prop_assert_eq!(checkpoint.hash(), Hash::of(bytes));
    }
    if let Ok(record) = AgentRecord::decode(bytes) {
        prop_assert_eq!(record.encode(), bytes);
    }
    if let Ok(record) = FundRecord::decode(bytes) {
        prop_assert_eq!(record.encode(), bytes);
    }
    if let Ok(receipt) = EpochReceipt::decode(bytes) {
        prop_assert_eq!(receipt.encode(), bytes);
    }
    if let Ok(receipts) = decode_receipts(bytes) {
        prop_assert_eq!(encode_receipts(&receipts), bytes);
    }
    if let Ok(receipt) = PaymentReceipt::decode(bytes) {
        prop_assert_eq!(receipt.encode(), bytes);
    }
    if let Ok(key) = decode_identity(bytes) {
        prop_assert!(bytes.starts_with(encode_identity(&key).as_slice()));
    }
    if let Ok(log) = EffectLog::decode(bytes) {
        let encoded = log.encode();
        prop_assert_eq!(EffectLog::decode(&encoded), Ok(log));
        prop_assert!(bytes.is_empty() || encoded.len() == bytes.len());
    }
    if let Ok((entry, chain)) = Entry::decode(bytes) {
        prop_assert_eq!(entry.encode(), (bytes.to_vec(), chain));
    }
    if let Ok(segment) = Segment::decode(bytes) {
        prop_assert_eq!(segment.encode(), bytes);
    }
    if let Ok(summary) = SegmentSummary::decode(bytes) {
        prop_assert_eq!(summary.encode(), bytes);
    }
    if let Ok(key) = decode_node_key(bytes) {
        prop_assert!(encode_node_key(&key).as_slice() == bytes);
    }
    let mut verifier = HistoryVerifier::new(LIMIT, None);
    verifier.add("0000000000.ckpt", bytes);
    verifier.add("0000000000.seg", bytes);
    verifier.add("collected.sum", bytes);
    verifier.add("fund-x.rec", bytes);
    verifier.add_current("x.checkpoint", bytes);
    drop(verifier.finish());
    Ok(())
}

fn check_text(text: &[u8]) -> Result<(), TestCaseError> {
    drop(Manifest::parse(text, LIMIT));
    drop(AgentTransfer::from_json(text, LIMIT));
    if let Ok(started) = AgentStarted::from_json(text, LIMIT) {
        let line = started.to_json_line();
        prop_assert_eq!(AgentStarted::from_json(line.as_bytes(), LIMIT), Ok(started));
    }
    if let Ok(text) = std::str::from_utf8(text) {
        if let Ok(did) = text.parse::<Did>() {
            prop_assert_eq!(did.to_string(), text);
        }
        if let Ok(name) = text.parse::<HistoryFile>() {
            prop_assert_eq!(name.to_string(), text);
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn checkpoints_round_trip_and_verify(checkpoint in checkpoints()) {
        let bytes = checkpoint.encode();
        let read = Checkpoint::decode(&bytes, LIMIT);
        prop_assert_eq!(read.as_ref(), Ok(&checkpoint));
        prop_assert!(checkpoint.verify().is_ok());
        for (code, header_bytes) in [(2, 57), (3, 81)] {
            let mut old = bytes.clone();
            old[0] = code;
            let read = Checkpoint::decode(&old, LIMIT).expect("a sound structure");
            prop_assert_eq!(read.state(), &old[header_bytes..]);
            prop_assert_eq!(read.encode(), old);
        }
    }

    #[test]
    fn changed_checkpoints_do_not_verify(checkpoint in checkpoints(), changes in changes()) {
        let bytes = checkpoint.encode();
        let other = changed(bytes.clone(), &changes);
        let verified = Checkpoint::decode(&other, LIMIT).is_ok_and(|c| c.verify().is_ok());
        prop_assert_eq!(verified, other == bytes);
        check_canonical(&other)?;
    }

    #[test]
    fn records_round_trip(record in records(), changes in changes()) {
        let bytes = record.encode();
        prop_assert_eq!(AgentRecord::decode(&bytes), Ok(record));
        let other = changed(bytes.clone(), &changes);
        prop_assert_eq!(AgentRecord::decode(&other).is_ok(), other == bytes);
    }

    #[test]
    fn damaged_records_with_a_sound_checksum_stay_canonical(
        record in records(),
        changes in changes(),
    ) {
        let bytes = record.encode();
        let mut content = changed(bytes[..bytes.len() - 32].to_vec(), &changes);
        content.extend(Hash::of(&content).as_bytes());
        check_canonical(&content)?;
    }

    #[test]
    fn fund_records_round_trip_and_verify(record in funds(), changes in changes()) {
        let bytes = record.encode();
        let read = FundRecord::decode(&bytes);
        prop_assert_eq!(read.as_ref(), Ok(&record));
        let other = changed(bytes.clone(), &changes);
        let verified = FundRecord::decode(&other).is_ok_and(|r| r.verify().is_ok());
        prop_assert_eq!(verified, other == bytes);
        check_canonical(&other)?;
    }

    #[test]
    fn receipts_round_trip(list in vec(receipts(), 0..4), changes in changes()) {
        let bytes = encode_receipts(&list);
        prop_assert_eq!(decode_receipts(&bytes), Ok(list));
        check_canonical(&changed(bytes, &changes))?;
    }

    #[test]
    fn payment_receipts_round_trip(receipt in payments(), changes in changes()) {
        let bytes = receipt.encode();
        prop_assert_eq!(PaymentReceipt::decode(&bytes), Ok(receipt));
        check_canonical(&changed(bytes, &changes))?;
    }

    #[test]
    fn identities_round_trip(seed in any::<[u8; 32]>(), changes in changes()) {
        let key = AgentKey::from_seed(&seed);
        let bytes = encode_identity(&key);
        let read = decode_identity(bytes.as_slice()).map(|key| key.public_key());
        prop_assert_eq!(read, Ok(key.public_key()));
        check_canonical(&changed(bytes.to_vec(), &changes))?;
        let did = key.public_key().did();
        prop_assert_eq!(did.to_string().parse(), Ok(did));
    }

    #[test]
    fn effect_logs_round_trip(
        intents in vec((bytes(4), bytes(8), 0..4_u8), 0..20),
        changes in changes(),
    ) {
        let mut log = EffectLog::new();
        for (id, data, steps) in &intents {
            if log.record(id, data).is_ok() && *steps > 1 {
                log.begin(id).expect("just recorded");
                let settle = if *steps == 2 { EffectLog::confirm } else { EffectLog::compensate };
                settle(&mut log, id).expect("in flight");
            }
        }
        let bytes = log.encode();
        prop_assert_eq!(EffectLog::decode(&bytes), Ok(log.clone()));
        check_canonical(&changed(bytes, &changes))?;
        let (all, pending) = (log.len(), log.pending().count());
        let dropped = log.prune();
        prop_assert_eq!(u32::try_from(pending), Ok(all - dropped));
    }

    #[test]
    fn guest_state_round_trips(
        numbers in any::<(u64, i64, u32, i32, bool)>(),
        blob in bytes(40),
        text in "\\PC{0,20}",
    ) {
        let mut encoder = Encoder::new();
        let (a, b, c, d, e) = numbers;
        encoder.u64(a).i64(b).u32(c).i32(d).bool(e).bytes(&blob).str(&text);
        let bytes = encoder.into_bytes();
        for length in 0..=bytes.len() {
            let mut decoder = Decoder::new(&bytes[..length]);
            let read = (decoder.u64(), decoder.i64(), decoder.u32(), decoder.i32(), decoder.bool());
            let rest = (decoder.bytes(), decoder.str());
            prop_assert_eq!(decoder.finish().is_ok(), length == bytes.len());
            if length == bytes.len() {
                prop_assert_eq!((read, rest), (numbers, (&blob[..], &*text)));
            }
        }
    }

    #[test]
    fn packages_round_trip(package in packages(), source in "\\PC{0,20}", changes in changes()) {
        let transfer = AgentTransfer { package, source_node_id: source };
        let line = transfer.to_json_line();
        let indented = transfer.to_json_indented();
        for json in [&line, &indented] {
            let read = AgentTransfer::from_json(json.as_bytes(), LIMIT);
            prop_assert_eq!(read.as_ref(), Ok(&transfer));
        }
        prop_assert_eq!(line.matches('\n').count(), 1);
        check_text(&changed(line.into_bytes(), &changes))?;
    }

    #[test]
    fn bodies_with_a_sound_checksum_are_refused_or_canonical(
        kind in 0..10_u8,
        record in any::<prop::sample::Index>(),
        body in bytes(300),
        changes in changes(),
    ) {
        let (entries, _) = sample::chained(Hash::ZERO, 0, sample::records());
        let whole = &entries[record.index(entries.len())];
        let damaged = changed(whole[..whole.len() - 8].to_vec(), &changes);
        let made_up = [&[1, kind][..], &[7; 40], &body].concat();
        for mut content in [damaged, made_up] {
            let checksum = Hash::of(&content);
            content.extend_from_slice(&checksum.as_bytes()[..8]);
            check_canonical(&content)?;
        }
    }

    #[test]
    fn damaged_segments_summaries_and_logs_are_refused_or_canonical(
        changes in changes(),
        record in any::<prop::sample::Index>(),
    ) {
        let segment = sample::sealed(sample::records());
        check_canonical(&changed(segment.encode(), &changes))?;
        let summary = include_bytes!("fixtures/own/collected.sum").to_vec();
        check_canonical(&changed(summary, &changes))?;
        let mut log = segment.entries().to_vec();
        let at = record.index(log.len());
        log[at] = changed(log[at].clone(), &changes);
        let is_whole = log == segment.entries();
        // Each entry of the segment knows that all before it are durable.
        let is_last = at + 1 == log.len();
        prop_assert_eq!(read_journal(Seq(100), &log).is_ok(), is_whole || is_last);
    }

    #[test]
    fn any_bytes_are_refused_or_canonical(bytes in bytes(600), version in 0..6_u8) {
        check_canonical(&bytes)?;
        check_text(&bytes)?;
        let mut versioned = bytes;
        versioned.insert(0, version);
        check_canonical(&versioned)?;
    }

    #[test]
    fn any_text_is_refused_or_canonical(text in "\\PC{0,80}") {
        check_text(text.as_bytes())?;
        check_text(format!("did:key:z{text}").as_bytes())?;
        check_text(format!("{text}.ckpt").as_bytes())?;
    }

    #[test]
    fn damaged_manifests_are_refused_or_read(changes in changes()) {
        let text = r#"{"capabilities":{"clock":{"version":1,"options":{"a":[1]}},"log":{"version":1}},
            "resource_limits":{"max_memory_bytes":65536},"migration_policy":{"enabled":true}}"#;
        check_text(&changed(text.as_bytes().to_vec(), &changes))?;
    }
}
