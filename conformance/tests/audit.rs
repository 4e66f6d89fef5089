//! Histories that were recorded on one engine are audited on the others: what is honest is proven, and
//! each way of tampering is refused and named, by somebody with no keys or with all of them.

#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test fails by panicking")]

use conformance::world::{COUNTER_MANIFEST, Guest, Past, World, amount};
use igor_core::Entropy;
use igor_core::format::{
    EffectOutcome, FailedOperation, FundId, Gas, Microcents, Nanos, Observations, Predecessor,
    Record, Segment, Tick, TickFailedRecord,
};
use igor_node::audit::{Audit, Gap, Piece, Proof, Scope, Verdict};
use igor_node::{CommitMode, StopReason, fund};

mod linked {
    #![allow(dead_code, reason = "the expected names are for the harness")]

    include!(concat!(env!("OUT_DIR"), "/linked.rs"));
}

const ENGINES: [&str; 2] = ["wasmtime", "wasmi"];

/// Twelve ticks of the counter: three segments with ticks, and the one of the first start.
fn past() -> Past {
    let world = World::in_memory("wasmi");
    assert_eq!(world.run(&Guest::counter(), 12).unwrap().reason, StopReason::Ticks);
    world.past(&Guest::counter())
}

/// What is named of the first thing that refutes.
fn refuted(audit: &Audit) -> &'static str {
    assert_eq!(audit.verdict(), Verdict::Refuted, "{audit:#?}");
    audit.refutations[0].problem.name()
}

fn is_proven(past: &Past, engine: &str, ticks: u64) -> Audit {
    let audit = past.audit(engine);
    assert_eq!(audit.verdict(), Verdict::Proven, "{engine}: {:#?}", audit.refutations);
    let whole = Piece { after: Tick(0), to: Tick(ticks), standing: Proof::Proven };
    assert_eq!((&audit.pieces, audit.ticks), (&vec![whole], ticks), "{engine}");
    audit
}

#[test]
fn an_honest_life_is_proven_through_fundings_and_restarts() {
    let world = World::in_memory("wasmtime");
    let guest = Guest::counter();
    world.run(&guest, 3).unwrap();
    let entropy: &dyn Entropy = &conformance::world::SeededEntropy::new(9);
    let (storage, agent) = (&*world.node.storage.0, guest.agent.parse().unwrap());
    let means = (CommitMode::Journal, entropy);
    let id = FundId::from_bytes([1; 16]);
    pollster::block_on(fund(storage, &agent, amount("1"), id, 1 << 20, means)).unwrap();
    world.run(&guest, 4).unwrap();
    for engine in ENGINES {
        is_proven(&world.past(&guest), engine, 7);
    }
}

#[test]
fn the_wall_meters_charges_follow_from_the_recorded_time() {
    let world = World::in_memory("wasmi");
    let guest = Guest { meter: Some("wall".to_owned()), ..Guest::counter() };
    let node = igor_node::Node {
        price: igor_core::format::Price::per_second(amount("100")),
        ..world.node
    };
    let world = World { node, ..world };
    world.run(&guest, 9).unwrap();
    let audit = is_proven(&world.past(&guest), "wasmtime", 9);
    assert_eq!(audit.charges.exact, Microcents::ZERO);
    assert!(!audit.charges.from_time.is_zero());
    let mut past = world.past(&guest);
    let name = past.last_segment();
    past.forge(&name, |forgery| {
        for record in &mut forgery.records {
            if let Record::Tick(tick) = record {
                tick.elapsed.0 += 1_000_000_000;
            }
        }
    });
    assert_eq!(refuted(&past.audit("wasmi")), "charge", "time that was not charged for");
}

#[test]
fn what_the_clock_cut_short_is_evidence_only() {
    let mut past = past();
    let name = past.last_segment();
    past.forge(&name, |forgery| {
        forgery.records.push(Record::TickFailed(TickFailedRecord {
            operation: FailedOperation::Tick(Tick(13)),
            reason: "deadline".to_owned(),
            is_cut: true,
            gas: Gas(0),
            elapsed: Nanos(15_000_000_000),
            charge: Microcents::ZERO,
            observations: Observations::default(),
        }));
    });
    let audit = past.audit("wasmtime");
    let pieces = [
        Piece { after: Tick(0), to: Tick(12), standing: Proof::Proven },
        Piece { after: Tick(12), to: Tick(12), standing: Proof::Unproven(Gap::Cut) },
    ];
    assert_eq!((audit.verdict(), &audit.pieces[..2]), (Verdict::Partly, &pieces[..]), "{audit:#?}");
}

#[test]
fn effects_that_cannot_be_executed_again_are_unproven() {
    let mut past = past();
    let name = past.last_segment();
    past.forge(&name, |forgery| {
        let outcome = EffectOutcome {
            tick: Tick(12),
            idempotency_key: [3; 32],
            response: b"came back".to_vec(),
        };
        forgery.records.insert(2, Record::EffectOutcome(outcome));
    });
    let audit = past.audit("wasmtime");
    assert_eq!((audit.verdict(), audit.ticks), (Verdict::Partly, 9), "{audit:#?}");
    let effects = Proof::Unproven(Gap::Effects);
    let last = Piece { after: Tick(9), to: Tick(12), standing: effects };
    assert_eq!(audit.pieces.last(), Some(&last));
}

#[test]
fn what_was_not_journaled_is_unproven_and_named() {
    let world = World::in_memory("wasmi");
    let node = igor_node::Node { mode: CommitMode::Checkpoint, ..world.node };
    let world = World { node, ..world };
    world.run(&Guest::counter(), 5).unwrap();
    let node = igor_node::Node { mode: CommitMode::Journal, ..world.node };
    let world = World { node, ..world };
    world.run(&Guest::counter(), 4).unwrap();
    let audit = world.past(&Guest::counter()).audit("wasmtime");
    assert_eq!(audit.verdict(), Verdict::Partly, "{audit:#?}");
    let gap = Proof::Unproven(Gap::NotJournaled);
    let pieces = [
        Piece { after: Tick(0), to: Tick(5), standing: gap },
        Piece { after: Tick(5), to: Tick(9), standing: Proof::Proven },
    ];
    assert_eq!(audit.pieces, pieces);
}

#[test]
fn what_nobody_has_sealed_yet_comes_out_as_recorded_but_is_not_proven() {
    let mut past = past();
    past.unseal();
    for engine in ENGINES {
        let audit = past.audit(engine);
        assert_eq!((audit.verdict(), audit.ticks), (Verdict::Partly, 12), "{audit:#?}");
        let tail = Piece { after: Tick(9), to: Tick(12), standing: Proof::Unproven(Gap::Unsealed) };
        assert_eq!(audit.pieces.last(), Some(&tail));
    }
    let (_, entries) = past.copied.log.as_mut().unwrap();
    let middle = entries[1].len() / 2;
    entries[1][middle] ^= 1;
    assert_ne!(past.audit("wasmi").verdict(), Verdict::Proven);
    assert_eq!(past.audit("wasmi").ticks, 9, "what is behind a damage is not believed");
}

#[test]
fn removed_segments_are_unproven_if_a_signed_summary_names_them() {
    let honest = past();
    let names = honest.segments();
    let mut past = honest.clone();
    let summary = past.collect(&names[..2]);
    past.copied.files.insert("collected.sum".to_owned(), summary.encode());
    let audit = past.audit("wasmi");
    assert_eq!(audit.verdict(), Verdict::Partly, "{:#?}", audit.refutations);
    let gap = Proof::Unproven(Gap::Collected);
    assert_eq!(audit.pieces[0], Piece { after: Tick(0), to: audit.pieces[1].after, standing: gap });
    assert_eq!(audit.pieces[1].standing, Proof::Proven);
    // One that leaves a segment out explains nothing.
    let mut past = honest;
    past.collect(&names[1..2]);
    let summary = past.collect(&names[..1]);
    past.copied.files.insert("collected.sum".to_owned(), summary.encode());
    assert_eq!(refuted(&past.audit("wasmi")), "segment_missing");
}

#[test]
fn a_part_of_a_life_can_be_audited_alone() {
    let scope = Scope { from: Tick(6), to: Tick(7), ..Scope::default() };
    let audit = past().audit_scope("wasmtime", &scope);
    assert_eq!(audit.verdict(), Verdict::Proven, "{audit:#?}");
    assert!(audit.ticks >= 2 && audit.ticks < 12, "{audit:#?}");
}

#[test]
fn a_changed_byte_of_any_segment_is_refused() {
    let honest = past();
    for name in honest.segments() {
        let bytes = &honest.copied.files[&name];
        for index in (0..bytes.len()).step_by(37) {
            let mut past = honest.clone();
            past.copied.files.get_mut(&name).unwrap()[index] ^= 1;
            let audit = past.audit("wasmi");
            assert_eq!(audit.verdict(), Verdict::Refuted, "{name}: byte {index}");
        }
    }
}

#[test]
fn a_changed_observation_is_refused_though_it_is_signed() {
    let mut past = past();
    let name = past.last_segment();
    past.forge(&name, |forgery| {
        let tick = forgery.records.iter_mut().find_map(|record| match record {
            Record::Tick(tick) => Some(tick),
            _ => None,
        });
        let observations = &mut tick.unwrap().observations;
        let mut changed = Observations::default();
        for (index, (kind, payload)) in observations.iter().enumerate() {
            changed.push(kind, if index == 2 { b"tock" } else { payload });
        }
        *observations = changed;
    });
    let audit = past.audit("wasmtime");
    assert_eq!(refuted(&audit), "observation");
    let mismatch = audit.refutations[0].problem.mismatch().unwrap();
    assert_eq!((mismatch.tick, mismatch.difference.observation()), (Tick(10), Some(2)));
}

#[test]
fn a_changed_charge_is_refused_though_it_is_signed() {
    let mut past = past();
    let name = past.last_segment();
    past.forge(&name, |forgery| {
        for record in &mut forgery.records {
            if let Record::Tick(tick) = record {
                tick.charge = tick.charge.checked_add(amount("0.5")).unwrap();
            }
        }
    });
    let audit = past.audit("wasmtime");
    assert_eq!(refuted(&audit), "charge");
    assert_eq!(audit.refutations[0].problem.mismatch().unwrap().tick, Tick(10));
}

#[test]
fn a_dropped_segment_is_refused() {
    let honest = past();
    let names = honest.segments();
    let (_, but_last) = names.split_last().unwrap();
    for name in but_last {
        let mut past = honest.clone();
        past.copied.files.remove(name);
        assert_eq!(refuted(&past.audit("wasmi")), "segment_missing", "{name}");
    }
}

#[test]
fn a_segment_under_anothers_name_changes_nothing() {
    let mut past = past();
    let names = past.segments();
    let [one, other] = [&names[1], &names[2]].map(|name| past.copied.files[name].clone());
    past.copied.files.insert(names[1].clone(), other);
    past.copied.files.insert(names[2].clone(), one);
    let audit = past.audit("wasmi");
    assert_eq!(audit.verdict(), Verdict::Proven, "{:#?}", audit.refutations);
    assert!(audit.notices().count() > 0, "the names are worth a notice");
}

#[test]
fn a_reordered_record_is_refused_even_if_it_is_signed() {
    let honest = past();
    let name = honest.last_segment();
    let mut bare = honest.clone();
    let segment = Segment::decode(&bare.copied.files[&name]).unwrap();
    let (one, other) = (segment.entries()[2].clone(), segment.entries()[3].clone());
    let bytes = bare.copied.files.get_mut(&name).unwrap();
    let at = bytes.windows(one.len()).position(|window| window == one).unwrap();
    let length = one.len() + 4 + other.len();
    let prefix = |entry: &[u8]| u32::try_from(entry.len()).unwrap().to_le_bytes();
    let swapped = [&prefix(&other)[..], &other, &prefix(&one)[..], &one].concat();
    bytes.splice(at - 4..at + length, swapped);
    assert_eq!(refuted(&bare.audit("wasmi")), "unreadable_segment");

    let mut signed = honest;
    signed.forge(&name, |forgery| forgery.records.swap(1, 2));
    assert_eq!(refuted(&signed.audit("wasmi")), "order");
}

#[test]
fn a_forged_checkpoint_with_a_raised_budget_is_refused() {
    // Above the budget before, without a fund record.
    let mut past = past();
    past.forge_last_checkpoint(|header, _| header.budget = amount("2"));
    let audit = past.audit("wasmi");
    let names: Vec<_> = audit.refutations.iter().map(|refuted| refuted.problem.name()).collect();
    assert!(names.contains(&"unfunded_rise") && names.contains(&"closing"), "{names:?}");
    // Below it, so that only the re-execution can tell.
    let mut past = self::past();
    past.forge_last_checkpoint(|header, _| {
        header.budget = header.budget.checked_add(Microcents::new(1).unwrap()).unwrap();
    });
    let audit = past.audit("wasmi");
    assert!(audit.refutations.iter().any(|refuted| refuted.problem.name() == "closing"));
}

#[test]
fn a_wrong_module_is_refused() {
    let mut past = past();
    past.module = Guest::prebuilt("heartbeat").module;
    let audit = past.audit("wasmi");
    assert_eq!(refuted(&audit), "module");
    assert_eq!(audit.ticks, 0);
}

#[test]
fn a_widened_manifest_is_refused() {
    let widened = COUNTER_MANIFEST.replace("}}}", "},\"wallet\":{\"version\":1}}}").into_bytes();
    // Nobody but the agent can sign it.
    let honest = past();
    let name = honest.last_segment();
    let mut past = honest.clone();
    let stranger = World { key_seed: [9; 32], ..World::in_memory("wasmi") };
    stranger.run(&Guest::counter(), 1).unwrap();
    let strangers = stranger.past(&Guest::counter());
    let mut forged = strangers.clone();
    let other = forged.last_segment();
    let manifest = widened.clone();
    forged.forge(&other, |forgery| forgery.opening.manifest = manifest);
    past.copied.files.insert(name.clone(), forged.copied.files[&other].clone());
    assert_eq!(refuted(&past.audit("wasmi")), "other_key");
    // The opening cannot be changed under the signature that is there.
    let mut past = honest;
    let bytes = past.copied.files.get_mut(&name).unwrap();
    let at = bytes.windows(5).position(|window| window == b"clock").unwrap();
    bytes[at..at + 5].copy_from_slice(b"CLOCK");
    assert_eq!(refuted(&past.audit("wasmi")), "unreadable_segment");
}

#[test]
fn a_segment_that_disowns_its_past_is_refused() {
    let mut past = past();
    let name = past.last_segment();
    past.forge(&name, |forgery| forgery.opening.predecessor = Predecessor::Genesis);
    assert_eq!(refuted(&past.audit("wasmi")), "segment_order");
}

#[test]
fn a_funding_without_a_fund_record_is_refused() {
    let mut past = past();
    let name = past.last_segment();
    past.forge(&name, |forgery| {
        let (id, amount) = (FundId::from_bytes([5; 16]), amount("0.001"));
        let funded = igor_core::format::FundedRecord { amount, id };
        forgery.records.push(Record::Funded(funded));
    });
    assert_eq!(refuted(&past.audit("wasmi")), "terms");
}

#[test]
fn a_price_that_no_checkpoint_knows_is_refused() {
    let mut past = past();
    let name = past.last_segment();
    past.forge(&name, |forgery| {
        forgery.opening.price = igor_core::format::Price::default();
    });
    assert_eq!(refuted(&past.audit("wasmi")), "terms");
}

#[test]
fn limits_beyond_every_nodes_are_not_executed() {
    let mut past = past();
    let name = past.last_segment();
    past.forge(&name, |forgery| forgery.opening.limits.memory_pages_max = u64::MAX);
    let audit = past.audit("wasmi");
    assert_eq!(audit.verdict(), Verdict::Partly, "{:#?}", audit.refutations);
    let last = audit.pieces.last().unwrap();
    assert!(matches!(&last.standing, Proof::Unproven(Gap::Unsupported(_))), "{last:?}");
}
